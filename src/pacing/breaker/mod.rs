//! Whether calls are made, or only one at a time to probe whether calls work again.
//!
//! `open.rs` schedules the probes while the breaker is open; this file counts the failures that open it.

mod open;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::evidence::{Charge, Evidence};
pub use open::{LONGEST_INTERVAL, RUN, TRIES_PART, Trouble};
use open::{Open, Probe};

/// The circuit breaker of an account, or of its credentials.
///
/// ```text
///             a run of failures                 the probe fails: the interval doubles
///   closed ──────────────────────▶ open ──(5 s)──▶ probe ───────────────────────▶ open ──(… 60 s)──▶ probe …
///     ▲                              │ a read works: only DELETEs fail
///     │                              ▼
///     ├── a DELETE works ◀──────── only DELETEs fail: DELETEs may use a tenth of the quota
///     └── a DELETE works, or a read works and no DELETE has failed
/// ```
///
/// One campaign whose DELETE always fails must not block the others. So a campaign that has not failed yet is
/// held only once several campaigns have failed. While reads work, failures are charged to the campaigns, and
/// the queue puts campaigns that have not failed yet first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Breaker<K> {
    /// The number of failures in a row that opens the breaker.
    run: usize,
    /// DELETEs that failed since a DELETE last worked.
    deletes: Failures<K>,
    /// Reads that failed since a read last worked.
    reads: Failures<K>,
    /// Several campaigns failed that had not failed before, so any campaign may fail.
    spread: bool,
    open: Option<Open<K>>,
}

/// Failures in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Failures<K> {
    times: usize,
    /// The callers that had not failed before; at most [`RUN`] of them.
    fresh: BTreeSet<K>,
}

/// A caller that wants to call.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a, K> {
    /// The caller.
    pub caller: &'a K,
    /// Whether no DELETE of its campaign has failed for a reason of its own.
    pub fresh: bool,
    /// The caller's quota, in calls a minute.
    pub quota: usize,
}

/// Trouble from before this process started.
#[derive(Clone, Copy, Debug)]
pub struct EarlierTrouble<'a, K> {
    /// When the trouble began.
    pub since: Timestamp,
    /// When the next probe was scheduled, if a status recorded it.
    pub probe_at: Option<Timestamp>,
    /// The callers that were held although they had not failed; `None` if everybody was.
    pub held: Option<&'a BTreeSet<K>>,
}

impl<K> Default for Breaker<K> {
    fn default() -> Self {
        Self::opens_after(RUN)
    }
}

impl<K> Breaker<K> {
    /// A breaker for credentials that the service has never accepted: the first failure opens it, until a
    /// call works.
    pub fn cautious() -> Self {
        Self::opens_after(1)
    }

    fn opens_after(run: usize) -> Self {
        let none = || Failures { times: 0, fresh: BTreeSet::new() };
        Self { run, deletes: none(), reads: none(), spread: false, open: None }
    }
}

impl<K: Ord + Clone> Failures<K> {
    fn count(&mut self, caller: &K, fresh: bool) {
        self.times = self.times.saturating_add(1);
        // RUN callers are enough to open the breaker, and thousands may fail.
        if fresh && self.fresh.len() < RUN {
            self.fresh.insert(caller.clone());
        }
    }

    fn forget(&mut self) {
        self.times = 0;
        self.fresh.clear();
    }
}

