//! The clock of one account: when each caller may call.
//!
//! ```text
//!   spare.rs    calls that can wait ────────────┐
//!   trouble.rs  what is known of trouble ───────┼─▶ clock.rs ──┬─▶ probing.rs  in trouble: who may call?
//!   inherit.rs  what statuses record            │              ├─▶ plan.rs     can all times move up?
//!     └─▶ past.rs  of the time before a restart ┘              └─▶ slots.rs    who may call when?
//!                                                                    ├─▶ queue.rs   callers that wait
//!   turn.rs     the answer to a caller                               └─▶ window.rs  calls of a minute
//!   place.rs    the order of callers
//!   figures.rs  all of it in figures, for people
//! ```

mod clock;
mod figures;
mod inherit;
mod past;
mod place;
mod plan;
mod probing;
mod queue;
mod slots;
mod spare;
#[cfg(test)]
mod tests;
mod trouble;
mod turn;
mod window;

pub use clock::AccountClock;
pub use figures::{Figures, Position};
pub use past::{Outage, Past, Pause, Refusal};
pub use place::Place;
pub use turn::{Holder, Turn};
pub use window::ARRIVES_WITHIN;
