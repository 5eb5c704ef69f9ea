use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use tokio::sync::OwnedSemaphorePermit;

use super::evidence::{Attempt, GetResult, LastGet, ListingTrouble, Observed, OtherClaim, StreamListing};
use super::shared::{Claims, Memory, Seat, Written};
use crate::api::VoiceCampaign;
use crate::connection::Connection;
use crate::pacing::Turn;

/// Passes at once that do not wait for Kore: twice as many as writes at once.
pub const MAX_WORKING_PASSES: usize = 64;
/// Deadline of one pass: a last resort, because every call has its own. No call to Kore is begun that could outlast it.
pub const PASS_DEADLINE: Duration = Duration::from_secs(300);
/// What of it is kept for the writes after a call.
const RESERVE: Duration = Duration::from_secs(60);
/// How long it is waited for the cache to show that an object is over with, before the API server is asked.
pub const CACHE_LAG: Duration = Duration::from_secs(60);
/// How old a view of the object may be when a DELETE is sent for it.
const FRESH: Duration = Duration::from_secs(1);

/// How long ago a deletion has begun that the cache shows as something new. Its time is cut to a second.
const JUST_DELETED: SignedDuration = SignedDuration::from_secs(3);

/// What is known during one pass over one object. Filled from the cache, the memory and the effects of the pass.
pub struct Pass {
    /// The object as last seen or written.
    pub object: VoiceCampaign,
    /// Its uid.
    pub uid: String,
    /// Its connection, once it was looked up.
    pub connection: Connection,
    /// The connection is kept for it.
    pub protected: bool,
    /// A DELETE that was answered, and is not in status yet.
    pub attempt: Option<Box<Attempt>>,
    /// A GET of the campaign that is not in status yet.
    pub get: Option<GetResult>,
    /// The newest listing of its stream, once the connection was looked up.
    pub listing: Option<StreamListing>,
    /// Why there is no newer one.
    pub listing_trouble: Option<ListingTrouble>,
    /// Others see to the next listing; when to ask again.
    pub listing_due: Option<Timestamp>,
    /// What the account's clock has said, if it refused a call.
    pub turn: Option<Turn>,
    /// What Kore has said when the account's trouble began, if that is why.
    pub trouble: Option<Arc<str>>,
    /// Whether nobody knows if reads work, while DELETEs fail or are refused; once the connection was looked
    /// up.
    pub wants_diagnostic_read: bool,
    /// When the living campaign was looked at by a GET.
    pub last_get: Option<LastGet>,
    /// When this process last asked to delete the campaign, once the connection was looked up.
    pub last_delete: Option<Timestamp>,
    /// The other VoiceCampaigns that name the same campaign.
    pub others: Vec<OtherClaim>,
    /// The right to work, until it waits for a seat.
    pub work_permit: Option<OwnedSemaphorePermit>,
    /// The right to one of the account's calls under way.
    pub seat: Option<Seat>,
    /// The cache shows an object that should be gone by now.
    pub may_be_gone: bool,
    /// The cache shows that the object is being deleted. Everything that was applied before it is in the cache, too.
    pub deletion_in_cache: bool,
    /// How many writes found the object changed.
    pub lost_races: u32,
    begun: Instant,
    /// When the API server has shown the object to this pass; `None` if it is the cache's.
    read_at: Option<Instant>,
}

impl Pass {
    /// Begins a pass with an object from the cache.
    ///
    /// # Errors
    /// If the object is known to be over with: how long to wait for the cache to show it.
    pub fn begin(cached: &VoiceCampaign, memory: &Memory, claims: &Claims) -> Result<Self, Duration> {
        let uid = cached.uid().unwrap_or_default();
        let remembered = memory.recall(&uid);
        if let Some(left) = remembered.over_since.and_then(|since| CACHE_LAG.checked_sub(since.elapsed())) {
            return Err(left);
        }
        let mut object = cached.clone();
        if let Some(Written { version, status }) = remembered.written {
            if lags_behind(cached, version) {
                object.status = Some(*status);
            } else {
                memory.note(&uid, |remembered| remembered.written = None);
            }
        }
        Ok(Self {
            object,
            uid,
            connection: Connection::NotLookedUp,
            protected: false,
            attempt: remembered.attempt,
            get: None,
            listing: None,
            listing_trouble: None,
            listing_due: None,
            turn: None,
            trouble: None,
            wants_diagnostic_read: false,
            last_get: remembered.last_get,
            last_delete: None,
            others: claims.others(cached),
            work_permit: None,
            seat: None,
            may_be_gone: remembered.over_since.is_some(),
            deletion_in_cache: cached.metadata.deletion_timestamp.is_some(),
            lost_races: 0,
            begun: Instant::now(),
            read_at: None,
        })
    }

    /// What the decision may depend on.
    pub fn observed(&self) -> Observed<'_> {
        Observed {
            object: &self.object,
            connection: &self.connection,
            protected: self.protected,
            attempt: self.attempt.as_deref(),
            get: self.get.as_ref(),
            listing: self.listing.as_ref(),
            listing_trouble: self.listing_trouble.as_ref(),
            listing_due: self.listing_due,
            turn: self.turn,
            trouble: self.trouble.as_deref(),
            wants_diagnostic_read: self.wants_diagnostic_read,
            last_get: self.last_get,
            last_delete: self.last_delete,
            others: &self.others,
        }
    }

    /// The API server has shown the object just now.
    pub fn see(&mut self, object: VoiceCampaign) {
        self.see_at(object, Instant::now());
    }

    /// The API server has shown the object then.
    pub fn see_at(&mut self, object: VoiceCampaign, read_at: Instant) {
        self.object = object;
        self.read_at = Some(read_at);
    }

    /// Whether the view of the object is new enough to send a DELETE for it.
    ///
    /// The cache's is, just after a deletion has begun: then it is what has woken us. Later, after a wait for a seat, and
    /// behind a slow watch, somebody may have set `Orphan`, or the name may be another object's.
    pub fn is_fresh(&self) -> bool {
        let first = self.object.status.as_ref().is_none_or(|status| status.deletion.is_none());
        let since = self
            .object
            .metadata
            .deletion_timestamp
            .as_ref()
            .map(|time| Timestamp::now().duration_since(time.0));
        let lately = since.is_some_and(|since| since.abs() < JUST_DELETED);
        match self.read_at {
            Some(read_at) => read_at.elapsed() < FRESH,
            None => first && lately && self.begun.elapsed() < FRESH,
        }
    }

    /// The account's clock gave another turn than to call now; `trouble` is what Kore answered when the trouble began that
    /// holds the call.
    pub fn wait_for(&mut self, turn: Turn, trouble: Option<Arc<str>>) {
        (self.turn, self.trouble) = (Some(turn), trouble);
    }

    /// Whether a call with this deadline could outlast the pass; its answer would be lost.
    pub fn is_too_late_for(&self, timeout: Duration) -> bool {
        self.begun.elapsed() + timeout + RESERVE > PASS_DEADLINE
    }
}

/// Whether the cache shows an older state than what we wrote. Versions of one object are numbers that grow.
fn lags_behind(cached: &VoiceCampaign, written: Option<u64>) -> bool {
    written.is_none_or(|written| version(cached).is_some_and(|cached| cached < written))
}

/// The object's version, as a number.
pub fn version(object: &VoiceCampaign) -> Option<u64> {
    object.metadata.resource_version.as_deref()?.parse().ok()
}
