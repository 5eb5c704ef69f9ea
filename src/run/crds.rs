use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ListParams, PostParams};
use kube::core::Status;
use kube::{Api, Client};

use super::health::Health;
use crate::api::{KoreConnection, VoiceCampaign};
use crate::kube_ext::in_full;

/// How often a missing definition is looked for.
const RETRY: Duration = Duration::from_secs(5);
/// How long one question may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Waits until the API server serves our kinds, in one of the namespaces at least; says what is missing, and what mends it.
pub(super) async fn wait_until_served(client: &Client, namespaces: &[String], health: &Health) {
    while let Err(problem) = problem(client, namespaces).await {
        tracing::error!("{problem}");
        health.waiting(&problem);
        tokio::time::sleep(RETRY).await;
    }
}

/// Whether the operator could work: the API server serves our kinds, and lets it list and watch them, in one of the namespaces at least.
///
/// # Errors
/// With what is missing, and what mends it.
pub(super) async fn problem(client: &Client, namespaces: &[String]) -> Result<(), String> {
    let scopes: Vec<Option<&str>> = if namespaces.is_empty() {
        vec![None]
    } else {
        namespaces.iter().map(|name| Some(name.as_str())).collect()
    };
    let mut problem = Ok(());
    for namespace in scopes {
        match readable(client, namespace).await {
            Ok(()) => return Ok(()),
            // The first is as good as any; but that something is not installed mends all.
            Err(found) => problem = problem.and(Err(in_words(found))),
        }
    }
    problem
}

fn in_words(problem: kube::Error) -> String {
    match problem {
        // A kind that is not served is answered with a plain page, not with a Status.
        kube::Error::Api(status) if status.code == 404 => {
            "The CustomResourceDefinitions are not installed. Install them with: \
             voicecampaign-operator crds | kubectl apply --server-side -f -"
                .to_owned()
        }
        kube::Error::Api(status) if status.is_forbidden() => format!(
            "The operator's role is missing a permission; see templates/rbac.yaml of the chart, or deploy/: {}",
            status.message
        ),
        error => format!("The API server can't be asked: {}", in_full(&error)),
    }
}

async fn readable(client: &Client, namespace: Option<&str>) -> Result<(), kube::Error> {
    serves::<VoiceCampaign>(client, namespace).await?;
    serves::<KoreConnection>(client, namespace).await?;
    may::<VoiceCampaign>("watch", namespace, None, client).await?;
    may::<KoreConnection>("watch", namespace, None, client).await
}

/// Whether the operator may take its lease from another instance.
///
/// # Errors
/// With what is missing.
pub(super) async fn may_take(client: &Client, lease: &str) -> Result<(), String> {
    let namespace = client.default_namespace();
    may::<Lease>("update", Some(namespace), Some(lease), client).await.map_err(in_words)
}

/// Whether the operator may do something with a kind, or with one object of it, as far as the API server can say without that being done.
async fn may<K>(
    verb: &str,
    namespace: Option<&str>,
    name: Option<&str>,
    client: &Client,
) -> Result<(), kube::Error>
where
    K: kube::Resource<DynamicType = ()>,
{
    let question = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                group: Some(K::group(&()).into_owned()),
                resource: Some(K::plural(&()).into_owned()),
                namespace: namespace.map(ToOwned::to_owned),
                name: name.map(ToOwned::to_owned),
                verb: Some(verb.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let parameters = PostParams::default();
    let answer = match in_time(api.create(&parameters, &question)).await {
        // Where nobody may ask, the call itself will tell.
        Err(kube::Error::Api(status)) if status.is_forbidden() => return Ok(()),
        answer => answer?,
    };
    match answer.status.filter(|answer| !answer.allowed) {
        None => Ok(()),
        Some(answer) => {
            let reason = answer.reason.unwrap_or_default();
            let message = format!("{verb} {} is not allowed. {reason}", K::plural(&()));
            Err(kube::Error::Api(Box::new(Status::failure(message.trim(), "Forbidden").with_code(403))))
        }
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
    in_time(api.list_metadata(&one)).await.map(|_| ())
}

async fn in_time<T>(call: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    tokio::time::timeout(DEADLINE, call)
        .await
        .unwrap_or_else(|elapsed| Err(kube::Error::Service(Box::new(elapsed))))
}
