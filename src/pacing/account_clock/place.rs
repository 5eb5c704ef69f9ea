use jiff::{SignedDuration, Timestamp};

/// How much later than a deletion of the same age a read for a proof stands in the queue.
const PROOFS_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// A caller's place in the queue of an account. Callers are ordered by rank, then by the time they were due.
/// Reads for a proof stand some minutes behind, and deletions that have failed for reasons of their own stand
/// behind all that have not: so thousands of campaigns that fail again and again do not block one that would
/// not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub(super) rank: Rank,
    pub(super) due: Timestamp,
    /// Whether the caller reads; otherwise it sends a DELETE.
    pub(super) reads: bool,
    /// Whether the campaign has not failed for a reason of its own.
    fresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// The caller has let all others go first for too long.
    First,
    /// A read that shows what everybody waits to know.
    Diagnostic,
    /// The campaign has not failed.
    Fresh,
    /// The campaign has failed for a reason of its own.
    Failed,
    /// As far as is known, the service will refuse the call.
    Last,
}

impl Place {
    /// A deletion that has been due since `due`, and is not known to fail.
    pub fn deletion(due: Timestamp) -> Self {
        Self { rank: Rank::Fresh, due, reads: false, fresh: true }
    }

    /// A read that a deletion has been waiting for since `due`.
    pub fn proof(due: Timestamp) -> Self {
        Self { reads: true, ..Self::deletion(due + PROOFS_WAIT) }
    }

    /// A deletion that has failed for a reason of its own, and has been due again since `due`.
    pub fn retry(due: Timestamp) -> Self {
        Self { rank: Rank::Failed, due, reads: false, fresh: false }
    }

    /// The same place, for a read.
    pub fn of_read(self) -> Self {
        Self { reads: true, ..self }
    }

    /// The same campaign, for a diagnostic read: its DELETE may have taken effect, and it is unknown whether
    /// the account works at all.
    pub fn of_diagnostic_read(self, due: Timestamp) -> Self {
        Self { rank: Rank::Diagnostic, due, reads: true, ..self }
    }

    /// The same place, before all others.
    pub fn first(self) -> Self {
        Self { rank: Rank::First, ..self }
    }

    /// The same place, behind all others.
    pub fn last(self) -> Self {
        Self { rank: Rank::Last, ..self }
    }

    /// Whether the campaign has not failed for a reason of its own.
    pub fn is_fresh(self) -> bool {
        self.fresh
    }

    /// Whether the caller wants a diagnostic read.
    pub(super) fn is_diagnostic(self) -> bool {
        self.rank == Rank::Diagnostic
    }

    /// The same place, due no earlier than `earliest`.
    pub(super) fn due_from(self, earliest: Timestamp) -> Self {
        Self { due: self.due.max(earliest), ..self }
    }

    /// The better of this place and the one that the caller has; for what the caller wants now. A DELETE does
    /// not inherit the place of a diagnostic read.
    pub(super) fn or_better(self, held: Self) -> Self {
        if held.is_diagnostic() && !self.reads {
            return self;
        }
        Self { reads: self.reads, ..self.min(held) }
    }

    /// Whether this place comes before another one, whatever the two callers want.
    pub(super) fn is_before(self, other: Self) -> bool {
        self.of_read() < other.of_read()
    }
}
