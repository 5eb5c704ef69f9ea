use std::sync::Arc;

use kube::{Resource, ResourceExt};

use super::context::Context;
use crate::connection::brake::Brake;
use crate::connection::keep::{Release, secrets_in_use};
use crate::connection::name::ConnectionName;
use crate::connection::status::ConnectionReason;
use crate::connection::watched::Watched;
use crate::pacing::{LAST_TRY, backoff};

/// What of a connection its campaigns depend on, to be compared: its identity, spec and labels, whether its
/// credentials are missing or refused, and what its brake lets through. The number of campaigns is left out,
/// which changes with each of them.
pub fn what_matters(connection: &Watched) -> impl PartialEq + Clone + use<> {
    let conditions =
        connection.0.as_ref().ok().and_then(|connection| Some(&connection.status.as_ref()?.conditions));
    let has = |reason: ConnectionReason| {
        conditions.is_some_and(|all| all.iter().any(|condition| condition.reason == reason.as_str()))
    };
    let missing = has(ConnectionReason::CredentialsMissing);
    let refused = has(ConnectionReason::CredentialsRejected);
    let labels = connection.labels().clone();
    let brake = connection.0.as_ref().ok().and_then(Brake::of).map(|brake| brake.what_matters());
    (connection.uid(), connection.meta().generation, connection.0.is_ok(), missing, refused, labels, brake)
}

/// Cleans up after a connection that is gone; perhaps although it was in use, because somebody has removed
/// its finalizer. Retries for about 20 minutes.
pub async fn gone(connection: Watched, context: Arc<Context>) {
    let name = ConnectionName::of(&connection);
    let remembered = context.memory.forget_secrets(&connection.uid().unwrap_or_default());
    let secrets = connection.0.as_ref().map_or(remembered, secrets_in_use);
    context.connections.forget_gone(&name);
    let campaigns = context.users.count(&name);
    if campaigns > 0 {
        tracing::warn!(
            koreconnection = %name,
            campaigns,
            "The connection is gone although campaigns need it; create it again"
        );
    }
    let namespace = &name.namespace;
    for failures in 1..=LAST_TRY {
        let mut guard = context.keeper.lock(namespace).await;
        let released = guard.release_orphaned(connection.meta(), &secrets).await;
        drop(guard);
        let why = match released {
            Ok(Release::Released) => return context.keeper.release_rights(namespace).await,
            Ok(Release::Held(why)) => why,
            Err(error) => error.to_string(),
        };
        tracing::warn!(why, namespace, "A Secret of a connection that is gone still carries our finalizer");
        tokio::time::sleep(backoff(&name.name, failures)).await;
    }
}
