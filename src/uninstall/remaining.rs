//! The objects that still need the operator to remove its finalizer, whether or not they fit their schema.

use std::collections::BTreeSet;

use anyhow::ensure;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::Value;
use tokio::time::sleep;

use super::retry::PAUSE;
use crate::api::{self, KoreConnection, Reason, VoiceCampaign};
use crate::connection::{IN_USE, is_held, secrets_in_use};
use crate::kube_ext::{Pruned, Selected};

/// Objects per page of a list.
const PAGE: u32 = 500;
/// How often a page is read again, or a list begun again whose continue token has expired.
const RETRIES: u32 = 20;
/// How many objects to name; the others are only counted.
const NAMED: usize = 20;

/// Objects that are left, as far as they can be listed.
#[derive(Debug)]
pub struct Found<T> {
    /// The objects that could be listed.
    pub objects: Vec<T>,
    /// Namespaces that are being deleted, and with them the permission to list their objects.
    pub hidden: BTreeSet<String>,
}

/// A Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl<T> Found<T> {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.hidden.is_empty()
    }

    /// The objects, if all could be listed.
    ///
    /// # Errors
    /// If some could not.
    pub fn all(self) -> anyhow::Result<Vec<T>> {
        ensure!(self.hidden.is_empty(), "{}", describe_hidden(&self.hidden));
        Ok(self.objects)
    }
}

/// Lists the objects of an operator that are left.
pub struct Remaining {
    client: Client,
    scopes: Vec<Option<String>>,
    selected: Selected,
    role_binding: Option<String>,
}

impl Remaining {
    /// Lists the selected objects in these namespaces (in all, if there are none), and the operator's
    /// RoleBinding of this name.
    pub fn new(
        client: Client,
        namespaces: &[String],
        selected: &Selected,
        role_binding: Option<&str>,
    ) -> Self {
        let scopes = match namespaces {
            [] => vec![None],
            namespaces => namespaces.iter().collect::<BTreeSet<_>>().into_iter().cloned().map(Some).collect(),
        };
        Self { client, scopes, selected: selected.clone(), role_binding: role_binding.map(ToOwned::to_owned) }
    }

