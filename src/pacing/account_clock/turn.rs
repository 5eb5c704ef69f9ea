use jiff::Timestamp;

/// The clock's answer to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// Call now. A claimed call is counted, and its result must be recorded (`AccountClock::record_result`).
    Go,
    /// Call no earlier than this time. The caller keeps its place.
    At(Timestamp),
    /// The account is in trouble, and others probe it. The caller keeps its place.
    Held {
        /// What is in trouble.
        of: Holder,
        /// When the trouble began.
        since: Timestamp,
        /// When to ask again, unless the account works earlier.
        until: Timestamp,
        /// Whether the caller is the next to probe.
        next: bool,
    },
}

/// What holds a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// Calls to the account fail.
    Account,
    /// The service refuses the credentials.
    Credentials,
}

impl Turn {
    /// Whether the caller still has to wait at this time.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        match self {
            Self::Go => false,
            Self::At(until) | Self::Held { until, .. } => *until > now,
        }
    }

    /// The same answer. If it holds the call, `holder` is what is in trouble.
    pub fn held_by(self, holder: Holder) -> Self {
        match self {
            Self::Held { since, until, next, of: _ } => Self::Held { of: holder, since, until, next },
            Self::Go | Self::At(_) => self,
        }
    }
}
