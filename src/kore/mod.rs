//! Client of Kore.ai's campaign API, as far as this operator calls it. Does not depend on Kubernetes.
//!
//! ```text
//!   service.rs  CampaignService (trait: delete, get, list) ◀── client.rs  KoreClient: one method per call
//!                                                                  │
//!               token.rs (a JWT per request), http.rs (pools) ──▶ exchange.rs  one request and its answer
//!                                                                  │ RawAnswer
//!                                                                  ▼
//!   classify/   what an answer means (PURE)  ──▶  Result<ConfirmedDeletion | Campaign | Page, Failure>
//!     wire/     JSON to values (PURE)        words/  what the texts of an answer are about (PURE)
//!     scrub/    what of a text may be shown: no tokens, no telephone numbers (PURE)
//!
//!   listing.rs  pages to a complete Listing, the evidence of an absence      host.rs  how hosts are compared
//! ```
//!
//! Facts come from Kore's public documentation; the name in brackets is the page (`delete-voice-campaign-v2`
//! and so on). The documentation does not show the answer for an unknown campaign, nor any error body. So
//! only an explicit success for the very campaign confirms a deletion.

mod answer;
mod campaign;
mod campaign_id;
mod classify;
mod client;
mod exchange;
mod failure;
mod host;
mod http;
mod listing;
mod page;
mod retry_after;
pub mod scrub;
mod service;
mod target;
mod token;
mod wire;
mod words;

pub use answer::{AnswerSummary, RawAnswer};
pub use campaign::{CallerId, CallingDay, CallingHours, Campaign, DialingStrategy, DncList, Schedule};
pub use campaign_id::is_spelled;
pub use classify::{ConfirmedDeletion, DENIED_SUCCESS_PREFIX};
pub use client::KoreClient;
pub use failure::{Failure, FailureKind};
pub use host::normal_host;
pub use http::{BuildError, ClientSettings};
pub use listing::{Interrupted, Listing, Progress, Reading};
pub use page::{Page, PageRequest};
pub use retry_after::{DEFAULT_THROTTLE_PAUSE, MAX_RETRY_AFTER, MIN_RETRY_AFTER};
pub use service::CampaignService;
pub use target::{Account, CampaignKey, Identity, Target};
pub use token::{Algorithm, Credentials, TokenSettings};
pub use words::speaks_of_rights;

/// What an answer means, for tests that have an answer and no server.
pub mod answers {
    pub use super::classify::{deletion, listing, single};
}
