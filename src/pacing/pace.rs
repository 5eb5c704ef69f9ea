use jiff::{SignedDuration, Timestamp};

/// How often the pace is changed at most: refusals come in bunches, and an increase must have had time to
/// show.
const STEP: SignedDuration = SignedDuration::from_secs(60);
/// The part of the quota that the pace grows by.
const RISE: usize = 10;

/// How much of the quota is ours. Kore counts all integrations of the account: when it refuses although we
/// kept to the quota, others use their part. The pace is halved then, and grows by a tenth of the quota a
/// minute (additive increase, multiplicative decrease, as TCP does).
///
/// Several connections of one account may name different quotas: the largest is what the account is used
/// with, so that one is halved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    cut: Option<Cut>,
    /// The largest quota that was named lately, and when.
    largest: (usize, Timestamp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Cut {
    calls: usize,
    /// The quota that was cut.
    quota: usize,
    changed_at: Timestamp,
    halved_at: Timestamp,
}

impl Default for Pace {
    fn default() -> Self {
        Self { cut: None, largest: (1, Timestamp::MIN) }
    }
}

impl Pace {
    /// Most calls in a window, of a quota. At least one.
    pub fn of(&mut self, quota: usize, now: Timestamp) -> usize {
        let quota = quota.max(1);
        let (largest, named_at) = self.largest;
        if quota >= largest || named_at + STEP <= now {
            self.largest = (quota, now);
        }
        while let Some(cut @ Cut { calls, changed_at, .. }) = self.cut {
            if calls >= cut.quota {
                self.cut = None;
            } else if changed_at + STEP <= now {
                let calls = calls + cut.quota.div_ceil(RISE);
                self.cut = Some(Cut { calls, changed_at: changed_at + STEP, ..cut });
            } else {
                return calls.min(quota);
            }
        }
        quota
    }

    /// The service refused a call for the rate limit, although no more than the quota were made.
    pub fn refused(&mut self, now: Timestamp) {
        let (quota, _) = self.largest;
        let calls = self.of(quota, now);
        if self.cut.is_none_or(|cut| cut.halved_at + STEP <= now) {
            self.cut = Some(Cut { calls: (calls / 2).max(1), quota, changed_at: now, halved_at: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// R20: refusals come in bunches; together they halve the pace once. It is back after five minutes.
    #[test]
    fn it_is_halved_once_and_rises_by_a_tenth_a_minute() {
        let mut pace = Pace::default();
        assert_eq!(pace.of(60, at(0)), 60);
        (0..10).for_each(|second| pace.refused(at(second)));
        assert_eq!(pace.of(60, at(59)), 30);
        assert_eq!([60, 120, 180, 240].map(|second| pace.of(60, at(second))), [36, 42, 48, 54]);
        assert_eq!(pace.of(60, at(300)), 60);
        assert!(pace.cut.is_none());
    }

    /// While others use the account up, it falls to where a minute's rise and a halving meet, and never to
    /// nothing.
    #[test]
    fn it_never_stops() {
        let mut pace = Pace::default();
        pace.of(60, at(0));
        (0..20).for_each(|minute| pace.refused(at(minute * 60)));
        assert!((1..=12).contains(&pace.of(60, at(20 * 60))), "{pace:?}");
        let mut pace = Pace::default();
        (0..20).for_each(|minute| pace.refused(at(minute * 61)));
        assert_eq!((pace.of(1, at(0)), pace.of(0, at(0))), (1, 1));
    }

    /// Who names a smaller quota keeps to it, and leaves the halving of the larger one as it is.
    #[test]
    fn a_smaller_quota_ends_no_halving() {
        let mut pace = Pace::default();
        assert_eq!((pace.of(60, at(0)), pace.of(1, at(0))), (60, 1));
        pace.refused(at(0));
        assert_eq!((pace.of(1, at(1)), pace.of(60, at(1)), pace.of(40, at(1))), (1, 30, 30));
        assert_eq!((pace.of(20, at(61)), pace.of(60, at(61))), (20, 36));
        assert_eq!((pace.of(20, at(300)), pace.of(60, at(300))), (20, 60));
    }
}
