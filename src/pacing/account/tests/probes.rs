use super::*;

/// A probe of refused credentials says nothing of the account, and takes none of its probes.
#[test]
fn a_probe_of_refused_credentials_takes_no_probe_of_the_account() {
    let mut account = Account::default();
    with_credentials(&mut account, 900, "prod");
    with_credentials(&mut account, 0, "dev");
    for caller in 901..904 {
        account.record_result(&caller, &with("prod"), FAILED, at(0));
    }
    for caller in 1..4 {
        account.record_result(&caller, &with("dev"), REFUSED, at(0));
    }
    let mut spare = account.clone();
    let access = &with("dev");
    let request = Request { caller: &50, access, place: Place::proof(at(0)), promised: None, quota: 60 };
    assert_eq!(spare.claim_spare(&request, at(5)), Turn::Go);
    assert_eq!(claim(&mut spare, 900, "prod", 5), Turn::Go);
    assert_eq!(claim(&mut account, 1, "dev", 5), Turn::Go);
    assert_eq!(claim(&mut account, 900, "prod", 5), Turn::Go);
    account.record_result(&1, &with("dev"), REFUSED, at(5));
    account.record_result(&900, &with("prod"), FAILED, at(5));
    assert_eq!(claim(&mut account, 2, "dev", 15), Turn::Go);
    account.record_result(&2, &with("dev"), REFUSED, at(15));
    assert_eq!(claim(&mut account, 900, "prod", 15), Turn::Go);
}

/// While others use up the quota for hours, refused credentials are probed every few minutes, with a part of
/// the quota: a right that was given back is noticed.
#[test]
fn refused_credentials_are_probed_while_others_are_busy() {
    for (quota, within) in [(60, 240), (1, 840)] {
        let mut account = Account::default();
        let ask = |account: &mut Account<u32, &'static str>, caller: u32, now| {
            let access = &with(if caller < 10 { "dev" } else { "prod" });
            let place = Place::deletion(at(i64::from(caller)));
            account.claim(&Request { caller: &caller, access, place, promised: None, quota }, at(now))
        };
        assert_eq!(ask(&mut account, 0, 0), Turn::Go);
        account.record_result(&0, &with("dev"), REFUSED, at(0));
        let mut comes: Vec<i64> = vec![0; 2010];
        let (mut probes, mut others) = (Vec::new(), 0);
        for now in 0..1800 {
            while let Some(caller) = comes.iter().position(|comes| *comes <= now) {
                let caller = u32::try_from(caller).unwrap();
                let (next, mut woken) = match ask(&mut account, caller, now) {
                    Turn::Go if caller < 10 => {
                        probes.push(now);
                        (now, account.record_result(&caller, &with("dev"), REFUSED, at(now)).woken)
                    }
                    Turn::Go => {
                        others += 1;
                        (i64::MAX, account.record_result(&caller, &with("prod"), DELETED, at(now)).woken)
                    }
                    Turn::At(until) | Turn::Held { until, .. } => {
                        (until.duration_since(at(0)).as_secs(), Vec::new())
                    }
                };
                comes[caller as usize] = next;
                woken.extend(account.moved_up(at(now)));
                for caller in woken {
                    let known = &mut comes[caller as usize];
                    *known = if *known < i64::MAX { now } else { i64::MAX };
                }
            }
        }
        let pauses: Vec<i64> = probes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(probes[0] <= within && pauses.iter().all(|pause| *pause <= within), "{probes:?}");
        let all = i64::try_from(quota).unwrap() * 1800 / 61;
        assert!(others >= all - all / 9 - 1, "{others} of {all}, {} probes", probes.len());
    }
}

