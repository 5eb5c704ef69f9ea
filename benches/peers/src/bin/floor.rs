//! The floor: an operator that takes the finalizer off at once, and calls nobody.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use voicecampaign_operator::api::VoiceCampaign;

const FINALIZER: &str = "voicecampaign.dev/remote-campaign";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = peers::client().await?;
    let campaigns: Api<VoiceCampaign> = Api::namespaced(client.clone(), &peers::namespace());
    Controller::new(campaigns, watcher::Config::default())
        .shutdown_on_signal()
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(5)), Arc::new(client))
        .for_each(async |_| {})
        .await;
    Ok(())
}

async fn reconcile(object: Arc<VoiceCampaign>, client: Arc<Client>) -> Result<Action, kube::Error> {
    let has_it = object.finalizers().iter().any(|name| name == FINALIZER);
    let is_deleted = object.metadata.deletion_timestamp.is_some();
    if has_it == is_deleted {
        let finalizers = if is_deleted { json!(null) } else { json!([FINALIZER]) };
        let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        let api: Api<VoiceCampaign> =
            Api::namespaced(Client::clone(&client), &object.namespace().unwrap_or_default());
        api.patch(&object.name_any(), &PatchParams::default(), &patch).await?;
    }
    Ok(Action::await_change())
}
