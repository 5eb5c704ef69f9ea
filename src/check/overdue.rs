//! Whether an operator should have said or done something by now. Pure.

use jiff::{SignedDuration, Timestamp};

use super::seen::{PATIENCE, Phase, Seen};
use crate::api::Reason;

/// A step that the operator takes by itself, and without a pause, is over by then: a request to Kore, the
/// removal of its finalizer, its answer to a change of the resource.
const STEP: SignedDuration = SignedDuration::from_mins(3);

/// While a proof of absence goes on, its status is not written for each page of a listing, and a long listing
/// takes so long within the quota.
const LISTING: SignedDuration = SignedDuration::from_hours(1);

impl Seen {
    /// Whether an operator should have said or done something by now: it answers a deletion within a second,
    /// keeps the times that it promises, but for waits of some seconds, does not stop in the middle of a
    /// step, and says something of a resource that is new, and puts its finalizer on it.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let ago = |time: Timestamp, patience: SignedDuration| now.duration_since(time) > patience;
        match self.phase {
            Phase::Unanswered => self.requested_at().is_some_and(|requested| ago(requested, PATIENCE)),
            Phase::Continuing => {
                let patience = if self.proves { LISTING } else { PATIENCE + PATIENCE };
                self.next_at().is_some_and(|next| ago(next, patience)) || self.has_stopped(now)
            }
            Phase::Ending => self.has_stopped(now),
            Phase::New => self.is_old(now),
            Phase::Stalled | Phase::Living => !self.kept && self.is_old(now),
            Phase::Held => false,
        }
    }

    /// Whether it was created so long ago that an operator should have seen it.
    fn is_old(&self, now: Timestamp) -> bool {
        self.created_at.as_ref().is_some_and(|created| now.duration_since(created.0) > PATIENCE)
    }

    /// Whether it is being deleted, and does not go on by itself.
    pub fn is_stuck(&self, now: Timestamp) -> bool {
        self.phase == Phase::Held || self.phase.is_deletion() && self.is_overdue(now)
    }

    /// Whether an operator was in the middle of a step of the deletion when it last said something, and
    /// should have ended the step by now: an operator that is gone says nothing of it.
    fn has_stopped(&self, now: Timestamp) -> bool {
        // It asks the brake, and that is decided at once.
        let asks = self.reason.as_deref() == Some(Reason::Pending.as_str()) && self.next_attempt_at.is_none();
        let reads = self.proves && self.next_attempt_at.is_none();
        let in_a_step = self.phase == Phase::Ending || self.announces_a_delete() || asks || !self.answered;
        let step = if in_a_step { STEP } else { LISTING };
        (in_a_step || reads) && self.written_at.is_some_and(|written| now.duration_since(written) > step)
    }
}
