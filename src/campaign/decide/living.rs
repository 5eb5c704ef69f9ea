//! What to do for a living object.

use jiff::{SignedDuration, Timestamp};

use super::common::{is_new, misconfigured, other_account, protection, spread};
use super::sighting;
use super::step::{Plan, Step, Urgency};
use crate::api::{REFRESH, Reason, VoiceCampaign, VoiceCampaignStatus};
use crate::campaign::evidence::{GetResult, LastGet, Observed, REMOTE_CAMPAIGN, Sighting};
use crate::campaign::status::{self, Situation, Trouble};
use crate::connection::Connection;
use crate::kore::{FailureKind, Identity};
use crate::pacing::{Holder, Turn};

/// How often the operator reads a living campaign.
const OBSERVATION_INTERVAL: SignedDuration = SignedDuration::from_mins(10);
/// How soon it reads the campaign again if that failed.
const OBSERVATION_RETRY: SignedDuration = SignedDuration::from_mins(1);
/// A listing begins so much later than the time that it must not be older than.
const LATER: SignedDuration = SignedDuration::from_millis(1);
/// Longest value of the refresh annotation that is distinguished from another, in characters.
const MAX_REFRESH_CHARS: usize = 64;

/// The refresh that the user asks for, if status does not say that it is done.
pub fn refresh_wanted(object: &VoiceCampaign) -> Option<String> {
    let wanted: String =
        object.metadata.annotations.as_ref()?.get(REFRESH)?.chars().take(MAX_REFRESH_CHARS).collect();
    let handled = object.status.as_ref().and_then(|status| status.last_handled_refresh_at.as_ref());
    (handled != Some(&wanted)).then_some(wanted)
}

/// When a living campaign that was read by a GET is due for the next read. Spread over a tenth, so that
/// campaigns that were created together do not stay together.
pub fn next_observation(object: &VoiceCampaign, get: &GetResult, now: Timestamp) -> LastGet {
    let interval = match &get.result {
        Ok(_) => OBSERVATION_INTERVAL,
        Err(failure) if failure.kind == FailureKind::MayBeAbsent => OBSERVATION_INTERVAL,
        Err(_) => OBSERVATION_RETRY,
    };
    LastGet { at: get.asked_at, again_at: now + interval + spread(object, interval / 10) }
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
        return Plan::with(Step::Wait { until: None, why: Reason::Suspended }, status);
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
    if let Some(get) = observed.get {
        return after_get(observed, get, now);
    }
    if refresh_wanted(observed.object).is_some() {
        return get(observed, now);
    }
    let oldest = oldest_useful(observed, now);
    known_still(observed, now)
        .or_else(|| after_listing(observed, oldest, now))
        .or_else(|| after_listing_trouble(observed, now))
        .unwrap_or_else(|| next_listing(observed, oldest, now))
}

fn after_get(observed: &Observed<'_>, get: &GetResult, now: Timestamp) -> Plan {
    let sighting = sighting::by_get(get);
    let again_at = observed.last_get.map(|last| last.again_at);
    let mut plan = seen_as(&get.identity, seen(observed, &sighting, again_at, now), &sighting);
    if let (Some(status), Some(refresh)) = (&mut plan.status, &get.refresh) {
        status.last_handled_refresh_at = Some(refresh.clone());
    }
    plan
}

/// Waits, if the last GET is recent and status says what it found.
fn known_still(observed: &Observed<'_>, now: Timestamp) -> Option<Plan> {
    let why = sighting::observed_reason(observed)?;
    let until = last_get(observed, now).map(|last| last.again_at).filter(|again_at| *again_at > now)?;
    let status = status::of(observed.object, now, None, None, Situation::Unchanged);
    Some(Plan::with(Step::Wait { until: Some(until), why }, status))
}

/// What the newest listing says, if it is not older than `oldest`.
fn after_listing(observed: &Observed<'_>, oldest: Timestamp, now: Timestamp) -> Option<Plan> {
    let object = observed.object;
    let read = observed.listing.filter(|read| read.listing.begun_at() > oldest)?;
    let begun_at = read.listing.begun_at();
    let again_at = begun_at + OBSERVATION_INTERVAL + spread(object, OBSERVATION_INTERVAL / 10);
    Some(match sighting::by_listing(object, read) {
        Some(sighting) => {
            let plan = seen(observed, &sighting, Some(again_at), now);
            seen_as(read.listing.identity(), plan, &sighting)
        }
        // The pages did not add up.
        None => get(observed, now),
    })
}

