use std::time::Duration;

use crate::kube_ext::{CallError, CallErrorClass};
use crate::pacing::backoff;

/// The write of a status, in [`Error::Write::what`].
pub const WRITE_THE_STATUS: &str = "write the status";

/// Why a reconcile failed. A failed call to Kore is no error here: it is a result, and status records it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A write to the API server failed.
    #[error("could not {what}")]
    Write {
        /// What the write was to do.
        what: &'static str,
        /// Why not.
        source: CallError,
    },
    /// Reading the connection or its Secret failed.
    #[error("could not read the KoreConnection or its Secret")]
    Connection(#[source] CallError),
    /// Listing the other objects of the same campaign failed.
    #[error("could not list other VoiceCampaigns of the campaign")]
    Claims(#[source] CallError),
    /// The reconcile outlasted its deadline.
    #[error("the reconcile took too long")]
    Deadline,
    /// The reconcile took more steps than any path has. A bug.
    #[error("the reconcile took too many steps")]
    NoProgress,
}

impl Error {
    /// What the status reports, if the error lasts; `None` if the API server is not reached, and so takes no
    /// status either. A race that is lost again and again is an obstacle, too: a webhook may refuse the write
    /// with the words of a race.
    pub fn obstacle(&self) -> Option<String> {
        match self {
            Self::Write { source: CallError::NotLeading, .. }
            | Self::Connection(CallError::NotLeading)
            | Self::Claims(CallError::NotLeading) => None,
            Self::Write { what: WRITE_THE_STATUS, source } if !source.may_be_of_the_object() => None,
            Self::Write { source, .. } | Self::Connection(source) | Self::Claims(source) => {
                Some(format!("{self}: {}", source.with_server_message()))
            }
            Self::Deadline | Self::NoProgress => None,
        }
    }

    /// When to try again, after this many failures in a row.
    pub fn retry_after(&self, identity: &str, failures: u32) -> Duration {
        match self {
            // The view was old, nothing is wrong.
            Self::Write { source, .. } | Self::Connection(source)
                if source.class() == CallErrorClass::Race =>
            {
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

/// The view of the object was old; the watch shows a new one in a moment.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause before another try: shorter than for Kore, because the API server has no quota that others
/// need.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(error: kube::Error) -> CallError {
        CallError::Failed(std::sync::Arc::new(error))
    }

    /// The status quotes the message of the API server, and nothing of an object that it sent.
    #[test]
    fn an_obstacle_names_what_was_said_and_nothing_that_was_read() {
        let status = kube::core::Status::failure("no key to decrypt with", "InternalError").with_code(500);
        let said = Error::Connection(failed(kube::Error::Api(status.boxed()))).obstacle().unwrap();
        assert_eq!(
            said,
            "could not read the KoreConnection or its Secret: the call to the API server failed: no key to decrypt with"
        );
        let garbled = serde_json::from_str::<Vec<u8>>(r#"["s3cr3t"]"#).unwrap_err();
        assert!(garbled.to_string().contains("s3cr3t"));
        let said = Error::Connection(failed(kube::Error::SerdeError(garbled))).obstacle().unwrap();
        assert_eq!(
            said,
            "could not read the KoreConnection or its Secret: the call to the API server failed"
        );
        let why = "a policy keeps it".to_owned();
        let refused = Error::Write { what: "remove the finalizer", source: CallError::Refused(why) };
        assert!(
            refused
                .obstacle()
                .unwrap()
                .contains("remove the finalizer: the API server refuses the write: a policy")
        );
    }

    /// The status reports a race, because a webhook may refuse with those words; and a refused status, but
    /// not a silent API server.
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
        // A webhook may hang that is asked for the status alone.
        let hangs = write(WRITE_THE_STATUS, CallError::Deadline(Duration::from_secs(10)));
        assert!(hangs.obstacle().unwrap().contains("within 10 s"));
        for error in [
            write("remove the finalizer", CallError::NotLeading),
            write(WRITE_THE_STATUS, failed(kube::Error::LinesCodecMaxLineLengthExceeded)),
            Error::Claims(CallError::NotLeading),
        ] {
            assert_eq!(error.obstacle(), None, "{error:?}");
        }
    }
}
