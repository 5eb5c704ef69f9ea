use super::*;

/// 200 callers at 60 calls a minute: the first 60 call at once, the others in their order as the window
/// moves.
#[test]
fn callers_drain_at_the_full_quota() {
    let callers: Vec<u32> = (0..200).collect();
    let served = drain(&mut AccountClock::default(), &callers, 60, 0);
    assert_quota(&times(&served), 60);
    assert_eq!(served.iter().map(|(_, caller)| *caller).collect::<Vec<_>>(), callers);
    let last = served.last().unwrap().0.duration_since(at(0));
    // Three windows after the first burst would be ideal: 180 s.
    assert!(last <= SignedDuration::from_secs(184), "{last}");
    assert_quota(&times(&drain(&mut AccountClock::default(), &callers[..6], 1, 0)), 1);
}

/// The caller that was due first goes first, in whatever order callers come.
#[test]
fn the_oldest_goes_first() {
    let mut clock = AccountClock::default();
    assert_eq!(clock.claim(&0, Place::deletion(at(0)), at(0), 1), Turn::Go);
    let claim =
        |clock: &mut AccountClock<u32>, caller, place| slot_of(clock.claim(&caller, place, seconds(1), 1));
    let first = claim(&mut clock, 1, Place::retry(seconds(-1)));
    for (caller, place) in
        [(2, Place::proof(at(0))), (3, Place::deletion(seconds(1))), (4, Place::deletion(at(0)))]
    {
        assert_eq!(claim(&mut clock, caller, place), first, "nobody stands before it");
    }
    assert_eq!(clock.waiting(), [4, 3, 2, 1]);
    // A proof goes before a deletion that is due 5 minutes later; a failed campaign, behind all that have not
    // failed.
    claim(&mut clock, 5, Place::deletion(seconds(3600)));
    claim(&mut clock, 6, Place::deletion(at(0)).of_diagnostic_read(seconds(3600)));
    assert_eq!(clock.waiting(), [6, 4, 3, 2, 5, 1]);
}

/// A caller that never comes, because its object was removed otherwise, does not block those behind it for
/// ever.
#[test]
fn a_place_that_nobody_uses_passes() {
    let mut clock = AccountClock::default();
    for caller in 0..600 {
        let _ = claim(&mut clock, caller, at(0), 60);
    }
    for caller in 0..600 {
        clock.release(&caller);
    }
    assert!(slot_of(claim(&mut clock, 1000, at(0), 60)) < at(70_000));
    let mut clock = AccountClock::default();
    assert_eq!(claim(&mut clock, 1, at(0), 1), Turn::Go);
    slot_of(claim(&mut clock, 2, at(0), 1));
    assert_eq!(claim(&mut clock, 3, at(200_000), 1), Turn::Go);
    assert!(clock.queue.len() == 0 && clock.queue.is_consistent(), "lost callers are forgotten");
}

/// Only a caller that may call can give back its turn: one that waits keeps its place.
#[test]
fn whoever_waits_has_nothing_to_give_back() {
    let mut clock = AccountClock::<u32>::default();
    let mut ask = |caller| clock.ask(&caller, Place::deletion(at(0)), at(0), 1);
    assert_eq!(ask(1), Turn::Go);
    slot_of(ask(2));
    assert_eq!(clock.give_back(&2), None);
    assert_eq!(clock.give_back(&1), Some(Vec::new()));
    assert_eq!((clock.give_back(&1), clock.waiting()), (None, vec![2]));
    assert_eq!(clock.moved_up(at(0)), [2]);
}

