use super::*;

/// 50 campaigns whose credentials are refused cost the account a call and its probes, and no place in the
/// queue.
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

/// Those who leave the queue of the account because their credentials are refused have the next ones told: an
/// account that works is not left to itself.
#[test]
fn whoever_leaves_the_front_has_the_next_ones_told() {
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
    let told = [10, 11, 12].map(|caller| account.record_result(&caller, &with("dev"), REFUSED, at(2)).woken);
    assert!(told[2].contains(&3) && told[2].contains(&100), "{told:?}");
    assert!(account.clock.waiting().iter().all(|caller| *caller >= 100));
    assert_eq!(claim(&mut account, 100, "prod", 5), Turn::Go);
}

/// The same if they come with other credentials by now, which are refused.
#[test]
fn whoever_comes_with_refused_credentials_has_the_next_ones_told() {
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
    let told = account.moved_up(at(2));
    assert!(told.contains(&100), "{told:?}");
}

/// Whoever has left the queue waits with the credentials: for as long as it was promised, and it is told when
/// they are accepted.
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
    assert_eq!((first, account.clock.waiting()), (vec![1, 2, 3, 4], vec![]), "whatever they are to open");
    assert_eq!(ask(&mut account, 0, "st-1", 600), Turn::Go);
    let told = account.record_result(&0, &with("dev"), DELETED, at(601)).woken;
    assert_eq!(told, (9..20).collect::<Vec<_>>(), "those that were to come later");
    for caller in 10..20 {
        ask(&mut account, caller, if caller < 15 { "st-1" } else { "st-2" }, 602);
    }
    for caller in 30..33 {
        account.record_result(&caller, &with("dev"), REFUSED, at(603));
    }
    assert_eq!(account.clock.waiting(), (15..20).collect::<Vec<_>>(), "this stream alone");
}

/// What becomes of the deletions of an account, all of which come at once: those of dev, which were due
/// first, are refused. When the last of the others was deleted, and how often one of them was told a time at
/// most.
fn others_are_deleted(quota: usize, dev: u32, prod: u32) -> (i64, usize) {
    let mut account = Account::default();
    let mut comes: Vec<Option<i64>> = vec![Some(0); (dev + prod) as usize];
    let mut told = vec![Vec::new(); comes.len()];
    let mut calls: Vec<(i64, u32)> = Vec::new();
    let mut left = prod;
    for now in 0.. {
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
            return (now, told.iter().map(Vec::len).max().unwrap());
        }
        while let Some(caller) = woken.pop().or_else(|| {
            let next = comes.iter().position(|comes| comes.is_some_and(|comes| comes <= now));
            next.map(|caller| u32::try_from(caller).unwrap())
        }) {
            // Who calls, or is gone, is not woken.
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
                    // What is only some seconds later, the status does not tell anew.
                    let about =
                        |told: &Timestamp| (*told..=*told + SignedDuration::from_secs(10)).contains(&until);
                    if !told[caller as usize].last().is_some_and(about) {
                        told[caller as usize].push(until);
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
    unreachable!("the loop has no end")
}

/// Deletions with refused credentials have all asked before the first refusal is known: they hold up nobody,
/// whatever the quota; and those who move up are told no more than once or twice.
#[test]
fn refused_credentials_that_wait_for_the_quota_hold_up_nobody() {
    for (quota, dev, prod) in [(7, 50, 1), (1, 26, 1), (60, 500, 1), (60, 500, 590)] {
        let (took, told) = others_are_deleted(quota, dev, prod);
        let windows = 1 + i64::from(prod - 1) / i64::try_from(quota).unwrap();
        // A minute, the second that each answer takes (a call counts from it), what makes that a whole
        // second, and the last answer.
        assert!(took <= 63 * windows, "quota {quota}, {dev} refused, {prod} others: {took} s");
        assert!(told <= 3, "told {told} times");
    }
}

/// The app lacks the right to one stream: who calls about another one is not held, also if all were held
/// before the credentials had been accepted.
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
