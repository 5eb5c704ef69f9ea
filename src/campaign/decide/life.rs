//! What to do for a living object.

use jiff::{SignedDuration, Timestamp};

use super::{Plan, Step, Urgency, is_new, misconfigured, other_account, protection, spread};
use crate::api::{REFRESH, VoiceCampaign, VoiceCampaignStatus};
use crate::campaign::observed::{GetResult, LastGet, Observed, Sighting, StreamListing};
use crate::campaign::permit::REMOTE_CAMPAIGN;
use crate::campaign::reason::Reason;
use crate::campaign::status::{self, Situation};
use crate::connection::Connection;
use crate::kore::{Failure, FailureKind, Identity};
use crate::pacing::{Holder, Turn};

/// How often a living campaign is looked at.
const OBSERVATION_INTERVAL: SignedDuration = SignedDuration::from_mins(10);
/// How soon it is looked at again if that failed.
const OBSERVATION_RETRY: SignedDuration = SignedDuration::from_mins(1);
/// The clocks of the API server, of this process and of its past may differ by so much. What seems to be later than that in the
/// future can't be waited for: it is asked for by a GET, which is newer than whatever has been seen.
const CLOCKS: SignedDuration = SignedDuration::from_secs(5);
/// A listing begins later than what it must not be older than.
const LATER: SignedDuration = SignedDuration::from_millis(1);
/// Longest value of the refresh annotation that is told from another, in characters.
const MAX_REFRESH_CHARS: usize = 64;

/// The look at the campaign that the user asks for, if it has not been answered.
pub fn refresh_wanted(object: &VoiceCampaign) -> Option<String> {
    let wanted: String =
        object.metadata.annotations.as_ref()?.get(REFRESH)?.chars().take(MAX_REFRESH_CHARS).collect();
    let handled = object.status.as_ref().and_then(|status| status.last_handled_refresh_at.as_ref());
    (handled != Some(&wanted)).then_some(wanted)
}

/// When the living campaign was last looked at by a GET; not, if a clock that was ahead then says that it will be.
fn looked_at(observed: &Observed<'_>, now: Timestamp) -> Option<LastGet> {
    observed.last_get.filter(|looked| looked.at <= now)
}

/// When a living campaign that was looked at by a GET is looked at again. Spread over a tenth, so that campaigns that
/// were created together do not stay together.
pub fn looked(object: &VoiceCampaign, look: &GetResult, now: Timestamp) -> LastGet {
    let interval = match &look.result {
        Ok(_) => OBSERVATION_INTERVAL,
        Err(failure) if failure.kind == FailureKind::MayBeAbsent => OBSERVATION_INTERVAL,
        Err(_) => OBSERVATION_RETRY,
    };
    LastGet { at: look.asked_at, again_at: now + interval + spread(object, interval / 10) }
}

pub(super) fn plan(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let object = observed.object;
    if !REMOTE_CAMPAIGN.is_on(&object.metadata) {
        return protection(observed).unwrap_or(Step::AddFinalizer).into();
    }
    if let Some(step) = protection(observed).filter(|_| is_new(object)) {
        return step.into();
    }
    if object.spec.suspend {
        let status = status::of(object, now, None, None, Situation::Suspended);
        return Plan { step: Step::Wait { until: None, why: Reason::Suspended }, status: Some(status) };
    }
    match observed.connection {
        Connection::NotLookedUp => Step::Resolve.into(),
        Connection::Unusable(problem) => misconfigured(object, now, None, problem),
        Connection::Usable(connection) => match other_account(object, connection) {
            Some(problem) => misconfigured(object, now, None, &problem),
            None => observe(observed, now),
        },
    }
}

