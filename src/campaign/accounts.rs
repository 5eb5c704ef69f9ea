use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::context::Watched;
use super::status;
use crate::kore::{Account, Failure, FailureKind};
use crate::kube_ext::Wake;
use crate::pacing::{AccountClock, Charge, Health, Place, Turn};

/// Calls to one account under way at once. First come, first served; so a hanging account holds up only itself.
const SEATS: usize = 16;
/// Calls under way to all accounts together: each has a connection of its own. More accounts than have room for all of their
/// calls share it, first come, first served; one in trouble takes a single one, for its probe.
const SEATS_IN_ALL: usize = 256;
/// A clock that was put forward or back by more than this is noticed.
const JUMP: SignedDuration = SignedDuration::from_secs(1);

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
    seats: Arc<Semaphore>,
    seats_in_all: Arc<Semaphore>,
    wake: Arc<Wake<Watched>>,
}

/// The right to one of the calls under way.
pub struct Seat {
    _of_the_account: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// The clock of an account, and whom to wake.
struct Queue {
    /// Keyed by the uid of the object that calls, or the name of what is read for many.
    clock: AccountClock<String>,
    objects: HashMap<String, ObjectRef<Watched>>,
    /// What Kore has said when the trouble of the account began.
    trouble: Option<Arc<str>>,
    /// The clock of the account runs evenly, whatever is done to the machine's: it was this time then.
    then: (Instant, Timestamp),
}

/// Who wants to call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The uid of the object, or the name of what is read for many.
    pub id: String,
    /// Whom to wake.
    pub object: ObjectRef<Watched>,
    /// The place in the queue.
    pub place: Place,
    /// Whether its status promises a time.
    pub promised: bool,
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

    /// The gate of an account.
    pub fn gate(&self, account: &Account) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Gate {
                account: account.clone(),
                queue: Mutex::default(),
                seats: Arc::new(Semaphore::new(SEATS)),
                seats_in_all: self.seats.clone(),
                wake: self.wake.clone(),
            })
        };
        gates.entry(account.clone()).or_insert_with(new).clone()
    }
}

impl Gate {
    /// A seat for one call; waits until one is free.
    fn seat(&self) -> impl Future<Output = Option<Seat>> + use<> {
        let (own, all) = (self.seats.clone(), self.seats_in_all.clone());
        // The semaphores are never closed.
        async {
            let own = own.acquire_owned().await.ok()?;
            Some(Seat { _of_the_account: own, _of_all: all.acquire_owned().await.ok()? })
        }
    }

    /// A seat for a call that could wait, if one is free and nobody waits for it.
    pub fn free_seat(&self) -> Option<Seat> {
        let own = self.seats.clone().try_acquire_owned().ok()?;
        Some(Seat { _of_the_account: own, _of_all: self.seats_in_all.clone().try_acquire_owned().ok()? })
    }

    /// A seat for a call that may be made now, waits until one is free; or when to come again.
    pub async fn seat_in_turn(&self, caller: &Caller, per_minute: usize) -> Result<Option<Seat>, Turn> {
        match self.turn(caller, per_minute, AccountClock::ask) {
            Turn::Go => Ok(self.seat().await),
            later => Err(later),
        }
    }

    /// Counts a call that is made now, or tells when to come again; the caller's place in the queue is kept.
    pub fn claim(&self, caller: &Caller, per_minute: usize) -> Turn {
        self.turn(caller, per_minute, AccountClock::claim)
    }

    fn turn(
        &self,
        caller: &Caller,
        per_minute: usize,
        ask: impl FnOnce(&mut AccountClock<String>, &String, Place, Timestamp, usize) -> Turn,
    ) -> Turn {
        let mut queue = self.queue();
        let (now, ahead) = queue.now();
        if caller.promised {
            queue.clock.inherit(&caller.id, now, per_minute);
        }
        let turn = ask(&mut queue.clock, &caller.id, caller.place, now, per_minute);
        queue.keep(caller, turn);
        shifted(turn, ahead)
    }

    /// Counts a call that could wait, or tells when to ask again.
    pub fn claim_spare(&self, caller: &Caller, per_minute: usize) -> Turn {
        let mut queue = self.queue();
        let (now, ahead) = queue.now();
        shifted(queue.clock.claim_spare(&caller.id, now, per_minute), ahead)
    }

