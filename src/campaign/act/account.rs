//! An object's way to its account: names and keys, the gate, the caller; and what a result says of the
//! credentials.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::runtime::controller::Action;

use crate::api::VoiceCampaign;
use crate::campaign::context::Context;
use crate::campaign::decide;
use crate::campaign::evidence::answer;
use crate::campaign::pass::Pass;
use crate::campaign::shared::{Caller, Gate, Heir, StreamKey, access};
use crate::connection::{Candidate, ConnectionName, UsableConnection, Verdict};
use crate::kore::{CampaignKey, Failure, FailureKind, Target};
use crate::kube_ext::reference;
use crate::pacing::Place;

/// The gate to the account of an object's connection.
pub fn gate<S>(connection: &UsableConnection, object: &VoiceCampaign, context: &Context<S>) -> Arc<Gate> {
    let UsableConnection { target, requests_per_minute, .. } = connection;
    let gate = context.accounts.gate(&target.account);
    // Before that, not all statuses are known.
    if context.unsynced().is_none() {
        let heir = || Heir {
            connection: ConnectionName::used_by(object).to_string(),
            access: access(target, &object.spec.stream_id),
        };
        gate.inherit(*requests_per_minute, heir, || context.claims.past(&target.account));
    }
    gate
}

/// The object as a caller of its account, under its uid.
pub fn caller(pass: &Pass, place: Place, connection: &UsableConnection) -> Caller {
    Caller {
        id: pass.uid.clone(),
        object: reference(&pass.object),
        for_many: false,
        place,
        promised: decide::promised(&pass.object),
        access: access(&connection.target, &pass.object.spec.stream_id),
    }
}

/// Asks the controller of the connection whether the deletion may begin. Its answer is in the status of the
/// connection, which wakes the object.
pub fn ask_brake<S>(pass: &mut Pass, context: &Context<S>) -> ControlFlow<Action> {
    let requested_at = pass.object.metadata.deletion_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
    let candidate = Candidate { requested_at, uid: pass.uid.clone() };
    let connection = ConnectionName::used_by(&pass.object);
    let waits = context.connections.waits_for_brake(&connection, candidate, &pass.object.name_any(), false);
    let waits = SignedDuration::try_from(waits).unwrap_or(SignedDuration::ZERO);
    pass.asked_brake_at = Some(Timestamp::now() - waits);
    ControlFlow::Continue(())
}

/// Records what a result says of the credentials.
pub async fn record_verdict<S, T>(
    result: &Result<T, Failure>,
    connection: &UsableConnection,
    object: &VoiceCampaign,
    context: &Context<S>,
) {
    let name = ConnectionName::used_by(object);
    let record = |verdict| context.connections.record_verdict(&name, &connection.secret, verdict);
    let Err(failure) = result else { return record(Verdict::Accepted) };
    match failure.kind {
        FailureKind::CredentialsRejected => {
            // A right that the app lacks, as for this stream alone, says nothing against its credentials.
            if !failure.lacks_right() {
                record(Verdict::Refused(answer::quoted(failure)));
            }
            context.connections.forget(&name).await;
        }
        FailureKind::MayBeAbsent | FailureKind::Accepted | FailureKind::Refused => record(Verdict::Accepted),
        FailureKind::Throttled
        | FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => {}
    }
}

/// Reconciles again at this time; at a change, if `None`.
pub fn requeue_at(until: Option<Timestamp>) -> Action {
    let pause = |until: Timestamp| Duration::try_from(until.duration_since(Timestamp::now()));
    until.map_or_else(Action::await_change, |until| Action::requeue(pause(until).unwrap_or(Duration::ZERO)))
}

/// The campaign, as Kore names it.
pub fn key_of(object: &VoiceCampaign) -> CampaignKey {
    CampaignKey { stream_id: object.spec.stream_id.clone(), campaign_id: object.spec.campaign_id.clone() }
}

/// The stream of the campaign, as this target sees it.
pub fn stream_of(target: &Target, object: &VoiceCampaign) -> StreamKey {
    StreamKey {
        identity: target.identity(),
        credentials: target.credentials_hash(),
        stream_id: object.spec.stream_id.clone(),
    }
}

/// The result of a call, as the metrics name it.
pub fn result_name<T>(result: &Result<T, Failure>) -> &'static str {
    result.as_ref().map_or_else(|failure| failure.kind.reason(), |_| "Success")
}