/// What is known of the campaign, or how to know it.
fn observe(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let object = observed.object;
    if let Some(look) = observed.get {
        let sighting = by_get(look);
        let again_at = observed.last_get.map(|looked| looked.again_at);
        let mut plan = seen_as(&look.identity, seen(object, &sighting, again_at, now), &sighting);
        if let (Some(status), Some(refresh)) = (&mut plan.status, &look.refresh) {
            status.last_handled_refresh_at = Some(refresh.clone());
        }
        return plan;
    }
    if refresh_wanted(object).is_some() {
        return read(observed, Step::Get(Urgency::Observation), now);
    }
    let known = observed_reason(observed);
    let again_at = looked_at(observed, now).map(|looked| looked.again_at).filter(|again_at| *again_at > now);
    if let (Some(why), Some(until)) = (known, again_at) {
        let status = status::of(object, now, None, None, Situation::Unchanged);
        return Plan { step: Step::Wait { until: Some(until), why }, status: Some(status) };
    }
    let oldest = oldest_useful(observed, now);
    if let Some(listing) = observed.listing.filter(|read| read.listing.begun_at() > oldest) {
        let again_at =
            listing.listing.begun_at() + OBSERVATION_INTERVAL + spread(object, OBSERVATION_INTERVAL / 10);
        return match by_listing(object, listing) {
            Some(sighting) => {
                let plan = seen(object, &sighting, Some(again_at), now);
                seen_as(listing.listing.identity(), plan, &sighting)
            }
            // The pages did not add up.
            None => read(observed, Step::Get(Urgency::Observation), now),
        };
    }
    if let Some(trouble) = observed.listing_trouble.filter(|trouble| trouble.retry_at > now) {
        return match &trouble.failure {
            Some(failure) => {
                let sighting = Sighting::Failed(failure.clone());
                let again_at = trouble.retry_at + spread(object, OBSERVATION_RETRY);
                seen(object, &sighting, Some(again_at), now)
            }
            None => read(observed, Step::Get(Urgency::Observation), now),
        };
    }
    if oldest > now + CLOCKS {
        return read(observed, Step::Get(Urgency::Observation), now);
    }
    // A listing that begins now says nothing yet, and the second that is left may bring others who need it, too.
    if oldest >= now {
        return Plan {
            step: Step::Wait { until: Some(oldest + LATER), why: Reason::Pending },
            status: not_settled(observed, now),
        };
    }
    let listing = Step::List { not_before: oldest, urgency: Urgency::Observation };
    match observed.listing_due.filter(|due| *due > now) {
        Some(due) => Plan {
            step: Step::Wait { until: Some(due + spread(object, OBSERVATION_RETRY)), why: Reason::Pending },
            status: not_settled(observed, now),
        },
        None => read(observed, listing, now),
    }
}

/// A listing that was begun earlier says nothing of the campaign, or nothing new.
fn oldest_useful(observed: &Observed<'_>, now: Timestamp) -> Timestamp {
    let fresh = now - OBSERVATION_INTERVAL - spread(observed.object, OBSERVATION_INTERVAL / 10);
    let looked = looked_at(observed, now).map(|looked| looked.at);
    [looked, since(observed)].into_iter().flatten().fold(fresh, Timestamp::max)
}

/// A listing that was begun earlier is no statement about this object's campaign: the object was created later, or we have
/// asked to delete the campaign since. (A GET is always made for the object, so it is newer than that.)
fn since(observed: &Observed<'_>) -> Option<Timestamp> {
    let created = observed.object.metadata.creation_timestamp.as_ref();
    // The time of creation is cut to a second.
    created.map(|created| created.0 + SignedDuration::from_secs(1)).max(observed.last_delete)
}

/// What status says of the campaign, if that was observed for this very object, and since we last asked to delete the campaign.
///
/// A status that is older than the object came from a backup.
fn observed_reason(observed: &Observed<'_>) -> Option<Reason> {
    let status = observed.object.status.as_ref()?;
    let created = observed.object.metadata.creation_timestamp.as_ref();
    let own = status::ready(status).is_some_and(|ready| Some(&ready.last_transition_time) >= created);
    let looked = observed.last_get.is_some_and(|looked| Some(looked.at) > observed.last_delete);
    let listed = observed.listing.is_some_and(|read| Some(read.listing.begun_at()) > since(observed));
    let stands = looked || listed || (own && observed.last_delete.is_none());
    Some(status::reason(status)).filter(|reason| stands && reason.is_observed())
}

