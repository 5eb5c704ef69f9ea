use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::context::Watched;
use super::even_clock::EvenClock;
use super::seats::{self, Room, Seats};
use super::status;
use crate::kore::{Account, Failure, FailureKind, Target};
use crate::kube_ext::Wake;
use crate::pacing::{
    self, Access, CallEvidence, Charge, Consequence, Evidence, Holder, Outage, Past, Place, Refusal, Request,
    Turn,
};

/// Calls to one account under way at once: few until a DELETE has worked lately, or reads are known to work
/// while DELETEs fail; so a campaign that fails, or many, are noticed by few calls. Twice as many as one
/// app's, whose credentials nobody has accepted yet, can take.
const OF_AN_ACCOUNT: Room = Room { few: 2 * OF_CREDENTIALS.few, many: 16 };
/// The same with the same credentials, until the service has accepted them. Two, so that one call that hangs does not
/// hold up the first answer.
const OF_CREDENTIALS: Room = Room { few: 2, many: 16 };
/// How soon somebody comes again whose time has come by one clock and not yet by the other.
const SOON: SignedDuration = SignedDuration::from_millis(100);
/// Calls under way to all accounts together: each has a connection of its own. More accounts than have room for all of their
/// calls share it, first come, first served; one in trouble takes a single one, for its probe.
const SEATS_IN_ALL: usize = 256;

/// The account's clock, and those of its credentials, for objects by their uids.
type Paced = pacing::Account<String, u64>;

/// The accounts that are called: a clock and seats for each, whatever connection or namespace a campaign comes from.
pub struct Accounts {
    gates: Mutex<HashMap<Account, Arc<Gate>>>,
    seats: Arc<Semaphore>,
    wake: Arc<Wake<Watched>>,
}

/// The way to one account.
pub struct Gate {
    account: Account,
    queue: Mutex<Queue>,
    seats: Arc<Seats>,
    seats_in_all: Arc<Semaphore>,
    wake: Arc<Wake<Watched>>,
}

/// The right to one of the calls under way.
pub struct Seat {
    _turn: Option<OwnTurn>,
    _with_the_credentials: seats::Seat,
    _of_the_account: seats::Seat,
    _of_all: OwnedSemaphorePermit,
}

/// The turn of somebody who may call. It ends unused with a pass that comes to no call, so that nobody waits for that.
struct OwnTurn {
    gate: Arc<Gate>,
    caller: String,
}

impl Drop for OwnTurn {
    fn drop(&mut self) {
        self.gate.give_back(&self.caller);
    }
}

/// The clocks of an account and of its credentials, and whom to wake.
struct Queue {
    /// Keyed by the uid of the object that calls, or the name of what is read for many.
    account: Paced,
    objects: HashMap<String, ObjectRef<Watched>>,
    /// All who wait for what is read for many, by its name.
    many: HashMap<String, HashSet<ObjectRef<Watched>>>,
    seats: HashMap<u64, Arc<Seats>>,
    /// What Kore has said when the trouble of the account began (`None`), or that of credentials.
    trouble: HashMap<Option<Access<u64>>, Arc<str>>,
    /// What the statuses say of the time before is taken in, but for what is left in `outages` and `refusals`.
    inherited: bool,
    /// By connection, until it is called with: calls failed before this process, and nobody knows that they have ever worked.
    outages: BTreeMap<String, Outage>,
    /// By connection, until it is called with: its credentials were refused before this process.
    refusals: BTreeMap<String, Refusal>,
    /// The time of the account.
    time: EvenClock,
    /// Since when the account is not down, unless it is now.
    works_since: Timestamp,
    /// When whoever only looks, with the largest quota that anybody has, was told to come again last.
    looks_at: Timestamp,
    /// That quota.
    largest_quota: usize,
}

/// What calls about a stream are made with, by a hash of the credentials (of this process alone).
pub fn access(target: &Target, stream_id: &str) -> Access<u64> {
    let iid = target.iid.as_deref().unwrap_or(stream_id).to_owned();
    Access { credentials: target.credentials_hash(), iid }
}

/// Who wants to call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The uid of the object, or the name of what is read for many.
    pub id: String,
    /// Whom to wake.
    pub object: ObjectRef<Watched>,
    /// Whether others call under the same `id`, and wait for the same.
    pub for_many: bool,
    /// The place in the queue.
    pub place: Place,
    /// The time that its status promises, if it waits for the quota.
    pub promised: Option<Timestamp>,
    /// With what.
    pub access: Access<u64>,
}