    /// The VoiceCampaigns of this operator.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn campaigns(&self) -> kube::Result<Found<DynamicObject>> {
        self.list::<VoiceCampaign>(&self.selected()).await
    }

    /// The KoreConnections of this operator.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn connections(&self) -> kube::Result<Found<DynamicObject>> {
        self.list::<KoreConnection>(&self.selected()).await
    }

    /// The KoreConnections of this operator that have its finalizer, or whose Secrets have it.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn held_connections(&self) -> kube::Result<Found<DynamicObject>> {
        let mut connections = self.connections().await?;
        connections.objects.retain(is_held);
        Ok(connections)
    }

    /// The RoleBindings of this operator that have its finalizer.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn held_bindings(&self) -> kube::Result<Found<PartialObjectMeta<RoleBinding>>> {
        let mut held = Found { objects: Vec::new(), hidden: BTreeSet::new() };
        for (name, namespace) in self
            .role_binding
            .iter()
            .flat_map(|name| self.scopes.iter().flatten().map(move |namespace| (name, namespace)))
        {
            let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), namespace);
            match api.get_metadata_opt(name).await {
                Err(kube::Error::Api(status)) if status.is_forbidden() => {
                    self.accept_forbidden(kube::Error::Api(status), Some(namespace), &mut held.hidden)
                        .await?;
                }
                found => held.objects.extend(found?.filter(|binding| IN_USE.is_on(&binding.metadata))),
            }
        }
        Ok(held)
    }

    /// Deletes these VoiceCampaigns, but for those that are being deleted already. Returns the message of
    /// the first deletion that the API server rejects.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn delete(&self, campaigns: &[DynamicObject]) -> kube::Result<Option<String>> {
        let mut rejected = None;
        for campaign in campaigns.iter().filter(|campaign| campaign.metadata.deletion_timestamp.is_none()) {
            let this_one = Preconditions { uid: campaign.uid(), resource_version: None };
            let parameters = DeleteParams { preconditions: Some(this_one), ..DeleteParams::default() };
            match self
                .api::<VoiceCampaign>(campaign.namespace().as_deref())
                .delete(&campaign.name_any(), &parameters)
                .await
            {
                Ok(_) => {}
                // Another client has deleted it, or another object has its name by now.
                Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
                Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_invalid() => {
                    rejected.get_or_insert(status.message);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(rejected)
    }

    /// The Secrets that connections of other instances use.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn secrets_of_others(&self) -> anyhow::Result<BTreeSet<SecretName>> {
        if self.selected.selects_all() {
            return Ok(BTreeSet::new());
        }
        let all = self.list::<KoreConnection>(&ListParams::default()).await?.all()?;
        let others = all.into_iter().filter(|connection| !self.selected.selects(connection));
        Ok(others
            .flat_map(|other| {
                let namespace = other.namespace().unwrap_or_default();
                secrets_of(&other)
                    .into_iter()
                    .map(move |name| SecretName { namespace: namespace.clone(), name })
            })
            .collect())
    }

    fn selected(&self) -> ListParams {
        ListParams::default().labels_from(self.selected.selector())
    }

    async fn list<K: Resource<DynamicType = ()>>(
        &self,
        which: &ListParams,
    ) -> kube::Result<Found<DynamicObject>> {
        let mut found = Found { objects: Vec::new(), hidden: BTreeSet::new() };
        for scope in &self.scopes {
            let namespace = scope.as_deref();
            match self.list_in::<K>(namespace, which, &mut found.objects).await {
                Ok(()) => {}
                Err(kube::Error::Api(status)) if status.code == 403 => {
                    let forbidden = kube::Error::Api(status);
                    self.accept_forbidden(forbidden, namespace, &mut found.hidden).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Lists the objects of one namespace, or of all, page by page.
    async fn list_in<K: Resource<DynamicType = ()>>(
        &self,
        namespace: Option<&str>,
        which: &ListParams,
        objects: &mut Vec<DynamicObject>,
    ) -> kube::Result<()> {
        let (before, mut failures) = (objects.len(), 0);
        let mut parameters = which.clone().limit(PAGE);
        loop {
            let page = match self.api::<K>(namespace).list(&parameters).await {
                Ok(page) => page,
                // Without a CRD there are no objects.
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
                // The continue token has expired: the list begins again.
                Err(kube::Error::Api(status)) if status.code == 410 && failures < RETRIES => {
                    failures += 1;
                    objects.truncate(before);
                    parameters.continue_token = None;
                    sleep(PAUSE).await;
                    continue;
                }
                Err(error @ kube::Error::Api(_)) => return Err(error),
                Err(error) if failures >= RETRIES => return Err(error),
                Err(_) => {
                    failures += 1;
                    sleep(PAUSE).await;
                    continue;
                }
            };
            objects.extend(page.items.into_iter().map(Pruned::into_inner));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters.continue_token = Some(token),
                None => return Ok(()),
            }
        }
    }

    /// Accepts a 403 for a namespace that is gone, which has nothing left; and for one that is being
    /// deleted, whose objects are hidden. The permissions in a namespace are deleted with it.
    async fn accept_forbidden(
        &self,
        refused: kube::Error,
        namespace: Option<&str>,
        hidden: &mut BTreeSet<String>,
    ) -> kube::Result<()> {
        let Some(name) = namespace else { return Err(refused) };
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        match namespaces.get_metadata_opt(name).await {
            Ok(None) => Ok(()),
            Ok(Some(found)) if found.metadata.deletion_timestamp.is_some() => {
                hidden.insert(name.to_owned());
                Ok(())
            }
            Ok(Some(_)) => Err(refused),
            // Whether the namespace exists is unknown.
            Err(kube::Error::Api(status)) if status.is_forbidden() => Err(refused),
            Err(error) => Err(error),
        }
    }

    fn api<K: Resource<DynamicType = ()>>(&self, namespace: Option<&str>) -> Api<Pruned<DynamicObject>> {
        let resource = ApiResource::erase::<K>(&());
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }
}

/// Whether a user has protected it from deletion. An object that is being deleted is not protected any more.
pub fn is_protected(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_none() && api::is_protected(&object.metadata)
}

/// The Secrets that have the finalizer for a connection, or get it: those of its status, and that of its
/// spec.
pub fn secrets_of(connection: &DynamicObject) -> BTreeSet<String> {
    let named = connection.data["spec"]["credentialsSecretRef"]["name"].as_str().map(ToOwned::to_owned);
    secrets_in_use(connection).into_iter().chain(named).collect()
}

/// Namespace and name.
pub fn name(object: &DynamicObject) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

/// Describes namespaces whose objects can't be listed.
pub fn describe_hidden(hidden: &BTreeSet<String>) -> String {
    let names: Vec<&str> = hidden.iter().map(String::as_str).collect();
    format!(
        "what is left in namespaces that are being deleted is unknown, because the permission to list it was deleted with \
         them: {}",
        names.join(", ")
    )
}

/// Describes which VoiceCampaigns are left, and why.
pub fn describe(Found { objects: campaigns, hidden }: &Found<DynamicObject>) -> String {
    let mut lines = vec![format!("VoiceCampaigns that are left: {}", campaigns.len())];
    lines.extend(campaigns.iter().take(NAMED).map(|campaign| {
        let state =
            if campaign.metadata.deletion_timestamp.is_some() { "is being deleted" } else { "exists" };
        format!(
            "  {} {state}{}",
            name(campaign),
            reason(campaign).map_or(String::new(), |reason| format!(" ({reason})"))
        )
    }));
    if campaigns.len() > NAMED {
        lines.push(format!("  and {} more", campaigns.len() - NAMED));
    }
    if !hidden.is_empty() {
        lines.push(format!("  {}", describe_hidden(hidden)));
    }
    lines.join("\n")
}

/// What becomes of the deletions that are not over, and what to do.
pub fn outlook(campaigns: &[DynamicObject]) -> String {
    let held = campaigns.iter().filter(|campaign| condition(campaign, "Stalled").is_some()).count();
    let braked = campaigns.iter().any(|campaign| reason(campaign) == Some(Reason::MassDeletion.as_str()));
    let approve =
        if braked { "; `kubectl vcamp approve CONNECTION` lets those go that a brake holds" } else { "" };
    let held = match held {
        0 => return "Their deletion continues; uninstall again later, or with a longer uninstall.timeoutSeconds \
                     (--timeout-seconds)"
            .to_owned(),
        _ if held == campaigns.len() => "All of them are held until somebody acts".to_owned(),
        held => format!("{held} of them are held until somebody acts, and the deletion of the others continues"),
    };
    format!("{held} (`kubectl vcamp why NAME` says what to do{approve}). Then uninstall again")
}

/// The reason of the condition `Ready`.
fn reason(campaign: &DynamicObject) -> Option<&str> {
    condition(campaign, "Ready")?["reason"].as_str()
}

/// A condition, by its type. What the operator stalls has the condition `Stalled`, which is always true.
fn condition<'a>(campaign: &'a DynamicObject, type_: &str) -> Option<&'a Value> {
    let conditions = campaign.data["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == type_)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_left_is_named_and_the_rest_counted() {
        let campaign = |number: usize| {
            serde_json::from_value(
                json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
                "metadata": {"name": format!("c{number}"), "namespace": "m",
                    "deletionTimestamp": (number == 0).then_some("2026-11-25T00:00:00Z")},
                "status": {"conditions": [{"type": "Ready", "reason": "ServiceUnavailable"}]}}),
            )
            .unwrap()
        };
        let objects = (0..22).map(campaign).collect::<Vec<DynamicObject>>();
        let words = describe(&Found { objects, hidden: BTreeSet::new() });
        assert!(
            words.contains("left: 22\n  m/c0 is being deleted (ServiceUnavailable)\n  m/c1 exists"),
            "{words}"
        );
        assert!(words.ends_with("m/c19 exists (ServiceUnavailable)\n  and 2 more"), "{words}");
    }

    #[test]
    fn what_waits_for_somebody_is_not_said_to_go_on() {
        let left = |reason: &str, stalled: bool| -> DynamicObject {
            let mut conditions = vec![json!({"type": "Ready", "status": "False", "reason": reason})];
            conditions
                .extend(stalled.then(|| json!({"type": "Stalled", "status": "True", "reason": reason})));
            serde_json::from_value(
                json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
                "metadata": {"name": "c", "namespace": "m"}, "status": {"conditions": conditions}}),
            )
            .unwrap()
        };
        let [waits, braked] = [left("WaitingForQuota", false), left("MassDeletion", true)];
        let suspended = left("Suspended", true);
        assert!(outlook(std::slice::from_ref(&waits)).starts_with("Their deletion continues"));
        let all = outlook(&[braked.clone(), suspended.clone()]);
        assert!(all.starts_with("All of them are held") && all.contains("vcamp approve"), "{all}");
        let some = outlook(&[waits, suspended]);
        assert!(
            some.starts_with("1 of them are held until somebody acts, and") && !some.contains("approve"),
            "{some}"
        );
    }
}
