use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::gate::Gate;
use crate::campaign::Watched;
use crate::kore::Account;
use crate::kube_ext::Wake;
use crate::metrics;

/// Calls under way to all accounts together: each has a connection of its own. More accounts than have room
/// for all of their calls share it, first come, first served; one in trouble takes a single one, for its
/// probe.
const SEATS_IN_ALL: usize = 256;

/// The accounts that are called: a gate for each, whatever connection or namespace a campaign comes from.
pub struct Accounts {
    gates: Mutex<HashMap<Account, Arc<Gate>>>,
    seats: Arc<Semaphore>,
    wake: Arc<Wake<Watched>>,
}

impl Accounts {
    /// No calls yet; the waker wakes those who wait for an account in trouble when it works again.
    pub fn new(wake: Arc<Wake<Watched>>) -> Self {
        Self { gates: Mutex::default(), seats: Arc::new(Semaphore::new(SEATS_IN_ALL)), wake }
    }

    /// An object needs no call any more.
    pub fn forget(&self, uid: &str) {
        self.gates().values().for_each(|gate| gate.forget(uid));
    }

    /// Since when (which may be to come) an account lets observations call; `None` while the account is down,
    /// or this process has not called it.
    pub fn lets_observe_since(&self, account: &Account) -> Option<Timestamp> {
        let gate = self.gates().get(account)?.clone();
        gate.lets_observe_since()
    }

    /// What is the case with an account now, for a connection with this quota, in calls per minute.
    pub fn figures(&self, account: &Account, quota: usize) -> metrics::Account {
        let gate = self.gates().get(account).cloned();
        // Nobody has called an account without a gate.
        let uncalled = metrics::Account { quota, pace: quota, ..metrics::Account::default() };
        gate.map_or(uncalled, |gate| gate.figures(quota))
    }

    /// The gate of an account.
    pub fn gate(&self, account: &Account) -> Arc<Gate> {
        let new = || Gate::new(account.clone(), self.seats.clone(), self.wake.clone());
        self.gates().entry(account.clone()).or_insert_with(new).clone()
    }

    fn gates(&self) -> MutexGuard<'_, HashMap<Account, Arc<Gate>>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
