//! The condition `Obstructed`: the API server keeps refusing or failing what the operator does for an object.
//!
//! The condition stands beside `Ready`, and no decision depends on it: the operator goes on from the status
//! as it was before the API server failed.

use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::de::DeserializeOwned;

use super::client::Kube;
use super::events::{Events, Note};
use super::time::round_down;

/// The type of the condition.
const OBSTRUCTED: &str = "Obstructed";
/// The reason of the condition, and of its event.
pub const API_SERVER_ERROR: &str = "ApiServerError";
/// Failed reconciles in a row before the first report: fewer may be a hiccup.
const FAILURES_BEFORE_REPORT: u32 = 3;

/// Whether to report the obstacle after this many failed reconciles in a row: the third, the sixth, the
/// twelfth and so on. Each report may cost an API server in trouble a write.
pub fn is_reported_after(failures: u32) -> bool {
    failures.is_multiple_of(FAILURES_BEFORE_REPORT) && (failures / FAILURES_BEFORE_REPORT).is_power_of_two()
}

/// Whether this is the condition `Obstructed`.
pub fn is_obstacle(condition: &Condition) -> bool {
    condition.type_ == OBSTRUCTED
}

/// Whether `Obstructed` is among the conditions.
pub fn is_reported(conditions: &[Condition]) -> bool {
    conditions.iter().any(is_obstacle)
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

/// Writes the condition beside the stored ones. Publishes an event, too, if the condition is new, or the API
/// server rejects the status: it may accept the event. A failure is only logged.
pub async fn report<K>(object: &K, stored: &[Condition], condition: Condition, kube: &Kube, events: &Events)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let needs_event = match kube.set_condition(object, stored, &condition).await {
        Ok(_) => !is_reported(stored),
        Err(error) => {
            tracing::debug!(%error, "Could not write the condition {OBSTRUCTED}");
            error.is_answer()
        }
    };
    if needs_event {
        events.publish(object, note(object.meta(), condition.message)).await;
    }
}

/// The event that reports an obstacle.
pub fn note(metadata: &ObjectMeta, text: String) -> Note {
    let action = if metadata.deletion_timestamp.is_some() { "Delete" } else { "Observe" };
    Note { warning: true, reason: API_SERVER_ERROR, action, text }
}

/// Removes the condition from an object that the operator has nothing more to do for. A failure is only
/// logged.
pub async fn clear<K>(object: &K, stored: &[Condition], kube: &Kube)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    if let Err(error) = kube.remove_condition(object, stored, OBSTRUCTED).await {
        tracing::debug!(%error, "Could not remove the condition {OBSTRUCTED}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However often a message changes: each report costs an API server in trouble a write.
    #[test]
    fn it_is_reported_less_and_less_often() {
        let reported: Vec<u32> = (0..100).filter(|failures| is_reported_after(*failures)).collect();
        assert_eq!(reported, [3, 6, 12, 24, 48, 96]);
    }
}
