use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// A clock that jumped by more than this was put forward or back; less is the drift of a clock that is being
/// set right.
const JUMP: SignedDuration = SignedDuration::from_secs(1);

/// A clock that runs evenly, also when the machine's clock is put forward or back.
#[derive(Clone, Copy, Debug)]
pub struct EvenClock {
    then: (Instant, Timestamp),
}

impl EvenClock {
    /// Starts with the machine's time.
    pub fn new() -> Self {
        Self { then: (Instant::now(), Timestamp::now()) }
    }

    /// The time, and how far the machine's clock has been put ahead of it.
    pub fn now(&self) -> (Timestamp, SignedDuration) {
        let (instant, timestamp) = self.then;
        let now = timestamp + SignedDuration::try_from(instant.elapsed()).unwrap_or(SignedDuration::MAX);
        let ahead = Timestamp::now().duration_since(now);
        (now, if ahead.abs() > JUMP { ahead } else { SignedDuration::ZERO })
    }

    /// When it was started, by the machine's clock as it is now.
    pub fn started_at(&self) -> Timestamp {
        self.then.1 + self.now().1
    }

    /// Whether the machine's clock was put forward or back since this was asked last.
    pub fn has_jumped(&mut self) -> bool {
        let jumped = self.now().1 != SignedDuration::ZERO;
        if jumped {
            *self = Self::new();
        }
        jumped
    }

    /// As if the machine's clock had been put ahead since.
    #[cfg(test)]
    pub fn put_ahead(&mut self, by: SignedDuration) {
        self.then.1 -= by;
    }
}

impl Default for EvenClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_noticed_once_in_either_direction() {
        for hours in [-12, 12] {
            let mut clock = EvenClock::new();
            assert!(!clock.has_jumped());
            clock.put_ahead(SignedDuration::from_hours(hours));
            let ahead = clock.now().1.as_secs_f64() / 3600.0;
            assert!((ahead - hours as f64).abs() < 0.1, "{ahead}");
            assert!(clock.has_jumped() && !clock.has_jumped());
        }
    }
}
