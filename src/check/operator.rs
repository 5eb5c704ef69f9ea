//! The operators: their Deployments, and where one of them is reached.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client};
use reqwest::Url;

use super::page::Finding;
use crate::kube_ext::{Deployed, Pods, each};

/// Deadline of one request.
const DEADLINE: Duration = Duration::from_secs(10);

/// The name of a Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Parses `namespace/name`.
impl FromStr for DeploymentName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
        };
        let parts = text.split_once('/').filter(|(namespace, name)| is_name(namespace) && is_name(name));
        let (namespace, name) = parts.ok_or_else(|| {
            "must be a namespace and a name, such as voicecampaign-system/voicecampaign-operator".to_owned()
        })?;
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

/// The operators that are known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operators {
    /// All that Deployments of the cluster run.
    All(Vec<Deployed>),
    /// The one of the Deployment that was named; there may be others.
    Named(Deployed),
    /// They can't be read.
    Unknown,
}

impl Operators {
    /// Those that are known.
    pub(super) fn known(&self) -> &[Deployed] {
        match self {
            Self::All(operators) => operators,
            Self::Named(operator) => std::slice::from_ref(operator),
            Self::Unknown => &[],
        }
    }
}

/// The operator of this Deployment, or those of all Deployments of the cluster.
///
/// # Errors
/// With a finding, if they can't be read, or the Deployment runs no operator.
pub(super) async fn found(name: Option<&DeploymentName>, client: &Client) -> Result<Operators, Finding> {
    let Some(name) = name else {
        let mut operators = Vec::new();
        let take = |deployment| operators.extend(Deployed::of(&deployment));
        let all: Api<Deployment> = Api::all(client.clone());
        let listed = each(&all, None, take).await;
        listed.map_err(|error| Finding::refused(&error, "which operators the cluster has"))?;
        return Ok(Operators::All(operators));
    };
    let DeploymentName { namespace, name } = name;
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let read = api.get_opt(name).await;
    let deployment =
        read.map_err(|error| Finding::refused(&error, &format!("the Deployment {namespace}/{name}")))?;
    match deployment.as_ref().map(Deployed::of) {
        Some(Some(operator)) => Ok(Operators::Named(operator)),
        Some(None) => Err(Finding::failed(format!("the Deployment {namespace}/{name} runs no operator"))),
        None => Err(Finding::failed(format!("there is no Deployment {namespace}/{name}"))),
    }
}

/// Whether the operators run. `elsewhere` if one that runs outside of the cluster is looked at, too.
pub(super) fn running(operators: &Operators, elsewhere: bool) -> Finding {
    let known = operators.known();
    let one_of_several = known.len() > 1;
    let each = known.iter().map(|operator| runs(operator, one_of_several)).reduce(Finding::and);
    let Some(each) = each else {
        return match elsewhere {
            true => Finding::ok("no Deployment of the cluster runs one"),
            false => Finding::failed("no Deployment of the cluster runs one: install it (docs/install.md)"),
        };
    };
    let pairs =
        known.iter().enumerate().flat_map(|(at, one)| known[at + 1..].iter().map(move |other| (one, other)));
    let overlaps = pairs.filter(|(one, other)| one.overlaps(other)).map(|(one, other)| {
        Finding::attention(format!(
            "{}/{} and {}/{} work for the same resources (docs/operations.md): give each its own namespaces or selector",
            one.namespace, one.name, other.namespace, other.name
        ))
    });
    overlaps.fold(each, Finding::and)
}

fn runs(operator: &Deployed, one_of_several: bool) -> Finding {
    let Deployed { namespace, name, pods, .. } = operator;
    let Pods { wanted, ready, updated, is_stuck } = *pods;
    let logs = format!("kubectl logs -n {namespace} deployment/{name}");
    match updated {
        _ if wanted == 0 => {
            let said = format!(
                "{namespace}/{name} is scaled to 0. Somebody may have stopped it on purpose: once it runs, it deletes in Kore the \
                 campaigns of what is being deleted, unless those are set to Orphan before"
            );
            // Of several, one may be out of use.
            if one_of_several { Finding::attention(said) } else { Finding::failed(said) }
        }
        _ if ready == 0 => {
            Finding::failed(format!("{namespace}/{name} has no ready Pod; its log says why: {logs}"))
        }
        _ if is_stuck => Finding::failed(format!(
            "the newest version of {namespace}/{name} does not start; an older one runs. Its log says why: {logs}"
        )),
        None => Finding::failed(format!(
            "{namespace}/{name} was changed, and Kubernetes has not looked at that yet"
        )),
        Some(updated) if updated < wanted => Finding::failed(format!(
            "{namespace}/{name} is being rolled out: {updated} of {wanted} Pods are of its newest version"
        )),
        Some(_) if ready < wanted => Finding::attention(format!(
            "{namespace}/{name} runs, and only {ready} of {wanted} Pods are ready"
        )),
        Some(_) => Finding::ok(format!("{namespace}/{name} runs: {} ready", pods_in_words(wanted))),
    }
}