fn by_get(look: &GetResult) -> Sighting {
    match &look.result {
        Ok(campaign) => Sighting::Found(Box::new(campaign.clone())),
        Err(failure @ Failure { kind: FailureKind::MayBeAbsent, .. }) => {
            Sighting::NotReturned(failure.clone())
        }
        Err(failure) => Sighting::Failed(failure.clone()),
    }
}

/// What a listing says of the campaign, if it says anything.
fn by_listing(object: &VoiceCampaign, read: &StreamListing) -> Option<Sighting> {
    let StreamListing { listing, .. } = read;
    let known = object.status.as_ref().and_then(|status| status.campaign.as_deref());
    if let Some(row) = listing.get(&object.spec.campaign_id) {
        return Some(Sighting::Found(Box::new(row.clone().completed_by(known))));
    }
    // Nobody asked to delete it: if it was there, it is missing itself.
    let missed = object.status.as_ref().is_some_and(|status| status.not_listed_since.is_some());
    match (listing.is_complete(), listing.shows_nothing() && known.is_some() && !missed) {
        (false, _) => None,
        (true, true) => Some(Sighting::SuddenlyEmpty),
        (true, false) => Some(Sighting::NotListed),
    }
}

fn seen(object: &VoiceCampaign, sighting: &Sighting, again_at: Option<Timestamp>, now: Timestamp) -> Plan {
    let campaign = match sighting {
        Sighting::Found(campaign) => Some(campaign.as_ref()),
        Sighting::NotReturned(_) | Sighting::NotListed | Sighting::SuddenlyEmpty | Sighting::Failed(_) => {
            None
        }
    };
    let status = status::of(object, now, None, campaign, Situation::Seen(sighting));
    let why = status::reason(&status);
    Plan { step: Step::Wait { until: again_at, why }, status: Some(status) }
}

/// The plan with who was shown the campaign, if it was found.
fn seen_as(identity: &Identity, plan: Plan, sighting: &Sighting) -> Plan {
    match (sighting, plan.status) {
        (Sighting::Found(_), Some(status)) => {
            Plan { status: Some(status::seen_by(status, identity)), ..plan }
        }
        (_, status) => Plan { status, ..plan },
    }
}

/// A read that waits for what deletions leave of the quota.
fn read(observed: &Observed<'_>, step: Step, now: Timestamp) -> Plan {
    let object = observed.object;
    // All who only look are told the same time; they need not come together.
    let wait = |until, why| Step::Wait { until: Some(until + spread(object, OBSERVATION_RETRY)), why };
    let step = match observed.turn.filter(|turn| turn.is_ahead(now)) {
        Some(Turn::At(slot)) => wait(slot, Reason::WaitingForQuota),
        // What was said of the campaign is old, and nobody knows for how long it can't be asked.
        Some(Turn::Held { of, since, until, next: _ }) => {
            let trouble = observed.trouble;
            let situation = match of {
                Holder::Account => Situation::AccountInTrouble { since, trouble },
                Holder::Credentials => Situation::CredentialsRefused { since, trouble },
            };
            let status = status::of(object, now, None, None, situation);
            return Plan { step: wait(until, status::reason(&status)), status: Some(status) };
        }
        Some(Turn::Go) | None => step,
    };
    Plan { step, status: not_settled(observed, now) }
}

/// On the first visit, or when what was said holds no more, tools that read conditions must not take the object for settled before Kore was asked.
fn not_settled(observed: &Observed<'_>, now: Timestamp) -> Option<VoiceCampaignStatus> {
    let known = observed_reason(observed).is_some();
    (!known).then(|| status::of(observed.object, now, None, None, Situation::Pending))
}
