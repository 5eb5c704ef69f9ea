//! How far a deletion has come, as its status says. Pure.

use super::seen::Seen;
use crate::api::Reason;
use crate::kore::FailureKind;

/// What says that Kore, or the way to it, does not work.
const TROUBLE: [Reason; 5] = [
    Reason::AccountUnavailable,
    Reason::Service(FailureKind::Unavailable),
    Reason::Service(FailureKind::Unreachable),
    Reason::Service(FailureKind::Unreadable),
    Reason::Service(FailureKind::ContractViolation),
];

impl Seen {
    /// Whether a DELETE of the campaign was sent, and its answer, or that there was none, is in the status.
    pub fn has_sent_a_delete(&self) -> bool {
        self.attempts.is_some_and(|attempts| attempts > 0)
    }

    /// Whether it is being deleted, and its status may not say how far that has come.
    pub fn is_untold(&self) -> bool {
        self.untold && self.phase.is_deletion()
    }

    /// Whether it is being deleted, and no DELETE was sent yet, as far as the status says: one that is
    /// answered at once is not announced before.
    pub fn has_not_begun(&self) -> bool {
        self.may_be_saved() && !self.announces_a_delete()
    }

    /// The same, or a DELETE that the status announces is on its way, or in line for its call.
    pub fn may_be_saved(&self) -> bool {
        self.phase.is_deletion() && self.outcome.is_none() && !self.has_sent_a_delete()
    }

    /// Whether the status says that a DELETE is on its way.
    pub fn announces_a_delete(&self) -> bool {
        self.reason.as_deref() == Some(Reason::Deleting.as_str())
    }

    /// Whether the brake of its connection holds its deletion.
    pub fn is_held_by_brake(&self) -> bool {
        self.reason.as_deref() == Some(Reason::MassDeletion.as_str()) && self.phase.is_deletion()
    }

    /// Whether it waits for Kore, which does not answer, or for the way to it.
    pub fn waits_for_kore(&self) -> bool {
        TROUBLE.iter().any(|trouble| self.reason.as_deref() == Some(trouble.as_str()))
    }
}
