//! The calls of the last minute, and when the next ones fit in. Pure arithmetic: it knows no queue and no
//! trouble.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::pacing::time::whole_second;

/// Kore counts calls over one minute [rate-limit-ccai]. The tenth of a second on top covers clocks that run
/// unevenly, ours and Kore's: a clock that is being corrected is off by at most 0.5 ms a second [adjtimex].
pub const WINDOW: SignedDuration = SignedDuration::from_millis(60_100);
/// How much later than it was begun a call can count at most. A call counts from its answer on, because
/// nobody knows when before its answer the call arrived; without this bound, a slow service would be called
/// less often. It is one second more than the connection that carries the call may take (`kore::http`).
pub const ARRIVES_WITHIN: SignedDuration = SignedDuration::from_secs(6);
/// The distance between two promised times that use the same place in the window. Promised times are whole
/// seconds, because status stores no others; so a promise still holds if the call before it is answered
/// almost a second late.
pub const RESERVED: SignedDuration = SignedDuration::from_secs(61);

/// The calls to one account that count now, and the pause that the service has asked for.
///
/// ```text
///   calls made                now   free slots
///   ──x──x─x───x──────────────┼─────|───|───|───|───▶
///     └──── at most the quota in any WINDOW ───┘
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window<K> {
    /// When each call of the last window counts, oldest first.
    calls: VecDeque<Timestamp>,
    /// When each of these calls that has no answer yet was begun.
    under_way: BTreeMap<K, Timestamp>,
    /// When the window was full, whatever the quota.
    full_at: Option<Timestamp>,
    /// Nobody calls before this time.
    paused_until: Timestamp,
}

impl<K> Default for Window<K> {
    fn default() -> Self {
        Self {
            calls: VecDeque::new(),
            under_way: BTreeMap::new(),
            full_at: None,
            paused_until: Timestamp::MIN,
        }
    }
}

impl<K: Ord + Clone> Window<K> {
    /// Counts a call that a caller begins now.
    pub fn begin(&mut self, caller: &K, now: Timestamp) {
        self.forget(now);
        self.calls.push_back(now);
        self.under_way.insert(caller.clone(), now);
    }

    /// Records the answer to a caller's call: from now on the call counts from when it has arrived.
    pub fn answered(&mut self, caller: &K, now: Timestamp) {
        let Some(begun) = self.under_way.remove(caller) else { return };
        let Ok(position) = self.calls.binary_search(&begun) else { return };
        self.calls.remove(position);
        let arrived = now.clamp(begun, begun + ARRIVES_WITHIN);
        self.calls.insert(self.calls.partition_point(|call| *call <= arrived), arrived);
    }

    /// Counts calls from before this process. Nobody knows when those that were under way arrived: they count
    /// from now.
    pub fn inherit(&mut self, calls: &[Timestamp], under_way: usize, now: Timestamp) {
        let calls = calls.iter().map(|call| (*call).min(now));
        let recent = calls.filter(|call| *call + WINDOW > now);
        self.calls.extend(recent.chain(std::iter::repeat_n(now, under_way)));
        self.calls.make_contiguous().sort_unstable();
    }

    /// Counts as full now, for whatever quota is asked for.
    pub fn count_as_full(&mut self, now: Timestamp) {
        self.full_at = Some(now);
    }

    /// Forgets the calls that count no more, and fills the window for this quota if it counts as full.
    pub fn advance(&mut self, now: Timestamp, quota: usize) {
        self.forget(now);
        self.fill(quota);
    }

    /// Forgets the calls that count no more.
    pub fn forget(&mut self, now: Timestamp) {
        while self.calls.front().is_some_and(|call| *call + WINDOW <= now) {
            self.calls.pop_front();
        }
        self.under_way.retain(|_, begun| *begun + WINDOW > now);
        self.full_at = self.full_at.filter(|full_at| *full_at + WINDOW > now);
    }

    /// Adds the calls that are known only by the quota they used up.
    pub fn fill(&mut self, quota: usize) {
        let Some(full_at) = self.full_at else { return };
        let known = self.calls.partition_point(|call| *call <= full_at);
        (known..quota).for_each(|_| self.calls.insert(known, full_at));
    }

    /// Lets nobody call before this time.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(until);
    }

    /// The end of the pause that the service has asked for; past, if there is none.
    pub fn paused_until(&self) -> Timestamp {
        self.paused_until
    }

    /// How many calls count.
    pub fn count(&self) -> usize {
        self.calls.len()
    }

    /// Whether a window of `calls` has room for one more call beside `reserved` ones.
    pub fn has_room(&self, calls: usize, reserved: usize) -> bool {
        self.calls.len() + reserved < calls
    }

    /// When a window of `calls` has room for the next call after `before` others, if each of them is made on
    /// time.
    pub fn slot(&self, before: usize, calls: usize, now: Timestamp) -> Timestamp {
        let rounds = i32::try_from(before / calls).unwrap_or(i32::MAX);
        let start = now.max(self.paused_until);
        let free = match (self.calls.len() + before % calls).checked_sub(calls) {
            Some(leaving) => start.max(self.calls[leaving] + WINDOW),
            None => start,
        };
        if free <= now && rounds == 0 { now } else { whole_second(free) + RESERVED * rounds }
    }
}

#[cfg(test)]
impl<K> Window<K> {
    /// When each call counts, oldest first.
    pub fn calls(&self) -> &VecDeque<Timestamp> {
        &self.calls
    }

    /// The number of calls without an answer.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }
}
