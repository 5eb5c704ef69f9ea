use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::api::DynamicObject;

use super::in_use::{IN_USE, Release, Unneeded, is_held, secrets_in_use};
use super::keeper::NamespaceGuard;
use crate::api::{KoreConnection, VoiceCampaign};
use crate::kube_ext::CallError;

impl NamespaceGuard<'_> {
    /// Takes the finalizer off a connection and its Secrets, unless the API server knows somebody who needs
    /// them. Updates `connection` to what the API server returns.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn release(&mut self, connection: &mut KoreConnection) -> Result<Release, CallError> {
        let listed = secrets_in_use(connection);
        let named = &connection.spec.credentials_secret_ref.name.clone();
        // A copy or a backup restores the finalizer of a Secret, but not the status of its connection.
        let unlisted = !listed.contains(named) && self.carries_finalizer(named).await?;
        if !IN_USE.is_on(&connection.metadata) && listed.is_empty() && !unlisted {
            return Ok(Release::Released);
        }
        if let Some(why) = self.needed(&connection.name_any()).await? {
            return Ok(Release::Held(why));
        }
        self.forget(&connection.name_any());
        if unlisted && let Release::Held(why) = self.release_secret(connection.uid(), named).await? {
            tracing::warn!(
                secret = named,
                why,
                "Nobody needs the Secret, but it still carries our finalizer"
            );
        }
        if let Release::Held(why) = self.release_secrets(connection, None).await? {
            return Ok(Release::Held(why));
        }
        if let Some(patch) = IN_USE.removing(&connection.metadata, Unneeded::as_the_api_server_says()) {
            *connection = self.keeper.kube.patch(connection, patch).await?;
        }
        Ok(Release::Released)
    }

    /// Takes the finalizer off a connection that does not fit its schema, and off its Secrets, unless the API
    /// server knows somebody who needs them. Its status lists no Secrets any more then.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn release_invalid(&mut self, connection: &mut DynamicObject) -> Result<Release, CallError> {
        let (name, secrets) = (connection.name_any(), secrets_in_use(connection));
        self.forget(&name);
        if !is_held(connection) {
            return Ok(Release::Released);
        }
        if let Some(why) = self.needed(&name).await? {
            return Ok(Release::Held(why));
        }
        if let Release::Held(why) = self.release_all_secrets(connection.uid(), &secrets).await? {
            return Ok(Release::Held(why));
        }
        match self.remove_finalizer_of_invalid(connection).await {
            Ok(()) => Ok(Release::Released),
            // The CRD is so strict that the API server accepts no change of the object; or a policy denies
            // it.
            Err(CallError::Refused(why) | CallError::Forbidden(why)) => {
                Ok(Release::Held(format!("the API server refuses it: {why}")))
            }
            Err(error) => Err(error),
        }
    }

    async fn remove_finalizer_of_invalid(&self, connection: &mut DynamicObject) -> Result<(), CallError> {
        let kube = &self.keeper.kube;
        // The status of an object that is being deleted goes with it; writing that first could fail.
        let mut status = connection.data["status"].clone();
        if connection.metadata.deletion_timestamp.is_none()
            && status.as_object_mut().is_some_and(|status| status.remove("secretsInUse").is_some())
        {
            *connection = kube.replace_raw_status::<KoreConnection>(connection, &status).await?;
        }
        if let Some(patch) = IN_USE.removing(&connection.metadata, Unneeded::as_the_api_server_says()) {
            let written = kube.patch_metadata::<KoreConnection>(&connection.metadata, patch).await?;
            connection.metadata = written.metadata;
        }
        Ok(())
    }

    /// Takes the finalizer off the Secrets of a connection that was removed although it was in use: no object
    /// lists them any more.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn release_orphaned(
        &mut self,
        connection: &ObjectMeta,
        secrets: &[String],
    ) -> Result<Release, CallError> {
        self.forget(connection.name.as_deref().unwrap_or_default());
        self.release_all_secrets(connection.uid.clone(), secrets).await
    }

    /// The VoiceCampaign that needs a connection, if the API server knows one.
    async fn needed(&self, connection: &str) -> Result<Option<String>, CallError> {
        let fields = format!("spec.connectionRef.name={connection}");
        let campaigns =
            self.keeper.kube.select::<VoiceCampaign>(&self.namespace, &self.namespace, &fields).await?;
        let needs = campaigns.iter().find(|campaign| match &campaign.0 {
            Ok(campaign) => campaign.spec.connection_ref.name == connection && (self.keeper.needs)(campaign),
            // An object that does not fit its schema may need it.
            Err(_) => true,
        });
        Ok(needs.map(|campaign| format!("the VoiceCampaign {} needs it", campaign.name_any())))
    }

    /// Whether a Secret carries our finalizer, as far as the operator may read it.
    async fn carries_finalizer(&self, secret: &str) -> Result<bool, CallError> {
        match self.keeper.kube.find_metadata::<Secret>(&self.namespace, secret).await {
            Ok(secret) => Ok(secret.is_some_and(|secret| IN_USE.is_on(&secret.metadata))),
            Err(CallError::Forbidden(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Releases the Secrets that a connection lists, except for one, and lists those that are still held.
    pub(super) async fn release_secrets(
        &self,
        connection: &mut KoreConnection,
        except: Option<&str>,
    ) -> Result<Release, CallError> {
        let listed = secrets_in_use(connection);
        let (mut still, mut result) = (Vec::new(), Release::Released);
        for secret in &listed {
            if except == Some(secret.as_str()) {
                still.push(secret.clone());
            } else if let Release::Held(why) = self.release_secret(connection.uid(), secret).await? {
                still.push(secret.clone());
                result = Release::Held(why);
            }
        }
        // The status of an object that is being deleted goes with it: nothing waits for that.
        let goes = still.is_empty() && connection.metadata.deletion_timestamp.is_some();
        if still != listed
            && let Err(error) = self.list_secrets(connection, still).await
        {
            if !goes {
                return Err(error);
            }
            tracing::warn!(%error, "Could not write that the Secrets of the connection are released");
        }
        Ok(result)
    }

    /// Releases Secrets of the connection with this uid.
    async fn release_all_secrets(
        &self,
        connection: Option<String>,
        secrets: &[String],
    ) -> Result<Release, CallError> {
        let mut result = Release::Released;
        for secret in secrets {
            if let Release::Held(why) = self.release_secret(connection.clone(), secret).await? {
                result = Release::Held(why);
            }
        }
        Ok(result)
    }

    /// Takes the finalizer off a Secret, unless a connection of the namespace other than that of the uid
    /// lists the Secret, and will release it later.
    async fn release_secret(&self, connection: Option<String>, name: &str) -> Result<Release, CallError> {
        let kube = &self.keeper.kube;
        let connections = kube.list_raw::<KoreConnection>(&self.namespace).await?;
        let mut others = connections.iter().filter(|other| other.uid() != connection);
        if others.any(|other| secrets_in_use(other).iter().any(|secret| secret == name)) {
            return Ok(Release::Released);
        }
        let secret = match kube.find_metadata::<Secret>(&self.namespace, name).await {
            Ok(Some(secret)) => secret,
            Ok(None) => return Ok(Release::Released),
            Err(CallError::Forbidden(why)) => return Ok(Release::Held(not_allowed(name, &why))),
            Err(error) => return Err(error),
        };
        let Some(patch) = IN_USE.removing(&secret.metadata, Unneeded::as_the_api_server_says()) else {
            return Ok(Release::Released);
        };
        // If the Secret is gone by now, the next pass finds that.
        match kube.patch_metadata::<Secret>(&secret.metadata, patch).await {
            Ok(_) => Ok(Release::Released),
            Err(CallError::Forbidden(why) | CallError::Refused(why)) => {
                Ok(Release::Held(not_allowed(name, &why)))
            }
            Err(error) => Err(error),
        }
    }
}

fn not_allowed(secret: &str, why: &str) -> String {
    format!("the operator may not remove its finalizer from the Secret {secret}: {why}")
}
