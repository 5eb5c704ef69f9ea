//! The objects that still need the operator to remove its finalizer, whether or not they fit their schema.

use std::collections::BTreeSet;

use anyhow::ensure;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource, ResourceExt};
use tokio::time::sleep;

use super::patience::PAUSE;
use crate::api::{KoreConnection, PROTECT, VoiceCampaign};
use crate::connection::{IN_USE, is_held, secrets_in_use};
use crate::kube_ext::{Selected, prune};

/// Objects of one page of a list.
const PAGE: u32 = 500;
/// How often a list is begun anew that was cut, or took too long.
const TRIES: u32 = 20;
/// Objects that are named before the others are counted.
const NAMED: usize = 20;

/// What is left, as far as it can be seen.
#[derive(Debug)]
pub struct Found<T> {
    /// The objects.
    pub objects: Vec<T>,
    /// Namespaces that are being deleted, and have taken the right to look at what is left in them with them.
    pub hidden: BTreeSet<String>,
}

impl<T> Found<T> {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.hidden.is_empty()
    }

    /// The objects, if all can be seen.
    ///
    /// # Errors
    /// If some can't be.
    pub fn all(self) -> anyhow::Result<Vec<T>> {
        ensure!(self.hidden.is_empty(), "{}", hidden_in_words(&self.hidden));
        Ok(self.objects)
    }
}

/// Finds what is left where an operator works.
pub struct Left {
    client: Client,
    scopes: Vec<Option<String>>,
    selected: Selected,
    role_binding: Option<String>,
}

impl Left {
    /// Looks in these namespaces (in all, if there are none) for objects with these labels, and for the
    /// operator's RoleBinding of this name.
    pub fn new(
        client: Client,
        namespaces: &[String],
        selected: &Selected,
        role_binding: Option<&str>,
    ) -> Self {
        let scopes = match namespaces {
            [] => vec![None],
            namespaces => namespaces.iter().cloned().map(Some).collect(),
        };
        Self { client, scopes, selected: selected.clone(), role_binding: role_binding.map(ToOwned::to_owned) }
    }

    /// The VoiceCampaigns.
    ///
    /// # Errors
    /// If the API server can't be asked.
    pub async fn campaigns(&self) -> kube::Result<Found<DynamicObject>> {
        self.list::<VoiceCampaign>(&self.of_this_instance()).await
    }

    /// The KoreConnections.
    ///
    /// # Errors
    /// If the API server can't be asked.
    pub async fn connections(&self) -> kube::Result<Found<DynamicObject>> {
        self.list::<KoreConnection>(&self.of_this_instance()).await
    }

    /// The KoreConnections that are held, or whose Secrets are.
    ///
    /// # Errors
    /// If the API server can't be asked.
    pub async fn held_connections(&self) -> kube::Result<Found<DynamicObject>> {
        let mut connections = self.connections().await?;
        connections.objects.retain(is_held);
        Ok(connections)
    }

