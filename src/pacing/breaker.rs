use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::whole_second;

/// So many failures in a row, of whomever, and calls are taken to be in trouble.
pub(super) const RUN: usize = 3;
/// Pause before the first probe …
const SHORTEST: SignedDuration = SignedDuration::from_secs(5);
/// … and the longest before any other: how late the first call after an outage may be.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_secs(60);
/// A probe of which nothing was heard for so long is lost: longer than any deadline of a call.
const LOST: SignedDuration = SignedDuration::from_secs(60);
/// While reads work and DELETEs fail, trying costs one part in so many of the quota.
pub(super) const PART: usize = 10;
/// The window in which the tries are counted: the one in which Kore counts calls [rate-limit-ccai].
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// What an outcome says of those that share an account, or its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The service answers DELETEs, whatever it has said of the one campaign; or a DELETE has taken effect.
    Works,
    /// The service answers reads. Whether it answers DELETEs, that does not show.
    Readable,
    /// A DELETE may have met an outage: no answer, or a 5xx. A campaign that has failed before tells less: it may be its own.
    DeleteFailed {
        /// Whether the campaign has not failed before.
        fresh: bool,
    },
    /// A read may have met an outage.
    ReadFailed {
        /// Whether the campaign has not failed before.
        fresh: bool,
    },
    /// Nothing.
    Nothing,
}

/// Whom a failure is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// The campaign: its own backoff grows.
    Campaign,
    /// The account, or its credentials: their clock says when to come again, and the campaign's backoff stays as it is.
    Account,
}

/// Whether calls are made, or one at a time is, as a probe.
///
/// ```text
///             a run of failures                 a probe fails: the pause doubles
///   closed ──────────────────────▶ open ──(5 s)──▶ probe ───────────────────────▶ open ──(… 60 s)──▶ probe …
///     ▲                              │ a read works: only DELETEs fail
///     │                              ▼
///     ├── a DELETE works ◀──────── limping: DELETEs are tried with a tenth of the quota
///     └── a DELETE works, or a read does and no DELETE has failed
/// ```
///
/// A campaign whose DELETE always fails must not hold up the others. So a campaign that has not failed yet is held only
/// when several campaigns have failed; and while reads work, the failures are charged to the campaigns, and those that
/// have not failed yet are tried first (the queue sees to that).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Breaker<K> {
    /// It opens after so many failures in a row.
    run: usize,
    /// DELETEs that failed since one last worked.
    deletes: Failures<K>,
    /// Reads that failed since one last worked.
    reads: Failures<K>,
    /// Several campaigns have failed that had not before: it may be anybody.
    spread: bool,
    open: Option<Open<K>>,
}

/// Failures in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Failures<K> {
    times: usize,
    /// The first of those that had not failed before.
    fresh: BTreeSet<K>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Open<K> {
    since: Timestamp,
    mode: Mode,
    /// The call that probes.
    probing: Option<Probe<K>>,
    /// The last probe was a read, and has brought nothing: a DELETE may tell more.
    looked: bool,
    /// When each caller has last probed by a read.
    looks: BTreeMap<K, Timestamp>,
    /// When calls were made since the trouble began, of the last minute.
    tries: VecDeque<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Probe<K> {
    caller: K,
    since: Timestamp,
    reads: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mode {
    /// Nothing has worked since. The next probe is at a whole second, because that is what the status of the one tells that is to
    /// make it: nobody comes before it.
    Down { pause: SignedDuration, probe_at: Timestamp },
    /// Reads work, DELETEs fail.
    Limping,
}

/// Calls are in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// When the next probe is.
    pub probe_at: Timestamp,
}

/// Who wants to call.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a, K> {
    /// Who.
    pub caller: &'a K,
    /// Whether no DELETE of the campaign has failed for a reason of its own.
    pub fresh: bool,
    /// Most calls in a minute.
    pub quota: usize,
}

impl<K> Default for Breaker<K> {
    fn default() -> Self {
        Self::opens_after(RUN)
    }
}

