use super::*;

/// After a restart, the calls of the last minute that statuses record count. A promised time shows that there
/// were as many calls as the quota allows.
#[test]
fn what_was_called_before_a_restart_counts() {
    // Calls that were under way may arrive as late as now.
    let mut clock: AccountClock<u32> = AccountClock::default();
    clock.inherit(&Past { calls: vec![at(-30_000)], under_way: 2, ..Past::default() }, at(0), 4);
    assert_eq!(claim(&mut clock, 1, at(0), 4), Turn::Go);
    assert_eq!(slot_of(claim(&mut clock, 2, at(0), 4)), whole_second(at(-30_000) + WINDOW));
    assert_eq!(slot_of(claim(&mut clock, 3, at(0), 4)), whole_second(at(0) + WINDOW));
    let calls = vec![at(-20_000), at(-90_000), at(-30_000)];
    let past = Past { calls, ..Past::default() };
    let mut clock: AccountClock<u32> = AccountClock::default();
    clock.inherit(&past, at(0), 4);
    assert_eq!(claim(&mut clock, 1, at(0), 4), Turn::Go);
    assert_eq!(claim(&mut clock, 2, at(0), 4), Turn::Go);
    assert_eq!(slot_of(claim(&mut clock, 3, at(0), 4)), whole_second(at(-30_000) + WINDOW));
    let mut clock: AccountClock<u32> = AccountClock::default();
    clock.inherit(&Past { promised: vec![at(5000)], ..past }, at(0), 60);
    clock.recall(&2, Place::deletion(at(0)), at(5000), at(0));
    assert_eq!(
        slot_of(claim(&mut clock, 2, at(0), 60)),
        at(5000),
        "the promise stands until its time has come"
    );
    assert_eq!(slot_of(claim(&mut clock, 2, at(5000), 60)), whole_second(at(-30_000) + WINDOW));
    assert_eq!(clock.window.calls().len(), 60);
    assert_eq!(claim(&mut clock, 2, at(70_000), 60), Turn::Go);
}

/// After a restart, the window counts as full for every quota, as long as one promise is recent.
#[test]
fn the_window_is_full_for_all_after_a_restart() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    let promised = vec![seconds(-600), seconds(3)];
    clock.inherit(&Past { promised, ..Past::default() }, at(0), 10);
    assert_eq!(slot_of(claim(&mut clock, 0, at(0), 10)), seconds(61));
    assert_eq!(slot_of(claim(&mut clock, 1, at(0), 60)), seconds(61));
    let goes = |clock: &mut AccountClock<u32>, now| {
        (0..200).filter(|caller| claim(clock, *caller, now, 60) == Turn::Go).count()
    };
    assert_eq!(goes(&mut clock, seconds(4)), 0);
    assert_eq!(goes(&mut clock, seconds(61)), 60);
}

/// However long the operator was away, a restart changes no promised time that is still to come. A pause that
/// the service asks for changes the times before its end.
#[test]
fn a_restart_keeps_promised_times() {
    const QUOTA: usize = 10;
    let promised = |caller: u32| seconds(i64::from(caller / 10) * 61);
    let changed = |clock: &mut AccountClock<u32>, now| {
        let is_changed = |caller: &u32| {
            clock.recall(caller, Place::deletion(at(0)), promised(*caller), now);
            claim(clock, *caller, now, QUOTA) != Turn::At(promised(*caller))
        };
        (0..1000).filter(is_changed).collect::<Vec<u32>>()
    };
    for away in [1, 59, 61, 100, 600] {
        let mut clock = AccountClock::default();
        let now = seconds(61 * 3 + away);
        clock.inherit(&Past { promised: vec![promised(0)], ..Past::default() }, now, QUOTA);
        let come: Vec<u32> = (0..1000).filter(|caller| promised(*caller) <= now).collect();
        assert!(come.len() >= 40);
        assert_eq!(changed(&mut clock, now), come, "away for {away} s");
        let pause = promised(500);
        clock.cool_down(pause);
        assert_eq!(changed(&mut clock, now), (0..500).collect::<Vec<u32>>(), "in a pause");
    }
}

/// K12: an instance whose clock was ahead has promised times that are too late by as much: they are no pause,
/// and hold nobody.
#[test]
fn a_promise_of_a_clock_that_was_ahead_holds_nobody() {
    let slot = |latest: i64| {
        let mut clock: AccountClock<u32> = AccountClock::default();
        let pauses = vec![Pause { until: seconds(410), own: SignedDuration::ZERO }];
        let past =
            Past { promised: vec![seconds(400)], pauses, latest: Some(seconds(latest)), ..Past::default() };
        clock.inherit(&past, at(0), 60);
        clock.recall(&1, Place::deletion(at(0)), seconds(400), at(0));
        slot_of(claim(&mut clock, 1, at(0), 60))
    };
    assert_eq!(slot(10), seconds(410), "clocks may differ by so much");
    assert_eq!(slot(11), seconds(61), "the quota may be used up nevertheless");
}

/// A pause that the service asked for survives a restart; a promise later than any pause can end does not
/// make one.
#[test]
fn a_pause_before_a_restart_holds() {
    let inherited = |promised| {
        let mut clock: AccountClock<u32> = AccountClock::default();
        clock.inherit(&Past { promised: vec![promised], ..Past::default() }, at(0), 60);
        slot_of(claim(&mut clock, 1, at(0), 60))
    };
    assert_eq!(inherited(seconds(800)), seconds(800));
    assert_eq!(inherited(seconds(12 * 3600)), seconds(61));
    // Some times were promised before the service asked for the pause.
    let pause = |until, own| Pause { until: seconds(until), own: SignedDuration::from_secs(own) };
    let pauses = vec![pause(50, 0), pause(890, 4), pause(895, 900), pause(12 * 3600, 0), pause(-5, 0)];
    let mut clock: AccountClock<u32> = AccountClock::default();
    clock.inherit(&Past { promised: vec![seconds(20)], pauses, ..Past::default() }, at(0), 60);
    assert_eq!(slot_of(claim(&mut clock, 1, at(0), 60)), seconds(890));
}
