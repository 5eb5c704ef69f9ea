//! A stock operator, as kube-rs's own examples suggest it: the finalizer helper, the defaults, a fixed pause
//! after an error, and a cleanup that can be repeated: to be told that there is no such campaign is success.
//! It calls Kore with this project's client, so that only the controller differs, and writes the campaign
//! that Kore returns into the status, as is asked of both. Its own writes do not trigger it, as kube-rs's
//! documentation advises. It leaves out everything else: the proof that a campaign is absent, the quota, what
//! the status says meanwhile, and what becomes of living campaigns.
//!
//! `WATCH_NAMESPACES` is the namespace to work in, and `CONCURRENCY` how many objects are reconciled at a
//! time.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::finalizer::{Event, finalizer};
use kube::runtime::predicates;
use kube::runtime::reflector;
use kube::runtime::{Predicate, WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use voicecampaign_operator::api::{JwtAlgorithm, KoreConnection, VoiceCampaign};
use voicecampaign_operator::kore::{
    Account, Algorithm, Campaign, CampaignKey, CampaignService, ClientSettings, Credentials, KoreClient,
    Target, TokenSettings,
};

const FINALIZER: &str = "voicecampaign.dev/remote-campaign";

struct Context {
    client: Client,
    kore: KoreClient,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Kube(#[from] kube::Error),
    #[error("Kore did not delete the campaign")]
    Kore,
    #[error("the Secret lacks a key")]
    Secret,
    #[error("{0}")]
    Finalizer(#[source] Box<kube::runtime::finalizer::Error<Error>>),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = peers::client().await?;
    let kore = KoreClient::new(&ClientSettings::default())?;
    let campaigns: Api<VoiceCampaign> = Api::namespaced(client.clone(), &peers::namespace());
    // 0 leaves it to kube-rs, whose default is no limit.
    let concurrency = std::env::var("CONCURRENCY").map_or(Ok(0), |value| value.parse())?;
    // Its own writes to a status bring nothing new.
    let (objects, writer) = reflector::store();
    let changed = watcher(campaigns, watcher::Config::default())
        .default_backoff()
        .reflect(writer)
        .applied_objects()
        .predicate_filter(predicates::generation.combine(predicates::finalizers), Default::default());
    Controller::for_stream(changed, objects)
        .with_config(controller::Config::default().concurrency(concurrency))
        .shutdown_on_signal()
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(5)), Arc::new(Context { client, kore }))
        .for_each(async |_| {})
        .await;
    Ok(())
}

async fn reconcile(object: Arc<VoiceCampaign>, context: Arc<Context>) -> Result<Action, Error> {
    let api: Api<VoiceCampaign> =
        Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default());
    finalizer(&api, FINALIZER, object, async |event| match event {
        Event::Apply(_) => Ok(Action::requeue(Duration::from_secs(600))),
        Event::Cleanup(object) => delete(&object, &api, &context).await,
    })
    .await
    .map_err(|error| Error::Finalizer(Box::new(error)))
}

async fn delete(
    object: &VoiceCampaign,
    api: &Api<VoiceCampaign>,
    context: &Context,
) -> Result<Action, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let connections: Api<KoreConnection> = Api::namespaced(context.client.clone(), &namespace);
    let connection = connections.get(&object.spec.connection_ref.name).await?;
    let secrets: Api<Secret> = Api::namespaced(context.client.clone(), &namespace);
    let secret = secrets.get(&connection.spec.credentials_secret_ref.name).await?;
    let target = target(&connection, &secret).ok_or(Error::Secret)?;
    let spec = &object.spec;
    let key = CampaignKey { stream_id: spec.stream_id.clone(), campaign_id: spec.campaign_id.clone() };
    match context.kore.delete(&target, &key).await {
        Ok(deleted) => report(object, api, Some(deleted.campaign())).await?,
        Err(failure) if failure.answer.http_status == Some(404) => report(object, api, None).await?,
        Err(_) => return Err(Error::Kore),
    }
    Ok(Action::await_change())
}

/// Writes that the campaign is deleted, and what Kore has returned.
async fn report(
    object: &VoiceCampaign,
    api: &Api<VoiceCampaign>,
    campaign: Option<&Campaign>,
) -> Result<(), Error> {
    let now = k8s_openapi::jiff::Timestamp::now();
    let condition = json!({"type": "Ready", "status": "False", "reason": "Deleted", "message": "Deleted",
        "lastTransitionTime": format!("{now:.0}")});
    let mut status = json!({"conditions": [condition]});
    if let Some(campaign) = campaign {
        status["campaign"] = json!(campaign);
    }
    let patch = Patch::Merge(json!({ "status": status }));
    api.patch_status(&object.name_any(), &PatchParams::default(), &patch).await?;
    Ok(())
}

fn target(connection: &KoreConnection, secret: &Secret) -> Option<Target> {
    let spec = &connection.spec;
    let value = |key: &str| {
        let bytes = secret.data.as_ref()?.get(key)?;
        String::from_utf8(bytes.0.clone()).ok()
    };
    let seconds = |number: i32| Duration::from_secs(u64::from(number.unsigned_abs()));
    Some(Target {
        account: Account::new(&spec.host, &spec.account_id),
        address: spec.host.clone(),
        iid: spec.iid.clone(),
        timeout: seconds(spec.timeout_seconds),
        token: TokenSettings {
            algorithm: match spec.jwt.algorithm {
                JwtAlgorithm::HS256 => Algorithm::HS256,
                JwtAlgorithm::HS512 => Algorithm::HS512,
            },
            subject: spec.jwt.subject.clone(),
            ttl: seconds(spec.jwt.ttl_seconds),
        },
        credentials: Credentials {
            client_id: value("clientId")?.into(),
            client_secret: value("clientSecret")?.into(),
        },
    })
}
