//! What the brake of the connection says of a deletion that is about to begin.

use jiff::{SignedDuration, Timestamp};

use super::common::unscheduled;
use super::progress::stored_reason;
use super::step::{Plan, Step};
use crate::api::{DeletionStatus, Reason};
use crate::campaign::evidence::Observed;
use crate::campaign::status::{self, Situation};
use crate::connection::{Holding, Passage, UsableConnection};
use crate::kube_ext::round_down;

/// How long a deletion may wait for the decision of its connection's controller until its status says so:
/// that takes a write of the connection's status, and two seconds if there was one just before.
const SILENT: SignedDuration = SignedDuration::from_secs(5);
/// How soon a deletion that waits for the brake is decided again, if nobody wakes it.
const RETRY: SignedDuration = SignedDuration::from_mins(10);

/// What the brake lets a deletion do.
pub enum Brake {
    /// It goes on, with this record.
    Passed(Box<DeletionStatus>),
    /// It goes on, and the status must say so before its first request, because it says that the deletion is
    /// held.
    PassedOnceStored(Box<DeletionStatus>),
    /// A person has approved it, and may withdraw that. The status must say that it has begun before its
    /// first request, because nothing else would say so, and not before it is its turn.
    Approved(Box<DeletionStatus>),
    /// It waits.
    Waits(Plan),
}

/// What the brake of the connection says of a deletion.
pub fn brake(
    observed: &Observed<'_>,
    record: DeletionStatus,
    connection: &UsableConnection,
    now: Timestamp,
) -> Brake {
    let Some(brake) = connection.brake.as_deref() else { return Brake::Passed(Box::new(record)) };
    if record.attempts > 0 || record.admitted_at.is_some() {
        return Brake::Passed(Box::new(record));
    }
    match brake.passage(&record.uid, record.requested_at.0) {
        Passage::Admitted if is_told(observed, &record) => Brake::PassedOnceStored(Box::new(record)),
        Passage::Admitted => {
            Brake::Passed(Box::new(DeletionStatus { admitted_at: Some(round_down(now)), ..record }))
        }
        Passage::Approved => Brake::Approved(Box::new(record)),
        Passage::Undecided => Brake::Waits(undecided(observed, &record, now)),
        Passage::Held(holding) => Brake::Waits(held(observed, &record, Some(holding), now)),
    }
}

/// Asks the controller of the connection, and waits for it.
fn undecided(observed: &Observed<'_>, record: &DeletionStatus, now: Timestamp) -> Plan {
    let Some(asked_at) = observed.asked_brake_at else { return Step::AskBrake.into() };
    if is_told(observed, record) {
        return held(observed, record, None, now);
    }
    let silent_until = asked_at + SILENT;
    if silent_until > now {
        return Step::Wait { until: Some(silent_until), why: Reason::Pending }.into();
    }
    let status = status::of(observed.object, now, Some(unscheduled(record)), None, Situation::AwaitingBrake);
    Plan::rest(Reason::Pending, now + RETRY, status)
}

/// Rests until a person has acted; without news of the brake, with the words that the status has.
fn held(observed: &Observed<'_>, record: &DeletionStatus, holding: Option<Holding>, now: Timestamp) -> Plan {
    let situation = match holding {
        Some(holding) if !is_told(observed, record) => Situation::Braked(holding),
        Some(_) | None => Situation::Unchanged,
    };
    let status = status::of(observed.object, now, Some(unscheduled(record)), None, situation);
    Plan::rest(Reason::MassDeletion, now + RETRY, status)
}

/// Whether the status says that the brake holds the deletion.
fn is_told(observed: &Observed<'_>, record: &DeletionStatus) -> bool {
    stored_reason(observed, &unscheduled(record)) == Some(Reason::MassDeletion)
}
