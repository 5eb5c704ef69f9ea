use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::deletion::DeletionStatus;
use super::fields::{IDENTIFIER_RULE, OBJECT_NAME_RULE, optional_time};
use crate::kore::Campaign;

/// What a user declares of one campaign: which one it is, and what becomes of it when the resource is
/// deleted.
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
           stays until Kore has confirmed the deletion, and its status says what the operator does or waits for.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the operator manages this resource and the campaign exists in Kore"
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
        description = "When the operator calls Kore again"
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
        description = "KoreConnection with which the operator calls Kore"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct VoiceCampaignSpec {
    /// The KoreConnection, in the same namespace, with which the operator calls Kore. Immutable: together
    /// with the two identifiers it names the campaign.
    #[x_kube(validation = Rule::new("self.name == oldSelf.name").message("`connectionRef` is immutable: create another VoiceCampaign instead"))]
    pub connection_ref: ConnectionReference,

    /// Stream (bot, app) the campaign belongs to, from the general settings page of the app; for example
    /// `st-0603182c-7ffb-53c3-b307-47ca14bxxxxx`. Sent in the path of every request, and as header `iid`
    /// unless the KoreConnection sets `iid`. Immutable.
    #[schemars(length(max = 128))]
    #[x_kube(
        validation = Rule::new(IDENTIFIER_RULE).message("`streamId` must be 1 to 128 characters: letters, digits, `-`, `_` and `.`, beginning with a letter or a digit"),
        validation = Rule::new("self == oldSelf").message("`streamId` is immutable: create another VoiceCampaign instead"),
    )]
    pub stream_id: String,

    /// The campaign that is deleted with this resource; for example `cd-a1e45a7-e8ba-4e97-a339-476ebc7xxxxx`.
    /// Immutable.
    #[schemars(length(max = 128))]
    #[x_kube(
        validation = Rule::new(IDENTIFIER_RULE).message("`campaignId` must be 1 to 128 characters: letters, digits, `-`, `_` and `.`, beginning with a letter or a digit"),
        validation = Rule::new("self == oldSelf").message("`campaignId` is immutable: create another VoiceCampaign instead"),
    )]
    pub campaign_id: String,

    /// What the operator does with the campaign when this resource is deleted. `Delete` (the default):
    /// deletes the campaign in Kore, and removes the resource once Kore has confirmed. `Orphan`: leaves the
    /// campaign in Kore, and removes the resource at once. May be changed at any time, also while the
    /// resource is being deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// If `true`, the operator sends no request to Kore for this campaign, and a deletion waits with the
    /// reason `Suspended`, unless `deletionPolicy` is `Orphan`. Default `false`.
    #[serde(default)]
    pub suspend: bool,
}

impl VoiceCampaign {
    /// The record of the current deletion; `None` if status has none, or one of another object or deletion.
    ///
    /// A restored backup may bring a status onto a new object, so uid and deletionTimestamp must both match.
    pub fn deletion(&self) -> Option<&DeletionStatus> {
        let ObjectMeta { uid, deletion_timestamp, .. } = &self.metadata;
        self.status.as_ref()?.deletion.as_deref().filter(|deletion| {
            Some(&deletion.uid) == uid.as_ref() && Some(&deletion.requested_at) == deletion_timestamp.as_ref()
        })
    }
}

/// Reference to a KoreConnection in the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ConnectionReference {
    /// Name of the KoreConnection, in the namespace of the VoiceCampaign.
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(OBJECT_NAME_RULE).message("`connectionRef.name` must be the name of a KoreConnection: 1 to 253 lower-case letters, digits, `-` and `.`"))]
    pub name: String,
}

/// What the operator does with the campaign when the resource is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeletionPolicy {
    /// Delete the campaign in Kore, then remove the resource.
    #[default]
    Delete,
    /// Remove the resource; the campaign stays in Kore.
    Orphan,
}

/// What the operator knows of the campaign and of its deletion. Only the operator writes it.
//
// Its parts are atomic: otherwise the API server notes in the managed fields who has written each field of
// them, which makes an object half as large again, and each write of it slower.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VoiceCampaignStatus {
    /// The `metadata.generation` this status was made from. Deleting a resource raises the generation, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready` always. Only while they hold: `Reconciling` (the operator continues by itself), `Stalled` (a
    /// person has to act), `Shared` (another VoiceCampaign names the same campaign), `Obstructed` (requests
    /// of the operator to the Kubernetes API server fail or are denied). Each has a reason, and a message
    /// that says what the operator does or waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The campaign as Kore last returned it; after a confirmed deletion, as it was when it was deleted.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub campaign: Option<Box<Campaign>>,

    /// The account in which Kore has the campaign: set when Kore returned the campaign, or when the operator
    /// first asked to delete it. A KoreConnection that was created again with another account can neither
    /// delete the campaign nor prove that it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub account: Option<AccountReference>,

    /// The identity for which Kore last returned the campaign: a fingerprint of host, account, `iid` and
    /// client ID. An empty listing that another identity reads proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_as: Option<String>,

    /// Since when Kore's listings of the stream contain other campaigns, and not this one, which was there
    /// before. Absent while they contain it, and when only a GET or an empty listing missed it: Kore also
    /// answers an app without access that way.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub not_listed_since: Option<Time>,

    /// The last value of the annotation `voicecampaign.dev/refresh-requested-at` that the operator has
    /// handled, by reading the campaign after somebody had set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_refresh_at: Option<String>,

    /// How far the deletion has come. Absent while the resource lives.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub deletion: Option<Box<DeletionStatus>>,
}

/// An account in Kore.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AccountReference {
    /// Base address of the Kore environment.
    pub host: String,

    /// The account.
    pub account_id: String,
}

/// A value that does not deserialize counts as absent: a newer operator may have written it, and an older
/// one, after a rollback, has to go on. Without its record a deletion begins again, which is safe.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}
