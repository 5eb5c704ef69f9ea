use std::sync::Arc;

use super::accounts::Accounts;
use super::memory::Memory;
use crate::connection::Connections;
use crate::kube_ext::{Events, Kube};
use crate::metrics::Metrics;

/// What the controller works with.
pub struct Context<S> {
    /// The API server.
    pub kube: Kube,
    /// Kore.
    pub service: Arc<S>,
    /// Connections and credentials.
    pub connections: Arc<Connections>,
    /// Clocks and seats of the accounts.
    pub accounts: Arc<Accounts>,
    /// What is known of each object beyond its status.
    pub memory: Memory,
    /// Events.
    pub events: Events,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Whether the process is about to end: then no new remote call is begun.
    pub stopping: tokio::sync::watch::Receiver<bool>,
}
