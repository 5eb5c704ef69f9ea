//! Objects that do not deserialize as their kind, because they were written under an older or looser CRD. The
//! operator reports that in their conditions, and goes on with the other objects.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};
use kube::Resource;
use kube::api::{ApiResource, DynamicObject};
use kube::core::error_boundary::InvalidObject;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::call_error::{CallError, CallErrorClass};
use super::client::Kube;
use super::obstacle;
use super::time::round_down;
use crate::kore::scrub;

/// Longest message of the condition, in characters; the API server rejects more than 32768.
const LONGEST_MESSAGE: usize = 1000;

/// Why an object is invalid, as its conditions report it.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Reason of the conditions.
    pub reason: &'a str,
    /// Message of the conditions, truncated to 1000 characters.
    pub message: &'a str,
}

/// Why an object does not fit its schema, as people may read it: the error quotes the value that does not
/// fit.
pub fn why(invalid: &InvalidObject) -> String {
    scrub::message(&invalid.error)
}

/// Reads an object that did not deserialize in the watch; `None` if it is gone, or deserializes by now.
///
/// # Errors
/// If the call to the API server fails.
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

/// Reports in the conditions of an object that it does not deserialize, unless they do so already.
///
/// # Errors
/// If the call to the API server fails.
pub async fn report<K>(object: &DynamicObject, report: Report<'_>, kube: &Kube) -> Result<(), CallError>
where
    K: Resource<DynamicType = ()>,
{
    let stored = object.data.get("status").cloned().unwrap_or(Value::Null);
    let conditions = conditions(&object.metadata, report, &stored);
    if stored["conditions"] == conditions {
        obstacle::unannotate::<K>(&mut object.metadata.clone(), kube).await;
        return Ok(());
    }
    let mut status = if stored.is_object() { stored } else { json!({}) };
    status["observedGeneration"] = json!(object.metadata.generation);
    status["conditions"] = conditions;
    match kube.replace_raw_status::<K>(object, &status).await {
        Ok(_) => {
            obstacle::unannotate::<K>(&mut object.metadata.clone(), kube).await;
            Ok(())
        }
        Err(error) => {
            if matches!(error, CallError::Refused(_) | CallError::Forbidden(_)) {
                obstacle::annotate::<K>(&mut object.metadata.clone(), report.message, kube).await;
            }
            match error.class() {
                // Refused: the status itself does not fit the schema, or the CRD is stricter by now.
                CallErrorClass::Race | CallErrorClass::Refused => Ok(()),
                CallErrorClass::Other => Err(error),
            }
        }
    }
}

fn conditions(metadata: &ObjectMeta, Report { reason, message }: Report<'_>, stored: &Value) -> Value {
    let mut reported = stored["conditions"].as_array().into_iter().flatten();
    let reported = reported.find(|condition| condition["reason"] == reason);
    let since =
        reported.and_then(|condition| serde_json::from_value(condition["lastTransitionTime"].clone()).ok());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The error quotes what somebody wrote into a field of another type.
    #[test]
    fn the_value_that_does_not_fit_is_not_shown_if_it_is_a_telephone_number() {
        let error = r#"invalid type: string "+49 151 23456789", expected a boolean"#.to_owned();
        let why = why(&InvalidObject { error, metadata: ObjectMeta::default() });
        assert!(why.contains("expected a boolean") && !why.contains("23456789"), "{why}");
    }
}
