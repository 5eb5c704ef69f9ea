//! What a VoiceCampaign says of itself, for `check` and for `kubectl vcamp`. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::{DeletionPolicy, DeletionStatus, FINALIZER, Reason, VoiceCampaign, is_protected};
use crate::kore::scrub::plain;
use crate::kube_ext::{Dated, invalid, obstacle, written_at};

/// After so many failures of the campaign's own a deletion counts as held, although the operator goes on:
/// what failed three times needs somebody to look at it.
const MANY_FAILURES: i32 = 3;
/// An operator that works answers within a second. If it has said nothing for so long, something is wrong
/// with it, and not with the resource.
pub const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// What a VoiceCampaign says of itself, for tables and for programs.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Namespace of the resource.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// What can be expected of it.
    pub phase: Phase,
    /// Reason of the condition `Ready`; `Invalid` if the resource does not fit its schema. Absent before the
    /// operator has seen the resource.
    pub reason: Option<String>,
    /// Message of the condition `Ready`, or of `Obstructed`.
    pub message: Option<String>,
    /// What becomes of the campaign with the resource: `Delete` or `Orphan`.
    pub deletion_policy: Option<String>,
    /// `spec.suspend`.
    pub suspend: bool,
    /// `spec.campaignId`.
    pub campaign_id: Option<String>,
    /// `spec.streamId`.
    pub stream_id: Option<String>,
    /// `spec.connectionRef.name`.
    pub connection: Option<String>,
    /// Name of the campaign in Kore, as last returned.
    pub campaign_name: Option<String>,
    /// State of the campaign in Kore, as last returned.
    pub state: Option<String>,
    /// Contact lists of the campaign, as last returned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact_lists: Vec<String>,
    /// When the resource was created.
    pub created_at: Option<Time>,
    /// When the deletion was requested.
    pub deletion_requested_at: Option<Time>,
    /// DELETE requests so far.
    pub attempts: Option<i32>,
    /// When the operator sends the next request.
    pub next_attempt_at: Option<Time>,
    /// How the deletion ended: `Deleted`, `Absent` or `Orphaned`.
    pub outcome: Option<String>,
    /// Place in the queue of the account, among the resources that the command has listed.
    pub queue: Option<Place>,
    /// Whose queue it stands in: the account that the status names, else the connection.
    #[serde(skip)]
    pub account: String,
    /// Whether a DELETE may have deleted the campaign, although nothing has confirmed it.
    #[serde(skip)]
    pub in_doubt: bool,
    /// Whether the operator proves that Kore does not have the campaign.
    #[serde(skip)]
    pub proves: bool,
    /// Whether an annotation protects it from deletion.
    #[serde(skip)]
    pub protected: bool,
    /// Whether what the operator says is about the resource as it is now.
    #[serde(skip)]
    pub answered: bool,
    /// Whether the operator's finalizer is on it.
    #[serde(skip)]
    pub kept: bool,
    /// Reason of the condition `Obstructed`, if it has one.
    #[serde(skip)]
    obstacle: Option<String>,
    /// Whether the API server refuses its status, so that an annotation says what that would say.
    #[serde(skip)]
    pub(super) untold: bool,
    /// `metadata.resourceVersion`.
    #[serde(skip)]
    pub version: Option<String>,
    /// When anybody has last written it, as the API server notes it in `metadata.managedFields`.
    #[serde(skip)]
    pub written_at: Option<Timestamp>,
}

/// A place in the queue of an account.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 1.
    pub number: usize,
    /// How many wait.
    pub of: usize,
}

/// What can be expected of a resource.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// It is being deleted, and somebody has to act: the operator can't go on by itself, or the campaign has
    /// failed three times for a reason of its own.
    Held,
    /// It is being deleted, and the operator has not said anything since that was requested.
    Unanswered,
    /// It is being deleted, and the operator goes on by itself.
    Continuing,
    /// Kore has confirmed, or the campaign stays there; the resource goes.
    Ending,
    /// It lives, and somebody has to act.
    Stalled,
    /// It lives, and the operator has not said anything yet.
    New,
    /// It lives, and is well, or the operator retries.
    Living,
}

impl Phase {
    /// Whether it is of a resource that is being deleted.
    pub fn is_deletion(self) -> bool {
        self <= Self::Ending
    }

    /// Whether a list shows it that was not asked for all: it is being deleted, or needs somebody.
    pub fn concerns_somebody(self) -> bool {
        self.is_deletion() || self == Self::Stalled
    }
}

impl Seen {
    /// What this object says of itself.
    pub fn of(object: &Dated<VoiceCampaign>) -> Self {
        match &object.0 {
            Ok(campaign) => Self::of_valid(campaign),
            Err(misfit) => Self {
                reason: Some(Reason::Invalid.as_str().to_owned()),
                message: Some(invalid::why(misfit)),
                phase: if misfit.metadata.deletion_timestamp.is_some() {
                    Phase::Held
                } else {
                    Phase::Stalled
                },
                ..Self::of_metadata(&misfit.metadata)
            },
        }
    }

