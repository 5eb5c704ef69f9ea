use jiff::{SignedDuration, Timestamp};

/// The pace changes at most once in this interval: refusals come in bunches, and an increase takes time to
/// show.
const STEP: SignedDuration = SignedDuration::from_secs(60);
/// The pace grows by one part in so many of the quota.
const RISE: usize = 10;

/// The part of the quota that the operator uses. Kore counts the calls of all integrations of an account: if
/// it refuses a call although the operator kept to the quota, other integrations use a part. The pace is
/// halved then, and grows by a tenth of the quota a minute (additive increase, multiplicative decrease, as in
/// TCP).
///
/// Connections of one account may name different quotas. The account is called up to the largest of them, so
/// the largest is halved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    cut: Option<Cut>,
    /// The largest quota that was named lately.
    largest_quota: usize,
    named_at: Timestamp,
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
        Self { cut: None, largest_quota: 1, named_at: Timestamp::MIN }
    }
}

impl Pace {
    /// How many calls a window may hold for this quota, in calls a minute; at least one.
    pub fn of(&mut self, quota: usize, now: Timestamp) -> usize {
        let quota = quota.max(1);
        if quota >= self.largest_quota || self.named_at + STEP <= now {
            (self.largest_quota, self.named_at) = (quota, now);
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

    /// Records that the service refused a call for the rate limit, although the quota was kept.
    pub fn refused(&mut self, now: Timestamp) {
        let quota = self.largest_quota;
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

    /// R20: refusals come in bunches; a bunch halves the pace once. The pace is back after five minutes.
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

    /// While others use up the account, the pace falls to where a minute's rise and a halving balance, and
    /// never to nothing.
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

    /// A caller with a smaller quota keeps to it, and does not end the halving of the larger one.
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
