//! Calls that can wait: they have no place in the queue, and leave half of the quota free.

use jiff::Timestamp;

use super::clock::AccountClock;
use super::place::Place;
use super::slots::Room;
use super::turn::{Holder, Turn};
use crate::pacing::breaker::Trouble;

impl<K: Ord + Clone, W> AccountClock<K, W> {
    /// Asks for a call that can wait, and counts it if it may be made now: only while half of the quota is
    /// free, even after all callers in the queue have called. No place is kept.
    pub fn claim_spare(&mut self, caller: &K, now: Timestamp, quota: usize) -> Turn {
        let free = self.free_for_spare(now, quota);
        match self.held_spare(caller, now) {
            Some(Turn::Held { of, since, until, next }) => {
                Turn::Held { of, since, until: until.max(free), next }
            }
            Some(Turn::At(_) | Turn::Go) | None if free > now => Turn::At(free),
            Some(Turn::At(_) | Turn::Go) | None => {
                self.begin_spare(caller, now);
                Turn::Go
            }
        }
    }

    /// Asks for the same as [`Self::claim_spare`], for a call whose failure would say nothing of the account.
    pub fn claim_spare_quota_only(&mut self, caller: &K, now: Timestamp, quota: usize) -> Turn {
        let free = self.free_for_spare(now, quota);
        if free > now {
            return Turn::At(free);
        }
        self.window.begin(caller, now);
        Turn::Go
    }

    /// When half of the quota is free.
    fn free_for_spare(&mut self, now: Timestamp, quota: usize) -> Timestamp {
        self.advance(now, quota);
        let calls = self.pace.of(quota, now).div_ceil(2);
        let all_held = self.breaker.holds_all();
        self.queue.slot_behind_all(&Room { window: &self.window, calls, quota: self.quota, all_held, now })
    }

    /// Answers whether trouble holds a call that can wait. It leaves a probe to a caller that can't.
    pub fn held_spare(&self, caller: &K, now: Timestamp) -> Option<Turn> {
        let (place, probing) = (Place::proof(now), self.probing());
        let Trouble { since, probe_at } = match probing.admit(caller, place, now) {
            Err(trouble) => trouble,
            Ok(()) if probing.would_probe(caller, place) => probing.left_to_the_first(now, |_| true)?,
            Ok(()) => return None,
        };
        Some(Turn::Held { of: Holder::Account, since, until: probe_at, next: false })
    }

    /// Records that a caller that could wait calls now.
    pub fn begin_spare(&mut self, caller: &K, now: Timestamp) {
        self.window.begin(caller, now);
        self.breaker.begin_read(caller, now);
    }
}
