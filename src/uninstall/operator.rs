//! Deletes what belongs to the operator itself.

use anyhow::{Context, bail};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use tokio::time::{Instant, sleep};

use super::retry::PAUSE;
use crate::stdout::say;

struct PolicyKind {
    kind: &'static str,
    plural: &'static str,
}

/// Kinds of admission policies, the bindings first.
const POLICY_KINDS: [PolicyKind; 4] = [
    PolicyKind { kind: "ValidatingAdmissionPolicyBinding", plural: "validatingadmissionpolicybindings" },
    PolicyKind { kind: "MutatingAdmissionPolicyBinding", plural: "mutatingadmissionpolicybindings" },
    PolicyKind { kind: "ValidatingAdmissionPolicy", plural: "validatingadmissionpolicies" },
    PolicyKind { kind: "MutatingAdmissionPolicy", plural: "mutatingadmissionpolicies" },
];

/// Deletes the policies of these names and their bindings.
pub(super) async fn delete_policies(client: &Client, names: &[String]) -> anyhow::Result<()> {
    for PolicyKind { kind, plural } in POLICY_KINDS {
        let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
        for name in names {
            match api.delete(name, &DeleteParams::default()).await {
                Ok(_) => {}
                // The policy is of another kind, or gone; or the API server does not serve the kind.
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("failed to delete the policy {name}"));
                }
            }
        }
    }
    Ok(())
}

/// Deletes the operator's Deployment, and waits until its Pods are gone: they would add the finalizers again.
pub(super) async fn stop(client: &Client, namespace: &str, name: &str, until: Instant) -> anyhow::Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let Some(deployment) = deployments.get_metadata_opt(name).await? else {
        say(&format!("There is no Deployment {name} in {namespace}. Make sure that no operator runs."));
        return Ok(());
    };
    match deployments.delete(name, &DeleteParams::foreground()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        Err(error) => return Err(error).context("failed to delete the operator's Deployment"),
    }
    say("Stopping the operator.");
    while let Some(found) = deployments.get_metadata_opt(name).await? {
        if found.uid() != deployment.uid() {
            bail!("something has created the Deployment {name} again: switch that off, and uninstall again");
        }
        if Instant::now() >= until {
            bail!("the Pods of the operator are not gone yet; uninstall again later");
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
