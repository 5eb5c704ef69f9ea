use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::{optional_time, time};
use super::reason::Reason;
use crate::kore::FailureKind;

/// The course of one deletion. After a restart the operator goes on from here.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeletionStatus {
    /// The `metadata.uid` of the resource that is being deleted. A record that was restored from a backup
    /// onto another object is ignored.
    pub uid: String,

    /// When the deletion was requested: the `metadata.deletionTimestamp` of the resource.
    #[serde(deserialize_with = "time")]
    pub requested_at: Time,

    /// When the brake of the KoreConnection let the deletion begin; recorded if the deletion then waited for
    /// its turn, or was held before, or was approved.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<Time>,

    /// Number of DELETE requests that have ended, with an answer or without one.
    pub attempts: i32,

    /// Number of these requests that failed because of this campaign, and not because of its whole account.
    /// The pause between attempts grows with this number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: i32,

    /// When the last DELETE request was sent.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub last_attempt_at: Option<Time>,

    /// When the operator sends its next request for this campaign, and none before: a DELETE, or a read for
    /// the proof.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Time>,

    /// Since when the deletion waits, because requests to its account fail whatever the campaign, or because
    /// Kore refuses the credentials. One request at a time probes whether that has ended; the resource that
    /// sends the next one has a `nextAttemptAt`.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Time>,

    /// The answer to the last DELETE request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<LastAnswer>,

    /// When the operator sent the last DELETE that may have taken effect, although its answer was lost,
    /// broken or no confirmation.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub may_have_taken_effect_at: Option<Time>,

    /// Number of consecutive answers to DELETE requests that say neither that the campaign is deleted nor
    /// that it exists. After 3, the operator reads whether it exists.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unconfirmed_in_a_row: i32,

    /// When Kore last returned the campaign although the answer to a DELETE seemed to say that it is absent,
    /// or although a DELETE may have deleted it.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Time>,

    /// What the operator has read to prove that the campaign is absent. Present during the proof, and
    /// afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofStatus>,

    /// When the outcome became certain.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Time>,

    /// How the deletion ended, once that is certain: only then does the operator remove its finalizer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<DeletionOutcome>,
}

impl DeletionStatus {
    /// The kind of the answer to the last DELETE.
    pub fn last_reason(&self) -> Option<Reason> {
        self.last_answer.as_ref().and_then(|answer| Reason::parse(&answer.reason))
    }

    /// When the DELETE was sent after which Kore may not have the campaign, although nothing has confirmed
    /// that it is deleted; `None` if there is none, or Kore has returned the campaign since.
    pub fn in_doubt_since(&self) -> Option<&Time> {
        let seems_absent = self.last_reason() == Some(Reason::Service(FailureKind::MayBeAbsent));
        let answered = self.last_attempt_at.as_ref().filter(|_| seems_absent);
        let sent = answered.max(self.may_have_taken_effect_at.as_ref());
        sent.filter(|sent| Some(*sent) > self.seen_at.as_ref())
    }
}

/// What the operator has read, since a DELETE that was not confirmed, to prove that the campaign is absent: a
/// GET that does not return it, and two complete listings of the stream that do not contain it; or, where no
/// GET says whether it exists, three such listings over a longer time. The same app of the same account reads
/// them all. An answer that contains the campaign ends the proof.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProofStatus {
    /// The identity that reads: a fingerprint of host, account, `iid` and client ID. With another identity,
    /// the proof starts again.
    pub identity: String,

    /// When the operator received the answer to the DELETE. Only what it requested later proves anything.
    #[serde(deserialize_with = "time")]
    pub answered_at: Time,

    /// When the operator sent the GET that did not return the campaign.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub not_returned_at: Option<Time>,

    /// Number of GETs whose answer does not say whether the campaign exists. After 3, complete listings alone
    /// prove that it is absent, unless a later GET says more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub silent_gets: i32,

    /// When the operator sent the last of these GETs, once there are 3.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub silent_at: Option<Time>,

    /// The first complete listing without the campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_listing: Option<ListingRecord>,

    /// The second one, begun at least 10 s after the end of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_listing: Option<ListingRecord>,

    /// The third one, begun at least 5 min after the end of the first. The proof needs it only where no GET
    /// says whether the campaign exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_listing: Option<ListingRecord>,

    /// An empty listing that is not used as proof: it should contain campaigns that nobody asked to delete,
    /// or the campaign was last seen with other credentials. The operator reads the next one 5 min later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubted_listing: Option<ListingRecord>,

    /// Number of consecutive reads that have failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: i32,

    /// The answer to the last read, if that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<LastAnswer>,

    /// When the last read failed, if it did.
    #[serde(default, deserialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub last_failure_at: Option<Time>,
}

/// A complete listing of the stream that does not contain the campaign.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ListingRecord {
    /// When the operator requested its first page.
    #[serde(deserialize_with = "time")]
    pub begun_at: Time,

    /// When the operator received its last page.
    #[serde(deserialize_with = "time")]
    pub ended_at: Time,

    /// Number of campaigns in the listing.
    pub campaigns: i64,

    /// Whether it is empty although it should contain campaigns that nobody asked to delete. The app may have
    /// lost a permission, so such a listing is not used as proof.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suddenly_empty: bool,

    /// Namespaces whose VoiceCampaigns the API server does not let the operator list. They may name campaigns
    /// of this stream, so an empty listing is not used as proof, unless something else shows what it should
    /// contain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen_namespaces: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// How the deletion ended.
// A name alone removes no finalizer: that takes a `campaign::ReleasePermit`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeletionOutcome {
    /// Kore answered the DELETE of this campaign with success.
    Deleted,
    /// Kore has no such campaign: deleted elsewhere, or by an attempt whose answer was lost. See `proof`.
    Absent,
    /// `spec.deletionPolicy` is `Orphan`: the campaign was left alone.
    Orphaned,
}

impl DeletionOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Deleted, Self::Absent, Self::Orphaned];

    /// The name as it stands in status, events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "Deleted",
            Self::Absent => "Absent",
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

    /// Message of the answer, or what went wrong: without credentials and telephone numbers, at most 256
    /// characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,

    /// What kind of answer it was: the reason that the conditions have until the next attempt.
    pub reason: String,
}
