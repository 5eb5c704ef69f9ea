use std::time::Duration;

use anyhow::bail;
use kube::ResourceExt;
use tokio::time::{Instant, sleep};

use super::remaining::{self, Remaining};
use super::retry::PAUSE;
use crate::stdout::say;

/// With more objects than this, they are listed every ten seconds instead of every second.
const MANY: usize = 500;
/// How long the operator may take to release connections that no campaign needs any more.
const RELEASED_WITHIN: Duration = Duration::from_secs(60);

/// Deletes the VoiceCampaigns that are left, also new ones, and waits until they are gone. Those in a
/// namespace that is being deleted go with it.
pub(super) async fn until_deleted(remaining: &Remaining, until: Instant) -> anyhow::Result<()> {
    let mut printed = String::new();
    loop {
        let campaigns = remaining.campaigns().await?;
        if campaigns.is_empty() {
            return Ok(());
        }
        // Before the first one is deleted.
        if let Some(protected) = campaigns.objects.iter().find(|campaign| remaining::is_protected(campaign)) {
            bail!(
                "{} is protected from deletion: nothing is uninstalled. To have it deleted, too, remove its annotation \
                 voicecampaign.dev/protect",
                remaining::name(protected)
            );
        }
        let rejected = remaining.delete(&campaigns.objects).await?;
        let description = remaining::describe(&campaigns);
        if description != printed {
            say(&description);
            printed = description;
        }
        if let Some(message) = rejected {
            bail!("the API server rejects a deletion: {message}");
        }
        if Instant::now() >= until {
            let hidden = match campaigns.hidden.is_empty() {
                true => String::new(),
                false => format!(", and {}", remaining::describe_hidden(&campaigns.hidden)),
            };
            bail!(
                "{} VoiceCampaigns are not gone yet{hidden}. {}",
                campaigns.objects.len(),
                remaining::outlook(&campaigns.objects)
            );
        }
        sleep(if campaigns.objects.len() > MANY { 10 * PAUSE } else { PAUSE }).await;
    }
}

/// Waits until the operator has removed its finalizer from connections, Secrets and its own RoleBindings,
/// which no campaign needs any more.
pub(super) async fn until_released(remaining: &Remaining, until: Instant) -> anyhow::Result<()> {
    let until = until.min(Instant::now() + RELEASED_WITHIN);
    loop {
        let (held, bindings) = (remaining.held_connections().await?, remaining.held_bindings().await?);
        if held.is_empty() && bindings.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            let connections = held.objects.iter().map(remaining::name);
            let connections = connections.map(|name| format!("the KoreConnection {name} and its Secrets"));
            let roles = bindings.objects.iter().map(|binding| {
                format!("the RoleBinding {}/{}", binding.namespace().unwrap_or_default(), binding.name_any())
            });
            let hidden = held.hidden.union(&bindings.hidden);
            let hidden =
                hidden.map(|name| format!("the objects in {name}, a namespace that is being deleted"));
            let names = connections.chain(roles).chain(hidden).collect::<Vec<_>>().join(", ");
            let way_out = match held.hidden.is_empty() && bindings.hidden.is_empty() {
                true => {
                    ". uninstall.onRemaining=orphan (--on-remaining orphan) removes the finalizers without the operator"
                }
                false => "",
            };
            bail!(
                "the operator has not removed its finalizer from {names}. Does it run? See its log{way_out}"
            );
        }
        sleep(PAUSE).await;
    }
}
