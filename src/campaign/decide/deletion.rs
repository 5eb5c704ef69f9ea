//! What to do for an object that is being deleted.

use jiff::{SignedDuration, Timestamp};

use super::brake::{Brake, brake};
use super::common::{is_new, misconfigured, other_account, protection, unscheduled};
use super::progress::{Progress, own_pause, progress, stored_reason};
use super::step::{Plan, Step, Urgency};
use super::turn::within_quota;
use crate::api::{DeletionStatus, ProofStatus, Reason};
use crate::campaign::evidence::proof::{self, Need};
use crate::campaign::evidence::{Observed, REMOTE_CAMPAIGN, ReleasePermit};
use crate::campaign::status::{self, Situation};
use crate::connection::{Connection, UsableConnection};
use crate::kore::{ConfirmedDeletion, FailureKind, Identity};
use crate::kube_ext::{round_down, round_up};
use crate::pacing::{Holder, Turn};

/// How soon a held deletion is decided again, if nobody wakes it.
const HELD_RETRY: SignedDuration = SignedDuration::from_mins(1);

pub(super) fn plan(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let object = observed.object;
    if !REMOTE_CAMPAIGN.is_on(&object.metadata) {
        return Step::Done.into();
    }
    let Progress { record, permit } = progress(observed, now);
    if let Some(permit) = permit {
        return release(observed, record, permit, now);
    }
    if let Some(step) = protection(observed).filter(|_| is_new(object)) {
        return step.into();
    }
    if let Some(plan) = held(observed, &record, now) {
        return plan;
    }
    if let Some(until) = own_pause(observed, &record, now).filter(|until| *until > now) {
        return wait(observed, record, until, now);
    }
    match observed.connection {
        Connection::NotLookedUp => Step::Resolve.into(),
        Connection::Unusable(problem) => misconfigured(object, now, Some(unscheduled(&record)), problem),
        Connection::Usable(connection) => match other_account(object, connection) {
            Some(problem) => misconfigured(object, now, Some(unscheduled(&record)), &problem),
            None => ask_kore(observed, record, connection, now),
        },
    }
}

/// Removes the finalizer, once status says why.
fn release(observed: &Observed<'_>, record: DeletionStatus, permit: ReleasePermit, now: Timestamp) -> Plan {
    let campaign = observed.confirmed().map(ConfirmedDeletion::campaign);
    let status = status::of(observed.object, now, Some(record), campaign, Situation::Released(permit));
    Plan::with(Step::Release(permit), status)
}

/// Rests, if `spec.suspend` or another VoiceCampaign holds the deletion.
fn held(observed: &Observed<'_>, record: &DeletionStatus, now: Timestamp) -> Option<Plan> {
    let object = observed.object;
    if object.spec.suspend {
        let status = status::of(object, now, Some(unscheduled(record)), None, Situation::Suspended);
        return Some(Plan::with(Step::Stall { until: None, why: Reason::Suspended }, status));
    }
    // The usual cause is a move between namespaces: the campaign has to stay. The object that keeps it wakes
    // us when that changes.
    let keeper = observed.others.iter().find(|other| other.keeps)?;
    let status = status::of(object, now, Some(unscheduled(record)), None, Situation::HeldFor(keeper));
    Some(Plan::rest(Reason::CampaignShared, now + HELD_RETRY, status))
}

/// The next call to Kore: the DELETE, or a read of the proof.
fn ask_kore(
    observed: &Observed<'_>,
    record: DeletionStatus,
    connection: &UsableConnection,
    now: Timestamp,
) -> Plan {
    let identity = connection.target.identity();
    let proof = record
        .proof
        .clone()
        // What Kore showed to somebody else proves nothing: begin again.
        .filter(|proof| proof.identity == identity.as_str() && proof::is_plausible(proof, now))
        .or_else(|| get_first(observed, &record, &identity, now));
    match proof {
        None => match brake(observed, record, connection, now) {
            Brake::Passed(record) => {
                within_quota(observed, *record, now, |record| delete(observed, record, false, now))
            }
            Brake::PassedOnceStored(record) => {
                within_quota(observed, *record, now, |record| admit(observed, record, now))
            }
            Brake::Approved(record) => within_quota(observed, *record, now, |record| {
                if observed.has_turn { admit(observed, record, now) } else { Step::AwaitTurn.into() }
            }),
            Brake::Waits(plan) => plan,
        },
        Some(proof) => {
            let record = DeletionStatus { proof: Some(proof.clone()), ..record };
            prove(observed, &proof, record, now)
        }
    }
}

/// Sends the first DELETE, once the status says that the brake has let it through.
fn admit(observed: &Observed<'_>, record: DeletionStatus, now: Timestamp) -> Plan {
    let record = DeletionStatus { admitted_at: Some(round_down(now)), ..record };
    delete(observed, record, true, now)
}

