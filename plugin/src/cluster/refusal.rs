use kube::Error;
use voicecampaign_operator::kube_ext::{error_chain, knows_no_such_kind, without_content};

/// A call to the API server that failed, for its user.
#[derive(Debug)]
pub struct Refusal {
    text: String,
    denied: bool,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

/// Whether an error of [`explain`] says that the user lacks a right, or a policy denies the call.
pub fn is_denied(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.denied)
}

/// Whether a call has changed nothing for certain: the API server has answered, and not with an error of its
/// own. Without an answer, nobody knows.
pub fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Api(status) if (400..500).contains(&status.code))
}

/// Whether the object that a call was for does not exist. A kind that the cluster does not know is another
/// failure: the API server answers such a path with 404, too, and without a reason.
pub fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.reason == "NotFound")
}

/// Why a call failed, for its user: what the command could `not` do, and what would mend it.
pub fn explain(error: &Error, not: &str) -> anyhow::Error {
    let refusal = |why: String, denied: bool| Refusal { text: format!("{not}: {why}"), denied };
    match error {
        // The API server names user, verb, kind and namespace.
        Error::Api(status) if status.is_forbidden() => {
            refusal(format!("you lack a right, or a policy denies it: {}", status.message), true)
        }
        Error::Api(status) if knows_no_such_kind(status) => refusal(
            "the cluster does not know the kind. Install the CustomResourceDefinitions: kubectl apply --server-side -f crds/"
                .to_owned(),
            false,
        ),
        Error::Api(status) if status.code == 410 => {
            refusal("the list has changed too much while it was read; repeat the command".to_owned(), false)
        }
        Error::Api(status) => refusal(status.message.clone(), false),
        _ => refusal(without_content(&error_chain(error)), false),
    }
    .into()
}
