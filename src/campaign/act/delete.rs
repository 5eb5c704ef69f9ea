//! The one dangerous call: a DELETE, with a seat, for an object that was read just now, within the quota.
//!
//! ```text
//!  its turn by the account's clock ─▶ room to prepare ─▶ others listed, read again ─▶ a seat ─▶ counted
//! ```

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;

use super::account::{caller, gate, key_of, record_verdict, result_name};
use super::in_flight::{self, Room, Silence};
use super::kore::in_a_new_pass;
use super::kubernetes::see_again;
use crate::api::{DeletionStatus, VoiceCampaign};
use crate::campaign::context::Context;
use crate::campaign::decide;
use crate::campaign::error::Error;
use crate::campaign::evidence::{Attempt, Observed};
use crate::campaign::pass::{CACHE_LAG, Pass};
use crate::campaign::shared::{Caller, Gate, Operation, Seat};
use crate::campaign::status::{self, Situation};
use crate::connection::{CREDENTIALS_LIFE, Connection, ConnectionName, UsableConnection};
use crate::kore::CampaignService;
use crate::kube_ext::{CallError, Slot};
use crate::metrics::Write;
use crate::pacing::{Charge, Place, Turn};

/// An object that waits for others of its account says so after this time. When a thousand are deleted at
/// once, a write for each would make all of them wait longer.
const SILENT_IN_LINE: Duration = Duration::from_secs(5);

/// The way of a DELETE to Kore.
struct Way {
    connection: UsableConnection,
    gate: Arc<Gate>,
    caller: Caller,
}

/// Everything that a DELETE takes. Dropping the seat gives it back.
struct Ready<'a, S> {
    way: Way,
    service: &'a S,
    seat: Option<Seat>,
}

