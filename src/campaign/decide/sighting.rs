//! What a GET, a listing and the stored status say of a living campaign.

use jiff::{SignedDuration, Timestamp};

use crate::api::{Reason, VoiceCampaign};
use crate::campaign::evidence::{GetResult, Observed, Sighting, StreamListing};
use crate::campaign::status;
use crate::kore::{Failure, FailureKind};

/// The clocks of the API server, of this process and of its past may differ by so much.
pub const CLOCKS: SignedDuration = SignedDuration::from_secs(5);
/// Stored times are cut to a second.
const CUT: SignedDuration = SignedDuration::from_secs(1);

/// What a GET says of the campaign.
pub fn by_get(get: &GetResult) -> Sighting {
    match &get.result {
        Ok(campaign) => Sighting::Found(Box::new(campaign.clone())),
        Err(failure @ Failure { kind: FailureKind::MayBeAbsent, .. }) => {
            Sighting::NotReturned(failure.clone())
        }
        Err(failure) => Sighting::Failed(failure.clone()),
    }
}

/// What a listing says of the campaign, if it says anything.
pub fn by_listing(object: &VoiceCampaign, read: &StreamListing) -> Option<Sighting> {
    let StreamListing { listing, .. } = read;
    let known = object.status.as_ref().and_then(|status| status.campaign.as_deref());
    if let Some(row) = listing.get(&object.spec.campaign_id) {
        return Some(Sighting::Found(Box::new(row.completed_by(known))));
    }
    // Nobody asked to delete it: if it was there, it is missing itself.
    let missed = object.status.as_ref().is_some_and(|status| status.not_listed_since.is_some());
    let denies = listing.is_complete() && !listing.shows(&object.spec.campaign_id);
    match (denies, listing.shows_nothing() && known.is_some() && !missed) {
        (false, _) => None,
        (true, true) => Some(Sighting::SuddenlyEmpty),
        (true, false) => Some(Sighting::NotListed),
    }
}

/// A listing that began earlier says nothing about this object's campaign: the object was created later, or
/// we have asked to delete the campaign since. (A GET is always made for the object, so it is newer than
/// that.)
///
/// The clock of the API server, which says when the object was created, may be behind the one that says when
/// a listing began. So the listing must also have begun after this process met the object.
pub fn since(observed: &Observed<'_>) -> Timestamp {
    let created = observed.object.metadata.creation_timestamp.as_ref().map(|created| created.0 + CUT);
    let known = [created, observed.met_at, observed.last_delete];
    known.into_iter().flatten().fold(Timestamp::MIN, Timestamp::max)
}

/// Whether this process has to know since when it knows the object: what status says of the campaign is not
/// from a look at it.
pub fn is_unseen(object: &VoiceCampaign) -> bool {
    let is_alive = object.metadata.deletion_timestamp.is_none() && !object.spec.suspend;
    let seen = [Reason::CampaignFound, Reason::CampaignNotFound, Reason::StreamSuddenlyEmpty];
    is_alive && !reason(object).is_some_and(|reason| seen.contains(&reason))
}

/// What status says of the campaign, if that was observed for this very object, and since we last asked to
/// delete the campaign.
///
/// A status that is older than the object came from a backup.
pub fn observed_reason(observed: &Observed<'_>) -> Option<Reason> {
    let ready = observed.object.status.as_ref().and_then(status::ready)?;
    let created = observed.object.metadata.creation_timestamp.as_ref();
    let own = created.is_none_or(|created| ready.last_transition_time.0 + CLOCKS >= created.0);
    let by_get = observed.last_get.is_some_and(|last| Some(last.at) > observed.last_delete);
    let by_listing = observed.listing.is_some_and(|read| read.listing.begun_at() > since(observed));
    let stands = by_get || by_listing || (own && observed.last_delete.is_none());
    reason(observed.object).filter(|reason| stands && reason.is_observed())
}

fn reason(object: &VoiceCampaign) -> Option<Reason> {
    object.status.as_ref().map(status::reason)
}
