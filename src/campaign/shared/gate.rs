//! The way to one account: its clocks, and the seats of the calls under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::caller::Caller;
use super::operation::{Operation, evidence_of};
use super::queue::{OF_CREDENTIALS, Paced, Queue};
use super::seats::{self, Room, Seats};
use crate::campaign::Watched;
use crate::kore::{Account, Failure};
use crate::kube_ext::Wake;
use crate::metrics;
use crate::pacing::{self, Access, Charge, Consequence, Evidence, Past, Position, Request, Turn};

/// Calls to one account under way at once: few until a DELETE has worked lately, or reads are known to work
/// while DELETEs fail; so few calls show that a campaign fails, or that many do. Twice as many as one app can
/// take whose credentials nobody has accepted yet.
const OF_AN_ACCOUNT: Room = Room { few: 2 * OF_CREDENTIALS.few, many: 16 };
/// How soon a caller asks again whose time has come by one clock and not yet by the other.
const SOON: SignedDuration = SignedDuration::from_millis(100);

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

/// The turn of a caller that prepares for its call: before it takes a seat, which others need, too, it reads
/// its object again.
pub struct Preparing {
    _turn: OwnTurn,
    _permit: OwnedSemaphorePermit,
}

/// The turn of a caller that may call now. A pass that comes to no call gives the turn back when it ends, so
/// that nobody waits for that call.
pub struct OwnTurn {
    gate: Arc<Gate>,
    caller: String,
    credentials: u64,
}

impl OwnTurn {
    /// The right to prepare for the call, once there is room; `None`, and the turn is given back, if there is
    /// none for so long.
    pub async fn preparing(self, at_most: Duration) -> Option<Preparing> {
        let seats = self.gate.queue().seats(self.credentials);
        let permit = tokio::time::timeout(at_most, seats.preparation()).await.ok()??;
        Some(Preparing { _turn: self, _permit: permit })
    }

    /// A seat for the call, once one is free.
    pub async fn seat(self) -> Option<Seat> {
        let seat = self.gate.seat(self.credentials).await?;
        Some(Seat { _turn: Some(self), ..seat })
    }
}

impl Drop for OwnTurn {
    fn drop(&mut self) {
        self.gate.give_back(&self.caller);
    }
}

/// What the statuses say of the time before this process, for the first caller of a connection.
pub struct Heir {
    /// Namespace and name of the connection.
    pub connection: String,
    /// What it calls with.
    pub access: Access<u64>,
}

impl Gate {
    /// Nobody has called the account yet. All accounts share `seats_in_all`.
    pub fn new(account: Account, seats_in_all: Arc<Semaphore>, wake: Arc<Wake<Watched>>) -> Arc<Self> {
        let (queue, seats) = (Mutex::default(), Seats::new(OF_AN_ACCOUNT));
        Arc::new(Self { account, queue, seats, seats_in_all, wake })
    }

    /// Takes in, once, what the statuses of the account's objects say of the time before this process; and
    /// for the heir, once, whether its credentials were refused then, or calls with them failed.
    pub fn inherit(&self, per_minute: usize, heir: impl FnOnce() -> Heir, past: impl FnOnce() -> Past) {
        let begins = !std::mem::replace(&mut self.queue().inherited, true);
        let past = begins.then(past);
        let mut queue = self.queue();
        if past.is_none() && queue.refusals.is_empty() && queue.outages.is_empty() {
            return;
        }
        let (now, _) = queue.time.now();
        if let Some(past) = past {
            // No observation was possible before that.
            queue.works_since = Timestamp::now();
            queue.account.inherit(&past, now, per_minute);
            (queue.outages, queue.refusals) = (past.unproven, past.refusals);
        }
        let Heir { connection, access } = heir();
        if let Some(outage) = queue.outages.remove(&connection) {
            queue.account.inherit_outage(&access, &outage, now);
        }
        if let Some(refusal) = queue.refusals.remove(&connection) {
            queue.account.inherit_refusal(&access, refusal, now);
        }
    }

