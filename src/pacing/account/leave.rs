//! Leaving the queues, and moving up in them. Returned callers have reason to ask again.

use jiff::Timestamp;

use super::credentials::Credentials;
use super::state::Account;
use crate::pacing::account_clock::AccountClock;

impl<K: Ord + Clone, C: Ord + Clone> Account<K, C> {
    /// Gives up the caller's places. Returns the callers that come for its probes instead.
    pub fn release(&mut self, caller: &K) -> Vec<K> {
        self.queues().flat_map(|queue| queue.release(caller)).collect()
    }

    /// Gives up the places of a caller that may call and does not, so that nobody waits for it. Returns
    /// `None`, and changes nothing, if the caller may not call.
    pub fn give_back(&mut self, caller: &K) -> Option<Vec<K>> {
        let given_back = self.queues().filter_map(|queue| queue.give_back(caller));
        given_back.reduce(|one, other| [one, other].concat())
    }

    /// Returns the callers that can come earlier than promised, because there is more room, or that come for
    /// the probe instead of callers that have left. To be called after each request.
    pub fn moved_up(&mut self, now: Timestamp) -> Vec<K> {
        self.queues().flat_map(|queue| queue.moved_up(now)).collect()
    }

    /// The queues of the account and of its credentials.
    fn queues(&mut self) -> impl Iterator<Item = &mut dyn Leave<K>> {
        let own = self.credentials.values_mut().flat_map(Credentials::clocks);
        std::iter::once(&mut self.clock as &mut dyn Leave<K>).chain(own.map(|clock| clock as _))
    }
}

/// A queue, whatever is known of what its callers call with.
trait Leave<K> {
    fn release(&mut self, caller: &K) -> Vec<K>;
    fn give_back(&mut self, caller: &K) -> Option<Vec<K>>;
    fn moved_up(&mut self, now: Timestamp) -> Vec<K>;
}

impl<K: Ord + Clone, W> Leave<K> for AccountClock<K, W> {
    fn release(&mut self, caller: &K) -> Vec<K> {
        self.release(caller)
    }

    fn give_back(&mut self, caller: &K) -> Option<Vec<K>> {
        self.give_back(caller)
    }

    fn moved_up(&mut self, now: Timestamp) -> Vec<K> {
        self.moved_up(now)
    }
}
