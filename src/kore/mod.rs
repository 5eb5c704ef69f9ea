//! The campaign API of Kore.ai, as far as this operator calls it. Knows no Kubernetes.
//!
//! ```text
//!   CampaignService (trait: delete, get, list) ◀── KoreClient (client.rs), http.rs: connections, token.rs: who we are
//!                                                       │ RawAnswer
//!                                                       ▼
//!                                     classify.rs: what an answer means  ──▶ Result<ConfirmedDeletion | Campaign | Page, Failure>
//!                                     wire.rs: JSON to Campaign, scrub.rs, telephone.rs: what of a text may be shown
//!                                     words.rs: what a failure is about: rights, who we are, or no campaign
//!     host.rs: addresses compared     listing.rs: pages to a complete Listing, the evidence of an absence
//! ```
//!
//! Facts come from Kore's public documents; the name in brackets is the page (`delete-voice-campaign-v2` and so on).
//! What is not documented (the answer for an unknown campaign, every error body) is treated with suspicion: only an
//! explicit success for the very campaign is a confirmation.

mod campaign;
mod classify;
mod client;
mod host;
mod http;
mod listing;
mod retry_after;

pub mod scrub;
mod telephone;
mod token;
pub mod wire;
mod words;

pub use campaign::{CallerId, CallingDay, CallingHours, Campaign, DialingStrategy, DncList, Schedule};
pub use classify::{AnswerSummary, ConfirmedDeletion, DENIED, Failure, FailureKind, RawAnswer};
pub use client::KoreClient;
pub use host::normal_host;
pub use http::{BuildError, ClientSettings};
pub use listing::{Interrupted, Listing, Progress, Reading, is_spelled};
pub use retry_after::{DEFAULT_THROTTLE_PAUSE, MAX_RETRY_AFTER, MIN_RETRY_AFTER};
pub use token::{Algorithm, TokenSettings};
pub use words::speaks_of_rights;

/// Pure meaning of answers, for tests that have the answer but no server.
pub mod answers {
    pub use super::classify::{deletion, listing, single};
}

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// The account a call is made for: the unit of rate limits. [`Account::new`] makes one that can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// Base address in its normal form, as `https://platform.kore.ai`; see [`normal_host`].
    pub host: String,
    /// Account identifier, sent as header and query parameter `accountId`.
    pub account_id: String,
}

impl Account {
    /// The account of this identifier at a base address, however that is spelled.
    pub fn new(host: &str, account_id: &str) -> Self {
        Self { host: normal_host(host), account_id: account_id.to_owned() }
    }
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
    /// For which account a call is made.
    pub account: Account,
    /// Base address that is called, as the connection spells it: a trailing dot means something to a resolver or a proxy.
    pub address: String,
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

/// As whom the service is asked: a fingerprint of host, account, `iid` and client ID. Reads prove something together
/// only if they were made as the same. The client secret is no part of it: a rotation makes no other app.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(String);

impl Identity {
    /// The fingerprint: 16 hexadecimal digits, from which nothing can be read back.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Target {
    /// As whom a call with this target is made.
    pub fn identity(&self) -> Identity {
        let (host, account_id) = (&normal_host(&self.address), &self.account.account_id);
        let iid = self.iid.as_deref().unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [host, account_id, iid, self.credentials.client_id.expose_secret()] {
            hash.update(part);
            // So that two parts can't be cut otherwise.
            hash.update([0]);
        }
        Identity(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// A hash of what a token is made with, of this process alone: whoever does not have the same secret does not share
    /// what it lets one see.
    pub fn credentials_hash(&self) -> u64 {
        static SEED: OnceLock<RandomState> = OnceLock::new();
        let Credentials { client_id, client_secret } = &self.credentials;
        let parts = (client_id.expose_secret(), client_secret.expose_secret(), &self.token.subject);
        SEED.get_or_init(RandomState::new).hash_one((parts, self.token.algorithm))
    }
}

/// Which rows of a listing are asked for. The sample of [get-all-campaigns-v2] sends all three fields together, and no
/// page says which of them counts; so `skip` is `(page - 1) * limit` as long as the service gives pages of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Counts from 1.
    pub page: u32,
    /// Rows that were received before it.
    pub skip: u32,
    /// Most rows it is to have.
    pub limit: u32,
}

/// One page of a listing. Only `classify` makes one, from an answer that says success.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    rows: Vec<Row>,
    /// Whether the service says that more follow; `None` if it says nothing about it.
    has_more: Option<bool>,
    /// How many campaigns the service says there are, over all pages.
    total_results: Option<i64>,
    /// How many pages it says there are.
    total_pages: Option<i64>,
    /// Its body was larger than what is read: the page has rows, and none is known.
    oversized: bool,
    /// It has rows, or says that there are none, and not only success.
    names_rows: bool,
}

/// One row of a page.
#[derive(Clone, Debug, Default, PartialEq)]
struct Row {
    /// The campaign under each of its ids, as these came over the wire; none if the row can't be read.
    campaigns: Vec<(String, Campaign)>,
    /// Whether the campaign lives: not, if its state is `Deleted`.
    living: bool,
}

impl Page {
    /// A page whose body was larger than what is read.
    fn oversized() -> Self {
        Self { oversized: true, ..Self::without_rows(false) }
    }

    /// An answer that means a page without rows; whether it says so of campaigns.
    fn without_rows(names_rows: bool) -> Self {
        Self {
            rows: Vec::new(),
            has_more: None,
            total_results: None,
            total_pages: None,
            oversized: false,
            names_rows,
        }
    }

    /// The ids of the campaigns of this page.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().flat_map(|row| &row.campaigns).map(|(id, _)| id.as_str())
    }
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

    /// Reads one page of the voice campaigns of a stream [get-all-campaigns-v2].
    fn list(
        &self,
        target: &Target,
        stream_id: &str,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page, Failure>> + Send;
}
