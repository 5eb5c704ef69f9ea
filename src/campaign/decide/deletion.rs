//! What to do for an object that is being deleted.

use jiff::{SignedDuration, Timestamp};

use super::{Plan, SILENT, Step, Urgency, is_new, misconfigured, other_account, protection, rest};
use crate::api::{DeletionStatus, ProofStatus, VoiceCampaign, VoiceCampaignStatus};
use crate::campaign::ground::{Ground, REMOTE_CAMPAIGN, recorded_deletion};
use crate::campaign::observed::{Attempt, ListingTrouble, Observed};
use crate::campaign::proof::{self, Course, Need, ProvenAbsence};
use crate::campaign::reason::Reason;
use crate::campaign::status::{self, Situation};
use crate::connection::Connection;
use crate::kore::{ConfirmedDeletion, FailureKind};
use crate::kube_ext::{round_down, round_up};
use crate::pacing::{Charge, Place, Turn, backoff};

/// No wait that status promises is longer: the slots of 10,000 campaigns at 60 a minute fill less than three hours.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// How soon a held deletion is looked at again, if nobody wakes it.
const HELD_RETRY: SignedDuration = SignedDuration::from_mins(1);

/// How far a deletion has come: the record for its status, and the ground if there is one.
pub struct Progress {
    /// The record.
    pub record: DeletionStatus,
    /// The ground.
    pub ground: Option<Ground>,
}

pub(super) fn plan(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let object = observed.object;
    if !REMOTE_CAMPAIGN.is_on(&object.metadata) {
        return Step::Done.into();
    }
    let Progress { record, ground } = progress(observed, now);
    if let Some(ground) = ground {
        let campaign = observed.confirmed().map(ConfirmedDeletion::campaign);
        let status = status::of(object, now, Some(record), campaign, Situation::LetGo(ground));
        return Plan { step: Step::Release(ground), status: Some(status) };
    }
    if let Some(step) = protection(observed).filter(|_| is_new(object)) {
        return step.into();
    }
    let unscheduled = DeletionStatus { next_attempt_at: None, ..record.clone() };
    if object.spec.suspend {
        let status = status::of(object, now, Some(unscheduled), None, Situation::Suspended);
        return Plan { step: Step::Stall { until: None, why: Reason::Suspended }, status: Some(status) };
    }
    // The usual cause is a move between namespaces: the campaign is to stay. Whoever keeps it wakes us when that changes.
    if let Some(keeper) = observed.others.iter().find(|other| other.keeps) {
        let status = status::of(object, now, Some(unscheduled), None, Situation::HeldFor(keeper));
        return Plan { step: rest(Reason::CampaignShared, now + HELD_RETRY), status: Some(status) };
    }
    if let Some(until) = record.next_attempt_at.as_ref().map(|time| time.0).filter(|until| *until > now) {
        return wait(observed, record, until, now);
    }
    match observed.connection {
        Connection::NotLookedUp => Step::Resolve.into(),
        Connection::Unusable(problem) => misconfigured(object, now, Some(unscheduled), problem),
        Connection::Usable(connection) => {
            if let Some(problem) = other_account(object, connection) {
                return misconfigured(object, now, Some(unscheduled), &problem);
            }
            let identity = connection.target.identity();
            let proof = record
                .proof
                .clone()
                .filter(|proof| proof.identity == identity.as_str() && proof::is_plausible(proof, now));
            match proof {
                // What somebody else was shown proves nothing: begin anew.
                None => within_quota(observed, record, now, |record| {
                    // An attempt is recorded before the next; and a proof that a sighting has ended must not go on
                    // after a crash.
                    let old = recorded_deletion(object);
                    let attempts = old.map_or(0, |old| old.attempts);
                    let ended = record.proof.is_none() && old.is_some_and(|old| old.proof.is_some());
                    let ended = ended || attempts != record.attempts;
                    let situation = Situation::BetweenAttempts { until: now };
                    let status = ended.then(|| status::of(object, now, Some(record), None, situation));
                    Plan { step: Step::Delete, status }
                }),
                Some(proof) => prove(observed, &proof, record, now),
            }
        }
    }
}

