//! The effects: one per step. Only here (and in `kube_ext`, and at an uninstall) is anything written to the API server, and only
//! here is Kore called.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use super::accounts::{Caller, Gate, Operation, Seat, access};
use super::context::Context;
use super::decide::{self, Step, Urgency};
use super::error::{Error, WRITE_THE_STATUS};
use super::listings::{Join, StreamKey};
use super::memory::Written;
use super::note;
use super::observed::{Attempt, GetResult, Observed};
use super::obstacle;
use super::on_watch;
use super::pass::{self, CACHE_LAG, Pass};
use super::permit::{REMOTE_CAMPAIGN, ReleasePermit};
use super::silence;
use super::status::{self, Situation};
use crate::api::{DeletionOutcome, DeletionStatus, VoiceCampaign, VoiceCampaignStatus};
use crate::connection::{CREDENTIALS_LIFE, Connection, ConnectionName, UsableConnection, Verdict};
use crate::kore::{CampaignKey, CampaignService, Failure, FailureKind, Progress, Target};
use crate::kube_ext::obstacle::{is_said, is_said_after, say, take_back};
use crate::kube_ext::{CallError, CallErrorClass, Room, Synced, reference};
use crate::pacing::{self, Charge, Place};

/// How often in a pass a write is repeated at once because the object has changed meanwhile.
const MAX_RACES: u32 = 3;

/// The lists after a start are there within seconds.
const LISTED_SOON: Duration = Duration::from_secs(1);

/// How a pass goes on after a step.
pub enum Flow {
    /// Decide again.
    Again,
    /// Nothing to do for now; look again after the pause, or at a change.
    Rest(Option<Duration>),
    /// Nothing to do any more.
    Over,
}

