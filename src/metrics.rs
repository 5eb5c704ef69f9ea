//! The metrics of the operator. The table in docs/operations.md is held against [`Metrics::encode`] by a
//! test.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::api::DeletionOutcome;

/// The metrics of the process. Label values come from fixed sets, and are never a name, an id or a text
/// from outside.
pub struct Metrics {
    registry: Registry,
    remote_requests: Family<RemoteLabels, Counter>,
    remote_duration: Family<OperationLabels, Histogram>,
    deletions: Family<OutcomeLabels, Counter>,
    orphans: Counter,
    reconciles: Family<ResultLabels, Counter>,
    reconcile_duration: Histogram,
    writes: Family<WriteLabels, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RemoteLabels {
    operation: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WriteLabels {
    target: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("voicecampaign_operator");
        let seconds = || Histogram::new(exponential_buckets(0.005, 2.0, 13));
        let metrics = Self {
            remote_requests: Family::default(),
            remote_duration: Family::new_with_constructor(seconds),
            deletions: Family::default(),
            orphans: Counter::default(),
            reconciles: Family::default(),
            reconcile_duration: seconds(),
            writes: Family::default(),
            registry: Registry::default(),
        };
        registry.register(
            "remote_requests",
            "Requests to Kore, by operation and result (Success, or a reason)",
            metrics.remote_requests.clone(),
        );
        registry.register_with_unit(
            "remote_request_duration",
            "Time from sending a request to Kore to its result",
            Unit::Seconds,
            metrics.remote_duration.clone(),
        );
        registry.register(
            "deletions",
            "VoiceCampaigns whose finalizer the operator removed, by outcome",
            metrics.deletions.clone(),
        );
        registry.register(
            "orphans",
            "VoiceCampaigns removed before deletion was confirmed; their campaigns may still run. Alert on any increase",
            metrics.orphans.clone(),
        );
        registry.register("reconciles", "Reconciles of an object, by result", metrics.reconciles.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "Time of one reconcile, calls to Kore included",
            Unit::Seconds,
            metrics.reconcile_duration.clone(),
        );
        registry.register(
            "kubernetes_writes",
            "Writes to VoiceCampaigns, by target (status or finalizer)",
            metrics.writes.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a request to Kore.
    pub fn called(&self, operation: &'static str, result: &'static str, duration: Duration) {
        self.remote_requests.get_or_create(&RemoteLabels { operation, result }).inc();
        self.remote_duration.get_or_create(&OperationLabels { operation }).observe(duration.as_secs_f64());
    }

    /// Counts a VoiceCampaign whose finalizer the operator removed.
    pub fn released(&self, outcome: DeletionOutcome) {
        self.deletions.get_or_create(&OutcomeLabels { outcome: outcome.as_str() }).inc();
    }

    /// Counts a VoiceCampaign that was removed before its deletion was confirmed.
    pub fn orphaned(&self) {
        self.orphans.inc();
    }

    /// Counts a reconcile of a VoiceCampaign.
    pub fn reconciled(&self, ok: bool, duration: Duration) {
        let result = if ok { "success" } else { "error" };
        self.reconciles.get_or_create(&ResultLabels { result }).inc();
        self.reconcile_duration.observe(duration.as_secs_f64());
    }

    /// Counts a write to a VoiceCampaign: to its `status` or its `finalizer`.
    pub fn wrote(&self, target: &'static str) {
        self.writes.get_or_create(&WriteLabels { target }).inc();
    }

    /// All metrics as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