/// Waits until it is the turn of an approved deletion to prepare for its DELETE, and reads then what its
/// connection says of the approval: the watch may not show yet that somebody has withdrawn it. What else can
/// fail comes before that: whoever is let through by an approval can't be held again.
pub async fn await_turn<S: CampaignService>(
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<ControlFlow<Action>, Error> {
    let way = match way(pass, context) {
        ControlFlow::Continue(way) => way,
        ControlFlow::Break(flow) => return Ok(flow),
    };
    if pass.preparing.is_none() && come_forward(&way, pass, context).await.is_none() {
        return Ok(ControlFlow::Continue(()));
    }
    note_others(pass, context).boxed().await?;
    await_asking_permit(pass, context).await;
    let name = ConnectionName::used_by(&pass.object);
    let Some(brake) = context.connections.brake_now(&name).await.map_err(Error::Connection)? else {
        return Ok(ControlFlow::Break(Action::requeue(CACHE_LAG)));
    };
    if let Connection::Usable(connection) = &mut pass.connection {
        connection.brake = brake.map(Arc::new);
        pass.has_read_brake = true;
    }
    Ok(ControlFlow::Continue(()))
}

/// Sends the DELETE, if nothing speaks against it.
pub async fn delete<S: CampaignService>(
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<ControlFlow<Action>, Error> {
    let way = match way(pass, context) {
        ControlFlow::Continue(way) => way,
        ControlFlow::Break(flow) => return Ok(flow),
    };
    if pass.preparing.is_none() && come_forward(&way, pass, context).await.is_none() {
        return Ok(ControlFlow::Continue(()));
    }
    // What the API server is asked comes before a seat is taken, which others need, too.
    note_others(pass, context).boxed().await?;
    if !pass.is_fresh() {
        // There are no more reads with a seat than seats.
        if pass.seat.is_none() {
            await_asking_permit(pass, context).await;
        }
        return see_again(pass, context).boxed().await;
    }
    if pass.seat.is_none() && take_seat(&way, pass, context).await.is_none() {
        return Ok(ControlFlow::Continue(()));
    }
    // Again, if the seat was long in coming.
    if !pass.is_fresh() {
        return see_again(pass, context).boxed().await;
    }
    match prepare(way, pass, context) {
        ControlFlow::Continue(ready) => {
            send(ready, pass, context).boxed().await;
            Ok(ControlFlow::Continue(()))
        }
        ControlFlow::Break(flow) => Ok(flow),
    }
}

/// The object's way to Kore, if this pass may go it.
fn way<S>(pass: &Pass, context: &Context<S>) -> ControlFlow<ControlFlow<Action>, Way> {
    let Connection::Usable(connection) = &pass.connection else {
        return ControlFlow::Break(ControlFlow::Continue(()));
    };
    let connection = connection.as_ref().clone();
    if !pass.deletion_in_cache {
        return ControlFlow::Break(ControlFlow::Break(Action::requeue(CACHE_LAG)));
    }
    let gate = gate(&connection, &pass.object, context);
    let caller = caller(pass, decide::place(&pass.object), &connection);
    if pass.is_too_late_for(connection.target.timeout) {
        return ControlFlow::Break(in_a_new_pass());
    }
    ControlFlow::Continue(Way { connection, gate, caller })
}

/// Waits until the object may prepare for its call; `None` if the next step has to be decided again first: it
/// is not this object's turn, or the object or its credentials may have changed meanwhile.
async fn come_forward<S: CampaignService>(way: &Way, pass: &mut Pass, context: &Context<S>) -> Option<()> {
    let Way { connection, gate, caller } = way;
    let before = pass.object.metadata.resource_version.clone();
    let turn = match gate.own_turn(caller, connection.requests_per_minute) {
        Ok(turn) => turn,
        Err(later) => {
            pass.wait_for(later, gate, caller);
            return None;
        }
    };
    // Others work meanwhile. Whoever has no turn keeps the right to work for the write that says until when
    // it waits: there may be thousands.
    pass.work_permit = None;
    let (silent, left) = (silent_in_line(pass), pass.time_before_a_call(connection.target.timeout));
    let preparing = turn.preparing(left);
    pass.preparing = Some(unless_silent(silent, Silence::InLine, preparing, pass, context).await?);
    still_holds(before.as_ref(), pass)
}

/// Waits for a seat; `None` if the next step has to be decided again first.
async fn take_seat<S: CampaignService>(way: &Way, pass: &mut Pass, context: &Context<S>) -> Option<()> {
    let before = pass.object.metadata.resource_version.clone();
    pass.asking = None;
    let seat = way.gate.seat(way.caller.access.credentials);
    pass.seat = unless_silent(silent_in_line(pass), Silence::InLine, seat, pass, context).await;
    still_holds(before.as_ref(), pass)
}

/// `None` if what the pass knows may have changed in a wait: its object, which had this version before, or
/// the credentials.
fn still_holds(before: Option<&String>, pass: &mut Pass) -> Option<()> {
    if pass.looked_up_at.is_some_and(|at| at.elapsed() > CREDENTIALS_LIFE) {
        // They may have been rotated meanwhile.
        pass.connection = Connection::NotLookedUp;
        pass.has_read_brake = false;
        return None;
    }
    (pass.object.metadata.resource_version.as_ref() == before).then_some(())
}

/// For how long the status of an object in line may say nothing from now on: it has one line to wait in,
/// however often it waits.
fn silent_in_line(pass: &mut Pass) -> Duration {
    SILENT_IN_LINE.saturating_sub(pass.in_line_since.get_or_insert_with(Instant::now).elapsed())
}

/// Waits for the right to ask the API server before a DELETE: no account may keep it from the others.
async fn await_asking_permit<S>(pass: &mut Pass, context: &Context<S>) {
    if pass.asking.is_none() {
        pass.asking = Some(context.asking_permit(&pass.object).await);
    }
}

/// Before the first DELETE, notes the other objects of the campaign in the pass that the API server has:
/// once, because all that were applied before the deletion are there by now.
async fn note_others<S>(pass: &mut Pass, context: &Context<S>) -> Result<(), Error> {
    let deletion = pass.object.status.as_ref().and_then(|status| status.deletion.as_ref());
    if !pass.others_listed && deletion.is_none_or(|deletion| deletion.attempts == 0) {
        await_asking_permit(pass, context).await;
        pass.others = context.claims.all_others(&pass.object).await.map_err(Error::Claims)?;
        pass.others_listed = true;
    }
    Ok(())
}

/// Counts the call, if it may be made now. No await between this and the call.
fn prepare<'a, S: CampaignService>(
    way: Way,
    pass: &mut Pass,
    context: &'a Context<S>,
) -> ControlFlow<ControlFlow<Action>, Ready<'a, S>> {
    pass.add_others(context.claims.others(&pass.object));
    if pass.others.iter().any(|other| other.keeps) {
        return ControlFlow::Break(ControlFlow::Continue(()));
    }
    if pass.is_too_late_for(way.connection.target.timeout) {
        return ControlFlow::Break(in_a_new_pass());
    }
    let Some(service) = context.service() else {
        return ControlFlow::Break(ControlFlow::Break(Action::await_change()));
    };
    let turn = way.gate.claim(&way.caller, way.connection.requests_per_minute);
    let (seat, _prepared) = (pass.seat.take(), pass.preparing.take());
    if turn != Turn::Go {
        pass.wait_for(turn, &way.gate, &way.caller);
        return ControlFlow::Break(ControlFlow::Continue(()));
    }
    ControlFlow::Continue(Ready { way, service, seat })
}

