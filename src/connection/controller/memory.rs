use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::requeue::{INTERVAL, PAUSE};

/// Shortest time between two writes of a status in which only the number of campaigns changes. Campaigns that
/// come and go one by one then cost six writes a minute, and nobody acts sooner on a count.
const COUNT_AGE: Duration = Duration::from_secs(10);

/// What is known of each connection by its uid, beyond its status.
#[derive(Default)]
pub struct Memory {
    passes: Mutex<HashMap<String, Passes>>,
    /// The Secrets that are held for connections that do not fit their schema.
    secrets: Mutex<HashMap<String, Vec<String>>>,
}

/// The passes over a connection.
struct Passes {
    last_begun: Instant,
    /// Failures in a row.
    failures: u32,
    status_written: Option<Instant>,
}

impl Memory {
    /// Begins a pass over a connection.
    ///
    /// # Errors
    /// If the last pass began less than [`PAUSE`] ago; with the time that is left.
    pub(super) fn begin(&self, uid: &str) -> Result<(), Duration> {
        let mut connections = self.passes();
        connections.retain(|_, passes| passes.last_begun.elapsed() < INTERVAL);
        match connections.get_mut(uid) {
            Some(passes) => {
                if let Some(left) = PAUSE.checked_sub(passes.last_begun.elapsed()) {
                    return Err(left);
                }
                passes.last_begun = Instant::now();
            }
            None => {
                let passes = Passes { last_begun: Instant::now(), failures: 0, status_written: None };
                connections.insert(uid.to_owned(), passes);
            }
        }
        Ok(())
    }

    /// How many passes in a row have failed.
    pub(super) fn failures(&self, uid: &str) -> u32 {
        self.passes().get(uid).map_or(0, |passes| passes.failures)
    }

    /// Records the result of a pass. Returns how many passes in a row have failed.
    pub(super) fn record_result(&self, uid: &str, failed: bool) -> u32 {
        let mut connections = self.passes();
        let Some(passes) = connections.get_mut(uid) else { return 1 };
        passes.failures = if failed { passes.failures.saturating_add(1) } else { 0 };
        passes.failures
    }

    /// The time until a status may be written in which only the number of campaigns changes; `None` if it may
    /// be written now.
    pub(super) fn too_early_to_count(&self, uid: &str) -> Option<Duration> {
        let written = self.passes().get(uid)?.status_written?;
        COUNT_AGE.checked_sub(written.elapsed())
    }

    pub(super) fn record_status_write(&self, uid: &str) {
        if let Some(passes) = self.passes().get_mut(uid) {
            passes.status_written = Some(Instant::now());
        }
    }

    pub(super) fn note_secrets(&self, uid: &str, secrets: Vec<String>) {
        self.secrets().insert(uid.to_owned(), secrets);
    }

    pub(super) fn forget_secrets(&self, uid: &str) -> Vec<String> {
        self.secrets().remove(uid).unwrap_or_default()
    }

    fn secrets(&self) -> MutexGuard<'_, HashMap<String, Vec<String>>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn passes(&self) -> MutexGuard<'_, HashMap<String, Passes>> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
