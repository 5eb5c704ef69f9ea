//! The campaign API of Kore.ai, as far as this operator calls it. Knows no Kubernetes.
//!
//! ```text
//!   CampaignService (trait: delete, get, list) ◀── KoreClient (client.rs): HTTP, token.rs: who we are
//!                                                       │ RawAnswer
//!                                                       ▼
//!                                     classify.rs: what an answer means  ──▶ Result<ConfirmedDeletion | Campaign | Page, Failure>
//!                                     wire.rs: JSON to Campaign, scrub.rs: what of a text may be shown
//! ```
//!
//! Facts come from Kore's public documents; the name in brackets is the page (`delete-voice-campaign-v2` and so on).
//! What is not documented (the answer for an unknown campaign, every error body) is treated with suspicion: only an
//! explicit success for the very campaign is a confirmation.

mod campaign;
mod classify;
mod client;
mod retry_after;
mod scrub;
mod token;
pub mod wire;

pub use campaign::{CallerId, CallingDay, CallingHours, Campaign, DialingStrategy, DncList, Schedule};
pub use classify::{AnswerSummary, ConfirmedDeletion, Failure, FailureKind, RawAnswer};
pub use client::{BuildError, ClientSettings, KoreClient};
pub use retry_after::{DEFAULT_THROTTLE_PAUSE, MAX_RETRY_AFTER, MIN_RETRY_AFTER};
pub use token::{Algorithm, TokenSettings};

/// Pure meaning of answers, for tests that have the answer but no server.
pub mod answers {
    pub use super::classify::{deletion, listing, single};
}

use std::time::Duration;

use secrecy::SecretString;

/// The account a call is made for: the unit of rate limits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// Base address without a trailing slash, as `https://platform.kore.ai`.
    pub host: String,
    /// Account identifier, sent as header and query parameter `accountId`.
    pub account_id: String,
}

/// A campaign within an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CampaignKey {
    /// Stream (bot, app) identifier.
    pub stream_id: String,
    /// Campaign identifier.
    pub campaign_id: String,
}

/// Everything needed to call Kore for one account.
#[derive(Clone, Debug)]
pub struct Target {
    /// Whom to call, and for which account.
    pub account: Account,
    /// Value of the header `iid`; the stream identifier if `None`.
    pub iid: Option<String>,
    /// Deadline of one call, from the connection to the last byte of the answer.
    pub timeout: Duration,
    /// How tokens are made.
    pub token: TokenSettings,
    /// Who we are.
    pub credentials: Credentials,
}

/// Client ID and secret of a JWT app. `Debug` shows neither.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Client ID, sent as claim `appId`.
    pub client_id: SecretString,
    /// Client secret, the key of the signature.
    pub client_secret: SecretString,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The campaigns of this page.
    pub campaigns: Vec<Campaign>,
    /// Whether the service says that more follow.
    pub has_more: bool,
    /// How many campaigns the service says there are, over all pages.
    pub total_results: Option<i64>,
}

/// What the operator asks of Kore. The HTTP client and the test doubles fit this one contract.
///
/// Every error is a [`Failure`]: what kind of answer (or silence) it was, and what of it may be shown.
pub trait CampaignService: Send + Sync + 'static {
    /// Asks for the deletion of a campaign [delete-voice-campaign-v2].
    fn delete(
        &self,
        target: &Target,
        key: &CampaignKey,
    ) -> impl Future<Output = Result<ConfirmedDeletion, Failure>> + Send;

    /// Reads one campaign [get-voice-campaign-by-id-v2].
    fn get(
        &self,
        target: &Target,
        key: &CampaignKey,
    ) -> impl Future<Output = Result<Campaign, Failure>> + Send;

    /// Reads one page of the voice campaigns of a stream [get-all-campaigns-v2]; `page` counts from 1.
    fn list(
        &self,
        target: &Target,
        stream_id: &str,
        page: u32,
    ) -> impl Future<Output = Result<Page, Failure>> + Send;
}
