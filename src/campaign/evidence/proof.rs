//! The proof that a campaign is absent. Pure.
//!
//! ```text
//!   DELETE ─▶ "no such campaign?", or 202; or 3 answers in a row that say nothing (5xx, HTML, no answer)
//!      └─▶ GET: not returned ─▶ listing: not there ─▶ 10 s ─▶ listing: not there ─▶ ProvenAbsence
//!            ├─ returned ──────────┴─ there ────────────────────┴─ there ─▶ DELETE again, with backoff
//!            └─ 3 times no word whether it exists: the same, with a third listing 5 min after the first
//!               and 10 s after the second, and another GET before each further listing
//!   listings that fail, again and again ─▶ another GET
//! ```
//!
//! Whatever begins a proof costs no safety, because only what a GET and listings say counts; so no deletion
//! has a dead end. An empty listing that the operator doubts (see [`doubts`]) counts for nothing, however
//! often it is read.
//!
//! Status has what is proven so far ([`ProofStatus`]), so that a restart goes on from there; the last step
//! takes a [`Listing`], which only the code that reads listings can make.

#![warn(clippy::wildcard_enum_match_arm)]

use jiff::{SignedDuration, Timestamp};

use super::answer;
use super::observed::{Attempt, GetResult, Observed, StreamListing};
use crate::api::{LastAnswer, ListingRecord, ProofStatus, VoiceCampaign};
use crate::kore::{Failure, FailureKind, Identity};
use crate::kube_ext::{round_down, round_up};
use crate::pacing::CLOCKS_DIFFER;

/// How far apart two listings must be to prove something together: longer than Kore's reads are assumed to
/// lag behind its writes. Kore does not document how long they do.
pub const DISTANCE: SignedDuration = SignedDuration::from_secs(10);
/// How far the third listing must be from the first, where no GET says whether the campaign exists. By then a
/// gateway that was being restarted, or a slow change of rights, is over, and a GET says it again.
pub const LONG_DISTANCE: SignedDuration = SignedDuration::from_mins(5);
/// How long after a doubted listing the operator reads the next: the longest backoff, because a person has to
/// act first.
pub const DOUBTED_PACE: SignedDuration = SignedDuration::from_mins(5);
/// No read of a proof is due later than so long from now: the longest distance, and a minute for clocks that
/// differ.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(6);
/// So many answers in a row that say nothing are taken for all that Kore has to say. One may be lost, and the
/// next one come; each costs a call and a backoff of seconds.
pub const FEW: i32 = 3;

/// Reads after a DELETE have proven that Kore has no such campaign. See the module for what that takes.
#[derive(Clone, Copy, Debug)]
pub struct ProvenAbsence(());

/// What the proof needs next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need {
    /// A GET of the campaign that is sent at this time or later.
    Get {
        /// The earliest time.
        not_before: Timestamp,
    },
    /// A complete listing that is begun at this time or later.
    Listing {
        /// The earliest time.
        not_before: Timestamp,
    },
}

impl Need {
    /// The earliest time of the read.
    pub fn not_before(self) -> Timestamp {
        match self {
            Self::Get { not_before } | Self::Listing { not_before } => not_before,
        }
    }
}

/// How a proof goes on after a read.
#[derive(Clone, Debug)]
pub enum Course {
    /// It goes on, with this record.
    Open(ProofStatus),
    /// Kore showed the campaign at this time.
    Seen(Timestamp),
    /// It is complete.
    Proven(ProofStatus, ProvenAbsence),
}

/// What an unconfirmed DELETE says of the campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// There may be none: the operator reads at once whether it exists.
    Gone,
    /// Nothing: it may be deleted or not. After [`FEW`] such answers in a row the operator reads whether it
    /// exists.
    None,
    /// Kore turned the request away, whatever the campaign: it may answer the next one.
    TurnedAway,
}