    /// Since when (which may be to come) the account lets observations call; `None` while the account is
    /// down, or this process has not called it.
    pub fn lets_observe_since(&self) -> Option<Timestamp> {
        let queue = self.queue();
        (queue.inherited && !queue.account.is_down()).then_some(queue.works_since.max(queue.observes_at))
    }

    /// A seat for one call; waits until one is free.
    pub async fn seat(&self, credentials: u64) -> Option<Seat> {
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

    /// The turn of a caller that may call now; or when to ask again.
    pub fn own_turn(self: &Arc<Self>, caller: &Caller, per_minute: usize) -> Result<OwnTurn, Turn> {
        match self.turn(caller, per_minute, pacing::Account::ask) {
            Turn::Go => {
                let (caller, credentials) = (caller.id.clone(), caller.access.credentials);
                Ok(OwnTurn { gate: self.clone(), caller, credentials })
            }
            later => Err(later),
        }
    }

    /// Counts a call that is made now, or says when to ask again; the caller's place in the queue is kept.
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
        queue.wake_with_those_moved_up(Vec::new(), &self.wake);
        shifted(turn, ahead)
    }

    /// Takes a place in the queue while the account is in trouble, or the credentials are refused; `None`
    /// otherwise.
    pub fn held(&self, caller: &Caller, per_minute: usize) -> Option<Turn> {
        let mut queue = self.queue();
        let (now, ahead) = queue.time.now();
        let turn = queue.account.held(&caller.request(per_minute, ahead), now);
        turn.into_iter().for_each(|turn| queue.keep(caller, turn));
        queue.wake_with_those_moved_up(Vec::new(), &self.wake);
        turn.map(|turn| shifted(turn, ahead))
    }

    /// Counts a call that could wait, or says when to ask again. It has no place in the queue.
    pub fn claim_spare(&self, caller: &Caller, per_minute: usize) -> Turn {
        let mut queue = self.queue();
        let (now, ahead) = queue.time.now();
        let turn = shifted(queue.account.claim_spare(&caller.request(per_minute, ahead), now), ahead);
        // Who has a smaller quota of its own may wait for that.
        queue.largest_quota = queue.largest_quota.max(per_minute);
        if let Turn::At(until) = turn
            && per_minute >= queue.largest_quota
        {
            queue.observes_at = queue.observes_at.max(until);
        }
        turn
    }

