use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;

use super::context::Context;
use super::invalid::reconcile_invalid;
use super::requeue::{INTERVAL, PAUSE, RETRY};
use crate::api::{KoreConnection, KoreConnectionStatus, Reason};
use crate::connection::brake;
use crate::connection::keep::{IN_USE, is_held};
use crate::connection::name::ConnectionName;
use crate::connection::status::{self, ConnectionReason, DELETIONS_HELD, Known};
use crate::connection::watched::Watched;
use crate::kore::scrub;
use crate::kube_ext::obstacle::{self, is_reported_after};
use crate::kube_ext::{CallError, Note};
use crate::pacing::backoff;

/// What keeps a connection that is being deleted while a list is missing.
const UNSYNCED: &str = "the operator has not received the list of all VoiceCampaigns from the API server since it \
                        started, and they may need it; its log and /readyz say which list is missing";
/// Requeue until the watches have listed all objects, which takes seconds after a start; the first campaigns
/// wait for their connections.
const UNTIL_LISTED: Duration = Duration::from_millis(200);
/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One pass over one connection.
///
/// # Errors
/// If a call to the API server fails.
pub async fn reconcile(object: Arc<Watched>, context: Arc<Context>) -> Result<Action, CallError> {
    if !context.selected.selects(object.as_ref()) {
        return Ok(Action::await_change());
    }
    if let Some(pause) = context.synced.requeue_after(UNTIL_LISTED) {
        if context.synced.is_overdue()
            && let Ok(cached) = &object.0
            && cached.metadata.deletion_timestamp.is_some()
        {
            put_obstacle(UNSYNCED, cached, &context).await;
        }
        return Ok(Action::requeue(pause));
    }
    let uid = object.uid().unwrap_or_default();
    if let Err(pause) = context.memory.begin(&uid) {
        return Ok(Action::requeue(pause));
    }
    let action = match &object.0 {
        Ok(cached) => match reconcile_valid(cached, &context).await {
            Ok(action) => action,
            Err(error) => {
                report_obstacle(&error, cached, &context).await;
                return Err(error);
            }
        },
        Err(invalid) => reconcile_invalid(invalid, &context).await?,
    };
    context.memory.record_result(&uid, false);
    Ok(action)
}

/// Requeues after a failed pass.
pub fn error_policy(object: Arc<Watched>, _error: &CallError, context: Arc<Context>) -> Action {
    let failures = context.memory.record_result(&object.uid().unwrap_or_default(), true);
    let pause = backoff(&object.name_any(), i32::try_from(failures).unwrap_or(i32::MAX));
    Action::requeue(pause.clamp(PAUSE, LONGEST_PAUSE))
}

async fn reconcile_valid(cached: &KoreConnection, context: &Context) -> Result<Action, CallError> {
    let name = ConnectionName::of(cached);
    let examined = context.connections.examine(cached).await?;
    let mut guard = context.keeper.lock(&name.namespace).await;
    let Some(mut connection) = context.kube.read_again(cached).await? else {
        return Ok(Action::await_change());
    };
    let campaigns = context.users.count(&name);
    let terminating = connection.metadata.deletion_timestamp.is_some();
    // Before all that may fail: what a person approves must go on. One that goes has nobody to hold.
    let brake_is_counted = match campaigns {
        0 if terminating => None,
        _ => write_brake(&mut connection, &name, context).await?,
    };
    let held_before = is_held(&connection);
    let released = match campaigns {
        0 => guard.release(&mut connection).await?,
        _ => guard.keep(&mut connection).await?,
    };
    let held = released.held();
    if held_before && !is_held(&connection) {
        context.release_rights(&name.namespace);
    }
    if terminating && !IN_USE.is_on(&connection.metadata) {
        // The object goes, or another finalizer holds it.
        if let Some(status) = &connection.status {
            obstacle::clear(&connection, &status.conditions, &context.kube).await;
        }
        return Ok(Action::await_change());
    }
    let verdict = context.connections.verdict(&name, &connection.spec.credentials_secret_ref.name);
    let stored = connection.status.clone().unwrap_or_default();
    let known = Known {
        problem: examined.as_ref().err(),
        hints: examined.as_deref().unwrap_or_default(),
        verdict: verdict.as_ref(),
        campaigns,
        held: held.as_deref(),
        secrets_in_use: &stored.secrets_in_use,
        streams: context.connections.streams_of(&connection),
    };
    let requeue = if examined.is_err() || terminating || held.is_some() { RETRY } else { INTERVAL };
    let requeue = brake_is_counted.map_or(requeue, |left| left.min(requeue));
    let written = write_status(&connection, &stored, known, context).await?;
    obstacle::unannotate::<KoreConnection>(&mut connection.metadata, &context.kube).await;
    drop(guard);
    if let Written::Now(Some(note)) = written {
        context.events.publish(&connection, note).await;
    } else if let Written::Later(left) = written {
        return Ok(Action::requeue(left.min(requeue)));
    }
    Ok(Action::requeue(requeue))
}

