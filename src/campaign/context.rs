use std::sync::Arc;

use kube::ResourceExt;
use kube::runtime::reflector::Store;

use super::shared::{Accounts, Claims, Emptiness, Listings, Memory};
use crate::campaign::Watched;
use crate::connection::{Connections, Users};
use crate::kube_ext::{Events, Kube, Leadership, Slot, Slots, Synced, Wake};
use crate::metrics::Metrics;

/// What the controller works with.
pub struct Context<S> {
    /// The API server.
    pub kube: Kube,
    /// Connections and credentials.
    pub connections: Arc<Connections>,
    /// The objects, as the watch shows them.
    pub cache: Store<Watched>,
    /// Which passes may work.
    pub pass_permits: Arc<Slots>,
    /// Which passes may ask the API server before their DELETE.
    pub asking_permits: Arc<Slots>,
    /// Clocks and seats of the accounts.
    pub accounts: Arc<Accounts>,
    /// Listings of the streams.
    pub listings: Arc<Listings>,
    /// Who names which campaign.
    pub claims: Arc<Claims>,
    /// Whether an empty listing is believed.
    pub emptiness: Arc<Emptiness>,
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

/// A kind of objects that the operator has not listed in full since it was started.
#[derive(Clone, Copy)]
pub struct Unsynced<'a> {
    /// The kind, in the plural.
    pub kind: &'static str,
    /// How far its lists have come.
    pub synced: &'a Synced,
}

impl<S> Context<S> {
    /// Waits for the right of a pass over this object to work.
    pub async fn work_permit(&self, object: &impl ResourceExt) -> Slot {
        self.pass_permits.take(&object.namespace().unwrap_or_default()).await
    }

    /// Waits for the right of a pass over this object to ask the API server before its DELETE: not behind
    /// thousands of passes whose turn has not come.
    pub async fn asking_permit(&self, object: &impl ResourceExt) -> Slot {
        self.asking_permits.take(&object.namespace().unwrap_or_default()).await
    }

    /// The first kind of objects that is not known yet, if one is not.
    pub fn unsynced(&self) -> Option<Unsynced<'_>> {
        self.unsynced_connections().or_else(|| unsynced("VoiceCampaigns", &self.synced))
    }

    /// KoreConnections, if they are not known yet.
    pub fn unsynced_connections(&self) -> Option<Unsynced<'_>> {
        unsynced("KoreConnections", &self.connections_synced)
    }

    /// Kore, for a call that begins now; `None` if none may, because the process is about to end, or another
    /// instance leads.
    pub fn service(&self) -> Option<&S> {
        (self.leadership.is_held() && !*self.stopping.borrow()).then_some(&self.service)
    }
}

fn unsynced<'a>(kind: &'static str, synced: &'a Synced) -> Option<Unsynced<'a>> {
    (!synced.is_complete()).then_some(Unsynced { kind, synced })
}