/// What to do while listings of the stream fail.
fn after_listing_trouble(observed: &Observed<'_>, now: Timestamp) -> Option<Plan> {
    let trouble = observed.listing_trouble.filter(|trouble| trouble.retry_at > now)?;
    Some(match &trouble.failure {
        Some(failure) => {
            let again_at = trouble.retry_at + spread(observed.object, OBSERVATION_RETRY);
            seen(observed, &Sighting::Failed(failure.clone()), Some(again_at), now)
        }
        None => get(observed, now),
    })
}

/// Reads the next listing, or waits for it.
fn next_listing(observed: &Observed<'_>, oldest: Timestamp, now: Timestamp) -> Plan {
    // That can't be waited for; a GET is newer than whatever has been seen.
    if oldest > now + sighting::CLOCKS {
        return get(observed, now);
    }
    let wait = |until| Plan {
        step: Step::Wait { until: Some(until), why: Reason::Pending },
        status: not_settled(observed, now),
    };
    // A listing that begins now says nothing yet, and the second that is left may bring others who need it,
    // too.
    if oldest >= now {
        return wait(oldest + LATER);
    }
    match observed.listing_due.filter(|due| *due > now) {
        Some(due) => wait(due + spread(observed.object, OBSERVATION_RETRY)),
        None => {
            let step = Step::List { not_before: oldest, urgency: Urgency::Observation };
            read(observed, step, now)
        }
    }
}

fn get(observed: &Observed<'_>, now: Timestamp) -> Plan {
    read(observed, Step::Get(Urgency::Observation), now)
}

/// When the living campaign was last read by a GET; not, if a clock that was ahead then says that it will be.
fn last_get(observed: &Observed<'_>, now: Timestamp) -> Option<LastGet> {
    observed.last_get.filter(|last| last.at <= now)
}

/// A listing that began earlier says nothing of the campaign, or nothing new.
fn oldest_useful(observed: &Observed<'_>, now: Timestamp) -> Timestamp {
    let fresh = now - OBSERVATION_INTERVAL - spread(observed.object, OBSERVATION_INTERVAL / 10);
    let last_get = last_get(observed, now).map(|last| last.at);
    last_get.into_iter().fold(fresh.max(sighting::since(observed)), Timestamp::max)
}

fn seen(observed: &Observed<'_>, sighting: &Sighting, again_at: Option<Timestamp>, now: Timestamp) -> Plan {
    let campaign = match sighting {
        Sighting::Found(campaign) => Some(campaign.as_ref()),
        Sighting::NotReturned(_) | Sighting::NotListed | Sighting::SuddenlyEmpty | Sighting::Failed(_) => {
            None
        }
    };
    let status = status::of(observed.object, now, None, campaign, Situation::Seen(sighting));
    let why = status::reason(&status);
    Plan::with(Step::Wait { until: again_at, why }, status)
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
    // All observations are promised the same time; they need not come together.
    let wait = |until, why| Step::Wait { until: Some(until + spread(object, OBSERVATION_RETRY)), why };
    let step = match observed.turn.filter(|turn| turn.is_ahead(now)) {
        Some(Turn::At(slot)) => wait(slot, Reason::WaitingForQuota),
        // The last observation is old, and nobody knows when the next one is possible.
        Some(Turn::Held { of, since, until, next: _ }) => {
            let trouble = Trouble { since, answer: observed.trouble };
            let situation = match of {
                Holder::Account => Situation::AccountInTrouble(trouble),
                Holder::Credentials => Situation::CredentialsRefused(trouble),
            };
            let status = status::of(object, now, None, None, situation);
            return Plan::with(wait(until, status::reason(&status)), status);
        }
        Some(Turn::Go) | None => step,
    };
    Plan { step, status: not_settled(observed, now) }
}

/// On the first visit, or when what status says holds no more, tools that read conditions must not take the
/// object for settled before Kore was asked.
fn not_settled(observed: &Observed<'_>, now: Timestamp) -> Option<VoiceCampaignStatus> {
    let known = sighting::observed_reason(observed).is_some();
    (!known).then(|| status::of(observed.object, now, None, None, Situation::Pending))
}
