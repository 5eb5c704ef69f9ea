//! What follows from an event of the watch, beyond the next pass over the object: others that name the same
//! campaign are woken, and an object that was removed before its deletion was confirmed is reported.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::context::Context;
use super::decide::is_unseen;
use super::evidence::needs_connection;
use super::left_behind::{is_left_behind, report};
use super::status;
use crate::api::{DeletionPolicy, Reason, VoiceCampaign};
use crate::campaign::Watched;
use crate::connection::{Candidate, ConnectionName};
use crate::kore::CampaignService;
use crate::kube_ext::invalid;

/// By how much the time of a deletion may be too early.
const WHOLE_SECOND: Duration = Duration::from_secs(1);

/// The watch shows an object.
pub fn present<S: CampaignService>(object: &Arc<Watched>, context: &Context<S>) {
    let since_the_start = context.synced.is_complete();
    context.claims.update(object, since_the_start).into_iter().for_each(|other| context.wake.wake(other));
    if object.0.is_err() {
        context.connections.waits_for_no_brake(&object.uid().unwrap_or_default());
    }
    if let Ok(object) = &object.0 {
        uses_connection(object, context);
        waits_for_brake(object, context);
        // Before its first pass: at a start one listing is then newer than all.
        context.memory.known_for(&object.uid().unwrap_or_default(), is_unseen(object));
        if since_the_start && object.metadata.deletion_timestamp.is_some() {
            context.memory.deletion_shown(&object.uid().unwrap_or_default());
        }
    }
}

/// An object whose status says that the brake of its connection holds it: also one that an earlier process
/// has held.
fn waits_for_brake<S>(object: &VoiceCampaign, context: &Context<S>) {
    let Some(requested_at) = object.metadata.deletion_timestamp.as_ref().map(|time| time.0) else { return };
    let uid = object.uid().unwrap_or_default();
    let is_held = object.status.as_ref().is_some_and(|status| status::reason(status) == Reason::MassDeletion);
    if is_held && keeps_waiting(object) {
        let connection = ConnectionName::used_by(object);
        context.connections.waits_for_brake(
            &connection,
            Candidate { requested_at, uid },
            &object.name_any(),
            true,
        );
    } else if !keeps_waiting(object) {
        context.connections.waits_for_no_brake(&uid);
    }
}

/// Whether a deletion goes on to wait for the brake: it is not to be left out.
fn keeps_waiting(object: &VoiceCampaign) -> bool {
    object.spec.deletion_policy == DeletionPolicy::Delete && !object.spec.suspend
}

/// The time since the deletion of an object was requested. The API server cuts that time to whole seconds, so
/// the time since the watch has shown the deletion is closer, unless the watch came later.
pub(super) fn since_requested<S>(object: &VoiceCampaign, context: &Context<S>) -> Duration {
    let requested_at = object.metadata.deletion_timestamp.as_ref();
    let since = requested_at.map(|requested_at| Timestamp::now().duration_since(requested_at.0));
    let since = since.and_then(|since| Duration::try_from(since).ok()).unwrap_or_default();
    let shown = context.memory.since_deletion_shown(&object.uid().unwrap_or_default());
    shown.map_or(since, |shown| shown.max(since.saturating_sub(WHOLE_SECOND)))
}

/// An object may need its connection, or no longer need it.
pub(super) fn uses_connection<S>(object: &VoiceCampaign, context: &Context<S>) {
    let uid = object.uid().unwrap_or_default();
    if needs_connection(object) && !context.memory.is_over(&uid) {
        let connection = ConnectionName::used_by(object);
        if context.users.uses(&uid, connection.clone()) {
            context.connections.wake(&connection);
        }
    } else {
        needs_none(&uid, context);
    }
}

/// An object no longer needs its connection.
pub(super) fn needs_none<S>(uid: &str, context: &Context<S>) {
    if let Some(connection) = context.users.gone(uid) {
        context.connections.wake(&connection);
    }
}

/// Our finalizer is off an object, as far as this process knows. The release counts once, also if the answer
/// to the patch was lost.
pub(super) fn released<S>(uid: &str, context: &Context<S>) {
    if let Some(outcome) = context.memory.released(uid) {
        context.metrics.counters.released(outcome);
    }
}

/// The watch shows that an object is gone; this is its last state, whether or not it fits its schema.
pub fn gone<S: CampaignService>(object: &Watched, context: &Arc<Context<S>>) {
    let uid = object.uid().unwrap_or_default();
    let others = object.0.as_ref().map(|object| context.claims.others(object)).unwrap_or_default();
    context.claims.remove(object).into_iter().for_each(|other| context.wake.wake(other));
    needs_none(&uid, context);
    context.connections.waits_for_no_brake(&uid);
    context.accounts.forget(&uid);
    context.listings.forget(&uid);
    if object.0.as_ref().is_ok_and(|last| last.spec.deletion_policy == DeletionPolicy::Delete) {
        context.memory.orphan_was_taken_back(&uid);
    }
    released(&uid, context);
    let remembered = context.memory.forget(&uid);
    if let (true, Some(namespace)) = (context.cache.is_empty(), object.namespace()) {
        let connections = context.connections.clone();
        tokio::spawn(async move { connections.release_rights(&namespace).await });
    }
    match &object.0 {
        Ok(object) if is_left_behind(object, &remembered, &others) => {
            tokio::spawn(report(object.clone(), context.clone()));
        }
        Ok(_) => {}
        Err(misfit) => {
            tracing::warn!(
                error = invalid::why(misfit),
                uid,
                "A VoiceCampaign that does not fit its schema is gone"
            )
        }
    }
}

/// The watch has listed all objects: what is remembered of others is dropped. The operator keeps its rights
/// in the namespace, or lets them go, as they are needed; an earlier process may have been killed before it
/// did so.
pub fn relisted<S: CampaignService>(
    all: &[Arc<Watched>],
    namespace: Option<&str>,
    context: &Arc<Context<S>>,
) {
    let uids: HashSet<_> = all.iter().filter_map(|object| object.meta().uid.as_deref()).collect();
    context.memory.retain(|uid| uids.contains(uid));
    let Some(namespace) = namespace.map(ToOwned::to_owned) else { return };
    let (context, needed) = (context.clone(), !all.is_empty());
    tokio::spawn(async move {
        match needed {
            true => {
                let kept = context.connections.keep_rights_anew(&namespace).await;
                let _ = kept.inspect_err(
                    |error| tracing::warn!(%error, namespace, "The operator's rights are not kept yet"),
                );
            }
            false => context.connections.release_rights(&namespace).await,
        }
    });
}
