use std::time::Duration;

use kube::runtime::controller::Action;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::api::DeletionOutcome;
use crate::kore::FailureKind;

/// The operations of Kore that are called.
const OPERATIONS: [&str; 3] = ["delete", "get", "list"];
/// The kinds whose objects are reconciled, as controller-runtime names their controllers.
const CONTROLLERS: [&str; 2] = ["koreconnection", "voicecampaign"];
/// What a call to the API server does, as roles name it.
const VERBS: [&str; 6] = ["create", "get", "list", "patch", "update", "watch"];
/// Upper bounds of the times from request to confirmation: from what a service takes that answers at once, to
/// what a day of quota takes.
const DELETION_SECONDS: [f64; 16] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0,
    86_400.0,
];

/// What has happened since the start. A series is there from the start, at zero: otherwise `increase()` would
/// not see the first event.
pub struct Counters {
    remote_requests: Family<RemoteRequest, Counter>,
    remote_duration: Family<RemoteOperation, Histogram>,
    deletions: Family<Deletion, Counter>,
    deletion_duration: Histogram,
    left_behind: Counter,
    reconciles: Family<Reconcile, Counter>,
    reconcile_duration: Family<Controller, Histogram>,
    reconcile_errors: Family<Controller, Counter>,
    writes: Family<WriteTo, Counter>,
    kubernetes: Family<KubernetesCall, Counter>,
    watch_errors: Family<Watched, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RemoteRequest {
    operation: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RemoteOperation {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Deletion {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reconcile {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Controller {
    controller: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WriteTo {
    target: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KubernetesCall {
    verb: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Watched {
    kind: &'static str,
}

/// How a reconcile ends, in the words of controller-runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileResult {
    /// It has failed, and is tried again.
    Error,
    /// The object is reconciled again at a given time.
    RequeueAfter,
    /// The object is reconciled again when it changes.
    Success,
}

impl ReconcileResult {
    const ALL: [Self; 3] = [Self::Error, Self::RequeueAfter, Self::Success];

    /// Of a reconcile that returned this.
    pub fn of<E>(returned: &Result<Action, E>) -> Self {
        match returned {
            Err(_) => Self::Error,
            Ok(action) if *action == Action::await_change() => Self::Success,
            Ok(_) => Self::RequeueAfter,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::RequeueAfter => "requeue_after",
            Self::Success => "success",
        }
    }
}

/// Which part of a VoiceCampaign a write changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Its status.
    Status,
    /// Its finalizer.
    Finalizer,
}

impl Write {
    const ALL: [Self; 2] = [Self::Finalizer, Self::Status];

    fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Finalizer => "finalizer",
        }
    }
}

/// How a call to the API server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KubernetesResult {
    /// 2xx.
    Success,
    /// 401 or 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 409 or 422: the object has changed, or the API server or a policy rejects the content.
    Rejected,
    /// 429: too many requests.
    Throttled,
    /// Any other status.
    Failed,
    /// No answer came.
    Unreachable,
}

impl KubernetesResult {
    const ALL: [Self; 7] = [
        Self::Success,
        Self::Forbidden,
        Self::NotFound,
        Self::Rejected,
        Self::Throttled,
        Self::Failed,
        Self::Unreachable,
    ];

    /// By the HTTP status of the answer, if one came.
    fn of(http_status: Option<u16>) -> Self {
        match http_status {
            None => Self::Unreachable,
            Some(100..=399) => Self::Success,
            Some(401 | 403) => Self::Forbidden,
            Some(404) => Self::NotFound,
            Some(409 | 422) => Self::Rejected,
            Some(429) => Self::Throttled,
            Some(_) => Self::Failed,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::Rejected => "Rejected",
            Self::Throttled => "Throttled",
            Self::Failed => "Failed",
            Self::Unreachable => "Unreachable",
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.005, 2.0, 13));
        let counters = Self {
            remote_requests: Family::default(),
            remote_duration: Family::new_with_constructor(seconds),
            deletions: Family::default(),
            deletion_duration: Histogram::new(DELETION_SECONDS),
            left_behind: Counter::default(),
            reconciles: Family::default(),
            reconcile_duration: Family::new_with_constructor(seconds),
            reconcile_errors: Family::default(),
            writes: Family::default(),
            kubernetes: Family::default(),
            watch_errors: Family::default(),
        };
        counters.at_zero();
        counters
    }
}

impl Counters {
    fn at_zero(&self) {
        for operation in OPERATIONS {
            drop(self.remote_duration.get_or_create(&RemoteOperation { operation }));
            for result in FailureKind::ALL.iter().map(|kind| kind.reason()).chain(["Success"]) {
                drop(self.remote_requests.get_or_create(&RemoteRequest { operation, result }));
            }
        }
        for outcome in DeletionOutcome::ALL {
            drop(self.deletions.get_or_create(&Deletion { outcome: outcome.as_str() }));
        }
        for controller in CONTROLLERS {
            drop(self.reconcile_duration.get_or_create(&Controller { controller }));
            drop(self.reconcile_errors.get_or_create(&Controller { controller }));
            for result in ReconcileResult::ALL.map(ReconcileResult::as_str) {
                drop(self.reconciles.get_or_create(&Reconcile { controller, result }));
            }
        }
        for target in Write::ALL {
            drop(self.writes.get_or_create(&WriteTo { target: target.as_str() }));
        }
        for verb in VERBS {
            for result in KubernetesResult::ALL.map(KubernetesResult::as_str) {
                drop(self.kubernetes.get_or_create(&KubernetesCall { verb, result }));
            }
        }
        for kind in ["KoreConnections", "VoiceCampaigns"] {
            drop(self.watch_errors.get_or_create(&Watched { kind }));
        }
    }

    /// Shows all but the reconciles.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "build",
            "Version of the operator",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "remote_requests",
            "Requests to Kore, by operation and result: Success, or a reason of docs/voicecampaign.md",
            self.remote_requests.clone(),
        );
        registry.register_with_unit(
            "remote_request_duration",
            "Time from sending a request to Kore to its result",
            Unit::Seconds,
            self.remote_duration.clone(),
        );
        registry.register(
            "deletions",
            "VoiceCampaigns whose finalizer the operator has removed, by outcome",
            self.deletions.clone(),
        );
        registry.register_with_unit(
            "deletion_duration",
            "Time from the deletion of a VoiceCampaign in Kubernetes to its outcome",
            Unit::Seconds,
            self.deletion_duration.clone(),
        );
        registry.register(
            "campaigns_left_behind",
            "VoiceCampaigns that were removed before their deletion was confirmed: their campaigns may still call people",
            self.left_behind.clone(),
        );
        registry.register(
            "kubernetes_writes",
            "Writes to VoiceCampaigns, by what they change",
            self.writes.clone(),
        );
        registry.register(
            "kubernetes_requests",
            "Requests to the API server, by verb and result",
            self.kubernetes.clone(),
        );
        registry.register(
            "watch_errors",
            "Watches that the API server has refused or interrupted, by kind",
            self.watch_errors.clone(),
        );
    }

