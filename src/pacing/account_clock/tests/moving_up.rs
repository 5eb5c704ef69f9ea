use super::*;

/// If a whole round of callers leaves, the next round takes its place: the account is not idle for a minute.
#[test]
fn a_round_that_leaves_is_followed_by_the_next() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    let claim = |clock: &mut AccountClock<u32>, caller, now| claim(clock, caller, now, 10);
    assert!((0..10).all(|caller| claim(&mut clock, caller, at(0)) == Turn::Go));
    assert!((10..20).all(|caller| slot_of(claim(&mut clock, caller, at(0))) == seconds(61)));
    assert!((20..30).all(|caller| slot_of(claim(&mut clock, caller, at(0))) == seconds(122)));
    (10..20).for_each(|caller| drop(clock.release(&caller)));
    assert_eq!(clock.moved_up(seconds(10)), (20..30).collect::<Vec<u32>>());
    assert!((20..30).all(|caller| slot_of(claim(&mut clock, caller, seconds(10))) == seconds(61)));
    assert!(clock.moved_up(seconds(10)).is_empty(), "once");
}

/// The quota of the connection is raised: all callers that wait are woken, and their times move up, also
/// those promised before a restart. A little more room moves nobody.
#[test]
fn promised_times_move_up_when_there_is_much_more_room() {
    let mut clock = AccountClock::default();
    assert_eq!(claim(&mut clock, 0, at(0), 1), Turn::Go);
    let late: Vec<_> = (1..200).map(|caller| slot_of(claim(&mut clock, caller, at(0), 1))).collect();
    assert!(late[198] > seconds(198 * 60) && clock.moved_up(at(0)).is_empty());
    assert_eq!(claim(&mut clock, 0, seconds(1), 60), Turn::Go);
    assert_eq!(clock.moved_up(seconds(1)).len(), 199);
    assert!((1..59).all(|caller| claim(&mut clock, caller, seconds(2), 60) == Turn::Go));
    let soon: Vec<_> = (59..200).map(|caller| slot_of(claim(&mut clock, caller, seconds(2), 60))).collect();
    assert!(soon[140] < seconds(250), "{}", soon[140]);
    let again: Vec<_> = (59..200).map(|caller| slot_of(claim(&mut clock, caller, seconds(3), 60))).collect();
    assert_eq!(soon, again);
    let mut clock: AccountClock<u32> = AccountClock::default();
    clock.recall(&1, Place::deletion(at(0)), seconds(3600), at(0));
    assert_eq!(claim(&mut clock, 1, at(0), 60), Turn::Go);
}

/// Many callers wait for a connection with a smaller quota: a caller with a larger one does not wait for
/// promised times later than its own slot.
#[test]
fn a_smaller_quota_holds_up_nobody_with_a_larger_one() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..100 {
        let _ = claim(&mut clock, caller, at(0), 1);
    }
    assert_eq!(claim(&mut clock, 100, seconds(1), 60), Turn::Go);
    for caller in 101..159 {
        assert_eq!(claim(&mut clock, caller, seconds(1), 60), Turn::Go);
    }
    assert_eq!(
        slot_of(claim(&mut clock, 159, seconds(1), 60)),
        seconds(62),
        "behind the one that is promised 61 s"
    );
    assert!(slot_of(claim(&mut clock, 160, seconds(1), 1)) > seconds(99 * 60));
}

/// Many callers with a smaller quota stand in front, and many leave: callers behind, with a larger quota,
/// still move up.
#[test]
fn those_with_a_smaller_quota_keep_nobody_from_moving_up() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..100 {
        claim(&mut clock, caller, at(0), 1);
    }
    for caller in 100..700 {
        claim(&mut clock, caller, seconds(1), 60);
    }
    clock.moved_up(seconds(1));
    for caller in 200..600 {
        clock.release(&caller);
    }
    claim(&mut clock, 699, seconds(2), 60);
    let woken = clock.moved_up(seconds(2));
    assert!(woken.contains(&600) && woken.iter().all(|caller| *caller >= 600), "{woken:?}");
}

