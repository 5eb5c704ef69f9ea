//! Whether Helm is uninstalling the release. A tool that does not know Helm's hooks applies the hook like any
//! other object of the chart, and so runs it for a release that should stay.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

/// Annotation that Helm sets on its objects.
const HELM: &str = "meta.helm.sh/release-name";
/// Annotation that Argo CD sets. Argo CD runs hooks, too, and does not change the Secrets of a Helm
/// release that it has taken over.
const ARGO_CD: &str = "argocd.argoproj.io/tracking-id";

/// Whether a release is being uninstalled.
#[derive(Debug, PartialEq, Eq)]
pub enum Uninstalling {
    /// Helm is uninstalling the release.
    Yes,
    /// The release stays, or there is none; with what shows that.
    No(String),
    /// A tool may be uninstalling it; with why that is unknown.
    Unknown(String),
}

/// What the cluster shows of a release; `None` for what does not exist or can't be read.
#[derive(Debug, Default)]
struct Evidence {
    /// The status of the newest revision, as Helm records it.
    status: Option<String>,
    /// The annotations of the operator's Deployment.
    deployment: Option<BTreeMap<String, String>>,
}

/// Whether Helm's release in this namespace is being uninstalled.
///
/// # Errors
/// If a call to the API server fails.
pub async fn uninstalling(
    client: &Client,
    namespace: &str,
    release: &str,
    deployment: Option<&str>,
) -> kube::Result<Uninstalling> {
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
    let evidence = Evidence {
        status: newest.and_then(|secret| secret.labels().get("status").cloned()),
        deployment: found.map(|found| found.annotations().clone()),
    };
    Ok(judge(release, &evidence))
}

fn judge(release: &str, Evidence { status, deployment }: &Evidence) -> Uninstalling {
    match (status.as_deref(), deployment) {
        // Helm records that before it runs the first hook.
        (Some("uninstalling"), _) => Uninstalling::Yes,
        (_, Some(annotations)) if annotations.contains_key(ARGO_CD) => Uninstalling::Unknown(format!(
            "It is unknown whether {release} is being uninstalled: Argo CD manages it, and does not record that"
        )),
        (Some(status), _) => Uninstalling::No(format!("Helm's release {release} is `{status}`")),
        (None, Some(annotations)) if !annotations.contains_key(HELM) => {
            Uninstalling::No("The operator's Deployment does not belong to a Helm release".to_owned())
        }
        (None, _) => Uninstalling::Unknown(format!(
            "It is unknown whether {release} is being uninstalled: no Secret of a Helm release of that name can be read \
             in the operator's namespace"
        )),
    }
}

/// `None` if the API server answers 403.
fn if_allowed<T>(answer: kube::Result<T>) -> kube::Result<Option<T>> {
    match answer {
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(None),
        answer => answer.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: Option<&str>, annotations: Option<&[&str]>) -> Uninstalling {
        let deployment = annotations
            .map(|names| names.iter().map(|name| ((*name).to_owned(), "kore".to_owned())).collect());
        judge("kore", &Evidence { status: status.map(ToOwned::to_owned), deployment })
    }

    /// Only Helm's own record shows an uninstall. A tool that may be uninstalling never gets the answer
    /// that it may go on.
    #[test]
    fn only_a_release_that_helm_uninstalls_is_uninstalled() {
        let deployments: [Option<&[&str]>; 5] =
            [None, Some(&[]), Some(&[HELM]), Some(&[ARGO_CD, HELM]), Some(&["other"])];
        for deployment in deployments {
            assert_eq!(judged(Some("uninstalling"), deployment), Uninstalling::Yes);
            for status in ["deployed", "failed", "pending-upgrade", "superseded", "uninstalled"] {
                let judged = judged(Some(status), deployment);
                // Argo CD may have taken the release over, and left Helm's Secrets.
                let by_argo_cd = deployment.is_some_and(|annotations| annotations.contains(&ARGO_CD));
                assert_eq!(matches!(judged, Uninstalling::Unknown(_)), by_argo_cd, "{status} {deployment:?}");
                assert_ne!(judged, Uninstalling::Yes);
            }
        }
        for deployment in [None, Some(&[HELM][..]), Some(&[ARGO_CD]), Some(&["other", HELM])] {
            assert!(matches!(judged(None, deployment), Uninstalling::Unknown(_)), "{deployment:?}");
        }
        for deployment in [&[][..], &["other"]] {
            assert!(matches!(judged(None, Some(deployment)), Uninstalling::No(_)), "{deployment:?}");
        }
    }
}
