use super::*;

/// Calls of a connection that has never worked fail, for whatever reason: it probes for itself, its failure
/// is reported as an outage, and the account is not in trouble. Once the service has accepted the
/// credentials, it is an outage like any other.
#[test]
fn what_never_worked_holds_up_nobody_else() {
    let mut account = Account::default();
    let mut calls = 0;
    for now in 0..600 {
        for caller in 0..50 {
            match claim(&mut account, caller, "dev", now) {
                Turn::Go => {
                    calls += 1;
                    let woken = account.record_result(&caller, &with("dev"), FAILED, at(now));
                    assert_eq!(woken.account, Evidence::Nothing);
                }
                turn => assert!(matches!(turn, Turn::Held { of: Holder::Account, .. }), "{turn:?}"),
            }
        }
        assert!(!account.is_in_trouble());
        if now % 10 == 9 {
            assert_eq!(claim(&mut account, 100, "prod", now), Turn::Go);
            account.record_result(&100, &with("prod"), DELETED, at(now));
        }
    }
    assert!(calls < 20, "{calls} calls");
    let probe = (600..700).find(|now| claim(&mut account, 0, "dev", *now) == Turn::Go).unwrap();
    assert!(account.record_result(&0, &with("dev"), READ, at(probe)).woken.len() >= 49);
    for caller in 1..4 {
        assert_eq!(claim(&mut account, caller, "dev", probe), Turn::Go);
        account.record_result(&caller, &with("dev"), FAILED, at(probe));
    }
    assert!(account.is_in_trouble());
}

/// In an outage of the account, a connection that has never worked probes for itself: the other callers keep
/// their probes, at the times they were promised.
#[test]
fn what_never_worked_takes_no_probe_of_the_account() {
    let mut account = Account::default();
    with_credentials(&mut account, 900, "prod");
    for caller in 901..904 {
        account.record_result(&caller, &with("prod"), FAILED, at(0));
    }
    let (mut comes, mut probes, mut others) = (1, Vec::new(), 0);
    let mut under_way: Option<(u32, i64)> = None;
    for now in 1..600 {
        if let Some((caller, _)) = under_way.take_if(|(_, since)| *since + 5 <= now) {
            account.record_result(&caller, &with("dev"), FAILED, at(now));
        }
        for caller in 0..20 {
            if claim(&mut account, caller, "dev", now) == Turn::Go {
                assert!(under_way.replace((caller, now)).is_none(), "one at a time");
                others += 1;
            }
        }
        assert!(account.clock.waiting().iter().all(|caller| *caller == 900));
        if comes <= now {
            comes = match claim(&mut account, 900, "prod", now) {
                Turn::Go => {
                    account.record_result(&900, &with("prod"), FAILED, at(now));
                    probes.push(now);
                    now + 1
                }
                Turn::Held { until, next, .. } => {
                    assert!(next);
                    until.duration_since(at(0)).as_secs()
                }
                Turn::At(until) => panic!("{until}"),
            };
        }
    }
    assert_eq!(probes[..5], [5, 15, 35, 75, 135]);
    assert!((9..=15).contains(&others), "{others}");
    // Their reads take no probe, either.
    let access = &with("dev");
    let request = Request { caller: &99, access, place: Place::proof(at(0)), promised: None, quota: 60 };
    let spare = (600..700).find(|now| account.claim_spare(&request, at(*now)) == Turn::Go);
    assert_eq!(claim(&mut account, 900, "prod", spare.unwrap().max(probes.last().unwrap() + 60)), Turn::Go);
}

