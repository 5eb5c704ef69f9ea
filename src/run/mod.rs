//! The process: settings, telemetry, the wiring of the controllers, the admin server, and its end.

mod admin;
mod check;
mod controllers;
mod crds;
mod health;
mod policies;
mod settings;
mod telemetry;
mod term;
mod watch;

pub use check::check;
pub use health::Health;
pub use settings::{CheckArgs, Cli, Command, LogFormat, RunArgs, Settings, UninstallArgs};
pub use telemetry::init as init_telemetry;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::HeaderValue;
use http::header::USER_AGENT;
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch as signal};
use tokio::time::timeout;

use self::term::Term;
use crate::kore::KoreClient;
use crate::kube_ext::{Candidate, Kube, Leadership};
use crate::metrics::Metrics;

/// How long a step in flight may take to its end when the process is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How often an instance that stands by looks whether it could take over; and how soon, if it could not.
const LOOKS: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(5)];

/// Runs the operator on a cluster until `stop` is ready. What is in flight then is finished, for at most 10 s.
///
/// An instance that loses its lease, as when the API server is away, ends its term, and stands by for the next one.
///
/// # Errors
/// If the process can't start: a setting is wrong, or the admin address can't be bound.
pub async fn run(
    settings: Settings,
    cluster: kube::Config,
    stop: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let mut stop = std::pin::pin!(stop);
    let client = || Client::try_from(cluster.clone()).context("the Kubernetes client can't be configured");
    let metrics = Arc::new(Metrics::default());
    let health = Arc::new(Health::default());
    // A setting that is wrong ends the process before anything is done.
    drop(KoreClient::new(&settings.kore)?);
    let admin = match settings.admin_address {
        Some(address) => {
            let listener = admin::listen(address, TcpListener::bind)
                .await
                .with_context(|| format!("the admin address {address} can't be used"))?;
            tracing::info!(address = %listener.local_addr()?, "Serving /livez, /readyz and /metrics");
            Some(tokio::spawn(admin::serve(listener, health.clone(), metrics.clone())))
        }
        None => None,
    };
    let looking = client()?;
    let mut candidate = match &settings.lease {
        Some(name) => Some(Candidate::new(client()?, name.clone(), settings.instance.as_deref())),
        None => None,
    };
    loop {
        health.starting();
        let leadership = match &mut candidate {
            Some(candidate) => tokio::select! {
                leadership = lead(candidate, &health, &looking, &settings) => leadership,
                () = &mut stop => break,
            },
            None => Leadership::unlimited(),
        };
        let lost = async {
            match &mut candidate {
                Some(candidate) => candidate.keep(&leadership).await,
                None => std::future::pending().await,
            }
        };
        let mut lost = Box::pin(lost);
        let work =
            work(settings.clone(), cluster.clone(), leadership.clone(), metrics.clone(), health.clone());
        let mut term = Term::begin(work)?;
        tokio::select! {
            ended = term.ended() => {
                ended?;
                anyhow::bail!("the controllers have ended by themselves");
            }
            () = &mut lost => {
                term.end().await?;
                tracing::warn!("The lease is lost: another instance may lead by now. Standing by");
                continue;
            }
            () = &mut stop => {}
        }
        tracing::info!("Stopping: no new call is begun, what is in flight is finished");
        term.stop();
        tokio::select! {
            _ = term.ended() => {}
            () = &mut lost => tracing::warn!("Stopped without the lease: another instance may lead by now"),
            () = tokio::time::sleep(GRACE) => {
                tracing::warn!("Stopped with a call in flight; it is repeated after the next start");
            }
        }
        drop(lost);
        term.end().await?;
        if let Some(candidate) = &mut candidate {
            candidate.release(&leadership).await;
        }
        break;
    }
    if let Some(admin) = admin {
        admin.abort();
    }
    tracing::info!("Stopped");
    Ok(())
}

/// Waits until this instance leads; `health` says meanwhile whether it could.
async fn lead(
    candidate: &mut Candidate,
    health: &Health,
    client: &Client,
    settings: &Settings,
) -> Leadership {
    let standing_by = Notify::new();
    let could = async {
        standing_by.notified().await;
        loop {
            let could = could_lead(client, settings).await;
            let [well, ill] = LOOKS;
            let pause = if could.is_ok() { well } else { ill };
            health.standing_by(could);
            // Or sooner: what was in trouble meanwhile is not.
            let _ = timeout(pause, standing_by.notified()).await;
        }
    };
    let leadership = tokio::select! {
        leadership = candidate.lead(
            || standing_by.notify_one(),
            |error| health.waiting(&format!("can't tell who leads, or take the lease: {error}")),
        ) => leadership,
        never = could => never,
    };
    health.starting();
    leadership
}

/// Whether this instance could take over, as far as that can be told while another leads.
async fn could_lead(client: &Client, settings: &Settings) -> Result<(), String> {
    crds::problem(client, &settings.namespaces).await?;
    match &settings.lease {
        Some(lease) => crds::may_take(client, lease).await,
        None => Ok(()),
    }
}

/// The work of one term: until it is told to stop, and then until nothing is in flight any more.
fn work(
    settings: Settings,
    cluster: kube::Config,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
) -> impl AsyncFnOnce(signal::Receiver<bool>) -> anyhow::Result<()> + Send + 'static {
    async move |stopping| {
        let Settings { namespaces, selected, allowed_hosts, role_binding, kore, instance, .. } = settings;
        let client = Client::try_from(cluster).context("the Kubernetes client can't be configured")?;
        let wiring = controllers::Wiring {
            kube: Kube::new(client, leadership.clone()),
            service: Arc::new(KoreClient::new(&kore)?),
            leadership,
            metrics,
            health,
            instance,
            stopping,
            selected,
            allowed_hosts,
            role_binding,
        };
        let beating = wiring.health.clone();
        tokio::select! {
            () = controllers::controllers(wiring, namespaces) => Ok(()),
            () = beating.keep_beating() => Ok(()),
        }
    }
}

/// Ready when the process is told to stop: SIGTERM or Ctrl-C.
///
/// # Errors
/// If the signals can't be listened for.
pub fn termination() -> std::io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Does what ends by itself, unless the process is told to stop before. The kernel ignores a signal to the first process of a container that
/// does not listen for it.
///
/// # Errors
/// Those of the work; or that the process was told to stop.
pub async fn unless_told_to_stop(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let stop = termination()?;
    tokio::select! {
        outcome = work => outcome,
        () = stop => anyhow::bail!("told to stop before everything was done; run it again"),
    }
}

/// How the API server is reached: from `KUBECONFIG`, else `~/.kube/config`, else from inside a cluster.
///
/// kube-rs would retry 429, 503 and 504 up to 15 times inside one call, for minutes. Retries are the controller's
/// business here, and it puts a deadline on each call.
///
/// # Errors
/// If there is no usable configuration.
pub async fn cluster() -> anyhow::Result<kube::Config> {
    let mut config = kube::Config::infer()
        .await
        .context("no Kubernetes cluster: set KUBECONFIG, or run the operator in a cluster")?;
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    // A list on a connection whose other end is silently gone; watches have a shorter time-out of their own.
    config.read_timeout = Some(Duration::from_secs(240));
    config.reset_reader_on_write = true;
    // What is written without a field manager, as events are by kube-rs, the API server puts down to the user agent.
    config.headers.push((USER_AGENT, HeaderValue::from_static(crate::USER_AGENT)));
    tracing::info!(cluster = %config.cluster_url, "Using the Kubernetes cluster");
    Ok(config)
}
