use super::Evidence::{Nothing, Readable, Works};
use super::*;
use jiff::SignedDuration;
use proptest::prelude::*;

const QUOTA: usize = 60;
const DELETE_FAILED: Evidence = Evidence::DeleteFailed { fresh: true };
const READ_FAILED: Evidence = Evidence::ReadFailed { fresh: true };
const FAILED_AGAIN: Evidence = Evidence::DeleteFailed { fresh: false };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn admit(breaker: &Breaker<u32>, caller: u32, now: i64) -> Result<(), Trouble> {
    breaker.admit(&Candidate { caller: &caller, fresh: true, quota: QUOTA }, at(now))
}

fn admit_again(breaker: &Breaker<u32>, caller: u32, now: i64) -> Result<(), Trouble> {
    breaker.admit(&Candidate { caller: &caller, fresh: false, quota: QUOTA }, at(now))
}

fn opened() -> Breaker<u32> {
    let mut breaker = Breaker::default();
    for caller in 0..3 {
        breaker.record_result(&caller, DELETE_FAILED, at(0));
    }
    breaker
}

/// A success between failures shows that the service works: each failure is the campaign's own.
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

/// Probes follow 5 s after the breaker has opened, then after 10, 20, 40, and every 60 s: about 15 in 10
/// minutes.
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

/// Probes are due at whole seconds, as status stores them: so nobody comes before the caller whose status
/// promises the probe.
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

/// While few campaigns have failed, the cause may be those campaigns: another one does not wait for their
/// probes.
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

/// A campaign that fails again and again shows nothing about others.
#[test]
fn campaigns_that_have_failed_before_are_no_evidence() {
    let mut breaker = Breaker::default();
    for caller in 0..50 {
        breaker.record_result(&caller, FAILED_AGAIN, at(0));
    }
    assert!(breaker.open_since().is_some() && admit_again(&breaker, 7, 0).is_err());
    assert_eq!(admit(&breaker, 99, 0), Ok(()));
}

/// While only DELETEs fail, they are tried with a tenth of the quota, and charged to the campaigns.
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
                breaker.admit_read(&Candidate { caller: &9, fresh: true, quota: QUOTA }, at(now)).is_ok()
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

/// The first refusal holds credentials that were never accepted; others, a run of refusals.
#[test]
fn credentials_that_were_never_accepted_are_held_at_once() {
    let mut breaker = Breaker::cautious();
    assert_eq!(breaker.record_result(&1, DELETE_FAILED, at(0)), Charge::Account);
    assert!(admit(&breaker, 2, 0).is_err());
    breaker.record_result(&1, Works, at(5));
    assert_eq!(breaker.record_result(&1, DELETE_FAILED, at(6)), Charge::Campaign);
    assert_eq!(admit(&breaker, 2, 6), Ok(()));
}

/// After a restart the probes go on: at the promised time, or at the interval that they had reached.
#[test]
fn a_restart_does_not_start_the_probes_over() {
    let inherited = |since: i64, promised: Option<i64>| {
        let mut breaker = Breaker::default();
        let trouble = EarlierTrouble { since: at(since), probe_at: promised.map(at), held: None };
        breaker.inherit(trouble, at(0));
        assert_eq!(breaker.open_since(), Some(at(since)));
        (0..200).find(|now| admit(&breaker, 1, *now).is_ok()).unwrap()
    };
    assert_eq!(inherited(-600, Some(20)), 20);
    assert_eq!(inherited(-600, Some(4000)), 60, "a time that no probe would have");
    assert_eq!(inherited(-36_000, Some(-35_990)), 0, "it was due long ago");
    assert_eq!((inherited(-600, None), inherited(-2, None)), (60, 5));
}

/// Two campaigns were in trouble before a restart: they still are, and no other is. Three show that any
/// campaign may be.
#[test]
fn a_restart_holds_whom_the_trouble_concerns() {
    let inherited = |held: &[u32]| {
        let mut breaker = Breaker::default();
        let held = held.iter().copied().collect();
        let trouble = EarlierTrouble { since: at(-600), probe_at: Some(at(40)), held: Some(&held) };
        breaker.inherit(trouble, at(0));
        breaker
    };
    let two = inherited(&[1, 2]);
    assert!(admit(&two, 1, 0).is_err() && admit_again(&two, 9, 0).is_err());
    assert_eq!((admit(&two, 3, 0), two.holds_all()), (Ok(()), false));
    assert!(admit(&inherited(&[1, 2, 3]), 4, 0).is_err());
}

/// A probe without a result, because its pass was cut off, does not close the account for ever.
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
