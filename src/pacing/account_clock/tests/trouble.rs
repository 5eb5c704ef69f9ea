use super::*;

/// In an outage, whoever only looks leaves the probe to a deletion that is about to come, and makes it if
/// there is none.
#[test]
fn whoever_only_looks_leaves_the_probe_to_a_deletion() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    let mut alone = clock.clone();
    assert_eq!(alone.claim_spare(&99, seconds(5), 60), Turn::Go);
    told_to_wait(claim(&mut clock, 7, seconds(1), 60));
    assert_eq!(clock.claim_spare(&99, seconds(5), 60), held(at(0), seconds(10), false));
    assert_eq!(claim(&mut clock, 7, seconds(5), 60), Turn::Go);
    // While reads work, there is nothing to leave.
    clock.record_result(&7, Evidence::Readable, seconds(6));
    for caller in 10..15 {
        assert_eq!(claim(&mut clock, caller, seconds(6), 60), Turn::Go);
    }
    told_to_wait(claim(&mut clock, 15, seconds(6), 60));
    assert_eq!(clock.claim_spare(&99, seconds(64), 60), Turn::Go);
    let outages = (0..9).map(|caller| Outage::new(at(0), None, Some(caller)));
    assert_eq!(outages.reduce(Outage::join).unwrap().held.len(), breaker::RUN, "more tell no more");
}

/// While DELETEs fail and reads work, what was never tried is tried first.
#[test]
fn what_was_never_tried_is_tried_first() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    clock.record_result(&0, Evidence::Readable, at(0));
    let again = |clock: &mut AccountClock<u32>, caller: u32, now| {
        clock.claim(&caller, Place::retry(at(-1_000_000)), now, 10)
    };
    // A tenth of the quota is one call a minute.
    assert_eq!(again(&mut clock, 0, at(0)), Turn::Go);
    told_to_wait(again(&mut clock, 1, at(0)));
    told_to_wait(claim(&mut clock, 7, at(0), 10));
    assert_eq!(clock.record_result(&0, FAILED, at(100)), (Charge::Campaign, vec![7, 1]));
    told_to_wait(again(&mut clock, 1, seconds(61)));
    assert_eq!(claim(&mut clock, 7, seconds(62), 10), Turn::Go);
    clock.record_result(&7, FAILED, seconds(63));
    assert_eq!(again(&mut clock, 1, seconds(123)), Turn::Go, "nobody else waits");
}

/// While reads work and DELETEs fail, reads have the ordinary quota: a proof does not wait for a tenth of it.
#[test]
fn reads_that_work_are_not_held() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    clock.record_result(&0, Evidence::Readable, at(0));
    for caller in 10..16 {
        assert_eq!(claim(&mut clock, caller, at(0), 60), Turn::Go);
        clock.record_result(&caller, FAILED, at(0));
    }
    told_to_wait(claim(&mut clock, 16, at(0), 60));
    for caller in 20..60 {
        assert_eq!(clock.claim(&caller, Place::proof(at(0)), at(0), 60), Turn::Go);
    }
    told_to_wait(claim(&mut clock, 16, at(0), 60));
}

/// A read works in an outage: all that wait to read are told, however many stand before them.
#[test]
fn reads_that_work_again_are_told_to_all_that_read() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    for caller in 10..60 {
        told_to_wait(claim(&mut clock, caller, at(1), 60));
    }
    for caller in 60..70 {
        told_to_wait(clock.claim(&caller, Place::proof(at(0)), at(1), 60));
    }
    let first: Vec<u32> = (10..26).collect();
    let all = [first.clone(), (60..70).collect()].concat();
    assert_eq!(clock.record_result(&0, Evidence::Readable, at(2)), (Charge::Campaign, all));
    assert_eq!(clock.record_result(&0, Evidence::Readable, at(3)).1, first, "once");
}

/// Two campaigns have failed, and many look: a third one, which it does not concern, waits for none of them.
#[test]
fn whom_the_trouble_does_not_concern_waits_for_no_looks() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in [0, 1, 0] {
        clock.record_result(&caller, FAILED, at(0));
    }
    for caller in 10..40 {
        let look = Place::retry(at(0)).of_diagnostic_read(at(0));
        told_to_wait(clock.claim(&caller, look, seconds(1), 60));
    }
    assert_eq!(claim(&mut clock, 100, seconds(2), 60), Turn::Go);
}

/// Whoever waits to repeat a DELETE, and looks for the campaign instead, is judged as who looks; and the
/// other way round.
#[test]
fn a_place_is_for_what_is_asked_for() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    clock.record_result(&0, Evidence::Readable, at(0));
    for caller in 10..50 {
        if claim(&mut clock, caller, at(0), 60) == Turn::Go {
            clock.record_result(&caller, FAILED, at(0));
        }
    }
    told_to_wait(clock.claim(&1, Place::retry(at(0)), at(0), 60));
    let look = Place::retry(at(1)).of_read();
    assert_eq!(clock.ask(&1, look, at(1), 60), Turn::Go);
    told_to_wait(clock.claim(&1, Place::retry(at(0)), at(1), 60));
    assert_eq!(clock.claim(&1, look, at(1), 60), Turn::Go);
    assert_eq!(clock.waiting().iter().filter(|caller| **caller == 1).count(), 0);
}

