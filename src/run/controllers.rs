//! The controllers of campaigns and of connections: one of each per namespace that is worked in, or one for all.

use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc;
use futures::stream::{self, FuturesUnordered};
use futures::{Stream, StreamExt};
use kube::core::DeserializeGuard;
use kube::runtime::controller::{self, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store, store::Writer};
use kube::runtime::watcher;
use kube::{Api, Resource};
use tokio::sync::{Semaphore, watch as signal};

use super::crds;
use super::health::Health;
use super::watch::{Campaign, Connection, watch_campaigns, watch_connections};
use crate::api::{KoreConnection, VoiceCampaign};
use crate::campaign::{self, Accounts, Claims, Context, Emptiness, Listings, MAX_WORKING_PASSES, Memory};
use crate::connection::{self, AllowedHosts, Connections, Keeper, Users};
use crate::kore::CampaignService;
use crate::kube_ext::{Events, Kube, Leadership, Selected, Synced, Wake, in_full};
use crate::metrics::Metrics;

/// Objects that somebody wants to have reconciled.
type Woken<K> = mpsc::UnboundedReceiver<ObjectRef<K>>;

/// How long kube-rs takes to begin a pass: its scheduler counts in milliseconds.
const BEGUN: Duration = Duration::from_millis(5);

/// What the controllers share.
pub(super) struct Wiring<S> {
    pub kube: Kube,
    pub service: Arc<S>,
    pub leadership: Leadership,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    pub instance: Option<String>,
    pub stopping: signal::Receiver<bool>,
    pub selected: Selected,
    pub allowed_hosts: AllowedHosts,
    pub role_binding: Option<String>,
}

/// What the controllers of all namespaces know together.
struct Shared {
    connections: Arc<Connections>,
    keeper: Arc<Keeper>,
    users: Arc<Users>,
    synced: Arc<Synced>,
    connections_synced: Arc<Synced>,
    pass_permits: Arc<Semaphore>,
    accounts: Arc<Accounts>,
    listings: Arc<Listings>,
    claims: Arc<Claims>,
    emptiness: Arc<Emptiness>,
    wake: Arc<Wake<Campaign>>,
}

/// Runs until `stopping`, and then until nothing is in flight any more.
pub(super) async fn controllers<S: CampaignService>(wiring: Wiring<S>, namespaces: Vec<String>) {
    let client = wiring.kube.client();
    tokio::select! {
        () = crds::wait_until_served(&client, &namespaces, &wiring.health) => {}
        () = stopped(wiring.stopping.clone()) => return,
    }
    let scopes: Vec<Option<String>> =
        if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() };
    let (connection_stores, connection_writers): (Vec<_>, Vec<_>) =
        scopes.iter().map(|_| reflector::store::<Connection>()).unzip();
    let (wake_connections, connections_woken) = Wake::of(&scopes);
    let keeper = Arc::new(Keeper::new(
        wiring.kube.clone(),
        campaign::needs_connection,
        wiring.role_binding.clone(),
        wiring.selected.clone(),
    ));
    let stores = connection_stores.clone();
    let connections = Arc::new(Connections::new(
        wiring.kube.clone(),
        stores,
        keeper.clone(),
        wake_connections,
        wiring.selected.clone(),
        wiring.allowed_hosts.clone(),
    ));
    let (wake, woken) = Wake::of(&scopes);
    let wake = Arc::new(wake);
    let [synced, connections_synced] = [(); 2].map(|()| Arc::new(Synced::of(scopes.len())));
    let both_synced = [synced.clone(), connections_synced.clone()];
    let accounts = Arc::new(Accounts::new(wake.clone()));
    let claims = Arc::new(Claims::new(
        wiring.kube.clone(),
        connections.clone(),
        accounts.clone(),
        namespaces,
        synced.clone(),
    ));
    let shared = Shared {
        connections_synced,
        pass_permits: Arc::new(Semaphore::new(MAX_WORKING_PASSES)),
        listings: Arc::new(Listings::new(wake.clone())),
        emptiness: Arc::new(Emptiness::new(claims.clone(), connections.clone(), both_synced)),
        claims,
        accounts,
        connections,
        keeper,
        users: Arc::default(),
        synced,
        wake,
    };
    let stopping = wiring.stopping.clone();
    let controllers = scopes
        .into_iter()
        .zip(connection_stores.into_iter().zip(connection_writers))
        .zip(woken.into_iter().zip(connections_woken))
        .map(|((scope, cache), woken)| controller(&wiring, scope.as_deref(), &shared, cache, woken));
    let mut controllers: FuturesUnordered<_> = controllers.collect();
    // One that ends by itself ends the process: a namespace that nobody cares for must not look healthy.
    while let Some(()) = controllers.next().await {
        if !*stopping.borrow() {
            return;
        }
    }
}

