use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

/// So many failures in a row, of whomever, and the account is taken to be in trouble.
const RUN: u32 = 3;
/// Pause before the first probe …
const SHORTEST: SignedDuration = SignedDuration::from_secs(5);
/// … and the longest before any other: how late the first call after an outage may be.
const LONGEST: SignedDuration = SignedDuration::from_secs(60);
/// A probe of which nothing was heard for so long is lost: longer than any deadline of a call.
const LOST: SignedDuration = SignedDuration::from_secs(60);

/// What an outcome says of the whole account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The service works, whatever it has said of the one campaign.
    Well,
    /// It may be in trouble: no answer, a 5xx, the credentials refused.
    Ill,
    /// Nothing.
    Unclear,
}

/// Whom a failure is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// The campaign: its own backoff grows.
    Campaign,
    /// The account: its clock says when to come again, and the campaign's backoff stays as it is.
    Account,
}

/// Whether an account is called, or probed only.
///
/// ```text
///             a run of failures                    a probe fails: the pause doubles
///   closed ──────────────────────▶ open ──(5 s)──▶ probe ──────────────────────────▶ open ──(… 60 s)──▶ probe …
///     ▲                                              │
///     └──────────────────── any success ─────────────┘
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Breaker<K> {
    /// Failures since the last success.
    run: u32,
    /// Whose they were.
    failed: BTreeSet<K>,
    open: Option<Open<K>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Open<K> {
    since: Timestamp,
    pause: SignedDuration,
    probe_at: Timestamp,
    /// Who probes, and since when.
    probing: Option<(K, Timestamp)>,
}

/// The account is in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// When it is probed next.
    pub probe_at: Timestamp,
}

impl<K> Default for Breaker<K> {
    fn default() -> Self {
        Self { run: 0, failed: BTreeSet::new(), open: None }
    }
}

impl<K: Ord + Clone> Breaker<K> {
    /// Whether a caller may call now.
    ///
    /// # Errors
    /// If the account is in trouble, and it is not the caller's turn to probe it.
    pub fn admit(&self, caller: &K, now: Timestamp) -> Result<(), Trouble> {
        let Some(open) = &self.open else { return Ok(()) };
        let probed = open.probing.as_ref().map(|(_, since)| *since + LOST).filter(|lost| *lost > now);
        // Only one campaign has failed: it may be that campaign. Another need not wait to show it.
        let suspect = self.failed.len() > 1 || self.failed.contains(caller);
        match probed {
            None if open.probe_at <= now || !suspect => Ok(()),
            Some(_) | None => Err(Trouble {
                since: open.since,
                probe_at: if open.probe_at > now { open.probe_at } else { now + SHORTEST },
            }),
        }
    }

    /// A caller that was admitted calls now.
    pub fn begin(&mut self, caller: &K, now: Timestamp) {
        if let Some(open) = &mut self.open {
            open.probing = Some((caller.clone(), now));
        }
    }

    /// Takes in what became of a call, and says whom a failure is charged to.
    pub fn heard(&mut self, caller: &K, health: Health, now: Timestamp) -> Charge {
        let probed = self
            .open
            .as_ref()
            .is_some_and(|open| open.probing.as_ref().is_some_and(|(prober, _)| prober == caller));
        match health {
            Health::Well => {
                *self = Self::default();
                return Charge::Campaign;
            }
            Health::Unclear if probed => {}
            Health::Unclear => return Charge::Campaign,
            Health::Ill => {
                self.run = self.run.saturating_add(1);
                self.failed.insert(caller.clone());
            }
        }
        match &mut self.open {
            Some(open) if probed => {
                open.pause = (open.pause * 2).min(LONGEST);
                (open.probe_at, open.probing) = (now + open.pause, None);
                Charge::Account
            }
            // It was begun before.
            Some(_) => Charge::Account,
            None if self.run < RUN => Charge::Campaign,
            None => {
                let probe_at = now + SHORTEST;
                self.open = Some(Open { since: now, pause: SHORTEST, probe_at, probing: None });
                Charge::Account
            }
        }
    }