    /// Records what the result of a call says of the account and of the credentials. Returns whom a failure
    /// is charged to.
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
        queue.note_trouble(&self.account, caller, failure, woken.len());
        queue.wake(&woken, &self.wake);
        charge
    }

    /// Where a caller stands in the queue, if it waits for its turn within the quota.
    pub fn position(&self, caller: &Caller) -> Option<Position> {
        self.queue().account.position(&caller.id)
    }

    /// What is the case with the account now, for a connection with this quota, in calls per minute.
    pub fn figures(&self, quota: usize) -> metrics::Account {
        let mut queue = self.queue();
        let (now, _) = queue.time.now();
        let figures = queue.account.figures(quota, now);
        let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64().max(0.0);
        metrics::Account {
            quota,
            pace: figures.pace,
            calls: figures.calls,
            queue: metrics::Waiting {
                objects: figures.waiting,
                oldest_seconds: figures.oldest_due.map_or(0.0, |due| seconds(due, now)),
            },
            drain_seconds: seconds(now, figures.through_at),
            paused_seconds: seconds(now, figures.paused_until),
            failing_seconds: figures.down_since.map_or(0.0, |since| seconds(since, now)),
            refused: false,
        }
    }

    /// What Kore answered when the trouble began that holds this turn, if one does.
    pub fn trouble(&self, caller: &Caller, turn: Turn) -> Option<Arc<str>> {
        self.queue().trouble(caller, turn)
    }

    /// Whether nobody knows if reads work, while DELETEs fail or Kore refuses them: a read shows most then.
    pub fn wants_diagnostic_read(&self, access: &Access<u64>) -> bool {
        self.queue().account.wants_diagnostic_read(access)
    }

    /// An object needs no call any more.
    pub fn forget(&self, uid: &str) {
        let mut queue = self.queue();
        let woken = queue.forget(uid);
        queue.wake_with_those_moved_up(woken, &self.wake);
    }

    /// A caller that may call does not.
    fn give_back(&self, caller: &String) {
        let mut queue = self.queue();
        if let Some(woken) = queue.account.give_back(caller) {
            queue.wake_with_those_moved_up(woken, &self.wake);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn by the machine's clock: in the future by that clock, too, although the two may differ a little.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::FutureExt;
    use kube::runtime::reflector::ObjectRef;

    use super::*;
    use crate::campaign::shared::accounts::Accounts;
    use crate::campaign::shared::caller::access;
    use crate::campaign::shared::listings;
    use crate::kore::FailureKind;
    use crate::pacing::{Holder, Outage, Place};

    /// Longer than a test takes.
    const MINUTE: Duration = Duration::from_secs(60);

    /// Who wants to delete its campaign, which was asked for just now.
    fn caller(id: &str, access: Access<u64>) -> Caller {
        let place = Place::deletion(Timestamp::now());
        let object = ObjectRef::new(id).within("n");
        Caller { id: id.to_owned(), object, for_many: false, place, promised: None, access }
    }

    fn turn_of(gate: &Arc<Gate>, caller: &Caller, per_minute: usize) -> OwnTurn {
        gate.own_turn(caller, per_minute).unwrap_or_else(|later| panic!("{later:?}"))
    }

    /// The time since when observations are possible is known once the account is called, and not while it is
    /// down; after that it counts again. While the clock lets no observation call, it is the time when it
    /// will; unless only a smaller quota of the caller's own says no.
    #[tokio::test]
    async fn since_when_campaigns_can_be_looked_at_is_known() {
        let accounts = Accounts::new(Arc::new(Wake::of(&[None]).0));
        let target = listings::tests::target();
        assert_eq!(accounts.lets_observe_since(&target.account), None);
        let gate = accounts.gate(&target.account);
        assert_eq!(accounts.lets_observe_since(&target.account), None, "not all objects are shown yet");
        let heir = || Heir { connection: "n/production".to_owned(), access: access(&target, "st-1") };
        let before = Timestamp::now();
        gate.inherit(60, heir, Past::default);
        let begun = accounts.lets_observe_since(&target.account).unwrap();
        assert!(begun >= before, "before that nobody could look");
        let caller = |id: &str| caller(id, access(&target, "st-1"));
        let record = |id: &str, result: &Result<(), Failure>| {
            gate.record_result(&caller(id), Operation::Delete, result);
        };
        record("a", &Ok(()));
        assert_eq!(accounts.lets_observe_since(&target.account), Some(begun));
        let failed = Err(Failure { kind: FailureKind::Unavailable, ..Failure::unreachable("told") });
        ["a", "b", "c"].iter().for_each(|id| record(id, &failed));
        assert_eq!(accounts.lets_observe_since(&target.account), None);
        record("d", &Ok(()));
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

    /// Those who prepare for a call hold no seat: while they read their objects, others may call. There is
    /// room for as many of them as there are seats; the next one waits until another has left.
    #[tokio::test]
    async fn those_who_prepare_hold_no_seat() {
        let accounts = Accounts::new(Arc::new(Wake::of(&[None]).0));
        let target = listings::tests::target();
        let gate = accounts.gate(&target.account);
        let access = access(&target, "st-1");
        let caller = |number: usize| caller(&format!("{number:03}"), access.clone());
        gate.record_result(&caller(0), Operation::Delete, &Ok::<_, Failure>(()));
        let mut preparing = Vec::new();
        for number in 0..OF_CREDENTIALS.many {
            let turn = turn_of(&gate, &caller(number), 6000);
            preparing.push(turn.preparing(MINUTE).now_or_never().expect("there is room"));
        }
        let next = turn_of(&gate, &caller(preparing.len()), 6000);
        let mut next = std::pin::pin!(next.preparing(MINUTE));
        assert!(next.as_mut().now_or_never().is_none(), "there is no more room");
        let seats: Vec<_> = std::iter::from_fn(|| gate.free_seat(access.credentials)).collect();
        assert_eq!(seats.len(), OF_CREDENTIALS.many);
        preparing.pop();
        assert!(next.now_or_never().is_some());
    }

    /// Several wait for the same listing while the account is in trouble: all of them are woken when it works
    /// again.
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

    /// A caller that may call, and comes to no call, because the API server fails its pass or the pass takes
    /// too long, holds up no other: neither while it waits for a seat, nor with one.
    #[tokio::test]
    async fn a_turn_that_is_not_used_is_given_back() {
        let (wake, mut woken) = Wake::of(&[None]);
        let accounts = Accounts::new(Arc::new(wake));
        let target = listings::tests::target();
        let gate = accounts.gate(&target.account);
        let place = Place::deletion(Timestamp::UNIX_EPOCH);
        let caller = |id: &str| Caller { place, ..caller(id, access(&target, "st-1")) };
        let (first, second, third) = (caller("a"), caller("b"), caller("c"));
        let seat = turn_of(&gate, &first, 2).seat().await.unwrap();
        let other = turn_of(&gate, &second, 2).seat().await.unwrap();
        assert!(matches!(gate.own_turn(&third, 2), Err(Turn::At(_))));
        drop(seat);
        assert_eq!(woken[0].try_recv().unwrap().name, "c");
        let seat = turn_of(&gate, &third, 2).seat().await.unwrap();
        assert_eq!(gate.claim(&third, 2), Turn::Go);
        // All seats are taken, and the pass ends while it waits for one.
        assert_eq!(OF_CREDENTIALS.few, 2);
        let waits = turn_of(&gate, &first, 3).seat();
        assert!(tokio::time::timeout(Duration::from_millis(10), waits).await.is_err());
        assert_eq!(gate.claim(&caller("d"), 3), Turn::Go);
        // Calls that were made count.
        drop((seat, other));
        assert!(matches!(gate.claim(&second, 2), Turn::At(_)));
    }

    /// So is the turn of a pass that prepared for a call: the others of the account come at once.
    #[tokio::test]
    async fn the_turn_of_who_prepares_in_vain_is_given_back() {
        let accounts = Accounts::new(Arc::new(Wake::of(&[None]).0));
        let target = listings::tests::target();
        let gate = accounts.gate(&target.account);
        let [first, second] = ["a", "b"].map(|id| caller(id, access(&target, "st-1")));
        let preparing = turn_of(&gate, &first, 1).preparing(MINUTE).await;
        assert!(matches!(gate.own_turn(&second, 1), Err(Turn::At(_))));
        drop(preparing);
        assert!(gate.own_turn(&second, 1).is_ok());
    }

    /// So is the turn of a pass that waits for room to prepare until it would be too late for its call.
    #[tokio::test(start_paused = true)]
    async fn the_turn_of_who_waits_too_long_for_room_is_given_back() {
        let accounts = Accounts::new(Arc::new(Wake::of(&[None]).0));
        let target = listings::tests::target();
        let gate = accounts.gate(&target.account);
        let access = access(&target, "st-1");
        let caller = |number: usize| caller(&format!("{number:03}"), access.clone());
        let quota = OF_CREDENTIALS.many + 1;
        let mut preparing = Vec::new();
        for number in 0..OF_CREDENTIALS.many {
            preparing.push(turn_of(&gate, &caller(number), quota).preparing(MINUTE).await);
        }
        let begun = tokio::time::Instant::now();
        let in_vain = turn_of(&gate, &caller(quota), quota).preparing(MINUTE).await;
        assert!(in_vain.is_none() && begun.elapsed() == MINUTE);
        assert!(gate.own_turn(&caller(quota + 1), quota).is_ok());
    }

    /// After a restart, a connection that is not known to have worked goes on in its trouble with its first
    /// call, and holds no other connection.
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
            let heir = || Heir { connection: connection.to_owned(), access: caller(credentials).access };
            gate.inherit(60, heir, || past.clone());
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
}