/// The next read of the proof.
fn prove(observed: &Observed<'_>, proof: &ProofStatus, record: DeletionStatus, now: Timestamp) -> Plan {
    let urgency = Urgency::Deletion;
    let then = |step: Step| {
        move |record: DeletionStatus| {
            // Whether the account works again, only the call will show: to say so before it, and to take it back after it, would be
            // two writes, which wake us to write them again.
            let status = (told(observed, &record) != Some(Reason::AccountUnavailable))
                .then(|| status::of(observed.object, now, Some(record), None, Situation::Proving));
            Plan { step, status }
        }
    };
    match proof::need(proof) {
        Need::Get { not_before } | Need::Listing { not_before } if not_before > now => {
            let until = round_up(not_before);
            let record = DeletionStatus { next_attempt_at: Some(until.clone()), ..record };
            wait(observed, record, until.0, now)
        }
        Need::Get { .. } => within_quota(observed, record, now, then(Step::Get(urgency))),
        Need::Listing { not_before } => match observed.listing_due.filter(|due| *due > now) {
            Some(due) => {
                let why = status::proving(&record, proof);
                then(Step::Wait { until: Some(due), why })(record)
            }
            None => within_quota(observed, record, now, then(Step::List { not_before, urgency })),
        },
    }
}

/// What status says of this very record, if it is stored.
fn told(observed: &Observed<'_>, record: &DeletionStatus) -> Option<Reason> {
    let stored = observed.object.status.as_ref();
    stored.filter(|status| status.deletion.as_deref() == Some(record)).map(status::reason)
}

/// Waits until the time that the record promises.
fn wait(observed: &Observed<'_>, record: DeletionStatus, until: Timestamp, now: Timestamp) -> Plan {
    // What was said about this very wait stays said: it may have been the quota, not the last answer.
    let situation = match told(observed, &record) {
        Some(Reason::WaitingForQuota) => Situation::Unchanged,
        Some(_) | None if record.proof.is_some() => Situation::Proving,
        Some(_) | None => Situation::BetweenAttempts { until },
    };
    let status = status::of(observed.object, now, Some(record), None, situation);
    Plan { step: rest(status::reason(&status), until), status: Some(status) }
}

/// What is planned, or a wait for the turn that the account's clock gave.
fn within_quota(
    observed: &Observed<'_>,
    record: DeletionStatus,
    now: Timestamp,
    plan: impl FnOnce(DeletionStatus) -> Plan,
) -> Plan {
    match observed.turn.filter(|turn| turn.is_ahead(now)) {
        None | Some(Turn::Go) => plan(record),
        Some(Turn::Held { since, until }) => {
            let record = DeletionStatus { next_attempt_at: None, ..record };
            let situation = Situation::AccountInTrouble { since, trouble: observed.trouble };
            let status = status::of(observed.object, now, Some(record), None, situation);
            Plan { step: rest(Reason::AccountUnavailable, until), status: Some(status) }
        }
        // Too short to be worth a write.
        Some(Turn::At(slot)) if slot.duration_since(now) <= SILENT => {
            Step::Wait { until: Some(slot), why: Reason::WaitingForQuota }.into()
        }
        Some(Turn::At(slot)) => {
            let until = round_up(slot);
            let record = DeletionStatus { next_attempt_at: Some(until.clone()), ..record };
            let situation = Situation::WaitingForQuota { until: until.0 };
            let status = status::of(observed.object, now, Some(record), None, situation);
            Plan { step: rest(Reason::WaitingForQuota, until.0), status: Some(status) }
        }
    }
}

/// The place of the next DELETE in the queue of its account. One that has failed, but for no reason of its own, waits from
/// its last attempt on: so each time another one probes an account in trouble.
pub fn place(object: &VoiceCampaign) -> Place {
    let requested_at = object.metadata.deletion_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
    let Some(record) = recorded_deletion(object) else { return Place::deletion(requested_at) };
    let last = record.last_attempt_at.as_ref().map_or(requested_at, |time| time.0);
    let due = record.next_attempt_at.as_ref().map_or(last, |time| time.0);
    if record.failures == 0 { Place::deletion(last) } else { Place::again(due) }
}