/// While only DELETEs of an account fail, a connection that has never worked finds that out for itself, and
/// is held for itself. It has its part of the quota.
#[test]
fn what_never_worked_is_held_for_itself() {
    let mut account = Account::default();
    with_credentials(&mut account, 900, "prod");
    for caller in 901..904 {
        account.record_result(&caller, &with("prod"), FAILED, at(0));
    }
    let (access, place) = (&with("dev"), Place::deletion(at(0)));
    let request = Request { caller: &0, access, place, promised: None, quota: 60 };
    assert_eq!(claim(&mut account, 900, "prod", 5), Turn::Go);
    assert_eq!((account.held(&request, at(5)), account.clock.waiting()), (None, vec![]), "it may probe");
    account.record_result(&900, &with("prod"), READ, at(5));
    for caller in 100..105 {
        assert_eq!(claim(&mut account, caller, "prod", 6), Turn::Go);
    }
    assert!(matches!(claim(&mut account, 105, "prod", 6), Turn::Held { .. }), "a tenth is used up");
    let charges = [0, 1, 2].map(|caller| {
        assert_eq!(claim(&mut account, caller, "staging", 6), Turn::Go);
        account.record_result(&caller, &with("staging"), FAILED, at(6)).charge
    });
    assert_eq!(charges, [Charge::Campaign, Charge::Campaign, Charge::Account]);
    let access = &with("test");
    let request = Request { access, ..request };
    let spare = (0..60).map(|_| account.claim_spare(&request, at(6)));
    assert_eq!(spare.filter(|turn| *turn == Turn::Go).count(), 19, "half of the quota is free");
}

/// When the account gets into trouble, callers that wait for the quota with unproven credentials do not stand
/// before the callers that probe.
#[test]
fn what_never_worked_does_not_stand_before_those_who_probe() {
    let mut account = Account::default();
    with_credentials(&mut account, 900, "prod");
    for caller in 100..159 {
        claim(&mut account, caller, "prod", 0);
    }
    for caller in 0..20 {
        assert!(matches!(claim(&mut account, caller, "dev", 1), Turn::At(_)));
    }
    for caller in 100..103 {
        account.record_result(&caller, &with("prod"), FAILED, at(2));
    }
    assert!(account.clock.waiting().is_empty());
    let turn = claim(&mut account, 900, "prod", 3);
    assert!(matches!(turn, Turn::Held { next: true, .. }), "{turn:?}");
}

/// The account works again: callers that shared its trouble with unproven credentials try at once.
#[test]
fn all_that_share_the_trouble_of_an_account_are_woken_when_it_works() {
    let mut account = Account::default();
    with_credentials(&mut account, 900, "prod");
    for caller in 901..904 {
        account.record_result(&caller, &with("prod"), FAILED, at(0));
    }
    for caller in 0..20 {
        assert!(matches!(claim(&mut account, caller, "dev", 1), Turn::Held { of: Holder::Account, .. }));
    }
    for (now, goes) in [(5, 0), (15, 1)] {
        assert_eq!(claim(&mut account, goes, "dev", now), Turn::Go);
        account.record_result(&goes, &with("dev"), FAILED, at(now));
    }
    assert_eq!(claim(&mut account, 900, "prod", 16), Turn::Go);
    assert_eq!(account.record_result(&900, &with("prod"), DELETED, at(17)).woken[..4], [2, 3, 4, 5]);
    assert_eq!(claim(&mut account, 2, "dev", 17), Turn::Go);
    assert!(matches!(claim(&mut account, 3, "dev", 17), Turn::Held { .. }), "one tries");
    assert!(account.record_result(&2, &with("dev"), DELETED, at(18)).woken.contains(&19));
    assert_eq!(claim(&mut account, 900, "prod", 18), Turn::Go);
    assert!(account.record_result(&900, &with("prod"), DELETED, at(18)).woken.is_empty(), "once");
}

/// A probe in an outage has its own place in the queue: nobody knows whose fault an outage is.
#[test]
fn a_probe_in_an_outage_does_not_wait_for_all_others() {
    let mut account = Account::default();
    for caller in 0..3 {
        claim(&mut account, caller, "dev", 0);
        account.record_result(&caller, &with("dev"), FAILED, at(0));
    }
    claim(&mut account, 200, "prod", 0);
    account.record_result(&200, &with("prod"), DELETED, at(0));
    for caller in 1000..1300 {
        claim(&mut account, caller, "prod", 1);
    }
    let goes = (2..200).find(|now| claim(&mut account, 3, "dev", *now) == Turn::Go);
    assert!(goes.is_some_and(|at| at <= 130), "{goes:?}");
}