    fn of_valid(object: &VoiceCampaign) -> Self {
        let (spec, status) = (&object.spec, object.status.as_ref());
        let (said, obstacle) = (said(object), obstructed(object));
        let deletion = object.deletion();
        let campaign = status.and_then(|status| status.campaign.as_deref());
        let text = |text: &Option<String>| text.as_deref().map(plain);
        Self {
            phase: phase(object),
            reason: said.map(|condition| condition.reason.clone()),
            obstacle: obstacle.as_ref().map(|condition| condition.reason.clone()),
            message: obstacle.as_ref().or(said).map(|condition| plain(&condition.message)),
            deletion_policy: Some(policy(spec.deletion_policy).to_owned()),
            suspend: spec.suspend,
            campaign_id: Some(plain(&spec.campaign_id)),
            stream_id: Some(plain(&spec.stream_id)),
            connection: Some(plain(&spec.connection_ref.name)),
            campaign_name: campaign.and_then(|campaign| text(&campaign.name)),
            state: campaign.and_then(|campaign| text(&campaign.status)),
            contact_lists: campaign
                .map(|campaign| campaign.contact_lists.iter().map(|list| plain(list)).collect())
                .unwrap_or_default(),
            attempts: deletion.map(|deletion| deletion.attempts),
            next_attempt_at: deletion.and_then(|deletion| deletion.next_attempt_at.clone()),
            outcome: deletion
                .and_then(|deletion| deletion.outcome)
                .map(|outcome| outcome.as_str().to_owned()),
            account: queue_of(object),
            answered: is_answered(object),
            in_doubt: deletion.is_some_and(|deletion| deletion.in_doubt_since().is_some()),
            proves: deletion.is_some_and(|deletion| deletion.proof.is_some()),
            ..Self::of_metadata(&object.metadata)
        }
    }

    /// What the metadata says.
    fn of_metadata(metadata: &ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            phase: Phase::New,
            reason: None,
            obstacle: None,
            untold: obstacle::is_annotated(metadata),
            message: None,
            deletion_policy: None,
            suspend: false,
            campaign_id: None,
            stream_id: None,
            connection: None,
            campaign_name: None,
            state: None,
            contact_lists: Vec::new(),
            created_at: metadata.creation_timestamp.clone(),
            deletion_requested_at: metadata.deletion_timestamp.clone(),
            attempts: None,
            next_attempt_at: None,
            outcome: None,
            queue: None,
            account: String::new(),
            in_doubt: false,
            proves: false,
            protected: is_protected(metadata),
            answered: false,
            kept: has_our_finalizer(metadata),
            version: metadata.resource_version.clone(),
            written_at: written_at(metadata),
        }
    }

    /// A resource of which nothing but the name is known.
    pub fn named(namespace: &str, name: &str) -> Self {
        let metadata = ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        Self::of_metadata(&metadata)
    }

    /// Namespace and name.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The reason, or that the operator has said nothing yet.
    pub fn reason_in_words(&self) -> String {
        match (self.phase, &self.outcome) {
            (Phase::Unanswered, _) => "(no answer of the operator yet)".to_owned(),
            (Phase::New, _) => "(not seen by the operator yet)".to_owned(),
            (Phase::Held, Some(outcome)) if !self.kept => format!("{outcome}, kept by finalizers of others"),
            (Phase::Held, None) if !self.kept => {
                "(not kept by the operator: nobody deletes the campaign)".to_owned()
            }
            (Phase::Living, _) if !self.kept => "(not managed by an operator)".to_owned(),
            (Phase::Held | Phase::Stalled, _) if self.obstacle.is_some() => {
                format!("Obstructed: {}", self.obstacle.as_deref().unwrap_or_default())
            }
            (Phase::Held | Phase::Continuing | Phase::Ending | Phase::Stalled | Phase::Living, _) => {
                self.reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or("-").to_owned()
            }
        }
    }

    /// Whether its policy is `Delete`.
    pub fn deletes(&self) -> bool {
        self.deletion_policy.as_deref() == Some(policy(DeletionPolicy::Delete))
    }

    /// When its deletion was requested.
    pub fn requested_at(&self) -> Option<Timestamp> {
        self.deletion_requested_at.as_ref().map(|time| time.0)
    }

    /// When the operator calls Kore next for it.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.next_attempt_at.as_ref().map(|time| time.0)
    }
}

