use super::*;

/// In an outage, a read that can wait leaves the probe to a deletion that is about to come; without one, it
/// probes.
#[test]
fn a_read_that_can_wait_leaves_the_probe_to_a_deletion() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    let mut alone = clock.clone();
    assert_eq!(alone.claim_spare(&99, seconds(5), 60), Turn::Go);
    assert_held(claim(&mut clock, 7, seconds(1), 60));
    assert_eq!(clock.claim_spare(&99, seconds(5), 60), held(at(0), seconds(10), false));
    assert_eq!(claim(&mut clock, 7, seconds(5), 60), Turn::Go);
    // While reads work, no probe is due.
    clock.record_result(&7, Evidence::Readable, seconds(6));
    for caller in 10..15 {
        assert_eq!(claim(&mut clock, caller, seconds(6), 60), Turn::Go);
    }
    assert_held(claim(&mut clock, 15, seconds(6), 60));
    assert_eq!(clock.claim_spare(&99, seconds(64), 60), Turn::Go);
    let outages = (0..9).map(|caller| Outage::new(at(0), None, Some(caller)));
    assert_eq!(
        outages.reduce(Outage::join).unwrap().held.len(),
        breaker::RUN,
        "so many show that it holds everybody"
    );
}

/// While only DELETEs fail, campaigns that were never tried come first.
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
    assert_held(again(&mut clock, 1, at(0)));
    assert_held(claim(&mut clock, 7, at(0), 10));
    assert_eq!(clock.record_result(&0, FAILED, at(100)), (Charge::Campaign, vec![7, 1]));
    assert_held(again(&mut clock, 1, seconds(61)));
    assert_eq!(claim(&mut clock, 7, seconds(62), 10), Turn::Go);
    clock.record_result(&7, FAILED, seconds(63));
    assert_eq!(again(&mut clock, 1, seconds(123)), Turn::Go, "nobody else waits");
}

/// While only DELETEs fail, reads have the whole quota: a proof does not wait for a tenth of it.
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
    assert_held(claim(&mut clock, 16, at(0), 60));
    for caller in 20..60 {
        assert_eq!(clock.claim(&caller, Place::proof(at(0)), at(0), 60), Turn::Go);
    }
    assert_held(claim(&mut clock, 16, at(0), 60));
}

/// A read works in an outage: all callers that wait to read are woken, however many stand before them.
#[test]
fn all_that_read_are_woken_when_reads_work() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    for caller in 10..60 {
        assert_held(claim(&mut clock, caller, at(1), 60));
    }
    for caller in 60..70 {
        assert_held(clock.claim(&caller, Place::proof(at(0)), at(1), 60));
    }
    let first: Vec<u32> = (10..26).collect();
    let all = [first.clone(), (60..70).collect()].concat();
    assert_eq!(clock.record_result(&0, Evidence::Readable, at(2)), (Charge::Campaign, all));
    assert_eq!(clock.record_result(&0, Evidence::Readable, at(3)).1, first, "once");
}

/// Two campaigns have failed, and many wait for diagnostic reads: a third campaign, which the trouble does
/// not concern, waits for none of them.
#[test]
fn whom_the_trouble_does_not_concern_waits_for_no_diagnostic_read() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in [0, 1, 0] {
        clock.record_result(&caller, FAILED, at(0));
    }
    for caller in 10..40 {
        let read = Place::retry(at(0)).of_diagnostic_read(at(0));
        assert_held(clock.claim(&caller, read, seconds(1), 60));
    }
    assert_eq!(claim(&mut clock, 100, seconds(2), 60), Turn::Go);
}

/// A caller that waits to repeat a DELETE and then wants to read is admitted as a read, and the other way
/// round.
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
    assert_held(clock.claim(&1, Place::retry(at(0)), at(0), 60));
    let read = Place::retry(at(1)).of_read();
    assert_eq!(clock.ask(&1, read, at(1), 60), Turn::Go);
    assert_held(clock.claim(&1, Place::retry(at(0)), at(1), 60));
    assert_eq!(clock.claim(&1, read, at(1), 60), Turn::Go);
    assert_eq!(clock.waiting().iter().filter(|caller| **caller == 1).count(), 0);
}

/// After a read that brings nothing, a DELETE has the next probe, then another read: first the listing, which
/// shows most, then the read that was made longest ago.
#[test]
fn reads_and_deletes_take_turns_to_probe() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    let diagnostic_read = |due| Place::deletion(at(0)).of_diagnostic_read(due);
    let (listing, read_failed) = (99, Evidence::ReadFailed { fresh: true });
    let ask_all = |clock: &mut AccountClock<u32>, tried: &[u32], now: Timestamp| {
        let reads = (0..16).map(|caller| (caller, diagnostic_read(at(0))));
        let deletes =
            (20..60).filter(|caller| !tried.contains(caller)).map(|caller| (caller, Place::deletion(at(0))));
        let goes: Vec<u32> = reads
            .chain([(listing, diagnostic_read(Timestamp::MIN))])
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
            let (charge, woken) = clock.record_result(&caller, evidence, seconds(second));
            assert_eq!((charge, woken.len()), (Charge::Account, PROBERS));
            assert_eq!(woken[0] < 20 || woken[0] == listing, (20..60).contains(&caller), "{woken:?}");
            probes.push(caller);
        }
    }
    assert_eq!(probes, [0, 20, listing, 21, 1, 22, 2]);
    assert_eq!(clock.record_result(&listing, Evidence::Readable, seconds(300)).0, Charge::Campaign);
    assert_eq!(claim(&mut clock, 24, seconds(300), 60), Turn::Go, "reads work: DELETEs are tried");
}

/// A caller that goes before all others without probing the account moves none of the probes.
#[test]
fn whoever_goes_first_moves_no_probe() {
    let mut clock: AccountClock<u32> = AccountClock::default();
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, at(0));
    }
    let read = Place::deletion(at(0)).of_diagnostic_read(at(0));
    assert_eq!(clock.claim(&50, read, seconds(5), 1), Turn::Go);
    clock.record_result(&50, Evidence::ReadFailed { fresh: true }, seconds(5));
    slot_of(clock.ask_quota_only(&70, Place::deletion(at(0)).first(), seconds(6), 1));
    assert_eq!(claim(&mut clock, 20, seconds(6), 1), held(at(0), seconds(15), true));
    assert_eq!(clock.waiting(), [70, 20]);
}

/// In an outage there are a few calls, then probes. The first in the queue come when the next probe is due;
/// the others wait to be woken.
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
    let woken = clock.record_result(&3, FAILED, probe_at);
    assert_eq!(woken, (Charge::Account, vec![4, 5, 6, 7]), "the first ones come for the next probe");
    assert_eq!(clock.release(&5), [4, 6, 7, 8]);
    assert!(clock.release(&15).is_empty());
    let next = probe_at + SignedDuration::from_secs(10);
    assert_eq!(claim(&mut clock, 4, next, 60), Turn::Go, "another one probes");
    let (charge, woken) = clock.record_result(&4, Evidence::Works, next);
    assert_eq!((charge, woken.len()), (Charge::Campaign, 14), "the others have reason to ask again");
    assert_eq!(claim(&mut clock, 19, next, 60), Turn::Go);
}
