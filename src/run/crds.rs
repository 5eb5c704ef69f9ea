//! What the API server must have before the controllers can start: the CRDs, and permissions.

use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ListParams, PostParams};
use kube::core::Status;
use kube::{Api, Client};
use tokio::time::Instant;

use super::health::Health;
use super::scope::watched;
use crate::api::{KoreConnection, VoiceCampaign};
use crate::campaign::REFUSED_FOR_GOOD;
use crate::kube_ext::{NO_DEFINITIONS, error_chain};

/// How often to check for missing CRDs and permissions.
const RETRY: Duration = Duration::from_secs(5);
/// Deadline of one call.
const DEADLINE: Duration = Duration::from_secs(10);

/// Waits until the controllers can start in at least one of the namespaces. Logs what is missing, and how to
/// fix it.
pub(super) async fn wait_until_served(client: &Client, namespaces: &[String], health: &Health) {
    let mut refused_since = None;
    while let Err(problem) = can_start(client, namespaces).await {
        let text = describe(&problem);
        // An API server that has just started serves nothing, and forbids everything.
        refused_since = is_refused(&problem).then(|| refused_since.unwrap_or_else(Instant::now));
        if refused_since.is_some_and(|since| since.elapsed() >= REFUSED_FOR_GOOD) {
            tracing::error!("{text}");
        } else {
            tracing::warn!("{text}");
        }
        health.waiting(&text);
        tokio::time::sleep(RETRY).await;
    }
}

/// Whether the API server serves the operator's kinds, and lets the operator list and watch them, in at least
/// one of the namespaces.
///
/// # Errors
/// With what is missing, and how to fix it.
pub(super) async fn problem(client: &Client, namespaces: &[String]) -> Result<(), String> {
    can_start(client, namespaces).await.map_err(|problem| describe(&problem))
}

async fn can_start(client: &Client, namespaces: &[String]) -> Result<(), kube::Error> {
    let mut problem = Ok(());
    for namespace in watched(namespaces) {
        match can_watch(client, namespace.as_deref()).await {
            Ok(()) => return Ok(()),
            // One problem is enough to report: usually all namespaces have the same.
            Err(found) => problem = problem.and(Err(found)),
        }
    }
    problem
}

/// Whether it is the answer that says what is missing, and not that there was none.
fn is_refused(problem: &kube::Error) -> bool {
    matches!(problem, kube::Error::Api(status) if status.code == 404 || status.is_forbidden())
}

fn describe(problem: &kube::Error) -> String {
    match problem {
        // For a kind that it does not serve, the API server answers with a plain page, not with a Status.
        kube::Error::Api(status) if status.code == 404 => {
            format!("The {NO_DEFINITIONS}")
        }
        kube::Error::Api(status) if status.is_forbidden() => format!(
            "The operator's role lacks a permission; see templates/_rbac.tpl of the chart, or deploy/: {}",
            status.message
        ),
        error => format!("A call to the API server failed: {}", error_chain(error)),
    }
}

async fn can_watch(client: &Client, namespace: Option<&str>) -> Result<(), kube::Error> {
    let watch = Access { verb: "watch", namespace, name: None };
    let answers = tokio::join!(
        serves::<VoiceCampaign>(client, namespace),
        serves::<KoreConnection>(client, namespace),
        is_allowed::<VoiceCampaign>(watch, client),
        is_allowed::<KoreConnection>(watch, client),
    );
    // The same problem is reported first every time.
    answers.0.and(answers.1).and(answers.2).and(answers.3)
}

/// Whether the operator has the permission to take this lease from another instance.
///
/// # Errors
/// With what is missing.
pub(super) async fn may_take(client: &Client, lease: &str) -> Result<(), String> {
    let update = Access { verb: "update", namespace: Some(client.default_namespace()), name: Some(lease) };
    is_allowed::<Lease>(update, client).await.map_err(|problem| describe(&problem))
}

/// What the operator wants to do with a kind.
#[derive(Clone, Copy)]
struct Access<'a> {
    verb: &'a str,
    /// `None` for all.
    namespace: Option<&'a str>,
    /// `None` for all objects.
    name: Option<&'a str>,
}

/// Whether the operator has a permission, as the API server answers a SelfSubjectAccessReview.
async fn is_allowed<K>(access: Access<'_>, client: &Client) -> Result<(), kube::Error>
where
    K: kube::Resource<DynamicType = ()>,
{
    let Access { verb, namespace, name } = access;
    let review = SelfSubjectAccessReview {
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
    let answer = match within_deadline(api.create(&parameters, &review)).await {
        // Where reviews are forbidden, the call itself shows whether it is allowed.
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

/// Whether the API server serves a kind, and lets the operator list it.
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
    within_deadline(api.list_metadata(&one)).await.map(|_| ())
}

async fn within_deadline<T>(call: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    tokio::time::timeout(DEADLINE, call)
        .await
        .unwrap_or_else(|elapsed| Err(kube::Error::Service(Box::new(elapsed))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what stays is an error in the log: whoever is told of errors can do nothing about an API server
    /// that is away for a moment.
    #[test]
    fn an_answer_that_says_what_is_missing_is_told_from_none() {
        let answered = |code: u16, reason: &str| {
            let status = Status::failure("", reason).with_code(code);
            is_refused(&kube::Error::Api(Box::new(status)))
        };
        assert!(answered(404, "NotFound") && answered(403, "Forbidden"));
        assert!(!answered(500, "InternalError") && !answered(503, "ServiceUnavailable"));
        assert!(!is_refused(&kube::Error::Service("connection closed".into())));
    }
}
