use super::*;

/// A pause that comes with a refusal of credentials holds the callers that have them.
#[test]
fn a_pause_is_for_whom_it_was_meant() {
    let pause = Some(SignedDuration::from_secs(300));
    let mut account = Account::default();
    claim(&mut account, 0, "dev", 0);
    account.record_result(&0, &with("dev"), CallEvidence { pause, ..REFUSED }, at(0));
    assert_eq!(claim(&mut account, 1, "prod", 0), Turn::Go);
    account.record_result(&1, &with("prod"), CallEvidence { pause, throttled: true, ..DELETED }, at(0));
    assert_eq!(claim(&mut account, 2, "prod", 0), Turn::At(at(300)));
}

/// One campaign that is answered with a pause again and again, or a connection that never works, pauses
/// nobody else. An outage pauses all, and so does a 429, whoever called.
#[test]
fn a_pause_of_one_campaign_is_not_that_of_all() {
    let pause = Some(SignedDuration::from_secs(900));
    let failed = |account| CallEvidence { account, pause, ..FAILED };
    let poisoned = failed(Evidence::DeleteFailed { fresh: false });
    let mut account = Account::default();
    assert_eq!(claim(&mut account, 0, "prod", 0), Turn::Go);
    account.record_result(&0, &with("prod"), DELETED, at(0));
    for caller in 20..23 {
        assert_eq!(claim(&mut account, caller, "dev", 9), Turn::Go);
        account.record_result(&caller, &with("dev"), failed(Evidence::DeleteFailed { fresh: true }), at(9));
    }
    let Turn::Held { until, .. } = claim(&mut account, 20, "dev", 9) else { panic!("they are in trouble") };
    assert_eq!(until, at(909), "it is asked of those who have these credentials");
    for now in 0..9 {
        account.record_result(&1, &with("prod"), poisoned, at(now));
        let refused = CallEvidence { account: Evidence::Works, credentials: Evidence::Works, ..poisoned };
        account.record_result(&2, &with("prod"), refused, at(now));
    }
    for _ in 0..5 {
        let charge = account.record_result(&1, &with("prod"), poisoned, at(9)).charge;
        account.record_result(&3, &with("prod"), failed(Evidence::ReadFailed { fresh: true }), at(9));
        assert!(charge == Charge::Campaign || account.is_in_trouble());
    }
    assert!(account.is_in_trouble(), "theirs");
    assert_eq!(claim(&mut account, 4, "prod", 10), Turn::Go);
    account.record_result(&4, &with("prod"), failed(Evidence::DeleteFailed { fresh: true }), at(10));
    assert_eq!(claim(&mut account, 5, "prod", 10), Turn::At(at(910)), "it may be anybody's");

    let mut account = Account::default();
    claim(&mut account, 0, "prod", 0);
    account.record_result(&0, &with("prod"), DELETED, at(0));
    let mut first = account.clone();
    first.record_result(&1, &with("prod"), failed(Evidence::DeleteFailed { fresh: true }), at(0));
    assert_eq!(claim(&mut first, 5, "prod", 0), Turn::At(at(900)), "nobody knows of trouble yet");
    for caller in 1..4 {
        account.record_result(&caller, &with("prod"), FAILED, at(0));
    }
    account.record_result(&1, &with("prod"), failed(Evidence::ReadFailed { fresh: false }), at(1));
    let Turn::Held { until, .. } = claim(&mut account, 5, "prod", 1) else { panic!("there is an outage") };
    assert_eq!(until, at(901));
}

/// Probes of refused credentials respect the pause that came with the refusal, whether they read or delete.
#[test]
fn refused_credentials_are_not_probed_in_a_pause() {
    let mut account = Account::default();
    let refused = CallEvidence { pause: Some(SignedDuration::from_secs(300)), ..REFUSED };
    let mut calls = Vec::new();
    for now in 0..700 {
        let access = &with("dev");
        let place = Place::proof(at(0));
        let request = Request { caller: &8, access, place, promised: None, quota: 60 };
        let spare = matches!(account.claim_spare(&request, at(now)), Turn::Go).then_some(8);
        let own = (claim(&mut account, 7, "dev", now) == Turn::Go).then_some(7);
        for caller in [spare, own].into_iter().flatten() {
            account.record_result(&caller, &with("dev"), refused, at(now));
            calls.push(now);
        }
    }
    assert_eq!(calls, [0, 0, 300, 600]);
}