/// Callers in front leave without a call, as if their objects were orphaned: those behind move up, and none
/// is woken in vain.
#[test]
fn those_behind_many_that_leave_move_up() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..600 {
        claim(&mut clock, caller, at(0), 60);
    }
    assert_eq!(clock.waiting().len(), 540);
    let mut woken = 0;
    for caller in 60..540 {
        assert!(clock.release(&caller).is_empty());
        woken += clock.moved_up(at(0)).len();
    }
    assert!((60..=480).contains(&woken), "{woken}");
    assert!(clock.moved_up(at(0)).is_empty(), "once");
    let last = |clock: &mut AccountClock<u32>| claim(clock, 599, seconds(61), 60);
    assert_eq!(last(&mut clock), Turn::Go);
    for caller in 540..599 {
        assert_eq!(claim(&mut clock, caller, seconds(61), 60), Turn::Go);
    }
}

/// Others have used the account, and the pace has fallen and risen again: waiting callers follow it all the
/// way, and a caller that is woken early calls then.
#[test]
fn those_who_wait_follow_the_pace() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    (0..60).for_each(|caller| assert_eq!(claim(&mut clock, caller, at(0), 60), Turn::Go));
    (0..3).for_each(|minute| clock.refused(seconds(61 * minute)));
    let begun = 183;
    let mut comes: Vec<i64> = vec![begun; 1000];
    let (mut served, mut woken) = (Vec::new(), 0);
    for now in begun.. {
        while let Some(caller) = comes.iter().position(|comes| *comes <= now) {
            let caller = u32::try_from(caller).unwrap();
            comes[caller as usize] = match claim(&mut clock, caller, seconds(now), 60) {
                Turn::Go => {
                    served.push(seconds(now));
                    i64::MAX
                }
                turn => slot_of(turn).duration_since(at(0)).as_secs(),
            };
            for caller in clock.moved_up(seconds(now)) {
                comes[caller as usize] = now;
                woken += 1;
            }
        }
        if served.len() == 1000 {
            // The pace is back after seven minutes; then each 60 calls take a window.
            assert!(now <= begun + 61 * 19, "{} s", now - begun);
            break;
        }
    }
    assert_quota(&served, 60);
    assert!(woken < 2000, "{woken}");
}

/// No caller is woken twice, or in vain: not one that is about to call, has a smaller quota, or would come
/// too early.
#[test]
fn whoever_moves_up_is_woken_once() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..10 {
        assert_eq!(claim(&mut clock, caller, at(0), 10), Turn::Go);
    }
    for caller in 10..50 {
        slot_of(claim(&mut clock, caller, at(0), if caller == 45 { 9 } else { 10 }));
    }
    for caller in 10..40 {
        clock.release(&caller);
    }
    let ask = |clock: &mut AccountClock<u32>, caller: u32, now| {
        clock.ask(&caller, Place::deletion(at(0)), seconds(now), 10)
    };
    assert_eq!(slot_of(ask(&mut clock, 40, 1)), seconds(61));
    assert_eq!(
        clock.moved_up(seconds(1)),
        [41, 42, 43, 44, 46, 47, 48, 49],
        "all but the one with a smaller quota"
    );
    assert!(clock.moved_up(seconds(1)).is_empty(), "once");
    assert_eq!(slot_of(ask(&mut clock, 41, 2)), seconds(61));
    assert!(clock.moved_up(seconds(2)).is_empty(), "it was promised that time already");
    clock.recall(&60, Place::deletion(at(0)), seconds(3600), seconds(62));
    assert_eq!(ask(&mut clock, 60, 62), Turn::Go);
    assert!(!clock.moved_up(seconds(62)).contains(&60), "it has a turn");
}
