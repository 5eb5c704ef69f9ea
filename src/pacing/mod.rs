//! When to call: backoff of one object, clock of one account. Pure: no I/O, and the time is a parameter.

mod account_clock;
mod backoff;

pub use account_clock::AccountClock;
pub use backoff::{MAX_BACKOFF, MIN_BACKOFF, backoff, fraction};
