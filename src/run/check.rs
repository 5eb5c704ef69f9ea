use std::time::Duration;

use anyhow::{Context, ensure};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::policies::Policies;
use super::settings::CheckArgs;
use crate::api::VoiceCampaign;
use crate::campaign::REMOTE_CAMPAIGN;

/// How long an operator, and the Service before it, may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Checks that an operator is up, that the API server takes its kinds, and that the admission policies hold, and prints what does. It changes nothing.
///
/// # Errors
/// With the first thing that does not hold.
pub async fn check(args: CheckArgs, cluster: kube::Config) -> anyhow::Result<()> {
    if let Some(address) = &args.admin_url {
        let address = address.trim_end_matches('/');
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
        patiently(async || get(&http, &format!("{address}/readyz")).await).await?;
        println!("ok: {address} is ready");
        let metrics = get(&http, &format!("{address}/metrics")).await?;
        ensure!(
            metrics.contains("voicecampaign_operator_"),
            "{address}/metrics has no metric of the operator"
        );
        println!("ok: {address} has metrics");
    }
    let namespace = args.namespace.unwrap_or_else(|| cluster.default_namespace.clone());
    let client = Client::try_from(cluster)?;
    let api = Api::namespaced(client.clone(), &namespace);
    patiently(async || create_dry(&api, "cd-check").await.context("a VoiceCampaign is refused")).await?;
    println!("ok: the API server takes a VoiceCampaign in {namespace} (dry run)");
    let taken = patiently(async || match create_dry(&api, "no id").await {
        Err(kube::Error::Api(status)) if status.code == 422 => Ok(false),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(true),
    });
    ensure!(
        !taken.await?,
        "a `campaignId` that can't be one is taken: the definitions are not this operator's"
    );
    println!("ok: it refuses one that can't be right");
    let given: Vec<String> = args.policies.into_iter().filter(|name| !name.is_empty()).collect();
    match Policies::read(&client, &given, args.service_account.as_deref()).await {
        Ok(policies) if policies.is_empty() => println!("there are no admission policies (docs/guard.md)"),
        Ok(policies) => policies_hold(&policies, &api, &namespace).await?,
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            println!("not checked: whether the admission policies hold. {}", status.message);
        }
        Err(error) => return Err(error).context("the admission policies can't be read"),
    }
    Ok(())
}

/// Checks that the policies are bound as they have to be, and that the API server keeps the one that can be tried without changing anything.
async fn policies_hold(policies: &Policies, api: &Api<VoiceCampaign>, namespace: &str) -> anyhow::Result<()> {
    let problems = policies.problems();
    ensure!(problems.is_empty(), "the admission policies do not hold:\n- {}", problems.join("\n- "));
    if policies.mutate_in(namespace) {
        // A policy that is new is kept within seconds.
        patiently(async || {
            let created = create_dry(api, "cd-check").await?;
            ensure!(
                created.finalizers().iter().any(|name| name == REMOTE_CAMPAIGN.name()),
                "a VoiceCampaign is created in {namespace} without its finalizer, though there is a MutatingAdmissionPolicy for that (if it is not \
                 meant for this namespace, name another with --namespace)"
            );
            Ok(())
        })
        .await?;
    }
    println!("ok: the admission policies hold");
    Ok(())
}

/// Tries until it works.
async fn patiently<T>(mut attempt: impl AsyncFnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let begun = tokio::time::Instant::now();
    loop {
        match attempt().await {
            Err(error) if begun.elapsed() < PATIENCE => eprintln!("not yet: {error:#}"),
            result => return result,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn get(http: &reqwest::Client, url: &str) -> anyhow::Result<String> {
    let answer = http.get(url).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{url} answers {status}: {}", text.trim());
    Ok(text)
}

async fn create_dry(api: &Api<VoiceCampaign>, campaign_id: &str) -> kube::Result<VoiceCampaign> {
    let object = serde_json::from_value(json!({
        "apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign", "metadata": {"generateName": "check-"},
        "spec": {"connectionRef": {"name": "check"}, "streamId": "st-check", "campaignId": campaign_id},
    }))
    .map_err(kube::Error::SerdeError)?;
    api.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await
}
