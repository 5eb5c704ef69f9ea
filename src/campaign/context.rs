use std::sync::Arc;

use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use tokio::sync::Semaphore;

use super::accounts::Accounts;
use super::claims::Claims;
use super::listings::Listings;
use super::memory::Memory;
use crate::api::VoiceCampaign;
use crate::connection::{Connections, Users};
use crate::kube_ext::{Events, Kube, Leadership, Synced, Wake};
use crate::metrics::Metrics;

/// A VoiceCampaign as it is watched: perhaps one that does not fit its schema.
pub type Watched = DeserializeGuard<VoiceCampaign>;

/// What the controller works with.
pub struct Context<S> {
    /// The API server.
    pub kube: Kube,
    /// Connections and credentials.
    pub connections: Arc<Connections>,
    /// The objects, as the watch shows them.
    pub cache: Store<Watched>,
    /// Which passes may work.
    pub pass_permits: Arc<Semaphore>,
    /// Clocks and seats of the accounts.
    pub accounts: Arc<Accounts>,
    /// Listings of the streams.
    pub listings: Arc<Listings>,
    /// Who names which campaign.
    pub claims: Arc<Claims>,
    /// Who uses which connection.
    pub users: Arc<Users>,
    /// Whether all VoiceCampaigns are known.
    pub synced: Arc<Synced>,
    /// Whether all KoreConnections are.
    pub connections_synced: Arc<Synced>,
    /// Has other objects reconciled.
    pub wake: Arc<Wake<Watched>>,
    /// What is known of each object beyond its status.
    pub memory: Memory,
    /// Events.
    pub events: Events,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Kore.
    pub service: Arc<S>,
    /// Whether this instance leads.
    pub leadership: Leadership,
    /// Whether the process is about to end.
    pub stopping: tokio::sync::watch::Receiver<bool>,
}

impl<S> Context<S> {
    /// Which objects are not known yet: the first kind of them, if one is not.
    pub fn missing(&self) -> Option<(&'static str, &Synced)> {
        self.missing_connections().or_else(|| missing("VoiceCampaigns", &self.synced))
    }

    /// The same of connections alone.
    pub fn missing_connections(&self) -> Option<(&'static str, &Synced)> {
        missing("KoreConnections", &self.connections_synced)
    }

    /// Kore, for a call that begins now; `None` if none may, because the process is about to end, or another leads.
    pub fn service(&self) -> Option<&S> {
        (self.leadership.is_held() && !*self.stopping.borrow()).then_some(&self.service)
    }
}

fn missing<'a>(kind: &'static str, listed: &'a Synced) -> Option<(&'static str, &'a Synced)> {
    (!listed.is_complete()).then_some((kind, listed))
}