/// The place of a read that a deletion waits for.
pub fn place_of_read(object: &VoiceCampaign, now: Timestamp) -> Place {
    let proof = recorded_deletion(object).and_then(|record| record.proof.as_ref());
    Place::proof(proof.map_or(now, |proof| proof.answered_at.0))
}

/// Which attempt the next one is, counted from 1.
pub fn next_attempt(object: &VoiceCampaign) -> i32 {
    recorded_deletion(object).map_or(0, |record| record.attempts).saturating_add(1)
}

/// Whether status promises a time within the quota of the account.
pub fn is_promised(object: &VoiceCampaign) -> bool {
    let waits =
        object.status.as_ref().is_some_and(|status| status::reason(status) == Reason::WaitingForQuota);
    waits && recorded_deletion(object).is_some_and(|record| record.next_attempt_at.is_some())
}

/// The record of this deletion with what has happened since it was written, and the ground if there is one now.
pub fn progress(observed: &Observed<'_>, now: Timestamp) -> Progress {
    let object = observed.object;
    let mut record = recorded_deletion(object).cloned().unwrap_or_else(|| status::new_deletion(object));
    // A write whose answer was lost may have recorded it already. There may have been another in the same second.
    let unrecorded = |attempt: &&Attempt| {
        record.attempts < attempt.number || record.last_attempt_at != Some(round_down(attempt.sent_at))
    };
    let recorded = Ground::recorded(object);
    let proof = record.proof.clone();
    if let Some(attempt) = observed.attempt.filter(unrecorded) {
        count(&mut record, attempt);
    }
    let absent = match recorded {
        None => pursue(&mut record, observed, now),
        Some(_) => {
            record.proof = proof;
            None
        }
    };
    // A clock that jumped, or a status from elsewhere, must not park a deletion.
    let latest = round_up(now + LONGEST_WAIT);
    if record.next_attempt_at.as_ref().is_some_and(|next| *next > latest) {
        record.next_attempt_at = Some(latest);
    }
    let answered = observed.confirmed().and_then(|evidence| Ground::deleted(object, evidence));
    let absent = absent.map(Ground::absent);
    let ground = recorded.or(answered).or_else(|| Ground::orphaned(object)).or(absent);
    match ground {
        Some(ground) => {
            record.next_attempt_at = None;
            if record.ground != Some(ground.name()) {
                let since = answered.and(observed.attempt).map_or(now, |attempt| attempt.ended_at);
                record.confirmed_at = Some(round_down(since));
                record.ground = Some(ground.name());
            }
        }
        // A recorded `Orphaned` whose policy has been taken back.
        None => (record.ground, record.confirmed_at) = (None, None),
    }
    Progress { record, ground }
}

/// Counts an attempt.
fn count(record: &mut DeletionStatus, attempt: &Attempt) {
    record.attempts = record.attempts.saturating_add(1);
    record.last_attempt_at = Some(round_down(attempt.sent_at));
    record.last_answer = Some(status::last_answer(&attempt.outcome));
    record.next_attempt_at = None;
    let Err(failure) = &attempt.outcome else {
        (record.proof, record.unconfirmed_in_a_row) = (None, 0);
        return;
    };
    let unconfirmed = proof::unconfirmed(record.unconfirmed_in_a_row, failure);
    record.proof = proof::begun_by(attempt, unconfirmed);
    record.unconfirmed_in_a_row = if record.proof.is_some() { 0 } else { unconfirmed };
    if failure.sent && may_have_taken_effect(failure.kind) {
        record.may_have_taken_effect_at = record.last_attempt_at.clone();
    }
    let own = match (failure.kind, attempt.charge) {
        // Whether it is absent can be asked at once. And when the account is to be called again, its clock says.
        (FailureKind::MayBeAbsent, _) | (_, Charge::Account) => None,
        (
            FailureKind::Accepted
            | FailureKind::CredentialsRejected
            | FailureKind::Throttled
            | FailureKind::Refused
            | FailureKind::Unavailable
            | FailureKind::Unreachable
            | FailureKind::Unreadable
            | FailureKind::ContractViolation,
            Charge::Campaign,
        ) => {
            record.failures = record.failures.saturating_add(1);
            Some(backoff(&record.uid, record.failures))
        }
    };
    if let Some(pause) = own.max(failure.retry_after) {
        record.next_attempt_at = Some(round_up(after(attempt.ended_at, pause)));
    }
}

