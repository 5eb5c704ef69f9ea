//! The finalizer `in-use`: a connection and its Secret stay as long as a VoiceCampaign needs them; and so does, where the operator has its
//! rights by a RoleBinding in each namespace, that RoleBinding: when a namespace is deleted, it would go first.
//!
//! It is put on before the campaign's own finalizer, and taken off after it. Within this process everything about the
//! connections of a namespace is done one after the other; and before it is taken off, the API server is asked, not the
//! cache. So a campaign that comes while the last one goes finds its connection kept.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::api::{DynamicObject, PartialObjectMetaExt};
use kube::core::PartialObjectMeta;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::api::{KoreConnection, KoreConnectionStatus, VoiceCampaign};
use crate::kube_ext::{AllMayGo, CallError, Finalizer, Kube, Selected};

/// The finalizer that holds a connection, its Secret, and the rights to them; taking it off takes [`Unneeded`].
pub const IN_USE: Finalizer<Unneeded> = Finalizer::new("voicecampaign.dev/in-use");

/// The API server was asked, and knows nobody who needs the object any more; or an administrator lets everything go. Only this module makes
/// one.
#[derive(Clone, Copy, Debug)]
pub struct Unneeded(());

impl Unneeded {
    /// The administrator has all campaigns left alone: nobody will ask Kore for anything.
    pub fn as_all_may_go(_consent: &AllMayGo) -> Self {
        Self(())
    }
}

/// Puts `in-use` on and takes it off.
pub struct Keeper {
    kube: Kube,
    needs: Needs,
    /// Name of the RoleBinding in each namespace that gives the operator its rights there, if they rest on one.
    role_binding: Option<String>,
    selected: Selected,
    namespaces: std::sync::Mutex<HashMap<String, Arc<Mutex<Kept>>>>,
}

/// Whether a campaign needs its connection.
type Needs = fn(&VoiceCampaign) -> bool;

/// What of a namespace is known to be kept.
#[derive(Default)]
struct Kept {
    /// The connections: uid and Secret by name.
    connections: HashMap<String, (Option<String>, String)>,
    /// The rights of the operator.
    rights: bool,
}

/// The connections of a namespace, for one at a time.
pub struct Namespace {
    kube: Kube,
    needs: Needs,
    role_binding: Option<String>,
    selected: Selected,
    name: String,
    kept: OwnedMutexGuard<Kept>,
}

impl Keeper {
    /// Nothing is known to be kept. The function tells whether a campaign needs its connection; the RoleBinding of this name gives the
    /// operator its rights in each namespace, if there is one.
    pub fn new(kube: Kube, needs: Needs, role_binding: Option<String>, selected: Selected) -> Self {
        Self { kube, needs, role_binding, selected, namespaces: std::sync::Mutex::default() }
    }

    /// Waits until nobody else is about the connections of a namespace.
    pub async fn namespace(&self, name: &str) -> Namespace {
        let kept = {
            let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
            namespaces.entry(name.to_owned()).or_default().clone()
        };
        Namespace {
            kube: self.kube.clone(),
            needs: self.needs,
            role_binding: self.role_binding.clone(),
            selected: self.selected.clone(),
            name: name.to_owned(),
            kept: kept.lock_owned().await,
        }
    }
}

impl Namespace {
    /// Whether a connection is known to be kept, as it is.
    pub fn keeps(&self, connection: &KoreConnection) -> bool {
        let (uid, secret) = (connection.uid(), &connection.spec.credentials_secret_ref.name);
        self.kept
            .connections
            .get(&connection.name_any())
            .is_some_and(|kept| kept.0 == uid && kept.1 == *secret)
    }

    /// What was known of a connection holds no more.
    pub fn doubt(&mut self, connection: &str) {
        self.kept.connections.remove(connection);
    }

    /// Keeps the rights of the operator in the namespace, if they rest on a RoleBinding there.
    ///
    /// # Errors
    /// If the API server can't be asked or written to.
    pub async fn keep_rights(&mut self) -> Result<(), CallError> {
        if self.kept.rights {
            return Ok(());
        }
        let Some(mut binding) = self.role_binding().await? else { return Ok(()) };
        if !IN_USE.is_on(&binding.metadata) && binding.metadata.deletion_timestamp.is_none() {
            binding = self.kube.patch_metadata(&binding, IN_USE.adding(&binding.metadata)).await?;
        }
        self.kept.rights = IN_USE.is_on(&binding.metadata);
        Ok(())
    }

