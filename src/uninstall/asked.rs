//! Whether the release is being uninstalled at all. A tool that does not know Helm's hooks applies the hook
//! like any other object of the chart, and so runs it for a release that is to live.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

/// Annotation by which Helm knows its objects.
const HELM: &str = "meta.helm.sh/release-name";
/// Annotation by which Argo CD does, which runs hooks, too, and leaves alone what Helm has said of a release
/// before.
const ARGO_CD: &str = "argocd.argoproj.io/tracking-id";

/// What is known of an uninstall.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// Helm is uninstalling the release.
    Yes,
    /// The release lives, or there is none; why that is known.
    No(String),
    /// A tool may be uninstalling; why that can't be said.
    Unknown(String),
}

/// What the cluster shows of a release; `None` for what is not there or can't be read.
#[derive(Debug, Default)]
struct Shown {
    /// What Helm says of the newest revision.
    status: Option<String>,
    /// The annotations of the operator's Deployment.
    deployment: Option<BTreeMap<String, String>>,
}

/// Looks whether Helm's release in the namespace is being uninstalled.
///
/// # Errors
/// If the API server can't be asked.
pub async fn asked(
    client: &Client,
    namespace: &str,
    release: &str,
    deployment: Option<&str>,
) -> kube::Result<Asked> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let of_release = ListParams::default().labels(&format!("owner=helm,name={release}"));
    let revisions = if_allowed(secrets.list_metadata(&of_release).await)?;
    let revisions = revisions.map(|list| list.items).unwrap_or_default();
    let newest = revisions
        .iter()
        .max_by_key(|secret| secret.labels().get("version").and_then(|version| version.parse::<u64>().ok()));
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let found = match deployment {
        Some(name) => if_allowed(deployments.get_metadata_opt(name).await)?.flatten(),
        None => None,
    };
    let shown = Shown {
        status: newest.and_then(|secret| secret.labels().get("status").cloned()),
        deployment: found.map(|found| found.annotations().clone()),
    };
    Ok(judge(release, &shown))
}

fn judge(release: &str, Shown { status, deployment }: &Shown) -> Asked {
    match (status.as_deref(), deployment) {
        // Helm writes that before it runs the first hook.
        (Some("uninstalling"), _) => Asked::Yes,
        (_, Some(annotations)) if annotations.contains_key(ARGO_CD) => Asked::Unknown(format!(
            "Whether {release} is being uninstalled can't be said: Argo CD has applied it, and tells nobody"
        )),
        (Some(status), _) => Asked::No(format!("Helm's release {release} is `{status}`")),
        (None, Some(annotations)) if !annotations.contains_key(HELM) => {
            Asked::No("The operator's Deployment is of no release of Helm".to_owned())
        }
        (None, _) => Asked::Unknown(format!(
            "Whether {release} is being uninstalled can't be said: no Secret of a release of that name can be read in the operator's \
             namespace"
        )),
    }
}

/// `None` if it is not allowed.
fn if_allowed<T>(answer: kube::Result<T>) -> kube::Result<Option<T>> {
    match answer {
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(None),
        answer => answer.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: Option<&str>, annotations: Option<&[&str]>) -> Asked {
        let deployment = annotations
            .map(|names| names.iter().map(|name| ((*name).to_owned(), "kore".to_owned())).collect());
        judge("kore", &Shown { status: status.map(ToOwned::to_owned), deployment })
    }

    /// Only Helm's own word uninstalls a release, and a tool that may be uninstalling is never told that it
    /// may go on.
    #[test]
    fn only_a_release_that_helm_uninstalls_is_uninstalled() {
        let deployments: [Option<&[&str]>; 5] =
            [None, Some(&[]), Some(&[HELM]), Some(&[ARGO_CD, HELM]), Some(&["other"])];
        for deployment in deployments {
            assert_eq!(judged(Some("uninstalling"), deployment), Asked::Yes);
            for status in ["deployed", "failed", "pending-upgrade", "superseded", "uninstalled"] {
                let judged = judged(Some(status), deployment);
                // Argo CD may have taken the release over, and Helm's Secrets are there still.
                let by_argo_cd = deployment.is_some_and(|annotations| annotations.contains(&ARGO_CD));
                assert_eq!(matches!(judged, Asked::Unknown(_)), by_argo_cd, "{status} {deployment:?}");
                assert_ne!(judged, Asked::Yes);
            }
        }
        for deployment in [None, Some(&[HELM][..]), Some(&[ARGO_CD]), Some(&["other", HELM])] {
            assert!(matches!(judged(None, deployment), Asked::Unknown(_)), "{deployment:?}");
        }
        for deployment in [&[][..], &["other"]] {
            assert!(matches!(judged(None, Some(deployment)), Asked::No(_)), "{deployment:?}");
        }
    }
}
