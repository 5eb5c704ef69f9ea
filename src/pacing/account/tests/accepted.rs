use super::*;

/// When the service accepts credentials, all callers that have them are woken.
#[test]
fn all_that_have_accepted_credentials_are_woken() {
    let mut account = Account::default();
    claim(&mut account, 0, "dev", 0);
    account.record_result(&0, &with("dev"), REFUSED, at(0));
    for caller in 1..9 {
        let _ = claim(&mut account, caller, "dev", 1);
    }
    assert_eq!(claim(&mut account, 1, "dev", 6), Turn::Go);
    assert_eq!(account.record_result(&1, &with("dev"), DELETED, at(6)).woken, [2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(claim(&mut account, 2, "dev", 6), Turn::Go);
}

/// A Secret is replaced by that of another app: callers held with the old credentials are woken when the
/// service accepts the new ones, and not again later.
#[test]
fn new_credentials_wake_those_with_old_ones() {
    let mut account = Account::default();
    claim(&mut account, 0, "old", 0);
    account.record_result(&0, &with("old"), READ, at(0));
    for caller in 1..4 {
        claim(&mut account, caller, "old", 1);
        account.record_result(&caller, &with("old"), REFUSED, at(1));
    }
    for caller in 4..30 {
        assert!(matches!(claim(&mut account, caller, "old", 2), Turn::Held { .. }));
    }
    assert_eq!(claim(&mut account, 1, "new", 3), Turn::Go);
    let woken = account.record_result(&1, &with("new"), DELETED, at(3)).woken;
    assert_eq!(woken, (4..30).collect::<Vec<_>>());
    assert_eq!(claim(&mut account, 29, "new", 3), Turn::Go);
    assert!(account.record_result(&29, &with("new"), DELETED, at(3)).woken.is_empty());
}

/// Credentials that nobody has used for an hour are forgotten.
#[test]
fn rotated_credentials_are_forgotten() {
    let mut account = Account::default();
    claim(&mut account, 0, "old", 0);
    account.record_result(&0, &with("old"), REFUSED, at(0));
    claim(&mut account, 0, "new", 4000);
    assert_eq!(account.credentials.len(), 1);
    assert!(!account.is_in_trouble_with(&with("old")));
}
