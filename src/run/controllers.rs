//! The controllers of VoiceCampaigns and KoreConnections: one of each per watched namespace, or one for all.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use futures::stream::{self, FuturesUnordered};
use futures::{FutureExt, StreamExt};
use kube::runtime::controller::{self, Controller};
use kube::runtime::watcher;
use kube::{Api, Resource};
use tokio::sync::watch as signal;

use super::contexts::{Contexts, Wiring};
use super::crds;
use super::gauges::Gauges;
use super::lines::in_lines;
use super::progress::Progress;
use super::scope::{Feed, Scope, scopes};
use super::watch::{Dependents, watch_campaigns, watch_connections};
use crate::api::{KoreConnection, VoiceCampaign};
use crate::campaign;
use crate::campaign::Watched as Campaign;
use crate::connection::{self, Watched as Connection};
use crate::kore::CampaignService;
use crate::kube_ext::{Guarded, Kube, Synced, error_chain};
use crate::metrics::{Observe, ReconcileResult};

/// Runs until `stopping`, and then until no reconcile is in flight any more.
pub(super) async fn controllers<S: CampaignService>(wiring: Wiring<S>) {
    let (client, namespaces) = (wiring.kube.client(), &wiring.settings.namespaces);
    tokio::select! {
        () = crds::wait_until_served(&client, namespaces, &wiring.health) => {}
        () = stopped(wiring.stopping.clone()) => return,
    }
    let (scopes, wakes) = scopes(namespaces);
    let contexts_of = wiring.contexts(&scopes, wakes);
    let contexts: Vec<_> = scopes.iter().map(|scope| contexts_of(scope.campaigns.store.clone())).collect();
    // As long as the controllers run.
    let gauges = Gauges::of(&contexts, &wiring.health).map(|gauges| Arc::new(gauges) as Arc<dyn Observe>);
    gauges.iter().for_each(|gauges| wiring.metrics.ask(Arc::downgrade(gauges)));
    let controllers = scopes.into_iter().zip(contexts);
    let controllers = controllers.map(|(scope, contexts)| run_scope(scope, contexts, &wiring));
    let mut controllers: FuturesUnordered<_> = controllers.collect();
    // A controller that ends by itself ends the process: a namespace without one must not look healthy.
    while let Some(()) = controllers.next().await {
        if !*wiring.stopping.borrow() {
            return;
        }
    }
}

/// Runs the two controllers of a scope, and their watches.
fn run_scope<S: CampaignService>(
    scope: Scope,
    contexts: Contexts<S>,
    wiring: &Wiring<S>,
) -> impl Future<Output = ()> + Send + use<S> {
    let stopping = wiring.stopping.clone();
    let Scope { namespace, campaigns, connections } = scope;
    let namespace = namespace.as_deref();
    let dependents = Dependents::new(campaigns.store.clone(), contexts.campaigns.wake.clone());
    let connections = run_connections(connections, namespace, dependents, &contexts, wiring);
    // In a task of its own, so that neither controller waits for the other.
    let mut connections = tokio::spawn(connections);
    let campaigns = run_campaigns(campaigns, namespace, contexts.campaigns, wiring);
    async move {
        let mut campaigns = std::pin::pin!(campaigns);
        tokio::select! {
            () = &mut campaigns => {}
            ended = &mut connections => {
                if *stopping.borrow() {
                    // It has less to finish than the other.
                    campaigns.await;
                } else {
                    tracing::error!(?ended, "The controller of KoreConnections ended unexpectedly");
                }
            }
        }
        connections.abort();
    }
}