fn pods_in_words(number: i32) -> String {
    if number == 1 { "1 Pod is".to_owned() } else { format!("{number} Pods are") }
}

/// Whether an operator is ready and serves metrics at an address.
pub(super) async fn reached(address: &str) -> Finding {
    match asked(address).await {
        Ok((address, readiness)) if readiness == "ok" => {
            Finding::ok(format!("{address} is ready, and serves metrics"))
        }
        // It works in some of its namespaces only.
        Ok((address, readiness)) => Finding::attention(format!("{address} is ready, and says: {readiness}")),
        Err(error) => Finding::failed(format!("{error:#}")),
    }
}

/// The address without what may be secret, and what its `/readyz` says.
async fn asked(address: &str) -> anyhow::Result<(String, String)> {
    let url = Url::parse(address).context("--admin-url must be an address such as http://127.0.0.1:8080")?;
    let mut named = url.clone();
    // Fails for an address that has no user anyway.
    let _ = (named.set_username(""), named.set_password(None));
    let named = named.as_str().trim_end_matches('/').to_owned();
    let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
    let get = async |path: &str| get(&http, address, path).await.with_context(|| format!("{named}{path}"));
    let readiness = get("/readyz").await?;
    ensure!(
        get("/metrics").await?.contains("voicecampaign_operator_"),
        "{named}/metrics serves no metric of the operator"
    );
    Ok((named.clone(), readiness.trim().to_owned()))
}

async fn get(http: &reqwest::Client, address: &str, path: &str) -> anyhow::Result<String> {
    let url = format!("{}{path}", address.trim_end_matches('/'));
    let answer = http.get(url).send().await.map_err(reqwest::Error::without_url)?;
    let (status, text) = (answer.status(), answer.text().await.map_err(reqwest::Error::without_url)?);
    ensure!(status.is_success(), "{status}: {}", text.trim());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::page::Verdict;
    use crate::check::sample;

    fn verdict(change: impl FnOnce(&mut Pods)) -> Verdict {
        let mut operator = sample::operator("a");
        change(&mut operator.pods);
        runs(&operator, false).verdict
    }

    #[test]
    fn an_operator_runs_when_its_newest_version_is_ready() {
        assert_eq!(verdict(|_| {}), Verdict::Ok);
        assert_eq!(verdict(|pods| pods.ready = 0), Verdict::Failed);
        assert_eq!(verdict(|pods| pods.wanted = 0), Verdict::Failed);
        assert_eq!(verdict(|pods| pods.updated = None), Verdict::Failed);
        assert_eq!(verdict(|pods| pods.updated = Some(0)), Verdict::Failed);
        assert_eq!(verdict(|pods| pods.is_stuck = true), Verdict::Failed);
        assert_eq!(verdict(|pods| (pods.wanted, pods.updated) = (2, Some(2))), Verdict::Attention);
        // The Pod of the version before is still there.
        assert_eq!(verdict(|pods| pods.ready = 2), Verdict::Ok);
    }

    #[test]
    fn several_operators_are_looked_at_together() {
        let mut unused = sample::operator("b");
        unused.pods.wanted = 0;
        let both = running(&Operators::All(vec![sample::operator("a"), unused.clone()]), false);
        assert_eq!(both.verdict, Verdict::Attention);
        assert!(both.said.contains("system/b is scaled to 0"), "{}", both.said);
        assert!(both.said.contains("system/b work for the same resources"), "{}", both.said);
        assert_eq!(running(&Operators::Named(unused), false).verdict, Verdict::Failed);
        assert_eq!(running(&Operators::All(Vec::new()), false).verdict, Verdict::Failed);
        assert_eq!(running(&Operators::All(Vec::new()), true).verdict, Verdict::Ok);
    }

    #[test]
    fn a_deployment_is_named_with_its_namespace() {
        let name = DeploymentName { namespace: "system".to_owned(), name: "op-1".to_owned() };
        assert_eq!("system/op-1".parse(), Ok(name));
        for wrong in ["op", "/op", "system/", "system/op/x", "System/op", ""] {
            let refused = wrong.parse::<DeploymentName>().unwrap_err();
            assert!(refused.contains("such as voicecampaign-system/"), "{wrong}: {refused}");
        }
    }

    #[tokio::test]
    async fn an_address_is_named_without_its_password() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let found = reached("http://user:s3cret@127.0.0.1:1/").await;
        assert_eq!(found.verdict, Verdict::Failed);
        assert!(found.said.starts_with("http://127.0.0.1:1/readyz: "), "{}", found.said);
        assert!(!found.said.contains("s3cret"), "{}", found.said);
        assert!(reached("127.0.0.1").await.said.contains("must be an address such as"));
    }
}
