use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::campaign::evidence::proof;
use crate::kore::MAX_RETRY_AFTER;
use crate::kube_ext::round_up;
use crate::pacing::MAX_BACKOFF;

/// When the next call of a deletion is due at the earliest, and what asks for that.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    at: Timestamp,
    cause: Cause,
}

/// What asks for a pause before the next call of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The backoff of the campaign.
    Backoff,
    /// Kore, with `Retry-After`.
    AskedByKore,
    /// The distance that two reads of a proof keep.
    ProofDistance,
    /// The listings of the stream fail; the stream has a backoff of its own.
    FailedListings,
    /// An earlier pass, in status.
    Stored,
}

impl Cause {
    /// No pause with this cause is longer. A clock that jumped, or a status from elsewhere, must not park a
    /// deletion.
    fn longest(self) -> SignedDuration {
        let longest = match self {
            Self::Backoff => MAX_BACKOFF,
            Self::ProofDistance => return proof::LONGEST_WAIT,
            Self::AskedByKore | Self::FailedListings | Self::Stored => MAX_RETRY_AFTER.max(MAX_BACKOFF),
        };
        SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX)
    }
}

impl Due {
    /// Due at this time.
    pub fn at(at: Timestamp, cause: Cause) -> Self {
        Self { at, cause }
    }

    /// Due after a pause.
    pub fn after(start: Timestamp, pause: Duration, cause: Cause) -> Self {
        Self { at: start + SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX), cause }
    }

    /// What asks for it.
    pub fn cause(self) -> Cause {
        self.cause
    }

    /// The later of two.
    pub fn later(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        [one, other].into_iter().flatten().max_by_key(|due| due.at)
    }

    /// What status says of it, in whole seconds.
    pub fn recorded(self, now: Timestamp) -> Time {
        round_up(self.at.min(now + self.cause.longest()))
    }
}