impl<K: Ord + Clone> Breaker<K> {
    /// Checks whether a caller may send a DELETE now.
    ///
    /// # Errors
    /// The trouble that holds the caller, unless it is time to probe.
    pub fn admit(&self, candidate: &Candidate<'_, K>, now: Timestamp) -> Result<(), Trouble> {
        match &self.open {
            Some(open) if self.concerns(candidate) => open.admit(candidate.quota, now),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks whether a caller may read now. While only DELETEs fail, it always may.
    ///
    /// # Errors
    /// The trouble that holds the caller, unless it is time to probe.
    pub fn admit_read(&self, candidate: &Candidate<'_, K>, now: Timestamp) -> Result<(), Trouble> {
        if self.only_deletes_fail() { Ok(()) } else { self.admit(candidate, now) }
    }

    /// Whether the trouble is this caller's, too. While few campaigns have failed, the cause may be those
    /// campaigns: a campaign that has not failed need not wait.
    pub fn concerns(&self, candidate: &Candidate<'_, K>) -> bool {
        let Candidate { caller, fresh, quota: _ } = *candidate;
        self.spread || !fresh || self.deletes.fresh.contains(caller) || self.reads.fresh.contains(caller)
    }

    /// Whether a call of this caller would be a probe: nothing has worked since the trouble began.
    pub fn would_probe(&self, candidate: &Candidate<'_, K>) -> bool {
        self.is_down() && self.concerns(candidate)
    }

    /// Records that an admitted caller sends a DELETE now.
    pub fn begin(&mut self, caller: &K, now: Timestamp) {
        self.probe(Probe { caller: caller.clone(), since: now, reads: false });
    }

    /// Records that an admitted caller reads now.
    pub fn begin_read(&mut self, caller: &K, now: Timestamp) {
        if !self.only_deletes_fail() {
            self.probe(Probe { caller: caller.clone(), since: now, reads: true });
        }
    }

    fn probe(&mut self, probe: Probe<K>) {
        if let Some(open) = &mut self.open {
            open.begin(probe);
        }
    }

    /// Records the result of a call, and returns whom a failure is charged to.
    pub fn record_result(&mut self, caller: &K, evidence: Evidence, now: Timestamp) -> Charge {
        let probe = self.open.as_mut().and_then(|open| open.take_probe_of(caller));
        // A read that works ends trouble in which only reads have failed.
        let works = evidence == Evidence::Works || evidence == Evidence::Readable && self.deletes.times == 0;
        if works {
            *self = Self::default();
            return Charge::Campaign;
        }
        self.count(caller, evidence);
        if let Some(open) = &mut self.open {
            return open.record_result(evidence, probe.as_ref(), self.reads.times, now);
        }
        if evidence.is_failure() && self.deletes.times + self.reads.times >= self.run {
            self.open = Some(Open::new(now));
            return Charge::Account;
        }
        Charge::Campaign
    }

    fn count(&mut self, caller: &K, evidence: Evidence) {
        match evidence {
            Evidence::Readable => self.reads.forget(),
            Evidence::DeleteFailed { fresh } => self.deletes.count(caller, fresh),
            Evidence::ReadFailed { fresh } => self.reads.count(caller, fresh),
            Evidence::Works | Evidence::Nothing => {}
        }
        self.spread |= self.deletes.fresh.union(&self.reads.fresh).count() >= self.run;
    }

    /// Whether the trouble holds everybody, and not only campaigns that have failed.
    pub fn holds_all(&self) -> bool {
        self.open.is_some() && self.spread
    }

    /// When the trouble began, if there is any.
    pub fn open_since(&self) -> Option<Timestamp> {
        self.open.as_ref().map(|open| open.since)
    }

    /// Whether nothing has worked since the trouble began.
    pub fn is_down(&self) -> bool {
        self.open.as_ref().is_some_and(Open::is_down)
    }

    /// Whether reads work, and DELETEs fail.
    pub fn only_deletes_fail(&self) -> bool {
        self.open.is_some() && !self.is_down()
    }

    /// Whether DELETEs fail and it is unknown whether reads work: a diagnostic read shows most then.
    pub fn wants_diagnostic_read(&self) -> bool {
        self.deletes.times > 0 && self.is_down()
    }

    /// When the next probe is due, while nothing has worked since the trouble began.
    pub fn probe_at(&self) -> Option<Timestamp> {
        self.open.as_ref()?.next_probe()
    }

    /// Whether the last probe was a read and nothing has worked yet: a DELETE may show more.
    pub fn reads_bring_nothing(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_down() && open.last_probe_was_read)
    }

    /// When this caller last probed with a read, since the trouble began.
    pub fn last_read(&self, caller: &K) -> Option<Timestamp> {
        self.open.as_ref()?.last_reads.get(caller).copied()
    }

    /// Takes over the trouble of another breaker where nothing works, with its begin and its next probe.
    pub fn join(&mut self, other: &Self) {
        if let (None, true, Some(open)) = (&self.open, other.is_down(), &other.open) {
            self.open = Some(open.without_probes());
            (self.deletes, self.reads, self.spread) =
                (other.deletes.clone(), other.reads.clone(), other.spread);
        }
    }

    /// Makes the next probe due now: there is reason to believe that calls work again.
    pub fn probe_now(&mut self, now: Timestamp) {
        if let Some(open) = &mut self.open {
            open.probe_now(now);
        }
    }

    /// Takes over trouble from before this process, unless there is trouble already. Its probes go on as they
    /// would have, and it holds the callers that it held; everybody, if those are not known.
    pub fn inherit(&mut self, trouble: EarlierTrouble<'_, K>, now: Timestamp) {
        if self.open.is_some() {
            return;
        }
        self.deletes.times = self.run;
        match trouble.held {
            Some(held) if held.len() < RUN => self.deletes.fresh.clone_from(held),
            Some(_) | None => self.spread = true,
        }
        self.open = Some(Open::inherited(trouble.since, trouble.probe_at, now));
    }
}