/// What was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A DELETE.
    Delete,
    /// A GET of a campaign whose DELETE was sent.
    ProofGet,
    /// Another GET, or a page of a listing.
    Read,
}

impl Operation {
    /// What it shows if it is answered.
    fn answered(self) -> Evidence {
        match self {
            Self::Delete => Evidence::Works,
            Self::ProofGet | Self::Read => Evidence::Readable,
        }
    }

    /// What it shows if it fails.
    fn failed(self, fresh: bool) -> Evidence {
        match self {
            Self::Delete => Evidence::DeleteFailed { fresh },
            Self::ProofGet | Self::Read => Evidence::ReadFailed { fresh },
        }
    }
}

impl Accounts {
    /// No calls yet; the given waker wakes those who wait for an account in trouble when it works again.
    pub fn new(wake: Arc<Wake<Watched>>) -> Self {
        Self { gates: Mutex::default(), seats: Arc::new(Semaphore::new(SEATS_IN_ALL)), wake }
    }

    /// An object needs no call any more.
    pub fn forget(&self, uid: &str) {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.values().for_each(|gate| gate.forget(uid));
    }

    /// Since when (which may be to come) whoever only looks at campaigns of an account can do so, as far as this process has called it;
    /// `None` while the account is down, or it has not.
    pub fn lets_observe_since(&self, account: &Account) -> Option<Timestamp> {
        let gate = self.gates.lock().unwrap_or_else(PoisonError::into_inner).get(account)?.clone();
        let queue = gate.queue();
        (queue.inherited && !queue.account.is_down()).then_some(queue.works_since.max(queue.looks_at))
    }

    /// The gate of an account.
    pub fn gate(&self, account: &Account) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Gate {
                account: account.clone(),
                queue: Mutex::default(),
                seats: Seats::new(OF_AN_ACCOUNT),
                seats_in_all: self.seats.clone(),
                wake: self.wake.clone(),
            })
        };
        gates.entry(account.clone()).or_insert_with(new).clone()
    }
}

impl Gate {
    /// Takes in, once, what the statuses of the account's objects say of the time before this process; and of
    /// the credentials of this connection (`whose`), if they were refused then, or calls with them failed.
    pub fn inherit(
        &self,
        per_minute: usize,
        whose: impl FnOnce() -> (String, Access<u64>),
        past: impl FnOnce() -> Past,
    ) {
        let begins = !std::mem::replace(&mut self.queue().inherited, true);
        let past = begins.then(past);
        let mut queue = self.queue();
        if past.is_none() && queue.refusals.is_empty() && queue.outages.is_empty() {
            return;
        }
        let (now, _) = queue.time.now();
        if let Some(past) = past {
            // Before that nobody could look.
            queue.works_since = Timestamp::now();
            queue.account.inherit(&past, now, per_minute);
            (queue.outages, queue.refusals) = (past.unproven, past.refusals);
        }
        let (connection, access) = whose();
        if let Some(outage) = queue.outages.remove(&connection) {
            queue.account.inherit_outage(&access, &outage, now);
        }
        if let Some(refusal) = queue.refusals.remove(&connection) {
            queue.account.inherit_refusal(&access, refusal, now);
        }
    }

    /// A seat for one call; waits until one is free.
    async fn seat(&self, credentials: u64) -> Option<Seat> {
        let with_the_credentials = self.queue().seats(credentials);
        let with_the_credentials = with_the_credentials.seat().await?;
        let of_the_account = self.seats.clone().seat().await?;
        // The semaphore is never closed.
        let of_all = self.seats_in_all.clone().acquire_owned().await.ok()?;
        Some(Seat {
            _turn: None,
            _with_the_credentials: with_the_credentials,
            _of_the_account: of_the_account,
            _of_all: of_all,
        })
    }

    /// A seat for a call that could wait, if one is free and nobody waits for it.
    pub fn free_seat(&self, credentials: u64) -> Option<Seat> {
        Some(Seat {
            _turn: None,
            _with_the_credentials: self.queue().seats(credentials).free_seat()?,
            _of_the_account: self.seats.clone().free_seat()?,
            _of_all: self.seats_in_all.clone().try_acquire_owned().ok()?,
        })
    }

