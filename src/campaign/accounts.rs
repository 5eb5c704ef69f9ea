use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::kore::{Account, Failure};
use crate::pacing::AccountClock;

/// Calls to one account under way at once. First come, first served; so a hanging account holds up only itself.
const SEATS: usize = 16;

/// The accounts that are called: a clock and seats for each, whatever connection or namespace a campaign comes from.
#[derive(Default)]
pub struct Accounts {
    gates: Mutex<HashMap<Account, Arc<Gate>>>,
}

/// The way to one account.
pub struct Gate {
    /// Keyed by the uid of the object that calls.
    clock: Mutex<AccountClock<String>>,
    seats: Arc<Semaphore>,
}

impl Accounts {
    /// An object needs no slot any more.
    pub fn forget(&self, uid: &str) {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.values().for_each(|gate| gate.clock().release(&uid.to_owned()));
    }

    /// The gate of an account.
    pub fn gate(&self, account: &Account) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates
            .entry(account.clone())
            .or_insert_with(|| {
                Arc::new(Gate { clock: Mutex::default(), seats: Arc::new(Semaphore::new(SEATS)) })
            })
            .clone()
    }
}

impl Gate {
    /// A seat for one call; waits until one is free.
    pub fn seat(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + use<> {
        let seats = self.seats.clone();
        // The semaphore is never closed.
        async { seats.acquire_owned().await.ok() }
    }

    /// A seat for a call that could wait, if one is free and nobody waits for it.
    pub fn free_seat(&self) -> Option<OwnedSemaphorePermit> {
        self.seats.clone().try_acquire_owned().ok()
    }

    /// Counts a call that is made now, or tells the time of the caller's slot.
    pub fn claim(&self, caller: &str, per_minute: usize) -> Result<(), Timestamp> {
        self.clock().claim(&caller.to_owned(), Timestamp::now(), per_minute)
    }

    /// Counts a call that could wait, or tells a time to ask again.
    pub fn claim_spare(&self, per_minute: usize) -> Result<(), Timestamp> {
        self.clock().claim_spare(Timestamp::now(), per_minute)
    }

    /// Takes in what a failure says about the whole account: a pause that the service asked for holds for all.
    pub fn heed(&self, failure: &Failure) {
        if let Some(pause) = failure.retry_after.and_then(|pause| SignedDuration::try_from(pause).ok()) {
            self.clock().cool_down(Timestamp::now() + pause);
        }
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, AccountClock<String>> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