/// As many callers may call as the quota allows, although none has called yet; the others are promised a
/// time.
#[test]
fn asking_takes_a_place_and_no_call() {
    let mut clock = AccountClock::default();
    let mut ask = |caller| clock.ask(&caller, Place::deletion(at(0)), at(0), 60);
    assert!((0..60).all(|caller| ask(caller) == Turn::Go));
    assert!((60..200).all(|caller| slot_of(ask(caller)) >= seconds(60)));
    assert_eq!(ask(59), Turn::Go, "again");
    assert!((0..60).all(|caller| claim(&mut clock, caller, at(0), 60) == Turn::Go));
    assert_eq!(slot_of(claim(&mut clock, 60, at(0), 60)), seconds(61));
    // In whatever order callers come, no more than the quota may call.
    let mut clock: AccountClock<u32> = AccountClock::default();
    let mut ask = |caller| clock.ask(&caller, Place::deletion(at(0)), at(0), 10);
    let mut may_call = || (0..40).rev().filter(|caller| ask(*caller) == Turn::Go).collect::<Vec<u32>>();
    assert_eq!(may_call().len(), 10);
    assert_eq!(may_call().len(), 10, "again");
}

/// Callers come in any order, and the first that come get the turns of this minute. They keep them when those
/// that were due earlier have come, too: those were promised a time in the next minutes, ten for each.
#[test]
fn a_turn_is_kept() {
    let mut clock = AccountClock::<u32>::default();
    let claim = |clock: &mut AccountClock<u32>, caller| claim(clock, caller, at(0), 10);
    let mut ask = |caller| clock.ask(&caller, Place::deletion(at(0)), at(0), 10);
    assert!((30..40).rev().all(|caller| ask(caller) == Turn::Go));
    let next_minutes = |caller: u32| seconds(61 * (1 + i64::from(caller) / 10));
    assert!((0..30).all(|caller| slot_of(ask(caller)) == next_minutes(caller)));
    assert!((30..40).all(|caller| claim(&mut clock, caller) == Turn::Go), "the window is used up");
    assert!((0..30).all(|caller| slot_of(claim(&mut clock, caller)) == next_minutes(caller)));
}

/// A promised time does not move while the callers before it are late. Another time is promised only once the
/// first has come, or if the service asks for a long pause.
#[test]
fn a_promise_does_not_move_with_those_who_are_late() {
    let mut clock = AccountClock::default();
    let ask =
        |clock: &mut AccountClock<u32>, caller, now| clock.ask(&caller, Place::deletion(at(0)), now, 10);
    assert!((0..10).all(|caller| ask(&mut clock, caller, at(0)) == Turn::Go));
    let promised = slot_of(ask(&mut clock, 10, at(0)));
    for second in 1..61 {
        assert_eq!(slot_of(ask(&mut clock, 10, seconds(second))), promised, "nobody has called yet");
    }
    assert!((0..10).all(|caller| claim(&mut clock, caller, seconds(40), 10) == Turn::Go));
    assert_eq!(promised, seconds(61));
    assert_eq!(slot_of(ask(&mut clock, 10, promised)), seconds(101), "a window after those before it called");
    clock.cool_down(seconds(600));
    assert_eq!(slot_of(ask(&mut clock, 10, seconds(62))), seconds(600));
}

/// A slow call counts from when it must have arrived, however long its answer takes. Until the answer,
/// promises do not depend on it.
#[test]
fn a_slow_call_counts_from_when_it_has_arrived() {
    for (answered, free) in [(0, 60_100), (1_500, 61_600), (6_000, 66_100), (30_000, 66_100)] {
        let mut clock: AccountClock<u32> = AccountClock::default();
        assert_eq!(claim(&mut clock, 1, at(0), 1), Turn::Go);
        assert_eq!(slot_of(claim(&mut clock, 2, at(0), 1)), seconds(61));
        clock.record_result(&1, Evidence::Works, at(answered));
        clock.record_result(&1, Evidence::Works, at(answered + 40_000));
        assert_ne!(claim(&mut clock, 3, at(free - 1), 1), Turn::Go);
        clock.release(&2);
        assert_eq!(claim(&mut clock, 3, at(free), 1), Turn::Go, "answered after {answered} ms");
        clock.record_result(&1, Evidence::Works, at(free));
        assert_eq!((clock.window.calls(), clock.window.under_way()), (&VecDeque::from([at(free)]), 1));
    }
    // Of several calls, each counts for itself.
    let mut clock: AccountClock<u32> = AccountClock::default();
    let begin = [(1, 0), (2, 100), (3, 200)];
    assert!(begin.iter().all(|(caller, begun)| claim(&mut clock, *caller, at(*begun), 3) == Turn::Go));
    clock.record_result(&1, Evidence::Works, at(1_000));
    clock.record_result(&3, Evidence::Nothing, at(1_100));
    assert_eq!(*clock.window.calls(), [100, 1_000, 1_100].map(at));
}

