use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deletion_brake::{DeletionBrakeSpec, DeletionBrakeStatus};
use super::fields::{IDENTIFIER_RULE, OBJECT_NAME_RULE, time};

/// A host that the operator may call: `https` anywhere, `http` only where the token does not leave the
/// machine or the cluster. A name with a trailing dot is looked up as it is, in no search domain.
const HOST_RULE: &str = "self.matches('^https://([a-z0-9]([a-z0-9.-]*[a-z0-9])?[.]?|\\\\[[0-9a-f:]+\\\\])(:[0-9]{1,5})?$') \
    || self.matches('^http://(localhost|127[.][0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}|\\\\[::1\\\\]|[a-z0-9]([a-z0-9-]*[a-z0-9])?[.][a-z0-9]([a-z0-9-]*[a-z0-9])?[.]svc([.]cluster[.]local)?)(:[0-9]{1,5})?$')";

/// The operator compares these hosts, and does not call them.
const FORMER_HOSTS_RULE: &str = "self.all(host, host.matches('^https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?[.]?|\\\\[[0-9a-f:]+\\\\])(:[0-9]{1,5})?$'))";

/// Where, and with which credentials, the operator calls Kore.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "voicecampaign.dev",
    version = "v1alpha1",
    kind = "KoreConnection",
    namespaced,
    cel,
    derive = "PartialEq",
    status = "KoreConnectionStatus",
    shortname = "kconn",
    category = "kore",
    selectable = ".spec.accountId",
    doc = "KoreConnection says where, and with which credentials, the operator calls Kore.ai for the VoiceCampaigns of its namespace.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the operator can delete campaigns with it, as far as it knows"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is ready or not"
    ),
    printcolumn(
        name = "Campaigns",
        type_ = "integer",
        json_path = ".status.campaigns",
        description = "VoiceCampaigns that use the connection"
    ),
    printcolumn(
        name = "Host",
        type_ = "string",
        json_path = ".spec.host",
        description = "Base address of Kore"
    ),
    printcolumn(
        name = "Account",
        type_ = "string",
        json_path = ".spec.accountId",
        description = "Account in Kore"
    ),
    printcolumn(
        name = "Secret",
        type_ = "string",
        json_path = ".spec.credentialsSecretRef.name",
        priority = 1,
        description = "Secret with the credentials of the JWT app"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("self.host == oldSelf.host || (has(self.formerHosts) && oldSelf.host in self.formerHosts)").message("`host` is immutable: create another KoreConnection instead; or, if the environment of this account was renamed, list the old `host` in `formerHosts` in the same change"))]
#[serde(rename_all = "camelCase")]
pub struct KoreConnectionSpec {
    /// Base address of the Kore environment, without a path; for example `https://platform.kore.ai`.
    /// Immutable, unless `formerHosts` names the address that it had.
    #[schemars(length(max = 253))]
    #[x_kube(
        validation = Rule::new(HOST_RULE).message("`host` must be `https://` and a lower-case host name with an optional port, without a path; `http://` is allowed only for `localhost`, a loopback address or a Service of the cluster (`name.namespace.svc`)"),
    )]
    pub host: String,

    /// Former addresses of this account, if its environment was renamed; for example `https://old.kore.ai`. A
    /// campaign that was found under a former address then belongs to the new one. All these addresses are
    /// one account, for rate limits and for VoiceCampaigns that name the same campaign. The operator sends
    /// nothing to the former ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(max = 253)))]
    #[x_kube(validation = Rule::new(FORMER_HOSTS_RULE).message("`formerHosts` must be base addresses as `host` has them: `https://` (or `http://`), a host name and an optional port, without a path"))]
    pub former_hosts: Vec<String>,

    /// Account in Kore, sent as header and query parameter `accountId`; for example
    /// `67777ce93e25326494exxxxx`. Rate limits are counted per host and account. Immutable.
    #[schemars(length(max = 128))]
    #[x_kube(
        validation = Rule::new(IDENTIFIER_RULE).message("`accountId` must be 1 to 128 characters: letters, digits, `-`, `_` and `.`, beginning with a letter or a digit"),
        validation = Rule::new("self == oldSelf").message("`accountId` is immutable: create another KoreConnection instead"),
    )]
    pub account_id: String,

    /// Secret in the same namespace with the keys `clientId` and `clientSecret` of a JWT app that has the
    /// scope Campaign Management. The operator reads it at use, so a change takes effect at the next attempt.
    pub credentials_secret_ref: SecretReference,

    /// Value of the header `iid` (application id). Default: the `streamId` of the campaign, as in the samples
    /// of Kore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    #[x_kube(validation = Rule::new(IDENTIFIER_RULE).message("`iid` must be 1 to 128 characters: letters, digits, `-`, `_` and `.`, beginning with a letter or a digit"))]
    pub iid: Option<String>,

    /// How the operator makes the token of a request. Each request gets its own.
    #[serde(default)]
    pub jwt: JwtSpec,

    /// How often the operator may call Kore.
    #[serde(default)]
    pub rate_limit: RateLimitSpec,

    /// Holds deletions if many begin at once, until a person approves them; recommended for production. Off
    /// if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_brake: Option<DeletionBrakeSpec>,

    /// Deadline of one call to Kore in seconds, from the connection to the last byte of the answer: 1 to 30,
    /// default 10.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 30))]
    pub timeout_seconds: i32,
}

