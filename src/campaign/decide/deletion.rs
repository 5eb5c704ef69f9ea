//! What to do for an object that is being deleted.

use jiff::{SignedDuration, Timestamp};

use super::{Plan, SILENT, Step, Urgency, is_new, misconfigured, other_account, protection, rest};
use crate::api::{DeletionStatus, ProofStatus, VoiceCampaign, VoiceCampaignStatus};
use crate::campaign::observed::{Attempt, ListingTrouble, Observed};
use crate::campaign::permit::{REMOTE_CAMPAIGN, ReleasePermit, recorded_deletion};
use crate::campaign::proof::{self, Course, Need, ProvenAbsence};
use crate::campaign::reason::Reason;
use crate::campaign::status::{self, Situation};
use crate::connection::Connection;
use crate::kore::{ConfirmedDeletion, FailureKind, Identity};
use crate::kube_ext::{round_down, round_up};
use crate::pacing::{Charge, Holder, Place, Turn, backoff};

/// No pause of a campaign's own is longer: it is the longest that the service can ask for (`kore::MAX_RETRY_AFTER`), and
/// longer than any backoff.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(15);

/// Whoever may call within the quota only so much later than the status says waits without a new word. The calls of a minute that were told
/// the same second come one after the other, in some seconds; with a write for each they would take longer.
const ABOUT: SignedDuration = SignedDuration::from_secs(10);
/// How soon a held deletion is looked at again, if nobody wakes it.
const HELD_RETRY: SignedDuration = SignedDuration::from_mins(1);

/// How far a deletion has come: the record for its status, and the permit if there is one.
pub struct Progress {
    /// The record.
    pub record: DeletionStatus,
    /// The permit.
    pub permit: Option<ReleasePermit>,
}