/// What a DELETE with this failure says of the campaign.
pub fn hint(failure: &Failure) -> Hint {
    match failure.kind {
        FailureKind::MayBeAbsent | FailureKind::Accepted => Hint::Gone,
        // Kore may refuse because the campaign is gone: "has already been deleted", or 403 to hide that there
        // is none.
        FailureKind::Unavailable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation
        | FailureKind::Refused => Hint::None,
        FailureKind::Unreachable if failure.sent => Hint::None,
        FailureKind::CredentialsRejected if failure.lacks_right() => Hint::None,
        FailureKind::Unreachable | FailureKind::CredentialsRejected | FailureKind::Throttled => {
            Hint::TurnedAway
        }
    }
}

/// How many DELETEs in a row say nothing, this one included; `before` it there were so many.
pub fn unconfirmed(before: i32, failure: &Failure) -> i32 {
    match hint(failure) {
        Hint::None => before.saturating_add(1),
        Hint::TurnedAway => before,
        Hint::Gone => 0,
    }
}

/// The record of the proof that an attempt calls for, if it does; `unconfirmed` DELETEs in a row say nothing,
/// this one included.
pub fn begun_by(attempt: &Attempt, unconfirmed: i32) -> Option<ProofStatus> {
    let failure = attempt.result.as_ref().err()?;
    let begins = match hint(failure) {
        Hint::Gone => true,
        Hint::None => unconfirmed >= FEW,
        Hint::TurnedAway => false,
    };
    begins.then(|| begin(&attempt.identity, attempt.ended_at))
}

/// The record of a proof before its first read.
pub fn begin(identity: &Identity, answered_at: Timestamp) -> ProofStatus {
    ProofStatus {
        identity: identity.as_str().to_owned(),
        answered_at: round_up(answered_at),
        not_returned_at: None,
        silent_gets: 0,
        silent_at: None,
        first_listing: None,
        second_listing: None,
        third_listing: None,
        doubted_listing: None,
        failures: 0,
        last_failure: None,
        last_failure_at: None,
    }
}

/// Whether the times of a record are possible: a clock that was ahead when they were written must not hold up
/// the deletion.
pub fn is_plausible(proof: &ProofStatus, now: Timestamp) -> bool {
    happened(proof).all(|time| time <= now + CLOCKS_DIFFER)
}

/// When something happened, as the record says; what is due follows from these times.
pub fn happened(proof: &ProofStatus) -> impl Iterator<Item = Timestamp> {
    let read_at = listings(proof).map(|listing| &listing.ended_at);
    let asked_at = [&proof.not_returned_at, &proof.silent_at, &proof.last_failure_at].into_iter().flatten();
    read_at.chain(asked_at).chain([&proof.answered_at]).map(|time| time.0)
}

/// The listings of a record.
pub fn listings(proof: &ProofStatus) -> impl Iterator<Item = &ListingRecord> {
    let ProofStatus { first_listing, second_listing, third_listing, doubted_listing, .. } = proof;
    [first_listing, second_listing, third_listing, doubted_listing].into_iter().flatten()
}

/// Whether the record proves the absence.
pub fn is_complete(proof: &ProofStatus) -> bool {
    let last = if proof.not_returned_at.is_some() { &proof.second_listing } else { &proof.third_listing };
    first(proof).is_some() && last.is_some()
}

/// What is needed next, in a process that began to work at `begun_at`.
pub fn need(proof: &ProofStatus, begun_at: Timestamp) -> Need {
    match (evidence(proof, begun_at), &proof.doubted_listing) {
        (Need::Listing { not_before }, Some(doubted)) => {
            Need::Listing { not_before: not_before.max(doubted.ended_at.0 + DOUBTED_PACE) }
        }
        (need, _) => need,
    }
}

/// The same without the pause after a doubted listing: others may read a listing earlier that nobody doubts,
/// and it counts.
///
/// What was read before this process began to work ended no later than then, whatever the clock says that
/// noted its time: the distance to it counts from there.
fn evidence(proof: &ProofStatus, begun_at: Timestamp) -> Need {
    let answered_at = proof.answered_at.0;
    let ended_at = |listing: &ListingRecord| listing.ended_at.0.max(begun_at);
    let not_before = match (first(proof), &proof.second_listing) {
        (None, _) => answered_at,
        (Some(first), None) => ended_at(first) + DISTANCE,
        // One listing is not both of them, however late the second was.
        (Some(first), Some(second)) => (ended_at(first) + LONG_DISTANCE).max(ended_at(second) + DISTANCE),
    };
    match (&proof.not_returned_at, &proof.silent_at) {
        (Some(asked), _) => Need::Listing { not_before: not_before.max(asked.0) },
        (None, Some(asked)) if asked.0 >= not_before => Need::Listing { not_before: asked.0 },
        (None, _) => Need::Get { not_before },
    }
}

