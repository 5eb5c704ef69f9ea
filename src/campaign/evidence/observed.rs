//! Everything a decision may depend on, and nothing else: `decide` takes no other input but the time.

use std::sync::Arc;

use jiff::Timestamp;

use crate::api::VoiceCampaign;
use crate::connection::Connection;
use crate::kore::{Campaign, ConfirmedDeletion, Failure, Identity, Listing};
use crate::pacing::{Charge, Position, Turn};

/// The input of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The object, as last read or written.
    pub object: &'a VoiceCampaign,
    /// Its connection, if a step has looked it up.
    pub connection: &'a Connection,
    /// Whether the connection and its Secret, as far as they exist, are kept for the object.
    pub protected: bool,
    /// A DELETE that Kore has answered, and that is not in status yet.
    pub attempt: Option<&'a Attempt>,
    /// A GET of the campaign that is not in status yet.
    pub get: Option<&'a GetResult>,
    /// The newest listing of its stream, if there is one.
    pub listing: Option<&'a StreamListing>,
    /// Why there is no newer one.
    pub listing_trouble: Option<&'a ListingTrouble>,
    /// When to ask for the next listing again, while other objects read it.
    pub listing_due: Option<Timestamp>,
    /// Since when the deletion waits for the decision of the brake, once a step has asked for it.
    pub asked_brake_at: Option<Timestamp>,
    /// The turn that the account's clock gave, if that was not to call now.
    pub turn: Option<Turn>,
    /// Whether it is the deletion's turn to prepare for its DELETE, and its brake was read again since.
    pub has_turn: bool,
    /// What Kore answered when the trouble began that holds the call, if trouble holds it.
    pub trouble: Option<&'a str>,
    /// Where the object stands in the queue of its account, if it waits there.
    pub position: Option<Position>,
    /// Whether nobody knows if reads work, while DELETEs fail or Kore refuses them.
    pub wants_diagnostic_read: bool,
    /// When a GET last read the living campaign.
    pub last_get: Option<LastGet>,
    /// When this process met the living object, if it has not looked at its campaign since.
    pub met_at: Option<Timestamp>,
    /// When this process last asked to delete the campaign, perhaps for another object.
    pub last_delete: Option<Timestamp>,
    /// The other VoiceCampaigns that name the same campaign.
    pub others: &'a [OtherClaim],
    /// When this process began to work, by its clock. Earlier times in the status may be of another clock.
    pub process_begun_at: Timestamp,
}

impl<'a> Observed<'a> {
    /// An object whose connection is kept for it, when nothing else is known yet.
    pub fn new(object: &'a VoiceCampaign, connection: &'a Connection) -> Self {
        Self {
            object,
            connection,
            protected: true,
            attempt: None,
            get: None,
            listing: None,
            listing_trouble: None,
            listing_due: None,
            asked_brake_at: None,
            turn: None,
            has_turn: false,
            trouble: None,
            position: None,
            wants_diagnostic_read: false,
            last_get: None,
            met_at: None,
            last_delete: None,
            others: &[],
            process_begun_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// Kore's confirmation, if that is the answer to the DELETE that is not in status yet.
    pub fn confirmed(&self) -> Option<&'a ConfirmedDeletion> {
        self.attempt.and_then(|attempt| attempt.result.as_ref().ok())
    }
}

/// One DELETE and its result.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its number within this deletion, counted from 1.
    pub number: i32,
    /// When the request was sent.
    pub sent_at: Timestamp,
    /// When the result was there.
    pub ended_at: Timestamp,
    /// The identity that sent it.
    pub identity: Identity,
    /// The result.
    pub result: Result<ConfirmedDeletion, Failure>,
    /// Whom a failure is charged to.
    pub charge: Charge,
}

/// One GET of the campaign and its result.
#[derive(Clone, Debug)]
pub struct GetResult {
    /// When the request was sent.
    pub asked_at: Timestamp,
    /// The identity that sent it.
    pub identity: Identity,
    /// The refresh that the user had asked for by then.
    pub refresh: Option<String>,
    /// The result.
    pub result: Result<Campaign, Failure>,
    /// Whom a failure is charged to.
    pub charge: Charge,
}

impl GetResult {
    /// Whether the identity with this fingerprint sent it.
    pub fn asked_as(&self, identity: &str) -> bool {
        self.identity.as_str() == identity
    }
}

/// When a GET last read a living campaign, and when the next read is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastGet {
    /// When the GET was sent.
    pub at: Timestamp,
    /// When the next read is due.
    pub again_at: Timestamp,
}

/// A listing, and what the operator doubts of it.
#[derive(Clone, Debug)]
pub struct StreamListing {
    /// The listing.
    pub listing: Arc<Listing>,
    /// Whether it is empty although it should contain campaigns that nobody asked to delete.
    pub suddenly_empty: bool,
    /// Whether it is empty, and Kore has never shown a campaign of the stream to the identity that read it.
    pub to_a_stranger: bool,
    /// If it is empty: the namespaces that the API server does not let the operator list, and whose
    /// VoiceCampaigns may have campaigns in this stream.
    pub unseen_namespaces: Vec<String>,
    /// When a listing, this one or an earlier one, last contained the campaign in question.
    pub listed_at: Option<Timestamp>,
}

/// Listings that failed, or whose pages do not add up.
#[derive(Clone, Debug)]
pub struct ListingTrouble {
    /// The failure of the last one; `None` if its pages do not add up.
    pub failure: Option<Failure>,
    /// How many failed in a row.
    pub failures: u32,
    /// When the next one begins.
    pub retry_at: Timestamp,
}

/// Another VoiceCampaign that names the same campaign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OtherClaim {
    /// Its namespace and name.
    pub name: String,
    /// Whether it keeps the campaign: it lives, its policy is not `Orphan`, and its claim counts
    /// (`shared/claim.rs`).
    pub keeps: bool,
}

/// What a read found of a living campaign.
#[derive(Clone, Debug)]
pub enum Sighting {
    /// Kore has it.
    Found(Box<Campaign>),
    /// The answer to a GET may mean that there is no such campaign.
    NotReturned(Failure),
    /// A complete listing does not contain it.
    NotListed,
    /// The listing is empty, although the campaign was there before.
    SuddenlyEmpty,
    /// The read failed.
    Failed(Failure),
}
