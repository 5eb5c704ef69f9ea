use super::*;

/// A restart in an outage: unproven credentials share the account's trouble from its begin, however many
/// probes fail.
#[test]
fn the_trouble_of_the_account_is_that_of_whoever_comes() {
    let mut account = Account::default();
    let outages = (0..9).map(|held| Outage::new(at(-600), None, Some(held)));
    let past = Past { outage: outages.reduce(Outage::join), ..Past::default() };
    account.inherit(&past, at(0), 60);
    let unread = CallEvidence { account: Evidence::ReadFailed { fresh: true }, ..FAILED };
    let mut probes = 0;
    for now in 0..600 {
        match claim(&mut account, 1, "prod", now) {
            Turn::Go => {
                probes += 1;
                account.record_result(&1, &with("prod"), unread, at(now));
            }
            Turn::Held { of, since, .. } => assert_eq!((of, since), (Holder::Account, at(-600)), "{now}"),
            Turn::At(until) => panic!("{until}"),
        }
    }
    assert!((9..=12).contains(&probes), "one a minute, not {probes}");
}

/// After a restart, the trouble of two campaigns holds nobody else, an outage is not probed before the
/// promised time, and the trouble of a connection that is not known to have worked is its own.
#[test]
fn a_restart_leaves_trouble_where_it_was() {
    let outage = |held: &[u32]| {
        let outages = held.iter().map(|held| Outage::new(at(-600), Some(at(40)), Some(*held)));
        outages.reduce(Outage::join)
    };
    let mut account = Account::default();
    account.inherit(&Past { outage: outage(&[1, 2]), ..Past::default() }, at(0), 60);
    assert!(matches!(claim(&mut account, 1, "prod", 0), Turn::Held { of: Holder::Account, .. }));
    assert_eq!(claim(&mut account, 3, "prod", 0), Turn::Go);
    let mut account = Account::default();
    account.inherit(&Past { outage: outage(&[1, 2, 3, 4]), ..Past::default() }, at(0), 60);
    assert_eq!((0..90).find(|now| claim(&mut account, 9, "prod", *now) == Turn::Go), Some(40));
    let mut account = Account::default();
    account.inherit(&Past::default(), at(0), 60);
    account.inherit_outage(&with("dev"), &outage(&[1, 2, 3]).unwrap(), at(0));
    assert!(!account.is_in_trouble());
    assert_eq!(claim(&mut account, 5, "prod", 0), Turn::Go);
    assert_eq!((0..90).find(|now| claim(&mut account, 9, "dev", *now) == Turn::Go), Some(40));
}

/// The probes of credentials that were refused before a restart go on, and do not start over; unless the
/// service has accepted them since.
#[test]
fn a_restart_probes_refused_credentials_on() {
    let mut account = Account::default();
    let refusal = Refusal { since: at(-3600), probe: Some(at(40)) };
    account.inherit_refusal(&with("dev"), refusal, at(0));
    let turn = claim(&mut account, 1, "dev", 0);
    let held = Turn::Held { of: Holder::Credentials, since: at(-3600), until: at(40), next: true };
    assert_eq!(turn, held);
    assert_eq!(claim(&mut account, 2, "prod", 0), Turn::Go);
    let mut probes = Vec::new();
    for now in 0..200 {
        if claim(&mut account, 1, "dev", now) == Turn::Go {
            account.record_result(&1, &with("dev"), REFUSED, at(now));
            probes.push(now);
        }
    }
    assert_eq!(probes, [40, 100, 160]);
    account.record_result(&2, &with("prod"), DELETED, at(200));
    account.inherit_refusal(&with("prod"), refusal, at(200));
    assert_eq!(claim(&mut account, 3, "prod", 200), Turn::Go);
}
