use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::IDENTIFIER_RULE;
use crate::kore::Campaign;

/// What a user declares of one campaign: which one it is, and what becomes of it when the resource is deleted.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "voicecampaign.dev",
    version = "v1alpha1",
    kind = "VoiceCampaign",
    namespaced,
    cel,
    derive = "PartialEq",
    status = "VoiceCampaignStatus",
    shortname = "vcamp",
    category = "kore",
    selectable = ".spec.campaignId",
    selectable = ".spec.streamId",
    selectable = ".spec.connectionRef.name",
    doc = "VoiceCampaign stands for one outbound voice campaign in Kore.ai. Deleting it deletes the campaign: the object \
           stays until the service has confirmed, and its status says what is being done or waited for.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the campaign is under the operator's care and exists in Kore"
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.campaign.status",
        description = "State of the campaign as Kore last returned it"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is ready or not, or what a deletion waits for"
    ),
    printcolumn(
        name = "Attempts",
        type_ = "integer",
        json_path = ".status.deletion.attempts",
        description = "How often Kore was asked to delete the campaign"
    ),
    printcolumn(
        name = "Next",
        type_ = "string",
        json_path = ".status.deletion.nextAttemptAt",
        description = "When Kore is asked again"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Campaign",
        type_ = "string",
        json_path = ".status.campaign.name",
        priority = 1,
        description = "Name of the campaign in Kore"
    ),
    printcolumn(
        name = "Campaign ID",
        type_ = "string",
        json_path = ".spec.campaignId",
        priority = 1,
        description = "Identifier of the campaign in Kore"
    ),
    printcolumn(
        name = "Connection",
        type_ = "string",
        json_path = ".spec.connectionRef.name",
        priority = 1,
        description = "KoreConnection that is used"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct VoiceCampaignSpec {
    /// The KoreConnection, in the same namespace, that says where and as whom Kore is called. Immutable: together with
    /// the two identifiers it names the campaign.
    #[x_kube(validation = Rule::new("self.name == oldSelf.name").message("`connectionRef` is immutable: create another VoiceCampaign instead"))]
    pub connection_ref: ConnectionReference,

    /// Stream (bot, app) the campaign belongs to, from the general settings page of the app; for example
    /// `st-0603182c-7ffb-53c3-b307-47ca14bxxxxx`. Sent in the path of every request, and as header `iid` unless the
    /// KoreConnection sets `iid`. Immutable.
    #[schemars(length(max = 128))]
    #[x_kube(
        validation = Rule::new(IDENTIFIER_RULE).message("`streamId` must be 1 to 128 characters: letters, digits, `-`, `_` and `.`, beginning with a letter or a digit"),
        validation = Rule::new("self == oldSelf").message("`streamId` is immutable: create another VoiceCampaign instead"),
    )]
    pub stream_id: String,

    /// The campaign that is deleted with this resource; for example `cd-a1e45a7-e8ba-4e97-a339-476ebc7xxxxx`. Immutable.
    #[schemars(length(max = 128))]
    #[x_kube(
        validation = Rule::new(IDENTIFIER_RULE).message("`campaignId` must be 1 to 128 characters: letters, digits, `-`, `_` and `.`, beginning with a letter or a digit"),
        validation = Rule::new("self == oldSelf").message("`campaignId` is immutable: create another VoiceCampaign instead"),
    )]
    pub campaign_id: String,

    /// What becomes of the campaign when this resource is deleted. `Delete` (the default): it is deleted in Kore, and
    /// the resource stays until Kore has confirmed. `Orphan`: it is left alone, and the resource goes at once. May be
    /// changed at any time, also while the resource is being deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// `true`: the operator makes no call to Kore for this campaign; a deletion is held and says so. Default `false`.
    #[serde(default)]
    pub suspend: bool,
}

/// Reference to a KoreConnection in the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ConnectionReference {
    /// Name of the KoreConnection, in the namespace of the VoiceCampaign.
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')").message("`connectionRef.name` must be the name of a KoreConnection: 1 to 253 lower-case letters, digits, `-` and `.`"))]
    pub name: String,
}

/// What becomes of the campaign when the resource is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeletionPolicy {
    /// Delete the campaign in Kore, then let the resource go.
    #[default]
    Delete,
    /// Let the resource go; the campaign stays in Kore.
    Orphan,
}

/// What the operator knows of the campaign and of its deletion. Written by the operator alone.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VoiceCampaignStatus {
    /// The `metadata.generation` this status was made from. Deleting a resource raises the generation, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready` always; `Reconciling` while something is being done, `Stalled` while a person is needed (both only while
    /// they hold). Each has a reason, and a message that says
    /// what is being done or waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The campaign as Kore last returned it; after a confirmed deletion, as it was when it was deleted.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Campaign>,

    /// How far the deletion has come. Absent while the resource lives.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub deletion: Option<DeletionStatus>,
}

/// What can't be read counts as not there: a newer operator may have written it, and an older one, after a rollback, has
/// to go on. Without its record a deletion begins anew, which is safe.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

/// The course of one deletion. It is the operator's memory: a restart goes on where this says.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeletionStatus {
    /// The `metadata.uid` of the resource that is being deleted. A record that was restored from a backup onto another
    /// object does not count.
    pub uid: String,

    /// When the deletion was requested: the `metadata.deletionTimestamp` of the resource.
    pub requested_at: Time,

    /// How many DELETE requests Kore has answered or failed to answer.
    pub attempts: i32,

    /// When the last DELETE request was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt_at: Option<Time>,

    /// No DELETE request is sent before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Time>,

    /// What came back on the last DELETE request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<LastAnswer>,

    /// When the ground to let the resource go was obtained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Time>,

    /// Why the resource may be let go. Absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<GroundName>,
}

/// Why the resource may be let go; absent until then.
// Only the name of a ground: the ground itself is `campaign::Ground`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroundName {
    /// Kore answered the DELETE of this campaign with success.
    Deleted,
    /// `spec.deletionPolicy` is `Orphan`: the campaign was left alone.
    Orphaned,
}

impl GroundName {
    /// The name as it stands in status, events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "Deleted",
            Self::Orphaned => "Orphaned",
        }
    }
}

/// One answer of Kore, reduced to what may be shown.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LastAnswer {
    /// HTTP status code. Absent if no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<i32>,

    /// `status` of the answer's envelope, as `success`. Absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,

    /// Message of the answer, or what went wrong: without credentials and telephone numbers, at most 256 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,

    /// What kind of answer it was: the reason that the conditions show while the next attempt is waited for.
    pub reason: String,
}