/// A caller that asks again before its time is promised the same time, and delays nobody else.
#[test]
fn a_promise_is_kept() {
    let mut clock = AccountClock::default();
    assert_eq!(claim(&mut clock, 1, at(0), 1), Turn::Go);
    let slot = slot_of(claim(&mut clock, 2, at(10), 1));
    let behind = slot_of(claim(&mut clock, 3, at(20), 1));
    assert!(behind > slot);
    for moment in [30, 5_000, 59_000] {
        assert_eq!(claim(&mut clock, 2, at(moment), 1), Turn::At(slot));
    }
    assert_eq!(claim(&mut clock, 2, slot, 1), Turn::Go);
    assert_eq!(claim(&mut clock, 3, slot, 1), Turn::At(behind), "also when there is room a little earlier");
}

/// Retry-After moves every caller of the account, in order.
#[test]
fn a_cool_down_moves_all() {
    let mut clock = AccountClock::default();
    assert_eq!(claim(&mut clock, 1, at(0), 2), Turn::Go);
    assert_eq!(claim(&mut clock, 2, at(0), 2), Turn::Go);
    let all = |clock: &mut AccountClock<u32>| -> Vec<Timestamp> {
        (3..9).map(|caller| slot_of(claim(clock, caller, at(1), 2))).collect()
    };
    let before = all(&mut clock);
    clock.cool_down(at(300_000));
    let after = all(&mut clock);
    assert_eq!(after[0], at(300_000));
    for (before, after) in before.windows(2).zip(after.windows(2)) {
        assert_eq!(before[1].duration_since(before[0]), after[1].duration_since(after[0]));
    }
    // A newcomer is held, too.
    assert!(slot_of(claim(&mut clock, 99, at(1), 2)) >= at(300_000));
}

/// Calls that can wait leave half of the quota to deletions, and room for all callers in the queue.
#[test]
fn spare_calls_leave_room() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    assert_eq!(clock.claim_spare(&7, at(0), 4), Turn::Go);
    assert_eq!(clock.claim_spare(&7, at(0), 4), Turn::Go);
    assert_eq!(clock.claim_spare(&7, at(0), 4), Turn::At(whole_second(at(0) + WINDOW)));
    assert_eq!(claim(&mut clock, 1, at(0), 4), Turn::Go);
    assert_eq!(claim(&mut clock, 2, at(0), 4), Turn::Go);
    slot_of(claim(&mut clock, 3, at(0), 4));
    slot_of(claim(&mut clock, 4, at(0), 4));
    assert!(slot_of(clock.claim_spare(&7, at(60_600), 4)) > at(60_600), "two callers wait for that half");
    assert_eq!(claim(&mut clock, 3, at(62_000), 4), Turn::Go);
    assert_eq!(claim(&mut clock, 4, at(62_000), 4), Turn::Go);
    assert!(slot_of(clock.claim_spare(&7, at(62_000), 4)) > at(62_000));
    assert_eq!(clock.claim_spare(&7, at(123_000), 4), Turn::Go);
}

/// A caller that gives up its place leaves it to the next.
#[test]
fn a_released_place_is_free_again() {
    let mut clock = AccountClock::default();
    assert_eq!(claim(&mut clock, 1, at(0), 1), Turn::Go);
    let slot = slot_of(claim(&mut clock, 2, at(0), 1));
    clock.release(&2);
    assert_eq!(claim(&mut clock, 3, at(0), 1), Turn::At(slot));
}