    /// A seat for a call that may be made now, waits until one is free; or when to come again.
    pub async fn seat_in_turn(
        self: &Arc<Self>,
        caller: &Caller,
        per_minute: usize,
    ) -> Result<Option<Seat>, Turn> {
        match self.turn(caller, per_minute, pacing::Account::ask) {
            Turn::Go => {
                let turn = OwnTurn { gate: self.clone(), caller: caller.id.clone() };
                let seat = self.seat(caller.access.credentials).await;
                Ok(seat.map(|seat| Seat { _turn: Some(turn), ..seat }))
            }
            later => Err(later),
        }
    }

    /// Counts a call that is made now, or tells when to come again; the caller's place in the queue is kept.
    pub fn claim(&self, caller: &Caller, per_minute: usize) -> Turn {
        self.turn(caller, per_minute, pacing::Account::claim)
    }

    fn turn(
        &self,
        caller: &Caller,
        per_minute: usize,
        ask: impl FnOnce(&mut Paced, &Request<'_, String, u64>, Timestamp) -> Turn,
    ) -> Turn {
        let mut queue = self.queue();
        let (now, ahead) = queue.time.now();
        queue.largest_quota = queue.largest_quota.max(per_minute);
        let turn = ask(&mut queue.account, &caller.request(per_minute, ahead), now);
        queue.keep(caller, turn);
        self.wake_with_those_moved_up(&mut queue, Vec::new());
        shifted(turn, ahead)
    }

    /// Counts a call that could wait, or tells when to ask again. It has no place in the queue.
    pub fn claim_spare(&self, caller: &Caller, per_minute: usize) -> Turn {
        let mut queue = self.queue();
        let (now, ahead) = queue.time.now();
        let turn = shifted(queue.account.claim_spare(&caller.request(per_minute, ahead), now), ahead);
        // Who has a smaller quota of its own may wait for that.
        queue.largest_quota = queue.largest_quota.max(per_minute);
        if let Turn::At(until) = turn
            && per_minute >= queue.largest_quota
        {
            queue.looks_at = queue.looks_at.max(until);
        }
        turn
    }

    /// Takes a place in the queue while the account is in trouble, or the credentials are refused; `None` otherwise.
    pub fn held(&self, caller: &Caller, per_minute: usize) -> Option<Turn> {
        let mut queue = self.queue();
        let (now, ahead) = queue.time.now();
        let turn = queue.account.held(&caller.request(per_minute, ahead), now);
        turn.into_iter().for_each(|turn| queue.keep(caller, turn));
        self.wake_with_those_moved_up(&mut queue, Vec::new());
        turn.map(|turn| shifted(turn, ahead))
    }

    /// Takes in what the outcome of a call says of the account and of the credentials, and says whom a failure is charged
    /// to.
    pub fn record_result<T>(
        &self,
        caller: &Caller,
        operation: Operation,
        result: &Result<T, Failure>,
    ) -> Charge {
        let mut queue = self.queue();
        let (now, _) = queue.time.now();
        let (failure, fresh) = (result.as_ref().err(), caller.place.is_fresh());
        let evidence = evidence_of(operation, fresh, failure);
        match evidence.credentials {
            Evidence::Works | Evidence::Readable => queue.seats(caller.access.credentials).worked(),
            Evidence::DeleteFailed { .. } | Evidence::ReadFailed { .. } => {
                queue.seats(caller.access.credentials).failed()
            }
            Evidence::Nothing => {}
        }
        let was_down = queue.account.is_down();
        let Consequence { charge, account, woken } =
            queue.account.record_result(&caller.id, &caller.access, evidence, now);
        if was_down && !queue.account.is_down() {
            queue.works_since = Timestamp::now();
        }
        match account {
            Evidence::Works => self.seats.worked(),
            // While reads work, it is known that DELETEs may fail; a part of the quota bounds what that
            // costs, and each may take long.
            Evidence::Readable | Evidence::DeleteFailed { .. } if queue.account.only_deletes_fail() => {
                self.seats.worked()
            }
            Evidence::DeleteFailed { .. } => self.seats.failed(),
            Evidence::Readable | Evidence::ReadFailed { .. } | Evidence::Nothing => {}
        }
        self.tell(&mut queue, caller, failure, woken.len());
        self.wake(&mut queue, &woken);
        charge
    }

    /// Logs that trouble begins or ends.
    fn tell(&self, queue: &mut Queue, caller: &Caller, failure: Option<&Failure>, waiting: usize) {
        let Account { host, account_id } = &self.account;
        let of_the_account = (None, queue.account.is_in_trouble(), "Calls to the account");
        let credentials = Some(caller.access.clone());
        let in_trouble = queue.account.is_in_trouble_with(&caller.access);
        for (of, in_trouble, what) in
            [of_the_account, (credentials, in_trouble, "Calls with these credentials")]
        {
            let known = queue.trouble.contains_key(&of);
            if known && !in_trouble {
                queue.trouble.remove(&of);
                tracing::info!(host, account_id, waiting, "{what} work again");
            } else if let (false, true, Some(failure)) = (known, in_trouble, failure) {
                let said = status::said(failure);
                tracing::warn!(
                    host,
                    account_id,
                    said,
                    "{what} fail; one at a time is made until one succeeds"
                );
                let Queue { trouble, account, .. } = queue;
                trouble.retain(|of, _| of.as_ref().is_none_or(|of| account.knows(&of.credentials)));
                trouble.insert(of, said.into());
            }
        }
    }

    /// What Kore has said when the trouble began that holds this turn, if one does.
    pub fn trouble(&self, caller: &Caller, turn: Turn) -> Option<Arc<str>> {
        let Turn::Held { of: holder, .. } = turn else { return None };
        let trouble = &self.queue().trouble;
        let of_all = trouble.get(&None).filter(|_| holder == Holder::Account);
        // Before they are accepted, the trouble of credentials is the same whatever they are to open.
        let Access { credentials, iid: _ } = caller.access;
        let theirs =
            || trouble.iter().find(|(of, _)| of.as_ref().is_some_and(|of| of.credentials == credentials));
        let own = || trouble.get(&Some(caller.access.clone())).or_else(|| Some(theirs()?.1));
        of_all.or_else(own).cloned()
    }

    /// Whether nobody knows if reads work, while DELETEs fail or are refused: a look tells most then.
    pub fn wants_diagnostic_read(&self, access: &Access<u64>) -> bool {
        self.queue().account.wants_diagnostic_read(access)
    }

    /// An object needs no call any more.
    fn forget(&self, uid: &str) {
        let mut queue = self.queue();
        let woken = queue.account.release(&uid.to_owned());
        queue.objects.remove(uid);
        self.wake_with_those_moved_up(&mut queue, woken);
    }

    /// Somebody who may call does not.
    fn give_back(&self, caller: &String) {
        let mut queue = self.queue();
        if let Some(woken) = queue.account.give_back(caller) {
            self.wake_with_those_moved_up(&mut queue, woken);
        }
    }

    fn wake_with_those_moved_up(&self, queue: &mut Queue, mut woken: Vec<String>) {
        let (now, _) = queue.time.now();
        woken.extend(queue.account.moved_up(now));
        self.wake(queue, &woken);
    }

    fn wake(&self, queue: &mut Queue, woken: &[String]) {
        let Queue { objects, many, .. } = queue;
        woken.iter().filter_map(|id| objects.get(id)).for_each(|object| self.wake.wake(object.clone()));
        // Who goes on to wait is there again. Of these, some may be gone, or wait for something else by now.
        woken.iter().filter_map(|id| many.remove(id)).flatten().for_each(|object| self.wake.wake(object));
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller {
    fn request(&self, quota: usize, ahead: SignedDuration) -> Request<'_, String, u64> {
        let Self { id, object: _, for_many: _, place, promised, access } = self;
        let promised = promised.map(|promised| promised - ahead);
        Request { caller: id, access, place: *place, promised, quota }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            account: Paced::default(),
            objects: HashMap::new(),
            many: HashMap::new(),
            seats: HashMap::new(),
            trouble: HashMap::new(),
            inherited: false,
            outages: BTreeMap::new(),
            refusals: BTreeMap::new(),
            time: EvenClock::new(),
            works_since: Timestamp::now(),
            looks_at: Timestamp::MIN,
            largest_quota: 0,
        }
    }
}

impl Queue {
    /// Room for the calls with these credentials. What is in nobody's hands, and new, needs not to be kept.
    fn seats(&mut self, credentials: u64) -> Arc<Seats> {
        if !self.seats.contains_key(&credentials) {
            let Self { seats, account, .. } = self;
            seats.retain(|known, _| account.knows(known));
        }
        self.seats.entry(credentials).or_insert_with(|| Seats::new(OF_CREDENTIALS)).clone()
    }

