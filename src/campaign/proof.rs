//! The proof that a campaign is absent. Pure.
//!
//! ```text
//!   DELETE ─▶ "no such campaign?", or 202
//!      └─▶ GET: not returned ─▶ listing: not there ─▶ 10 s ─▶ listing: not there ─▶ ProvenAbsence
//!            └─ returned ──────────┴─ there ────────────────────┴─ there ─▶ DELETE again, with backoff
//! ```
//!
//! What is proven so far is in status ([`ProofStatus`]), so that a restart goes on with it; the last step is taken with a
//! [`Listing`] in hand, which only the code that read it can have.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::observed::{Attempt, Look, StreamListing};
use super::status;
use crate::api::{LastAnswer, ListingRecord, ProofStatus, VoiceCampaign};
use crate::kore::{Failure, FailureKind, Identity, Listing};
use crate::kube_ext::round_up;

/// How far apart two listings are that prove something together.
pub const DISTANCE: SignedDuration = SignedDuration::from_secs(10);
/// The same, if the stream is empty all of a sudden: an app that has lost a permission may see just that.
pub const LONG_DISTANCE: SignedDuration = SignedDuration::from_mins(5);

/// A campaign was looked for after a DELETE, and is not there. See the module for what that takes.
#[derive(Clone, Copy, Debug)]
pub struct ProvenAbsence(());

/// What the proof needs next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need {
    /// A GET of the campaign.
    Get,
    /// A complete listing that is begun at this time or later.
    Listing {
        /// That time.
        not_before: Timestamp,
    },
}

/// How a proof goes on.
#[derive(Clone, Debug)]
pub enum Course {
    /// It goes on, with this record.
    Open(ProofStatus),
    /// The campaign is there, as Kore showed at this time.
    Seen(Timestamp),
    /// It is complete.
    Proven(ProofStatus, ProvenAbsence),
}

/// The record of the proof that an attempt calls for, if it does.
pub fn begun_by(attempt: &Attempt) -> Option<ProofStatus> {
    let failure = attempt.outcome.as_ref().err()?;
    matches!(failure.kind, FailureKind::MayBeAbsent | FailureKind::Accepted)
        .then(|| begin(&attempt.identity, round_up(attempt.ended_at)))
}

/// A proof of which nothing is known yet, by what is asked for as this identity after this time.
pub fn begin(identity: &Identity, answered_at: Time) -> ProofStatus {
    ProofStatus {
        identity: identity.as_str().to_owned(),
        answered_at,
        not_returned_at: None,
        first_listing: None,
        second_listing: None,
        failures: 0,
        last_failure: None,
    }
}

/// Whether the times of a record can be: a clock that was ahead when it was written must not hold the deletion up.
pub fn is_plausible(proof: &ProofStatus, now: Timestamp) -> bool {
    let next = match need(proof) {
        Need::Get => proof.answered_at.0,
        Need::Listing { not_before } => not_before,
    };
    next <= now + LONG_DISTANCE + SignedDuration::from_mins(1)
}

/// What is needed next.
pub fn need(proof: &ProofStatus) -> Need {
    match (&proof.not_returned_at, &proof.first_listing) {
        (None, _) => Need::Get,
        (Some(asked), None) => Need::Listing { not_before: asked.0.max(proof.answered_at.0) },
        (Some(_), Some(first)) => Need::Listing { not_before: first.ended_at.0 + distance(first) },
    }
}

/// Takes in what was read since the record was written.
pub fn follow(
    object: &VoiceCampaign,
    proof: &ProofStatus,
    look: Option<&Look>,
    listing: Option<&StreamListing>,
) -> Course {
    let since = proof.answered_at.0;
    // Whatever has shown the campaign since the answer counts, needed or not.
    if let Some(at) = listing.and_then(|read| read.listed_at).filter(|at| *at > since) {
        return Course::Seen(at);
    }
    if let Some(read) = listing.filter(|read| shows(object, read) && read.listing.begun_at() > since) {
        return Course::Seen(read.listing.begun_at());
    }
    match (need(proof), look, listing) {
        (Need::Get, Some(look), _) => after_look(proof, look),
        (Need::Listing { not_before }, _, Some(read)) if counts(object, proof, read, not_before) => {
            after_listing(proof, read)
        }
        (Need::Get | Need::Listing { .. }, ..) => Course::Open(proof.clone()),
    }
}

/// The record after reads of a proof have failed: the last of so many in a row.
pub fn failed(proof: &ProofStatus, failures: i32, last: LastAnswer) -> ProofStatus {
    ProofStatus { failures, last_failure: Some(last), ..proof.clone() }
}

fn after_look(proof: &ProofStatus, look: &Look) -> Course {
    match &look.outcome {
        Ok(_) => Course::Seen(look.asked_at),
        Err(Failure { kind: FailureKind::MayBeAbsent, .. }) if look.asked_as(&proof.identity) => {
            Course::Open(ProofStatus {
                not_returned_at: Some(round_up(look.asked_at)),
                failures: 0,
                last_failure: None,
                ..proof.clone()
            })
        }
        Err(failure) => {
            Course::Open(failed(proof, proof.failures.saturating_add(1), status::summary_of(failure)))
        }
    }
}

fn shows(object: &VoiceCampaign, read: &StreamListing) -> bool {
    let listing = &read.listing;
    listing.stream_id() == object.spec.stream_id && listing.get(&object.spec.campaign_id).is_some()
}

/// Whether a listing is one that the proof needs.
fn counts(object: &VoiceCampaign, proof: &ProofStatus, read: &StreamListing, not_before: Timestamp) -> bool {
    let listing = &read.listing;
    listing.identity().as_str() == proof.identity
        && listing.stream_id() == object.spec.stream_id
        && listing.begun_at() >= not_before
        && listing.is_complete()
        && !shows(object, read)
}

fn after_listing(proof: &ProofStatus, read: &StreamListing) -> Course {
    let StreamListing { listing, suddenly_empty, .. } = read;
    let record = record(listing, *suddenly_empty);
    let proof = ProofStatus { failures: 0, last_failure: None, ..proof.clone() };
    match &proof.first_listing {
        // Two that are alike: both of a stream with campaigns, or both suddenly empty, and far apart then.
        Some(first) if first.suddenly_empty == record.suddenly_empty => {
            Course::Proven(ProofStatus { second_listing: Some(record), ..proof }, ProvenAbsence(()))
        }
        Some(_) | None => Course::Open(ProofStatus { first_listing: Some(record), ..proof }),
    }
}

fn record(listing: &Listing, suddenly_empty: bool) -> ListingRecord {
    ListingRecord {
        begun_at: round_up(listing.begun_at()),
        ended_at: round_up(listing.ended_at()),
        campaigns: i64::try_from(listing.len()).unwrap_or(i64::MAX),
        suddenly_empty: suddenly_empty && listing.is_empty(),
    }
}

fn distance(first: &ListingRecord) -> SignedDuration {
    if first.suddenly_empty { LONG_DISTANCE } else { DISTANCE }
}