/// The first listing. One that an earlier version of the operator recorded although it was doubted does not
/// count.
fn first(proof: &ProofStatus) -> Option<&ListingRecord> {
    proof.first_listing.as_ref().filter(|first| !first.suddenly_empty)
}

/// How the proof goes on with what was read since the record was written.
pub fn follow(observed: &Observed<'_>, proof: &ProofStatus) -> Course {
    let Observed { object, get, listing, process_begun_at, .. } = *observed;
    let since = proof.answered_at.0;
    // A sighting after the answer counts, whether or not the proof asked for the read.
    if let Some(at) = listing.and_then(|read| read.listed_at).filter(|at| *at > since) {
        return Course::Seen(at);
    }
    if let Some(read) = listing.filter(|read| shows(object, read) && read.listing.begun_at() > since) {
        return Course::Seen(read.listing.begun_at());
    }
    match (evidence(proof, process_begun_at), get, listing) {
        (Need::Get { .. }, Some(get), _) if !has(proof, get) => after_get(proof, get),
        (Need::Listing { not_before }, _, Some(read)) if answers(object, proof, read, not_before) => {
            after_listing(object, proof, read)
        }
        (Need::Get { .. } | Need::Listing { .. }, ..) => Course::Open(proof.clone()),
    }
}

/// The record after reads of a proof have failed: the last of so many in a row, at this time.
fn failed(proof: &ProofStatus, failures: i32, last: LastAnswer, at: Timestamp) -> ProofStatus {
    ProofStatus { failures, last_failure: Some(last), last_failure_at: Some(round_down(at)), ..proof.clone() }
}

/// The record after a read that has not failed.
fn succeeded(proof: &ProofStatus) -> ProofStatus {
    ProofStatus { failures: 0, last_failure: None, last_failure_at: None, ..proof.clone() }
}

/// The record after listings have failed: the last of so many in a row. After the third, the sixth, the
/// twelfth and so on the operator sends another GET: the answer to the first may have been wrong, and without
/// a listing nothing else shows that the campaign exists.
pub fn unlisted(proof: &ProofStatus, failures: i32, last: LastAnswer, now: Timestamp) -> ProofStatus {
    let doubled = |failures: i32| (failures / FEW).checked_ilog2();
    let asks_again = proof.failures > 0 && doubled(failures) > doubled(proof.failures);
    let known = proof.last_failure_at.as_ref().filter(|_| proof.failures == failures);
    let proof = failed(proof, failures, last, known.map_or(now, |at| at.0));
    if asks_again { ProofStatus { not_returned_at: None, silent_at: None, ..proof } } else { proof }
}

/// Whether the record has this GET: what has answered the write of the record may not have been the API
/// server, and it was there when it was written again.
fn has(proof: &ProofStatus, get: &GetResult) -> bool {
    let ProofStatus { not_returned_at, silent_at, last_failure_at, .. } = proof;
    let (asked_at, failed_at) = (Some(round_up(get.asked_at)), Some(round_down(get.asked_at)));
    *not_returned_at == asked_at || *silent_at == asked_at || *last_failure_at == failed_at
}

fn after_get(proof: &ProofStatus, get: &GetResult) -> Course {
    let failure = match &get.result {
        Ok(_) => return Course::Seen(get.asked_at),
        Err(failure) => failure,
    };
    let asked_at = Some(round_up(get.asked_at));
    if failure.kind == FailureKind::MayBeAbsent && get.asked_as(&proof.identity) {
        let read = succeeded(proof);
        return Course::Open(ProofStatus { not_returned_at: asked_at, second_listing: None, ..read });
    }
    let silent_gets = proof.silent_gets.saturating_add(i32::from(says_nothing(failure.kind)));
    if says_nothing(failure.kind) && silent_gets >= FEW {
        // `failures` stays: it says how far apart reads are, also if listings fail in turn with these GETs.
        return Course::Open(ProofStatus {
            silent_gets,
            silent_at: asked_at,
            last_failure: None,
            last_failure_at: None,
            ..proof.clone()
        });
    }
    let proof = ProofStatus { silent_gets, ..proof.clone() };
    let failures = proof.failures.saturating_add(1);
    Course::Open(failed(&proof, failures, answer::of_failure(failure), get.asked_at))
}

