//! Waiting for something to come true.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks every 50 ms until there is an answer, for at most `limit`.
///
/// # Errors
/// If there is no answer in time, or asking fails in a way that waiting can't mend.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            bail!("waited {} s in vain: {what}", limit.as_secs());
        }
        sleep(Duration::from_millis(50));
    }
}
