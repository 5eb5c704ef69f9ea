//! An open breaker: when the next probe is due, and who probes.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::pacing::evidence::{Charge, Evidence};
use crate::pacing::time::whole_second;

/// The number of failures in a row, of any callers, that opens a breaker.
pub const RUN: usize = 3;
/// The interval before the first probe.
const SHORTEST_INTERVAL: SignedDuration = SignedDuration::from_secs(5);
/// The longest interval between probes, and so the longest delay of the first call after an outage.
pub const LONGEST_INTERVAL: SignedDuration = SignedDuration::from_secs(60);
/// A probe without a result for so long is lost: longer than any deadline of a call.
const LOST: SignedDuration = SignedDuration::from_secs(60);
/// While only DELETEs fail, one part in so many of the quota is spent on trying them.
pub const TRIES_PART: usize = 10;
/// The window in which these tries are counted: the one in which Kore counts calls [rate-limit-ccai].
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// The trouble that keeps a caller from calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// When the trouble began.
    pub since: Timestamp,
    /// When the next probe is due.
    pub probe_at: Timestamp,
}

/// The state of a breaker that is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Open<K> {
    /// When the trouble began.
    pub since: Timestamp,
    mode: Mode,
    /// The call that probes, while it is under way.
    probe: Option<Probe<K>>,
    /// Whether the last probe was a read. While nothing has worked, it brought nothing.
    pub last_probe_was_read: bool,
    /// When each caller last probed with a read.
    pub last_reads: BTreeMap<K, Timestamp>,
    /// When calls were made since the trouble began, within the last [`WINDOW`].
    tries: VecDeque<Timestamp>,
}

/// A call that probes whether calls work again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Probe<K> {
    /// Who probes.
    pub caller: K,
    /// When the call was begun.
    pub since: Timestamp,
    /// Whether it is a read.
    pub reads: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mode {
    /// Nothing has worked since the trouble began.
    Down {
        interval: SignedDuration,
        /// A whole second, as the status of the caller that is to probe stores it: no other caller comes
        /// before it.
        probe_at: Timestamp,
    },
    /// Reads work.
    OnlyDeletesFail,
}

impl Mode {
    fn down(interval: SignedDuration, now: Timestamp) -> Self {
        Self::Down { interval, probe_at: whole_second(now + interval) }
    }
}

impl<K> Open<K> {
    /// The trouble begins now.
    pub fn new(now: Timestamp) -> Self {
        Self::in_mode(now, Mode::down(SHORTEST_INTERVAL, now))
    }

    /// Trouble that began before this process. The next probe is due when it was scheduled, if that is known,
    /// but no later than one interval from now.
    pub fn inherited(since: Timestamp, scheduled: Option<Timestamp>, now: Timestamp) -> Self {
        let (mut interval, mut probe_at) = (SHORTEST_INTERVAL, since + SHORTEST_INTERVAL);
        while probe_at < now && interval < LONGEST_INTERVAL {
            interval = (interval * 2).min(LONGEST_INTERVAL);
            probe_at += interval;
        }
        let latest = now + interval;
        let probe_at = scheduled.unwrap_or(latest).clamp(now, latest);
        Self::in_mode(since, Mode::Down { interval, probe_at })
    }

    /// The same trouble for other callers: their own probes are yet to come.
    pub fn without_probes(&self) -> Self {
        Self::in_mode(self.since, self.mode)
    }

    fn in_mode(since: Timestamp, mode: Mode) -> Self {
        Self {
            since,
            mode,
            probe: None,
            last_probe_was_read: false,
            last_reads: BTreeMap::new(),
            tries: VecDeque::new(),
        }
    }

    /// Whether nothing has worked since the trouble began.
    pub fn is_down(&self) -> bool {
        self.next_probe().is_some()
    }

    /// When the next probe is due, while nothing has worked since the trouble began.
    pub fn next_probe(&self) -> Option<Timestamp> {
        match self.mode {
            Mode::Down { probe_at, .. } => Some(probe_at),
            Mode::OnlyDeletesFail => None,
        }
    }

