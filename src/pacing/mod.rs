//! When to call: the backoff of one object, and the clock of one account. Pure: no I/O, and time is a
//! parameter.
//!
//! ```text
//!   account/         an account and its credentials
//!     └─▶ account_clock/   the queue of callers and the window of calls
//!           ├─▶ breaker/     are calls made, or only probes?
//!           └─▶ pace.rs      how much of the quota others leave
//!   backoff.rs       the pause of one campaign that fails for a reason of its own
//!   evidence.rs      what the result of a call shows, and whom a failure is charged to
//! ```

mod account;
mod account_clock;
mod backoff;
mod breaker;
mod evidence;
mod pace;
mod time;

pub use account::{Access, Account, CallEvidence, Consequence, Request};
pub use account_clock::{
    ARRIVES_WITHIN, AccountClock, Figures, Holder, Outage, Past, Pause, Place, Position, Refusal, Turn,
};
pub use backoff::{LAST_TRY, MAX_BACKOFF, MIN_BACKOFF, backoff, fraction, longest_backoff};
pub use evidence::{Charge, Evidence};
pub use time::CLOCKS_DIFFER;
