use std::collections::BTreeSet;

use crate::api::KoreConnectionSpec;
use crate::kore::Account;

/// Which hosts lead to the same account, because a connection lists former hosts of it.
#[derive(Debug, Default)]
pub struct Renames(Vec<BTreeSet<Account>>);

impl Renames {
    /// The renames that these connections list, taken together.
    pub fn new<'a>(connections: impl IntoIterator<Item = &'a KoreConnectionSpec>) -> Self {
        let renamed = connections.into_iter().filter(|spec| !spec.former_hosts.is_empty());
        let groups = renamed.map(|spec| {
            let hosts = spec.former_hosts.iter().chain([&spec.host]);
            hosts.map(|host| Account::new(host, &spec.account_id)).collect::<BTreeSet<_>>()
        });
        // Two connections with a host in common describe one account under all their hosts.
        Self(groups.fold(Vec::new(), |known, group| {
            let (same, mut other): (Vec<_>, Vec<_>) =
                known.into_iter().partition(|known: &BTreeSet<Account>| !known.is_disjoint(&group));
            other.push(same.into_iter().flatten().chain(group).collect());
            other
        }))
    }

    /// The account under the host by which accounts are compared; the same for all of its hosts.
    pub fn one(&self, account: Account) -> Account {
        let group = self.0.iter().find(|group| group.contains(&account));
        group.and_then(|group| group.first().cloned()).unwrap_or(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn connection(account: &str, host: &str, former: &[&str]) -> KoreConnectionSpec {
        serde_json::from_value(json!({"host": host, "accountId": account, "formerHosts": former,
            "credentialsSecretRef": {"name": "s"}}))
        .unwrap()
    }

    /// All hosts that connections list together are one, in any order of the connections; but for that
    /// account only.
    #[test]
    fn hosts_that_are_said_to_be_one_are_one_account() {
        let mut said = vec![
            connection("a", "https://c", &["https://b:443"]),
            connection("a", "https://e", &["https://d"]),
            connection("a", "https://other", &[]),
            connection("a", "https://d.", &["https://C"]),
        ];
        for _ in 0..said.len() {
            said.rotate_left(1);
            let renames = Renames::new(&said);
            let one = |host: &str, account: &str| renames.one(Account::new(host, account));
            for host in ["https://b", "https://c", "https://d", "https://e"] {
                assert_eq!(one(host, "a"), one("https://b", "a"), "{host}");
                assert_eq!(one(host, "b"), Account::new(host, "b"), "another account");
            }
            assert_eq!(one("https://other", "a"), Account::new("https://other", "a"));
        }
        assert_eq!(Renames::default().one(Account::new("https://c", "a")), Account::new("https://c", "a"));
    }
}
