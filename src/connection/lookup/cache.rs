use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use kube::runtime::reflector::{ObjectRef, Store};

use crate::api::{KoreConnection, KoreConnectionSpec};
use crate::connection::allowed::AllowedHosts;
use crate::connection::name::ConnectionName;
use crate::connection::problem::Problem;
use crate::connection::renames::Renames;
use crate::connection::watched::Watched;
use crate::kore::Account;
use crate::kube_ext::Selected;

/// The KoreConnections as the watches have them.
pub struct CachedConnections {
    pub stores: Vec<Store<Watched>>,
    pub selected: Selected,
    pub allowed: AllowedHosts,
}

impl CachedConnections {
    pub fn get(&self, name: &ConnectionName) -> Option<Arc<Watched>> {
        let key = ObjectRef::new(&name.name).within(&name.namespace);
        self.stores.iter().find_map(|store| store.get(&key))
    }

    /// The connections of an account, without those that do not fit their schema.
    pub fn of_account(&self, of: &Account) -> impl Iterator<Item = KoreConnection> {
        let connections = self.stores.iter().flat_map(Store::state);
        let readable = connections.filter_map(|connection| connection.0.as_ref().ok().cloned());
        let renames = self.vouched_for();
        readable.filter(move |connection| renames.one(account(&connection.spec)) == *of)
    }

    /// The renames that count for the objects of a namespace. The `formerHosts` of a connection count in its
    /// own namespace only: whoever may write there could claim the account of somebody else. If the
    /// administrator has listed all hosts of a connection in `--allowed-hosts`, its `formerHosts` count
    /// everywhere.
    pub fn believed_in(&self, namespace: &str) -> Renames {
        self.renames(|connection| {
            connection.namespace().as_deref() == Some(namespace) || self.is_vouched_for(&connection.spec)
        })
    }

    /// The renames that count everywhere.
    pub fn vouched_for(&self) -> Renames {
        self.renames(|connection| self.is_vouched_for(&connection.spec))
    }

    fn renames(&self, is_believed: impl Fn(&KoreConnection) -> bool) -> Renames {
        let all: Vec<_> = self.stores.iter().flat_map(Store::state).collect();
        let readable = all.iter().filter_map(|connection| connection.0.as_ref().ok());
        let believed =
            readable.filter(|connection| !connection.spec.former_hosts.is_empty() && is_believed(connection));
        Renames::new(believed.map(|connection| &connection.spec))
    }

    /// Whether the administrator has listed all hosts of a connection.
    fn is_vouched_for(&self, spec: &KoreConnectionSpec) -> bool {
        spec.former_hosts.iter().chain([&spec.host]).all(|host| self.allowed.names(host))
    }

    /// The problem, if the operator may not send tokens to the host of a connection.
    pub fn host_problem(&self, connection: &KoreConnection) -> Option<Problem> {
        let host = &connection.spec.host;
        (!self.allowed.allows(host))
            .then(|| Problem::HostNotAllowed { connection: connection.name_any(), host: host.clone() })
    }

    /// The connection, if it and all others of its account belong to this instance: only one instance can
    /// keep the account's quota.
    ///
    /// # Errors
    /// If one of them belongs to another instance.
    pub fn of_this_instance<'a>(
        &self,
        connection: &'a KoreConnection,
    ) -> Result<&'a KoreConnection, Problem> {
        let not_selected = |name| Problem::NotSelected { name, selector: self.selected.to_string() };
        if !self.selected.selects(connection) {
            return Err(not_selected(connection.name_any()));
        }
        if self.selected.selects_all() {
            return Ok(connection);
        }
        match self.others().of_the_account(connection) {
            Some(other) => Err(not_selected(other.to_string())),
            None => Ok(connection),
        }
    }

    /// All connections for which [`Self::of_this_instance`] holds.
    pub fn all_of_this_instance(&self) -> Vec<KoreConnection> {
        let others = self.others();
        let all: Vec<_> = self.stores.iter().flat_map(Store::state).collect();
        let readable = all.iter().filter_map(|one| one.0.as_ref().ok());
        let ours = |connection: &&KoreConnection| {
            self.selected.selects(*connection) && others.of_the_account(connection).is_none()
        };
        readable.filter(ours).cloned().collect()
    }

    fn others(&self) -> Others {
        let all: Vec<_> = self.stores.iter().flat_map(Store::state).collect();
        let readable = || all.iter().filter_map(|one| one.0.as_ref().ok());
        let renames = Renames::new(readable().map(|one| &one.spec));
        let mut names = BTreeMap::new();
        for other in readable().filter(|one| !self.selected.selects(*one)) {
            names.entry(renames.one(account(&other.spec))).or_insert_with(|| ConnectionName::of(other));
        }
        Others { renames, names }
    }
}

/// The accounts that another instance has, too.
struct Others {
    renames: Renames,
    /// One of its connections, for each account.
    names: BTreeMap<Account, ConnectionName>,
}

impl Others {
    fn of_the_account(&self, connection: &KoreConnection) -> Option<&ConnectionName> {
        self.names.get(&self.renames.one(account(&connection.spec)))
    }
}

/// The account of a connection, by the host that it calls.
pub fn account(spec: &KoreConnectionSpec) -> Account {
    Account::new(&spec.host, &spec.account_id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kube::runtime::{reflector, watcher};
    use serde_json::json;

    use super::*;
    use crate::kube_ext::Guarded;

    /// A connection of an account that another instance has, too, by whatever host, is not of this instance.
    #[test]
    fn all_of_this_instance_are_those_of_which_each_is() {
        let connection = |(name, shard, account, host, former): (&str, &str, &str, &str, &[&str])| {
            let object = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
                "metadata": {"name": name, "namespace": "n", "labels": {"shard": shard}},
                "spec": {"host": host, "accountId": account, "formerHosts": former,
                    "credentialsSecretRef": {"name": "s"}}});
            serde_json::from_value::<KoreConnection>(object).unwrap()
        };
        let connections = [
            ("own", "a", "1", "https://h", &[][..]),
            ("foreign", "b", "2", "https://h", &[]),
            ("shared", "a", "3", "https://h", &[]),
            ("shared-elsewhere", "b", "3", "https://h", &[]),
            ("renamed", "a", "4", "https://new", &["https://h"]),
            ("renamed-elsewhere", "b", "4", "https://h", &[]),
        ]
        .map(connection);
        let (store, mut writer) = reflector::store();
        for connection in &connections {
            writer.apply_watcher_event(&watcher::Event::Apply(Guarded(Ok(connection.clone()))));
        }
        for (selector, expected) in [("shard=a", 1), ("", 6), ("shard=c", 0)] {
            let selected = selector.parse().unwrap();
            let cache =
                CachedConnections { stores: vec![store.clone()], selected, allowed: AllowedHosts::default() };
            let each: BTreeSet<_> = connections
                .iter()
                .filter(|one| cache.of_this_instance(one).is_ok())
                .map(ResourceExt::name_any)
                .collect();
            let all: BTreeSet<_> = cache.all_of_this_instance().iter().map(ResourceExt::name_any).collect();
            assert_eq!((&all, all.len()), (&each, expected), "{selector}");
        }
    }
}
