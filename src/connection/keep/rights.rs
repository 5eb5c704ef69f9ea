//! The RoleBinding that gives the operator its rights in a namespace: it must not go before the objects that
//! need these rights.

use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::DynamicObject;
use kube::core::PartialObjectMeta;

use super::in_use::{IN_USE, Unneeded, is_held};
use super::keeper::{Keeper, NamespaceGuard};
use crate::api::{KoreConnection, VoiceCampaign};
use crate::kube_ext::CallError;
use crate::pacing::{LAST_TRY, backoff};

impl Keeper {
    /// Keeps the rights of the operator in a namespace as long as there are VoiceCampaigns in it. Without the
    /// right to do so, it logs a warning.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn keep_rights(&self, namespace: &str) -> Result<(), CallError> {
        match self.lock(namespace).await.keep_rights().await {
            Err(CallError::Forbidden(why)) => {
                tracing::warn!(
                    why,
                    namespace,
                    "The operator may not keep its rights in the namespace until its campaigns are gone"
                );
                Ok(())
            }
            kept => kept,
        }
    }

    /// The same, without relying on what an earlier call has found.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn keep_rights_anew(&self, namespace: &str) -> Result<(), CallError> {
        self.lock(namespace).await.kept.rights = false;
        self.keep_rights(namespace).await
    }

    /// Releases the rights in a namespace once nothing there needs them. Retries for about 20 minutes.
    pub async fn release_rights(&self, namespace: &str) {
        for failures in 1..=LAST_TRY {
            // The lock is not held while this waits for the next try.
            let released = self.lock(namespace).await.release_rights().await;
            match released {
                Ok(()) | Err(CallError::Gone) => return,
                Err(error) => {
                    tracing::warn!(%error, namespace, "The RoleBinding of the operator still carries our finalizer");
                    tokio::time::sleep(backoff(namespace, failures)).await;
                }
            }
        }
    }
}

impl NamespaceGuard<'_> {
    async fn keep_rights(&mut self) -> Result<(), CallError> {
        if self.kept.rights {
            return Ok(());
        }
        let Some(mut binding) = self.role_binding().await? else { return Ok(()) };
        if !IN_USE.is_on(&binding.metadata) && binding.metadata.deletion_timestamp.is_none() {
            let patch = IN_USE.adding(&binding.metadata);
            binding = self.keeper.kube.patch_metadata(&binding.metadata, patch).await?;
        }
        self.kept.rights = IN_USE.is_on(&binding.metadata);
        Ok(())
    }

    /// Releases the rights, unless the API server knows VoiceCampaigns or held connections in the namespace.
    async fn release_rights(&mut self) -> Result<(), CallError> {
        self.kept.rights = false;
        let binding = match self.role_binding().await {
            Ok(Some(binding)) => binding,
            Ok(None) => return Ok(()),
            // With the last of its finalizers the namespace may be gone, and the rights with it.
            Err(CallError::Forbidden(why)) => {
                tracing::info!(
                    error = %why, namespace = self.namespace,
                    "The API server denies reading the operator's RoleBinding, as it does once the namespace is gone"
                );
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let permit = Unneeded::as_the_api_server_says();
        let Some(patch) = IN_USE.removing(&binding.metadata, permit) else { return Ok(()) };
        let kube = &self.keeper.kube;
        let campaigns = kube.list_raw::<VoiceCampaign>(&self.namespace).await?;
        let connections = kube.list_raw::<KoreConnection>(&self.namespace).await?;
        // Objects of another instance need the RoleBinding of that one.
        let ours = |object: &&DynamicObject| self.keeper.selected.selects(*object);
        if campaigns.iter().any(|campaign| ours(&campaign)) || connections.iter().filter(ours).any(is_held) {
            return Ok(());
        }
        kube.patch_metadata::<RoleBinding>(&binding.metadata, patch).await.map(drop)
    }

    async fn role_binding(&self) -> Result<Option<PartialObjectMeta<RoleBinding>>, CallError> {
        match &self.keeper.role_binding {
            Some(name) => self.keeper.kube.find_metadata::<RoleBinding>(&self.namespace, name).await,
            None => Ok(None),
        }
    }
}
