//! What the API server fails, again and again, as a condition of its own.
//!
//! It stands beside `Ready`, and changes nothing that a decision depends on: what was known when the trouble began is known when it is
//! over.

use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};

use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::de::DeserializeOwned;

use super::{Events, Kube, Note, round_down};

/// The type of the condition.
const OBSTRUCTED: &str = "Obstructed";
/// The reason of the condition, and of its event.
pub const API_SERVER_ERROR: &str = "ApiServerError";
/// So many passes in a row that the API server has kept from their end are no hiccup.
const LASTING: u32 = 3;

/// Whether it is said, or said anew, after so many passes in a row: the third, the sixth, the twelfth and so on. Each time may cost a write,
/// of an API server that is in trouble.
pub fn is_said_after(failures: u32) -> bool {
    failures.is_multiple_of(LASTING) && (failures / LASTING).is_power_of_two()
}

/// Whether this is the condition that says so.
pub fn is_obstacle(condition: &Condition) -> bool {
    condition.type_ == OBSTRUCTED
}

/// Whether one of them does.
pub fn is_said(conditions: &[Condition]) -> bool {
    conditions.iter().any(is_obstacle)
}

/// The condition that says it beside the stored ones; `None` if they say just that.
pub fn condition(
    metadata: &ObjectMeta,
    stored: &[Condition],
    message: String,
    now: Timestamp,
) -> Option<Condition> {
    let message = format!("{message} It is tried again at least every 30 s.");
    let said = stored.iter().find(|condition| is_obstacle(condition));
    if said.is_some_and(|said| said.message == message) {
        return None;
    }
    Some(Condition {
        type_: OBSTRUCTED.to_owned(),
        status: "True".to_owned(),
        reason: API_SERVER_ERROR.to_owned(),
        message,
        observed_generation: metadata.generation,
        last_transition_time: said.map_or_else(|| round_down(now), |said| said.last_transition_time.clone()),
    })
}

/// Writes the condition beside the stored ones, and tells of it by an event when it is new, or can't be written: whoever refuses the status
/// may take the event. It is no matter if that fails.
pub async fn say<K>(object: &K, stored: &[Condition], condition: Condition, (kube, events): (&Kube, &Events))
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let tells = match kube.put_condition(object, stored, &condition).await {
        Ok(_) => !is_said(stored),
        Err(error) => {
            tracing::debug!(%error, "Could not write what the API server fails");
            error.is_answer()
        }
    };
    if tells {
        events.publish(object, note(object.meta(), condition.message)).await;
    }
}

/// The event that tells of it.
pub fn note(metadata: &ObjectMeta, text: String) -> Note {
    let action = if metadata.deletion_timestamp.is_some() { "Delete" } else { "Observe" };
    Note { warning: true, reason: API_SERVER_ERROR, action, text }
}

/// Takes the condition back, if it is among the stored ones: our part in the object is over. It is no matter if that fails.
pub async fn take_back<K>(object: &K, stored: &[Condition], kube: &Kube)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    if let Err(error) = kube.drop_condition(object, stored, OBSTRUCTED).await {
        tracing::debug!(%error, "Could not take back what the API server has failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However often a text changes: each telling costs an API server in trouble a write.
    #[test]
    fn it_is_said_less_and_less_often() {
        let said: Vec<u32> = (0..100).filter(|failures| is_said_after(*failures)).collect();
        assert_eq!(said, [3, 6, 12, 24, 48, 96]);
    }
}
