use serde::{Deserialize, Serialize};

/// How the service behaves where the documents leave it open. The defaults are our guess, not a fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Behaviour {
    /// Calls an account may make in any 60 seconds; none refused if absent. Documented: 60 per account.
    pub requests_per_minute: Option<usize>,
    /// HTTP status of a refusal for the rate limit. Not documented; the text is.
    pub throttled_status: u16,
    /// `Retry-After` of such a refusal, in seconds. Not documented.
    pub throttled_retry_after: Option<u32>,
    /// Answer for a campaign that does not exist. Not documented.
    pub unknown_campaign: UnknownCampaign,
    /// Whether a DELETE takes effect before its answer. Not documented; the sample reads as if.
    pub deletion: DeletionMode,
    /// How long reads show a campaign that is gone, in milliseconds. Not documented.
    pub lingering_ms: u32,
    /// The app has lost its access, and is told so by nothing: no campaign is known, and listings are empty.
    pub masked: bool,
    /// The pages of a listing do not add up, as if rows were added while it is read.
    pub torn_listings: bool,
    /// Most rows of a page of a listing, whatever is asked for; 100 if absent. Not documented.
    pub most_rows: Option<usize>,
    /// Whether a token without `jti` is refused; an option of the JWT app.
    pub enforce_jti: bool,
}

/// Answer for a campaign that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownCampaign {
    /// 404 with an error body.
    NotFound,
    /// 400 with an error body.
    BadRequest,
    /// 200 with `status: failure`.
    Failure,
}

/// Whether a DELETE takes effect before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeletionMode {
    /// The campaign is gone when the answer (200) comes.
    Synchronous,
    /// The answer is 202, and the campaign goes later.
    Accepted {
        /// How much later, in milliseconds; never if absent.
        #[serde(rename = "afterMs")]
        after_ms: Option<u64>,
    },
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            requests_per_minute: Some(60),
            throttled_status: 429,
            throttled_retry_after: None,
            unknown_campaign: UnknownCampaign::NotFound,
            deletion: DeletionMode::Synchronous,
            lingering_ms: 0,
            masked: false,
            torn_listings: false,
            most_rows: None,
            enforce_jti: true,
        }
    }
}
