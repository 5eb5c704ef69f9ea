//! The reads: a GET of the campaign, the next page of a listing; and the right to such a call.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::runtime::controller::Action;

use super::account::{caller, gate, key_of, record_verdict, result_name, stream_of};
use crate::campaign::context::Context;
use crate::campaign::decide::{self, Urgency};
use crate::campaign::evidence::GetResult;
use crate::campaign::pass::Pass;
use crate::campaign::shared::{Caller, Join, Need, Operation, Page, Seat, StreamKey, access};
use crate::connection::{Connection, ConnectionName, UsableConnection};
use crate::kore::{CampaignService, Progress};
use crate::kube_ext::reference;
use crate::pacing::Turn;

/// Reads the campaign by its id.
pub async fn get<S: CampaignService>(
    urgency: Urgency,
    pass: &mut Pass,
    context: &Context<S>,
) -> ControlFlow<Action> {
    let Connection::Usable(connection) = &pass.connection else { return ControlFlow::Continue(()) };
    let connection = connection.as_ref().clone();
    if pass.is_too_late_for(connection.target.timeout) {
        return in_a_new_pass();
    }
    let gate = gate(&connection, &pass.object, context);
    let access = access(&connection.target, &pass.object.spec.stream_id);
    let place = decide::place_of_read(&pass.object, Timestamp::now());
    let deleted = pass.object.metadata.deletion_timestamp.as_ref();
    let place = match deleted.filter(|_| gate.wants_diagnostic_read(&access)) {
        Some(requested_at) => place.of_diagnostic_read(requested_at.0),
        None => place,
    };
    let caller = caller(pass, place, &connection);
    let Some(_seat) = claim_read(urgency, &caller, &connection, pass, context).await else {
        return ControlFlow::Continue(());
    };
    let Some(service) = context.service() else { return ControlFlow::Break(Action::await_change()) };
    let (asked_at, started) = (Timestamp::now(), Instant::now());
    let result = service.get(&connection.target, &key_of(&pass.object)).await;
    context.metrics.counters.called("get", result_name(&result), started.elapsed());
    let operation = match urgency {
        Urgency::Deletion => Operation::ProofGet,
        Urgency::Observation => Operation::Read,
    };
    let charge = gate.record_result(&caller, operation, &result);
    record_verdict(&result, &connection, &pass.object, context).await;
    let (identity, refresh) = (connection.target.identity(), decide::refresh_wanted(&pass.object));
    let get = GetResult { asked_at, identity, refresh, result, charge };
    if pass.object.metadata.deletion_timestamp.is_none() {
        let last_get = decide::next_observation(&pass.object, &get, Timestamp::now());
        pass.last_get = Some(last_get);
        context.memory.note(&pass.uid, |remembered| remembered.last_get = Some(last_get));
    }
    pass.get = Some(get);
    ControlFlow::Continue(())
}

/// Takes part in the next listing of the stream: waits for it with the others, or reads its next page.
pub async fn list<S: CampaignService>(
    not_before: Timestamp,
    urgency: Urgency,
    pass: &mut Pass,
    context: &Context<S>,
) -> ControlFlow<Action> {
    let Connection::Usable(connection) = &pass.connection else { return ControlFlow::Continue(()) };
    let connection = connection.as_ref().clone();
    let key = stream_of(&connection.target, &pass.object);
    if pass.is_too_late_for(connection.target.timeout) {
        return in_a_new_pass();
    }
    let need = Need { uid: &pass.uid, object: reference(&pass.object), not_before, urgency };
    match context.listings.join(&key, &connection.target, need) {
        Join::Yours(page) => {
            let next = NextPage { urgency, key, page };
            read_page(next, &connection, pass, context).await
        }
        Join::Others(due) => {
            pass.listing_due = Some(due);
            note_listings(pass, context);
            ControlFlow::Continue(())
        }
        Join::Nobody => {
            note_listings(pass, context);
            ControlFlow::Continue(())
        }
    }
}

/// The next page of a listing.
struct NextPage {
    urgency: Urgency,
    key: StreamKey,
    page: Page,
}

