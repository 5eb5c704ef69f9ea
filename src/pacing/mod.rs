//! When to call: backoff of one object, clock of one account. Pure: no I/O, and the time is a parameter.
//!
//! ```text
//!   account.rs ── account_clock.rs   a queue and its window of calls ── breaker.rs  probe what is in trouble
//!   an account and                                                  └── pace.rs     a quota that others use, too
//!   its credentials
//!   backoff.rs    the pause of one campaign that fails by itself
//! ```

mod account;
mod account_clock;
mod backoff;
mod breaker;
mod pace;

pub use account::{Access, Account, CallEvidence, Consequence, Request};
pub use account_clock::{ARRIVES_WITHIN, AccountClock, Holder, Outage, Past, Pause, Place, Refusal, Turn};
pub use backoff::{LAST_TRY, MAX_BACKOFF, MIN_BACKOFF, backoff, fraction, longest_backoff};
pub use breaker::{Charge, Evidence};

/// The whole second at or after a time.
fn whole_second(time: jiff::Timestamp) -> jiff::Timestamp {
    let begun = time.subsec_nanosecond() > 0;
    jiff::Timestamp::from_second(time.as_second() + i64::from(begun)).unwrap_or(time)
}
