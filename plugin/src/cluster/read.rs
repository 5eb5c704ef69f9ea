use std::fmt::Debug;

use anyhow::ensure;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use voicecampaign_operator::api::{GROUP, VoiceCampaign};
use voicecampaign_operator::kube_ext::{self, Dated, Selected};

use super::connect::Cluster;
use super::refusal::{explain, is_missing};
use crate::output::object_name;

/// One namespace, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The namespace of this name.
    Namespace(String),
    /// All of the cluster.
    All,
}

impl Scope {
    /// Whether a namespace is in it.
    pub fn has(&self, namespace: &str) -> bool {
        match self {
            Self::Namespace(name) => name == namespace,
            Self::All => true,
        }
    }

    /// In words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Namespace(name) => format!("in the namespace {name}"),
            Self::All => "in all namespaces".to_owned(),
        }
    }
}

impl Cluster {
    /// The objects of a kind in a scope.
    pub fn api<K>(&self, scope: &Scope) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match scope {
            Scope::Namespace(name) => Api::namespaced(self.client(), name),
            Scope::All => Api::all(self.client()),
        }
    }

    /// Lists objects page by page, so that ten thousand do not have to be in memory.
    ///
    /// # Errors
    /// If a page can't be read: which right is missing.
    pub async fn each<K>(
        &self,
        scope: &Scope,
        selector: Option<&str>,
        take: impl FnMut(K),
    ) -> anyhow::Result<()>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let doing = || format!("can't list {} {}", K::plural(&()), scope.in_words());
        let listed = kube_ext::each(&self.api::<K>(scope), selector, take).await;
        listed.map_err(|error| explain(&error, &doing()))
    }

    /// The names of the VoiceCampaigns of the namespace with these labels.
    ///
    /// # Errors
    /// If there is none, or they can't be listed.
    pub async fn selected(&self, selector: &Selected) -> anyhow::Result<Vec<String>> {
        let scope = Scope::Namespace(self.namespace().to_owned());
        let mut names = Vec::new();
        let take = |object: Dated<VoiceCampaign>| names.push(object.name_any());
        self.each(&scope, Some(&selector.to_string()), take).await?;
        ensure!(!names.is_empty(), "no VoiceCampaign {} has these labels", scope.in_words());
        Ok(names)
    }

    /// An object; `None` if there is none of this name.
    ///
    /// # Errors
    /// If it can't be read: which right is missing.
    pub async fn find<K>(&self, namespace: &str, name: &str) -> anyhow::Result<Option<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        if object_name(name).is_err() {
            // It would go into the path of the request.
            return Ok(None);
        }
        let api = self.api::<K>(&Scope::Namespace(namespace.to_owned()));
        let doing = || format!("can't read {} {namespace}/{name}", K::kind(&()));
        match api.get(name).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(explain(&error, &doing())),
        }
    }

    /// Whether there is a namespace; `None` if the user may not read it.
    ///
    /// # Errors
    /// If the API server does not say.
    pub async fn has_namespace(&self, name: &str) -> anyhow::Result<Option<bool>> {
        let namespaces: Api<Namespace> = Api::all(self.client());
        match namespaces.get_metadata_opt(name).await {
            Ok(found) => Ok(Some(found.is_some())),
            Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(None),
            Err(error) => Err(explain(&error, &format!("can't read the namespace {name}"))),
        }
    }

    /// Whether the user has a right to VoiceCampaigns in a scope.
    ///
    /// # Errors
    /// If the API server does not say.
    pub async fn may(&self, verb: &str, scope: &Scope) -> anyhow::Result<bool> {
        let namespace = match scope {
            Scope::Namespace(name) => Some(name.clone()),
            Scope::All => None,
        };
        let attributes = ResourceAttributes {
            group: Some(GROUP.to_owned()),
            resource: Some("voicecampaigns".to_owned()),
            verb: Some(verb.to_owned()),
            namespace,
            ..ResourceAttributes::default()
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
            ..SelfSubjectAccessReview::default()
        };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client());
        let reviewed = reviews.create(&PostParams::default(), &review).await;
        let reviewed =
            reviewed.map_err(|error| explain(&error, "can't ask the API server for your rights"))?;
        Ok(reviewed.status.is_some_and(|status| status.allowed))
    }
}
