//! When to call: backoff of one object, clock of one account. Pure: no I/O, and the time is a parameter.
//!
//! ```text
//!   account_clock.rs   the queue of an account and its window of calls ── breaker.rs  probe an account in trouble
//!                                                                     └── pace.rs     a quota that others use, too
//!   backoff.rs         the pause of one campaign that fails by itself
//! ```

mod account_clock;
mod backoff;
mod breaker;
mod pace;

pub use account_clock::{AccountClock, Place, Turn};
pub use backoff::{MAX_BACKOFF, MIN_BACKOFF, backoff, fraction};
pub use breaker::{Charge, Health};
