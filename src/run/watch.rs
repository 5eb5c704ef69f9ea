//! Watches and controllers: one of each per namespace that is worked in, or one for all.

use std::sync::Arc;

use futures::StreamExt;
use futures::channel::mpsc;
use futures::future::join_all;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{self, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store, store::Writer};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource, ResourceExt};
use tokio::sync::watch as signal;

use super::admin::Health;
use super::crds;
use crate::api::{KoreConnection, VoiceCampaign};
use crate::campaign::{self, Accounts, Context, Memory};
use crate::connection::Connections;
use crate::kore::CampaignService;
use crate::kube_ext::{Events, Kube, prune};
use crate::metrics::Metrics;

/// A watch is begun anew after this time. Below the 240 s after which cloud load balancers silently drop a connection.
const WATCH_SECONDS: u32 = 220;
/// Objects per page of a list.
const PAGE_SIZE: u32 = 500;

type Campaign = DeserializeGuard<VoiceCampaign>;
type Connection = DeserializeGuard<KoreConnection>;

/// What the controllers share.
pub(super) struct Wiring<S> {
    pub kube: Kube,
    pub service: Arc<S>,
    pub accounts: Arc<Accounts>,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    pub instance: Option<String>,
    pub stopping: signal::Receiver<bool>,
}

/// Runs until `stopping`, and then until nothing is in flight any more.
pub(super) async fn controllers<S: CampaignService>(wiring: Wiring<S>, namespaces: Vec<String>) {
    let client = wiring.kube.client();
    tokio::select! {
        () = crds::wait_until_served(&client, &namespaces) => {}
        () = stopped(wiring.stopping.clone()) => return,
    }
    let scopes: Vec<Option<String>> =
        if namespaces.is_empty() { vec![None] } else { namespaces.into_iter().map(Some).collect() };
    let (connection_stores, connection_writers): (Vec<_>, Vec<_>) =
        scopes.iter().map(|_| reflector::store::<Connection>()).unzip();
    let connections = Arc::new(Connections::new(client, connection_stores));
    wiring.health.expect(2 * scopes.len());
    let controllers = scopes
        .into_iter()
        .zip(connection_writers)
        .map(|(scope, writer)| controller(&wiring, scope.as_deref(), connections.clone(), writer));
    join_all(controllers.collect::<Vec<_>>()).await;
}

/// The controller of one namespace, or of all.
fn controller<S: CampaignService>(
    wiring: &Wiring<S>,
    namespace: Option<&str>,
    connections: Arc<Connections>,
    connection_writer: Writer<Connection>,
) -> impl Future<Output = ()> + Send + use<S> {
    let (campaigns, campaign_writer) = reflector::store::<Campaign>();
    let context = Arc::new(Context {
        kube: wiring.kube.clone(),
        service: wiring.service.clone(),
        connections,
        accounts: wiring.accounts.clone(),
        memory: Memory::default(),
        events: Events::new(wiring.kube.client(), "voicecampaign-operator", wiring.instance.clone()),
        metrics: wiring.metrics.clone(),
        stopping: wiring.stopping.clone(),
    });
    let (wake, woken) = mpsc::unbounded();
    let connection_api = api::<KoreConnection>(&wiring.kube, namespace);
    let connection_watch =
        watch_connections(connection_api, connection_writer, campaigns.clone(), wake, wiring.health.clone());
    let campaign_api = api::<VoiceCampaign>(&wiring.kube, namespace);
    let campaign_watch = watch_campaigns(
        campaign_api,
        campaign_writer,
        campaigns.clone(),
        context.clone(),
        wiring.health.clone(),
    );
    let stop = stopped(wiring.stopping.clone());
    // The watch of connections is not one of the controller's own: those share one backoff, and stall together.
    let mut connection_watch = tokio::spawn(connection_watch);
    let run = Controller::for_stream(campaign_watch, campaigns)
        .reconcile_on(woken)
        .graceful_shutdown_on(stop)
        .run(campaign::reconcile::<S>, campaign::error_policy::<S>, context)
        .for_each(async |result| {
            if let Err(error) = result {
                report(&error);
            }
        });
    async move {
        tokio::select! {
            () = run => {}
            ended = &mut connection_watch => tracing::error!(?ended, "The watch of KoreConnections has ended"),
        }
        connection_watch.abort();
    }
}