fn run_connections<S: CampaignService>(
    feed: Feed<Connection>,
    namespace: Option<&str>,
    dependents: Dependents,
    contexts: &Contexts<S>,
    wiring: &Wiring<S>,
) -> impl Future<Output = ()> + Send + use<S> {
    let context = contexts.connections.clone();
    let health = wiring.health.watch("KoreConnections", namespace);
    let synced = contexts.campaigns.connections_synced.clone();
    let progress = Progress::new(health, synced.clone(), wiring.metrics.clone());
    let api = api::<KoreConnection>(&wiring.kube, namespace);
    let unlisted = stopped_unlisted(wiring.stopping.clone(), synced, namespace.map(ToOwned::to_owned));
    let watch = watch_connections(api, feed.writer, dependents, context.clone(), progress);
    let metrics = wiring.metrics.clone();
    let reconcile = move |object, context| {
        let (metrics, started) = (metrics.clone(), Instant::now());
        connection::reconcile(object, context).inspect(move |result| {
            metrics.counters.reconciled("koreconnection", ReconcileResult::of(result), started.elapsed());
        })
    };
    let controller = Controller::for_stream(stream::pending(), feed.store)
        .reconcile_on(feed.triggered)
        .graceful_shutdown_on(stopped(wiring.stopping.clone()))
        .run(reconcile, connection::error_policy, context)
        .for_each(async |result| log_if_failed(result));
    first_of(controller, watch, unlisted)
}

fn run_campaigns<S: CampaignService>(
    feed: Feed<Campaign>,
    namespace: Option<&str>,
    context: Arc<campaign::Context<S>>,
    wiring: &Wiring<S>,
) -> impl Future<Output = ()> + Send + use<S> {
    let health = wiring.health.watch("VoiceCampaigns", namespace);
    let progress = Progress::new(health, context.synced.clone(), wiring.metrics.clone());
    let (stopping, synced) = (wiring.stopping.clone(), context.synced.clone());
    let unlisted = stopped_unlisted(stopping, synced, namespace.map(ToOwned::to_owned));
    let api = api::<VoiceCampaign>(&wiring.kube, namespace);
    let selected = wiring.settings.selected.clone();
    let watch = watch_campaigns(api, feed.writer, selected, context.clone(), progress);
    let connections_synced = context.connections_synced.clone();
    let (stop, stop_early) = (stopped(wiring.stopping.clone()), stopped(wiring.stopping.clone()));
    let controller = Controller::for_stream(stream::pending(), feed.store)
        .reconcile_on(in_lines(feed.triggered, context.pass_permits.clone()))
        .graceful_shutdown_on(stop)
        .run(campaign::reconcile::<S>, campaign::error_policy::<S>, context)
        .for_each(async |result| log_if_failed(result));
    let controller = async move {
        // Otherwise each campaign would read a connection from the API server that the cache is about to
        // have.
        tokio::select! {
            () = connections_synced.wait() => controller.await,
            () = stop_early => {}
        }
    };
    first_of(controller, watch, unlisted)
}

/// Runs until the controller or its watch ends, or the operator stops without a list.
async fn first_of(
    controller: impl Future<Output = ()>,
    watch: impl Future<Output = ()>,
    unlisted: impl Future<Output = ()>,
) {
    tokio::select! {
        () = controller => {}
        () = watch => {}
        () = unlisted => {}
    }
}

/// Returns when the operator stops, if the watch has not listed its objects by then. kube-rs begins no
/// reconcile before the list is there, and does not end its controller either.
async fn stopped_unlisted(stopping: signal::Receiver<bool>, synced: Arc<Synced>, namespace: Option<String>) {
    stopped(stopping).await;
    if synced.has_listed(namespace.as_deref()) {
        std::future::pending().await
    }
}

fn api<K>(kube: &Kube, namespace: Option<&str>) -> Api<Guarded<K>>
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

/// Logs both kinds of errors of a controller.
fn log_if_failed<T, E: Error + 'static>(result: Result<T, controller::Error<E, watcher::Error>>) {
    let Err(error) = result else { return };
    match error {
        controller::Error::ReconcilerFailed(error, object) => {
            tracing::warn!(error = error_chain(&error), %object, "Reconcile failed; retrying");
        }
        // The object was deleted while its reconcile was due.
        controller::Error::ObjectNotFound(object) => tracing::debug!(%object, "The object is gone"),
        controller::Error::QueueError(error) => tracing::debug!(%error, "The watch was interrupted"),
        controller::Error::RunnerError(error) => tracing::error!(%error, "The controller failed"),
    }
}