    /// Since when the account is in trouble, if it is.
    pub fn open_since(&self) -> Option<Timestamp> {
        self.open.as_ref().map(|open| open.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn opened() -> Breaker<u32> {
        let mut breaker = Breaker::default();
        for caller in 0..3 {
            breaker.heard(&caller, Health::Ill, at(0));
        }
        breaker
    }

    /// A success between failures is a service that works: each failure is the campaign's own.
    #[test]
    fn only_a_run_of_failures_opens_it() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            assert_eq!(breaker.heard(&1, Health::Ill, at(0)), Charge::Campaign);
            assert_eq!(breaker.heard(&2, Health::Ill, at(0)), Charge::Campaign);
            assert_eq!(breaker.heard(&9, Health::Unclear, at(0)), Charge::Campaign);
            assert_eq!(breaker.heard(&3, Health::Well, at(0)), Charge::Campaign);
        }
        assert_eq!(breaker.open_since(), None);
        assert_eq!(opened().open_since(), Some(at(0)));
    }

    /// 5 s after it has opened, then 10, 20, 40, and every 60 s: some 15 probes in 10 minutes.
    #[test]
    fn probes_become_rare_and_stay_within_a_minute() {
        let mut breaker = opened();
        let (mut now, mut probes) = (0, Vec::new());
        while now < 600 {
            if breaker.admit(&7, at(now)).is_ok() {
                breaker.begin(&7, at(now));
                assert!(breaker.admit(&8, at(now)).is_err(), "one at a time");
                assert_eq!(breaker.heard(&7, Health::Ill, at(now)), Charge::Account);
                probes.push(now);
            }
            now += 1;
        }
        assert_eq!(probes[..5], [5, 15, 35, 75, 135]);
        assert!(probes.windows(2).all(|pair| pair[1] - pair[0] <= 60), "{probes:?}");
        breaker.admit(&8, at(now)).unwrap_err();
        breaker.heard(&1, Health::Well, at(now));
        assert_eq!((breaker.admit(&8, at(now)), breaker.open_since()), (Ok(()), None));
    }

    /// While but one campaign has failed, it may be that campaign: another does not wait to find out.
    #[test]
    fn one_campaign_does_not_hold_up_another() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.heard(&1, Health::Ill, at(0));
        }
        assert!(breaker.admit(&1, at(0)).is_err());
        assert_eq!(breaker.admit(&2, at(0)), Ok(()));
        breaker.begin(&2, at(0));
        assert!(breaker.admit(&3, at(0)).is_err(), "one at a time");
        breaker.heard(&2, Health::Ill, at(1));
        assert!(breaker.admit(&3, at(1)).is_err());
    }

    /// A probe of which nothing is heard, because its pass was cut off, does not close the account for ever.
    #[test]
    fn a_lost_probe_is_followed_by_another() {
        let mut breaker = opened();
        breaker.begin(&7, at(5));
        let trouble = breaker.admit(&8, at(6)).unwrap_err();
        assert!(trouble.probe_at > at(6), "a time that is not in the future is a hot loop");
        assert!(breaker.admit(&8, at(64)).is_err());
        assert_eq!(breaker.admit(&8, at(65)), Ok(()));
    }

    proptest! {
        /// Whatever happened: somebody may probe within a minute, or a minute after a lost probe.
        #[test]
        fn nobody_waits_for_ever(steps in prop::collection::vec((0u32..4, 0i64..100, 0u32..4), 0..200)) {
            let (mut breaker, mut now) = (Breaker::default(), 0);
            for (caller, pause, what) in steps {
                now += pause;
                match what {
                    0 => { breaker.heard(&caller, Health::Ill, at(now)); }
                    1 => { breaker.heard(&caller, Health::Unclear, at(now)); }
                    2 => { breaker.heard(&caller, Health::Well, at(now)); }
                    _ => if breaker.admit(&caller, at(now)).is_ok() { breaker.begin(&caller, at(now)) },
                }
                if let Err(trouble) = breaker.admit(&caller, at(now)) {
                    prop_assert!(trouble.probe_at > at(now));
                }
                prop_assert_eq!(breaker.admit(&caller, at(now + 60)), Ok(()));
            }
        }
    }
}
