use std::sync::Arc;
use std::time::Duration;

use kube::runtime::watcher;
use tokio::time::Instant;

use super::health::WatchHealth;
use crate::campaign::REFUSED_FOR_GOOD;
use crate::kube_ext::Synced;
use crate::metrics::Metrics;

/// How often to log that the API server forbids a watch: the watch is retried every few seconds, and the
/// namespace may be gone for good.
const LOG_AGAIN: Duration = Duration::from_secs(10 * 60);

/// Reports how far one watch has come: to the log, to `/readyz`, and to those who wait until all watches have
/// synced.
pub(super) struct Progress {
    health: WatchHealth,
    synced: Arc<Synced>,
    metrics: Arc<Metrics>,
    /// Since when the API server has forbidden the watch without interruption.
    forbidden_since: Option<Instant>,
    /// What was logged last while the API server forbids the watch.
    logged: Option<Logged>,
}

struct Logged {
    at: Instant,
    reason: String,
}

impl Progress {
    pub(super) fn new(health: WatchHealth, synced: Arc<Synced>, metrics: Arc<Metrics>) -> Self {
        Self { health, synced, metrics, forbidden_since: None, logged: None }
    }

    /// The name of the watch, for the log.
    pub(super) fn name(&self) -> &str {
        self.health.name()
    }

    /// The namespace of the watch; `None` for all.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.health.namespace()
    }

    /// The event, unless the watch was interrupted. While the API server forbids the watch, the others do not
    /// wait for it for long: they work although one namespace is gone, or gives the operator no permission.
    pub(super) fn event<K>(
        &mut self,
        event: watcher::Result<watcher::Event<K>>,
    ) -> Option<watcher::Event<K>> {
        let error = match event {
            Ok(event) => return Some(event),
            Err(error) => error,
        };
        self.metrics.counters.watch_failed(self.health.kind());
        match reason_if_forbidden(&error) {
            Some(reason) => self.forbidden(reason),
            None => {
                tracing::warn!(%error, "The watch of {} was interrupted", self.name());
                self.health.interrupted();
                self.forbidden_since = None;
            }
        }
        None
    }

    fn forbidden(&mut self, reason: String) {
        let begins = self.forbidden_since.is_none();
        let since = *self.forbidden_since.get_or_insert_with(Instant::now);
        self.health.forbidden(&reason);
        if since.elapsed() < REFUSED_FOR_GOOD {
            if begins {
                // An API server that has just started does so until it has read the roles.
                tracing::warn!(reason, "The API server forbids watching {}", self.name());
            }
            return;
        }
        self.synced.set_forbidden(self.namespace());
        let is_known = |logged: &Logged| logged.at.elapsed() < LOG_AGAIN && logged.reason == reason;
        if !self.logged.as_ref().is_some_and(is_known) {
            tracing::error!(
                reason,
                "The API server still forbids watching {}. Until that ends, the operator learns of no change there",
                self.name()
            );
            self.logged = Some(Logged { at: Instant::now(), reason });
        }
    }

    /// The watch has listed its objects.
    pub(super) fn synced(&mut self) {
        self.logged = None;
        if self.forbidden_since.take().is_some() {
            tracing::info!("The API server allows watching {} again", self.name());
        }
        self.health.synced();
        self.synced.set_synced(self.namespace());
    }
}

/// What the API server says, if it answers 403.
fn reason_if_forbidden(error: &watcher::Error) -> Option<String> {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => return None,
    };
    status.is_forbidden().then(|| status.message.clone())
}
