//! What is the case now, for `/metrics`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::runtime::reflector::Store;

use super::contexts::Contexts;
use super::health::Health;
use crate::campaign::{self, Accounts, Census, Counted};
use crate::connection::{ConnectionName, Connections, Overview};
use crate::metrics::{Account, Current, Observe};

/// What the controllers of a term know.
pub(super) struct Gauges {
    /// The VoiceCampaigns of each scope.
    campaigns: Vec<Store<campaign::Watched>>,
    connections: Arc<Connections>,
    accounts: Arc<Accounts>,
    health: Arc<Health>,
    census: Mutex<Census>,
}

impl Observe for Gauges {
    fn observe(&self) -> Current {
        let (connections, now) = (self.connections.all(), Timestamp::now());
        let names: HashSet<_> = connections.iter().map(|connection| connection.name.clone()).collect();
        let objects: Vec<_> = self.campaigns.iter().flat_map(Store::state).collect();
        let mut census = self.census.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { living, terminating, failing_since } = census.count(&objects, &names, now);
        let leaving = connections.iter().filter_map(|Overview { name, deleted_at, .. }| {
            Some((name.to_string(), now.duration_since((*deleted_at)?).as_secs_f64().max(0.0)))
        });
        let leaving = leaving.collect();
        let accounts = self.accounts(connections, &failing_since, now);
        Current { living, terminating, leaving, accounts, watches: self.health.watches() }
    }
}

impl Gauges {
    /// Of the controllers of all scopes, which share connections and accounts.
    pub(super) fn of<S>(scopes: &[Contexts<S>], health: &Arc<Health>) -> Option<Self> {
        let first = &scopes.first()?.campaigns;
        Some(Self {
            campaigns: scopes.iter().map(|scope| scope.campaigns.cache.clone()).collect(),
            connections: first.connections.clone(),
            accounts: first.accounts.clone(),
            health: health.clone(),
            census: Mutex::default(),
        })
    }

    fn accounts(
        &self,
        connections: Vec<Overview>,
        failing_since: &HashMap<ConnectionName, Timestamp>,
        now: Timestamp,
    ) -> BTreeMap<String, Account> {
        // Many connections may lead to one account, whose queue may be long.
        let mut known = HashMap::new();
        let of_connection = |Overview { name, account, requests_per_minute, refused, deleted_at: _ }| {
            let figures = *known
                .entry((account, requests_per_minute))
                .or_insert_with_key(|(account, quota)| self.accounts.figures(account, *quota));
            // The account is not charged with failures of credentials that have never worked.
            let since = failing_since.get(&name).map(|since| now.duration_since(*since).as_secs_f64());
            let failing_seconds = figures.failing_seconds.max(since.unwrap_or_default());
            (name.to_string(), Account { refused, failing_seconds, ..figures })
        };
        connections.into_iter().map(of_connection).collect()
    }
}
