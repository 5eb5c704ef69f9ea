use super::*;

/// 50 campaigns with refused credentials cost the account one call and its probes, and no place in the queue.
#[test]
fn refused_credentials_hold_up_nobody_with_others() {
    let mut account = Account::default();
    assert_eq!(claim(&mut account, 0, "dev", 0), Turn::Go);
    let consequence = account.record_result(&0, &with("dev"), REFUSED, at(0));
    assert_eq!((consequence.charge, consequence.woken), (Charge::Account, vec![]));
    assert!(
        account.is_in_trouble_with(&with("dev"))
            && !account.is_in_trouble_with(&with("prod"))
            && !account.is_in_trouble()
    );
    for caller in 0..50 {
        let turn = claim(&mut account, caller, "dev", 1);
        assert!(matches!(turn, Turn::Held { of: Holder::Credentials, .. }), "{turn:?}");
    }
    assert!((100..159).all(|caller| claim(&mut account, caller, "prod", 1) == Turn::Go));
    assert!(matches!(claim(&mut account, 159, "prod", 1), Turn::At(_)));
    let calls = (1..600).filter(|now| {
        let goes = claim(&mut account, 7, "dev", *now) == Turn::Go;
        goes.then(|| account.record_result(&7, &with("dev"), REFUSED, at(*now)));
        goes
    });
    assert!(calls.count() < 15);
}

/// Callers that leave the account's queue because their credentials are refused wake the next ones: somebody
/// still probes the account.
#[test]
fn whoever_leaves_the_front_wakes_the_next_ones() {
    let mut account = Account::default();
    for (caller, credentials) in [(9, "prod"), (9, "dev")] {
        claim(&mut account, caller, credentials, 0);
        account.record_result(&caller, &with(credentials), DELETED, at(0));
    }
    for caller in 10..13 {
        assert_eq!(claim(&mut account, caller, "dev", 0), Turn::Go);
    }
    for caller in 0..3 {
        claim(&mut account, caller, "prod", 0);
        account.record_result(&caller, &with("prod"), FAILED, at(0));
    }
    for caller in 3..7 {
        claim(&mut account, caller, "dev", 1);
    }
    let (access, place) = (&with("dev"), Place::deletion(at(-993)));
    let request = Request { caller: &7, access, place, promised: None, quota: 60 };
    assert!(account.held(&request, at(1)).is_some());
    for caller in 100..120 {
        claim(&mut account, caller, "prod", 1);
    }
    let woken = [10, 11, 12].map(|caller| account.record_result(&caller, &with("dev"), REFUSED, at(2)).woken);
    assert!(woken[2].contains(&3) && woken[2].contains(&100), "{woken:?}");
    assert!(account.clock.waiting().iter().all(|caller| *caller >= 100));
    assert_eq!(claim(&mut account, 100, "prod", 5), Turn::Go);
}

/// Callers that come with other credentials by now, which are refused, wake the next ones, too.
#[test]
fn whoever_comes_with_refused_credentials_wakes_the_next_ones() {
    let mut account = Account::default();
    for (caller, credentials, outcome) in [(9, "prod", DELETED), (10, "dev", REFUSED)] {
        assert_eq!(claim(&mut account, caller, credentials, 0), Turn::Go);
        account.record_result(&caller, &with(credentials), outcome, at(0));
    }
    for caller in 0..3 {
        account.record_result(&caller, &with("prod"), FAILED, at(0));
    }
    for caller in (3..8).chain(100..120) {
        assert!(matches!(claim(&mut account, caller, "prod", 1), Turn::Held { of: Holder::Account, .. }));
    }
    for caller in 3..8 {
        let turn = claim(&mut account, caller, "dev", 2);
        assert!(matches!(turn, Turn::Held { of: Holder::Credentials, .. }), "{turn:?}");
    }
    let woken = account.moved_up(at(2));
    assert!(woken.contains(&100), "{woken:?}");
}

/// A caller that has left the account's queue waits with its credentials: until its promised time, or until
/// the service accepts them.
#[test]
fn whoever_has_left_waits_with_the_credentials() {
    let mut account = Account::default();
    let ask = |account: &mut Account<u32, &'static str>, caller: u32, iid: &str, now| {
        let access = &Access { credentials: "dev", iid: iid.into() };
        let place = Place::deletion(at(i64::from(caller)));
        account.claim(&Request { caller: &caller, access, place, promised: None, quota: 1 }, at(now))
    };
    assert_eq!(ask(&mut account, 0, "st-1", 0), Turn::Go);
    for caller in 1..20 {
        let iid = if caller % 2 == 0 { "st-1" } else { "st-2" };
        assert!(matches!(ask(&mut account, caller, iid, 0), Turn::At(_)));
    }
    let first = account.record_result(&0, &with("dev"), REFUSED, at(1)).woken;
    assert_eq!((first, account.clock.waiting()), (vec![1, 2, 3, 4], vec![]), "whatever their stream");
    assert_eq!(ask(&mut account, 0, "st-1", 600), Turn::Go);
    let woken = account.record_result(&0, &with("dev"), DELETED, at(601)).woken;
    assert_eq!(woken, (9..20).collect::<Vec<_>>(), "those that were to come later");
    for caller in 10..20 {
        ask(&mut account, caller, if caller < 15 { "st-1" } else { "st-2" }, 602);
    }
    for caller in 30..33 {
        account.record_result(&caller, &with("dev"), REFUSED, at(603));
    }
    assert_eq!(account.clock.waiting(), (15..20).collect::<Vec<_>>(), "this stream alone");
}