impl<K> Breaker<K> {
    /// One that opens after the first failure, as long as nothing has ever worked: credentials that were never accepted.
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
        // More are not needed: there may be thousands.
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
    /// Whether a caller may call now.
    ///
    /// # Errors
    /// If there is trouble, and it is not the caller's turn to probe.
    pub fn admit(&self, candidate: Candidate<'_, K>, now: Timestamp) -> Result<(), Trouble> {
        let Some(open) = &self.open else { return Ok(()) };
        if !self.concerns(&candidate) {
            return Ok(());
        }
        // While reads work, as many DELETEs are tried at once as their part of the quota allows: each may
        // take long to fail.
        let probing = open.probing.as_ref().filter(|_| self.is_down());
        let probed = probing.map(|probe| probe.since + LOST).filter(|lost| *lost > now);
        let probe_at = open.probe_at(candidate.quota, now);
        match probed {
            None if probe_at <= now => Ok(()),
            Some(_) | None => Err(Trouble {
                since: open.since,
                probe_at: if probe_at > now { probe_at } else { now + SHORTEST },
            }),
        }
    }

    /// Whether the trouble is this caller's, too. While few campaigns have failed, it may be those campaigns:
    /// another need not wait to show it.
    pub fn concerns(&self, candidate: &Candidate<'_, K>) -> bool {
        let Candidate { caller, fresh, quota: _ } = *candidate;
        self.spread || !fresh || self.deletes.fresh.contains(caller) || self.reads.fresh.contains(caller)
    }

    /// Whether a call of this caller would be a probe: nothing has worked since the trouble began.
    pub fn would_probe(&self, candidate: &Candidate<'_, K>) -> bool {
        self.is_down() && self.concerns(candidate)
    }

    /// A caller that was admitted calls now.
    pub fn begin(&mut self, caller: &K, now: Timestamp) {
        self.probe(Probe { caller: caller.clone(), since: now, reads: false });
    }

    fn probe(&mut self, probe: Probe<K>) {
        if let Some(open) = &mut self.open {
            open.tries.push_back(probe.since);
            if probe.reads {
                open.looks.insert(probe.caller.clone(), probe.since);
            }
            open.probing = Some(probe);
        }
    }

    /// Whether a caller that only looks may call now: always, while reads work.
    ///
    /// # Errors
    /// If there is trouble with reads, too, and it is not the caller's turn to probe.
    pub fn admit_read(&self, candidate: Candidate<'_, K>, now: Timestamp) -> Result<(), Trouble> {
        if self.limps() { Ok(()) } else { self.admit(candidate, now) }
    }

    /// A caller that only looks calls now.
    pub fn begin_read(&mut self, caller: &K, now: Timestamp) {
        if !self.limps() {
            self.probe(Probe { caller: caller.clone(), since: now, reads: true });
        }
    }

