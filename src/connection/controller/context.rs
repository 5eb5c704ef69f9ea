use std::sync::Arc;

use super::memory::Memory;
use crate::connection::keep::Keeper;
use crate::connection::lookup::Connections;
use crate::connection::users::Users;
use crate::kube_ext::{Events, Kube, Selected, Synced};

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
    /// Releases the operator's rights in a namespace, in a task of its own, if nobody there needs them any
    /// more.
    pub(super) fn release_rights(&self, namespace: &str) {
        let (keeper, namespace) = (self.keeper.clone(), namespace.to_owned());
        tokio::spawn(async move { keeper.release_rights(&namespace).await });
    }
}
