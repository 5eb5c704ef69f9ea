//! The live view of deletions.
//!
//! ```text
//!   follow.rs  watches of the resources ─▶ board.rs  who waits for what, who is gone (PURE; tally.rs)
//!   calls.rs   the calls that delete ───────┘  └─▶ screen.rs  drawn on a terminal, or a line per change
//! ```

mod board;
mod calls;
mod follow;
mod screen;
mod tally;

pub use board::{Board, Call};
pub use calls::Calls;
pub use follow::{Followed, Request, Until, follow};
