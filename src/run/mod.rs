//! The process: its settings, terms of leadership, the controllers in them, and the admin server.
//!
//! ```text
//!   settings.rs (parse.rs), logging.rs, cluster.rs, signals.rs    what main.rs starts with
//!     ▼
//!   mod.rs          one term after another, until the process is asked to terminate
//!     ├─ admin.rs       /livez, /readyz (health.rs) and /metrics (gauges.rs), in every term
//!     ├─ election.rs    waits for the lease, keeps and releases it
//!     └─ term.rs        a thread for the controllers of one term
//!          ▼
//!   controllers.rs  waits for the CRDs (crds.rs), then two controllers per scope (scope.rs, contexts.rs)
//!     ├─ watch.rs       the watches: relist.rs, progress.rs
//!     └─ lines.rs       where objects wait for a reconcile, a line for each namespace
//! ```

mod admin;
mod cluster;
mod contexts;
mod controllers;
mod crds;
mod election;
mod gauges;
mod health;
mod lines;
mod logging;
mod parse;
mod progress;
mod relist;
mod scope;
mod settings;
mod signals;
mod term;
mod watch;

pub use cluster::cluster;
pub use health::Health;
pub use logging::{init as init_logging, init_audit as init_audit_logging};
pub use settings::{CheckArgs, Cli, Command, LogFormat, RunArgs, Settings, UninstallArgs};
pub use signals::{termination, until_terminated};

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch as signal;
use tokio::time::sleep;

use self::contexts::Wiring;
use self::election::Election;
use self::term::Term;
use crate::kore::KoreClient;
use crate::kube_ext::{Call, Count, Kube, Leadership, counted_client_of};
use crate::metrics::Metrics;

/// How long calls in flight may take when the process is asked to terminate.
const GRACE: Duration = Duration::from_secs(10);

/// What all terms of the process share.
struct Process {
    settings: Settings,
    cluster: kube::Config,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

/// Why a term ended.
enum Ended {
    LeaseLost,
    Stopped,
}

/// Runs the operator on a cluster until `stop` is ready, and then for at most 10 s until no call is in
/// flight.
///
/// An instance that loses its lease, for example because the API server is away, ends its term and stands by
/// for the next one.
///
/// # Errors
/// If a setting is wrong, or the admin address can't be bound; or if the controllers fail or can't be
/// stopped.
pub async fn run(
    settings: Settings,
    cluster: kube::Config,
    stop: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let mut stop = std::pin::pin!(stop);
    // A wrong setting ends the process before it has done anything.
    drop(KoreClient::new(&settings.kore)?);
    let process = Process { settings, cluster, metrics: Arc::default(), health: Arc::default() };
    let admin = admin::start(process.settings.admin_address, &process.health, &process.metrics).await?;
    let mut election = Election::new(&process.settings, &process.cluster, &count_in(&process.metrics))?;
    loop {
        process.health.starting();
        let leadership = tokio::select! {
            // Without leader election the first term begins in any case.
            biased;
            leadership = election.lead(&process.health) => leadership,
            () = &mut stop => break,
        };
        match process.run_term(&mut election, &leadership, stop.as_mut()).await? {
            Ended::LeaseLost => {
                tracing::warn!("Lost the lease: another instance may lead by now. Standing by");
            }
            Ended::Stopped => break,
        }
    }
    if let Some(admin) = admin {
        admin.abort();
    }
    tracing::info!("Stopped");
    Ok(())
}

/// Counts calls to the API server.
fn count_in(metrics: &Arc<Metrics>) -> Count {
    let metrics = metrics.clone();
    Arc::new(move |call: Call| metrics.counters.called_kubernetes(call.verb, call.http_status))
}

impl Process {
    /// Runs the controllers until the lease is lost, or `stop` is ready and no call is in flight any more.
    async fn run_term(
        &self,
        election: &mut Election,
        leadership: &Leadership,
        stop: Pin<&mut impl Future<Output = ()>>,
    ) -> anyhow::Result<Ended> {
        let mut lost = Box::pin(election.keep(leadership));
        let mut term = Term::begin(self.work(leadership.clone()))?;
        tokio::select! {
            ended = term.ended() => {
                ended?;
                anyhow::bail!("the controllers ended unexpectedly");
            }
            () = &mut lost => {
                term.end().await?;
                return Ok(Ended::LeaseLost);
            }
            () = stop => {}
        }
        tracing::info!("Stopping: no new call begins, calls in flight may end");
        term.stop();
        tokio::select! {
            _ = term.ended() => {}
            () = &mut lost => tracing::warn!("Stopped without the lease: another instance may lead by now"),
            () = sleep(GRACE) => {
                tracing::warn!("Stopped after {} s although not every reconcile had ended; the next start repeats its call", GRACE.as_secs());
            }
        }
        drop(lost);
        term.end().await?;
        election.release(leadership).await;
        Ok(Ended::Stopped)
    }

    /// The work of one term, to be run in its thread: the controllers, until they are to stop and no
    /// reconcile is in flight.
    fn work(
        &self,
        leadership: Leadership,
    ) -> impl AsyncFnOnce(signal::Receiver<bool>) -> anyhow::Result<()> + Send + 'static + use<> {
        let Self { settings, cluster, metrics, health } = self;
        let (settings, cluster) = (settings.clone(), cluster.clone());
        let (metrics, health) = (metrics.clone(), health.clone());
        async move |stopping| {
            let client = counted_client_of(cluster, count_in(&metrics))?;
            let beating = health.clone();
            let wiring = Wiring {
                kube: Kube::new(client, leadership.clone()),
                service: Arc::new(KoreClient::new(&settings.kore)?),
                settings,
                leadership,
                metrics,
                health,
                stopping,
            };
            tokio::select! {
                () = controllers::controllers(wiring) => Ok(()),
                () = beating.keep_beating() => Ok(()),
            }
        }
    }
}
