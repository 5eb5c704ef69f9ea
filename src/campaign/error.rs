use std::time::Duration;

use crate::kube_ext::{CallError, CallErrorClass};
use crate::pacing::backoff;

/// What a pass does that writes a status.
pub const WRITE_THE_STATUS: &str = "write the status";

/// A pass that could not be finished. What went wrong on Kore's side is no error here: it is an outcome, and in status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server could not be written to.
    #[error("could not {what}")]
    Write {
        /// What was to be done.
        what: &'static str,
        /// Why not.
        source: CallError,
    },
    /// The API server could not be asked for the connection or its Secret.
    #[error("could not read the connection")]
    Connection(#[source] CallError),
    /// The API server could not be asked for other objects of the same campaign.
    #[error("could not look for other VoiceCampaigns of the campaign")]
    Claims(#[source] CallError),
    /// The pass took too long.
    #[error("the pass took too long")]
    Deadline,
    /// The pass did not come to rest. A bug.
    #[error("the pass went in a circle")]
    NoProgress,
}

impl Error {
    /// What to say of it in the status, if it lasts; nothing if the API server does not take the status because it does not answer. A race
    /// that is lost pass after pass is an obstacle: a webhook may refuse the write with the words of one.
    pub fn obstacle(&self) -> Option<String> {
        match self {
            Self::Write { source: CallError::NotLeading, .. }
            | Self::Connection(CallError::NotLeading)
            | Self::Claims(CallError::NotLeading) => None,
            Self::Write { what: WRITE_THE_STATUS, source } if !source.is_answer() => None,
            Self::Write { source, .. } | Self::Connection(source) | Self::Claims(source) => {
                Some(format!("{self}: {}", source.said()))
            }
            Self::Deadline | Self::NoProgress => None,
        }
    }

    /// When to try again, after this many failures in a row.
    pub fn retry_after(&self, identity: &str, failures: u32) -> Duration {
        match self {
            // The view was old, nothing is wrong.
            Self::Write { source, .. } if source.class() == CallErrorClass::Race => {
                let doublings = failures.saturating_sub(1).min(10);
                (SHORTEST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE)
            }
            Self::Write { .. }
            | Self::Connection(_)
            | Self::Claims(_)
            | Self::Deadline
            | Self::NoProgress => {
                let attempts = i32::try_from(failures).unwrap_or(i32::MAX);
                backoff(identity, attempts).min(LONGEST_PAUSE)
            }
        }
    }
}

/// The view was old; a new one is there in a moment.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The API server is ours to reach: a shorter pause than for Kore.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(error: kube::Error) -> CallError {
        CallError::Failed(std::sync::Arc::new(error))
    }

    /// Whoever waits reads what the API server has said; nothing of what it has sent.
    #[test]
    fn an_obstacle_names_what_was_said_and_nothing_that_was_read() {
        let status = kube::core::Status::failure("no key to decrypt with", "InternalError").with_code(500);
        let said = Error::Connection(failed(kube::Error::Api(status.boxed()))).obstacle().unwrap();
        assert_eq!(
            said,
            "could not read the connection: the call to the API server failed: no key to decrypt with"
        );
        let garbled = serde_json::from_str::<Vec<u8>>(r#"["s3cr3t"]"#).unwrap_err();
        assert!(garbled.to_string().contains("s3cr3t"));
        let said = Error::Connection(failed(kube::Error::SerdeError(garbled))).obstacle().unwrap();
        assert_eq!(said, "could not read the connection: the call to the API server failed");
        let why = "a policy keeps it".to_owned();
        let refused = Error::Write { what: "remove the finalizer", source: CallError::Refused(why) };
        assert!(
            refused
                .obstacle()
                .unwrap()
                .contains("remove the finalizer: the API server refuses the write: a policy")
        );
    }

    /// A race is said, for it may be a webhook that refuses in those words; and that the status is refused, but not that the API server is
    /// silent.
    #[test]
    fn a_race_that_lasts_is_an_obstacle() {
        let write = |what, source| Error::Write { what, source };
        let webhook = CallError::Changed("admission webhook \"keep\" denied the request".to_owned());
        let said = write("remove the finalizer", webhook).obstacle().unwrap();
        assert!(
            said.ends_with("the object has changed: admission webhook \"keep\" denied the request"),
            "{said}"
        );
        assert!(write("remove the finalizer", CallError::Gone).obstacle().is_some());
        let webhook = CallError::Forbidden("admission webhook \"keep\" denied the request".to_owned());
        assert!(write(WRITE_THE_STATUS, webhook).obstacle().unwrap().contains("webhook \"keep\""));
        for error in [
            write("remove the finalizer", CallError::NotLeading),
            write(WRITE_THE_STATUS, CallError::Deadline),
            write(WRITE_THE_STATUS, failed(kube::Error::LinesCodecMaxLineLengthExceeded)),
            Error::Claims(CallError::NotLeading),
        ] {
            assert_eq!(error.obstacle(), None, "{error:?}");
        }
    }
}
