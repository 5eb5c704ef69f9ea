//! The decision: what is the next thing to do for this object? Pure; read this first.
//!
//! ```text
//!   being deleted?
//!   ├─ no ─▶ life.rs: new, or no finalizer? (Protect, AddFinalizer) ─▶ suspended? ─▶ connection? ─▶ seen lately? ─▶ List or Get
//!   └─ yes ▶ deletion.rs: finalizer on? ─▶ a permit? ─▶ Release
//!                         └─▶ new? (Protect) ─▶ suspended? ─▶ shared? ─▶ too early? ─▶ connection? ─▶ quota? ─▶ Delete, Get or List
//! ```
//!
//! One effect per step. Before it rests, or lets go, the object's status says so: then the step is `Record`, and the
//! same question is asked again with the new status. So a crash after any effect resumes at the right place.

#![warn(clippy::wildcard_enum_match_arm)]

mod deletion;
mod life;
mod past;

pub(super) use deletion::{next_attempt, place, place_of_read, progress, promised};
pub(super) use life::{looked, refresh_wanted};
pub(super) use past::{connection_name, past};

use jiff::{SignedDuration, Timestamp};

use super::observed::Observed;
use super::permit::ReleasePermit;
use super::reason::Reason;
use super::status::{self, Situation};
use crate::api::{AccountReference, DeletionStatus, VoiceCampaign, VoiceCampaignStatus};
use crate::connection::{Connection, Problem, UsableConnection};
use crate::kube_ext::obstacle;
use crate::pacing::fraction;

/// A deletion that is confirmed within this time has two writes only; one that takes longer says what it waits for.
pub const SILENT: SignedDuration = SignedDuration::from_millis(250);
/// How soon a missing connection or Secret is looked for again. A KoreConnection that appears wakes its campaigns
/// itself; a Secret does not, because Secrets are not watched.
const CONFIGURATION_RETRY: SignedDuration = SignedDuration::from_secs(30);

/// The next thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Keep the connection and its Secret as long as the object needs them.
    Protect,
    /// Put our finalizer on.
    AddFinalizer,
    /// Look up the connection and its credentials.
    Resolve,
    /// GET the campaign.
    Get(Urgency),
    /// Ask for the next page of a listing of the stream that is begun at `not_before` or later; or join those who do.
    List {
        /// That time.
        not_before: Timestamp,
        /// Whether it may wait.
        urgency: Urgency,
    },
    /// Send the DELETE.
    Delete,
    /// Write this status.
    Record(Box<VoiceCampaignStatus>),
    /// Take our finalizer off.
    Release(ReleasePermit),
    /// Nothing to do before `until` (or a change, if `None`).
    Wait {
        /// When to ask again.
        until: Option<Timestamp>,
        /// What is waited for.
        why: Reason,
    },
    /// A person is needed; look again at `until` (or at a change, if `None`) whether it is mended.
    Stall {
        /// When to look again.
        until: Option<Timestamp>,
        /// What is to be mended.
        why: Reason,
    },
    /// The object is none of our business any more.
    Done,
}

/// Whether a read may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A deletion waits for it.
    Deletion,
    /// It only keeps the status of a living campaign fresh, and takes what deletions leave of the quota.
    Observation,
}

/// What to do, and what status must say before it is done (`None`: no matter).
struct Plan {
    step: Step,
    status: Option<VoiceCampaignStatus>,
}

impl From<Step> for Plan {
    fn from(step: Step) -> Self {
        Self { step, status: None }
    }
}

/// Decides the next step.
pub fn decide(observed: &Observed<'_>, now: Timestamp) -> Step {
    let being_deleted = observed.object.metadata.deletion_timestamp.is_some();
    let plan = if being_deleted { deletion::plan(observed, now) } else { life::plan(observed, now) };
    let status = plan.status.map(|status| {
        let status = status::of_account(status, observed.connection);
        let status = deletion::seen_by(status, observed);
        status::sharing(status, observed.object, observed.others, now)
    });
    let rests = matches!(plan.step, Step::Wait { .. } | Step::Stall { .. });
    // Whoever rests without news is kept by nothing any more.
    let status = status.or_else(|| observed.object.status.as_ref().filter(|_| rests).and_then(unobstructed));
    match status {
        Some(status) if !is_stored(&status, observed.object, rests) => Step::Record(Box::new(status)),
        Some(_) | None => plan.step,
    }
}

/// Whether the object has this status. What the API server fails stays said until the object `rests`: what is only going to be tried next
/// does not end it.
pub fn is_stored(status: &VoiceCampaignStatus, object: &VoiceCampaign, rests: bool) -> bool {
    object.status.as_ref().is_some_and(|stored| match unobstructed(stored) {
        Some(unobstructed) if !rests => unobstructed == *status,
        Some(_) | None => stored == status,
    })
}

/// The status without what the API server fails; `None` if it does not say so.
fn unobstructed(status: &VoiceCampaignStatus) -> Option<VoiceCampaignStatus> {
    if !obstacle::is_said(&status.conditions) {
        return None;
    }
    let others = status.conditions.iter().filter(|condition| !obstacle::is_obstacle(condition));
    Some(VoiceCampaignStatus { conditions: others.cloned().collect(), ..status.clone() })
}

/// Nobody has looked at it yet; it may have got its finalizer by the admission policy, and not by us.
fn is_new(object: &VoiceCampaign) -> bool {
    object.status.as_ref().is_none_or(|status| status.conditions.iter().all(obstacle::is_obstacle))
}

/// What has to be done for the object's connection before anything else, if something has: the credentials outlive the need for them.
fn protection(observed: &Observed<'_>) -> Option<Step> {
    match observed.connection {
        Connection::NotLookedUp => Some(Step::Resolve),
        // Where there is no connection to keep, there are the operator's rights in the namespace; whoever creates it later finds that it
        // is needed.
        Connection::Usable(_) | Connection::Unusable(_) => (!observed.protected).then_some(Step::Protect),
    }
}

/// The account of the connection is another one than the campaign's.
fn other_account(object: &VoiceCampaign, connection: &UsableConnection) -> Option<Problem> {
    let known = object.status.as_ref()?.account.as_ref()?;
    let in_words =
        |AccountReference { host, account_id }: &AccountReference| format!("{account_id} at {host}");
    (!connection.leads_to(known)).then(|| Problem::AccountChanged {
        connection: object.spec.connection_ref.name.clone(),
        was: in_words(known),
        now: in_words(&connection.account()),
    })
}

fn misconfigured(
    object: &VoiceCampaign,
    now: Timestamp,
    deletion: Option<DeletionStatus>,
    problem: &Problem,
) -> Plan {
    let status = status::of(object, now, deletion, None, Situation::Misconfigured(problem));
    let until = now + CONFIGURATION_RETRY + spread(object, CONFIGURATION_RETRY);
    Plan { step: rest(status::reason(&status), until), status: Some(status) }
}

fn rest(why: Reason, until: Timestamp) -> Step {
    let until = Some(until);
    if why.needs_a_person() { Step::Stall { until, why } } else { Step::Wait { until, why } }
}

/// A part of `width` that is the object's own.
fn spread(object: &VoiceCampaign, width: SignedDuration) -> SignedDuration {
    let part = fraction(object.metadata.uid.as_deref().unwrap_or_default());
    SignedDuration::try_from_secs_f64(width.as_secs_f64() * part).unwrap_or(width)
}
