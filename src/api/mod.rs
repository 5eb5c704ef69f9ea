//! The resource types of `voicecampaign.dev/v1alpha1`, and nothing else: schema, rules, columns.
//!
//! A rule that the API server can check is a CEL rule here, so that a mistake is refused at `kubectl apply`
//! with a message that says what is allowed. Every string a rule reads has a `maxLength`: without it the
//! estimated cost of a rule exceeds the limit of the API server.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printcolumn has a type_ of its own; clippy takes them for one"
)]

mod kore_connection;
mod voice_campaign;

pub use kore_connection::{
    JwtAlgorithm, JwtSpec, KoreConnection, KoreConnectionSpec, KoreConnectionStatus, RateLimitSpec,
    SecretReference, StreamStatus,
};
pub use voice_campaign::{
    AccountReference, ConnectionReference, DeletionOutcome, DeletionPolicy, DeletionStatus, LastAnswer,
    ListingRecord, ProofStatus, VoiceCampaign, VoiceCampaignSpec, VoiceCampaignStatus,
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResourceExt;
use kube::core::DeserializeGuard;
use serde::{Deserialize, Deserializer};

/// API group of both kinds.
pub const GROUP: &str = "voicecampaign.dev";

/// A VoiceCampaign as the operator watches it: perhaps one that does not fit its schema.
pub type Watched = DeserializeGuard<VoiceCampaign>;

/// Annotation with which a user asks for a read of the campaign now; any new value does, as a time.
pub const REFRESH: &str = "voicecampaign.dev/refresh-requested-at";

/// Annotation that protects a VoiceCampaign from deletion, if it is `true`: an admission policy denies the
/// deletion.
pub const PROTECT: &str = "voicecampaign.dev/protect";

/// Annotation with which somebody says why they remove a finalizer of ours by hand. The admission policies
/// allow that, and the operator reports it.
pub const BREAK_GLASS: &str = "voicecampaign.dev/break-glass";

/// The CRDs of this operator, in the order in which they are installed.
pub fn crds() -> [CustomResourceDefinition; 2] {
    [KoreConnection::crd(), VoiceCampaign::crd()].map(with_initial_status)
}

/// Until the operator writes a status, the default one is of no generation. Without any status, kstatus
/// (Flux, Helm) would take the object for settled and not wait; also while the operator does not run.
fn with_initial_status(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        let status = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
        }
    }
    crd
}

/// Which identifiers are allowed.
///
/// Kore's identifiers are `st-…`, `cd-…` or hexadecimal, but the documents do not promise a format (the
/// samples are masked), so the rule only keeps out what would change the path of a request.
const IDENTIFIER_RULE: &str = "self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*$')";

/// A time as status records it. Somebody who may write a status may write a time at the end of what
/// [`Timestamp`] can hold, and the next addition would end the process: such a time counts as the nearest one
/// to which years can be added.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    Time::deserialize(deserializer).map(bounded)
}

fn optional_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    Ok(Option::<Time>::deserialize(deserializer)?.map(bounded))
}

fn bounded(time: Time) -> Time {
    let years = SignedDuration::from_hours(10 * 365 * 24);
    Time(time.0.clamp(Timestamp::MIN + years, Timestamp::MAX - years))
}