/// Sends the DELETE, and remembers its result.
async fn send<S: CampaignService>(ready: Ready<'_, S>, pass: &mut Pass, context: &Context<S>) {
    let Ready { way: Way { connection, gate, caller }, service, seat } = ready;
    let target = &connection.target;
    let (key, uid, identity) = (key_of(&pass.object), pass.uid.clone(), target.identity());
    let number = decide::next_attempt(&pass.object);
    let call = async {
        // Until the answer, and not until the status says meanwhile what goes on.
        let _seat = seat;
        let (sent_at, started) = (Timestamp::now(), Instant::now());
        context.listings.deleting(&target.account, &key, sent_at);
        let result = service.delete(target, &key).await;
        let ended_at = Timestamp::now();
        context.listings.deleting(&target.account, &key, ended_at);
        context.metrics.counters.called("delete", result_name(&result), started.elapsed());
        let charge = gate.record_result(&caller, Operation::Delete, &result);
        let attempt = Box::new(Attempt { number, sent_at, ended_at, identity, result, charge });
        // At once: whatever happens to this pass, the answer is not lost.
        context.memory.note(&uid, |remembered| remembered.attempt = Some(attempt.clone()));
        attempt
    };
    let attempt = unless_silent(decide::SILENT.unsigned_abs(), Silence::UnderWay, call, pass, context).await;
    log(&attempt);
    record_verdict(&attempt.result, &connection, &pass.object, context).await;
    // At once, so that the status of the attempt says what the object waits for. A failure that is charged to
    // the campaign waits for a time of its own, and not in the queue.
    if attempt.result.is_err() && attempt.charge == Charge::Account {
        let place = if caller.place.is_fresh() { Place::deletion } else { Place::retry };
        let again = Caller { place: place(attempt.sent_at), ..caller };
        pass.turn = gate.held(&again, connection.requests_per_minute);
        pass.trouble = pass.turn.and_then(|turn| gate.trouble(&again, turn));
    }
    pass.attempt = Some(attempt);
}

/// Waits for something; if that takes longer than `silent`, the object's status says meanwhile what goes on.
async fn unless_silent<S, T>(
    silent: Duration,
    silence: Silence,
    work: impl Future<Output = T>,
    pass: &mut Pass,
    context: &Context<S>,
) -> T {
    let namespace = pass.object.namespace().unwrap_or_default();
    let say = async |Room { _patient, call }| Box::pin(say_in_flight(call, pass, context)).await;
    let room = silence.room(&context.kube, &namespace);
    let (result, written) = in_flight::report_if_slow(silent, work, room, say).await;
    // As it was then; the work may have taken long since.
    if let Some((object, read_at)) = written.flatten() {
        pass.see_at(object, read_at);
    }
    result
}

/// Writes that a DELETE is on its way. If that fails, the result is written anyway.
async fn say_in_flight<S>(
    permit: Slot,
    pass: &Pass,
    context: &Context<S>,
) -> Option<(VoiceCampaign, Instant)> {
    // A status that says that a person has to act must not change with every retry.
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
    let written = context.kube.replace_status_with(permit, &pass.object, &status).await;
    context.metrics.counters.wrote(Write::Status);
    let failed = |error: &CallError| tracing::debug!(%error, "Could not write that the DELETE is on its way");
    written.inspect_err(failed).ok().map(|object| (object, Instant::now()))
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