/// After a look that brings nothing, a DELETE has the next probe, and after that another look: first the
/// listing, which tells of all, then whoever has not looked for longest.
#[test]
fn looks_and_deletes_take_turns_to_probe() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    let look = |due| Place::deletion(at(0)).of_diagnostic_read(due);
    let (listing, read_failed) = (99, Evidence::ReadFailed { fresh: true });
    let ask_all = |clock: &mut AccountClock<u32>, tried: &[u32], now: Timestamp| {
        let looks = (0..16).map(|caller| (caller, look(at(0))));
        let deletes =
            (20..60).filter(|caller| !tried.contains(caller)).map(|caller| (caller, Place::deletion(at(0))));
        let goes: Vec<u32> = looks
            .chain([(listing, look(Timestamp::MIN))])
            .chain(deletes)
            .filter(|(caller, place)| clock.claim(caller, *place, now, 60) == Turn::Go)
            .map(|(caller, _)| caller)
            .collect();
        goes
    };
    let mut probes = Vec::new();
    for second in 5..300 {
        for caller in ask_all(&mut clock, &probes, seconds(second)) {
            let evidence = if caller < 20 || caller == listing { read_failed } else { FAILED };
            let (charge, told) = clock.record_result(&caller, evidence, seconds(second));
            assert_eq!((charge, told.len()), (Charge::Account, PROBERS));
            assert_eq!(told[0] < 20 || told[0] == listing, (20..60).contains(&caller), "{told:?}");
            probes.push(caller);
        }
    }
    assert_eq!(probes, [0, 20, listing, 21, 1, 22, 2]);
    assert_eq!(clock.record_result(&listing, Evidence::Readable, seconds(300)).0, Charge::Campaign);
    assert_eq!(claim(&mut clock, 24, seconds(300), 60), Turn::Go, "reads work: DELETEs are tried");
}

/// Whoever goes before all others, and does not probe the account, moves nobody who does.
#[test]
fn whoever_goes_first_moves_no_probe() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    let look = Place::deletion(at(0)).of_diagnostic_read(at(0));
    assert_eq!(clock.claim(&50, look, seconds(5), 1), Turn::Go);
    clock.record_result(&50, Evidence::ReadFailed { fresh: true }, seconds(5));
    told(clock.ask_quota_only(&70, Place::deletion(at(0)).first(), seconds(6), 1));
    assert_eq!(claim(&mut clock, 20, seconds(6), 1), held(at(0), seconds(15), true));
    assert_eq!(clock.waiting(), [70, 20]);
}

/// An outage: a few calls, then probes; the first in the queue is told when the next one is, the others to
/// wait for it.
#[test]
fn an_account_in_trouble_is_probed_by_the_first_in_the_queue() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        assert_eq!(claim(&mut clock, caller, at(0), 60), Turn::Go);
        let charge = clock.record_result(&caller, FAILED, at(10));
        assert_eq!(charge, (if caller < 2 { Charge::Campaign } else { Charge::Account }, vec![]));
    }
    let turns: Vec<_> = (3..20).map(|caller| claim(&mut clock, caller, at(20), 60)).collect();
    let probe_at = seconds(6);
    assert_eq!(turns[0], held(at(10), probe_at, true));
    assert_eq!(turns[1], held(at(10), probe_at, false));
    assert_eq!(turns[16], held(at(10), at(20) + HELD, false));
    assert_eq!(clock.claim_spare(&99, at(20), 60), held(at(10), probe_at, false));
    assert_eq!(claim(&mut clock, 3, probe_at, 60), Turn::Go);
    assert!(matches!(claim(&mut clock, 4, probe_at, 60), Turn::Held { .. }), "one at a time");
    assert_eq!(
        clock.held(&3, Place::deletion(probe_at), probe_at, 60).map(|turn| matches!(turn, Turn::Held { .. })),
        Some(true)
    );
    let told = clock.record_result(&3, FAILED, probe_at);
    assert_eq!(told, (Charge::Account, vec![4, 5, 6, 7]), "the first ones are told when the next probe is");
    assert_eq!(clock.release(&5), [4, 6, 7, 8]);
    assert!(clock.release(&15).is_empty());
    let next = probe_at + SignedDuration::from_secs(10);
    assert_eq!(claim(&mut clock, 4, next, 60), Turn::Go, "another one probes");
    let (charge, told) = clock.record_result(&4, Evidence::Works, next);
    assert_eq!((charge, told.len()), (Charge::Campaign, 14), "the others have reason to ask again");
    assert_eq!(claim(&mut clock, 19, next, 60), Turn::Go);
}