    fn keep(&mut self, caller: &Caller, turn: Turn) {
        let Caller { id, object, for_many, .. } = caller;
        match turn {
            // The others who wait for what is read for many have joined it, and hear of it when it is read.
            Turn::Go => drop((self.objects.remove(id), self.many.remove(id))),
            Turn::At(_) | Turn::Held { .. } if *for_many => {
                self.many.entry(id.clone()).or_default().insert(object.clone());
            }
            Turn::At(_) | Turn::Held { .. } => drop(self.objects.insert(id.clone(), object.clone())),
        }
    }
}

/// A turn by the machine's clock: it is in the future there, too, although the two may differ by less than what is noticed.
fn shifted(turn: Turn, ahead: SignedDuration) -> Turn {
    let soon = Timestamp::now() + SOON;
    match turn {
        Turn::Go => Turn::Go,
        Turn::At(at) => Turn::At((at + ahead).max(soon)),
        Turn::Held { of, since, until, next } => {
            Turn::Held { of, since: since + ahead, until: (until + ahead).max(soon), next }
        }
    }
}

/// What an outcome says.
fn evidence_of(operation: Operation, fresh: bool, failure: Option<&Failure>) -> CallEvidence {
    let kind = failure.map(|failure| failure.kind);
    let pause = failure.and_then(|failure| SignedDuration::try_from(failure.retry_after?).ok());
    CallEvidence {
        account: of_the_account(operation, fresh, failure),
        credentials: of_the_credentials(operation, fresh, kind),
        pause,
        throttled: kind == Some(FailureKind::Throttled),
    }
}

/// What an outcome says of the whole account.
fn of_the_account(operation: Operation, fresh: bool, failure: Option<&Failure>) -> Evidence {
    let (answered, failed) = (operation.answered(), operation.failed(fresh));
    let Some(failure) = failure else { return answered };
    match (failure.kind, operation) {
        // The DELETE may have taken effect, and only its answer was lost.
        (FailureKind::MayBeAbsent, Operation::ProofGet) => Evidence::Works,
        // It is the service that has answered; what it says of the quota, the clock takes in.
        (
            FailureKind::MayBeAbsent | FailureKind::Accepted | FailureKind::Refused | FailureKind::Throttled,
            Operation::Delete | Operation::ProofGet | Operation::Read,
        ) => answered,
        // A GET that says nothing of its campaign.
        (FailureKind::Unreadable, Operation::ProofGet)
        // It is about the credentials, or about this campaign.
        | (FailureKind::CredentialsRejected | FailureKind::ContractViolation, _) => Evidence::Nothing,
        (FailureKind::Unreadable, Operation::Delete | Operation::Read)
        | (FailureKind::Unavailable | FailureKind::Unreachable, _) => failed,
    }
}

/// What an outcome says of the credentials.
fn of_the_credentials(operation: Operation, fresh: bool, kind: Option<FailureKind>) -> Evidence {
    match kind {
        Some(FailureKind::CredentialsRejected) => operation.failed(fresh),
        None | Some(FailureKind::MayBeAbsent | FailureKind::Accepted | FailureKind::Refused) => {
            operation.answered()
        }
        Some(
            FailureKind::Throttled
            | FailureKind::Unavailable
            | FailureKind::Unreachable
            | FailureKind::Unreadable
            | FailureKind::ContractViolation,
        ) => Evidence::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::campaign::listings;

    /// Who wants to delete its campaign, which was asked for just now.
    fn caller(id: &str, access: Access<u64>) -> Caller {
        let place = Place::deletion(Timestamp::now());
        let object = ObjectRef::new(id).within("n");
        Caller { id: id.to_owned(), object, for_many: false, place, promised: None, access }
    }

    fn says(operation: Operation, kind: FailureKind) -> (Evidence, Evidence) {
        let failure = Failure { kind, ..Failure::unreachable("told") };
        let heard = evidence_of(operation, true, Some(&failure));
        (heard.account, heard.credentials)
    }

    /// What is said of credentials is theirs, and says nothing of the account; an outage says nothing of credentials.
    #[test]
    fn a_refusal_is_about_the_credentials_alone() {
        for operation in [Operation::Delete, Operation::ProofGet, Operation::Read] {
            let (account, credentials) = says(operation, FailureKind::CredentialsRejected);
            assert_eq!(account, Evidence::Nothing);
            assert!(matches!(credentials, Evidence::DeleteFailed { .. } | Evidence::ReadFailed { .. }));
            for kind in [FailureKind::Unavailable, FailureKind::Unreachable] {
                let (account, credentials) = says(operation, kind);
                assert!(matches!(account, Evidence::DeleteFailed { .. } | Evidence::ReadFailed { .. }));
                assert_eq!(credentials, Evidence::Nothing);
            }
        }
    }

    /// Since when campaigns can be looked at is known once the account is called, and not while it is down; after that it counts anew.
    /// While nobody is let look, it is when somebody will be; unless it is the own quota that does not.
    #[tokio::test]
    async fn since_when_campaigns_can_be_looked_at_is_known() {
        let accounts = Accounts::new(Arc::new(Wake::of(&[None]).0));
        let target = listings::tests::target();
        assert_eq!(accounts.lets_observe_since(&target.account), None);
        let gate = accounts.gate(&target.account);
        assert_eq!(accounts.lets_observe_since(&target.account), None, "not all objects are shown yet");
        let whose = || ("n/production".to_owned(), access(&target, "st-1"));
        let before = Timestamp::now();
        gate.inherit(60, whose, Past::default);
        let begun = accounts.lets_observe_since(&target.account).unwrap();
        assert!(begun >= before, "before that nobody could look");
        let caller = |id: &str| caller(id, access(&target, "st-1"));
        let heard = |id: &str, result: &Result<(), Failure>| {
            gate.record_result(&caller(id), Operation::Delete, result);
        };
        heard("a", &Ok(()));
        assert_eq!(accounts.lets_observe_since(&target.account), Some(begun));
        let failed = Err(Failure { kind: FailureKind::Unavailable, ..Failure::unreachable("told") });
        ["a", "b", "c"].iter().for_each(|id| heard(id, &failed));
        assert_eq!(accounts.lets_observe_since(&target.account), None);
        heard("d", &Ok(()));
        let works = accounts.lets_observe_since(&target.account).unwrap();
        assert!(works > begun);
        assert_eq!(gate.claim(&caller("e"), 60), Turn::Go);
        assert!(matches!(gate.claim_spare(&caller("slow"), 1), Turn::At(_)));
        assert_eq!(accounts.lets_observe_since(&target.account), Some(works), "its own quota");
        let told = (0..60).find_map(|_| match gate.claim_spare(&caller("f"), 60) {
            Turn::At(until) => Some(until),
            Turn::Go | Turn::Held { .. } => None,
        });
        assert!(told.is_some() && accounts.lets_observe_since(&target.account) == told);
    }

    /// Several wait for the same listing while the account is in trouble: all of them are woken when it works again.
    #[tokio::test]
    async fn all_who_wait_for_a_listing_are_woken() {
        let (wake, mut woken) = Wake::of(&[None]);
        let accounts = Accounts::new(Arc::new(wake));
        let target = listings::tests::target();
        let gate = accounts.gate(&target.account);
        let caller = |id: &str, name: &str, for_many| Caller {
            object: ObjectRef::new(name).within("n"),
            for_many,
            ..caller(id, access(&target, "st-1"))
        };
        for id in ["a", "b", "c"] {
            let failed =
                Err::<(), _>(Failure { kind: FailureKind::Unavailable, ..Failure::unreachable("told") });
            gate.record_result(&caller(id, id, false), Operation::Delete, &failed);
        }
        for name in ["one", "two", "one"] {
            let turn = gate.claim(&caller("listing", name, true), 60);
            assert!(matches!(turn, Turn::Held { .. }), "{turn:?}");
        }
        gate.record_result(&caller("d", "d", false), Operation::Delete, &Ok::<_, Failure>(()));
        let mut names = BTreeSet::new();
        while let Ok(object) = woken[0].try_recv() {
            assert!(names.insert(object.name), "once");
        }
        assert_eq!(names, ["one".to_owned(), "two".to_owned()].into());
        gate.queue().keep(&caller("listing", "one", true), Turn::At(Timestamp::MAX));
        assert_eq!(gate.claim(&caller("listing", "two", true), 60), Turn::Go);
        assert!(gate.queue().many.is_empty(), "nobody is remembered for ever");
    }

    /// Whoever may call, and comes to no call, because the API server fails it or its pass takes too long, holds up nobody: not while it
    /// waits for a seat, and not with one.
    #[tokio::test]
    async fn a_turn_that_is_not_used_is_given_back() {
        let (wake, mut woken) = Wake::of(&[None]);
        let accounts = Accounts::new(Arc::new(wake));
        let target = listings::tests::target();
        let gate = accounts.gate(&target.account);
        let place = Place::deletion(Timestamp::UNIX_EPOCH);
        let caller = |id: &str| Caller { place, ..caller(id, access(&target, "st-1")) };
        let (first, second, third) = (caller("a"), caller("b"), caller("c"));
        let seat = gate.seat_in_turn(&first, 2).await.unwrap().unwrap();
        let other = gate.seat_in_turn(&second, 2).await.unwrap().unwrap();
        assert!(matches!(gate.seat_in_turn(&third, 2).await, Err(Turn::At(_))));
        drop(seat);
        assert_eq!(woken[0].try_recv().unwrap().name, "c");
        let seat = gate.seat_in_turn(&third, 2).await.unwrap().unwrap();
        assert_eq!(gate.claim(&third, 2), Turn::Go);
        // All seats are taken, and the pass ends while it waits for one.
        assert_eq!(OF_CREDENTIALS.few, 2);
        let waits = gate.seat_in_turn(&first, 3);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(10), waits).await.is_err());
        assert_eq!(gate.claim(&caller("d"), 3), Turn::Go);
        // What was called counts.
        drop((seat, other));
        assert!(matches!(gate.claim(&second, 2), Turn::At(_)));
    }

