/// What the result of one call shows about everybody who shares an account, or its credentials.
///
/// `fresh` is true if no earlier call for the same campaign has failed for a reason of its own. A campaign
/// that has failed before is weaker evidence: the cause may be the campaign itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The service answers DELETEs, even if it refused this one; or a DELETE has taken effect.
    Works,
    /// The service answers reads. DELETEs may still fail.
    Readable,
    /// A DELETE got no answer or a 5xx, so there may be an outage.
    DeleteFailed {
        /// Whether the campaign had not failed before.
        fresh: bool,
    },
    /// A read got no answer or a 5xx, so there may be an outage.
    ReadFailed {
        /// Whether the campaign had not failed before.
        fresh: bool,
    },
    /// The result shows nothing.
    Nothing,
}

impl Evidence {
    /// Whether a DELETE or a read failed.
    pub(super) fn is_failure(self) -> bool {
        match self {
            Self::DeleteFailed { .. } | Self::ReadFailed { .. } => true,
            Self::Works | Self::Readable | Self::Nothing => false,
        }
    }

    /// Whether the service accepted the call.
    pub(super) fn is_success(self) -> bool {
        match self {
            Self::Works | Self::Readable => true,
            Self::DeleteFailed { .. } | Self::ReadFailed { .. } | Self::Nothing => false,
        }
    }
}

/// Whose backoff grows with a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// The campaign's own.
    Campaign,
    /// The account's, or that of its credentials: their clock schedules the next call, and the campaign's own
    /// backoff stays as it is.
    Account,
}