/// Writes what the brake lets through and holds, if that has changed. Returns after which time the number of
/// those that it holds is to be written, if nothing else has changed.
///
/// # Errors
/// If it can't be written; also if somebody else has written the connection since it was read: two of us
/// would let through more than is allowed.
async fn write_brake(
    connection: &mut KoreConnection,
    name: &ConnectionName,
    context: &Context,
) -> Result<Option<Duration>, CallError> {
    let now = Timestamp::now();
    let stored = connection.status.clone().unwrap_or_default();
    let before = stored.deletion_brake.as_deref();
    let brake = brake::next(connection, context.connections.waiting_for_brake(name), now);
    let status = status::with_brake(connection, &stored, brake, now);
    if status == stored {
        return Ok(None);
    }
    let uid = connection.uid().unwrap_or_default();
    let with_old_count = status.deletion_brake.clone().map(|mut brake| {
        brake.held = before.map_or(brake.held, |before| before.held);
        brake
    });
    if with_old_count == stored.deletion_brake
        && status.conditions == stored.conditions
        && let Some(left) = context.memory.too_early_to_count(&uid)
    {
        return Ok(Some(left));
    }
    context.memory.record_status_write(&uid);
    *connection = context.kube.replace_status(connection, &status).await?;
    if let Some(note) = note_of_brake(&stored, &status) {
        context.events.publish(connection, note).await;
    }
    Ok(None)
}

/// What became of a new status.
enum Written {
    /// It is stored: by this pass, then perhaps with an event to publish, or it was before.
    Now(Option<Note>),
    /// It differs in the number of campaigns only, and is to be written after this time.
    Later(Duration),
}

async fn write_status(
    connection: &KoreConnection,
    stored: &KoreConnectionStatus,
    known: Known<'_>,
    context: &Context,
) -> Result<Written, CallError> {
    let status = status::of(connection, &known, Timestamp::now());
    if connection.status.as_ref() == Some(&status) {
        return Ok(Written::Now(None));
    }
    let uid = connection.uid().unwrap_or_default();
    let counted = usize::try_from(stored.campaigns).unwrap_or_default();
    let with_old_count = status::of(connection, &Known { campaigns: counted, ..known }, Timestamp::now());
    if with_old_count == *stored
        && let Some(left) = context.memory.too_early_to_count(&uid)
    {
        return Ok(Written::Later(left));
    }
    context.memory.record_status_write(&uid);
    match context.kube.replace_status(connection, &status).await {
        Ok(_) | Err(CallError::Gone) => Ok(Written::Now(note(stored, &status))),
        Err(error) => Err(error),
    }
}

/// Reports in the status what makes the passes fail.
async fn report_obstacle(error: &CallError, connection: &KoreConnection, context: &Context) {
    if matches!(error, CallError::NotLeading) {
        return;
    }
    let failures = context.memory.failures(&connection.uid().unwrap_or_default()).saturating_add(1);
    if is_reported_after(failures) {
        put_obstacle(&error.with_server_message(), connection, context).await;
    }
}

async fn put_obstacle(why: &str, connection: &KoreConnection, context: &Context) {
    let Some(status) = &connection.status else { return };
    let terminating = connection.metadata.deletion_timestamp.is_some();
    let what = if terminating {
        "The operator can't remove its finalizer from this connection"
    } else {
        "The operator can't reconcile this connection"
    };
    let message = format!("{what}: {}.", scrub::message(why));
    let (metadata, stored) = (&connection.metadata, &status.conditions);
    let Some(condition) = obstacle::condition(metadata, stored, message, Timestamp::now()) else { return };
    obstacle::report(connection, stored, condition, &context.kube, &context.events).await;
}

/// The event about a new status, if that concerns a person.
fn note(before: &KoreConnectionStatus, after: &KoreConnectionStatus) -> Option<Note> {
    let ready = |status: &KoreConnectionStatus| {
        status.conditions.iter().find(|condition| condition.type_ == "Ready").cloned()
    };
    let now = ready(after)?;
    if ready(before).is_some_and(|before| before.reason == now.reason) {
        return None;
    }
    let reason = ConnectionReason::ALL.into_iter().find(|reason| reason.as_str() == now.reason)?;
    let stalled = after.conditions.iter().any(|condition| condition.type_ == "Stalled");
    let concerns_a_person = stalled || reason == ConnectionReason::InUse;
    concerns_a_person.then(|| Note {
        warning: stalled,
        reason: reason.as_str(),
        action: "Observe",
        text: now.message,
    })
}

/// The event that the brake begins to hold deletions: one for all of them.
fn note_of_brake(before: &KoreConnectionStatus, after: &KoreConnectionStatus) -> Option<Note> {
    let held = |status: &KoreConnectionStatus| {
        status.conditions.iter().find(|condition| condition.type_ == DELETIONS_HELD).cloned()
    };
    let now = held(after).filter(|_| held(before).is_none())?;
    Some(Note { warning: true, reason: Reason::MassDeletion.as_str(), action: "Hold", text: now.message })
}