/// What the operator knows of a connection. Only the operator writes it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KoreConnectionStatus {
    /// The `metadata.generation` this status was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready` always: whether the operator can delete campaigns through this connection, as far as it knows.
    /// `Stalled` only while a person has to act, `Reconciling` only while the connection is being deleted and
    /// campaigns still need it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// How many VoiceCampaigns use the connection.
    #[serde(default)]
    pub campaigns: i32,

    /// The Secrets that carry the finalizer `voicecampaign.dev/in-use` for this connection: the one of
    /// `credentialsSecretRef`, and for a moment after a change the one before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets_in_use: Vec<String>,

    /// The streams whose last listing contained campaigns that no VoiceCampaign names. After a restart the
    /// operator knows from it that such a stream, if its listing is empty, has lost campaigns that nobody
    /// asked to delete. At most 1000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamStatus>,

    /// What the brake has let through, and what it holds. Absent without `spec.deletionBrake`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub deletion_brake: Option<Box<DeletionBrakeStatus>>,
}

/// A stream that has campaigns which no VoiceCampaign names.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StreamStatus {
    /// The stream.
    pub stream_id: String,

    /// Since when listings have contained such campaigns.
    #[serde(deserialize_with = "time")]
    pub others_seen_at: Time,
}

/// Reference to a Secret in the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct SecretReference {
    /// Name of the Secret, in the namespace of the KoreConnection.
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(OBJECT_NAME_RULE).message("`credentialsSecretRef.name` must be the name of a Secret: 1 to 253 lower-case letters, digits, `-` and `.`"))]
    pub name: String,
}

/// How the operator makes the token of a request.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JwtSpec {
    /// Signing algorithm that was chosen for the JWT app in Kore. Default `HS256`.
    #[serde(default)]
    pub algorithm: JwtAlgorithm,

    /// Claim `sub`. Kore accepts any text, and may show it in its logs. Default `voicecampaign-operator`.
    #[serde(default = "default_subject")]
    #[schemars(length(max = 128))]
    #[x_kube(validation = Rule::new("self.size() >= 1").message("`jwt.subject` must be 1 to 128 characters"))]
    pub subject: String,

    /// How long a token is valid, in seconds: 30 to 3600, default 300. The operator adds a minute at both
    /// ends, for clocks that differ; but no token is valid for more than one hour in all, because Kore
    /// refuses those.
    #[serde(default = "default_ttl_seconds")]
    #[schemars(range(min = 30, max = 3600))]
    pub ttl_seconds: i32,
}

/// Signing algorithms with a shared secret that Kore documents.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    #[default]
    HS256,
    /// HMAC with SHA-512.
    HS512,
}

/// How often the operator may call Kore.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitSpec {
    /// Maximum number of requests in any 60 seconds, over all campaigns of the account: 1 to 6000, default
    /// 60, which is what Kore documents. Where other integrations use the same account, leave them their
    /// share. The operator counts the requests of all connections of an account together, and sends none for
    /// a connection while that count is at the connection's own limit.
    #[serde(default = "default_requests_per_minute")]
    #[schemars(range(min = 1, max = 6000))]
    pub requests_per_minute: i32,
}

fn default_timeout_seconds() -> i32 {
    10
}

fn default_subject() -> String {
    "voicecampaign-operator".to_owned()
}

fn default_ttl_seconds() -> i32 {
    300
}

fn default_requests_per_minute() -> i32 {
    60
}

impl Default for JwtSpec {
    fn default() -> Self {
        Self {
            algorithm: JwtAlgorithm::default(),
            subject: default_subject(),
            ttl_seconds: default_ttl_seconds(),
        }
    }
}

impl Default for RateLimitSpec {
    fn default() -> Self {
        Self { requests_per_minute: default_requests_per_minute() }
    }
}