    /// The RoleBindings of the operator that are held.
    ///
    /// # Errors
    /// If the API server can't be asked.
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
                    self.excuse(kube::Error::Api(status), Some(namespace), &mut held.hidden).await?;
                }
                found => held.objects.extend(found?.filter(|binding| IN_USE.is_on(&binding.metadata))),
            }
        }
        Ok(held)
    }

    /// Deletes these VoiceCampaigns, but for those that are being deleted already. What the API server says
    /// of the first one that it refuses.
    ///
    /// # Errors
    /// If the API server can't be asked.
    pub async fn delete(&self, campaigns: &[DynamicObject]) -> kube::Result<Option<String>> {
        let mut refusal = None;
        for campaign in campaigns.iter().filter(|campaign| campaign.metadata.deletion_timestamp.is_none()) {
            let this_one = Preconditions { uid: campaign.uid(), resource_version: None };
            let parameters = DeleteParams { preconditions: Some(this_one), ..DeleteParams::default() };
            match self
                .api::<VoiceCampaign>(campaign.namespace().as_deref())
                .delete(&campaign.name_any(), &parameters)
                .await
            {
                Ok(_) => {}
                // Somebody was faster.
                Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
                Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_invalid() => {
                    refusal.get_or_insert(status.message);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(refusal)
    }

    /// Namespace and name of each Secret that connections of other instances need.
    ///
    /// # Errors
    /// If the API server can't be asked.
    pub async fn secrets_of_others(&self) -> anyhow::Result<BTreeSet<(String, String)>> {
        if self.selected.selects_all() {
            return Ok(BTreeSet::new());
        }
        let all = self.list::<KoreConnection>(&ListParams::default()).await?.all()?;
        let others = all.into_iter().filter(|connection| !self.selected.selects(connection));
        Ok(others
            .flat_map(|other| {
                let namespace = other.namespace().unwrap_or_default();
                secrets_in_use(&other).into_iter().map(move |name| (namespace.clone(), name))
            })
            .collect())
    }

    fn of_this_instance(&self) -> ListParams {
        ListParams::default().labels_from(self.selected.selector())
    }

    async fn list<K: Resource<DynamicType = ()>>(
        &self,
        which: &ListParams,
    ) -> kube::Result<Found<DynamicObject>> {
        let (mut all, mut hidden) = (Vec::new(), BTreeSet::new());
        for scope in &self.scopes {
            let (begun, mut failures) = (all.len(), 0);
            let mut parameters = which.clone().limit(PAGE);
            loop {
                let page = match self.api::<K>(scope.as_deref()).list(&parameters).await {
                    Ok(page) => page,
                    Err(kube::Error::Api(status)) => match status.code {
                        // Without a definition there are no objects.
                        404 => break,
                        403 => {
                            let refused = kube::Error::Api(status);
                            self.excuse(refused, scope.as_deref(), &mut hidden).await?;
                            break;
                        }
                        // It took too long, and begins anew.
                        410 if failures < TRIES => {
                            failures += 1;
                            all.truncate(begun);
                            parameters.continue_token = None;
                            sleep(PAUSE).await;
                            continue;
                        }
                        _ => return Err(kube::Error::Api(status)),
                    },
                    Err(error) if failures >= TRIES => return Err(error),
                    Err(_) => {
                        failures += 1;
                        sleep(PAUSE).await;
                        continue;
                    }
                };
                all.extend(page.items.into_iter().map(|mut object| {
                    prune(&mut object);
                    object
                }));
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => parameters.continue_token = Some(token),
                    None => break,
                }
            }
        }
        Ok(Found { objects: all, hidden })
    }

    /// With a namespace, the rights in it are gone: there is nothing left in it, or that is hidden while it
    /// is being deleted.
    async fn excuse(
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
            // It can't be said.
            Err(kube::Error::Api(status)) if status.is_forbidden() => Err(refused),
            Err(error) => Err(error),
        }
    }

    fn api<K: Resource<DynamicType = ()>>(&self, namespace: Option<&str>) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<K>(&());
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }
}

/// Whether its owner has protected it from deletion; one that is being deleted already is not protected any
/// more.
pub fn is_protected(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_none()
        && object.annotations().get(PROTECT).is_some_and(|protect| protect == "true")
}

/// Namespace and name.
pub fn name(object: &DynamicObject) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

/// Where something may be left that can't be seen.
pub fn hidden_in_words(hidden: &BTreeSet<String>) -> String {
    let names: Vec<&str> = hidden.iter().map(String::as_str).collect();
    format!(
        "what is left in namespaces that are being deleted can't be seen, because the right to look has gone with them: {}",
        names.join(", ")
    )
}

/// Which VoiceCampaigns are left, and why.
pub fn in_words(Found { objects: campaigns, hidden }: &Found<DynamicObject>) -> String {
    let mut lines = vec![format!("VoiceCampaigns that are left: {}", campaigns.len())];
    lines.extend(campaigns.iter().take(NAMED).map(|campaign| {
        let state =
            if campaign.metadata.deletion_timestamp.is_some() { "is being deleted" } else { "is there" };
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
        lines.push(format!("  {}", hidden_in_words(hidden)));
    }
    lines.join("\n")
}

/// The reason of its condition `Ready`.
fn reason(campaign: &DynamicObject) -> Option<&str> {
    let conditions = campaign.data["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == "Ready")?["reason"].as_str()
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
        let words = in_words(&Found { objects, hidden: BTreeSet::new() });
        assert!(
            words.contains("left: 22\n  m/c0 is being deleted (ServiceUnavailable)\n  m/c1 is there"),
            "{words}"
        );
        assert!(words.ends_with("m/c19 is there (ServiceUnavailable)\n  and 2 more"), "{words}");
    }
}
