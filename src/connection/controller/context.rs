use std::sync::Arc;
use std::time::Duration;

use super::memory::Memory;
use crate::connection::keep::Keeper;
use crate::connection::lookup::Connections;
use crate::connection::users::Users;
use crate::kube_ext::{Events, Kube, Selected, Synced};

/// Requeue of a connection that a person has to correct: a missing Secret, for example, may exist by now. Its new status wakes the
/// campaigns.
pub(super) const RETRY: Duration = Duration::from_secs(10);
/// Requeue of a connection that needs nothing.
pub(super) const INTERVAL: Duration = Duration::from_secs(600);

/// What the controller works with.
pub struct Context {
    /// Client of the API server.
    pub kube: Kube,
    /// Lookups, credentials, and whether Kore accepted them.
    pub connections: Arc<Connections>,
    /// Which objects use which connection.
    pub users: Arc<Users>,
    /// Selects the connections of this instance.
    pub selected: Selected,
    /// Puts `in-use` on and takes it off.
    pub keeper: Arc<Keeper>,
    /// Whether the users are known.
    pub synced: Arc<Synced>,
    /// Publishes events.
    pub events: Events,
    /// What is known of each connection.
    pub memory: Memory,
}

impl Context {
    /// Releases the operator's rights in a namespace, in a task of its own, if nobody there needs them any more.
    pub(super) fn release_rights(&self, namespace: &str) {
        let (keeper, namespace) = (self.keeper.clone(), namespace.to_owned());
        tokio::spawn(async move { keeper.release_rights(&namespace).await });
    }
}
