//! The process: settings, telemetry, the wiring of the controllers, the admin server, and its end.

mod admin;
mod check;
mod controllers;
mod crds;
mod settings;
mod telemetry;
mod watch;

pub use admin::Health;
pub use check::check;
pub use settings::{CheckArgs, Cli, Command, LogFormat, RunArgs, Settings, UninstallArgs};
pub use telemetry::init as init_telemetry;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use tokio::sync::watch as signal;

use crate::kore::KoreClient;
use crate::kube_ext::{Candidate, Kube, Leadership};
use crate::metrics::Metrics;

/// How long a step in flight may take to its end when the process is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the operator on a cluster until `stop` is ready. What is in flight then is finished, for at most 10 s.
///
/// # Errors
/// If the process can't start: a setting is wrong, or the admin address can't be bound. If another instance leads instead.
pub async fn run(
    settings: Settings,
    cluster: kube::Config,
    stop: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let Settings { namespaces, selected, allowed_hosts, admin_address, kore, instance, lease } = settings;
    let mut stop = std::pin::pin!(stop);
    let client = || Client::try_from(cluster.clone()).context("the Kubernetes client can't be configured");
    let service = Arc::new(KoreClient::new(&kore)?);
    let metrics = Arc::new(Metrics::default());
    let health = Arc::new(Health::default());
    let admin = match admin_address {
        Some(address) => {
            let listener = tokio::net::TcpListener::bind(address)
                .await
                .with_context(|| format!("the admin address {address} can't be used"))?;
            tracing::info!(address = %listener.local_addr()?, "Serving /livez, /readyz and /metrics");
            Some(tokio::spawn(admin::serve(listener, health.clone(), metrics.clone())))
        }
        None => None,
    };
    let mut candidate = match lease {
        Some(name) => Some(Candidate::new(client()?, name, instance.as_deref())),
        None => None,
    };
    let leadership = match &mut candidate {
        Some(candidate) => tokio::select! {
            leadership = candidate.lead(|| health.standing_by()) => leadership,
            () = &mut stop => {
                tracing::info!("Stopped");
                return Ok(());
            }
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
    let (stopping, stopped) = signal::channel(false);
    let wiring = controllers::Wiring {
        kube: Kube::new(client()?, leadership.clone()),
        service,
        leadership: leadership.clone(),
        metrics,
        health: health.clone(),
        instance,
        stopping: stopped,
        selected,
        allowed_hosts,
    };
    let mut controllers = std::pin::pin!(controllers::controllers(wiring, namespaces));
    tokio::select! {
        () = &mut controllers => anyhow::bail!("the controllers have ended by themselves"),
        () = &mut lost => anyhow::bail!("the lease is lost: another instance may lead by now"),
        () = &mut stop => {}
    }
    tracing::info!("Stopping: no new call is begun, what is in flight is finished");
    stopping.send_replace(true);
    tokio::select! {
        () = &mut controllers => {}
        () = &mut lost => anyhow::bail!("the lease is lost: another instance may lead by now"),
        () = tokio::time::sleep(GRACE) => {
            tracing::warn!("Stopped with a call in flight; it is repeated after the next start");
        }
    }
    drop(lost);
    if let Some(candidate) = &mut candidate {
        candidate.release(&leadership).await;
    }
    if let Some(admin) = admin {
        admin.abort();
    }
    tracing::info!("Stopped");
    Ok(())
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
    tracing::info!(cluster = %config.cluster_url, "Using the Kubernetes cluster");
    Ok(config)
}