/// Does one step.
///
/// # Errors
/// If the API server could not be asked or written to.
pub async fn act<S: CampaignService>(
    step: Step,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<Flow, Error> {
    if let Some(missing) = missing_for(&step, context) {
        return Ok(until_synced(missing, pass, context).await);
    }
    match step {
        Step::AddFinalizer => add_finalizer(pass, context).await,
        Step::Resolve => resolve(pass, context).await,
        Step::Protect => protect(pass, context).await,
        Step::Get(urgency) => get(urgency, pass, context).await,
        Step::List { not_before, urgency } => list(not_before, urgency, pass, context).await,
        Step::Delete => delete(pass, context).await,
        Step::Record(status) => record(*status, pass, context).await,
        Step::Release(permit) => release(permit, pass, context).await,
        Step::Wait { until, why: _ } => {
            context.memory.succeeded(&pass.uid);
            Ok(Flow::Rest(until.map(pause_until)))
        }
        Step::Stall { until, why: _ } => {
            context.accounts.forget(&pass.uid);
            context.listings.forget(&pass.uid);
            context.memory.succeeded(&pass.uid);
            Ok(Flow::Rest(until.map(pause_until)))
        }
        Step::Done => {
            no_obstacle_is_left(&pass.object, context).await;
            context.accounts.forget(&pass.uid);
            context.listings.forget(&pass.uid);
            on_watch::released(&pass.uid, context);
            context.memory.forget(&pass.uid);
            on_watch::needs_none(&pass.uid, context);
            Ok(Flow::Over)
        }
    }
}

async fn add_finalizer<S: CampaignService>(pass: &mut Pass, context: &Context<S>) -> Result<Flow, Error> {
    let patch = REMOTE_CAMPAIGN.adding(&pass.object.metadata);
    let written = context.kube.patch(&pass.object, patch).await;
    context.metrics.wrote("finalizer");
    match written {
        Ok(object) => {
            pass.see(object);
            Ok(Flow::Again)
        }
        Err(source) => match source.class() {
            CallErrorClass::Race => lost_race("add the finalizer", source, pass, context).await,
            // A deletion has begun, and the API server takes no new finalizers; or a policy takes none at all.
            CallErrorClass::Refused => match see_again(pass, context).await? {
                Flow::Again if pass.object.metadata.deletion_timestamp.is_none() => {
                    Err(Error::Write { what: "add the finalizer", source })
                }
                flow => Ok(flow),
            },
            CallErrorClass::Other => Err(Error::Write { what: "add the finalizer", source }),
        },
    }
}

async fn resolve<S: CampaignService>(pass: &mut Pass, context: &Context<S>) -> Result<Flow, Error> {
    let name = ConnectionName::used_by(&pass.object);
    pass.connection = context.connections.resolve(&name).await.map_err(Error::Connection)?;
    see_listings(pass, context);
    Ok(Flow::Again)
}

/// Keeps the connection and its Secret for the object, before the object gets its finalizer.
async fn protect<S: CampaignService>(pass: &mut Pass, context: &Context<S>) -> Result<Flow, Error> {
    match context.connections.keep(&ConnectionName::used_by(&pass.object)).await {
        Ok(_) => {}
        // Without the right to it the campaign is held all the same: that matters more.
        Err(CallError::Forbidden(why)) => {
            tracing::warn!(why, "The connection can't be kept for the campaign")
        }
        Err(error) if context.memory.failures(&pass.uid) > 1 => {
            tracing::warn!(%error, "The connection can't be kept for the campaign");
        }
        Err(source) => return Err(Error::Connection(source)),
    }
    pass.protected = true;
    Ok(Flow::Again)
}

/// Asks for the campaign by its id.
async fn get<S: CampaignService>(
    urgency: Urgency,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<Flow, Error> {
    let Connection::Usable(connection) = &pass.connection else { return Ok(Flow::Again) };
    let connection = connection.as_ref().clone();
    if pass.is_too_late_for(connection.target.timeout) {
        return Ok(Flow::Rest(Some(Duration::ZERO)));
    }
    let gate = gate(&connection, &pass.object, context);
    let access = access(&connection.target, &pass.object.spec.stream_id);
    let place = decide::place_of_read(&pass.object, Timestamp::now());
    let deleted = pass.object.metadata.deletion_timestamp.as_ref();
    let place = match deleted.filter(|_| gate.wants_diagnostic_read(&access)) {
        Some(requested_at) => place.of_diagnostic_read(requested_at.0),
        None => place,
    };
    let caller = caller(pass, pass.uid.clone(), place, &connection);
    let Some(_seat) = claim_read(urgency, &caller, &connection, pass, context).await else {
        return Ok(Flow::Again);
    };
    let Some(service) = context.service() else { return Ok(Flow::Over) };
    let (asked_at, started) = (Timestamp::now(), Instant::now());
    let result = service.get(&connection.target, &key_of(&pass.object)).await;
    context.metrics.called("get", name_of(&result), started.elapsed());
    let operation = match urgency {
        Urgency::Deletion => Operation::ProofGet,
        Urgency::Observation => Operation::Read,
    };
    let charge = gate.record_result(&caller, operation, &result);
    record_verdict(&result, &connection, &pass.object, context).await;
    let identity = connection.target.identity();
    let look =
        GetResult { asked_at, identity, refresh: decide::refresh_wanted(&pass.object), result, charge };
    if pass.object.metadata.deletion_timestamp.is_none() {
        let looked = decide::looked(&pass.object, &look, Timestamp::now());
        pass.last_get = Some(looked);
        context.memory.note(&pass.uid, |remembered| remembered.last_get = Some(looked));
    }
    pass.get = Some(look);
    Ok(Flow::Again)
}

/// Takes part in the next listing of the stream: waits for it with the others, or reads its next page.
async fn list<S: CampaignService>(
    not_before: Timestamp,
    urgency: Urgency,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<Flow, Error> {
    let Connection::Usable(connection) = &pass.connection else { return Ok(Flow::Again) };
    let connection = connection.as_ref().clone();
    let target = &connection.target;
    let key = stream_of(target, &pass.object);
    if pass.is_too_late_for(connection.target.timeout) {
        return Ok(Flow::Rest(Some(Duration::ZERO)));
    }
    let object = reference(&pass.object);
    let reading =
        match context.listings.join(&key, &connection.target, &pass.uid, object, (not_before, urgency)) {
            Join::Yours(reading) => reading,
            Join::Others(due) => {
                pass.listing_due = Some(due);
                see_listings(pass, context);
                return Ok(Flow::Again);
            }
            Join::Nobody => {
                see_listings(pass, context);
                return Ok(Flow::Again);
            }
        };
    // One place in the queue for the stream: whoever comes next goes on.
    let id = format!("listing of {} as {}/{:x}", key.stream_id, key.identity.as_str(), key.credentials);
    let place = decide::place_of_read(&pass.object, Timestamp::now());
    // It tells more than a look at one campaign, so it comes first.
    let looks = gate(&connection, &pass.object, context)
        .wants_diagnostic_read(&access(target, &pass.object.spec.stream_id));
    let place = if looks { place.of_diagnostic_read(Timestamp::MIN) } else { place };
    let caller = Caller { promised: None, for_many: true, ..caller(pass, id, place, &connection) };
    let Some(_seat) = claim_read(urgency, &caller, &connection, pass, context).await else {
        context.listings.put_back(&key, reading);
        return Ok(Flow::Again);
    };
    context.listings.asks(&key);
    let Some(service) = context.service() else { return Ok(Flow::Over) };
    let started = Instant::now();
    let (result, interrupted) = match reading.next(service, &connection.target, Timestamp::now).await {
        Ok(progress) => (Ok(progress), None),
        Err(interrupted) => (Err(interrupted.failure), Some(interrupted.reading)),
    };
    context.metrics.called("list", name_of(&result), started.elapsed());
    let charge = gate(&connection, &pass.object, context).record_result(&caller, Operation::Read, &result);
    record_verdict(&result, &connection, &pass.object, context).await;
    let more = matches!(result, Ok(Progress::More(_)));
    if let Some(reading) = interrupted {
        context.listings.put_back(&key, reading);
    }
    context.listings.read(&key, result, charge, |listing| {
        context.claims.judge(&connection.target.account, connection_of(&pass.object), listing)
    });
    see_listings(pass, context);
    Ok(if more { Flow::Rest(Some(Duration::ZERO)) } else { Flow::Again })
}

/// What is known of the stream by now, and of the way to it.
fn see_listings<S>(pass: &mut Pass, context: &Context<S>) {
    if let Connection::Usable(connection) = &pass.connection {
        let key = stream_of(&connection.target, &pass.object);
        (pass.listing, pass.listing_trouble) = context.listings.newest(&key, &pass.object.spec.campaign_id);
        pass.last_delete = context.listings.last_delete(&connection.target.account, &key_of(&pass.object));
        let access = access(&connection.target, &pass.object.spec.stream_id);
        pass.wants_diagnostic_read = gate(connection, &pass.object, context).wants_diagnostic_read(&access);
    }
}

/// The right to a call that only reads; without it, when to come again is in `pass.turn`. A deletion waits for nobody who
/// only looks.
async fn claim_read<S>(
    urgency: Urgency,
    caller: &Caller,
    connection: &UsableConnection,
    pass: &mut Pass,
    context: &Context<S>,
) -> Option<Seat> {
    let UsableConnection { target, requests_per_minute, .. } = connection;
    let gate = gate(connection, &pass.object, context);
    // One that was taken for a DELETE: nobody holds one and waits for another.
    pass.seat = None;
    let (seat, turn) = match urgency {
        Urgency::Deletion => {
            // Others work meanwhile: the account may hang.
            pass.work_permit = None;
            match gate.seat_in_turn(caller, *requests_per_minute).await {
                Ok(seat) => (seat, gate.claim(caller, *requests_per_minute)),
                Err(later) => (None, later),
            }
        }
        Urgency::Observation => match gate.free_seat(caller.access.credentials) {
            Some(seat) => (Some(seat), gate.claim_spare(caller, *requests_per_minute)),
            None => (None, pacing::Turn::At(Timestamp::now() + target.timeout)),
        },
    };
    match turn {
        pacing::Turn::Go => {
            pass.work_permit = None;
            seat
        }
        pacing::Turn::At(_) | pacing::Turn::Held { .. } => {
            (pass.turn, pass.trouble) = (Some(turn), gate.trouble(caller, turn));
            None
        }
    }
}

/// The way to the account of an object's connection.
fn gate<S>(connection: &UsableConnection, object: &VoiceCampaign, context: &Context<S>) -> Arc<Gate> {
    let UsableConnection { target, requests_per_minute, .. } = connection;
    let gate = context.accounts.gate(&target.account);
    // Before that, not all statuses are known.
    if context.missing().is_none() {
        let whose = || (decide::connection_name(object), access(target, &object.spec.stream_id));
        gate.inherit(*requests_per_minute, whose, || context.claims.past(&target.account));
    }
    gate
}

/// Takes in what an outcome says of the credentials.
async fn record_verdict<S, T>(
    result: &Result<T, Failure>,
    connection: &UsableConnection,
    object: &VoiceCampaign,
    context: &Context<S>,
) {
    let name = ConnectionName::used_by(object);
    let record = |verdict| context.connections.record_verdict(&name, &connection.secret, verdict);
    match result {
        Ok(_) => record(Verdict::Accepted),
        Err(failure) => match failure.kind {
            FailureKind::CredentialsRejected => {
                // A right that the app lacks, as for this stream alone, says nothing against its credentials.
                if !failure.lacks_right() {
                    record(Verdict::Refused(status::said(failure)));
                }
                context.connections.forget(&name).await;
            }
            FailureKind::MayBeAbsent | FailureKind::Accepted | FailureKind::Refused => {
                record(Verdict::Accepted)
            }
            FailureKind::Throttled
            | FailureKind::Unavailable
            | FailureKind::Unreachable
            | FailureKind::Unreadable
            | FailureKind::ContractViolation => {}
        },
    }
}

/// Which kind of objects is not known yet, if the step is not to be done before it is. Before a call to Kore, all must be: another
/// VoiceCampaign may be there to keep the campaign; an empty listing is held against all that are there; and how much of the quota was used
/// up before a restart stands in their statuses. A connection that is not known would be asked for again and again by each campaign; and what
/// is left in Kore is noted with it.
fn missing_for<'a, S>(step: &Step, context: &'a Context<S>) -> Option<(&'static str, &'a Synced)> {
    match step {
        Step::Get(_) | Step::List { .. } | Step::Delete => context.missing(),
        Step::Resolve | Step::Protect => context.missing_connections(),
        Step::Release(permit) if permit.outcome() == DeletionOutcome::Orphaned => {
            context.missing_connections()
        }
        Step::Release(_)
        | Step::AddFinalizer
        | Step::Record(_)
        | Step::Wait { .. }
        | Step::Stall { .. }
        | Step::Done => None,
    }
}

/// Waits until the API server has shown all objects of a kind, and says so if that takes long.
async fn until_synced<S: CampaignService>(
    (kind, listed): (&str, &Synced),
    pass: &mut Pass,
    context: &Context<S>,
) -> Flow {
    if listed.are_late() {
        let why = format!(
            "the API server has not listed all {kind} since the operator was started, and before that the operator \
             asks Kore nothing, and leaves nothing there; /readyz of the operator and its log say which list is missing"
        );
        put_obstacle(&why, pass, context).await;
    }
    Flow::Rest(listed.look_again(LISTED_SOON).or(Some(Duration::ZERO)))
}

/// Says in the status what keeps the passes from their end: whoever waits for the object is to see why.
pub async fn tell_obstacle<S: CampaignService>(why: Option<String>, pass: &mut Pass, context: &Context<S>) {
    // No call follows.
    (pass.seat, pass.work_permit) = (None, None);
    let failures = context.memory.failures(&pass.uid).saturating_add(1);
    if let Some(why) = why.filter(|_| is_said_after(failures)) {
        put_obstacle(&why, pass, context).await;
    }
}

async fn put_obstacle<S: CampaignService>(why: &str, pass: &Pass, context: &Context<S>) {
    let Some(status) = &pass.object.status else { return };
    let Some(condition) = obstacle::condition(&pass.object, why, Timestamp::now()) else { return };
    say(&pass.object, &status.conditions, condition, (&context.kube, &context.events)).await;
    context.metrics.wrote("status");
}

/// Sends the DELETE: with a seat, for an object that was seen just now, within the quota.
async fn delete<S: CampaignService>(pass: &mut Pass, context: &Context<S>) -> Result<Flow, Error> {
    let Connection::Usable(connection) = &pass.connection else { return Ok(Flow::Again) };
    let connection = connection.as_ref().clone();
    let UsableConnection { target, requests_per_minute, .. } = &connection;
    if !pass.deletion_in_cache {
        return Ok(Flow::Rest(Some(CACHE_LAG)));
    }
    let gate = gate(&connection, &pass.object, context);
    let caller = caller(pass, pass.uid.clone(), decide::place(&pass.object), &connection);
    if pass.seat.is_none() {
        let before = pass.object.metadata.resource_version.clone();
        let asked = Instant::now();
        pass.work_permit = None;
        match unless_silent(gate.seat_in_turn(&caller, *requests_per_minute), pass, context).await {
            Ok(seat) => pass.seat = seat,
            Err(later) => {
                (pass.turn, pass.trouble) = (Some(later), gate.trouble(&caller, later));
                return Ok(Flow::Again);
            }
        }
        if asked.elapsed() > CREDENTIALS_LIFE {
            // They may have been rotated meanwhile.
            pass.connection = Connection::NotLookedUp;
            return Ok(Flow::Again);
        }
        if pass.object.metadata.resource_version != before {
            // It may be another decision by now.
            return Ok(Flow::Again);
        }
    }
    if !pass.is_fresh() {
        return see_again(pass, context).await;
    }
    let deletion = pass.object.status.as_ref().and_then(|status| status.deletion.as_ref());
    pass.others = if deletion.is_none_or(|deletion| deletion.attempts == 0) {
        context.claims.all_others(&pass.object).await.map_err(Error::Claims)?
    } else {
        context.claims.others(&pass.object)
    };
    if pass.others.iter().any(|other| other.keeps) {
        return Ok(Flow::Again);
    }
    if pass.is_too_late_for(target.timeout) {
        return Ok(Flow::Rest(Some(Duration::ZERO)));
    }
    let Some(service) = context.service() else { return Ok(Flow::Over) };
    let turn = gate.claim(&caller, *requests_per_minute);
    if turn != pacing::Turn::Go {
        (pass.turn, pass.trouble, pass.seat) = (Some(turn), gate.trouble(&caller, turn), None);
        return Ok(Flow::Again);
    }
    let (key, uid, identity) = (key_of(&pass.object), pass.uid.clone(), target.identity());
    let number = decide::next_attempt(&pass.object);
    let call = async {
        let (sent_at, started) = (Timestamp::now(), Instant::now());
        context.listings.deleting(&target.account, &key, sent_at);
        let result = service.delete(target, &key).await;
        let ended_at = Timestamp::now();
        context.listings.deleting(&target.account, &key, ended_at);
        context.metrics.called("delete", name_of(&result), started.elapsed());
        let charge = gate.record_result(&caller, Operation::Delete, &result);
        let attempt = Box::new(Attempt { number, sent_at, ended_at, identity, result, charge });
        // At once: whatever happens to this pass, the answer is not lost.
        context.memory.note(&uid, |remembered| remembered.attempt = Some(attempt.clone()));
        attempt
    };
    let attempt = unless_silent(call, pass, context).await;
    pass.seat = None;
    log(&attempt);
    record_verdict(&attempt.result, &connection, &pass.object, context).await;
    if attempt.result.is_err() {
        // At once, so that what is written of the attempt says what it waits for.
        // What is charged to the campaign waits for a time of its own, and not in the queue.
        if attempt.charge == Charge::Account {
            let place = if caller.place.is_fresh() { Place::deletion } else { Place::retry };
            let again = Caller { place: place(attempt.sent_at), ..caller };
            pass.turn = gate.held(&again, *requests_per_minute);
            pass.trouble = pass.turn.and_then(|turn| gate.trouble(&again, turn));
        }
    }
    pass.attempt = Some(attempt);
    Ok(Flow::Again)
}

/// Waits for something; if that takes longer than a moment, the object's status says meanwhile what goes on.
async fn unless_silent<S, T>(work: impl Future<Output = T>, pass: &mut Pass, context: &Context<S>) -> T {
    let say = async |room| say_in_flight(room, pass, context).await;
    let (result, written) = silence::broken(work, context.kube.room(), say).await;
    // As it was then; the work may have taken long since.
    if let Some((object, read_at)) = written.flatten() {
        pass.see_at(object, read_at);
    }
    result
}

/// Writes that a DELETE is on its way. It is no matter if that fails: the outcome is written anyway.
async fn say_in_flight<S>(room: Room, pass: &Pass, context: &Context<S>) -> Option<(VoiceCampaign, Instant)> {
    // Whoever reads that a person is needed must not read every minute, while that is tried again, that it is not.
    if pass.object.status.as_ref().is_some_and(|status| status::reason(status).needs_a_person()) {
        return None;
    }
    let now = Timestamp::now();
    let observed = Observed { attempt: None, ..pass.observed() };
    let deletion = DeletionStatus { next_attempt_at: None, ..decide::progress(&observed, now).record };
    let status = status::of(&pass.object, now, Some(deletion), None, Situation::InFlight);
    let status = status::sharing(status, &pass.object, &pass.others, now);
    if decide::is_stored(&status, &pass.object, false) {
        return None;
    }
    let written = context.kube.replace_status_in(room, &pass.object, &status).await;
    context.metrics.wrote("status");
    let failed = |error: &CallError| tracing::debug!(%error, "Could not write that the DELETE is on its way");
    written.inspect_err(failed).ok().map(|object| (object, Instant::now()))
}

async fn record<S: CampaignService>(
    status: VoiceCampaignStatus,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<Flow, Error> {
    let mut notes = note::notes(pass.object.status.as_ref(), &status);
    let was_told = pass.object.status.as_ref().is_some_and(|stored| is_said(&stored.conditions));
    let written = context.kube.replace_status(&pass.object, &status).await;
    context.metrics.wrote("status");
    let as_wanted = match written {
        Ok(object) => {
            let as_wanted = object.status.as_ref() == Some(&status);
            pass.see(object);
            as_wanted
        }
        Err(CallError::Refused(why)) => {
            tracing::error!(why, "The API server refuses the status");
            notes.push(obstacle::refused_status(&pass.object, &why));
            false
        }
        Err(source) if source.class() == CallErrorClass::Race => {
            return lost_race(WRITE_THE_STATUS, source, pass, context).await;
        }
        Err(source) => return Err(Error::Write { what: WRITE_THE_STATUS, source }),
    };
    if !as_wanted {
        tracing::error!(
            "The status can't be stored as it is: the CustomResourceDefinition is older than the operator. Apply it: \
             voicecampaign-operator crds | kubectl apply --server-side -f -"
        );
    }
    if was_told {
        // It went on: what fails from now on is told from the third time on.
        context.memory.succeeded(&pass.uid);
    }
    // It counts, stored or not: a definition that is too old must not hold an object whose campaign is gone, nor make
    // the operator forget how often it has asked.
    pass.object.status = Some(status.clone());
    (pass.attempt, pass.get) = (None, None);
    let terminating = pass.object.metadata.deletion_timestamp.is_some();
    let version = pass::version(&pass.object).filter(|_| as_wanted);
    context.memory.note(&pass.uid, |remembered| {
        remembered.attempt = None;
        remembered.written = terminating.then(|| Written { version, status: Box::new(status) });
    });
    for note in notes {
        context.events.publish(&pass.object, note).await;
    }
    Ok(Flow::Again)
}

async fn release<S: CampaignService>(
    permit: ReleasePermit,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<Flow, Error> {
    // The policy may have been taken back, and the cache may lag.
    let metadata = &pass.object.metadata;
    let patch = match permit.outcome() {
        DeletionOutcome::Orphaned => {
            REMOTE_CAMPAIGN.removing_while(metadata, permit, ("/spec/deletionPolicy", "Orphan"))
        }
        DeletionOutcome::Deleted | DeletionOutcome::Absent => REMOTE_CAMPAIGN.removing(metadata, permit),
    };
    let Some(patch) = patch else { return Ok(Flow::Over) };
    context.memory.releasing(&pass.uid, permit.outcome());
    match permit.outcome() {
        DeletionOutcome::Orphaned => context.claims.left(&pass.object),
        DeletionOutcome::Deleted | DeletionOutcome::Absent => context.claims.deleted(&pass.object),
    }
    let written = context.kube.patch(&pass.object, patch).await;
    context.metrics.wrote("finalizer");
    match written {
        Ok(object) if REMOTE_CAMPAIGN.is_on(&object.metadata) => {
            let why = "the finalizer is still there; does an admission policy put it back?".to_owned();
            Err(Error::Write { what: "remove the finalizer", source: CallError::Refused(why) })
        }
        Ok(object) => {
            tracing::info!(outcome = permit.outcome().as_str(), "Released VoiceCampaign");
            no_obstacle_is_left(&object, context).await;
            Ok(over(pass, context))
        }
        Err(source) if source.class() == CallErrorClass::Race => {
            lost_race("remove the finalizer", source, pass, context).await
        }
        Err(source) => Err(Error::Write { what: "remove the finalizer", source }),
    }
}

/// Our part in an object is over: whoever still holds it, it is not the API server.
async fn no_obstacle_is_left<S>(object: &VoiceCampaign, context: &Context<S>) {
    if let Some(status) = object.status.as_ref().filter(|_| !object.finalizers().is_empty()) {
        take_back(object, &status.conditions, &context.kube).await;
    }
}

/// Somebody else was faster: goes on with what is there now, if anything is; that the object is gone is not believed from
/// one answer to a write. A few times at once; after that it is no race any more.
async fn lost_race<S>(
    what: &'static str,
    source: CallError,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<Flow, Error> {
    pass.lost_races += 1;
    if pass.lost_races > MAX_RACES {
        return Err(Error::Write { what, source });
    }
    see_again(pass, context).await
}

/// Looks at the object anew, and goes on with what is there.
///
/// # Errors
/// If the API server could not be asked.
pub async fn see_again<S>(pass: &mut Pass, context: &Context<S>) -> Result<Flow, Error> {
    let fresh = context.kube.read_again(&pass.object).await;
    match fresh.map_err(|source| Error::Write { what: "read the object again", source })? {
        Some(object) => {
            pass.see(object);
            Ok(Flow::Again)
        }
        None => Ok(over(pass, context)),
    }
}

/// The object is over with. The cache may show it for a while; it is looked at again, in case that was not so.
fn over<S>(pass: &Pass, context: &Context<S>) -> Flow {
    on_watch::released(&pass.uid, context);
    context.memory.over(&pass.uid);
    context.accounts.forget(&pass.uid);
    context.listings.forget(&pass.uid);
    // Not when the watch shows it: a connection must not stay because a watch is silent.
    on_watch::needs_none(&pass.uid, context);
    Flow::Rest(Some(CACHE_LAG))
}

fn caller(pass: &Pass, id: String, place: Place, connection: &UsableConnection) -> Caller {
    let access = access(&connection.target, &pass.object.spec.stream_id);
    let promised = decide::promised(&pass.object);
    Caller { id, object: reference(&pass.object), for_many: false, place, promised, access }
}

fn pause_until(until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO)
}

fn connection_of(object: &VoiceCampaign) -> (&str, &str) {
    (object.metadata.namespace.as_deref().unwrap_or_default(), &object.spec.connection_ref.name)
}

fn key_of(object: &VoiceCampaign) -> CampaignKey {
    CampaignKey { stream_id: object.spec.stream_id.clone(), campaign_id: object.spec.campaign_id.clone() }
}

fn stream_of(target: &Target, object: &VoiceCampaign) -> StreamKey {
    StreamKey {
        identity: target.identity(),
        credentials: target.credentials_hash(),
        stream_id: object.spec.stream_id.clone(),
    }
}

fn name_of<T>(result: &Result<T, Failure>) -> &'static str {
    result.as_ref().map_or_else(|failure| failure.kind.reason(), |_| "Success")
}

fn log(attempt: &Attempt) {
    match &attempt.result {
        Ok(confirmed) => tracing::info!(answer = confirmed.answer().message, "Deleted campaign in Kore"),
        Err(failure) => tracing::warn!(
            reason = failure.kind.reason(),
            http_status = failure.answer.http_status,
            answer = failure.answer.message,
            "The deletion was not confirmed"
        ),
    }
}
