//! What a decision may depend on.

use jiff::Timestamp;

use crate::api::VoiceCampaign;
use crate::connection::Connection;
use crate::kore::{Campaign, ConfirmedDeletion, Failure};

/// Everything a decision may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The object, as last seen.
    pub object: &'a VoiceCampaign,
    /// Its connection, if it was looked up.
    pub connection: &'a Connection,
    /// A DELETE that was answered, and is not in status yet.
    pub attempt: Option<&'a Attempt>,
    /// A look at the living campaign that is not in status yet.
    pub sighting: Option<&'a Sighting>,
    /// When the account's clock allows the next call, if it refused one.
    pub slot: Option<Timestamp>,
    /// When the living campaign is due to be looked at again; `None` if it has not been since the operator started.
    pub look_again_at: Option<Timestamp>,
}

impl<'a> Observed<'a> {
    /// Kore's confirmation, if the DELETE that is not in status yet was answered with one.
    pub fn confirmed(&self) -> Option<&'a ConfirmedDeletion> {
        self.attempt.and_then(|attempt| attempt.outcome.as_ref().ok())
    }
}

/// One DELETE and its outcome.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// When the request was sent.
    pub sent_at: Timestamp,
    /// When the outcome was known.
    pub ended_at: Timestamp,
    /// The outcome.
    pub outcome: Result<ConfirmedDeletion, Failure>,
}

/// One look at the living campaign and its outcome.
pub type Sighting = Result<Campaign, Failure>;
