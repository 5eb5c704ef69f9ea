//! What of a text from outside may be shown in a status, an event, a log or an error. Pure.
//!
//! ```text
//!   secrets.rs    redacts the secrets of a call, if an answer echoes them
//!   message.rs    one line, without tokens, queries and telephone numbers, cut   ──▶  telephone.rs
//!   chars.rs      characters that do not show; texts that are too long
//! ```

mod chars;
mod message;
mod secrets;
mod telephone;

pub use chars::{cut, is_invisible, plain};
pub use message::{MAX_MESSAGE_CHARS, message};
pub use secrets::redact;
