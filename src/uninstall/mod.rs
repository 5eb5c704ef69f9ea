//! Prepares for uninstall: makes sure that no object still needs this operator to remove its finalizer.
//!
//! ```text
//!   asked.rs  does Helm uninstall the release? If not, nothing is done; if unknown, the mode is `refuse`
//!     ▼
//!   left.rs   what is left: VoiceCampaigns, and KoreConnections that are held
//!     ▼
//!   refuse ───────────▶ report what is left, and fail
//!   delete-and-wait ──▶ delete the VoiceCampaigns; the operator, which still runs, does the rest
//!   orphan ───────────▶ delete the policies and the operator; then release.rs removes our finalizers
//!
//!   patience.rs   repeats a call that the API server can't answer just now
//! ```
//!
//! Every mode may be repeated at any time, and removes the admission policies before the operator.

mod asked;
mod left;
mod patience;
mod release;

use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use tokio::time::{Instant, sleep};

use crate::kube_ext::{AllMayGo, Selected};
use asked::Asked;
use left::Left;
use patience::PAUSE;

/// More objects than that are listed every ten seconds, and not every second.
const MANY: usize = 500;
/// How long the operator may take to release connections that no campaign needs any more.
const RELEASED_WITHIN: Duration = Duration::from_secs(60);

/// What to do with the VoiceCampaigns that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnRemaining {
    /// Report which ones, and fail: nothing is uninstalled
    Refuse,
    /// Delete them, and with them their campaigns in Kore; wait until they are gone
    DeleteAndWait,
    /// Stop the operator, and remove its finalizers; the campaigns stay in Kore
    Orphan,
}

/// What to uninstall, and how.
#[derive(Clone, Debug)]
pub struct Uninstall {
    /// What to do with the VoiceCampaigns that are left.
    pub on_remaining: OnRemaining,
    /// Namespaces the operator works in; all if empty.
    pub namespaces: Vec<String>,
    /// The objects that the operator reconciles.
    pub selected: Selected,
    /// The namespace of the operator.
    pub namespace: Option<String>,
    /// Helm's release, if its hook runs this: nothing is done unless Helm uninstalls it.
    pub release: Option<String>,
    /// Its Deployment, if there is one.
    pub deployment: Option<String>,
    /// Its RoleBinding in each of its namespaces, if its rights rest on one.
    pub role_binding: Option<String>,
    /// Names of its admission policies and their bindings.
    pub policies: Vec<String>,
    /// How long to wait at most.
    pub timeout: Duration,
}

/// Prepares an uninstall, and prints each step and each obstacle.
///
/// # Errors
/// If something is left, or the API server can't be asked.
pub async fn prepare(uninstall: Uninstall, cluster: kube::Config) -> anyhow::Result<()> {
    let own_namespace = uninstall.namespace.clone().unwrap_or_else(|| cluster.default_namespace.clone());
    let until = Instant::now() + uninstall.timeout;
    let client = patience::client(cluster, until)?;
    let deployment = uninstall.deployment.as_deref();
    let asked = match &uninstall.release {
        Some(release) => asked::asked(&client, &own_namespace, release, deployment).await?,
        None => Asked::Yes,
    };
    let (on_remaining, policies, ways_out) = match asked {
        Asked::Yes => (uninstall.on_remaining, uninstall.policies.as_slice(), WAYS_OUT),
        Asked::No(why) => {
            println!("{why}: nothing is being uninstalled, and nothing is done.");
            return Ok(());
        }
        Asked::Unknown(why) => {
            println!("{why}. So nothing is deleted, and nothing is let go.");
            (OnRemaining::Refuse, [].as_slice(), BY_HAND)
        }
    };
    let Uninstall { namespaces, selected, role_binding, .. } = &uninstall;
    let left = Left::new(client.clone(), namespaces, selected, role_binding.as_deref());
    match on_remaining {
        OnRemaining::Refuse => {
            let campaigns = left.campaigns().await?;
            if !campaigns.is_empty() {
                println!("{}", left::in_words(&campaigns));
                if campaigns.objects.is_empty() {
                    let hidden = left::hidden_in_words(&campaigns.hidden);
                    bail!("{hidden}: nothing is uninstalled. Uninstall again when they are gone");
                }
                println!("{ways_out}");
                bail!("{} VoiceCampaigns are left: nothing is uninstalled", campaigns.objects.len());
            }
            wait_for_connections(&left, until).await?;
        }
        OnRemaining::DeleteAndWait => {
            delete_all(&left, until).await?;
            wait_for_connections(&left, until).await?;
        }
        OnRemaining::Orphan => {
            // A namespace that is being deleted may have taken the rights of this Job with it: then the
            // operator has to stay.
            all_can_be_read(&left).await.context(
                "what is left can't be read, and so can't be let go. Is one of the namespaces being deleted? Nothing is uninstalled",
            )?;
            remove_policies(&client, policies).await?;
            if let Some(name) = deployment {
                stop(&client, &own_namespace, name, until).await?;
            }
            release::all(&client, &left, &AllMayGo::granted_by_the_administrator(), until).await?;
        }
    }
    remove_policies(&client, policies).await?;
    println!("Nothing is left that needs the operator.");
    Ok(())
}