    /// Makes the next probe due now, while nothing has worked since the trouble began.
    pub fn probe_now(&mut self, now: Timestamp) {
        if let Mode::Down { probe_at, .. } = &mut self.mode {
            *probe_at = now;
        }
    }
}

impl<K: Ord + Clone> Open<K> {
    /// Checks whether a caller with this quota may call now.
    ///
    /// # Errors
    /// If the next probe, or the next try of a DELETE, is not due yet, or another caller probes.
    pub fn admit(&self, quota: usize, now: Timestamp) -> Result<(), Trouble> {
        let since = self.since;
        let probe_at = self.due(quota, now);
        if probe_at > now {
            return Err(Trouble { since, probe_at });
        }
        // While only DELETEs fail, several are tried at once: each may take long to fail.
        let others_probe = self.is_down() && self.is_probed(now);
        if others_probe { Err(Trouble { since, probe_at: now + SHORTEST_INTERVAL }) } else { Ok(()) }
    }

    fn is_probed(&self, now: Timestamp) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.since + LOST > now)
    }

    /// When the next probe is due; while only DELETEs fail, when the quota's part for them has room.
    fn due(&self, quota: usize, now: Timestamp) -> Timestamp {
        match self.mode {
            Mode::Down { probe_at, .. } => probe_at,
            Mode::OnlyDeletesFail => {
                let part = quota.div_ceil(TRIES_PART).max(1);
                let mut lately = self.tries.iter().rev().take_while(|time| **time + WINDOW > now);
                lately.nth(part - 1).map_or(now, |first| *first + WINDOW)
            }
        }
    }

    /// Records that an admitted call is made.
    pub fn begin(&mut self, probe: Probe<K>) {
        self.tries.push_back(probe.since);
        if probe.reads {
            self.last_reads.insert(probe.caller.clone(), probe.since);
        }
        self.probe = Some(probe);
    }

    /// Returns the probe if this caller has made it; it is under way no more.
    pub fn take_probe_of(&mut self, caller: &K) -> Option<Probe<K>> {
        self.probe.take_if(|probe| probe.caller == *caller)
    }

    /// Records the result of a call, and returns whom a failure is charged to. `probe` is the call if it was
    /// the probe, and `failed_reads` the number of reads that have failed in a row.
    pub fn record_result(
        &mut self,
        evidence: Evidence,
        probe: Option<&Probe<K>>,
        failed_reads: usize,
        now: Timestamp,
    ) -> Charge {
        self.last_probe_was_read = probe.map_or(self.last_probe_was_read, |probe| probe.reads);
        while self.tries.front().is_some_and(|time| *time + WINDOW <= now) {
            self.tries.pop_front();
        }
        match self.mode {
            Mode::Down { interval, .. } => self.record_while_down(evidence, probe.is_some(), interval, now),
            Mode::OnlyDeletesFail => self.record_while_reads_work(evidence, failed_reads, now),
        }
    }

    fn record_while_down(
        &mut self,
        evidence: Evidence,
        is_probe: bool,
        interval: SignedDuration,
        now: Timestamp,
    ) -> Charge {
        match evidence {
            Evidence::Readable => {
                self.mode = Mode::OnlyDeletesFail;
                Charge::Campaign
            }
            // The service answered, but not the question: the next probe may show more.
            Evidence::Nothing if is_probe => {
                self.mode = Mode::down(interval, now);
                Charge::Account
            }
            Evidence::DeleteFailed { .. } | Evidence::ReadFailed { .. } => {
                if is_probe {
                    self.mode = Mode::down((interval * 2).min(LONGEST_INTERVAL), now);
                }
                Charge::Account
            }
            Evidence::Works | Evidence::Nothing => Charge::Campaign,
        }
    }

    fn record_while_reads_work(&mut self, evidence: Evidence, failed_reads: usize, now: Timestamp) -> Charge {
        match evidence {
            Evidence::ReadFailed { .. } if failed_reads >= RUN => {
                self.mode = Mode::down(SHORTEST_INTERVAL, now);
                self.last_probe_was_read = false;
                Charge::Account
            }
            Evidence::Works
            | Evidence::Readable
            | Evidence::DeleteFailed { .. }
            | Evidence::ReadFailed { .. }
            | Evidence::Nothing => Charge::Campaign,
        }
    }
}
