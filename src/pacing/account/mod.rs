//! An account and the credentials that it is called with.
//!
//! ```text
//!   ask.rs       may this call be made? ─────────────┐
//!   record.rs    what follows from its result? ──────┼─▶ state.rs ──▶ credentials.rs
//!   leave.rs     who gives up a place, who moves up? ┘   the account   are they accepted?
//!   request.rs   what is asked, what is recorded, what follows
//! ```

mod ask;
mod credentials;
mod leave;
mod record;
mod request;
mod state;
#[cfg(test)]
mod tests;

pub use request::{Access, CallEvidence, Consequence, Request};
pub use state::Account;
