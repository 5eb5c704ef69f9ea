use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::{optional_time, time};

/// When deletions are held because many begin at once.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeletionBrakeSpec {
    /// How many deletions of VoiceCampaigns of this connection, with the policy `Delete`, may begin within an
    /// hour: 1 to 1000. The operator holds those beyond before their first request to Kore, with the reason
    /// `MassDeletion`, until a person approves them with the annotation
    /// `voicecampaign.dev/approve-deletions-until`. The brake counts what begins after it was set, and for
    /// this connection alone.
    #[schemars(range(min = 1, max = 1000))]
    pub max_per_hour: i32,
}

/// What the brake has let through, and what it holds.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeletionBrakeStatus {
    /// The deletions that were let through: the newest `maxPerHour`, and all that were requested in the hour
    /// before the newest. A deletion begins only after it is here, or if it is approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admitted: Vec<AdmittedDeletion>,

    /// Since when the brake holds deletions. Absent while it holds none.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub holding_since: Option<Time>,

    /// How many deletions it holds.
    #[serde(default)]
    pub held: i32,

    /// The approval that the annotation `voicecampaign.dev/approve-deletions-until` gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
}

/// A deletion that the brake has let through.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdmittedDeletion {
    /// The `metadata.uid` of the VoiceCampaign.
    pub uid: String,

    /// When its deletion was requested: its `metadata.deletionTimestamp`.
    #[serde(deserialize_with = "time")]
    pub requested_at: Time,
}

/// A person lets deletions through that the brake would hold.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The approved deletions are those that were requested before this time.
    #[serde(deserialize_with = "time")]
    pub until: Time,

    /// When the operator first saw the approval. It counts if `until` is at most 24 hours later.
    #[serde(deserialize_with = "time")]
    pub seen_at: Time,
}
