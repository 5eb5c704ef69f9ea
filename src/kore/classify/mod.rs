//! What an answer means. Pure, and exhaustive: each kind of failure is named, and has a reason of its own.
//!
//! ```text
//!   delete.rs ─┐                     success.rs   is it an explicit success? otherwise its FailureKind
//!   get.rs    ─┴▶ campaign.rs ──┐      │
//!   list.rs   ──────────────────┴──▶   ├─▶ texts.rs    what its texts and codes say
//!                                      └─▶ summary.rs  the part of it that may be shown
//! ```
//!
//! Kore's documentation shows samples of success only. So nothing but an explicit success for the very
//! campaign confirms a deletion; answers that *may* mean "no such campaign" are a kind of their own that
//! proves nothing by itself; and answers that look like those of a gateway or a proxy, and broken bodies,
//! count as trouble on the way to the service.

#![warn(clippy::wildcard_enum_match_arm)]

mod campaign;
mod delete;
mod denied;
mod get;
mod list;
mod operation;
mod success;
mod summary;
mod texts;

pub use delete::{ConfirmedDeletion, deletion};
pub use denied::DENIED_SUCCESS_PREFIX;
pub use get::single;
pub use list::listing;

#[cfg(test)]
mod tests;
