//! What a deletion does to the campaign of a resource. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::Serialize;
use voicecampaign_operator::api::{DeletionPolicy, KoreConnection, PROTECT, Reason, VoiceCampaign};
use voicecampaign_operator::kube_ext::{Dated, obstacle};

use super::manifests::Name;
use crate::seen::{self, Phase, Seen};

/// What would become of a campaign if its resource were deleted now.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// What would become of it.
    pub fate: Fate,
    /// Why, if that is not what the policy says.
    pub why: Option<String>,
    /// Other VoiceCampaigns of the same campaign, as `namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<String>,
    /// Of these, those that are deleted, too, and are to delete the campaign.
    #[serde(skip)]
    pub takers: Vec<Name>,
    /// Whether the operator is to delete it, and may not be able to.
    #[serde(skip)]
    pub in_doubt: bool,
    /// The resource, as it is now.
    #[serde(flatten)]
    pub seen: Seen,
}

/// What would become of a campaign.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// The operator deletes it in Kore.
    Deleted,
    /// The operator deletes it in Kore, or the brake of its connection holds the deletion: it lets fewer
    /// begin than are planned, and which these are is not known before.
    Braked,
    /// The deletion waits until somebody acts.
    Held,
    /// It stays in Kore, because the policy says so.
    Orphaned,
    /// It stays in Kore, because no operator has put its finalizer on the resource.
    Left,
    /// The resource has the annotation that protects it: `kubectl vcamp delete` leaves it. Where the
    /// operator's policies are installed, the API server denies its deletion to all others, too.
    Protected,
    /// The resource is being deleted already.
    Deleting,
    /// The cluster has no such resource.
    NotFound,
}

impl Fate {
    /// All, in the order in which they are counted.
    pub const ALL: [Self; 8] = [
        Self::Deleted,
        Self::Braked,
        Self::Held,
        Self::Orphaned,
        Self::Left,
        Self::Protected,
        Self::Deleting,
        Self::NotFound,
    ];

    /// In a table.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Deleted => "deleted in Kore",
            Self::Braked => "deleted in Kore, or held by the brake",
            Self::Held => "held",
            Self::Orphaned => "left in Kore (policy Orphan)",
            Self::Left => "left in Kore (not managed)",
            Self::Protected => "not deleted (protected)",
            Self::Deleting => "being deleted already",
            Self::NotFound => "not in the cluster",
        }
    }
}

/// The connection of a campaign.
#[derive(Clone, Copy, Debug)]
pub enum Link<'a> {
    /// It can't be read.
    Unknown,
    /// There is none of that name.
    Missing,
    /// It does not fit its schema.
    Invalid,
    /// This one.
    To(&'a KoreConnection),
}

/// What matters of a resource beyond itself.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Its connection.
    pub link: Link<'a>,
    /// Other VoiceCampaigns of the same campaign that would stay, and keep it: Kore has returned it for them.
    pub keepers: &'a [String],
    /// Others that would stay, and may keep it: Kore has not returned it for them, or another operator may
    /// work for them.
    pub claimants: &'a [String],
    /// Others that are deleted, too, and are to delete the campaign.
    pub takers: &'a [Name],
    /// All other VoiceCampaigns of the same campaign.
    pub sharers: &'a [String],
}

impl Around<'_> {
    /// What is around a resource of which nothing is known.
    pub const NOTHING: Self =
        Self { link: Link::Unknown, keepers: &[], claimants: &[], takers: &[], sharers: &[] };
}

const NOT_KEPT: &str = "no operator has put its finalizer on it: does one run, and select it?";

/// What a deletion of this resource does to its campaign.
pub fn planned(object: &Dated<VoiceCampaign>, around: &Around<'_>) -> Planned {
    let seen = Seen::of(object);
    let (fate, why) = match &object.0 {
        _ if seen.phase.is_deletion() => (Fate::Deleting, Some(seen.reason_in_words())),
        _ if seen.protected => {
            let why = format!(
                "it has the annotation {PROTECT}: `kubectl vcamp delete` leaves it; where the operator's policies are not installed, \
                 others may delete it"
            );
            (Fate::Protected, Some(why))
        }
        Err(_) if !seen.kept => (Fate::Left, Some(NOT_KEPT.to_owned())),
        Err(_) => {
            let why = "Invalid: it does not fit its schema; apply it again with the current definition";
            (Fate::Held, Some(why.to_owned()))
        }
        Ok(campaign) => fate(campaign, &seen, around),
    };
    // That Kore does not return a campaign is no doubt: the operator proves it.
    let is_proven = seen.reason.as_deref() == Some(Reason::CampaignNotFound.as_str());
    let in_doubt = fate == Fate::Deleted && why.is_some() && !is_proven;
    Planned {
        fate,
        why,
        shared_with: around.sharers.to_vec(),
        takers: around.takers.to_vec(),
        in_doubt,
        seen,
    }
}

