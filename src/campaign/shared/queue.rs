use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;

use super::caller::Caller;
use super::even_clock::EvenClock;
use super::seats::{Room, Seats};
use crate::campaign::Watched;
use crate::campaign::evidence::answer;
use crate::kore::{Account, Failure};
use crate::kube_ext::Wake;
use crate::pacing::{self, Access, Holder, Outage, Refusal, Turn};

/// Calls with the same credentials under way at once, until Kore has accepted the credentials. Two, so that
/// one call that hangs does not hold up the first answer.
pub const OF_CREDENTIALS: Room = Room { few: 2, many: 16 };

/// The account's clock, and those of its credentials, for objects by their uids.
pub type Paced = pacing::Account<String, u64>;

/// The clocks of an account and of its credentials, and whom to wake.
pub struct Queue {
    /// Keyed by the uid of the object that calls, or the name of a listing, which is read for many objects.
    pub account: Paced,
    objects: HashMap<String, ObjectRef<Watched>>,
    /// All objects that wait for a listing, by its name.
    pub many: HashMap<String, HashSet<ObjectRef<Watched>>>,
    seats: HashMap<u64, Arc<Seats>>,
    /// What Kore answered when the trouble of the account began (`None`), or that of credentials.
    trouble: HashMap<Option<Access<u64>>, Arc<str>>,
    /// Whether the state from before this process is taken over, but for what is left in `outages` and
    /// `refusals`.
    pub inherited: bool,
    /// By connection, until it makes a call: its calls failed before this process, and none is known to have
    /// worked.
    pub outages: BTreeMap<String, Outage>,
    /// By connection, until it makes a call: Kore refused its credentials before this process.
    pub refusals: BTreeMap<String, Refusal>,
    /// The time of the account.
    pub time: EvenClock,
    /// Since when the account is not down, unless it is now.
    pub works_since: Timestamp,
    /// The last time that the clock gave to an observation with the largest quota that anybody has.
    pub observes_at: Timestamp,
    /// That quota, in calls per minute.
    pub largest_quota: usize,
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
            observes_at: Timestamp::MIN,
            largest_quota: 0,
        }
    }
}

impl Queue {
    /// Room for the calls with these credentials. Room that nobody uses, of credentials that have done
    /// nothing yet, is dropped.
    pub fn seats(&mut self, credentials: u64) -> Arc<Seats> {
        if !self.seats.contains_key(&credentials) {
            let Self { seats, account, .. } = self;
            seats.retain(|known, _| account.knows(known));
        }
        self.seats.entry(credentials).or_insert_with(|| Seats::new(OF_CREDENTIALS)).clone()
    }

    /// Remembers whom to wake, if the caller has to wait.
    pub fn keep(&mut self, caller: &Caller, turn: Turn) {
        let Caller { id, object, for_many, .. } = caller;
        match turn {
            // The others who wait for a listing have joined it, and the listing wakes them when it is read.
            Turn::Go => drop((self.objects.remove(id), self.many.remove(id))),
            Turn::At(_) | Turn::Held { .. } if *for_many => {
                self.many.entry(id.clone()).or_default().insert(object.clone());
            }
            Turn::At(_) | Turn::Held { .. } => drop(self.objects.insert(id.clone(), object.clone())),
        }
    }

    /// An object needs no call any more. Returns who has reason to ask again.
    pub fn forget(&mut self, uid: &str) -> Vec<String> {
        self.objects.remove(uid);
        self.account.release(&uid.to_owned())
    }

    /// Wakes these callers, and those who moved up.
    pub fn wake_with_those_moved_up(&mut self, mut woken: Vec<String>, wake: &Wake<Watched>) {
        let (now, _) = self.time.now();
        woken.extend(self.account.moved_up(now));
        self.wake(&woken, wake);
    }

    /// Wakes these callers.
    pub fn wake(&mut self, woken: &[String], wake: &Wake<Watched>) {
        let Self { objects, many, .. } = self;
        woken.iter().filter_map(|id| objects.get(id)).for_each(|object| wake.wake(object.clone()));
        // An object that goes on to wait registers again. Some of these may be gone, or wait for something
        // else by now.
        woken.iter().filter_map(|id| many.remove(id)).flatten().for_each(|object| wake.wake(object));
    }

    /// Logs that trouble begins or ends, and remembers what Kore answered when it began.
    pub fn note_trouble(&mut self, of: &Account, caller: &Caller, failure: Option<&Failure>, waiting: usize) {
        let Account { host, account_id } = of;
        let of_the_account = (None, self.account.is_in_trouble(), "Calls to the account");
        let in_trouble = self.account.is_in_trouble_with(&caller.access);
        let of_the_credentials = (Some(caller.access.clone()), in_trouble, "Calls with these credentials");
        for (of, in_trouble, what) in [of_the_account, of_the_credentials] {
            let known = self.trouble.contains_key(&of);
            if known && !in_trouble {
                self.trouble.remove(&of);
                tracing::info!(host, account_id, waiting, "{what} work again");
            } else if let (false, true, Some(failure)) = (known, in_trouble, failure) {
                let answer = answer::quoted(failure);
                tracing::warn!(
                    host,
                    account_id,
                    answer,
                    "{what} fail; one call at a time is made until one succeeds"
                );
                let Self { trouble, account, .. } = self;
                trouble.retain(|of, _| of.as_ref().is_none_or(|of| account.knows(&of.credentials)));
                trouble.insert(of, answer.into());
            }
        }
    }

    /// What Kore answered when the trouble began that holds this turn, if one does.
    pub fn trouble(&self, caller: &Caller, turn: Turn) -> Option<Arc<str>> {
        let Turn::Held { of: holder, .. } = turn else { return None };
        let trouble = &self.trouble;
        let of_all = trouble.get(&None).filter(|_| holder == Holder::Account);
        // Before they are accepted, the trouble of credentials is the same whatever they are to open.
        let Access { credentials, iid: _ } = caller.access;
        let theirs =
            || trouble.iter().find(|(of, _)| of.as_ref().is_some_and(|of| of.credentials == credentials));
        let own = || trouble.get(&Some(caller.access.clone())).or_else(|| Some(theirs()?.1));
        of_all.or_else(own).cloned()
    }
}
