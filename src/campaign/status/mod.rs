//! What a status says. Pure: from the object, the record of its deletion and the situation to the whole
//! status.
//!
//! ```text
//!  situation.rs  what there is to report
//!  message.rs    situation ─▶ state (Ready, reason, message)
//!                proving.rs: the words of a proof   advice.rs: the words of a failure
//!  condition.rs  state ─▶ conditions
//!  obstacle.rs   the condition and the event for what the API server refuses
//!  events.rs     which change of a status is worth an event
//! ```

#![warn(clippy::wildcard_enum_match_arm)]

mod advice;
mod condition;
mod events;
mod message;
pub mod obstacle;
mod proving;
mod situation;

pub use condition::{Ready, ready, reason};
pub use events::notes;
pub use proving::reason_of_proof;
pub use situation::{Situation, Trouble};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::evidence::{OtherClaim, ReleasePermit, Sighting, new_record};
use crate::api::{DeletionStatus, Reason, VoiceCampaign, VoiceCampaignStatus};
use crate::connection::Connection;
use crate::kore::{Campaign, Identity};
use crate::kube_ext::{AllMayGo, obstacle as obstacle_condition, round_down};
use condition::{Kind, SHARED, condition};

/// How many other objects a message names.
const MAX_NAMES: usize = 5;

/// The status of an object in a situation. `campaign` replaces what was known of the campaign.
pub fn of(
    object: &VoiceCampaign,
    now: Timestamp,
    deletion: Option<DeletionStatus>,
    campaign: Option<&Campaign>,
    situation: Situation<'_>,
) -> VoiceCampaignStatus {
    let stored = object.status.clone().unwrap_or_default();
    let conditions = match message::state(object, deletion.as_ref(), situation) {
        Some(state) => state.conditions(object, now),
        None => unchanged(&stored.conditions, object.metadata.generation),
    };
    VoiceCampaignStatus {
        observed_generation: object.metadata.generation,
        conditions,
        campaign: campaign.cloned().map(Box::new).or(stored.campaign),
        account: stored.account,
        seen_as: stored.seen_as,
        not_listed_since: not_listed_since(object, situation, now),
        last_handled_refresh_at: stored.last_handled_refresh_at,
        deletion: deletion.map(Box::new),
    }
}

/// The stored conditions, but for the obstacle, for the current generation.
fn unchanged(stored: &[Condition], generation: Option<i64>) -> Vec<Condition> {
    let kept = stored.iter().filter(|condition| !obstacle_condition::is_obstacle(condition));
    kept.map(|condition| Condition { observed_generation: generation, ..condition.clone() }).collect()
}

/// Since when listings contain other campaigns of the stream, and not this one. A GET alone, or an empty
/// listing, changes nothing.
fn not_listed_since(object: &VoiceCampaign, situation: Situation<'_>, now: Timestamp) -> Option<Time> {
    let stored = object.status.as_ref();
    let since = stored.and_then(|status| status.not_listed_since.clone());
    let Situation::Seen(sighting) = situation else { return since };
    match sighting {
        Sighting::Found(_) => None,
        Sighting::NotListed if stored.is_some_and(|status| status.campaign.is_some()) => {
            since.or_else(|| Some(round_down(now)))
        }
        Sighting::NotListed | Sighting::NotReturned(_) | Sighting::SuddenlyEmpty | Sighting::Failed(_) => {
            since
        }
    }
}

/// The status of an object whose campaign Kore has shown to this identity.
pub fn seen_by(mut status: VoiceCampaignStatus, identity: &Identity) -> VoiceCampaignStatus {
    status.seen_as = Some(identity.as_str().to_owned());
    status
}

/// The status with the condition that names the other objects of the same campaign.
pub fn sharing(
    mut status: VoiceCampaignStatus,
    object: &VoiceCampaign,
    others: &[OtherClaim],
    now: Timestamp,
) -> VoiceCampaignStatus {
    status.conditions.retain(|condition| condition.type_ != SHARED);
    if others.is_empty() {
        return status;
    }
    let message = format!(
        "The same campaign is also named by {}. A campaign should have one VoiceCampaign: deleting this resource does not delete the \
         campaign as long as another VoiceCampaign with deletionPolicy Delete keeps it.",
        names(others)
    );
    let kind = Kind { type_: SHARED, status: "True" };
    status.conditions.push(condition(object, now, kind, Reason::CampaignShared, &message));
    status
}

fn names(others: &[OtherClaim]) -> String {
    let names: Vec<&str> = others.iter().take(MAX_NAMES).map(|other| other.name.as_str()).collect();
    match others.len().checked_sub(MAX_NAMES) {
        Some(more @ 1..) => format!("{} and {more} more", names.join(", ")),
        Some(0) | None => names.join(", "),
    }
}

/// The status with the account of the campaign, once that is known: Kore showed the campaign there, or was
/// asked to delete it there.
pub fn of_account(mut status: VoiceCampaignStatus, connection: &Connection) -> VoiceCampaignStatus {
    let attempted = status.deletion.as_ref().is_some_and(|deletion| deletion.attempts > 0);
    if let Connection::Usable(connection) = connection {
        let known = match &status.account {
            // It moves with its host.
            Some(account) => connection.leads_to(account),
            None => attempted || status.campaign.is_some(),
        };
        if known {
            status.account = Some(connection.account());
        }
    }
    status
}

/// The permit to release an object when the administrator leaves all campaigns in Kore; and, if the object is
/// being deleted, the status that must be stored before. A recorded outcome takes precedence.
pub fn left_alone(
    object: &VoiceCampaign,
    consent: &AllMayGo,
    now: Timestamp,
) -> (ReleasePermit, Option<VoiceCampaignStatus>) {
    if let Some(permit) = ReleasePermit::recorded(object) {
        return (permit, None);
    }
    let permit = ReleasePermit::left_alone(consent);
    let record = object.deletion().cloned().unwrap_or_else(|| new_record(object));
    let record = DeletionStatus {
        next_attempt_at: None,
        confirmed_at: Some(round_down(now)),
        outcome: Some(permit.outcome()),
        ..record
    };
    let being_deleted = object.metadata.deletion_timestamp.is_some();
    (permit, being_deleted.then(|| of(object, now, Some(record), None, Situation::Released(permit))))
}
