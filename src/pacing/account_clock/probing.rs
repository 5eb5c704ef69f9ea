//! Who may call while the account is in trouble, and in which order the callers that wait come to probe it.

use jiff::Timestamp;

use super::place::{Place, Rank};
use super::queue::{Queue, Waiting};
use super::slots::ABOUT_TO_COME;
use crate::pacing::breaker::{Breaker, Candidate, Trouble};

/// How many callers come when a probe is due; one of them gets it.
pub const PROBERS: usize = 4;
/// How many callers come when DELETEs are tried while reads work: as many as calls can be under way.
const TRIERS: usize = 16;

/// What decides who may call while the account is in trouble. It changes nothing.
pub struct Probing<'a, K, W> {
    pub breaker: &'a Breaker<K>,
    pub queue: &'a Queue<K, W>,
    /// The quota that was named last, in calls a minute.
    pub quota: usize,
    pub paused_until: Timestamp,
}

/// The order in which callers come to probe: that of the queue; but after a read that brought nothing, those
/// that want a diagnostic read come last.
#[derive(Clone, Copy)]
pub struct ProbeOrder {
    reads_last: bool,
    /// The rank of the caller that comes first.
    start: usize,
    /// How many callers wait.
    length: usize,
    /// How many of them come.
    come: usize,
}

impl ProbeOrder {
    /// The position in which the caller at this rank of the queue comes.
    pub fn position(&self, rank: usize) -> usize {
        (rank + self.length - self.start) % self.length.max(1)
    }

    /// The rank in the queue of the caller that comes in this position.
    pub fn rank(&self, position: usize) -> usize {
        (position + self.start) % self.length.max(1)
    }

    /// Whether the caller at this rank of the queue is one of those that come.
    pub fn comes(&self, rank: usize) -> bool {
        self.position(rank) < self.come
    }

    /// The line in which a caller stands: callers in a later line leave the probe to the first. Diagnostic
    /// reads are made one after the other; after one that brought nothing, all other callers go first.
    fn line(&self, place: Place) -> (bool, Rank, Option<Timestamp>) {
        let reads = place.is_diagnostic();
        (reads && self.reads_last, place.rank, reads.then_some(place.due))
    }
}

impl<K: Ord + Clone, W> Probing<'_, K, W> {
    /// Checks whether a caller may call now.
    ///
    /// # Errors
    /// The trouble that holds the caller, unless it is time to probe. A probe respects the pause that the
    /// service has asked for, as any other call does.
    pub fn admit(&self, caller: &K, place: Place, now: Timestamp) -> Result<(), Trouble> {
        let candidate = self.candidate(caller, place);
        let admitted = if place.reads {
            self.breaker.admit_read(&candidate, now)
        } else {
            self.breaker.admit(&candidate, now)
        };
        let is_paused = self.breaker.would_probe(&candidate) && self.paused_until > now;
        let Some(since) = self.breaker.open_since().filter(|_| is_paused) else { return admitted };
        let probe_at = match admitted {
            Ok(()) => self.paused_until,
            Err(trouble) => trouble.probe_at.max(self.paused_until),
        };
        Err(Trouble { since, probe_at })
    }

    /// Whether a call of this caller would be a probe: nothing has worked since the trouble began.
    pub fn would_probe(&self, caller: &K, place: Place) -> bool {
        self.breaker.would_probe(&self.candidate(caller, place))
    }

    fn candidate<'a>(&self, caller: &'a K, place: Place) -> Candidate<'a, K> {
        Candidate { caller, fresh: place.is_fresh(), quota: self.quota }
    }

    /// The trouble that holds the caller at this rank, if it may not call now.
    pub fn trouble_at(&self, rank: usize, now: Timestamp) -> Option<Trouble> {
        let Waiting { ref caller, place, .. } = self.queue[rank];
        if let Err(trouble) = self.admit(caller, place, now) {
            return Some(trouble);
        }
        let reads_work = place.reads && !self.breaker.is_down();
        if reads_work || !self.breaker.concerns(&self.candidate(caller, place)) {
            return None;
        }
        let order = self.order();
        self.left_to_the_first(now, |first| order.line(first.place) < order.line(place))
    }

    /// Leaves the probe to the first caller, if that is about to come and goes before this one.
    pub fn left_to_the_first(
        &self,
        now: Timestamp,
        goes_before: impl Fn(&Waiting<K, W>) -> bool,
    ) -> Option<Trouble> {
        let first = self.queue.get(self.order().rank(0)).filter(|first| goes_before(first))?;
        let probe_at = first.expected + ABOUT_TO_COME;
        let is_about_to_come = first.expected <= now + ABOUT_TO_COME && probe_at > now;
        self.breaker.open_since().filter(|_| is_about_to_come).map(|since| Trouble { since, probe_at })
    }

    /// The order in which the callers come to probe.
    pub fn order(&self) -> ProbeOrder {
        let reads_last = self.breaker.reads_bring_nothing();
        ProbeOrder {
            reads_last,
            start: if reads_last { self.queue.diagnostic_reads() } else { 0 },
            length: self.queue.len(),
            come: if self.breaker.only_deletes_fail() { TRIERS } else { PROBERS },
        }
    }

    /// The callers that have reason to ask again: those that come for the next probe; everybody, if there is
    /// no trouble.
    pub fn to_wake(&self) -> Vec<K> {
        let order = self.order();
        let come = if self.breaker.open_since().is_some() { order.come } else { usize::MAX };
        let ranks = (0..self.queue.len().min(come)).map(|position| order.rank(position));
        ranks.map(|rank| self.queue[rank].caller.clone()).collect()
    }
}
