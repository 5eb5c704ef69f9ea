//! An object that does not fit its schema: written under an older or looser definition. It is told so in a condition, and
//! left alone otherwise; the others go on.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};
use kube::api::{ApiResource, DynamicObject};
use kube::core::error_boundary::InvalidObject;
use serde_json::{Value, json};

use super::context::Context;
use super::error::Error;
use super::reason::Reason;
use super::status;
use crate::api::VoiceCampaign;
use crate::kube_ext::CallError;

/// Says in the object's conditions that it can't be read, unless they say so already.
///
/// # Errors
/// If the API server could not be asked or written to.
pub async fn report<S>(invalid: &InvalidObject, context: &Context<S>) -> Result<(), Error> {
    tracing::warn!(error = %invalid.error, "The VoiceCampaign does not fit its schema; it is left alone");
    let mut object = DynamicObject::new(
        invalid.metadata.name.as_deref().unwrap_or_default(),
        &ApiResource::erase::<VoiceCampaign>(&()),
    );
    object.metadata = invalid.metadata.clone();
    let fresh = context.kube.read_raw::<VoiceCampaign>(&object).await;
    let Some(fresh) = fresh.map_err(|source| Error::Write { what: "read the object again", source })? else {
        return Ok(());
    };
    let stored = fresh.data.get("status").cloned().unwrap_or(Value::Null);
    let conditions = conditions(&fresh.metadata, &invalid.error, &stored);
    if stored["conditions"] == conditions {
        return Ok(());
    }
    let mut status = if stored.is_object() { stored } else { json!({}) };
    status["observedGeneration"] = json!(fresh.metadata.generation);
    status["conditions"] = conditions;
    match context.kube.replace_raw_status::<VoiceCampaign>(&fresh, &status).await {
        // Refused: what does not fit is in the status itself, or the definition is stricter by now. It is logged, above.
        Ok(()) | Err(CallError::Gone | CallError::Changed | CallError::Refused(_)) => Ok(()),
        Err(source @ (CallError::Forbidden(_) | CallError::Failed(_) | CallError::Deadline)) => {
            Err(Error::Write { what: "write the status", source })
        }
    }
}

fn conditions(metadata: &ObjectMeta, error: &str, stored: &Value) -> Value {
    let message: String = format!(
        "The resource does not fit its schema, and nothing is done for it: {error}. Apply it again with the current \
         CustomResourceDefinition."
    )
    .chars()
    .take(1000)
    .collect();
    let reason = Reason::Invalid.as_str();
    let told = stored["conditions"].as_array().into_iter().flatten().find(|told| told["reason"] == reason);
    let since = told.and_then(|told| serde_json::from_value(told["lastTransitionTime"].clone()).ok());
    let since: Time = since.unwrap_or_else(|| status::round_down(Timestamp::now()));
    let condition = |type_: &str, status: &str| Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.clone(),
        observed_generation: metadata.generation,
        last_transition_time: since.clone(),
    };
    json!([condition("Ready", "False"), condition("Stalled", "True")])
}
