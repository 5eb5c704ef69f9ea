//! The decision: what is the next thing to do for this object? Pure; read this first.
//!
//! ```text
//!   being deleted?
//!   ├─ no ─▶ finalizer on? ─▶ suspended? ─▶ time to look? ─▶ connection? ─▶ Observe
//!   └─ yes ▶ finalizer on? ─▶ a ground? ─▶ Release
//!                             └─▶ suspended? ─▶ too early? ─▶ connection? ─▶ quota? ─▶ Delete
//! ```
//!
//! One effect per step. Before it rests, or lets go, the object's status says so: then the step is `Record`, and the
//! same question is asked again with the new status. So a crash after any effect resumes at the right place.

#![warn(clippy::wildcard_enum_match_arm)]

use jiff::{SignedDuration, Timestamp};

use super::ground::{Ground, REMOTE_CAMPAIGN, recorded_deletion};
use super::observed::{Attempt, Observed, Sighting};
use super::reason::Reason;
use super::status::{self, Situation};
use crate::api::{DeletionStatus, VoiceCampaign, VoiceCampaignStatus};
use crate::connection::{Connection, Problem};
use crate::kore::{ConfirmedDeletion, FailureKind};
use crate::pacing::{backoff, fraction};

/// A deletion that is confirmed within this time has two writes only; one that takes longer says what it waits for.
pub const SILENT: SignedDuration = SignedDuration::from_millis(250);
/// How often a living campaign is looked at.
const OBSERVATION_INTERVAL: SignedDuration = SignedDuration::from_mins(10);
/// How soon it is looked at again if that failed.
const OBSERVATION_RETRY: SignedDuration = SignedDuration::from_mins(1);
/// How soon a missing connection or Secret is looked for again. A KoreConnection that appears wakes its campaigns
/// itself; a Secret does not, because Secrets are not watched.
const CONFIGURATION_RETRY: SignedDuration = SignedDuration::from_secs(30);

/// The next thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Put our finalizer on.
    AddFinalizer,
    /// Look up the connection and its credentials.
    Resolve,
    /// GET the campaign.
    Observe,
    /// Send the DELETE.
    Delete,
    /// Write this status.
    Record(Box<VoiceCampaignStatus>),
    /// Take our finalizer off.
    Release(Ground),
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
    let plan = if being_deleted { deletion(observed, now) } else { life(observed, now) };
    match plan.status {
        Some(status) if observed.object.status.as_ref() != Some(&status) => Step::Record(Box::new(status)),
        Some(_) | None => plan.step,
    }
}

/// When a living campaign is looked at again. Spread over a tenth, so that campaigns that were created together do not
/// stay together.
pub fn look_again_at(object: &VoiceCampaign, sighting: &Sighting, now: Timestamp) -> Timestamp {
    let interval = match sighting {
        Ok(_) => OBSERVATION_INTERVAL,
        Err(failure) if failure.kind == FailureKind::MayBeAbsent => OBSERVATION_INTERVAL,
        Err(_) => OBSERVATION_RETRY,
    };
    now + interval + spread(object, interval / 10)
}

fn deletion(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let object = observed.object;
    if !REMOTE_CAMPAIGN.is_on(&object.metadata) {
        return Step::Done.into();
    }
    let deletion = progress(observed, now);
    if let Some(ground) = ground(observed) {
        let campaign = observed.confirmed().map(ConfirmedDeletion::campaign);
        let status = status::of(object, now, Some(deletion), campaign, Situation::LetGo(ground));
        return Plan { step: Step::Release(ground), status: Some(status) };
    }
    let unscheduled = DeletionStatus { next_attempt_at: None, ..deletion.clone() };
    if object.spec.suspend {
        let status = status::of(object, now, Some(unscheduled), None, Situation::Suspended);
        return Plan { step: Step::Stall { until: None, why: Reason::Suspended }, status: Some(status) };
    }
    if let Some(until) = deletion.next_attempt_at.as_ref().map(|time| time.0).filter(|until| *until > now) {
        // What was said about this very wait stays said: it may have been the quota, not the last answer.
        let told = object.status.as_ref().filter(|status| status.deletion.as_ref() == Some(&deletion));
        let situation = match told.map(status::reason) {
            Some(Reason::WaitingForQuota | Reason::Service(_)) => Situation::Unchanged,
            Some(_) | None => Situation::BetweenAttempts { until },
        };
        let status = status::of(object, now, Some(deletion), None, situation);
        return Plan { step: rest(status::reason(&status), until), status: Some(status) };
    }
    match observed.connection {
        Connection::NotLookedUp => Step::Resolve.into(),
        Connection::Unusable(problem) => misconfigured(object, now, Some(unscheduled), problem),
        Connection::Usable(_) => match observed.slot.filter(|slot| *slot > now) {
            // Too short to be worth a write.
            Some(slot) if slot.duration_since(now) <= SILENT => {
                Step::Wait { until: Some(slot), why: Reason::WaitingForQuota }.into()
            }
            Some(slot) => {
                let until = status::round_up(slot);
                let deletion = DeletionStatus { next_attempt_at: Some(until.clone()), ..deletion };
                let situation = Situation::WaitingForQuota { until: until.0 };
                let status = status::of(object, now, Some(deletion), None, situation);
                Plan { step: rest(Reason::WaitingForQuota, until.0), status: Some(status) }
            }
            None => Step::Delete.into(),
        },
    }
}

