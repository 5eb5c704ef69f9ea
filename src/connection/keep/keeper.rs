use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::in_use::{IN_USE, Release, secrets_in_use};
use crate::api::{KoreConnection, KoreConnectionStatus, VoiceCampaign};
use crate::kube_ext::{CallError, Kube, Selected};

/// Whether a campaign needs its connection.
type Needs = fn(&VoiceCampaign) -> bool;

/// Puts `in-use` on and takes it off.
pub struct Keeper {
    pub(super) kube: Kube,
    pub(super) needs: Needs,
    /// Name of the RoleBinding in each namespace that gives the operator its rights there; `None` if they
    /// rest on a ClusterRoleBinding.
    pub(super) role_binding: Option<String>,
    pub(super) selected: Selected,
    namespaces: std::sync::Mutex<HashMap<String, Arc<Mutex<Kept>>>>,
}

/// What is known to carry the finalizer in a namespace.
#[derive(Default)]
pub(super) struct Kept {
    /// By name of the connection.
    connections: HashMap<String, KeptConnection>,
    /// Whether the RoleBinding carries it.
    pub(super) rights: bool,
}

/// A connection that carries the finalizer, as its Secret does.
#[derive(PartialEq)]
struct KeptConnection {
    uid: Option<String>,
    secret: String,
}

impl KeptConnection {
    fn of(connection: &KoreConnection) -> Self {
        Self { uid: connection.uid(), secret: connection.spec.credentials_secret_ref.name.clone() }
    }
}

/// The right to change the connections of a namespace, held by one task at a time.
pub struct NamespaceGuard<'a> {
    pub(super) keeper: &'a Keeper,
    pub(super) namespace: String,
    pub(super) kept: OwnedMutexGuard<Kept>,
}

impl Keeper {
    /// A keeper that knows of no finalizer yet. `needs` says whether a campaign needs its connection;
    /// `role_binding` is the name of the RoleBinding in each namespace that gives the operator its rights
    /// there, if they rest on one.
    pub fn new(kube: Kube, needs: Needs, role_binding: Option<String>, selected: Selected) -> Self {
        Self { kube, needs, role_binding, selected, namespaces: std::sync::Mutex::default() }
    }

    /// Waits until no other task changes the connections of a namespace.
    pub async fn lock(&self, namespace: &str) -> NamespaceGuard<'_> {
        let kept = {
            let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
            namespaces.entry(namespace.to_owned()).or_default().clone()
        };
        NamespaceGuard { keeper: self, namespace: namespace.to_owned(), kept: kept.lock_owned().await }
    }
}

impl NamespaceGuard<'_> {
    /// Whether a connection with this uid and Secret is known to carry the finalizer, as its Secret does.
    pub fn keeps(&self, connection: &KoreConnection) -> bool {
        self.kept.connections.get(&connection.name_any()) == Some(&KeptConnection::of(connection))
    }

    /// Forgets what is known of a connection.
    pub(super) fn forget(&mut self, connection: &str) {
        self.kept.connections.remove(connection);
    }

    /// Puts the finalizer on a connection and its Secret, and updates `connection` to what the API server
    /// returns. Returns whether a Secret that the connection named before is released.
    ///
    /// The API server accepts no new finalizer on an object that is being deleted. A missing Secret is kept
    /// by a later call, once it exists.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn keep(&mut self, connection: &mut KoreConnection) -> Result<Release, CallError> {
        let name = connection.spec.credentials_secret_ref.name.clone();
        // The status lists the Secret first: after a crash it must be known which Secret to release.
        let listed = secrets_in_use(connection);
        if !listed.contains(&name) {
            self.list_secrets(connection, [listed, vec![name.clone()]].concat()).await?;
        }
        if !IN_USE.is_on(&connection.metadata) && connection.metadata.deletion_timestamp.is_none() {
            *connection = self.keeper.kube.patch(connection, IN_USE.adding(&connection.metadata)).await?;
        }
        if !secrets_in_use(connection).contains(&name) {
            tracing::error!(
                secret = name,
                "The Secret is not held: the CRD of KoreConnection is older than the operator"
            );
            return Ok(Release::Released);
        }
        if self.keep_secret(&name).await? {
            // Not the Secret of the spec: that may have changed since this one was read.
            let kept = KeptConnection { uid: connection.uid(), secret: name.clone() };
            self.kept.connections.insert(connection.name_any(), kept);
        }
        // If the connection has changed its Secret, the previous one is released.
        self.release_secrets(connection, Some(&name)).await
    }

    /// Puts the finalizer on a Secret. Returns whether the Secret carries it now.
    async fn keep_secret(&self, name: &str) -> Result<bool, CallError> {
        let kube = &self.keeper.kube;
        let secret = match kube.find_metadata::<Secret>(&self.namespace, name).await {
            Ok(Some(secret)) => secret,
            Ok(None) | Err(CallError::Forbidden(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        if IN_USE.is_on(&secret.metadata) || secret.metadata.deletion_timestamp.is_some() {
            return Ok(IN_USE.is_on(&secret.metadata));
        }
        match kube.patch_metadata::<Secret>(&secret.metadata, IN_USE.adding(&secret.metadata)).await {
            Ok(_) => Ok(true),
            Err(CallError::Forbidden(why)) => {
                tracing::warn!(
                    secret = name,
                    why,
                    "The operator may not hold the Secret for the campaigns that need it"
                );
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the Secrets that are held for a connection to its status.
    pub(super) async fn list_secrets(
        &self,
        connection: &mut KoreConnection,
        secrets_in_use: Vec<String>,
    ) -> Result<(), CallError> {
        let status = connection.status.clone().unwrap_or_default();
        let status = KoreConnectionStatus { secrets_in_use, ..status };
        *connection = self.keeper.kube.replace_status(connection, &status).await?;
        Ok(())
    }
}