pub(super) fn plan(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let object = observed.object;
    if !REMOTE_CAMPAIGN.is_on(&object.metadata) {
        return Step::Done.into();
    }
    let Progress { record, permit } = progress(observed, now);
    if let Some(permit) = permit {
        let campaign = observed.confirmed().map(ConfirmedDeletion::campaign);
        let status = status::of(object, now, Some(record), campaign, Situation::LetGo(permit));
        return Plan { step: Step::Release(permit), status: Some(status) };
    }
    if let Some(step) = protection(observed).filter(|_| is_new(object)) {
        return step.into();
    }
    let unscheduled = DeletionStatus { next_attempt_at: None, held_since: None, ..record.clone() };
    if object.spec.suspend {
        let status = status::of(object, now, Some(unscheduled), None, Situation::Suspended);
        return Plan { step: Step::Stall { until: None, why: Reason::Suspended }, status: Some(status) };
    }
    // The usual cause is a move between namespaces: the campaign is to stay. Whoever keeps it wakes us when that changes.
    if let Some(keeper) = observed.others.iter().find(|other| other.keeps) {
        let status = status::of(object, now, Some(unscheduled), None, Situation::HeldFor(keeper));
        return Plan { step: rest(Reason::CampaignShared, now + HELD_RETRY), status: Some(status) };
    }
    if let Some(until) = own_pause(observed, &record).filter(|until| *until > now) {
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
                .filter(|proof| proof.identity == identity.as_str() && proof::is_plausible(proof, now))
                .or_else(|| get_first(observed, &record, &identity, now));
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
                Some(proof) => {
                    let record = DeletionStatus { proof: Some(proof.clone()), ..record };
                    prove(observed, &proof, record, now)
                }
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
            let held = record.held_since.is_some() && told(observed, &record).is_some();
            let record = DeletionStatus { held_since: None, ..record };
            let status =
                (!held).then(|| status::of(observed.object, now, Some(record), None, Situation::Proving));
            Plan { step, status }
        }
    };
    let need = match proof::need(proof) {
        Need::Get { not_before } if not_before <= now && listing_tells_more(observed, proof, now) => {
            Need::Listing { not_before: proof.answered_at.0 }
        }
        need @ (Need::Get { .. } | Need::Listing { .. }) => need,
    };
    match need {
        Need::Get { not_before } | Need::Listing { not_before } if not_before > now => {
            let until = round_up(not_before);
            let record = DeletionStatus { next_attempt_at: Some(until.clone()), held_since: None, ..record };
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

/// Whether a listing is read before the next GET of the campaign: nobody knows whether reads work, and a GET
/// has said nothing. That may be the campaign's own; a listing shows it.
fn listing_tells_more(observed: &Observed<'_>, proof: &ProofStatus, now: Timestamp) -> bool {
    let read_since = observed.listing.is_some_and(|read| read.listing.begun_at() > proof.answered_at.0);
    let failed = observed.listing_trouble.is_some_and(|trouble| trouble.retry_at > now);
    observed.wants_diagnostic_read && proof.silent_gets > 0 && !read_since && !failed
}

/// What status says of this very record, if it is stored.
fn told(observed: &Observed<'_>, record: &DeletionStatus) -> Option<Reason> {
    let stored = observed.object.status.as_ref();
    stored.filter(|status| status.deletion.as_deref() == Some(record)).map(status::reason)
}

/// The pause of the campaign's own. A time within the quota, or for a probe, is the clock's of the account or of its
/// credentials, and may be another by now: that is asked again.
fn own_pause(observed: &Observed<'_>, record: &DeletionStatus) -> Option<Timestamp> {
    let clocks = record.held_since.is_some() || told(observed, record) == Some(Reason::WaitingForQuota);
    record.next_attempt_at.as_ref().filter(|_| !clocks).map(|time| time.0)
}

/// While the account is in trouble, a look at a campaign whose DELETE may have taken effect tells more than
/// another DELETE: whether it is gone, and whether the account answers reads. While Kore refuses the
/// credentials, a look at a campaign whose DELETE was refused tells whether only a right is missing.
fn get_first(
    observed: &Observed<'_>,
    record: &DeletionStatus,
    identity: &Identity,
    now: Timestamp,
) -> Option<ProofStatus> {
    let asked = match in_trouble(observed, record)? {
        Holder::Account => record.may_have_taken_effect_at.as_ref(),
        Holder::Credentials => {
            let rejected =
                status::answered(record) == Some(Reason::Service(FailureKind::CredentialsRejected));
            record.last_attempt_at.as_ref().filter(|_| rejected && record.failures == 0)
        }
    };
    let asked = asked.filter(|asked| Some(*asked) > record.seen_at.as_ref());
    (record.proof.is_none() && asked.is_some()).then(|| proof::begin(identity, now))
}

/// What holds the deletion, as its clock has said just now, or as its status says.
fn in_trouble(observed: &Observed<'_>, record: &DeletionStatus) -> Option<Holder> {
    if let Some(Turn::Held { of, .. }) = observed.turn {
        return Some(of);
    }
    let told = observed.object.status.as_ref().map(status::reason).filter(|_| record.held_since.is_some());
    match told {
        Some(Reason::AccountUnavailable) => Some(Holder::Account),
        Some(Reason::Service(FailureKind::CredentialsRejected)) => Some(Holder::Credentials),
        Some(_) | None => None,
    }
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
        Some(Turn::Held { of, since, until, next }) => {
            let next_attempt_at = next.then(|| round_up(until));
            let until = next_attempt_at.as_ref().map_or(until, |next| next.0);
            let record = DeletionStatus { next_attempt_at, held_since: Some(round_down(since)), ..record };
            let trouble = observed.trouble;
            let situation = match of {
                // After a restart: the words of the trouble are in the status alone.
                _ if trouble.is_none() && told(observed, &record).is_some() => Situation::Unchanged,
                Holder::Account => Situation::AccountInTrouble { since, trouble },
                Holder::Credentials => Situation::CredentialsRefused { since, trouble },
            };
            let status = status::of(observed.object, now, Some(record), None, situation);
            // Whatever the status says of a person: the place in the queue is kept.
            let why = status::reason(&status);
            Plan { step: Step::Wait { until: Some(until), why }, status: Some(status) }
        }
        // Too short to be worth a write.
        Some(Turn::At(slot)) if slot.duration_since(now) <= SILENT => {
            Step::Wait { until: Some(slot), why: Reason::WaitingForQuota }.into()
        }
        Some(Turn::At(slot)) => {
            let told = promised(observed.object).filter(|told| (*told..=*told + ABOUT).contains(&slot));
            let shown = round_up(told.unwrap_or(slot));
            let situation = Situation::WaitingForQuota { until: shown.0 };
            let record = DeletionStatus { next_attempt_at: Some(shown), held_since: None, ..record };
            let status = status::of(observed.object, now, Some(record), None, situation);
            Plan { step: rest(Reason::WaitingForQuota, round_up(slot).0), status: Some(status) }
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
    if record.failures == 0 { Place::deletion(last) } else { Place::retry(due) }
}

/// The place of a read that a deletion waits for.
pub fn place_of_read(object: &VoiceCampaign, now: Timestamp) -> Place {
    let record = recorded_deletion(object);
    let due = record.and_then(|record| record.proof.as_ref()).map_or(now, |proof| proof.answered_at.0);
    let fresh = record.is_none_or(|record| record.failures == 0);
    if fresh { Place::proof(due) } else { Place::retry(due).of_read() }
}

/// Which attempt the next one is, counted from 1.
pub fn next_attempt(object: &VoiceCampaign) -> i32 {
    recorded_deletion(object).map_or(0, |record| record.attempts).saturating_add(1)
}

/// The time within the quota of the account that status promises.
pub fn promised(object: &VoiceCampaign) -> Option<Timestamp> {
    let record = recorded_deletion(object)?;
    let waits = object.status.as_ref().map(status::reason) == Some(Reason::WaitingForQuota);
    record.next_attempt_at.as_ref().filter(|_| waits).map(|time| time.0)
}

/// The record of this deletion with what has happened since it was written, and the permit if there is one now.
pub fn progress(observed: &Observed<'_>, now: Timestamp) -> Progress {
    let object = observed.object;
    let mut record = recorded_deletion(object).cloned().unwrap_or_else(|| status::new_deletion(object));
    // A write whose answer was lost may have recorded it already. There may have been another in the same second.
    let unrecorded = |attempt: &&Attempt| {
        record.attempts < attempt.number || record.last_attempt_at != Some(round_down(attempt.sent_at))
    };
    let recorded = ReleasePermit::recorded(object);
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
    if recorded_deletion(object) != Some(&record) {
        // Something has happened since.
        record.held_since = None;
    }
    // A clock that jumped, or a status from elsewhere, must not park a deletion.
    let latest = round_up(now + LONGEST_PAUSE);
    if own_pause(observed, &record).is_some_and(|next| next > latest.0) {
        record.next_attempt_at = Some(latest);
    }
    let answered = observed.confirmed().and_then(|evidence| ReleasePermit::deleted(object, evidence));
    let absent = absent.map(ReleasePermit::absent);
    let permit = recorded.or(answered).or_else(|| ReleasePermit::orphaned(object)).or(absent);
    match permit {
        Some(permit) => {
            record.next_attempt_at = None;
            if record.outcome != Some(permit.outcome()) {
                let since = answered.and(observed.attempt).map_or(now, |attempt| attempt.ended_at);
                record.confirmed_at = Some(round_down(since));
                record.outcome = Some(permit.outcome());
            }
        }
        // A recorded `Orphaned` whose policy has been taken back.
        None => (record.outcome, record.confirmed_at) = (None, None),
    }
    Progress { record, permit }
}

/// Counts an attempt.
fn count(record: &mut DeletionStatus, attempt: &Attempt) {
    record.attempts = record.attempts.saturating_add(1);
    record.last_attempt_at = Some(round_down(attempt.sent_at));
    record.last_answer = Some(status::last_answer(&attempt.result));
    record.next_attempt_at = None;
    let Err(failure) = &attempt.result else {
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
    match proof::follow(observed.object, &before, observed.get, observed.listing) {
        Course::Seen(at) => {
            record.seen_at = Some(round_up(at));
            if failed_with_others(record) {
                record.next_attempt_at = None;
                return None;
            }
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
            let asked = observed.get.and_then(|look| look.result.as_ref().err()?.retry_after);
            if proof.failures > before.failures {
                // What has failed is the look, or else a listing that says nothing.
                let own = observed.get.is_none_or(|look| look.charge == Charge::Campaign);
                let own = own.then(|| backoff(&record.uid, proof.failures));
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

/// Whether the last DELETE has failed for no reason of the campaign's own: then it is no fault of its own either that the
/// campaign is still there.
fn failed_with_others(record: &DeletionStatus) -> bool {
    let fault_of_others = match (status::answered(record), &record.last_answer) {
        // Whoever may read, and may not delete this campaign, may delete others.
        (Some(Reason::Service(FailureKind::CredentialsRejected)), Some(answer)) => {
            !status::lacks_right(answer)
        }
        (Some(Reason::Service(kind)), _) => kind != FailureKind::Accepted && may_have_taken_effect(kind),
        (Some(_) | None, _) => false,
    };
    record.failures == 0 && fault_of_others
}

/// The status with who was shown the campaign, if a read has just ended the proof so.
pub(super) fn seen_by(status: VoiceCampaignStatus, observed: &Observed<'_>) -> VoiceCampaignStatus {
    let seen_at = |record: Option<&DeletionStatus>| record.and_then(|record| record.seen_at.clone());
    if seen_at(status.deletion.as_deref()) == seen_at(recorded_deletion(observed.object)) {
        return status;
    }
    match (observed.get.filter(|look| look.result.is_ok()), observed.listing) {
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
        record.proof = Some(proof::unlisted(proof, failures, last));
    }
}

fn after(time: Timestamp, pause: std::time::Duration) -> Timestamp {
    time + SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX)
}