    /// Shows the reconciles, under the names that dashboards for controller-runtime read
    /// [controller-runtime: pkg/internal/controller/metrics].
    pub fn register_as_controller_runtime(&self, registry: &mut Registry) {
        registry.register(
            "reconcile",
            "Reconciles of an object, by controller and result",
            self.reconciles.clone(),
        );
        registry.register(
            "reconcile_errors",
            "Reconciles of an object that have failed, by controller",
            self.reconcile_errors.clone(),
        );
        registry.register_with_unit(
            "reconcile_time",
            "Time of one reconcile, calls to Kore included, by controller",
            Unit::Seconds,
            self.reconcile_duration.clone(),
        );
    }
}

/// Counting.
impl Counters {
    /// Counts a request to Kore; the result is `Success`, or a reason.
    pub fn called(&self, operation: &'static str, result: &'static str, duration: Duration) {
        let Self { remote_requests, remote_duration, .. } = self;
        remote_requests.get_or_create(&RemoteRequest { operation, result }).inc();
        remote_duration.get_or_create(&RemoteOperation { operation }).observe(duration.as_secs_f64());
    }

    /// Records the time from request to outcome of a deletion.
    pub fn confirmed(&self, duration: Duration) {
        self.deletion_duration.observe(duration.as_secs_f64());
    }

    /// Counts a VoiceCampaign whose finalizer the operator has removed.
    pub fn released(&self, outcome: DeletionOutcome) {
        self.deletions.get_or_create(&Deletion { outcome: outcome.as_str() }).inc();
    }

    /// Counts a VoiceCampaign that was removed before its deletion was confirmed.
    pub fn left_behind(&self) {
        self.left_behind.inc();
    }

    /// Counts a reconcile of a controller.
    pub fn reconciled(&self, controller: &'static str, result: ReconcileResult, duration: Duration) {
        let Self { reconciles, reconcile_errors, reconcile_duration, .. } = self;
        reconciles.get_or_create(&Reconcile { controller, result: result.as_str() }).inc();
        if result == ReconcileResult::Error {
            reconcile_errors.get_or_create(&Controller { controller }).inc();
        }
        reconcile_duration.get_or_create(&Controller { controller }).observe(duration.as_secs_f64());
    }

    /// Counts a write to a VoiceCampaign.
    pub fn wrote(&self, target: Write) {
        self.writes.get_or_create(&WriteTo { target: target.as_str() }).inc();
    }

    /// Counts a call to the API server, by its verb and the HTTP status of the answer, if one came.
    pub fn called_kubernetes(&self, verb: &'static str, http_status: Option<u16>) {
        let result = KubernetesResult::of(http_status).as_str();
        self.kubernetes.get_or_create(&KubernetesCall { verb, result }).inc();
    }

    /// Counts an interruption of the watch of a kind, in the plural.
    pub fn watch_failed(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&Watched { kind }).inc();
    }
}
