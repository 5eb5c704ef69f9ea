use jiff::{SignedDuration, Timestamp};

/// All callers that wait are woken for more room no more often than this.
const REPLAN: SignedDuration = SignedDuration::from_secs(60);

/// How many calls a window may hold, as the promised times assume.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// The fewest calls a window could hold since the plan was last raised; 0 before any time was promised.
    calls: usize,
    raised_at: Timestamp,
    /// The plan was raised, and the callers that wait have not been woken yet.
    is_raised: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { calls: 0, raised_at: Timestamp::MIN, is_raised: false }
    }
}

impl Plan {
    /// Follows the pace. The plan is raised only when there is twice as much room or more.
    pub fn follow(&mut self, calls: usize, now: Timestamp) {
        if self.calls == 0 || calls < self.calls {
            self.calls = calls;
        } else if calls >= 2 * self.calls && self.raised_at + REPLAN <= now {
            *self = Self { calls, raised_at: now, is_raised: true };
        }
    }

    /// Whether all promised times can move up. Returns true once each time that the plan is raised.
    pub fn take_raised(&mut self) -> bool {
        std::mem::take(&mut self.is_raised)
    }
}