/// The ground on which the object may go, if there is one.
fn ground(observed: &Observed<'_>) -> Option<Ground> {
    let answered = observed.confirmed().and_then(|evidence| Ground::deleted(observed.object, evidence));
    Ground::recorded(observed.object).or(answered).or_else(|| Ground::orphaned(observed.object))
}

/// The record of this deletion, with what has happened since it was written.
pub(super) fn progress(observed: &Observed<'_>, now: Timestamp) -> DeletionStatus {
    let object = observed.object;
    let mut deletion = recorded_deletion(object).cloned().unwrap_or_else(|| status::new_deletion(object));
    // A write whose answer was lost may have recorded it already.
    let unrecorded =
        |attempt: &&Attempt| deletion.last_attempt_at != Some(status::round_down(attempt.sent_at));
    if let Some(attempt) = observed.attempt.filter(unrecorded) {
        deletion.attempts = deletion.attempts.saturating_add(1);
        deletion.last_attempt_at = Some(status::round_down(attempt.sent_at));
        deletion.last_answer = Some(status::last_answer(&attempt.outcome));
        deletion.next_attempt_at = attempt.outcome.as_ref().err().map(|failure| {
            let own = backoff(&deletion.uid, deletion.attempts);
            let pause = own.max(failure.retry_after.unwrap_or_default());
            status::round_up(
                attempt.ended_at + SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX),
            )
        });
    }
    // A clock that jumped, or a status from elsewhere, must not park a deletion.
    let latest = status::round_up(now + LONGEST_WAIT);
    if deletion.next_attempt_at.as_ref().is_some_and(|next| *next > latest) {
        deletion.next_attempt_at = Some(latest);
    }
    if let Some(ground) = ground(observed) {
        deletion.next_attempt_at = None;
        if deletion.ground != Some(ground.name()) {
            let since = observed.attempt.map_or(now, |attempt| attempt.ended_at);
            deletion.confirmed_at = Some(status::round_down(since));
            deletion.ground = Some(ground.name());
        }
    } else {
        // A recorded `Orphaned` whose policy has been taken back.
        (deletion.ground, deletion.confirmed_at) = (None, None);
    }
    deletion
}

/// No wait that status promises is longer: the slots of 10,000 campaigns at 60 a minute fill less than three hours.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

fn life(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let object = observed.object;
    if !REMOTE_CAMPAIGN.is_on(&object.metadata) {
        return Step::AddFinalizer.into();
    }
    if object.spec.suspend {
        let status = status::of(object, now, None, None, Situation::Suspended);
        return Plan { step: Step::Wait { until: None, why: Reason::Suspended }, status: Some(status) };
    }
    if let Some(sighting) = observed.sighting {
        let campaign = sighting.as_ref().ok();
        let status = status::of(object, now, None, campaign, Situation::Seen(sighting));
        let why = status::reason(&status);
        return Plan { step: Step::Wait { until: observed.look_again_at, why }, status: Some(status) };
    }
    let known = object.status.as_ref().map(status::reason).filter(|reason| reason.is_observed());
    if let (Some(why), Some(until)) = (known, observed.look_again_at.filter(|until| *until > now)) {
        let status = status::of(object, now, None, None, Situation::Unchanged);
        return Plan { step: Step::Wait { until: Some(until), why }, status: Some(status) };
    }
    // On the first visit, tools that read conditions must not take the object for settled before Kore was asked.
    let not_settled = known.is_none().then(|| status::of(object, now, None, None, Situation::Pending));
    match observed.connection {
        Connection::NotLookedUp => Plan { step: Step::Resolve, status: None },
        Connection::Unusable(problem) => misconfigured(object, now, None, problem),
        Connection::Usable(_) => {
            let step = match observed.slot.filter(|slot| *slot > now) {
                // All who only look are told the same time; they need not come together.
                Some(slot) => Step::Wait {
                    until: Some(slot + spread(object, OBSERVATION_RETRY)),
                    why: Reason::WaitingForQuota,
                },
                None => Step::Observe,
            };
            Plan { step, status: not_settled }
        }
    }
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
