use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Shortest pause between two attempts.
pub const MIN_BACKOFF: Duration = Duration::from_secs(1);
/// Longest pause between two attempts.
pub const MAX_BACKOFF: Duration = Duration::from_secs(5 * 60);
/// The number of tries for something that no event in the cluster triggers again: they take about 20 minutes.
pub const LAST_TRY: i32 = 12;

/// Pause after the given number of attempts: exponential with full jitter, between 1 s and 5 min.
///
/// Full jitter spreads objects that failed together; without it they retry together, and the peak after an
/// outage is the number of objects. The jitter is derived from the object's identity and the attempt, so that
/// the function stays pure, and the pause is the same after a restart.
pub fn backoff(identity: &str, attempts: i32) -> Duration {
    MIN_BACKOFF + (longest_backoff(attempts) - MIN_BACKOFF).mul_f64(fraction((identity, attempts)))
}

/// The longest pause after the given number of attempts, for any object.
pub fn longest_backoff(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 20)).unwrap_or(1);
    (MIN_BACKOFF * 2u32.pow(doublings)).min(MAX_BACKOFF)
}

/// A number from 0 to 1 that is derived from the identity. Multiply it with what is to be spread over
/// objects.
pub fn fraction(identity: impl Hash) -> f64 {
    let mut hasher = DefaultHasher::new();
    identity.hash(&mut hasher);
    (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever was persisted (also a negative or huge number), the pause is between the bounds.
        #[test]
        fn the_pause_is_bounded(identity in ".*", attempts: i32) {
            let pause = backoff(&identity, attempts);
            prop_assert!((MIN_BACKOFF..=MAX_BACKOFF).contains(&pause));
        }
    }

    /// The ceiling doubles, and the pauses of many objects fill the room below it evenly.
    #[test]
    fn jitter_is_full() {
        for (attempts, ceiling) in [(1, 2.0), (2, 4.0), (5, 32.0), (9, 300.0), (400, 300.0)] {
            let pauses: Vec<f64> =
                (0..4000).map(|n| backoff(&format!("uid-{n}"), attempts).as_secs_f64()).collect();
            let mean = pauses.iter().sum::<f64>() / pauses.len() as f64;
            let expected = f64::midpoint(1.0, ceiling);
            assert!(
                (mean - expected).abs() < 0.05 * expected,
                "{attempts}: mean {mean}, expected {expected}"
            );
            assert!(pauses.iter().all(|pause| *pause <= ceiling));
            assert!(pauses.iter().any(|pause| *pause > 0.95 * ceiling));
            assert!(pauses.iter().any(|pause| *pause < 1.0 + 0.05 * ceiling));
        }
    }
}
