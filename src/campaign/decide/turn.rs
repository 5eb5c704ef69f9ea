//! What a deletion does with the turn that the account's clock gave it.

use jiff::{SignedDuration, Timestamp};

use super::place::promised;
use super::progress::stored_reason;
use super::step::{Plan, Step};
use crate::api::{DeletionStatus, Reason};
use crate::campaign::evidence::Observed;
use crate::campaign::status::{self, Situation, Trouble};
use crate::kube_ext::{round_down, round_up};
use crate::pacing::{Holder, Turn};

/// A deletion that Kore confirms within this time has two writes only; a DELETE that takes longer is said to
/// be under way.
pub const SILENT: SignedDuration = SignedDuration::from_millis(250);
/// A turn so little later than status promises is no reason for another write. The calls of a minute that
/// were promised the same second come one after the other, in some seconds; with a write for each they would
/// take longer.
const ABOUT: SignedDuration = SignedDuration::from_secs(10);

/// What is planned, or a wait for the turn that the account's clock gave.
pub fn within_quota(
    observed: &Observed<'_>,
    record: DeletionStatus,
    now: Timestamp,
    plan: impl FnOnce(DeletionStatus) -> Plan,
) -> Plan {
    match observed.turn.filter(|turn| turn.is_ahead(now)) {
        None | Some(Turn::Go) => plan(record),
        Some(Turn::Held { of, since, until, next }) => {
            let promise = next.then_some(until);
            held(observed, record, now, Held { by: of, since, until, promise })
        }
        // Too short to be worth a write.
        Some(Turn::At(slot)) if slot.duration_since(now) <= SILENT => {
            Step::Wait { until: Some(slot), why: Reason::WaitingForQuota }.into()
        }
        Some(Turn::At(slot)) => promise(observed, record, now, slot),
    }
}

/// Calls that are held until the account, or its credentials, work again.
struct Held {
    by: Holder,
    since: Timestamp,
    /// When to ask again.
    until: Timestamp,
    /// When this object is to probe, if it is the next.
    promise: Option<Timestamp>,
}

fn held(observed: &Observed<'_>, record: DeletionStatus, now: Timestamp, held: Held) -> Plan {
    let Held { by, since, until, promise } = held;
    let next_attempt_at = promise.map(round_up);
    let until = next_attempt_at.as_ref().map_or(until, |next| next.0);
    let record = DeletionStatus { next_attempt_at, held_since: Some(round_down(since)), ..record };
    let trouble = Trouble { since, answer: observed.trouble };
    let situation = match by {
        // After a restart: the words of the trouble are in the status alone.
        _ if trouble.answer.is_none() && stored_reason(observed, &record).is_some() => Situation::Unchanged,
        Holder::Account => Situation::AccountInTrouble(trouble),
        Holder::Credentials => Situation::CredentialsRefused(trouble),
    };
    let status = status::of(observed.object, now, Some(record), None, situation);
    // No stall, also if the reason says that a person has to act: the place in the queue is kept.
    let why = status::reason(&status);
    Plan::with(Step::Wait { until: Some(until), why }, status)
}

/// Promises the slot in status; a promise that is only a little earlier stays.
fn promise(observed: &Observed<'_>, record: DeletionStatus, now: Timestamp, slot: Timestamp) -> Plan {
    let promised = promised(observed.object).filter(|told| (*told..=*told + ABOUT).contains(&slot));
    let promise = round_up(promised.unwrap_or(slot));
    let until = promise.0;
    let record = DeletionStatus { next_attempt_at: Some(promise), held_since: None, ..record };
    let situation = match stored_reason(observed, &record) {
        // The queue moves all the time: the words stay those with which the promise was made.
        Some(Reason::WaitingForQuota) => Situation::Unchanged,
        Some(_) | None => Situation::WaitingForQuota { until, position: observed.position, now },
    };
    let status = status::of(observed.object, now, Some(record), None, situation);
    Plan::rest(Reason::WaitingForQuota, round_up(slot).0, status)
}
