use std::time::Duration;

use crate::kube_ext::CallError;
use crate::pacing::backoff;

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
    /// When to try again, after this many failures in a row.
    pub fn retry_after(&self, identity: &str, failures: u32) -> Duration {
        match self {
            // Somebody else has written: the view is old, nothing is wrong.
            Self::Write { source: CallError::Changed | CallError::Gone, .. } => {
                let doublings = failures.saturating_sub(1).min(10);
                (SHORTEST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE)
            }
            Self::Write {
                source:
                    CallError::Refused(_)
                    | CallError::Forbidden(_)
                    | CallError::Failed(_)
                    | CallError::NotLeading
                    | CallError::Deadline,
                ..
            }
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