/// Whether a GET with this failure does not say whether the campaign exists, and may go on like that for
/// ever.
fn says_nothing(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Accepted
        | FailureKind::Refused
        | FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => true,
        // Kore shows empty listings to an app that has lost its rights, too. And after a 429 it will answer
        // later.
        FailureKind::MayBeAbsent | FailureKind::CredentialsRejected | FailureKind::Throttled => false,
    }
}

fn shows(object: &VoiceCampaign, read: &StreamListing) -> bool {
    let listing = &read.listing;
    listing.stream_id() == object.spec.stream_id && listing.shows(&object.spec.campaign_id)
}

/// Whether a listing is one that the proof needs.
fn answers(object: &VoiceCampaign, proof: &ProofStatus, read: &StreamListing, not_before: Timestamp) -> bool {
    let listing = &read.listing;
    listing.identity().as_str() == proof.identity
        && listing.stream_id() == object.spec.stream_id
        && listing.begun_at() >= not_before
        && listing.is_complete()
        && !shows(object, read)
}

/// Whether the operator doubts an empty listing: campaigns that nobody asked to delete are missing with this
/// one, or may be, in namespaces whose VoiceCampaigns are not known; or another app saw the campaign, and
/// Kore has never shown a campaign of the stream to the app that read the listing.
pub fn doubts(object: &VoiceCampaign, read: &StreamListing) -> bool {
    let seen_as = object.status.as_ref().and_then(|status| status.seen_as.as_deref());
    let seen_by_another = seen_as.is_some_and(|seen_as| seen_as != read.listing.identity().as_str());
    let missed = read.suddenly_empty || !read.unseen_namespaces.is_empty();
    read.listing.shows_nothing() && (missed || read.to_a_stranger && seen_by_another)
}

fn after_listing(object: &VoiceCampaign, proof: &ProofStatus, read: &StreamListing) -> Course {
    // A gateway that answers everything in the same way may answer a listing with a success without rows,
    // too. The next read is a GET: with another listing it would be as late as this one is now.
    if proof.not_returned_at.is_none() && !read.listing.names_its_rows() {
        let proof = ProofStatus { silent_at: None, ..proof.clone() };
        let failures = proof.failures.saturating_add(1);
        let read_at = read.listing.ended_at();
        return Course::Open(failed(&proof, failures, answer::of_listing_without_rows(), read_at));
    }
    let doubted = doubts(object, read);
    let record = record(read, doubted);
    let proof = succeeded(proof);
    if doubted {
        return Course::Open(ProofStatus { doubted_listing: Some(record), ..proof });
    }
    let proof = ProofStatus { doubted_listing: None, ..proof };
    match (first(&proof), &proof.second_listing, &proof.not_returned_at) {
        (None, ..) => {
            Course::Open(ProofStatus { first_listing: Some(record), second_listing: None, ..proof })
        }
        (Some(_), _, Some(_)) => {
            Course::Proven(ProofStatus { second_listing: Some(record), ..proof }, ProvenAbsence(()))
        }
        (Some(_), None, None) => Course::Open(ProofStatus { second_listing: Some(record), ..proof }),
        (Some(_), Some(_), None) => {
            Course::Proven(ProofStatus { third_listing: Some(record), ..proof }, ProvenAbsence(()))
        }
    }
}

fn record(read: &StreamListing, suddenly_empty: bool) -> ListingRecord {
    let StreamListing { listing, unseen_namespaces, .. } = read;
    ListingRecord {
        begun_at: round_up(listing.begun_at()),
        ended_at: round_up(listing.ended_at()),
        campaigns: i64::try_from(listing.campaigns()).unwrap_or(i64::MAX),
        suddenly_empty,
        unseen_namespaces: unseen_namespaces.clone(),
    }
}
