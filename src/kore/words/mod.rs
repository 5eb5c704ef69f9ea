//! What the texts of an answer are about: a missing right, the credentials, a campaign that does not exist, a
//! deletion that is not done. Pure.
//!
//! ```text
//!   success.rs ─────────────────┐
//!   refusal.rs ─▶ absence.rs ───┼─▶ text.rs  lower case, single words, without the name of a campaign
//!         └─▶ phrases.rs ◀┘     ┘
//! ```
//!
//! Kore's only documented refusal for lack of permission comes as HTTP 400, "Unauthorized to perform this
//! activity" [delete-users]; other services have other words. A campaign may be called by any of these words
//! ("Campaign Permission reminder is running"), so only a phrase that says who lacks what counts, outside of
//! a campaign's name.
//!
//! That a campaign does not exist is believed only if a text says so and nothing else: no list of refusals is
//! ever complete.

mod absence;
mod phrases;
mod refusal;
mod success;
mod text;

pub use absence::{Absence, absence, says_there_are_none};
pub use refusal::{refuses_us, speak_of_a_state, speaks_of_rights, speaks_of_the_rate_limit};
pub use success::{Undone, undone};

#[cfg(test)]
mod tests;
