use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

use super::decide;
use super::evidence::{Attempt, GetResult, LastGet, ListingTrouble, Observed, OtherClaim, StreamListing};
use super::shared::{Caller, Claims, Gate, Memory, Preparing, Seat, Written};
use crate::api::VoiceCampaign;
use crate::connection::Connection;
use crate::kube_ext::Slot;
use crate::pacing::{Position, Turn};

/// How many passes work at once, not counting those that wait for Kore: twice as many as writes at once.
pub const MAX_WORKING_PASSES: usize = 64;
/// How many passes ask the API server at once before their DELETE, of all accounts: as many.
pub const MAX_ASKING_PASSES: usize = MAX_WORKING_PASSES;
/// Deadline of one pass: a last resort, because every call has its own. The pass begins no call to Kore that
/// could outlast the deadline.
pub const PASS_DEADLINE: Duration = Duration::from_secs(300);
/// The part of the deadline that is kept for the writes after a call.
const RESERVE: Duration = Duration::from_secs(60);
/// How long the operator waits for the cache to drop an object that it has released, before it asks the API
/// server.
pub const CACHE_LAG: Duration = Duration::from_secs(60);
/// How old the view of an object may be when the operator sends a DELETE for it.
const FRESH: Duration = Duration::from_secs(1);

/// A deletion in the cache counts as new for so long. The API server cuts its time to a second.
const JUST_DELETED: SignedDuration = SignedDuration::from_secs(3);

/// What one reconcile knows of its object: from the cache, the memory, and the effects of its own steps.
pub struct Pass {
    /// The object as last read or written.
    pub object: VoiceCampaign,
    /// Its uid.
    pub uid: String,
    /// Its connection, once a step has looked it up.
    pub connection: Connection,
    /// When a step has looked it up.
    pub looked_up_at: Option<Instant>,
    /// Whether a step has kept the connection for the object.
    pub protected: bool,
    /// A DELETE that Kore has answered, and that is not in status yet.
    pub attempt: Option<Box<Attempt>>,
    /// A GET of the campaign that is not in status yet.
    pub get: Option<GetResult>,
    /// The newest listing of its stream, once a step has looked the connection up.
    pub listing: Option<StreamListing>,
    /// Why there is no newer one.
    pub listing_trouble: Option<ListingTrouble>,
    /// When to ask for the next listing again, while other objects read it.
    pub listing_due: Option<Timestamp>,
    /// Since when the deletion waits for the decision of the brake, once a step has asked for it.
    pub asked_brake_at: Option<Timestamp>,
    /// The turn that the account's clock gave, if that was not to call now.
    pub turn: Option<Turn>,
    /// What Kore answered when the trouble began that holds the call, if trouble holds it.
    pub trouble: Option<Arc<str>>,
    /// Where the object stands in the queue of its account, if it waits there.
    pub position: Option<Position>,
    /// Whether nobody knows if reads work, while DELETEs fail or Kore refuses them; once a step has looked
    /// the connection up.
    pub wants_diagnostic_read: bool,
    /// When a GET last read the living campaign.
    pub last_get: Option<LastGet>,
    /// When this process met the living object, if it has not looked at its campaign since.
    pub met_at: Option<Timestamp>,
    /// When this process last asked to delete the campaign, once a step has looked the connection up.
    pub last_delete: Option<Timestamp>,
    /// The other VoiceCampaigns that name the same campaign.
    pub others: Vec<OtherClaim>,
    /// Whether the pass has asked the API server for them.
    pub others_listed: bool,
    /// The right to work; given back when the pass begins to wait for others of its account.
    pub work_permit: Option<Slot>,
    /// Since when the pass has waited for others of its account.
    pub in_line_since: Option<Instant>,
    /// The turn to prepare for a DELETE.
    pub preparing: Option<Preparing>,
    /// Whether the brake of the connection was read from the API server since it is the object's turn.
    pub has_read_brake: bool,
    /// The right to ask the API server before a DELETE; given back before a seat is waited for.
    pub asking: Option<Slot>,
    /// The right to one of the account's calls under way.
    pub seat: Option<Seat>,
    /// Whether the cache shows an object that should be gone by now.
    pub may_be_gone: bool,
    /// Whether the cache shows the deletion of the object. Then it also shows everything that was applied
    /// before the deletion.
    pub deletion_in_cache: bool,
    /// How many writes of this pass failed because the object had changed.
    pub lost_races: u32,
    begun: Instant,
    /// When this process began to work.
    process_begun_at: Timestamp,
    /// When this pass read the object from the API server; `None` if the object is the cache's.
    read_at: Option<Instant>,
}

