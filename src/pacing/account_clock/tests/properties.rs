use super::*;
use proptest::prelude::*;

proptest! {
    /// The quota holds whoever asks for what and when, between refusals, pauses and outages; also where some
    /// may call less often.
    #[test]
    fn the_quota_is_never_exceeded(
        quota in 1usize..8,
        steps in prop::collection::vec((0u32..6, 0i64..20_000, 0u32..26, 0i64..2_000_000, 0usize..8), 1..400),
    ) {
        let mut clock: AccountClock<u32> = AccountClock::default();
        let mut now = 0;
        let mut served = Vec::new();
        for (caller, pause, what, due, own) in steps {
            now += pause;
            let own = 1 + own % quota;
            let turn = match what {
                0 => { clock.cool_down(at(now + 5_000)); continue }
                1 => { clock.refused(at(now)); continue }
                2..=3 => { clock.record_result(&caller, FAILED, at(now)); continue }
                4 => { clock.record_result(&caller, Evidence::ReadFailed { fresh: true }, at(now)); continue }
                5..=6 => { clock.record_result(&caller, Evidence::Works, at(now)); continue }
                7 => { clock.record_result(&caller, Evidence::Readable, at(now)); continue }
                8 => { clock.release(&caller); continue }
                9 => { clock.recall(&caller, Place::deletion(at(due)), at(due), at(now)); continue }
                10..=12 => clock.claim_spare(&caller, at(now), own),
                13 => clock.claim(&caller, Place::proof(at(due)), at(now), own),
                14..=16 => clock.ask(&caller, Place::deletion(at(due)), at(now), own),
                17 => { clock.give_back(&caller); continue }
                18 => { clock.leave(&caller); clock.moved_up(at(now)); continue }
                _ => clock.claim(&caller, Place::deletion(at(due)), at(now), own),
            };
            match turn {
                Turn::Go if (14..=16).contains(&what) => {}
                Turn::Go => served.push(at(now)),
                Turn::At(until) | Turn::Held { until, .. } => prop_assert!(until > at(now)),
            }
            prop_assert!(clock.queue.is_consistent());
        }
        assert_quota(&served, quota);
    }

    /// No minute has more arrivals than the quota, if calls arrive up to six seconds after they began, and
    /// however long answers take.
    #[test]
    fn late_arrivals_do_not_exceed_the_quota(
        quota in 1usize..8,
        calls in prop::collection::vec((0i64..6_000, prop_oneof![0i64..50, 0i64..50_000]), 40),
    ) {
        let mut clock = AccountClock::default();
        let asks = (0..40).map(|caller| (at(0), caller, false));
        let mut events: BTreeSet<(Timestamp, u32, bool)> = asks.collect();
        let mut arrived = Vec::new();
        while let Some((now, caller, is_answer)) = events.pop_first() {
            if is_answer {
                clock.record_result(&caller, Evidence::Works, now);
                continue;
            }
            match claim(&mut clock, caller, now, quota) {
                Turn::Go => {
                    let (arrives, answered) = calls[caller as usize];
                    let arrives = now + SignedDuration::from_millis(arrives);
                    arrived.push(arrives);
                    events.insert((arrives + SignedDuration::from_millis(answered), caller, true));
                }
                Turn::At(until) | Turn::Held { until, .. } => { events.insert((until, caller, false)); }
            }
        }
        prop_assert_eq!(arrived.len(), 40);
        arrived.sort_unstable();
        assert_quota(&arrived, quota);
    }

    /// Whatever happened before: once the service works again, every caller that comes at its time is served,
    /// within the time that the quota takes.
    #[test]
    fn everybody_is_served_in_the_end(
        quota in 1usize..8,
        trouble in prop::collection::vec((0u32..30, 0i64..20_000, 0u32..4), 0..100),
    ) {
        let mut clock = AccountClock::default();
        let mut now = 0;
        for (caller, pause, what) in trouble {
            now += pause;
            match what {
                0 => clock.cool_down(at(now + 5_000)),
                1 => clock.refused(at(now)),
                _ => if claim(&mut clock, caller, at(now), quota) == Turn::Go {
                    clock.record_result(&caller, FAILED, at(now));
                },
            }
        }
        let begun = at(now);
        let mut waiting: Vec<(Timestamp, u32)> = (100..130).map(|caller| (begun, caller)).collect();
        let mut served = 0;
        while let Some(next) = waiting.iter().min().copied() {
            waiting.retain(|entry| *entry != next);
            match claim(&mut clock, next.1, next.0, quota) {
                Turn::Go => {
                    served += 1;
                    let woken = clock.record_result(&next.1, Evidence::Works, next.0).1;
                    let woken = waiting.iter_mut().filter(|(_, caller)| woken.contains(caller));
                    woken.for_each(|(at, _)| *at = next.0);
                }
                Turn::At(until) | Turn::Held { until, .. } => waiting.push((until, next.1)),
            }
            // For a minute, callers from before the trouble have places and do not come.
            let windows = i64::try_from(60usize.div_ceil(quota)).unwrap() + 12;
            let took = next.0.duration_since(begun);
            prop_assert!(took < SignedDuration::from_secs(62 * 2 * windows), "{served}");
        }
        prop_assert_eq!(served, 30);
    }
}
