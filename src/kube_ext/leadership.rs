use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// Whether this instance may act: a value that expires by the monotonic clock of this process, which nobody
/// can set. Checked before each call to Kore and each write to the API server.
#[derive(Clone, Debug)]
pub struct Leadership(Arc<Mutex<Expiry>>);

#[derive(Clone, Copy, Debug)]
enum Expiry {
    /// There is no other instance.
    Never,
    At(Instant),
}

impl Leadership {
    /// The leadership of the only instance, which needs no lease.
    pub fn unlimited() -> Self {
        Self(Arc::new(Mutex::new(Expiry::Never)))
    }

    /// Whether this instance may act now.
    pub fn is_held(&self) -> bool {
        match *self.state() {
            Expiry::Never => true,
            Expiry::At(expiry) => Instant::now() < expiry,
        }
    }

    pub(super) fn until(expiry: Instant) -> Self {
        Self(Arc::new(Mutex::new(Expiry::At(expiry))))
    }

    /// Extends it, unless it has expired: work that ended then does not begin again. Returns whether it is
    /// held.
    #[must_use]
    pub(super) fn extend(&self, expiry: Instant) -> bool {
        match &mut *self.state() {
            Expiry::Never => true,
            Expiry::At(before) => {
                let is_held = Instant::now() < *before;
                if is_held {
                    *before = expiry;
                }
                is_held
            }
        }
    }

    pub(super) fn end(&self) {
        *self.state() = Expiry::At(Instant::now());
    }

    /// When the leadership expires; `None` if it never does.
    pub(super) fn expiry(&self) -> Option<Instant> {
        match *self.state() {
            Expiry::Never => None,
            Expiry::At(expiry) => Some(expiry),
        }
    }

    fn state(&self) -> MutexGuard<'_, Expiry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn leadership_ends_by_itself() {
        const LIFE: Duration = Duration::from_secs(10);
        let leadership = Leadership::until(Instant::now() + LIFE);
        assert!(leadership.is_held() && Leadership::unlimited().is_held());
        tokio::time::sleep(LIFE / 2).await;
        assert!(leadership.extend(Instant::now() + LIFE));
        tokio::time::sleep(LIFE / 2).await;
        assert!(leadership.is_held());
        tokio::time::sleep(LIFE / 2).await;
        assert!(!leadership.is_held());
        // The answer to a renewal was there in time, and the process was suspended: passes may have ended
        // meanwhile that only a new term makes again.
        assert!(!leadership.extend(Instant::now() + LIFE) && !leadership.is_held());
        let leadership = Leadership::until(Instant::now() + LIFE);
        leadership.end();
        assert!(!leadership.is_held());
    }
}