/// Sends the DELETE. An attempt is recorded before the next; and a proof that a sighting has ended must not
/// go on after a crash.
fn delete(observed: &Observed<'_>, record: DeletionStatus, store_first: bool, now: Timestamp) -> Plan {
    let stored = observed.object.deletion();
    let attempts = stored.map_or(0, |stored| stored.attempts);
    let proof_ended = record.proof.is_none() && stored.is_some_and(|stored| stored.proof.is_some());
    let must_be_stored = store_first || proof_ended || attempts != record.attempts;
    let situation = Situation::BetweenAttempts { until: now };
    let status = must_be_stored.then(|| status::of(observed.object, now, Some(record), None, situation));
    Plan { step: Step::Delete, status }
}

/// The next read of the proof.
fn prove(observed: &Observed<'_>, proof: &ProofStatus, record: DeletionStatus, now: Timestamp) -> Plan {
    let need = match proof::need(proof, observed.process_begun_at) {
        Need::Get { not_before } if not_before <= now && listing_tells_more(observed, proof, now) => {
            Need::Listing { not_before: proof.answered_at.0 }
        }
        need @ (Need::Get { .. } | Need::Listing { .. }) => need,
    };
    let urgency = Urgency::Deletion;
    match need {
        Need::Get { not_before } | Need::Listing { not_before } if not_before > now => {
            let until = round_up(not_before);
            let record = DeletionStatus { next_attempt_at: Some(until.clone()), held_since: None, ..record };
            wait(observed, record, until.0, now)
        }
        Need::Get { .. } => {
            within_quota(observed, record, now, |record| read(observed, record, Step::Get(urgency), now))
        }
        Need::Listing { not_before } => match observed.listing_due.filter(|due| *due > now) {
            Some(due) => {
                let why = status::reason_of_proof(&record, proof);
                read(observed, record, Step::Wait { until: Some(due), why }, now)
            }
            None => {
                let step = Step::List { not_before, urgency };
                within_quota(observed, record, now, |record| read(observed, record, step, now))
            }
        },
    }
}

/// A read of the proof, or the wait for one that others make.
fn read(observed: &Observed<'_>, record: DeletionStatus, step: Step, now: Timestamp) -> Plan {
    // Whether the account works again, only the call will show: to say so before it, and to take it back
    // after it, would be two writes, each of which wakes this object.
    let held = record.held_since.is_some() && stored_reason(observed, &record).is_some();
    let record = DeletionStatus { held_since: None, ..record };
    let status = (!held).then(|| status::of(observed.object, now, Some(record), None, Situation::Proving));
    Plan { step, status }
}

/// Whether to read a listing before the next GET of the campaign: nobody knows whether reads work, and a GET
/// said nothing. The reason may be the campaign's own; a listing shows that.
fn listing_tells_more(observed: &Observed<'_>, proof: &ProofStatus, now: Timestamp) -> bool {
    let read_since = observed.listing.is_some_and(|read| read.listing.begun_at() > proof.answered_at.0);
    let failed = observed.listing_trouble.is_some_and(|trouble| trouble.retry_at > now);
    observed.wants_diagnostic_read && proof.silent_gets > 0 && !read_since && !failed
}

/// Begins a proof instead of sending the next DELETE, if a read tells more.
///
/// While the account is in trouble, a read of a campaign whose DELETE may have taken effect shows whether the
/// campaign is gone, and whether the account answers reads. While Kore refuses the credentials, a read of a
/// campaign whose DELETE was refused shows whether only a right is missing.
fn get_first(
    observed: &Observed<'_>,
    record: &DeletionStatus,
    identity: &Identity,
    now: Timestamp,
) -> Option<ProofStatus> {
    let asked = match in_trouble(observed, record)? {
        Holder::Account => record.may_have_taken_effect_at.as_ref(),
        Holder::Credentials => {
            let rejected = record.last_reason() == Some(Reason::Service(FailureKind::CredentialsRejected));
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
    let stored = observed.object.status.as_ref().map(status::reason).filter(|_| record.held_since.is_some());
    match stored {
        Some(Reason::AccountUnavailable) => Some(Holder::Account),
        Some(Reason::Service(FailureKind::CredentialsRejected)) => Some(Holder::Credentials),
        Some(_) | None => None,
    }
}

/// Waits until the time that the record promises.
fn wait(observed: &Observed<'_>, record: DeletionStatus, until: Timestamp, now: Timestamp) -> Plan {
    // The stored reason for this very wait stays: it may be the quota, not the last answer.
    let situation = match stored_reason(observed, &record) {
        Some(Reason::WaitingForQuota) => Situation::Unchanged,
        Some(_) | None if record.proof.is_some() => Situation::Proving,
        Some(_) | None => Situation::BetweenAttempts { until },
    };
    let status = status::of(observed.object, now, Some(record), None, situation);
    Plan::rest(status::reason(&status), until, status)
}
