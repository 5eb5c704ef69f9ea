//! The command `check`.

use std::time::Duration;

use anyhow::{Context, ensure};
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use serde_json::json;

use super::check_policies::Policies;
use super::settings::CheckArgs;
use crate::api::VoiceCampaign;
use crate::campaign::REMOTE_CAMPAIGN;
use crate::kube_ext::client_of;

/// How long the operator and its Service may take to become ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// Deadline of one request.
const DEADLINE: Duration = Duration::from_secs(10);

/// Checks that an operator is ready, that the API server accepts its kinds, and that its admission policies
/// are in effect. Prints each check that succeeds, and changes nothing.
///
/// # Errors
/// With the first check that fails.
pub async fn check(args: CheckArgs, cluster: kube::Config) -> anyhow::Result<()> {
    if let Some(address) = &args.admin_url {
        let address = address.trim_end_matches('/');
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
        let readiness = retrying(async || get(&http, &format!("{address}/readyz")).await).await?;
        println!("ok: {address} is ready");
        // It may work in some namespaces only.
        println!("/readyz says: {}", readiness.trim());
        let metrics = get(&http, &format!("{address}/metrics")).await?;
        ensure!(
            metrics.contains("voicecampaign_operator_"),
            "{address}/metrics serves no metric of the operator"
        );
        println!("ok: {address} serves metrics");
    }
    let namespace = args.namespace.unwrap_or_else(|| cluster.default_namespace.clone());
    let client = client_of(cluster)?;
    let api = Api::namespaced(client.clone(), &namespace);
    retrying(async || create_dry(&api, "cd-check").await.context("the API server rejects a VoiceCampaign"))
        .await?;
    println!("ok: the API server accepts a VoiceCampaign in {namespace} (dry run)");
    let accepted = retrying(async || match create_dry(&api, "no id").await {
        Err(kube::Error::Api(status)) if status.code == 422 => Ok(false),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(true),
    });
    ensure!(
        !accepted.await?,
        "the API server accepts an invalid `campaignId`: its CustomResourceDefinitions are not this operator's"
    );
    println!("ok: the API server rejects an invalid VoiceCampaign");
    let names: Vec<String> = args.policies.into_iter().filter(|name| !name.is_empty()).collect();
    match Policies::read(&client, &names, args.service_account.as_deref()).await {
        Ok(policies) if policies.is_empty() => {
            println!("no admission policies are installed (docs/guard.md)")
        }
        Ok(policies) => check_policies(&policies, &api, &namespace).await?,
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            println!("not checked: whether the admission policies are in effect. {}", status.message);
        }
        Err(error) => return Err(error).context("the admission policies can't be read"),
    }
    Ok(())
}

/// Checks that the policies are bound correctly, and, with a dry run, that the mutating one is in effect.
async fn check_policies(
    policies: &Policies,
    api: &Api<VoiceCampaign>,
    namespace: &str,
) -> anyhow::Result<()> {
    let problems = policies.problems();
    ensure!(problems.is_empty(), "the admission policies are not in effect:\n- {}", problems.join("\n- "));
    if policies.mutate_in(namespace) {
        // A new policy takes effect within seconds.
        retrying(async || {
            let created = create_dry(api, "cd-check").await?;
            ensure!(
                created.finalizers().iter().any(|name| name == REMOTE_CAMPAIGN.name()),
                "a VoiceCampaign is created in {namespace} without its finalizer, although a MutatingAdmissionPolicy should \
                 add it (if that policy is not meant for this namespace, name another with --namespace)"
            );
            Ok(())
        })
        .await?;
    }
    println!("ok: the admission policies are in effect");
    Ok(())
}

/// Retries until the attempt succeeds, for [`PATIENCE`] at most.
async fn retrying<T>(mut attempt: impl AsyncFnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
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
