//! The resource types of `voicecampaign.dev/v1alpha1`, and nothing else: schema, rules, columns.
//!
//! A rule that the API server can check is a CEL rule here, so that a mistake is refused at `kubectl apply`
//! with a message that says what is allowed. Every string a rule reads has a `maxLength`: without it the
//! estimated cost of a rule exceeds the limit of the API server.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printcolumn has a type_ of its own; clippy takes them for one"
)]

mod crds;
mod deletion;
mod deletion_brake;
mod fields;
mod kore_connection;
mod reason;
mod voice_campaign;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

pub use crds::crds;
pub use deletion::{DeletionOutcome, DeletionStatus, LastAnswer, ListingRecord, ProofStatus};
pub use deletion_brake::{AdmittedDeletion, Approval, DeletionBrakeSpec, DeletionBrakeStatus};
pub(crate) use fields::bounded;
pub use kore_connection::{
    JwtAlgorithm, JwtSpec, KoreConnection, KoreConnectionSpec, KoreConnectionStatus, RateLimitSpec,
    SecretReference, StreamStatus,
};
pub use reason::Reason;
pub use voice_campaign::{
    AccountReference, ConnectionReference, DeletionPolicy, VoiceCampaign, VoiceCampaignSpec,
    VoiceCampaignStatus,
};

/// API group of both kinds.
pub const GROUP: &str = "voicecampaign.dev";

/// Finalizer of the operator on a VoiceCampaign.
pub const FINALIZER: &str = "voicecampaign.dev/remote-campaign";

/// Annotation with which a user asks for a read of the campaign now; any new value does, as a time.
pub const REFRESH: &str = "voicecampaign.dev/refresh-requested-at";

/// Annotation of a KoreConnection with which a person lets deletions begin that its brake holds: those that
/// were requested before this time, at most 24 hours ahead.
pub const APPROVE_DELETIONS: &str = "voicecampaign.dev/approve-deletions-until";

/// Annotation that protects a VoiceCampaign from deletion, if it is `true`: an admission policy denies the
/// deletion.
pub const PROTECT: &str = "voicecampaign.dev/protect";

/// Whether [`PROTECT`] is set.
pub fn is_protected(metadata: &ObjectMeta) -> bool {
    let annotations = metadata.annotations.as_ref();
    annotations.and_then(|annotations| annotations.get(PROTECT)).is_some_and(|value| value == "true")
}

/// Annotation with which somebody says why they remove a finalizer of ours by hand. The admission policies
/// allow that, and the operator reports it.
pub const BREAK_GLASS: &str = "voicecampaign.dev/break-glass";
