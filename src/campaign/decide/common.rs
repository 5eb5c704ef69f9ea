//! What the decisions for living objects and for deletions share.

use jiff::{SignedDuration, Timestamp};

use super::step::{Plan, Step};
use crate::api::{AccountReference, DeletionStatus, VoiceCampaign};
use crate::campaign::evidence::Observed;
use crate::campaign::status::{self, Situation};
use crate::connection::{Connection, Problem, UsableConnection};
use crate::kube_ext::obstacle;
use crate::pacing::fraction;

/// How soon a missing connection or Secret is looked up again. A KoreConnection that appears wakes its
/// campaigns itself; a Secret does not, because the operator does not watch Secrets.
const CONFIGURATION_RETRY: SignedDuration = SignedDuration::from_secs(30);

/// Whether no pass has written a status yet. The finalizer may be from the admission policy, and not from us.
pub fn is_new(object: &VoiceCampaign) -> bool {
    object.status.as_ref().is_none_or(|status| status.conditions.iter().all(obstacle::is_obstacle))
}

/// What has to be done for the object's connection before anything else: the credentials must outlive the
/// need for them.
pub fn protection(observed: &Observed<'_>) -> Option<Step> {
    match observed.connection {
        Connection::NotLookedUp => Some(Step::Resolve),
        // Also without a connection: the operator's rights in the namespace must be kept; and a connection
        // that somebody creates later is kept by its own controller.
        Connection::Usable(_) | Connection::Unusable(_) => (!observed.protected).then_some(Step::Protect),
    }
}

/// The problem that the connection leads to another account than the campaign's, if it does.
pub fn other_account(object: &VoiceCampaign, connection: &UsableConnection) -> Option<Problem> {
    let known = object.status.as_ref()?.account.as_ref()?;
    let in_words =
        |AccountReference { host, account_id }: &AccountReference| format!("{account_id} at {host}");
    (!connection.leads_to(known)).then(|| Problem::AccountChanged {
        connection: object.spec.connection_ref.name.clone(),
        was: in_words(known),
        now: in_words(&connection.account()),
    })
}

/// The record without a promise: nobody knows when the next call is.
pub fn unscheduled(record: &DeletionStatus) -> DeletionStatus {
    DeletionStatus { next_attempt_at: None, held_since: None, ..record.clone() }
}

/// Rests because of a problem with the connection.
pub fn misconfigured(
    object: &VoiceCampaign,
    now: Timestamp,
    deletion: Option<DeletionStatus>,
    problem: &Problem,
) -> Plan {
    let status = status::of(object, now, deletion, None, Situation::Misconfigured(problem));
    let until = now + CONFIGURATION_RETRY + spread(object, CONFIGURATION_RETRY);
    Plan::rest(status::reason(&status), until, status)
}

/// A part of `width` that is the object's own.
pub fn spread(object: &VoiceCampaign, width: SignedDuration) -> SignedDuration {
    let part = fraction(object.metadata.uid.as_deref().unwrap_or_default());
    SignedDuration::try_from_secs_f64(width.as_secs_f64() * part).unwrap_or(width)
}
