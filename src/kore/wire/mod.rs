//! JSON of Kore to values of ours, forgiving by design. Pure.
//!
//! ```text
//!   json.rs (bytes to a Value) ─▶ envelope.rs ─┬▶ errors.rs         texts and codes of errors
//!                                              ├▶ contradiction.rs  what contradicts a success
//!                                              ├▶ ids.rs            the ids of campaigns
//!                                              └▶ state.rs          what the name of a state says
//!   repeated.rs: fields that stand twice
//!   campaign.rs, page.rs: `data` of an envelope to a Campaign or a Page
//!   fields.rs: one field of an object
//! ```
//!
//! A campaign that was deleted must not count as "not deleted" because a field of the answer has changed its
//! type. So each field is read by itself: a number is accepted where the documentation has a text, anything
//! else is left out. Only the envelope's `status`, the campaign's id and what contradicts the success decide.

mod campaign;
mod contradiction;
mod envelope;
mod errors;
mod fields;
mod ids;
mod json;
mod page;
mod repeated;
mod state;

pub use campaign::campaign;
pub use envelope::Envelope;
pub use errors::stray_texts;
pub use page::page;
pub use state::is_deleted;
