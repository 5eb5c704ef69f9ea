//! An object that does not fit its schema: written under an older or looser definition. It is told so in its conditions; the
//! others go on.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};
use kube::Resource;
use kube::api::{ApiResource, DynamicObject};
use kube::core::error_boundary::InvalidObject;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::{CallError, CallErrorClass, Kube};
use super::time::round_down;

/// Most characters of a condition's message; the API server refuses more than 32768.
const LONGEST_MESSAGE: usize = 1000;

/// Reads an object that does not fit its schema, as the cache has it; `None` if it is gone, or was mended meanwhile.
///
/// # Errors
/// If the API server can't be asked.
pub async fn read<K>(invalid: &InvalidObject, kube: &Kube) -> Result<Option<DynamicObject>, CallError>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let name = invalid.metadata.name.as_deref().unwrap_or_default();
    let mut object = DynamicObject::new(name, &ApiResource::erase::<K>(&()));
    object.metadata = invalid.metadata.clone();
    let fresh = kube.read_raw::<K>(&object).await?;
    Ok(fresh.filter(|fresh| fresh.clone().try_parse::<K>().is_err()))
}

/// Says in the object's conditions that it can't be read, unless they say so already.
///
/// # Errors
/// If the API server can't be asked or written to.
pub async fn report<K>(
    object: &DynamicObject,
    (reason, message): (&str, &str),
    kube: &Kube,
) -> Result<(), CallError>
where
    K: Resource<DynamicType = ()>,
{
    let stored = object.data.get("status").cloned().unwrap_or(Value::Null);
    let conditions = conditions(&object.metadata, (reason, message), &stored);
    if stored["conditions"] == conditions {
        return Ok(());
    }
    let mut status = if stored.is_object() { stored } else { json!({}) };
    status["observedGeneration"] = json!(object.metadata.generation);
    status["conditions"] = conditions;
    match kube.replace_raw_status::<K>(object, &status).await {
        Ok(()) => Ok(()),
        Err(error) => match error.class() {
            // Refused: what does not fit is in the status itself, or the definition is stricter by now.
            CallErrorClass::Race | CallErrorClass::Refused => Ok(()),
            CallErrorClass::Other => Err(error),
        },
    }
}

fn conditions(metadata: &ObjectMeta, (reason, message): (&str, &str), stored: &Value) -> Value {
    let told = stored["conditions"].as_array().into_iter().flatten().find(|told| told["reason"] == reason);
    let since = told.and_then(|told| serde_json::from_value(told["lastTransitionTime"].clone()).ok());
    let since: Time = since.unwrap_or_else(|| round_down(Timestamp::now()));
    let condition = |type_: &str, status: &str| Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.chars().take(LONGEST_MESSAGE).collect(),
        observed_generation: metadata.generation,
        last_transition_time: since.clone(),
    };
    json!([condition("Ready", "False"), condition("Stalled", "True")])
}