fn watch_campaigns<S: CampaignService>(
    api: Api<Campaign>,
    writer: Writer<Campaign>,
    store: Store<Campaign>,
    context: Arc<Context<S>>,
    health: Arc<Health>,
) -> impl futures::Stream<Item = Result<Campaign, watcher::Error>> + Send {
    let mut first = true;
    watcher(api, watch_config())
        .modify(prune)
        .default_backoff()
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(watcher::Event::Delete(gone)) => {
                context.memory.forget(gone.uid().as_deref().unwrap_or_default())
            }
            Ok(watcher::Event::InitDone) => {
                let known: std::collections::HashSet<_> =
                    store.state().iter().filter_map(|object| object.uid()).collect();
                context.memory.retain(|uid| known.contains(uid));
                if std::mem::take(&mut first) {
                    tracing::info!(objects = known.len(), "Watching VoiceCampaigns");
                    health.shown();
                }
            }
            Ok(watcher::Event::Init | watcher::Event::InitApply(_) | watcher::Event::Apply(_)) => {}
            Err(error) => tracing::warn!(%error, "The watch of VoiceCampaigns was interrupted"),
        })
        .applied_objects()
}

/// Keeps the cache of connections, and wakes the campaigns of one that has changed.
async fn watch_connections(
    api: Api<Connection>,
    writer: Writer<Connection>,
    campaigns: Store<Campaign>,
    wake: mpsc::UnboundedSender<ObjectRef<Campaign>>,
    health: Arc<Health>,
) {
    let mut first = true;
    let mut events = watcher(api, watch_config()).modify(prune).default_backoff().reflect(writer).boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(connection) | watcher::Event::InitApply(connection)) => {
                for campaign in campaigns.state().iter().filter(|campaign| uses(campaign, &connection)) {
                    // Fails only when the controller has ended.
                    let _ = wake.unbounded_send(ObjectRef::from_obj(campaign.as_ref()));
                }
            }
            Ok(watcher::Event::InitDone) => {
                if std::mem::take(&mut first) {
                    health.shown();
                }
            }
            Ok(watcher::Event::Init | watcher::Event::Delete(_)) => {}
            Err(error) => tracing::warn!(%error, "The watch of KoreConnections was interrupted"),
        }
    }
}

fn uses(campaign: &Campaign, connection: &Connection) -> bool {
    campaign.0.as_ref().is_ok_and(|campaign| {
        campaign.namespace() == connection.namespace()
            && campaign.spec.connection_ref.name == connection.name_any()
    })
}

fn watch_config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE_SIZE)
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

async fn stopped(mut stopping: signal::Receiver<bool>) {
    // An error means that the sender is gone, with the process.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Both kinds of errors of the controller, in one place.
fn report(error: &controller::Error<campaign::Error, watcher::Error>) {
    match error {
        controller::Error::ReconcilerFailed(error, object) => {
            let causes: Vec<String> = causes(error).collect();
            tracing::warn!(error = causes.join(": "), %object, "Could not finish a pass; it is tried again");
        }
        // The object went while its pass was due.
        controller::Error::ObjectNotFound(object) => tracing::debug!(%object, "The object is gone"),
        controller::Error::QueueError(error) => tracing::debug!(%error, "The watch was interrupted"),
        controller::Error::RunnerError(error) => tracing::error!(%error, "The controller failed"),
    }
}

fn causes(error: &dyn std::error::Error) -> impl Iterator<Item = String> {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .into_iter()
}
