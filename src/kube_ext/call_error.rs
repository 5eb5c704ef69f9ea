//! Why a call to the API server failed, and what its caller should do about it.

use std::sync::Arc;
use std::time::Duration;

use kube::core::Status;

/// Deadline of one call to the API server, from when it is sent.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// A call to the API server that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// 404: no object has this name.
    #[error("the API server says that the object does not exist")]
    Gone,
    /// 409, or a failed `test` of a JSON patch: another object has the name by now, or the tested part of the
    /// object has changed. A webhook may answer like this, too.
    #[error("the API server says that the object has changed: {0}")]
    Changed(String),
    /// The API server, a webhook or a policy rejects the content of the write.
    #[error("the API server refuses the write: {0}")]
    Refused(String),
    /// 403: the operator's role lacks a permission, or an admission plugin denies the request.
    #[error("the API server forbids the request: {0}")]
    Forbidden(String),
    /// Any other failure, such as an unreachable or overloaded API server.
    #[error("the call to the API server failed")]
    Failed(#[source] Arc<kube::Error>),
    /// This instance does not lead any more; nothing was sent.
    #[error("another instance leads by now")]
    NotLeading,
    /// The API server did not answer within this time; it may have done the write.
    #[error("the API server did not answer within {} s", .0.as_secs())]
    Deadline(Duration),
}

/// What is wrong, and how to mend it, if [`knows_no_such_kind`]; the beginning of a sentence precedes it.
pub const NO_DEFINITIONS: &str = "CustomResourceDefinitions are not installed. Install them, from the operator's \
                                  repository, with: kubectl apply --server-side -f crds/";

/// Whether the API server does not serve the kind: it answers with a plain page, and not with a Status that
/// gives a reason.
pub fn knows_no_such_kind(status: &Status) -> bool {
    status.code == 404 && status.reason != "NotFound"
}

/// What the caller should do about a failed write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorClass {
    /// Another client has written first, or the object is gone: read it again.
    Race,
    /// The API server, a webhook or a policy rejects the content: a retry with the same content fails, too.
    Refused,
    /// Any other failure: a retry may succeed.
    Other,
}

impl CallError {
    /// What the caller should do about it.
    pub fn class(&self) -> CallErrorClass {
        match self {
            Self::Changed(_) | Self::Gone => CallErrorClass::Race,
            Self::Refused(_) => CallErrorClass::Refused,
            Self::Forbidden(_) | Self::Failed(_) | Self::NotLeading | Self::Deadline(_) => {
                CallErrorClass::Other
            }
        }
    }

    /// The error with the message of the API server, for a status. It contains nothing of a response that
    /// could not be parsed: that may be a Secret.
    pub fn with_server_message(&self) -> String {
        match self {
            Self::Failed(error) => match &**error {
                kube::Error::Api(status) => format!("{self}: {}", status.message),
                _ => self.to_string(),
            },
            Self::Gone
            | Self::Changed(_)
            | Self::Refused(_)
            | Self::Forbidden(_)
            | Self::NotLeading
            | Self::Deadline(_) => self.to_string(),
        }
    }

    /// Whether the call may have failed for this object alone: the API server answered, or waited for a
    /// webhook for longer than the operator waits.
    pub fn may_be_of_the_object(&self) -> bool {
        self.is_answer() || matches!(self, Self::Deadline(_))
    }

    /// Whether the API server answered the call.
    pub fn is_answer(&self) -> bool {
        match self {
            Self::Failed(error) => matches!(**error, kube::Error::Api(_)),
            Self::Gone | Self::Changed(_) | Self::Refused(_) | Self::Forbidden(_) => true,
            Self::NotLeading | Self::Deadline(_) => false,
        }
    }
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.is_not_found() => Self::Gone,
            kube::Error::Api(status) if status.is_forbidden() => Self::Forbidden(status.message),
            kube::Error::Api(status) if status.is_conflict() || status.is_already_exists() => {
                Self::Changed(status.message)
            }
            // The API server answers 422 for a failed `test` as well as for invalid content; only the latter
            // names a field.
            kube::Error::Api(status) if status.is_invalid() => {
                let names_a_field = status.details.as_ref().is_some_and(|details| !details.causes.is_empty());
                if names_a_field { Self::Refused(status.message) } else { Self::Changed(status.message) }
            }
            other => Self::Failed(Arc::new(other)),
        }
    }
}

/// An error and its causes, in one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