async fn read_page<S: CampaignService>(
    NextPage { urgency, key, page }: NextPage,
    connection: &UsableConnection,
    pass: &mut Pass,
    context: &Context<S>,
) -> ControlFlow<Action> {
    let caller = caller_of_listing(&key, connection, pass, context);
    let Some(_seat) = claim_read(urgency, &caller, connection, pass, context).await else {
        context.listings.put_back(&key, page);
        return ControlFlow::Continue(());
    };
    context.listings.asks(&key);
    let Page { reading, era } = page;
    let Some(service) = context.service() else { return ControlFlow::Break(Action::await_change()) };
    let started = Instant::now();
    let (result, interrupted) = match reading.next(service, &connection.target, Timestamp::now).await {
        Ok(progress) => (Ok(progress), None),
        Err(interrupted) => (Err(interrupted.failure), Some(interrupted.reading)),
    };
    context.metrics.counters.called("list", result_name(&result), started.elapsed());
    let gate = gate(connection, &pass.object, context);
    let charge = gate.record_result(&caller, Operation::Read, &result);
    record_verdict(&result, connection, &pass.object, context).await;
    let more = matches!(result, Ok(Progress::More(_)));
    if let Some(reading) = interrupted {
        context.listings.put_back(&key, Page { reading, era });
    }
    context.listings.read(&key, era, result, charge, |listing| {
        let reader = ConnectionName::used_by(&pass.object);
        context.emptiness.judge(&connection.target.account, &reader, listing)
    });
    note_listings(pass, context);
    if more { in_a_new_pass() } else { ControlFlow::Continue(()) }
}

/// One caller for the stream, whichever object reads: the next object goes on in its place.
fn caller_of_listing<S>(
    key: &StreamKey,
    connection: &UsableConnection,
    pass: &Pass,
    context: &Context<S>,
) -> Caller {
    let id = format!("listing of {} as {}/{:x}", key.stream_id, key.identity.as_str(), key.credentials);
    let place = decide::place_of_read(&pass.object, Timestamp::now());
    let access = access(&connection.target, &pass.object.spec.stream_id);
    let place = if gate(connection, &pass.object, context).wants_diagnostic_read(&access) {
        // It tells more than a GET of one campaign, so it comes first.
        place.of_diagnostic_read(Timestamp::MIN)
    } else {
        place
    };
    Caller { id, promised: None, for_many: true, ..caller(pass, place, connection) }
}

/// Notes in the pass what is known of the stream by now, and of the way to it.
pub fn note_listings<S>(pass: &mut Pass, context: &Context<S>) {
    if let Connection::Usable(connection) = &pass.connection {
        let key = stream_of(&connection.target, &pass.object);
        (pass.listing, pass.listing_trouble) = context.listings.newest(&key, &pass.object.spec.campaign_id);
        pass.last_delete = context.listings.last_delete(&connection.target.account, &key_of(&pass.object));
        let access = access(&connection.target, &pass.object.spec.stream_id);
        pass.wants_diagnostic_read = gate(connection, &pass.object, context).wants_diagnostic_read(&access);
    }
}

/// The right to a call that only reads; without it, `pass.turn` has when to ask again. A deletion waits for
/// no observation.
async fn claim_read<S>(
    urgency: Urgency,
    caller: &Caller,
    connection: &UsableConnection,
    pass: &mut Pass,
    context: &Context<S>,
) -> Option<Seat> {
    let UsableConnection { target, requests_per_minute, .. } = connection;
    let gate = gate(connection, &pass.object, context);
    // What was taken for a DELETE: no pass holds one seat and waits for another.
    (pass.preparing, pass.asking, pass.seat) = (None, None, None);
    let (seat, turn) = match urgency {
        Urgency::Deletion => match gate.own_turn(caller, *requests_per_minute) {
            Ok(turn) => {
                // Others work meanwhile: the account may hang.
                pass.work_permit = None;
                (turn.seat().await, gate.claim(caller, *requests_per_minute))
            }
            Err(later) => (None, later),
        },
        Urgency::Observation => match gate.free_seat(caller.access.credentials) {
            Some(seat) => (Some(seat), gate.claim_spare(caller, *requests_per_minute)),
            None => (None, Turn::At(Timestamp::now() + target.timeout)),
        },
    };
    match turn {
        Turn::Go => {
            pass.work_permit = None;
            seat
        }
        Turn::At(_) | Turn::Held { .. } => {
            drop(seat);
            if pass.work_permit.is_none() {
                // Thousands may have waited for a seat, and all of them write now until when they wait.
                pass.work_permit = Some(context.work_permit(&pass.object).await);
            }
            pass.wait_for(turn, &gate, caller);
            None
        }
    }
}

/// Goes on in a new pass, at once.
pub fn in_a_new_pass() -> ControlFlow<Action> {
    ControlFlow::Break(Action::requeue(Duration::ZERO))
}