    /// After a restart, a connection that is not known to have worked goes on in its trouble when it is called with, and holds nobody else.
    #[test]
    fn trouble_is_taken_in_by_the_connection_that_was_in_it() {
        let accounts = Accounts::new(Arc::new(Wake::of(&[None]).0));
        let target = listings::tests::target();
        let gate = accounts.gate(&target.account);
        let caller = |credentials: u64| caller("a", Access { credentials, iid: "st-1".to_owned() });
        let since = Timestamp::now() - SignedDuration::from_mins(10);
        let held = ["a", "b", "c"].map(|uid| Outage::new(since, None, Some(uid.to_owned())));
        let unproven = held.into_iter().reduce(Outage::join).map(|outage| ("n/dev".to_owned(), outage));
        let past = Past { unproven: unproven.into_iter().collect(), ..Past::default() };
        let inherit = |connection: &str, credentials: u64| {
            let whose = || (connection.to_owned(), caller(credentials).access);
            gate.inherit(60, whose, || past.clone());
        };
        inherit("n/prod", 1);
        assert_eq!(gate.claim(&caller(1), 60), Turn::Go);
        inherit("n/dev", 2);
        let turn = gate.claim(&caller(2), 60);
        assert!(matches!(turn, Turn::Held { of: Holder::Account, .. }), "{turn:?}");
        gate.record_result(&caller(2), Operation::Delete, &Ok::<_, Failure>(()));
        inherit("n/dev", 2);
        assert_eq!(gate.claim(&caller(2), 60), Turn::Go, "once");
    }

    /// What is refused for one stream says nothing of another, unless both are called with the same `iid`.
    #[test]
    fn the_right_to_one_stream_is_none_to_another() {
        let mut target = listings::tests::target();
        assert_ne!(access(&target, "st-1"), access(&target, "st-2"));
        target.iid = Some("iid".into());
        assert_eq!(access(&target, "st-1"), access(&target, "st-2"));
    }

    /// A look that does not find the campaign shows that its DELETE worked, and only the answer was lost; one that finds it,
    /// that reads do.
    #[test]
    fn a_look_shows_whether_deletes_or_reads_work() {
        let looked = says(Operation::ProofGet, FailureKind::MayBeAbsent).0;
        let found = evidence_of(Operation::ProofGet, true, None).account;
        let listed = says(Operation::Read, FailureKind::MayBeAbsent).0;
        assert_eq!((looked, found, listed), (Evidence::Works, Evidence::Readable, Evidence::Readable));
        assert_eq!(says(Operation::ProofGet, FailureKind::Unreadable).0, Evidence::Nothing);
        assert_eq!(says(Operation::Delete, FailureKind::Refused).0, Evidence::Works);
    }
}
