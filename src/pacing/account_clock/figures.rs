use jiff::Timestamp;

use super::clock::AccountClock;
use super::slots::Room;

/// What is the case with an account, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Most calls in a window now: fewer than the quota after the service has refused one for the rate limit.
    pub pace: usize,
    /// Calls that count in the window now.
    pub calls: usize,
    /// Callers that wait.
    pub waiting: usize,
    /// When the first of them was due; `None` if nobody waits.
    pub oldest_due: Option<Timestamp>,
    /// When the last of them may call, if everybody keeps their times; past, if nobody waits.
    pub through_at: Timestamp,
    /// The end of the pause that the service has asked for; past, if there is none.
    pub paused_until: Timestamp,
    /// Since when no call has worked, if calls fail and somebody waits, or has called within the window.
    pub down_since: Option<Timestamp>,
}

/// Where a caller stands in the queue of its account, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// 1 for the first.
    pub number: usize,
    /// How many callers wait.
    pub of: usize,
}

impl<K: Ord + Clone, W> AccountClock<K, W> {
    /// Where a caller stands, if it waits.
    pub fn position(&self, caller: &K) -> Option<Position> {
        Some(Position { number: self.queue.rank(caller)? + 1, of: self.queue.len() })
    }

    /// What is the case now, for a connection with this quota.
    pub fn figures(&mut self, quota: usize, now: Timestamp) -> Figures {
        self.window.forget(now);
        // A copy: to look is not to name a quota.
        let calls = { self.pace }.of(quota, now);
        // As if calls worked: while they fail, nobody knows when the first may be made.
        let room = Room { window: &self.window, calls, quota, all_held: false, now };
        let waiting = || self.queue.iter().map(|waiting| waiting.place);
        // If nobody calls, nobody notices that calls work again.
        let is_used = self.queue.len() > 0 || self.window.count() > 0;
        Figures {
            pace: calls,
            calls: self.window.count(),
            waiting: self.queue.len(),
            // A diagnostic read is due since ever.
            oldest_due: waiting().filter(|place| !place.is_diagnostic()).map(|place| place.due).min(),
            through_at: self.queue.len().checked_sub(1).map_or(now, |last| self.queue.slot(last, &room)),
            paused_until: self.window.paused_until(),
            down_since: self.breaker.open_since().filter(|_| self.breaker.is_down() && is_used),
        }
    }
}