impl Pass {
    /// Begins a pass with an object from the cache.
    ///
    /// # Errors
    /// If the operator has released the object: how long to wait for the cache to drop it.
    pub fn begin(cached: &VoiceCampaign, memory: &Memory, claims: &Claims) -> Result<Self, Duration> {
        let uid = cached.uid().unwrap_or_default();
        let remembered = memory.recall(&uid);
        if let Some(left) = remembered.over_since.and_then(|since| CACHE_LAG.checked_sub(since.elapsed())) {
            return Err(left);
        }
        let mut object = cached.clone();
        if let Some(written) = remembered.written {
            match as_written(cached, written) {
                Some(written) => object = written,
                None => memory.note(&uid, |remembered| remembered.written = None),
            }
        }
        let known_for = memory.known_for(&uid, decide::is_unseen(&object));
        let known_for = known_for.and_then(|known_for| SignedDuration::try_from(known_for).ok());
        let met_at = known_for.map(|known_for| Timestamp::now() - known_for);
        Ok(Self {
            object,
            uid,
            connection: Connection::NotLookedUp,
            looked_up_at: None,
            protected: false,
            attempt: remembered.attempt,
            get: None,
            listing: None,
            listing_trouble: None,
            listing_due: None,
            asked_brake_at: None,
            turn: None,
            trouble: None,
            position: None,
            wants_diagnostic_read: false,
            last_get: remembered.last_get,
            met_at,
            last_delete: None,
            others: claims.others(cached),
            others_listed: false,
            work_permit: None,
            in_line_since: None,
            preparing: None,
            has_read_brake: false,
            asking: None,
            seat: None,
            may_be_gone: remembered.over_since.is_some(),
            deletion_in_cache: cached.metadata.deletion_timestamp.is_some(),
            lost_races: 0,
            begun: Instant::now(),
            process_begun_at: memory.begun_at(),
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
            asked_brake_at: self.asked_brake_at,
            turn: self.turn,
            has_turn: self.preparing.is_some() && self.has_read_brake,
            trouble: self.trouble.as_deref(),
            position: self.position,
            wants_diagnostic_read: self.wants_diagnostic_read,
            last_get: self.last_get,
            met_at: self.met_at,
            last_delete: self.last_delete,
            others: &self.others,
            process_begun_at: self.process_begun_at,
        }
    }

    /// The pass has just read the object from the API server.
    pub fn see(&mut self, object: VoiceCampaign) {
        self.see_at(object, Instant::now());
    }

    /// The pass read the object from the API server at that moment.
    pub fn see_at(&mut self, object: VoiceCampaign, read_at: Instant) {
        self.object = object;
        self.read_at = Some(read_at);
    }

    /// Whether the view of the object is new enough to send a DELETE for it.
    ///
    /// The view of the cache is, just after a deletion has begun: then it has woken us. Later, after a wait
    /// for a seat, and behind a slow watch, somebody may have set `Orphan`, or the name may be another
    /// object's.
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

    /// More VoiceCampaigns that name the same campaign.
    pub fn add_others(&mut self, others: Vec<OtherClaim>) {
        self.others.extend(others);
        self.others.sort_unstable();
        self.others.dedup();
    }

    /// The account's clock gave the caller another turn than to call now.
    pub fn wait_for(&mut self, turn: Turn, gate: &Gate, caller: &Caller) {
        self.turn = Some(turn);
        (self.trouble, self.position) = (gate.trouble(caller, turn), gate.position(caller));
    }

    /// Whether a call with this deadline could outlast the pass; its answer would be lost.
    pub fn is_too_late_for(&self, timeout: Duration) -> bool {
        self.time_before_a_call(timeout).is_zero()
    }

    /// For how long the pass may wait before a call with this deadline.
    pub fn time_before_a_call(&self, timeout: Duration) -> Duration {
        PASS_DEADLINE.saturating_sub(self.begun.elapsed() + timeout + RESERVE)
    }
}

/// The object with the status that we wrote last, and the version that has it; `None` if the cache has caught
/// up. All else of it is as old as the cache. If that has changed since, so is the version: what is decided
/// of it must not be written.
pub fn as_written(cached: &VoiceCampaign, written: Written) -> Option<VoiceCampaign> {
    let Written { taken, generation, status } = written;
    let version = taken.version();
    if !lags_behind(cached, version) {
        return None;
    }
    let mut object = VoiceCampaign { status: Some(*status), ..cached.clone() };
    let is_same = cached.metadata.generation == generation;
    let version = version.filter(|_| is_same).map(|version| version.to_string());
    object.metadata.resource_version = version.or(object.metadata.resource_version);
    Some(object)
}

/// Whether the cache shows an older state than what we wrote. Versions of one object are numbers that grow.
fn lags_behind(cached: &VoiceCampaign, written: Option<u64>) -> bool {
    written.is_none_or(|written| version(cached).is_some_and(|cached| cached < written))
}

/// The object's version, as a number.
pub fn version(object: &VoiceCampaign) -> Option<u64> {
    object.metadata.resource_version.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::VoiceCampaignStatus;
    use crate::campaign::shared::Taken;

    /// Otherwise the next status would be of a version that is over, and the API server would refuse it.
    #[test]
    fn behind_a_cache_that_lags_the_status_and_the_version_are_those_of_the_last_write() {
        let cached: VoiceCampaign = serde_json::from_value(
            json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
                "metadata": {"name": "x", "resourceVersion": "7", "generation": 2},
                "spec": {"connectionRef": {"name": "c"}, "streamId": "st-1", "campaignId": "cd-1"}}),
        )
        .unwrap();
        let status = VoiceCampaignStatus { observed_generation: Some(3), ..VoiceCampaignStatus::default() };
        let known = |taken, generation| {
            let status = Box::new(status.clone());
            let object = as_written(&cached, Written { taken, generation: Some(generation), status })?;
            Some((object.status?.observed_generation, object.metadata.resource_version?))
        };
        assert_eq!(known(Taken::Stored(8), 2), Some((Some(3), "8".to_owned())));
        assert_eq!(known(Taken::Stored(7), 2), None);
        // The policy may have changed since: with the version, the API server would take what was decided of
        // the earlier one.
        assert_eq!(known(Taken::Stored(8), 3), Some((Some(3), "7".to_owned())));
        // No version has it.
        assert_eq!(known(Taken::Changed, 2), Some((Some(3), "7".to_owned())));
    }
}
