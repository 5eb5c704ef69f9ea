//! What the controllers work from: one scope per watched namespace, or a single one for all namespaces.

use std::sync::Arc;

use futures::channel::mpsc;
use kube::Resource;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};

use crate::campaign::Watched as Campaign;
use crate::connection::Watched as Connection;
use crate::kube_ext::Wake;

/// A namespace that has its own watches and controllers, or all namespaces together. How far its watches have
/// come (starting, synced or forbidden) is in `Synced` and in `/readyz`, which both take it from `Progress`.
pub(super) struct Scope {
    /// `None` for all.
    pub namespace: Option<String>,
    pub campaigns: Feed<Campaign>,
    pub connections: Feed<Connection>,
}

/// What the watch and the controller of one kind share in a scope.
pub(super) struct Feed<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    /// The cache, to be read.
    pub store: Store<K>,
    /// The cache, to be filled by the watch.
    pub writer: Writer<K>,
    /// The objects to reconcile.
    pub triggered: mpsc::UnboundedReceiver<ObjectRef<K>>,
}

/// Triggers reconciles in all scopes.
pub(super) struct Wakes {
    pub campaigns: Arc<Wake<Campaign>>,
    pub connections: Wake<Connection>,
}

/// A scope for each of these namespaces, or one for all if there are none; and what triggers reconciles in
/// them.
pub(super) fn scopes(namespaces: &[String]) -> (Vec<Scope>, Wakes) {
    let namespaces = watched(namespaces);
    let (wake_campaigns, campaigns) = Wake::of(&namespaces);
    let (wake_connections, connections) = Wake::of(&namespaces);
    let triggered = campaigns.into_iter().zip(connections);
    let scopes = namespaces.into_iter().zip(triggered).map(|(namespace, (campaigns, connections))| Scope {
        namespace,
        campaigns: Feed::new(campaigns),
        connections: Feed::new(connections),
    });
    let wakes = Wakes { campaigns: Arc::new(wake_campaigns), connections: wake_connections };
    (scopes.collect(), wakes)
}

impl<K> Feed<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    fn new(triggered: mpsc::UnboundedReceiver<ObjectRef<K>>) -> Self {
        let (store, writer) = reflector::store();
        Self { store, writer, triggered }
    }
}

/// The namespaces that have watches of their own; `None` is the one watch of all, if none are named.
pub(super) fn watched(namespaces: &[String]) -> Vec<Option<String>> {
    match namespaces {
        [] => vec![None],
        namespaces => namespaces.iter().cloned().map(Some).collect(),
    }
}
