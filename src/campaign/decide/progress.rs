//! How far a deletion has come: the record for its status, and the permit to release the object, once there
//! is one.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::due::{Cause, Due};
use crate::api::{DeletionOutcome, DeletionStatus, ProofStatus, Reason, VoiceCampaignStatus};
use crate::campaign::evidence::proof::{self, Course, Need, ProvenAbsence};
use crate::campaign::evidence::{Attempt, Observed, ReleasePermit, answer, new_record};
use crate::campaign::status;
use crate::kore::FailureKind;
use crate::kube_ext::{round_down, round_up};
use crate::pacing::{CLOCKS_DIFFER, Charge, backoff};

/// A read of a proof that is due within so little time is not worth a pause in status.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(1);

/// How far a deletion has come.
pub struct Progress {
    /// The record for its status.
    pub record: DeletionStatus,
    /// The permit, if there is one.
    pub permit: Option<ReleasePermit>,
}

/// The record of this deletion with what has happened since status was written, and the permit if there is
/// one now.
pub fn progress(observed: &Observed<'_>, now: Timestamp) -> Progress {
    let object = observed.object;
    let mut record = object.deletion().cloned().unwrap_or_else(|| new_record(object));
    let recorded = ReleasePermit::recorded(object);
    let proof = record.proof.clone();
    let mut due = record.next_attempt_at.as_ref().map(|next| Due::at(next.0, Cause::Stored));
    if let Some(attempt) = observed.attempt.filter(|attempt| !is_recorded(&record, recorded, attempt)) {
        due = count(&mut record, attempt);
    }
    let absent = match recorded {
        None => pursue(&mut record, &mut due, observed, now),
        Some(_) => {
            record.proof = proof;
            None
        }
    };
    schedule(&mut record, due, observed, now);
    let answered = observed.confirmed().and_then(|evidence| ReleasePermit::deleted(object, evidence));
    let absent = absent.map(ReleasePermit::absent);
    let permit = recorded.or(answered).or_else(|| ReleasePermit::orphaned(object)).or(absent);
    let ended_at = answered.and(observed.attempt).map_or(now, |attempt| attempt.ended_at);
    conclude(&mut record, permit, ended_at);
    Progress { record, permit }
}

/// Whether status has an attempt, or has no need of it: a write whose answer was lost may have recorded it.
/// There may have been another attempt in the same second.
///
/// Another instance, which should not be at work, may have recorded one of this second or, by its clock, a
/// later one. Nobody knows then whether this one was recorded before; what counts of it is a confirmation, as
/// long as there is none.
fn is_recorded(record: &DeletionStatus, recorded: Option<ReleasePermit>, attempt: &Attempt) -> bool {
    let sent_at = Some(round_down(attempt.sent_at));
    let is_gone = recorded.is_some_and(|permit| permit.outcome() != DeletionOutcome::Orphaned);
    let is_last = record.last_attempt_at == sent_at;
    let covered = match &attempt.result {
        Ok(_) => is_last && record.last_answer == Some(answer::of_delete(&attempt.result)),
        Err(_) => is_last || record.last_attempt_at > sent_at,
    };
    record.attempts >= attempt.number && (covered || is_gone)
}

/// Records the outcome, if there is a permit.
fn conclude(record: &mut DeletionStatus, permit: Option<ReleasePermit>, ended_at: Timestamp) {
    match permit {
        Some(permit) => {
            record.next_attempt_at = None;
            if record.outcome != Some(permit.outcome()) {
                record.confirmed_at = Some(round_down(ended_at));
                record.outcome = Some(permit.outcome());
            }
        }
        // A recorded `Orphaned` whose policy has been taken back.
        None => (record.outcome, record.confirmed_at) = (None, None),
    }
}

/// Writes down when the next call is due.
fn schedule(record: &mut DeletionStatus, due: Option<Due>, observed: &Observed<'_>, now: Timestamp) {
    let stored = record.next_attempt_at.clone();
    record.next_attempt_at = match due {
        Some(due) if due.cause() == Cause::Stored => stored,
        due => due.map(|due| due.recorded(now)),
    };
    if observed.object.deletion() != Some(record) {
        // Something has happened since.
        record.held_since = None;
    }
    if let Some(pause) = own_pause(observed, record, now) {
        record.next_attempt_at = Some(Due::at(pause, Cause::Stored).recorded(now));
    }
}

/// The pause of the campaign's own. A time within the quota, or for a probe, is the clock's of the account or
/// of its credentials, and may be another by now: that is asked again.
pub fn own_pause(observed: &Observed<'_>, record: &DeletionStatus, now: Timestamp) -> Option<Timestamp> {
    let clocks =
        record.held_since.is_some() || stored_reason(observed, record) == Some(Reason::WaitingForQuota);
    let pause = record.next_attempt_at.as_ref().filter(|_| !clocks && is_plausible(record, now));
    pause.map(|time| time.0)
}

/// Whether the times of a record are possible: otherwise a clock was ahead when they were written, and so is
/// the pause.
fn is_plausible(record: &DeletionStatus, now: Timestamp) -> bool {
    let is_ahead = |time: &Time| time.0 > now + CLOCKS_DIFFER;
    !record.last_attempt_at.as_ref().is_some_and(is_ahead)
        && record.proof.as_ref().is_none_or(|proof| proof::is_plausible(proof, now))
}

/// The reason that status gives for this very record, if it is stored.
pub fn stored_reason(observed: &Observed<'_>, record: &DeletionStatus) -> Option<Reason> {
    let stored = observed.object.status.as_ref();
    stored.filter(|status| status.deletion.as_deref() == Some(record)).map(status::reason)
}