/// The controller of one namespace, or of all.
fn controller<S: CampaignService>(
    wiring: &Wiring<S>,
    namespace: Option<&str>,
    shared: &Shared,
    (connections, connection_writer): (Store<Connection>, Writer<Connection>),
    (woken, connections_woken): (Woken<Campaign>, Woken<Connection>),
) -> impl Future<Output = ()> + Send + use<S> {
    let (campaigns, campaign_writer) = reflector::store::<Campaign>();
    let context = Arc::new(Context {
        kube: wiring.kube.clone(),
        service: wiring.service.clone(),
        leadership: wiring.leadership.clone(),
        connections: shared.connections.clone(),
        cache: campaigns.clone(),
        pass_permits: shared.pass_permits.clone(),
        accounts: shared.accounts.clone(),
        listings: shared.listings.clone(),
        claims: shared.claims.clone(),
        emptiness: shared.emptiness.clone(),
        users: shared.users.clone(),
        synced: shared.synced.clone(),
        connections_synced: shared.connections_synced.clone(),
        wake: shared.wake.clone(),
        memory: Memory::default(),
        events: Events::new(wiring.kube.clone(), wiring.instance.clone()),
        metrics: wiring.metrics.clone(),
        stopping: wiring.stopping.clone(),
    });
    let connection_context = Arc::new(connection::Context {
        kube: wiring.kube.clone(),
        connections: shared.connections.clone(),
        users: shared.users.clone(),
        selected: wiring.selected.clone(),
        keeper: shared.keeper.clone(),
        synced: shared.synced.clone(),
        events: context.events.clone(),
        memory: connection::Memory::default(),
    });
    let connections_watched = watch_connections(
        api::<KoreConnection>(&wiring.kube, namespace),
        connection_writer,
        campaigns.clone(),
        (connection_context.clone(), shared.wake.clone(), shared.connections_synced.clone()),
        wiring.health.watch(what::<KoreConnection>(namespace), namespace),
    );
    let keep = Controller::for_stream(stream::pending(), connections)
        .reconcile_on(connections_woken)
        .graceful_shutdown_on(stopped(wiring.stopping.clone()))
        .run(connection::reconcile, connection::error_policy, connection_context)
        .for_each(async |result| {
            if let Err(error) = result {
                report(&error);
            }
        });
    // In a task of its own: what one does, the other does not wait for.
    let mut keep = tokio::spawn(either(keep, connections_watched));
    let campaigns_watched = watch_campaigns(
        api::<VoiceCampaign>(&wiring.kube, namespace),
        campaign_writer,
        context.clone(),
        (
            wiring.selected.clone(),
            namespace.map(ToOwned::to_owned),
            wiring.health.watch(what::<VoiceCampaign>(namespace), namespace),
        ),
    );
    let connections_synced = shared.connections_synced.clone();
    let (stop, stop_early) = (stopped(wiring.stopping.clone()), stopped(wiring.stopping.clone()));
    let run = Controller::for_stream(stream::pending(), campaigns)
        .reconcile_on(with_permits(woken, shared.pass_permits.clone()))
        .graceful_shutdown_on(stop)
        .run(campaign::reconcile::<S>, campaign::error_policy::<S>, context)
        .for_each(async |result| {
            if let Err(error) = result {
                report(&error);
            }
        });
    let run = async move {
        // Otherwise each campaign would ask the API server for a connection that the cache is about to show.
        tokio::select! {
            () = connections_synced.wait() => run.await,
            () = stop_early => {}
        }
    };
    let run = either(run, campaigns_watched);
    let stopping = wiring.stopping.clone();
    async move {
        let mut run = std::pin::pin!(run);
        tokio::select! {
            () = &mut run => {}
            ended = &mut keep => {
                if *stopping.borrow() {
                    // It is sooner at its end: nothing of it must be finished.
                    run.await;
                } else {
                    tracing::error!(?ended, "The watch of KoreConnections has ended");
                }
            }
        }
        keep.abort();
    }
}

/// Runs until one of them ends.
async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}

/// Hands on whom to reconcile when there is room for a pass. Thousands that are woken at once wait here as names: kube-rs would
/// begin with all of them, and keep the room that it takes.
fn with_permits<K>(woken: Woken<K>, pass_permits: Arc<Semaphore>) -> impl Stream<Item = ObjectRef<K>>
where
    K: Resource,
{
    woken
        .ready_chunks(MAX_WORKING_PASSES)
        .then(move |objects| {
            let pass_permits = pass_permits.clone();
            async move {
                if objects.len() == MAX_WORKING_PASSES {
                    // There are many. Those before them have begun by then, and it is seen whether there is room.
                    tokio::time::sleep(BEGUN).await;
                }
                // The semaphore is never closed. The passes themselves ask again.
                drop(pass_permits.acquire().await);
                stream::iter(objects)
            }
        })
        .flatten()
}

fn api<K>(kube: &Kube, namespace: Option<&str>) -> Api<DeserializeGuard<K>>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(kube.client(), namespace),
        None => Api::all(kube.client()),
    }
}

/// What a watch shows, for people.
fn what<K: Resource<DynamicType = ()>>(namespace: Option<&str>) -> String {
    let of = namespace.map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    format!("{}s{of}", K::kind(&()))
}

async fn stopped(mut stopping: signal::Receiver<bool>) {
    // An error means that the sender is gone, with the process.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Both kinds of errors of a controller, in one place.
fn report<E: std::error::Error + 'static>(error: &controller::Error<E, watcher::Error>) {
    match error {
        controller::Error::ReconcilerFailed(error, object) => {
            tracing::warn!(error = in_full(error), %object, "Could not finish a pass; it is tried again");
        }
        // The object went while its pass was due.
        controller::Error::ObjectNotFound(object) => tracing::debug!(%object, "The object is gone"),
        controller::Error::QueueError(error) => tracing::debug!(%error, "The watch was interrupted"),
        controller::Error::RunnerError(error) => tracing::error!(%error, "The controller failed"),
    }
}
