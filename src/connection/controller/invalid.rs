use kube::ResourceExt;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::controller::Action;

use super::context::Context;
use super::requeue::{INTERVAL, RETRY};
use crate::api::KoreConnection;
use crate::connection::keep::{is_held, secrets_in_use};
use crate::connection::status::ConnectionReason;
use crate::kore::scrub;
use crate::kube_ext::{CallError, invalid};

/// One pass over a connection that does not fit its schema. Campaigns can't use it; but when the last of them
/// is gone, it is released as any other.
pub async fn reconcile_invalid(object: &InvalidObject, context: &Context) -> Result<Action, CallError> {
    let error = invalid::why(object);
    let Some(mut object) = invalid::read::<KoreConnection>(object, &context.kube).await? else {
        return Ok(Action::await_change());
    };
    let namespace = object.namespace().unwrap_or_default();
    context.memory.note_secrets(&object.uid().unwrap_or_default(), secrets_in_use(&object));
    let held_before = is_held(&object);
    let released = context.keeper.lock(&namespace).await.release_invalid(&mut object).await;
    let (held, failure) = match released {
        Ok(released) => (released.held(), None),
        Err(CallError::NotLeading) => return Err(CallError::NotLeading),
        Err(error) => (Some(scrub::message(&error.with_server_message())), Some(error)),
    };
    if held_before && held.is_none() {
        context.release_rights(&namespace);
    }
    let held = held.filter(|_| object.metadata.deletion_timestamp.is_some());
    // The log has it, too: if the CRD is so strict that the API server accepts no change of the object, its
    // status can't be written.
    tracing::warn!(error, held, "The KoreConnection does not fit its schema");
    let deletion = held.as_ref().map_or(String::new(), |why| {
        format!(" It is being deleted, but the operator can't remove its finalizer: {why}.")
    });
    let message = format!(
        "The resource does not fit its schema, and its campaigns can't be deleted in Kore: {error}. Apply it again with the \
         current CustomResourceDefinition.{deletion}"
    );
    let report = invalid::Report { reason: ConnectionReason::Invalid.as_str(), message: &message };
    invalid::report::<KoreConnection>(&object, report, &context.kube).await?;
    match failure {
        Some(error) => Err(error),
        None => Ok(Action::requeue(if held.is_some() { RETRY } else { INTERVAL })),
    }
}