/// Whether a DELETE with this outcome may have deleted the campaign nevertheless.
fn may_have_taken_effect(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Accepted
        | FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => true,
        FailureKind::MayBeAbsent
        | FailureKind::CredentialsRejected
        | FailureKind::Throttled
        | FailureKind::Refused => false,
    }
}

/// Takes the proof further by what was read; the absence, if it is complete now.
fn pursue(record: &mut DeletionStatus, observed: &Observed<'_>, now: Timestamp) -> Option<ProvenAbsence> {
    let before = record.proof.take()?;
    match proof::follow(observed.object, &before, observed.look, observed.listing) {
        Course::Seen(at) => {
            record.seen_at = Some(round_up(at));
            let last = record.last_attempt_at.as_ref().map_or(now, |time| time.0);
            record.failures = record.failures.saturating_add(1);
            let next = after(last, backoff(&record.uid, record.failures));
            record.next_attempt_at = Some(round_up(next));
            None
        }
        Course::Proven(proof, evidence) => {
            record.proof = Some(proof);
            Some(evidence)
        }
        Course::Open(proof) => {
            let asked = observed.look.and_then(|look| look.outcome.as_ref().err()?.retry_after);
            if proof.failures > before.failures {
                let own = observed.look.filter(|look| look.charge == Charge::Campaign);
                let own = own.map(|_| backoff(&record.uid, proof.failures));
                record.next_attempt_at = own.max(asked).map(|pause| round_up(after(now, pause)));
            } else if proof != before {
                let asked = asked.map(|pause| round_up(after(now, pause)));
                record.next_attempt_at = next_read(&proof, now).max(asked);
            }
            record.proof = Some(proof);
            trouble(record, observed.listing_trouble, now);
            None
        }
    }
}

/// The status with who was shown the campaign, if a read has just ended the proof so.
pub(super) fn seen_by(status: VoiceCampaignStatus, observed: &Observed<'_>) -> VoiceCampaignStatus {
    let seen_at = |record: Option<&DeletionStatus>| record.and_then(|record| record.seen_at.clone());
    if seen_at(status.deletion.as_deref()) == seen_at(recorded_deletion(observed.object)) {
        return status;
    }
    match (observed.look.filter(|look| look.outcome.is_ok()), observed.listing) {
        (Some(look), _) => status::seen_by(status, &look.identity),
        (None, Some(read)) => status::seen_by(status, read.listing.identity()),
        (None, None) => status,
    }
}

/// When the next read may begin, if that is not now.
fn next_read(
    proof: &ProofStatus,
    now: Timestamp,
) -> Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time> {
    let not_before = proof::need(proof).not_before();
    (not_before > now + SignedDuration::from_secs(1)).then(|| round_up(not_before))
}

/// Takes note of listings that fail, while one is needed.
fn trouble(record: &mut DeletionStatus, trouble: Option<&ListingTrouble>, now: Timestamp) {
    let (Some(proof), Some(trouble)) = (&record.proof, trouble) else { return };
    let needed = matches!(proof::need(proof), Need::Listing { not_before } if not_before <= now);
    if needed && trouble.retry_at > now {
        let failures = i32::try_from(trouble.failures).unwrap_or(i32::MAX);
        let last = status::summary_of_trouble(trouble);
        record.next_attempt_at = Some(round_up(trouble.retry_at));
        record.proof = Some(proof::failed(proof, failures, last));
    }
}

fn after(time: Timestamp, pause: std::time::Duration) -> Timestamp {
    time + SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX)
}
