use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// What OpenMetrics text is served as; Prometheus reads the counters' names by it.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the operator does its work. Does not depend on Kore: an outage there must not take the operator out of rotation.
#[derive(Debug)]
pub struct Health {
    /// Watches that have not shown their objects yet.
    waiting: AtomicUsize,
}

impl Default for Health {
    fn default() -> Self {
        // One for the start itself, until the number of watches is known.
        Self { waiting: AtomicUsize::new(1) }
    }
}

impl Health {
    /// Another instance leads: there is nothing to wait for.
    pub(super) fn standing_by(&self) {
        self.waiting.store(0, Ordering::Relaxed);
    }

    /// The number of watches that have to show their objects is known.
    pub(super) fn expect(&self, watches: usize) {
        self.waiting.store(watches, Ordering::Relaxed);
    }

    /// One watch has shown its objects.
    pub(super) fn shown(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether all watches have shown their objects.
    pub fn is_ready(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }
}

#[derive(Clone)]
struct Admin {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

pub(super) async fn serve(listener: TcpListener, health: Arc<Health>, metrics: Arc<Metrics>) {
    let router = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route(
            "/metrics",
            get(async |State(admin): State<Admin>| {
                ([(header::CONTENT_TYPE, OPENMETRICS)], admin.metrics.encode())
            }),
        )
        .with_state(Admin { health, metrics });
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "The admin server has ended");
    }
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    if admin.health.is_ready() {
        (StatusCode::OK, "ok\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "waiting for the API server to show VoiceCampaigns and KoreConnections\n",
        )
    }
}