    /// Whether reads work, and DELETEs fail.
    pub fn limps(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.mode == Mode::Limping)
    }

    /// Takes in what became of a call, and says whom a failure is charged to.
    pub fn record_result(&mut self, caller: &K, evidence: Evidence, now: Timestamp) -> Charge {
        let probed =
            self.open.as_mut().and_then(|open| open.probing.take_if(|probe| probe.caller == *caller));
        match evidence {
            Evidence::Works => {
                *self = Self::default();
                return Charge::Campaign;
            }
            // Reads were all that had failed.
            Evidence::Readable if self.deletes.times == 0 => {
                *self = Self::default();
                return Charge::Campaign;
            }
            Evidence::Readable => self.reads.forget(),
            Evidence::DeleteFailed { fresh } => self.deletes.count(caller, fresh),
            Evidence::ReadFailed { fresh } => self.reads.count(caller, fresh),
            Evidence::Nothing => {}
        }
        self.spread |= self.deletes.fresh.union(&self.reads.fresh).count() >= self.run;
        if let Some(open) = &mut self.open {
            return open.record_result(evidence, probed.map(|probe| probe.reads), self.reads.times, now);
        }
        match evidence {
            Evidence::DeleteFailed { .. } | Evidence::ReadFailed { .. }
                if self.deletes.times + self.reads.times >= self.run =>
            {
                self.open = Some(Open::new(now));
                Charge::Account
            }
            Evidence::Works
            | Evidence::Readable
            | Evidence::DeleteFailed { .. }
            | Evidence::ReadFailed { .. }
            | Evidence::Nothing => Charge::Campaign,
        }
    }

    /// Whether it holds everybody, and not only those that have failed.
    pub fn holds_all(&self) -> bool {
        self.open.is_some() && self.spread
    }

    /// Since when there is trouble, if there is.
    pub fn open_since(&self) -> Option<Timestamp> {
        self.open.as_ref().map(|open| open.since)
    }

    /// Whether nobody knows if reads work, while DELETEs fail: a look tells most then.
    pub fn wants_diagnostic_read(&self) -> bool {
        self.deletes.times > 0 && self.is_down()
    }

    /// Whether nothing has worked since the trouble began.
    pub fn is_down(&self) -> bool {
        self.open.is_some() && !self.limps()
    }

    /// When the next probe is, while nothing has worked since the trouble began.
    pub fn probe_at(&self) -> Option<Timestamp> {
        match self.open.as_ref()?.mode {
            Mode::Down { probe_at, .. } => Some(probe_at),
            Mode::Limping => None,
        }
    }

    /// Whether the last probe was a read that has brought nothing, and nothing has worked yet: a DELETE may
    /// tell more.
    pub fn reads_bring_nothing(&self) -> bool {
        self.is_down() && self.open.as_ref().is_some_and(|open| open.looked)
    }

    /// When this caller has last probed by a read, since the trouble began.
    pub fn last_read(&self, caller: &K) -> Option<Timestamp> {
        self.open.as_ref()?.looks.get(caller).copied()
    }

    /// There is trouble that others are in, too: it is the same, since the same time, and the next probe is when theirs is.
    pub fn join(&mut self, others: &Self) {
        if let (None, true, Some(open)) = (&self.open, others.is_down(), &others.open) {
            self.open = Some(Open { mode: open.mode, ..Open::new(open.since) });
            (self.deletes, self.reads, self.spread) =
                (others.deletes.clone(), others.reads.clone(), others.spread);
        }
    }

    /// There is reason to believe that calls work again: the next probe is made now.
    pub fn probe_now(&mut self, now: Timestamp) {
        if let Some(Open { mode: Mode::Down { probe_at, .. }, .. }) = &mut self.open {
            *probe_at = now;
        }
    }

    /// There was trouble before we began, since this time; who was to probe next was promised a time, if it is known who.
    /// It goes on as it would have, and concerns whom it did: those who were held though they had not failed, or anybody.
    pub fn inherit(
        &mut self,
        since: Timestamp,
        promised: Option<Timestamp>,
        held: Option<&BTreeSet<K>>,
        now: Timestamp,
    ) {
        if self.open.is_some() {
            return;
        }
        let (mut pause, mut probe_at) = (SHORTEST, since + SHORTEST);
        while probe_at < now && pause < LONGEST {
            pause = (pause * 2).min(LONGEST);
            probe_at += pause;
        }
        let latest = now + pause;
        let probe_at = promised.unwrap_or(latest).clamp(now, latest);
        self.deletes.times = self.run;
        match held {
            Some(held) if held.len() < RUN => self.deletes.fresh.clone_from(held),
            Some(_) | None => self.spread = true,
        }
        self.open = Some(Open { mode: Mode::Down { pause, probe_at }, ..Open::new(since) });
    }
}

impl<K: Ord> Open<K> {
    fn new(now: Timestamp) -> Self {
        let mode = Mode::Down { pause: SHORTEST, probe_at: whole_second(now + SHORTEST) };
        Self {
            since: now,
            mode,
            probing: None,
            looked: false,
            looks: BTreeMap::new(),
            tries: VecDeque::new(),
        }
    }

    fn probe_at(&self, quota: usize, now: Timestamp) -> Timestamp {
        match self.mode {
            Mode::Down { probe_at, .. } => probe_at,
            Mode::Limping => {
                let part = quota.div_ceil(PART).max(1);
                let mut lately = self.tries.iter().rev().take_while(|time| **time + WINDOW > now);
                lately.nth(part - 1).map_or(now, |first| *first + WINDOW)
            }
        }
    }

