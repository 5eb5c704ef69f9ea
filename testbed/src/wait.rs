//! Waiting for something to come true.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks until there is an answer, for at most `limit`. Between two questions there are 50 ms; more if a
/// question takes its time (up to 500 ms), because that is time that others wait for: each kubectl is a
/// process that takes a tenth of a second of a processor.
///
/// # Errors
/// If there is no answer in time, or asking fails in a way that waiting can't mend.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let asked = Instant::now();
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            bail!("waited {} s in vain: {what}", limit.as_secs());
        }
        sleep((2 * asked.elapsed()).clamp(Duration::from_millis(50), Duration::from_millis(500)));
    }
}