    /// Whether the rights are kept is to be looked at again: somebody may have created the RoleBinding anew, or taken the finalizer off.
    pub fn doubt_rights(&mut self) {
        self.kept.rights = false;
    }

    /// Lets the rights in the namespace go, unless there are VoiceCampaigns or held connections in it, as the API server says.
    ///
    /// # Errors
    /// If the API server can't be asked or written to.
    pub async fn release_rights(&mut self) -> Result<(), CallError> {
        self.doubt_rights();
        let Some(binding) = self.role_binding().await? else { return Ok(()) };
        let Some(patch) = IN_USE.removing(&binding.metadata, Unneeded(())) else { return Ok(()) };
        let campaigns = self.kube.list_raw::<VoiceCampaign>(&self.name).await?;
        let connections = self.kube.list_raw::<KoreConnection>(&self.name).await?;
        // Those of another instance need its own RoleBinding.
        let ours = |object: &&DynamicObject| self.selected.selects(*object);
        if campaigns.iter().any(|campaign| ours(&campaign)) || connections.iter().filter(ours).any(is_held) {
            return Ok(());
        }
        self.kube.patch_metadata(&binding, patch).await.map(drop)
    }

    async fn role_binding(&self) -> Result<Option<PartialObjectMeta<RoleBinding>>, CallError> {
        match &self.role_binding {
            Some(name) => self.kube.find_metadata::<RoleBinding>(&self.name, name).await,
            None => Ok(None),
        }
    }

    /// Keeps a connection and its Secret, and returns the connection as it is then.
    ///
    /// Neither can be kept any more once it is being deleted; a Secret that is missing is kept when it is there.
    ///
    /// # Errors
    /// If the API server can't be asked or written to.
    pub async fn keep(&mut self, mut connection: KoreConnection) -> Result<KoreConnection, CallError> {
        let name = connection.spec.credentials_secret_ref.name.clone();
        // First it is written which Secret: after a crash, it must be known which one to let go.
        let listed = secrets_of(&connection);
        if !listed.contains(&name) {
            connection = self.list_secrets(&connection, [listed, vec![name.clone()]].concat()).await?;
        }
        if !IN_USE.is_on(&connection.metadata) && connection.metadata.deletion_timestamp.is_none() {
            connection = self.kube.patch(&connection, IN_USE.adding(&connection.metadata)).await?;
        }
        if !secrets_of(&connection).contains(&name) {
            tracing::error!(
                secret = name,
                "The Secret is not held: the definition of KoreConnection is older than the operator"
            );
            return Ok(connection);
        }
        if self.keep_secret(&name).await? {
            self.kept.connections.insert(connection.name_any(), (connection.uid(), name.clone()));
        }
        // The one before it, if the connection names another now.
        self.let_secrets_go(connection, Some(&name)).await.map(|(connection, _)| connection)
    }