/// Kinds of admission policies, the bindings first.
const POLICIES: [(&str, &str); 4] = [
    ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
    ("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
    ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
    ("MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
];

/// How to go on when campaigns are left.
const WAYS_OUT: &str = "\
Delete them, wait until they are gone, and uninstall again. Or have it done: `helm rollback RELEASE REVISION` to \
the newest revision (helm upgrades no release that is being uninstalled), `helm upgrade` it with\n  \
--reuse-values --set uninstall.onRemaining=delete-and-wait   (their campaigns are deleted in Kore)\n  \
--reuse-values --set uninstall.onRemaining=orphan            (their campaigns stay in Kore, and may go on calling people)\n\
and uninstall again. Without this check (--no-hooks) they would be held by a finalizer that nobody removes.";

/// The same where nobody knows what happens to the release.
const BY_HAND: &str = "\
Delete them, wait until they are gone, and uninstall again. To keep their campaigns in Kore, set `deletionPolicy: Orphan` first.";

async fn all_can_be_read(left: &Left) -> anyhow::Result<()> {
    left.campaigns().await?.all()?;
    left.connections().await?.all()?;
    Ok(())
}

/// Deletes the VoiceCampaigns that are left, also new ones, and waits until they are gone. Those in a
/// namespace that is being deleted go with it.
async fn delete_all(left: &Left, until: Instant) -> anyhow::Result<()> {
    let mut told = String::new();
    loop {
        let campaigns = left.campaigns().await?;
        if campaigns.is_empty() {
            return Ok(());
        }
        // Before the first one is deleted.
        if let Some(protected) = campaigns.objects.iter().find(|campaign| left::is_protected(campaign)) {
            bail!(
                "{} is protected from deletion (docs/guard.md): nothing is uninstalled",
                left::name(protected)
            );
        }
        let refused = left.delete(&campaigns.objects).await?;
        let words = left::in_words(&campaigns);
        if words != told {
            println!("{words}");
            told = words;
        }
        if let Some(refusal) = refused {
            bail!("the API server refuses a deletion: {refusal}");
        }
        if Instant::now() >= until {
            let hidden = match campaigns.hidden.is_empty() {
                true => String::new(),
                false => format!(", and {}", left::hidden_in_words(&campaigns.hidden)),
            };
            bail!(
                "{} VoiceCampaigns are not gone yet{hidden}. Their deletion goes on; uninstall again later, or with a longer \
                 uninstall.timeoutSeconds",
                campaigns.objects.len()
            );
        }
        sleep(if campaigns.objects.len() > MANY { 10 * PAUSE } else { PAUSE }).await;
    }
}

/// Waits until the operator has released connections, Secrets and its own rights, which no campaign needs any
/// more.
async fn wait_for_connections(left: &Left, until: Instant) -> anyhow::Result<()> {
    let until = until.min(Instant::now() + RELEASED_WITHIN);
    loop {
        let (held, bindings) = (left.held_connections().await?, left.held_bindings().await?);
        if held.is_empty() && bindings.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            let connections = held.objects.iter().map(left::name);
            let connections = connections.map(|name| format!("the KoreConnection {name} and its Secrets"));
            let roles = bindings.objects.iter().map(|binding| {
                format!("the RoleBinding {}/{}", binding.namespace().unwrap_or_default(), binding.name_any())
            });
            let hidden = held.hidden.union(&bindings.hidden);
            let hidden = hidden.map(|name| format!("what is in {name}, a namespace that is being deleted"));
            let names = connections.chain(roles).chain(hidden).collect::<Vec<_>>().join(", ");
            let way_out = match held.hidden.is_empty() && bindings.hidden.is_empty() {
                true => ". With uninstall.onRemaining=orphan they are let go without it",
                false => "",
            };
            bail!("the operator has not let go: {names}. Does it run? Its log says more{way_out}");
        }
        sleep(PAUSE).await;
    }
}

/// Deletes the policies and their bindings.
async fn remove_policies(client: &Client, names: &[String]) -> anyhow::Result<()> {
    for (kind, plural) in POLICIES {
        let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
        let api =
            Api::<DynamicObject>::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, plural));
        for name in names {
            match api.delete(name, &DeleteParams::default()).await {
                Ok(_) => {}
                // It is of another kind, or gone; or the cluster does not serve the kind.
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("the policy {name} can't be removed"));
                }
            }
        }
    }
    Ok(())
}

/// Deletes the operator's Deployment, and waits until its Pods are gone: they would add the finalizers again.
async fn stop(client: &Client, namespace: &str, name: &str, until: Instant) -> anyhow::Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    match deployments.delete(name, &DeleteParams::foreground()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.is_not_found() => {
            println!("There is no Deployment {name} in {namespace}; no operator may run.");
            return Ok(());
        }
        Err(error) => return Err(error).context("the operator can't be stopped"),
    }
    println!("Stopping the operator.");
    while deployments.get_metadata_opt(name).await?.is_some() {
        if Instant::now() >= until {
            bail!("the Pods of the operator are not gone yet; uninstall again later");
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