/// Counts an attempt. Returns when the next is due, if not at once.
fn count(record: &mut DeletionStatus, attempt: &Attempt) -> Option<Due> {
    record.attempts = record.attempts.saturating_add(1);
    record.last_attempt_at = Some(round_down(attempt.sent_at));
    record.last_answer = Some(answer::of_delete(&attempt.result));
    let Err(failure) = &attempt.result else {
        (record.proof, record.unconfirmed_in_a_row) = (None, 0);
        return None;
    };
    let unconfirmed = proof::unconfirmed(record.unconfirmed_in_a_row, failure);
    record.proof = proof::begun_by(attempt, unconfirmed);
    record.unconfirmed_in_a_row = if record.proof.is_some() { 0 } else { unconfirmed };
    if failure.sent && may_have_taken_effect(failure.kind) {
        record.may_have_taken_effect_at = record.last_attempt_at.clone();
    }
    let own = match (failure.kind, attempt.charge) {
        // Whether it is absent can be asked at once. And when the account is to be called again, its clock
        // says.
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
            Some(Due::after(attempt.ended_at, backoff(&record.uid, record.failures), Cause::Backoff))
        }
    };
    let asked = failure.retry_after.map(|pause| Due::after(attempt.ended_at, pause, Cause::AskedByKore));
    Due::later(own, asked)
}

/// Whether a DELETE with this result may have deleted the campaign nevertheless.
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
fn pursue(
    record: &mut DeletionStatus,
    due: &mut Option<Due>,
    observed: &Observed<'_>,
    now: Timestamp,
) -> Option<ProvenAbsence> {
    let before = record.proof.take()?;
    match proof::follow(observed, &before) {
        Course::Seen(at) => {
            record.seen_at = Some(round_up(at));
            *due = after_sighting(record, now);
            None
        }
        Course::Proven(proof, evidence) => {
            record.proof = Some(proof);
            Some(evidence)
        }
        Course::Open(proof) => {
            if proof != before {
                *due = next_read(record, observed, &before, &proof, now);
            }
            record.proof = Some(proof);
            note_listing_trouble(record, due, observed, now);
            None
        }
    }
}

/// When the next DELETE is due, now that Kore has shown the campaign.
fn after_sighting(record: &mut DeletionStatus, now: Timestamp) -> Option<Due> {
    if failed_with_others(record) {
        return None;
    }
    record.failures = record.failures.saturating_add(1);
    let last = record.last_attempt_at.as_ref().map_or(now, |time| time.0);
    Some(Due::after(last, backoff(&record.uid, record.failures), Cause::Backoff))
}

/// Whether the last DELETE has failed for no reason of the campaign's own: then the campaign is still there
/// for no reason of its own either.
fn failed_with_others(record: &DeletionStatus) -> bool {
    let fault_of_others = match (record.last_reason(), &record.last_answer) {
        // Credentials that may read, and may not delete this campaign, may delete others.
        (Some(Reason::Service(FailureKind::CredentialsRejected)), Some(answer)) => {
            !answer::lacks_right(answer)
        }
        (Some(Reason::Service(kind)), _) => kind != FailureKind::Accepted && may_have_taken_effect(kind),
        (Some(_) | None, _) => false,
    };
    record.failures == 0 && fault_of_others
}

/// When the next read of a proof that has gone on, or failed, is due.
fn next_read(
    record: &DeletionStatus,
    observed: &Observed<'_>,
    before: &ProofStatus,
    proof: &ProofStatus,
    now: Timestamp,
) -> Option<Due> {
    let asked = observed.get.and_then(|get| get.result.as_ref().err()?.retry_after);
    let asked = asked.map(|pause| Due::after(now, pause, Cause::AskedByKore));
    let own = if proof.failures > before.failures {
        // The GET has failed, or else a listing that says nothing.
        let of_the_campaign = observed.get.is_none_or(|get| get.charge == Charge::Campaign);
        of_the_campaign.then(|| Due::after(now, backoff(&record.uid, proof.failures), Cause::Backoff))
    } else {
        let not_before = proof::need(proof, observed.process_begun_at).not_before();
        (not_before > now + AT_ONCE).then(|| Due::at(not_before, Cause::ProofDistance))
    };
    Due::later(own, asked)
}

/// Takes note of listings that fail, while one is needed.
fn note_listing_trouble(
    record: &mut DeletionStatus,
    due: &mut Option<Due>,
    observed: &Observed<'_>,
    now: Timestamp,
) {
    let (Some(proof), Some(trouble)) = (&record.proof, observed.listing_trouble) else { return };
    let need = proof::need(proof, observed.process_begun_at);
    let needed = matches!(need, Need::Listing { not_before } if not_before <= now);
    if needed && trouble.retry_at > now {
        let failures = i32::try_from(trouble.failures).unwrap_or(i32::MAX);
        let last = answer::of_listing_trouble(trouble);
        *due = Some(Due::at(trouble.retry_at, Cause::FailedListings));
        record.proof = Some(proof::unlisted(proof, failures, last, now));
    }
}

/// The status with who was shown the campaign, if a read has just ended the proof so.
pub fn seen_by(status: VoiceCampaignStatus, observed: &Observed<'_>) -> VoiceCampaignStatus {
    let seen_at = |record: Option<&DeletionStatus>| record.and_then(|record| record.seen_at.clone());
    if seen_at(status.deletion.as_deref()) == seen_at(observed.object.deletion()) {
        return status;
    }
    match (observed.get.filter(|get| get.result.is_ok()), observed.listing) {
        (Some(get), _) => status::seen_by(status, &get.identity),
        (None, Some(read)) => status::seen_by(status, read.listing.identity()),
        (None, None) => status,
    }
}