    /// `probed`: whether it was the probe, and whether that was a read. `unread`: how many reads in a row
    /// have failed.
    fn record_result(
        &mut self,
        evidence: Evidence,
        probed: Option<bool>,
        unread: usize,
        now: Timestamp,
    ) -> Charge {
        self.looked = probed.unwrap_or(self.looked);
        while self.tries.front().is_some_and(|time| *time + WINDOW <= now) {
            self.tries.pop_front();
        }
        match (self.mode, evidence) {
            (Mode::Down { .. }, Evidence::Readable) => {
                self.mode = Mode::Limping;
                Charge::Campaign
            }
            (Mode::Down { .. }, Evidence::Nothing) if probed.is_none() => Charge::Campaign,
            (Mode::Down { pause, .. }, Evidence::Nothing) => {
                // Somebody has answered, and not what was asked: the next probe may tell more.
                self.mode = Mode::Down { pause, probe_at: whole_second(now + pause) };
                Charge::Account
            }
            (Mode::Down { pause, .. }, Evidence::DeleteFailed { .. } | Evidence::ReadFailed { .. }) => {
                if probed.is_some() {
                    let pause = (pause * 2).min(LONGEST);
                    self.mode = Mode::Down { pause, probe_at: whole_second(now + pause) };
                }
                Charge::Account
            }
            (Mode::Limping, Evidence::ReadFailed { .. }) if unread >= RUN => {
                self.mode = Mode::Down { pause: SHORTEST, probe_at: whole_second(now + SHORTEST) };
                self.looked = false;
                Charge::Account
            }
            (
                Mode::Limping,
                Evidence::Readable
                | Evidence::DeleteFailed { .. }
                | Evidence::ReadFailed { .. }
                | Evidence::Nothing,
            )
            | (Mode::Down { .. } | Mode::Limping, Evidence::Works) => Charge::Campaign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Evidence::{Nothing, Readable, Works};
    use super::*;
    use proptest::prelude::*;

    const QUOTA: usize = 60;
    const DELETE_FAILED: Evidence = Evidence::DeleteFailed { fresh: true };
    const READ_FAILED: Evidence = Evidence::ReadFailed { fresh: true };
    const FAILED_AGAIN: Evidence = Evidence::DeleteFailed { fresh: false };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn admit(breaker: &Breaker<u32>, caller: u32, now: i64) -> Result<(), Trouble> {
        breaker.admit(Candidate { caller: &caller, fresh: true, quota: QUOTA }, at(now))
    }

    fn admit_again(breaker: &Breaker<u32>, caller: u32, now: i64) -> Result<(), Trouble> {
        breaker.admit(Candidate { caller: &caller, fresh: false, quota: QUOTA }, at(now))
    }

    fn opened() -> Breaker<u32> {
        let mut breaker = Breaker::default();
        for caller in 0..3 {
            breaker.record_result(&caller, DELETE_FAILED, at(0));
        }
        breaker
    }

    /// A success between failures is a service that works: each failure is the campaign's own.
    #[test]
    fn only_a_run_of_failures_opens_it() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            assert_eq!(breaker.record_result(&1, DELETE_FAILED, at(0)), Charge::Campaign);
            assert_eq!(breaker.record_result(&2, DELETE_FAILED, at(0)), Charge::Campaign);
            assert_eq!(breaker.record_result(&9, Nothing, at(0)), Charge::Campaign);
            assert_eq!(breaker.record_result(&3, Works, at(0)), Charge::Campaign);
        }
        assert_eq!(breaker.open_since(), None);
        assert_eq!(opened().open_since(), Some(at(0)));
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            breaker.record_result(&1, READ_FAILED, at(0));
            breaker.record_result(&2, READ_FAILED, at(0));
            assert_eq!(breaker.record_result(&3, Readable, at(0)), Charge::Campaign);
        }
        assert_eq!(breaker.open_since(), None);
    }

    /// 5 s after it has opened, then 10, 20, 40, and every 60 s: some 15 probes in 10 minutes.
    #[test]
    fn probes_become_rare_and_stay_within_a_minute() {
        for failed in [DELETE_FAILED, READ_FAILED] {
            let mut breaker = opened();
            let (mut now, mut probes) = (0, Vec::new());
            while now < 600 {
                if admit(&breaker, 7, now).is_ok() {
                    breaker.begin(&7, at(now));
                    assert!(admit(&breaker, 8, now).is_err(), "one at a time");
                    assert_eq!(breaker.record_result(&7, failed, at(now)), Charge::Account);
                    probes.push(now);
                }
                now += 1;
            }
            assert_eq!(probes[..5], [5, 15, 35, 75, 135]);
            assert!(probes.windows(2).all(|pair| pair[1] - pair[0] <= 60), "{probes:?}");
            admit(&breaker, 8, now).unwrap_err();
            breaker.record_result(&1, Works, at(now));
            assert_eq!((admit(&breaker, 8, now), breaker.open_since()), (Ok(()), None));
        }
    }

    /// Probes are at whole seconds, as a status tells them: so nobody comes before the one that is told.
    #[test]
    fn probes_are_at_whole_seconds() {
        let later = |seconds, milliseconds| at(seconds) + SignedDuration::from_millis(milliseconds);
        let mut breaker = Breaker::default();
        for caller in 0..3 {
            breaker.record_result(&caller, DELETE_FAILED, later(0, 300));
        }
        for (begun, outcome, next) in [(6, DELETE_FAILED, 17), (17, Nothing, 28), (28, DELETE_FAILED, 49)] {
            assert_eq!(admit(&breaker, 7, begun - 1).unwrap_err().probe_at, at(begun));
            breaker.begin(&7, at(begun));
            breaker.record_result(&7, outcome, later(begun, 700));
            assert_eq!(admit(&breaker, 7, begun).unwrap_err().probe_at, at(next));
        }
        breaker.record_result(&0, Readable, at(49));
        for _ in 0..3 {
            breaker.record_result(&7, READ_FAILED, later(50, 1));
        }
        assert_eq!(admit(&breaker, 7, 50).unwrap_err().probe_at, at(56));
    }

    /// While few campaigns have failed, it may be those campaigns: another does not wait to find out, whoever probes.
    #[test]
    fn two_campaigns_do_not_hold_up_another() {
        let mut breaker = Breaker::default();
        for caller in [1, 2, 1, 2] {
            breaker.record_result(&caller, DELETE_FAILED, at(0));
        }
        assert!(admit(&breaker, 1, 0).is_err() && admit_again(&breaker, 2, 0).is_err());
        assert_eq!(admit(&breaker, 3, 0), Ok(()));
        breaker.begin(&1, at(5));
        assert_eq!(admit(&breaker, 3, 5), Ok(()));
        breaker.begin(&3, at(5));
        breaker.record_result(&3, DELETE_FAILED, at(6));
        assert!(admit(&breaker, 4, 6).is_err(), "a third one shows that it is not those two");
    }

    /// What fails again and again tells of itself alone.
    #[test]
    fn campaigns_that_have_failed_before_are_no_evidence() {
        let mut breaker = Breaker::default();
        for caller in 0..50 {
            breaker.record_result(&caller, FAILED_AGAIN, at(0));
        }
        assert!(breaker.open_since().is_some() && admit_again(&breaker, 7, 0).is_err());
        assert_eq!(admit(&breaker, 99, 0), Ok(()));
    }

    /// Reads work, DELETEs fail: they are tried with a tenth of the quota, and charged to the campaigns.
    #[test]
    fn deletes_that_fail_while_reads_work_cost_a_tenth_of_the_quota() {
        let mut breaker = opened();
        assert!(breaker.wants_diagnostic_read());
        assert_eq!(breaker.record_result(&0, Readable, at(5)), Charge::Campaign);
        assert!(!breaker.wants_diagnostic_read());
        let mut tries = Vec::new();
        for now in 5..605 {
            while admit(&breaker, 7, now).is_ok() {
                breaker.begin(&7, at(now));
                assert!(
                    breaker.admit_read(Candidate { caller: &9, fresh: true, quota: QUOTA }, at(now)).is_ok()
                );
                assert_eq!(breaker.record_result(&7, DELETE_FAILED, at(now)), Charge::Campaign);
                tries.push(now);
            }
        }
        assert_eq!(tries.len(), 60);
        assert!(tries.windows(7).all(|few| few[6] - few[0] >= 60), "{tries:?}");
        assert!(breaker.open_since().is_some());
        assert_eq!(breaker.record_result(&7, Works, at(605)), Charge::Campaign);
        assert_eq!(breaker.open_since(), None);
    }

    /// Tries that take long to fail do not wait for each other, and cost no more than their part of the quota.
    #[test]
    fn deletes_that_hang_while_reads_work_are_tried_side_by_side() {
        let mut breaker = opened();
        breaker.record_result(&0, Readable, at(5));
        let mut tries = 0;
        while tries < 10 && admit(&breaker, 10 + tries, 6).is_ok() {
            breaker.begin(&(10 + tries), at(6));
            tries += 1;
        }
        assert_eq!(tries, 6);
        breaker.record_result(&10, DELETE_FAILED, at(16));
        assert_eq!(admit(&breaker, 20, 16).unwrap_err().probe_at, at(66));
    }

    /// If reads fail, too, it is an outage again.
    #[test]
    fn reads_that_fail_make_it_an_outage() {
        let mut breaker = opened();
        breaker.record_result(&0, Readable, at(5));
        for caller in 10..12 {
            assert_eq!(breaker.record_result(&caller, READ_FAILED, at(6)), Charge::Campaign);
        }
        assert_eq!(breaker.record_result(&12, READ_FAILED, at(6)), Charge::Account);
        assert_eq!(admit(&breaker, 7, 6).unwrap_err().probe_at, at(11));
        let mut reads_only = Breaker::default();
        for caller in 0..3 {
            reads_only.record_result(&caller, READ_FAILED, at(0));
        }
        assert!(reads_only.open_since().is_some() && !reads_only.wants_diagnostic_read());
        reads_only.record_result(&1, Readable, at(5));
        assert_eq!(reads_only.open_since(), None, "nothing but reads had failed");
    }

    /// Credentials that were never accepted are held after the first refusal; others after a run of them.
    #[test]
    fn credentials_that_were_never_accepted_are_held_at_once() {
        let mut breaker = Breaker::cautious();
        assert_eq!(breaker.record_result(&1, DELETE_FAILED, at(0)), Charge::Account);
        assert!(admit(&breaker, 2, 0).is_err());
        breaker.record_result(&1, Works, at(5));
        assert_eq!(breaker.record_result(&1, DELETE_FAILED, at(6)), Charge::Campaign);
        assert_eq!(admit(&breaker, 2, 6), Ok(()));
    }

    /// After a restart the probes go on: at the promised time, or as late as they would have been.
    #[test]
    fn a_restart_does_not_begin_the_probes_anew() {
        let inherited = |since: i64, promised: Option<i64>| {
            let mut breaker = Breaker::default();
            breaker.inherit(at(since), promised.map(at), None, at(0));
            assert_eq!(breaker.open_since(), Some(at(since)));
            (0..200).find(|now| admit(&breaker, 1, *now).is_ok()).unwrap()
        };
        assert_eq!(inherited(-600, Some(20)), 20);
        assert_eq!(inherited(-600, Some(4000)), 60, "a time that no probe would have");
        assert_eq!(inherited(-36_000, Some(-35_990)), 0, "it was due long ago");
        assert_eq!((inherited(-600, None), inherited(-2, None)), (60, 5));
    }

    /// Two campaigns were in trouble before a restart: they are, and no other is; three show that it is anybody's.
    #[test]
    fn a_restart_holds_whom_the_trouble_concerns() {
        let inherited = |held: &[u32]| {
            let mut breaker = Breaker::default();
            breaker.inherit(at(-600), Some(at(40)), Some(&held.iter().copied().collect()), at(0));
            breaker
        };
        let two = inherited(&[1, 2]);
        assert!(admit(&two, 1, 0).is_err() && admit_again(&two, 9, 0).is_err());
        assert_eq!((admit(&two, 3, 0), two.holds_all()), (Ok(()), false));
        assert!(admit(&inherited(&[1, 2, 3]), 4, 0).is_err());
    }

    /// A probe of which nothing is heard, because its pass was cut off, does not close the account for ever.
    #[test]
    fn a_lost_probe_is_followed_by_another() {
        let mut breaker = opened();
        breaker.begin(&7, at(5));
        let trouble = admit(&breaker, 8, 6).unwrap_err();
        assert!(trouble.probe_at > at(6), "a time that is not in the future is a hot loop");
        assert!(admit(&breaker, 8, 64).is_err());
        assert_eq!(admit(&breaker, 8, 65), Ok(()));
    }

    proptest! {
        /// Whatever happened: somebody may probe within a minute, or a minute after a lost probe.
        #[test]
        fn nobody_waits_for_ever(
            steps in prop::collection::vec((0u32..4, 0i64..100, 0u32..8, any::<bool>()), 0..200),
            cautious: bool,
        ) {
            let mut breaker = if cautious { Breaker::cautious() } else { Breaker::default() };
            let mut now = 0;
            for (caller, pause, what, fresh) in steps {
                now += pause;
                let evidence = match what {
                    0 => Evidence::DeleteFailed { fresh },
                    1 => Evidence::ReadFailed { fresh },
                    2 => Nothing,
                    3 => Works,
                    4 => Readable,
                    _ => {
                        if admit(&breaker, caller, now).is_ok() {
                            breaker.begin(&caller, at(now));
                        }
                        continue;
                    }
                };
                breaker.record_result(&caller, evidence, at(now));
                if let Err(trouble) = admit(&breaker, caller, now) {
                    prop_assert!(trouble.probe_at > at(now));
                }
                prop_assert_eq!(admit(&breaker, caller, now + 60), Ok(()));
                prop_assert_eq!(admit_again(&breaker, caller, now + 60), Ok(()));
            }
        }
    }
}
