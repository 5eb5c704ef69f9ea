use std::time::Duration;

use kube::api::ListParams;
use kube::{Api, Client};

use crate::api::{KoreConnection, VoiceCampaign};

/// How often a missing definition is looked for.
const RETRY: Duration = Duration::from_secs(5);

/// Waits until the API server serves our kinds; says what is missing, and which command installs it.
pub(super) async fn wait_until_served(client: &Client, namespaces: &[String]) {
    let namespace = namespaces.first().map(String::as_str);
    loop {
        let problem = match (
            serves::<VoiceCampaign>(client, namespace).await,
            serves::<KoreConnection>(client, namespace).await,
        ) {
            (Ok(()), Ok(())) => return,
            (Err(problem), _) | (_, Err(problem)) => problem,
        };
        match problem {
            // A kind that is not served is answered with a plain page, not with a Status.
            kube::Error::Api(status) if status.code == 404 => tracing::error!(
                "The CustomResourceDefinitions are not installed. Install them with: \
                 voicecampaign-operator crds | kubectl apply --server-side -f -"
            ),
            kube::Error::Api(status) if status.is_forbidden() => tracing::error!(
                error = status.message,
                "The operator's role is missing a permission; see templates/rbac.yaml of the chart, or deploy/"
            ),
            error => tracing::error!(%error, "The API server can't be asked"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn serves<K>(client: &Client, namespace: Option<&str>) -> Result<(), kube::Error>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let one = ListParams::default().limit(1);
    let listing = api.list_metadata(&one);
    tokio::time::timeout(Duration::from_secs(10), listing)
        .await
        .unwrap_or_else(|elapsed| Err(kube::Error::Service(Box::new(elapsed))))
        .map(|_| ())
}
