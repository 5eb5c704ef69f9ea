//! The condition `Obstructed`: the API server keeps refusing or failing what the operator does for an object.
//!
//! The condition stands beside `Ready`, and no decision depends on it: the operator goes on from the status
//! as it was before the API server failed. Where the API server refuses the status of an object that is being
//! deleted, an annotation says the same: no event can be created in a namespace that goes, too.

use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::de::DeserializeOwned;

use super::call_error::CallError;
use super::client::Kube;
use super::events::{Events, Note};
use super::time::round_down;

/// The type of the condition.
const OBSTRUCTED: &str = "Obstructed";
/// The reason of the condition, and of its event.
pub const API_SERVER_ERROR: &str = "ApiServerError";
/// Annotation of an object that is being deleted, and whose status the API server refuses: what the status
/// would say.
pub const OBSTRUCTED_BY: &str = "voicecampaign.dev/obstructed-by";
/// Failed reconciles in a row before the first report: fewer may be a hiccup.
const FAILURES_BEFORE_REPORT: u32 = 3;

/// Failed reconciles between two reports at most: another obstacle may have taken the place of the first. At
/// the pace of retries, that is half an hour.
const FAILURES_BETWEEN_REPORTS: u32 = 60;

/// Whether to report the obstacle after this many failed reconciles in a row: the third, the sixth, the
/// twelfth and so on, and each sixtieth. Each report may cost an API server in trouble a write.
pub fn is_reported_after(failures: u32) -> bool {
    let reports = failures / FAILURES_BEFORE_REPORT;
    failures.is_multiple_of(FAILURES_BEFORE_REPORT) && reports.is_power_of_two()
        || failures > 0 && failures.is_multiple_of(FAILURES_BETWEEN_REPORTS)
}

/// Whether this is the condition `Obstructed`.
pub fn is_obstacle(condition: &Condition) -> bool {
    condition.type_ == OBSTRUCTED
}

/// Whether `Obstructed` is among the conditions.
pub fn is_reported(conditions: &[Condition]) -> bool {
    conditions.iter().any(is_obstacle)
}

/// The obstacle, as the condition or the annotation reports it.
pub fn reported(metadata: &ObjectMeta, conditions: &[Condition]) -> Option<Condition> {
    let annotated = || {
        Some(Condition {
            type_: OBSTRUCTED.to_owned(),
            status: "True".to_owned(),
            reason: API_SERVER_ERROR.to_owned(),
            message: annotation(metadata)?.to_owned(),
            observed_generation: metadata.generation,
            last_transition_time: metadata.deletion_timestamp.clone()?,
        })
    };
    annotated().or_else(|| conditions.iter().find(|condition| is_obstacle(condition)).cloned())
}

/// Whether the annotation is on the object.
pub fn is_annotated(metadata: &ObjectMeta) -> bool {
    annotation(metadata).is_some()
}

fn annotation(metadata: &ObjectMeta) -> Option<&str> {
    metadata.annotations.as_ref()?.get(OBSTRUCTED_BY).map(String::as_str)
}

/// The condition that reports the obstacle; `None` if the stored conditions have it with this message.
pub fn condition(
    metadata: &ObjectMeta,
    stored: &[Condition],
    message: String,
    now: Timestamp,
) -> Option<Condition> {
    let message = format!("{message} The operator retries at least every 30 s.");
    let reported = stored.iter().find(|condition| is_obstacle(condition));
    if reported.is_some_and(|reported| reported.message == message) {
        return None;
    }
    let since = reported.map(|reported| reported.last_transition_time.clone());
    Some(Condition {
        type_: OBSTRUCTED.to_owned(),
        status: "True".to_owned(),
        reason: API_SERVER_ERROR.to_owned(),
        message,
        observed_generation: metadata.generation,
        last_transition_time: since.unwrap_or_else(|| round_down(now)),
    })
}

/// Writes the condition beside the stored ones. Publishes an event, too, if the condition is new. If the API
/// server rejects the status, it may accept the event, and the annotation. A failure is only logged.
pub async fn report<K>(object: &K, stored: &[Condition], condition: Condition, kube: &Kube, events: &Events)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let mut metadata = object.meta().clone();
    let needs_event = match kube.set_condition(object, stored, &condition).await {
        Ok(_) => {
            unannotate::<K>(&mut metadata, kube).await;
            !is_reported(stored)
        }
        Err(error) => {
            tracing::debug!(%error, "Could not write the condition {OBSTRUCTED}");
            if error.may_be_of_the_object() {
                annotate::<K>(&mut metadata, &condition.message, kube).await;
            }
            error.may_be_of_the_object()
        }
    };
    if needs_event {
        events.publish(object, note(object.meta(), condition.message)).await;
    }
}

/// Says in the annotation of an object that is being deleted what its status can't say. A failure is only
/// logged.
pub async fn annotate<K: Resource<DynamicType = ()>>(metadata: &mut ObjectMeta, message: &str, kube: &Kube) {
    if metadata.deletion_timestamp.is_none() || annotation(metadata) == Some(message) {
        return;
    }
    match kube.annotate::<K>(metadata, OBSTRUCTED_BY, Some(message)).await {
        Ok(()) | Err(CallError::Gone | CallError::NotLeading) => {}
        Err(error) => tracing::warn!(%error, message, "Neither the status nor the annotation can say this"),
    }
}

/// Removes the annotation, if it is there. A failure is only logged.
pub async fn unannotate<K: Resource<DynamicType = ()>>(metadata: &mut ObjectMeta, kube: &Kube) {
    if is_annotated(metadata)
        && let Err(error) = kube.annotate::<K>(metadata, OBSTRUCTED_BY, None).await
    {
        tracing::debug!(%error, "Could not remove the annotation {OBSTRUCTED_BY}");
    }
}

/// The event that reports an obstacle.
pub fn note(metadata: &ObjectMeta, text: String) -> Note {
    let action = if metadata.deletion_timestamp.is_some() { "Delete" } else { "Observe" };
    Note { warning: true, reason: API_SERVER_ERROR, action, text }
}

/// Removes the condition and the annotation from an object that the operator has nothing more to do for. A
/// failure is only logged.
pub async fn clear<K>(object: &K, stored: &[Condition], kube: &Kube)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    if let Err(error) = kube.remove_condition(object, stored, OBSTRUCTED).await {
        tracing::debug!(%error, "Could not remove the condition {OBSTRUCTED}");
    }
    unannotate::<K>(&mut object.meta().clone(), kube).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However often a message changes: each report costs an API server in trouble a write.
    #[test]
    fn it_is_reported_less_and_less_often() {
        let reported: Vec<u32> = (0..200).filter(|failures| is_reported_after(*failures)).collect();
        assert_eq!(reported, [3, 6, 12, 24, 48, 60, 96, 120, 180, 192]);
    }
}