/// A probe counts as one that went first even if it need not wait.
#[test]
fn whoever_goes_first_at_once_is_counted() {
    let mut account = Account::default();
    claim(&mut account, 0, "dev", 0);
    account.record_result(&0, &with("dev"), REFUSED, at(0));
    assert_eq!(claim(&mut account, 0, "dev", 10), Turn::Go);
    assert_eq!(account.went_first_at, Timestamp::MIN, "it has not waited");
    account.record_result(&0, &with("dev"), REFUSED, at(10));
    assert_eq!(claim(&mut account, 0, "dev", 100), Turn::Go);
    assert_eq!(account.went_first_at, at(100));
}

/// A probe that goes first keeps its place until it is made, however often it asks, and no other probe goes
/// first meanwhile.
#[test]
fn whoever_goes_first_keeps_its_place() {
    let mut account = Account::default();
    claim(&mut account, 0, "dev", 0);
    account.record_result(&0, &with("dev"), REFUSED, at(0));
    for caller in 100..300 {
        let _ = claim(&mut account, caller, "prod", 4);
    }
    for caller in 1..3 {
        let turn = claim(&mut account, caller, "dev", 5);
        assert!(matches!(turn, Turn::Held { until, .. } if until == at(65)), "{turn:?}");
    }
    assert_eq!((159..220).filter(|caller| claim(&mut account, *caller, "prod", 65) == Turn::Go).count(), 60);
    for now in [65, 66, 90] {
        for caller in 1..3 {
            assert!(matches!(claim(&mut account, caller, "dev", now), Turn::Held { .. }));
        }
        let waiting = account.clock.waiting();
        assert!(waiting[0] == 1 && waiting[1] >= 100, "{waiting:?}");
    }
    assert_eq!(claim(&mut account, 1, "dev", 126), Turn::Go);
}

/// Reads work with the credentials, and DELETEs are refused: a diagnostic read shows it, and campaigns that
/// were never tried are tried with a tenth of the quota.
#[test]
fn a_diagnostic_read_shows_that_only_deletes_are_refused() {
    let mut account = Account::default();
    let (place, access) = (Place::deletion(at(-10)), &with("dev"));
    for caller in 0..2 {
        assert_eq!(asks(&mut account, caller, "st-1", place, 0), Turn::Go);
    }
    for caller in 0..2 {
        account.record_result(&caller, access, REFUSED, at(0));
    }
    assert!(account.wants_diagnostic_read(access) && !account.wants_diagnostic_read(&with("prod")));
    assert_eq!(asks(&mut account, 0, "st-1", place.of_diagnostic_read(at(-10)), 5), Turn::Go);
    account.record_result(&0, access, READ, at(5));
    assert!(!account.wants_diagnostic_read(access) && account.is_in_trouble_with(access));
    // The diagnostic read was a call, too.
    for caller in 10..15 {
        assert_eq!(asks(&mut account, caller, "st-1", place, 6), Turn::Go);
        let charge = account.record_result(&caller, access, REFUSED, at(6)).charge;
        assert_eq!(charge, Charge::Campaign);
    }
    assert!(matches!(asks(&mut account, 16, "st-1", place, 6), Turn::Held { .. }), "a tenth is used up");
}

/// A probe of refused credentials takes what others leave of the quota. Until then the credentials hold it;
/// it does not join the queue of the account.
#[test]
fn a_probe_that_waits_for_the_quota_is_held_by_its_credentials() {
    let mut account = Account::default();
    claim(&mut account, 0, "dev", 0);
    account.record_result(&0, &with("dev"), REFUSED, at(0));
    for caller in 100..300 {
        let _ = claim(&mut account, caller, "prod", 4);
    }
    for caller in 1..4 {
        claim(&mut account, caller, "dev", 4);
    }
    for (caller, first) in [(1, true), (2, false)] {
        let turn = claim(&mut account, caller, "dev", 5);
        let Turn::Held { of: Holder::Credentials, until, next, since: _ } = turn else { panic!("{turn:?}") };
        assert!(until > at(60) && next == first, "{turn:?}");
    }
    let waiting = account.clock.waiting();
    assert!(waiting.iter().all(|caller| *caller >= 100), "{waiting:?}");
}