/// Several times as many seconds as the longest of these deletions may take.
const LONG: i64 = 3600;

/// Plays the deletions of an account, all of which come at once. Those with the credentials of dev, which
/// were due first, are refused. Returns when the last of the others was deleted, and how often one of them
/// was promised a time at most.
fn others_are_deleted(quota: usize, dev: u32, prod: u32) -> (i64, usize) {
    let mut account = Account::default();
    let mut comes: Vec<Option<i64>> = vec![Some(0); (dev + prod) as usize];
    let mut promises = vec![Vec::new(); comes.len()];
    let mut calls: Vec<(i64, u32)> = Vec::new();
    let mut left = prod;
    for now in 0..LONG {
        let (answered, under_way) = calls.into_iter().partition(|(answered, _)| *answered <= now);
        calls = under_way;
        let answered: Vec<(i64, u32)> = answered;
        let mut woken = Vec::new();
        for (_, caller) in answered {
            let (credentials, outcome) = if caller < dev { ("dev", REFUSED) } else { ("prod", DELETED) };
            woken.extend(account.record_result(&caller, &with(credentials), outcome, at(now)).woken);
            left -= u32::from(caller >= dev);
            comes[caller as usize] = (caller < dev).then_some(now);
        }
        if left == 0 {
            return (now, promises.iter().map(Vec::len).max().unwrap());
        }
        while let Some(caller) = woken.pop().or_else(|| {
            let next = comes.iter().position(|comes| comes.is_some_and(|comes| comes <= now));
            next.map(|caller| u32::try_from(caller).unwrap())
        }) {
            // A caller that calls, or is gone, is not woken.
            let Some(known) = &mut comes[caller as usize] else { continue };
            *known = i64::MAX;
            let access = &with(if caller < dev { "dev" } else { "prod" });
            let place = Place::deletion(at(i64::from(caller) - 1_000_000));
            let request = Request { caller: &caller, access, place, promised: None, quota };
            match account.claim(&request, at(now)) {
                Turn::Go => {
                    comes[caller as usize] = None;
                    calls.push((now + 1, caller));
                }
                Turn::At(until) => {
                    // Status does not record a time that is only some seconds later.
                    let about = |promised: &Timestamp| {
                        (*promised..=*promised + SignedDuration::from_secs(10)).contains(&until)
                    };
                    if !promises[caller as usize].last().is_some_and(about) {
                        promises[caller as usize].push(until);
                    }
                    comes[caller as usize] = Some(until.duration_since(at(0)).as_secs());
                }
                Turn::Held { until, .. } => {
                    comes[caller as usize] = Some(until.duration_since(at(0)).as_secs());
                }
            }
            woken.extend(account.moved_up(at(now)));
        }
    }
    panic!("after {LONG} s not all of the others are deleted")
}

/// All deletions with refused credentials have asked before the first refusal is known: they block nobody,
/// whatever the quota, and others are promised a time three times at most.
#[test]
fn refused_credentials_that_wait_for_the_quota_hold_up_nobody() {
    for (quota, dev, prod) in [(7, 50, 1), (1, 26, 1), (60, 500, 1), (60, 500, 590)] {
        let (took, promises) = others_are_deleted(quota, dev, prod);
        let windows = 1 + i64::from(prod - 1) / i64::try_from(quota).unwrap();
        // A minute, the second that each answer takes (a call counts from its answer on), the rounding to a
        // whole second, and the last answer.
        assert!(took <= 63 * windows, "quota {quota}, {dev} refused, {prod} others: {took} s");
        assert!(promises <= 3, "promised {promises} times");
    }
}

/// The app has no right to one stream: calls about another stream are not held, even if all were before the
/// service accepted the credentials.
#[test]
fn a_refusal_for_one_stream_holds_up_no_other() {
    let mut account = Account::default();
    let of = |iid: &str| Access { credentials: "dev", iid: iid.into() };
    let place = Place::deletion(at(-10));
    assert_eq!(asks(&mut account, 0, "st-1", place, 0), Turn::Go);
    account.record_result(&0, &of("st-1"), REFUSED, at(0));
    for (caller, iid) in [(1, "st-1"), (2, "st-2")] {
        assert!(matches!(asks(&mut account, caller, iid, place, 0), Turn::Held { .. }), "not accepted");
    }
    assert_eq!(asks(&mut account, 2, "st-2", place, 5), Turn::Go);
    assert_eq!(account.record_result(&2, &of("st-2"), DELETED, at(5)).woken, [1]);
    for caller in 10..13 {
        assert_eq!(asks(&mut account, caller, "st-1", place, 6), Turn::Go);
        account.record_result(&caller, &of("st-1"), REFUSED, at(6));
    }
    assert!(account.is_in_trouble_with(&of("st-1")) && !account.is_in_trouble_with(&of("st-2")));
    assert!(matches!(asks(&mut account, 1, "st-1", place, 6), Turn::Held { .. }));
    assert_eq!(asks(&mut account, 3, "st-2", place, 6), Turn::Go);
}