    /// Keeps a Secret. Whether it is kept now.
    async fn keep_secret(&self, name: &str) -> Result<bool, CallError> {
        let secret = match self.kube.find_metadata::<Secret>(&self.name, name).await {
            Ok(Some(secret)) => secret,
            Ok(None) | Err(CallError::Forbidden(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        if IN_USE.is_on(&secret.metadata) || secret.metadata.deletion_timestamp.is_some() {
            return Ok(IN_USE.is_on(&secret.metadata));
        }
        match self.kube.patch_metadata(&secret, IN_USE.adding(&secret.metadata)).await {
            Ok(_) => Ok(true),
            Err(CallError::Forbidden(why)) => {
                tracing::warn!(secret = name, why, "The Secret can't be held for the campaigns that need it");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a Secret carries our finalizer, as far as the operator may see.
    async fn is_kept(&self, secret: &str) -> Result<bool, CallError> {
        match self.kube.find_metadata::<Secret>(&self.name, secret).await {
            Ok(secret) => Ok(secret.is_some_and(|secret| IN_USE.is_on(&secret.metadata))),
            Err(CallError::Forbidden(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets a connection and its Secrets go, unless somebody needs them, as the API server says. Returns the connection as
    /// it is then, and what still holds it.
    ///
    /// # Errors
    /// If the API server can't be asked or written to.
    pub async fn release(
        &mut self,
        connection: KoreConnection,
    ) -> Result<(KoreConnection, Option<String>), CallError> {
        let listed = secrets_of(&connection);
        let named = &connection.spec.credentials_secret_ref.name;
        // A copy or a backup brings the finalizer of a Secret, but no status of the connection.
        let unlisted = !listed.contains(named) && self.is_kept(named).await?;
        if !IN_USE.is_on(&connection.metadata) && listed.is_empty() && !unlisted {
            return Ok((connection, None));
        }
        if let Some(why) = self.needed(&connection.name_any()).await? {
            return Ok((connection, Some(why)));
        }
        self.doubt(&connection.name_any());
        if unlisted && let Some(why) = self.let_secret_go(connection.uid(), named).await? {
            tracing::warn!(secret = named, why, "Nobody needs the Secret, which still carries our finalizer");
        }
        let (connection, held) = self.let_secrets_go(connection, None).await?;
        if held.is_some() {
            return Ok((connection, held));
        }
        match IN_USE.removing(&connection.metadata, Unneeded(())) {
            Some(patch) => Ok((self.kube.patch(&connection, patch).await?, None)),
            None => Ok((connection, None)),
        }
    }

    /// Lets a connection that does not fit its schema go, with its Secrets, unless somebody needs it, as the API server says.
    /// What still holds it. Its status does not list the Secrets any more then.
    ///
    /// # Errors
    /// If the API server can't be asked or written to.
    pub async fn release_invalid(
        &mut self,
        connection: &mut DynamicObject,
    ) -> Result<Option<String>, CallError> {
        let (name, secrets) = (connection.name_any(), raw_secrets_of(connection));
        self.doubt(&name);
        if !is_held(connection) {
            return Ok(None);
        }
        if let Some(why) = self.needed(&name).await? {
            return Ok(Some(why));
        }
        if let Some(why) = self.let_all_go(connection.uid(), &secrets).await? {
            return Ok(Some(why));
        }
        match self.let_invalid_go(connection).await {
            Ok(()) => Ok(None),
            // The definition is so strict that nothing of the object can be changed.
            Err(CallError::Refused(why)) => Ok(Some(format!("the API server refuses it: {why}"))),
            Err(error) => Err(error),
        }
    }

    async fn let_invalid_go(&self, connection: &mut DynamicObject) -> Result<(), CallError> {
        // What is being deleted goes with its status, which somebody may not let us write.
        let mut status = connection.data["status"].clone();
        if connection.metadata.deletion_timestamp.is_none()
            && status.as_object_mut().is_some_and(|status| status.remove("secretsInUse").is_some())
        {
            self.kube.replace_raw_status::<KoreConnection>(connection, &status).await?;
            connection.data["status"] = status;
        }
        if let Some(patch) = IN_USE.removing(&connection.metadata, Unneeded(())) {
            let metadata = connection.metadata.clone().into_response_partial::<KoreConnection>();
            self.kube.patch_metadata(&metadata, patch).await?;
        }
        Ok(())
    }

    /// Who needs a connection, if somebody does, as the API server says.
    async fn needed(&self, connection: &str) -> Result<Option<String>, CallError> {
        let fields = format!("spec.connectionRef.name={connection}");
        let campaigns = self.kube.select::<VoiceCampaign>(&self.name, &fields).await?;
        let needs = campaigns.iter().find(|campaign| match &campaign.0 {
            Ok(campaign) => campaign.spec.connection_ref.name == connection && (self.needs)(campaign),
            // Whatever it is, it is not known to need none.
            Err(_) => true,
        });
        Ok(needs.map(|campaign| format!("the VoiceCampaign {} needs it", campaign.name_any())))
    }

    /// Lets go the Secrets of a connection that went although it was in use: nobody knows of them any more. What still
    /// holds one.
    ///
    /// # Errors
    /// If the API server can't be asked or written to.
    pub async fn orphaned(
        &mut self,
        connection: &ObjectMeta,
        secrets: &[String],
    ) -> Result<Option<String>, CallError> {
        self.doubt(connection.name.as_deref().unwrap_or_default());
        self.let_all_go(connection.uid.clone(), secrets).await
    }

    /// Lets the Secrets of a connection go. What holds one, if something does.
    async fn let_all_go(
        &self,
        connection: Option<String>,
        secrets: &[String],
    ) -> Result<Option<String>, CallError> {
        let mut held = None;
        for secret in secrets {
            held = self.let_secret_go(connection.clone(), secret).await?.or(held);
        }
        Ok(held)
    }

    /// Lets the listed Secrets of a connection go, but for one, and lists what is still held. What holds one that should go.
    async fn let_secrets_go(
        &self,
        connection: KoreConnection,
        but: Option<&str>,
    ) -> Result<(KoreConnection, Option<String>), CallError> {
        let (listed, mut still, mut held) = (secrets_of(&connection), Vec::new(), None);
        for secret in &listed {
            let holds = match but {
                Some(but) if but == secret => None,
                Some(_) | None => Some(self.let_secret_go(connection.uid(), secret).await?),
            };
            match holds {
                None => still.push(secret.clone()),
                Some(Some(why)) => {
                    still.push(secret.clone());
                    held = Some(why);
                }
                Some(None) => {}
            }
        }
        if still == listed {
            return Ok((connection, held));
        }
        Ok((self.list_secrets(&connection, still).await?, held))
    }

    /// Takes `in-use` off a Secret, unless a connection of the namespace other than that of the uid needs it: that one will.
    /// What is in the way, if something is.
    async fn let_secret_go(
        &self,
        connection: Option<String>,
        name: &str,
    ) -> Result<Option<String>, CallError> {
        let connections = self.kube.list_raw::<KoreConnection>(&self.name).await?;
        let mut others = connections.iter().filter(|other| other.uid() != connection);
        if others.any(|other| raw_secrets_of(other).iter().any(|secret| secret == name)) {
            return Ok(None);
        }
        let secret = match self.kube.find_metadata::<Secret>(&self.name, name).await {
            Ok(Some(secret)) => secret,
            Ok(None) => return Ok(None),
            Err(CallError::Forbidden(why)) => return Ok(Some(not_allowed(name, &why))),
            Err(error) => return Err(error),
        };
        let Some(patch) = IN_USE.removing(&secret.metadata, Unneeded(())) else { return Ok(None) };
        // If it is gone by now, the next look finds that.
        match self.kube.patch_metadata(&secret, patch).await {
            Ok(_) => Ok(None),
            Err(CallError::Forbidden(why) | CallError::Refused(why)) => Ok(Some(not_allowed(name, &why))),
            Err(error) => Err(error),
        }
    }

    async fn list_secrets(
        &self,
        connection: &KoreConnection,
        secrets_in_use: Vec<String>,
    ) -> Result<KoreConnection, CallError> {
        let status = connection.status.clone().unwrap_or_default();
        self.kube.replace_status(connection, &KoreConnectionStatus { secrets_in_use, ..status }).await
    }
}

/// The Secrets that are held for a connection that may not fit its schema.
pub fn raw_secrets_of(connection: &DynamicObject) -> Vec<String> {
    let listed = connection.data["status"]["secretsInUse"].as_array().into_iter().flatten();
    listed.filter_map(|secret| secret.as_str().map(ToOwned::to_owned)).collect()
}

/// Whether a connection is held, or its Secrets are.
pub fn is_held(connection: &DynamicObject) -> bool {
    IN_USE.is_on(&connection.metadata) || !raw_secrets_of(connection).is_empty()
}

/// The Secrets that are held for a connection.
pub(super) fn secrets_of(connection: &KoreConnection) -> Vec<String> {
    connection.status.as_ref().map(|status| status.secrets_in_use.clone()).unwrap_or_default()
}

fn not_allowed(secret: &str, why: &str) -> String {
    format!("the operator may not take its finalizer off the Secret {secret}: {why}")
}