    /// Takes a place in the queue while the account is in trouble; `None` if it is not.
    pub fn held(&self, caller: &Caller) -> Option<Turn> {
        let mut queue = self.queue();
        let (now, ahead) = queue.now();
        let turn = queue.clock.held(&caller.id, caller.place, now)?;
        queue.keep(caller, turn);
        Some(shifted(turn, ahead))
    }

    /// Takes in what the outcome of a call says of the whole account, and says whom a failure is charged to. A pause that the
    /// service asked for holds for all.
    pub fn heard<T>(&self, caller: &Caller, outcome: &Result<T, Failure>) -> Charge {
        let mut queue = self.queue();
        let (now, _) = queue.now();
        let failure = outcome.as_ref().err();
        if let Some(pause) = failure.and_then(|failure| SignedDuration::try_from(failure.retry_after?).ok()) {
            queue.clock.cool_down(now + pause);
        }
        let throttled = failure.is_some_and(|failure| failure.kind == FailureKind::Throttled);
        if throttled {
            queue.clock.refused(now);
        }
        let (charge, woken) = queue.clock.heard(&caller.id, failure.map_or(Health::Well, health), now);
        let Account { host, account_id } = &self.account;
        if queue.clock.in_trouble_since().is_none() && queue.trouble.take().is_some() {
            tracing::info!(host, account_id, waiting = woken.len(), "The account works again");
        } else if let (Some(failure), None, Some(_)) =
            (failure, &queue.trouble, queue.clock.in_trouble_since())
        {
            let http_status = failure.answer.http_status;
            let said = status::in_words(http_status.map(i32::from), &failure.answer.message);
            tracing::warn!(
                host,
                account_id,
                said,
                "Calls to the account fail; it is probed until one succeeds"
            );
            queue.trouble = Some(said.into());
        }
        self.wake(&queue, &woken);
        if throttled { Charge::Account } else { charge }
    }

    /// What Kore has said when the trouble of the account began, if it is in trouble.
    pub fn trouble(&self) -> Option<Arc<str>> {
        self.queue().trouble.clone()
    }

    /// An object needs no call any more.
    fn forget(&self, uid: &str) {
        let mut queue = self.queue();
        let woken = queue.clock.release(&uid.to_owned());
        queue.objects.remove(uid);
        self.wake(&queue, &woken);
    }

    fn wake(&self, queue: &Queue, woken: &[String]) {
        let objects = woken.iter().filter_map(|id| queue.objects.get(id));
        objects.for_each(|object| self.wake.wake(object.clone()));
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Queue {
    fn default() -> Self {
        let then = (Instant::now(), Timestamp::now());
        Self { clock: AccountClock::default(), objects: HashMap::new(), trouble: None, then }
    }
}

impl Queue {
    /// The time by the account's clock, and how far the machine's is ahead of it.
    fn now(&mut self) -> (Timestamp, SignedDuration) {
        let (instant, timestamp) = self.then;
        let now = timestamp + SignedDuration::try_from(instant.elapsed()).unwrap_or(SignedDuration::MAX);
        let ahead = Timestamp::now().duration_since(now);
        // Below that it is the drift of a clock that is being set right.
        (now, if ahead.abs() > JUMP { ahead } else { SignedDuration::ZERO })
    }

    fn keep(&mut self, caller: &Caller, turn: Turn) {
        match turn {
            Turn::Go => drop(self.objects.remove(&caller.id)),
            Turn::At(_) | Turn::Held { .. } => {
                drop(self.objects.insert(caller.id.clone(), caller.object.clone()))
            }
        }
    }
}

/// A turn by the machine's clock.
fn shifted(turn: Turn, ahead: SignedDuration) -> Turn {
    match turn {
        Turn::Go => Turn::Go,
        Turn::At(at) => Turn::At(at + ahead),
        Turn::Held { since, until } => Turn::Held { since: since + ahead, until: until + ahead },
    }
}

/// What a failure says of the whole account.
fn health(failure: &Failure) -> Health {
    match failure.kind {
        // It is the service that has answered; what it says of the quota, the clock takes in.
        FailureKind::MayBeAbsent | FailureKind::Accepted | FailureKind::Refused | FailureKind::Throttled => {
            Health::Well
        }
        // 403 may be about the stream alone.
        FailureKind::CredentialsRejected if failure.answer.http_status == Some(403) => Health::Unclear,
        FailureKind::ContractViolation => Health::Unclear,
        FailureKind::CredentialsRejected
        | FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable => Health::Ill,
    }
}
