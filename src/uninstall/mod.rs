//! Prepares for uninstall: makes sure that no object still needs this operator to remove its finalizer.
//!
//! ```text
//!   helm_release.rs  is Helm uninstalling the release? If not: do nothing; if that is unknown: `refuse`
//!     ▼
//!   remaining.rs     VoiceCampaigns, and KoreConnections and RoleBindings with our finalizer
//!     ▼
//!   refuse ───────────▶ report what is left, and fail
//!   delete-and-wait ──▶ wait.rs: delete the VoiceCampaigns; the operator, which still runs, does the rest
//!   orphan ───────────▶ operator.rs: delete the policies and the operator; release.rs: remove our finalizers
//!
//!   retry.rs         the client: repeats a request that the API server can't serve just now
//! ```
//!
//! Every mode may be repeated at any time, and deletes the admission policies before the operator.

mod helm_release;
mod operator;
mod release;
mod remaining;
mod retry;
mod wait;

use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use kube::Client;
use tokio::time::Instant;

use crate::kube_ext::{AllMayGo, Selected};
use crate::stdout::say;
use helm_release::Uninstalling;
use remaining::Remaining;

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
    /// Namespaces that the operator watches; all if empty.
    pub namespaces: Vec<String>,
    /// The objects that the operator reconciles.
    pub selected: Selected,
    /// The namespace of the operator.
    pub namespace: Option<String>,
    /// The Helm release, if its hook runs this: nothing is done unless Helm uninstalls it.
    pub release: Option<String>,
    /// The Deployment of the operator, if there is one.
    pub deployment: Option<String>,
    /// The RoleBinding that gives the operator its permissions in each of its namespaces, if one does.
    pub role_binding: Option<String>,
    /// Names of the operator's admission policies and their bindings.
    pub policies: Vec<String>,
    /// How long to wait at most.
    pub timeout: Duration,
}

/// What is to be done, as far as it is known whether the release is being uninstalled.
struct Plan<'a> {
    on_remaining: OnRemaining,
    policies: &'a [String],
    /// How to go on when VoiceCampaigns are left.
    advice: &'static str,
}

/// How to go on when VoiceCampaigns are left.
const ADVICE: &str = "\
Delete them, wait until they are gone, and uninstall again. Or let the uninstall handle them: \
`helm rollback RELEASE REVISION` to the newest revision (Helm does not upgrade a release that is being \
uninstalled), then `helm upgrade` with\n  \
--reuse-values --set uninstall.onRemaining=delete-and-wait   (deletes their campaigns in Kore)\n  \
--reuse-values --set uninstall.onRemaining=orphan            (keeps their campaigns in Kore, which may go on calling people)\n\
and uninstall again. An uninstall without this check (--no-hooks) leaves them with a finalizer that nobody removes.";

/// The same, for an installation without Helm.
const ADVICE_WITHOUT_HELM: &str = "\
Delete them, wait until they are gone, and run this command again. Or run it with\n  \
--on-remaining delete-and-wait   (deletes their campaigns in Kore)\n  \
--on-remaining orphan            (keeps their campaigns in Kore, which may go on calling people)";

/// The same, if it is unknown whether the release is being uninstalled.
const ADVICE_IF_UNKNOWN: &str = "\
Delete them, wait until they are gone, and uninstall again. To keep their campaigns in Kore, set `deletionPolicy: Orphan` first.";

/// Prepares an uninstall, and prints each step and each obstacle.
///
/// # Errors
/// If something is left, or a call to the API server fails.
pub async fn prepare(uninstall: Uninstall, cluster: kube::Config) -> anyhow::Result<()> {
    let own_namespace = uninstall.namespace.clone().unwrap_or_else(|| cluster.default_namespace.clone());
    let until = Instant::now() + uninstall.timeout;
    let client = retry::client(cluster, until)?;
    let Some(plan) = plan(&uninstall, &own_namespace, &client).await? else { return Ok(()) };
    let Plan { on_remaining, policies, advice } = plan;
    let Uninstall { namespaces, selected, role_binding, .. } = &uninstall;
    let remaining = Remaining::new(client.clone(), namespaces, selected, role_binding.as_deref());
    match on_remaining {
        OnRemaining::Refuse => {
            refuse_if_any(&remaining, advice).await?;
            wait::until_released(&remaining, until).await?;
        }
        OnRemaining::DeleteAndWait => {
            wait::until_deleted(&remaining, until).await?;
            wait::until_released(&remaining, until).await?;
        }
        OnRemaining::Orphan => {
            // A namespace that is being deleted may have taken the permissions of this Job with it: then the
            // operator has to stay.
            check_that_all_is_readable(&remaining).await.context(
                "can't read what is left, so can't remove its finalizers. Is a namespace being deleted? Nothing is uninstalled",
            )?;
            operator::delete_policies(&client, policies).await?;
            if let Some(name) = &uninstall.deployment {
                operator::stop(&client, &own_namespace, name, until).await?;
            }
            release::all(&client, &remaining, &AllMayGo::granted_by_the_administrator(), until).await?;
        }
    }
    operator::delete_policies(&client, policies).await?;
    say("Nothing is left that needs the operator.");
    Ok(())
}

/// `None` if nothing is being uninstalled.
async fn plan<'a>(
    uninstall: &'a Uninstall,
    own_namespace: &str,
    client: &Client,
) -> anyhow::Result<Option<Plan<'a>>> {
    let Uninstall { on_remaining, policies, release, deployment, .. } = uninstall;
    let uninstalling = match release {
        Some(release) => {
            helm_release::uninstalling(client, own_namespace, release, deployment.as_deref()).await?
        }
        None => Uninstalling::Yes,
    };
    Ok(match uninstalling {
        Uninstalling::Yes => {
            let advice = if release.is_some() { ADVICE } else { ADVICE_WITHOUT_HELM };
            Some(Plan { on_remaining: *on_remaining, policies, advice })
        }
        Uninstalling::No(why) => {
            say(&format!("{why}: nothing is being uninstalled, so nothing is done."));
            None
        }
        Uninstalling::Unknown(why) => {
            say(&format!("{why}. So nothing is deleted, and no finalizer is removed."));
            Some(Plan { on_remaining: OnRemaining::Refuse, policies: &[], advice: ADVICE_IF_UNKNOWN })
        }
    })
}

async fn refuse_if_any(remaining: &Remaining, advice: &str) -> anyhow::Result<()> {
    let campaigns = remaining.campaigns().await?;
    if campaigns.is_empty() {
        return Ok(());
    }
    say(&remaining::describe(&campaigns));
    if campaigns.objects.is_empty() {
        let hidden = remaining::describe_hidden(&campaigns.hidden);
        bail!("{hidden}: nothing is uninstalled. Uninstall again when they are gone");
    }
    say(advice);
    bail!("{} VoiceCampaigns are left: nothing is uninstalled", campaigns.objects.len());
}

async fn check_that_all_is_readable(remaining: &Remaining) -> anyhow::Result<()> {
    remaining.campaigns().await?.all()?;
    remaining.connections().await?.all()?;
    Ok(())
}