/// Whose queue it stands in.
fn queue_of(object: &VoiceCampaign) -> String {
    let account = object.status.as_ref().and_then(|status| status.account.as_ref());
    match account {
        Some(account) => format!("{} {}", account.host, account.account_id),
        None => {
            let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
            format!("{namespace}/{}", object.spec.connection_ref.name)
        }
    }
}

/// The name of a policy.
pub fn policy(policy: DeletionPolicy) -> &'static str {
    match policy {
        DeletionPolicy::Delete => "Delete",
        DeletionPolicy::Orphan => "Orphan",
    }
}

/// A condition that is `True`, by its type.
pub fn holds<'a>(object: &'a VoiceCampaign, type_: &str) -> Option<&'a Condition> {
    let mut conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions.find(|condition| condition.type_ == type_ && condition.status == "True")
}

/// The condition `Ready`, whatever it says.
pub fn said(object: &VoiceCampaign) -> Option<&Condition> {
    let mut conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions.find(|condition| condition.type_ == "Ready")
}

/// The message of a condition, for a terminal.
pub fn said_by(condition: &Condition) -> String {
    plain(&condition.message)
}

/// The condition that says that the API server refuses what the operator has to write; or the annotation that
/// says so where no condition can.
pub fn obstructed(object: &VoiceCampaign) -> Option<Condition> {
    let conditions = object.status.as_ref().map(|status| &status.conditions[..]).unwrap_or_default();
    obstacle::reported(&object.metadata, conditions)
}

/// Whether what the status says is about the resource as it is now: a deletion raises the generation.
pub fn is_answered(object: &VoiceCampaign) -> bool {
    let observed = object.status.as_ref().and_then(|status| status.observed_generation);
    observed >= object.metadata.generation
}

/// The finalizers of others.
pub fn foreign_finalizers(metadata: &ObjectMeta) -> impl Iterator<Item = &str> {
    metadata.finalizers.iter().flatten().map(String::as_str).filter(|name| *name != FINALIZER)
}

/// Whether the operator's finalizer is on it.
pub fn is_kept_by_us(object: &VoiceCampaign) -> bool {
    has_our_finalizer(&object.metadata)
}

fn has_our_finalizer(metadata: &ObjectMeta) -> bool {
    metadata.finalizers.iter().flatten().any(|name| name == FINALIZER)
}

/// How often in a row what the operator does now has failed. DELETEs may have failed because the campaign is
/// gone, which it proves by reads.
fn failures(deletion: &DeletionStatus) -> i32 {
    deletion.proof.as_ref().map_or(deletion.failures, |proof| proof.failures)
}

fn phase(object: &VoiceCampaign) -> Phase {
    let (stalled, obstructed) = (holds(object, "Stalled").is_some(), obstructed(object));
    if object.metadata.deletion_timestamp.is_none() {
        return match said(object) {
            _ if stalled || obstructed.is_some() => Phase::Stalled,
            Some(ready) if ready.reason == Reason::CampaignNotFound.as_str() => Phase::Stalled,
            Some(_) => Phase::Living,
            None => Phase::New,
        };
    }
    // It is written beside the rest of the status, which may be of before the deletion.
    let is_of_now = |obstacle: &Condition| obstacle.observed_generation >= object.metadata.generation;
    let is_obstructed = obstructed.is_some_and(|obstacle| is_of_now(&obstacle) || is_answered(object));
    match object.deletion() {
        _ if is_obstructed || stalled && is_answered(object) => Phase::Held,
        // The operator is done with it: finalizers of others keep it.
        _ if !is_kept_by_us(object) => Phase::Held,
        Some(deletion) if deletion.outcome.is_some() => Phase::Ending,
        // While its whole account fails, it waits for that.
        Some(deletion) if failures(deletion) >= MANY_FAILURES && deletion.held_since.is_none() => Phase::Held,
        Some(_) => Phase::Continuing,
        None if is_answered(object) => Phase::Continuing,
        None => Phase::Unanswered,
    }
}

/// The places of those that wait for the quota of an account in its queue, by uid: by when their turn is,
/// among these resources.
pub fn places<'a>(all: impl Iterator<Item = &'a Seen>) -> BTreeMap<&'a str, Place> {
    let waits = |seen: &&Seen| {
        seen.reason.as_deref() == Some(Reason::WaitingForQuota.as_str()) && seen.phase.is_deletion()
    };
    let mut waiting: Vec<(&str, Timestamp, &str)> = all
        .filter(waits)
        .filter_map(|seen| Some((seen.account.as_str(), seen.next_at()?, seen.uid.as_str())))
        .collect();
    waiting.sort_unstable();
    let mut places = BTreeMap::new();
    for queue in waiting.chunk_by(|one, other| one.0 == other.0) {
        let of = queue.len();
        places.extend(queue.iter().zip(1..).map(|((_, _, uid), number)| (*uid, Place { number, of })));
    }
    places
}
