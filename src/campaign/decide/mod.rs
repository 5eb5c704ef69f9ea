//! The decision: what is the next thing to do for this object? Pure; read this first.
//!
//! ```text
//!   being deleted?
//!   ├─ no ─▶ living.rs: new, or no finalizer? (Protect, AddFinalizer) ─▶ suspended? ─▶ connection?
//!   │                ─▶ read lately? ─▶ List or Get
//!   └─ yes ▶ deletion.rs: finalizer on? ─▶ a permit? ─▶ Release
//!                         └─▶ new? (Protect) ─▶ suspended? ─▶ shared? ─▶ too early? ─▶ connection?
//!                             ─▶ brake? ─▶ quota? ─▶ Delete, Get or List
//! ```
//!
//! One effect per step. Before an object rests, or its finalizer is removed, its status must say so: then the
//! step is `Record`, and the decision is made again with the new status. So a crash after any effect resumes
//! at the right place.

#![warn(clippy::wildcard_enum_match_arm)]

mod before_restart;
mod brake;
mod common;
mod deletion;
mod due;
mod living;
mod place;
mod progress;
mod sighting;
mod step;
mod turn;

pub(super) use before_restart::past;
pub(super) use living::{next_observation, refresh_wanted};
pub(super) use place::{next_attempt, place, place_of_read, promised};
pub(super) use progress::progress;
pub(super) use sighting::is_unseen;
pub use step::{Step, Urgency};
pub(super) use turn::SILENT;

use jiff::Timestamp;

use super::evidence::Observed;
use super::status;
use crate::api::{VoiceCampaign, VoiceCampaignStatus};
use crate::kube_ext::obstacle;

/// Decides the next step.
pub fn decide(observed: &Observed<'_>, now: Timestamp) -> Step {
    let being_deleted = observed.object.metadata.deletion_timestamp.is_some();
    let plan = if being_deleted { deletion::plan(observed, now) } else { living::plan(observed, now) };
    let status = plan.status.map(|status| {
        let status = status::of_account(status, observed.connection);
        let status = progress::seen_by(status, observed);
        status::sharing(status, observed.object, observed.others, now)
    });
    let rests = matches!(plan.step, Step::Wait { .. } | Step::Stall { .. });
    // An object that rests without news has no obstacle any more.
    let status = status.or_else(|| observed.object.status.as_ref().filter(|_| rests).and_then(unobstructed));
    match status {
        Some(status) if !is_stored(&status, observed.object, rests) => Step::Record(Box::new(status)),
        Some(_) | None => plan.step,
    }
}

/// Whether the object has this status. A reported obstacle stays until the object `rests`: a step that is
/// only going to be tried does not end it.
pub fn is_stored(status: &VoiceCampaignStatus, object: &VoiceCampaign, rests: bool) -> bool {
    object.status.as_ref().is_some_and(|stored| match unobstructed(stored) {
        Some(unobstructed) if !rests => unobstructed == *status,
        Some(_) | None => stored == status,
    })
}

/// The status without its obstacle; `None` if it has none.
fn unobstructed(status: &VoiceCampaignStatus) -> Option<VoiceCampaignStatus> {
    if !obstacle::is_reported(&status.conditions) {
        return None;
    }
    let others = status.conditions.iter().filter(|condition| !obstacle::is_obstacle(condition));
    Some(VoiceCampaignStatus { conditions: others.cloned().collect(), ..status.clone() })
}
