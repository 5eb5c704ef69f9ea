//! What a Secret holds: credentials, or a value that can't be right. Pure.
//!
//! ```text
//!   read.rs   bytes ─▶ text.rs ─▶ encoding.rs ─▶ check.rs ─▶ credentials, with hints.rs
//!                      without    decoded if     a Flaw?     may look wrong
//!                      quotes     the id proves  names.rs    and be right
//!                      and blanks the encoding
//! ```
//!
//! A value that can have only one meaning is repaired: blanks and quotes around it, UTF-16, a second base64.
//! A value that can't be right is reported by the kind of its flaw, without the value, a part of it, or its
//! length. A client secret may be any text of ordinary characters, and Kore documents no form of the client
//! id: a value that only looks wrong causes a hint, which is shown after Kore has refused the credentials.

mod check;
mod encoding;
mod flaw;
mod hints;
mod id;
mod names;
mod problem;
mod read;
mod text;

pub use flaw::Flaw;
pub use problem::SecretProblem;
pub use read::{Found, read};

#[cfg(test)]
mod tests;