/// A resource that the cluster does not have.
pub fn missing(namespace: &str, name: &str) -> Planned {
    let seen = Seen::named(namespace, name);
    let (shared_with, takers) = (Vec::new(), Vec::new());
    Planned { fate: Fate::NotFound, why: None, shared_with, takers, in_doubt: false, seen }
}

fn fate(campaign: &VoiceCampaign, seen: &Seen, around: &Around<'_>) -> (Fate, Option<String>) {
    let held = |why: String| (Fate::Held, Some(why));
    if !seen.kept {
        return (Fate::Left, Some(NOT_KEPT.to_owned()));
    }
    // What others that are deleted do to its campaign, the whole plan says.
    if campaign.spec.deletion_policy == DeletionPolicy::Orphan {
        return (Fate::Orphaned, None);
    }
    if campaign.spec.suspend {
        return held("Suspended: `spec.suspend` is true".to_owned());
    }
    if let Some(keeper) = around.keepers.first() {
        return held(format!("CampaignShared: {keeper} names the same campaign and keeps it"));
    }
    let name = &campaign.spec.connection_ref.name;
    match around.link {
        Link::Missing => return held(format!("ConnectionNotFound: there is no KoreConnection {name}")),
        Link::Invalid => {
            return held(format!("ConnectionInvalid: the KoreConnection {name} does not fit its schema"));
        }
        Link::To(_) | Link::Unknown => {}
    }
    // Its deletion would fail as its passes do now; of what else would hold it, the status may be old.
    if let Some(obstacle) = seen::obstructed(campaign).or_else(|| of_connection(around.link)) {
        let said = seen::said_by(&obstacle);
        return (Fate::Deleted, Some(format!("as far as the API server lets the operator: {said}")));
    }
    let said = [seen.reason.as_deref(), seen.message.as_deref()];
    let said = || said.into_iter().flatten().collect::<Vec<_>>().join(": ");
    match seen.reason.as_deref().and_then(Reason::parse) {
        Some(reason) if holds_a_deletion(reason) => held(said()),
        None if seen.phase == Phase::New => {
            let why = "once an operator works for it: none has seen it yet";
            (Fate::Deleted, Some(why.to_owned()))
        }
        Some(Reason::CampaignNotFound) => {
            (Fate::Deleted, Some("Kore does not return it: the operator proves that it is absent".to_owned()))
        }
        _ if !around.claimants.is_empty() => {
            let claimants = around.claimants.join(", ");
            let why = format!(
                "{claimants} names the same campaign, and may keep it: if Kore returns the campaign for that resource, if Kore does not answer, or, \
                 in another namespace, if the same operator watches it"
            );
            (Fate::Deleted, Some(why))
        }
        Some(reason) if reason.needs_a_person() => {
            (Fate::Deleted, Some(format!("as far as Kore lets it: {}", said())))
        }
        Some(_) | None => (Fate::Deleted, None),
    }
}

/// What the API server refuses the operator for a connection.
fn of_connection(link: Link<'_>) -> Option<Condition> {
    let Link::To(connection) = link else { return None };
    let conditions = connection.status.as_ref().map(|status| &status.conditions[..]);
    obstacle::reported(&connection.metadata, conditions.unwrap_or_default())
}

/// Whether the operator sends no DELETE for this reason, which it has found at the living resource.
fn holds_a_deletion(reason: Reason) -> bool {
    match reason {
        Reason::ConnectionNotFound
        | Reason::ConnectionInvalid
        | Reason::NotSelected
        | Reason::HostNotAllowed
        | Reason::AccountChanged
        | Reason::CredentialsMissing
        | Reason::Invalid => true,
        Reason::CampaignFound
        | Reason::CampaignNotFound
        | Reason::Pending
        | Reason::Suspended
        | Reason::MassDeletion
        | Reason::Deleting
        | Reason::WaitingForQuota
        | Reason::AccountUnavailable
        | Reason::CampaignShared
        | Reason::StreamSuddenlyEmpty
        | Reason::ListingIncomplete
        | Reason::Service(_)
        | Reason::Deleted
        | Reason::Absent
        | Reason::Orphaned
        | Reason::CampaignLeftBehind => false,
    }
}
