//! What a decision may depend on.

use std::sync::Arc;

use jiff::Timestamp;

use crate::api::VoiceCampaign;
use crate::connection::Connection;
use crate::kore::{Campaign, ConfirmedDeletion, Failure, Identity, Listing};
use crate::pacing::{Charge, Turn};

/// Everything a decision may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The object, as last seen.
    pub object: &'a VoiceCampaign,
    /// Its connection, if it was looked up.
    pub connection: &'a Connection,
    /// Whether the connection and its Secret are kept for it, as far as they are there.
    pub protected: bool,
    /// A DELETE that was answered, and is not in status yet.
    pub attempt: Option<&'a Attempt>,
    /// A GET of the campaign that is not in status yet.
    pub get: Option<&'a GetResult>,
    /// The newest listing of its stream, if there is one.
    pub listing: Option<&'a StreamListing>,
    /// Why there is no newer one.
    pub listing_trouble: Option<&'a ListingTrouble>,
    /// Others see to the next listing; when to ask again.
    pub listing_due: Option<Timestamp>,
    /// What the account's clock has said, if it refused a call.
    pub turn: Option<Turn>,
    /// What Kore has said when the account's trouble began, if it is in trouble.
    pub trouble: Option<&'a str>,
    /// Whether nobody knows if reads work, while DELETEs fail or are refused.
    pub wants_diagnostic_read: bool,
    /// When the living campaign was last looked at by a GET.
    pub last_get: Option<LastGet>,
    /// When we last asked to delete the campaign, perhaps for another object, if this process has.
    pub last_delete: Option<Timestamp>,
    /// The other VoiceCampaigns that name the same campaign.
    pub others: &'a [OtherClaim],
}

impl<'a> Observed<'a> {
    /// Kore's confirmation, if the DELETE that is not in status yet was answered with one.
    pub fn confirmed(&self) -> Option<&'a ConfirmedDeletion> {
        self.attempt.and_then(|attempt| attempt.result.as_ref().ok())
    }
}

/// One DELETE and its outcome.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which one it is of this deletion, counted from 1.
    pub number: i32,
    /// When the request was sent.
    pub sent_at: Timestamp,
    /// When the outcome was known.
    pub ended_at: Timestamp,
    /// As whom it was sent.
    pub identity: Identity,
    /// The outcome.
    pub result: Result<ConfirmedDeletion, Failure>,
    /// Whom a failure is charged to.
    pub charge: Charge,
}

/// One GET of the campaign and its outcome.
#[derive(Clone, Debug)]
pub struct GetResult {
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// As whom.
    pub identity: Identity,
    /// The refresh that the user had asked for by then.
    pub refresh: Option<String>,
    /// The outcome.
    pub result: Result<Campaign, Failure>,
    /// Whom a failure is charged to.
    pub charge: Charge,
}

impl GetResult {
    /// Whether it was made as the one with this fingerprint.
    pub fn asked_as(&self, identity: &str) -> bool {
        self.identity.as_str() == identity
    }
}

/// When a living campaign was looked at by a GET, and when it is to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastGet {
    /// When it was.
    pub at: Timestamp,
    /// When it is to be.
    pub again_at: Timestamp,
}

/// A listing, and what the cache says of it.
#[derive(Clone, Debug)]
pub struct StreamListing {
    /// The listing.
    pub listing: Arc<Listing>,
    /// Whether it is empty although campaigns that nobody asked to delete should be there.
    pub suddenly_empty: bool,
    /// Whether it is empty, and whoever read it was never shown a campaign of the stream.
    pub to_a_stranger: bool,
    /// Whether it is empty, and VoiceCampaigns that the API server refuses to show, in these namespaces, may have campaigns in it.
    pub unseen_namespaces: Vec<String>,
    /// When the campaign in question was last listed, by this listing or an earlier one.
    pub listed_at: Option<Timestamp>,
}

/// Listings that have failed, or did not add up.
#[derive(Clone, Debug)]
pub struct ListingTrouble {
    /// The failure of the last; `None` if its pages did not add up.
    pub failure: Option<Failure>,
    /// How many in a row.
    pub failures: u32,
    /// When the next is begun.
    pub retry_at: Timestamp,
}

/// Another VoiceCampaign that names the same campaign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OtherClaim {
    /// Its namespace and name.
    pub name: String,
    /// Whether it is to keep the campaign: it lives, and its policy is not `Orphan`.
    pub keeps: bool,
}

/// What there is to say of a living campaign.
#[derive(Clone, Debug)]
pub enum Sighting {
    /// Kore has it.
    Found(Box<Campaign>),
    /// A GET was answered with something that may mean that there is none.
    NotReturned(Failure),
    /// A complete listing does not have it.
    NotListed,
    /// The listing is empty all of a sudden.
    SuddenlyEmpty,
    /// It is not known.
    Failed(Failure),
}
