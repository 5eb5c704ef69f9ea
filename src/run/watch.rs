//! Watches and controllers: one of each per namespace that is worked in, or one for all.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc;
use futures::future::{self, BoxFuture};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, Stream, StreamExt, stream};
use kube::core::DeserializeGuard;
use kube::runtime::controller::{self, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store, store::Writer};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource, ResourceExt};
use tokio::sync::watch as signal;

use super::admin::Health;
use super::crds;
use crate::api::{KoreConnection, VoiceCampaign};
use crate::campaign::{self, Accounts, Claims, Context, Memory, Streams, shown};
use crate::connection::Connections;
use crate::kore::CampaignService;
use crate::kube_ext::{Events, Kube, Wake, prune};
use crate::metrics::Metrics;

/// A watch is begun anew after this time. Below the 240 s after which cloud load balancers silently drop a connection.
const WATCH_SECONDS: u32 = 220;
/// A watch can lose an event; so now and then everything is listed anew: after this time, and up to as much again.
const RELIST: Duration = Duration::from_secs(12 * 60);
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

/// What the controllers of all namespaces know together.
struct Shared {
    connections: Arc<Connections>,
    connections_known: future::Shared<BoxFuture<'static, ()>>,
    streams: Arc<Streams>,
    claims: Arc<Claims>,
    wake: Arc<Wake<Campaign>>,
}

/// Runs until `stopping`, and then until nothing is in flight any more.
pub(super) async fn controllers<S: CampaignService>(wiring: Wiring<S>, namespaces: Vec<String>) {
    let client = wiring.kube.client();
    tokio::select! {
        () = crds::wait_until_served(&client, &namespaces) => {}
        () = stopped(wiring.stopping.clone()) => return,
    }
    let scopes: Vec<Option<String>> =
        if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() };
    let (connection_stores, connection_writers): (Vec<_>, Vec<_>) =
        scopes.iter().map(|_| reflector::store::<Connection>()).unzip();
    let connections = Arc::new(Connections::new(wiring.kube.clone(), connection_stores));
    let (wake, woken) = Wake::of(&scopes);
    let wake = Arc::new(wake);
    let known = connections.clone();
    let shared = Shared {
        // kube-rs wakes only one of those who wait for a cache.
        connections_known: async move { known.wait_until_known().await }.boxed().shared(),
        streams: Arc::new(Streams::new(wake.clone())),
        claims: Arc::new(Claims::new(wiring.kube.clone(), connections.clone(), namespaces)),
        connections,
        wake,
    };
    wiring.health.expect(2 * scopes.len());
    let stopping = wiring.stopping.clone();
    let controllers = scopes
        .into_iter()
        .zip(connection_writers.into_iter().zip(woken))
        .map(|(scope, inputs)| controller(&wiring, scope.as_deref(), &shared, inputs));
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
    (connection_writer, woken): (Writer<Connection>, mpsc::UnboundedReceiver<ObjectRef<Campaign>>),
) -> impl Future<Output = ()> + Send + use<S> {
    let (campaigns, campaign_writer) = reflector::store::<Campaign>();
    let context = Arc::new(Context {
        kube: wiring.kube.clone(),
        service: wiring.service.clone(),
        connections: shared.connections.clone(),
        accounts: wiring.accounts.clone(),
        streams: shared.streams.clone(),
        claims: shared.claims.clone(),
        wake: shared.wake.clone(),
        memory: Memory::default(),
        events: Events::new(wiring.kube.clone(), "voicecampaign-operator", wiring.instance.clone()),
        metrics: wiring.metrics.clone(),
        stopping: wiring.stopping.clone(),
    });
    let connection_api = api::<KoreConnection>(&wiring.kube, namespace);
    let connection_watch = watch_connections(
        connection_api,
        connection_writer,
        campaigns.clone(),
        shared.wake.clone(),
        wiring.health.clone(),
    );
    let campaign_api = api::<VoiceCampaign>(&wiring.kube, namespace);
    let campaign_watch = watch_campaigns(
        campaign_api,
        campaign_writer,
        campaigns.clone(),
        context.clone(),
        wiring.health.clone(),
    );
    let connections_known = shared.connections_known.clone();
    let (stop, stop_early) = (stopped(wiring.stopping.clone()), stopped(wiring.stopping.clone()));
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
    let run = async move {
        // Otherwise each campaign would ask the API server for a connection that the cache is about to show.
        tokio::select! {
            () = connections_known => run.await,
            () = stop_early => {}
        }
    };
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
) -> impl Stream<Item = Result<Campaign, watcher::Error>> + Send {
    let mut first = true;
    let mut before = Vec::new();
    relisting(move || watcher(api.clone(), watch_config()))
        .modify(prune)
        .default_backoff()
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                shown::present(object, &context);
            }
            Ok(watcher::Event::Delete(object)) => shown::gone(object, &context),
            Ok(watcher::Event::Init) => before = store.state(),
            Ok(watcher::Event::InitDone) => {
                shown::listed(&std::mem::take(&mut before), &store, &context);
                if std::mem::take(&mut first) {
                    context.claims.listed();
                    tracing::info!(objects = store.len(), "Watching VoiceCampaigns");
                    health.shown();
                }
            }
            Err(error) => tracing::warn!(%error, "The watch of VoiceCampaigns was interrupted"),
        })
        .applied_objects()
}

/// Keeps the cache of connections, and wakes the campaigns of one that has changed.
async fn watch_connections(
    api: Api<Connection>,
    writer: Writer<Connection>,
    campaigns: Store<Campaign>,
    wake: Arc<Wake<Campaign>>,
    health: Arc<Health>,
) {
    let mut first = true;
    let watch = relisting(move || watcher(api.clone(), watch_config()));
    let mut events = watch.modify(prune).default_backoff().reflect(writer).boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(
                watcher::Event::Apply(connection)
                | watcher::Event::InitApply(connection)
                | watcher::Event::Delete(connection),
            ) => {
                for campaign in campaigns.state().iter().filter(|campaign| uses(campaign, &connection)) {
                    wake.wake(ObjectRef::from_obj(campaign.as_ref()));
                }
            }
            Ok(watcher::Event::InitDone) => {
                if std::mem::take(&mut first) {
                    health.shown();
                }
            }
            Ok(watcher::Event::Init) => {}
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

/// A watch that begins anew, with a list, from time to time; each at a time of its own.
fn relisting<S: Stream + Send>(watch: impl FnMut() -> S + Send) -> impl Stream<Item = S::Item> + Send {
    stream::repeat_with(watch)
        .flat_map(|watch| watch.take_until(tokio::time::sleep(between(RELIST, 2 * RELIST))))
}

/// A random time between two, from the standard library's seeds of hash maps.
fn between(least: Duration, most: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    least + (most - least).mul_f64(random as f64 / u64::MAX as f64)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a watch has lost, it is found after at most 24 minutes.
    #[tokio::test(start_paused = true)]
    async fn a_watch_begins_anew_between_12_and_24_minutes() {
        let begun = tokio::time::Instant::now();
        // Each watch tells when it begins, and then nothing, for ever.
        let mut watch =
            Box::pin(relisting(|| stream::once(async { begun.elapsed() }).chain(stream::pending())));
        let mut last = watch.next().await.unwrap();
        let mut pauses = std::collections::HashSet::new();
        for _ in 0..20 {
            let next = watch.next().await.unwrap();
            let pause = next - last;
            assert!((RELIST..=2 * RELIST + Duration::from_millis(2)).contains(&pause), "{pause:?}");
            pauses.insert(pause);
            last = next;
        }
        assert!(pauses.len() > 10, "each at a time of its own");
    }
}
