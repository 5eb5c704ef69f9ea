//! The steps that only concern the API server.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::controller::Action;

use super::kore::note_listings;
use crate::api::{DeletionOutcome, Reason, VoiceCampaign, VoiceCampaignStatus};
use crate::campaign::audit;
use crate::campaign::context::Context;
use crate::campaign::error::{Error, WRITE_THE_STATUS};
use crate::campaign::evidence::{REMOTE_CAMPAIGN, ReleasePermit};
use crate::campaign::on_watch;
use crate::campaign::pass::{self, CACHE_LAG, Pass};
use crate::campaign::shared::{Taken, Written};
use crate::campaign::status;
use crate::connection::ConnectionName;
use crate::kore::CampaignService;
use crate::kube_ext::obstacle::{self, is_reported};
use crate::kube_ext::{CallError, CallErrorClass, Precondition, invalid};
use crate::metrics::Write;

/// How often in a pass a write is repeated at once because the object has changed meanwhile.
const MAX_RACES: u32 = 3;
/// How soon a status that the API server has refused is written again, if it has not changed: a person who
/// mends a policy looks whether that has helped. Of a deletion that has lasted for long, less often.
const REFUSED_RETRY: Duration = Duration::from_secs(30);
const LONGEST_REFUSED_RETRY: Duration = Duration::from_secs(600);
/// How soon an object that does not fit its schema is read again, if nobody touches it.
const INVALID_RETRY: Duration = Duration::from_secs(600);

/// Adds our finalizer.
pub async fn add_finalizer<S: CampaignService>(
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<ControlFlow<Action>, Error> {
    let patch = REMOTE_CAMPAIGN.adding(&pass.object.metadata);
    let written = context.kube.patch(&pass.object, patch).await;
    context.metrics.counters.wrote(Write::Finalizer);
    let source = match written {
        Ok(object) => {
            pass.see(object);
            return Ok(ControlFlow::Continue(()));
        }
        Err(source) => source,
    };
    let what = "add the finalizer";
    match source.class() {
        CallErrorClass::Race => lost_race(what, source, pass, context).await,
        // A deletion has begun, and the API server takes no new finalizers; or a policy takes none at all.
        CallErrorClass::Refused => match see_again(pass, context).await? {
            ControlFlow::Continue(()) if pass.object.metadata.deletion_timestamp.is_none() => {
                Err(Error::Write { what, source })
            }
            flow => Ok(flow),
        },
        CallErrorClass::Other => Err(Error::Write { what, source }),
    }
}

/// Looks up the connection and its credentials.
pub async fn resolve<S: CampaignService>(
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<ControlFlow<Action>, Error> {
    let name = ConnectionName::used_by(&pass.object);
    pass.connection = context.connections.resolve(&name).await.map_err(Error::Connection)?;
    pass.looked_up_at = Some(Instant::now());
    pass.has_read_brake = false;
    note_listings(pass, context);
    Ok(ControlFlow::Continue(()))
}

/// Keeps the connection and its Secret for the object, before the object gets its finalizer.
pub async fn protect<S: CampaignService>(
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<ControlFlow<Action>, Error> {
    match context.connections.keep(&ConnectionName::used_by(&pass.object)).await {
        Ok(_) => {}
        // Without the right to it the campaign is held all the same: that matters more.
        Err(CallError::Forbidden(why)) => {
            tracing::warn!(why, "The operator can't keep the connection for the campaign");
        }
        Err(error) if context.memory.failures(&pass.uid) > 1 => {
            tracing::warn!(%error, "The operator can't keep the connection for the campaign");
        }
        Err(source) => return Err(Error::Connection(source)),
    }
    pass.protected = true;
    Ok(ControlFlow::Continue(()))
}

/// Writes a status.
pub async fn record<S: CampaignService>(
    status: VoiceCampaignStatus,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<ControlFlow<Action>, Error> {
    let mut notes = status::notes(pass.object.status.as_ref(), &status);
    let is_outcome = has_outcome(&status) && !pass.object.status.as_ref().is_some_and(has_outcome);
    let was_obstructed = obstacle::is_annotated(&pass.object.metadata)
        || pass.object.status.as_ref().is_some_and(|stored| is_reported(&stored.conditions));
    let written = context.kube.replace_status(&pass.object, &status).await;
    context.metrics.counters.wrote(Write::Status);
    let taken = match written {
        Ok(object) => {
            let version = pass::version(&object).filter(|_| object.status.as_ref() == Some(&status));
            pass.see(object);
            if let Some(version) = version {
                obstacle::unannotate::<VoiceCampaign>(&mut pass.object.metadata, &context.kube).await;
                Taken::Stored(version)
            } else {
                tracing::error!(
                    "The API server does not store the status as it is: the CRD is older than the operator. Apply the \
                     CRD: voicecampaign-operator crds | kubectl apply --server-side -f -"
                );
                Taken::Changed
            }
        }
        Err(CallError::Refused(why)) => {
            tracing::error!(why, "The API server refuses the status");
            notes.push(status::obstacle::refused_status(&pass.object, &why));
            let untold = status::obstacle::untold(&status, &why);
            obstacle::annotate::<VoiceCampaign>(&mut pass.object.metadata, &untold, &context.kube).await;
            Taken::Refused(Instant::now())
        }
        Err(source) if source.class() == CallErrorClass::Race => {
            return lost_race(WRITE_THE_STATUS, source, pass, context).await;
        }
        Err(source) => return Err(Error::Write { what: WRITE_THE_STATUS, source }),
    };
    if is_outcome {
        context.metrics.counters.confirmed(on_watch::since_requested(&pass.object, context));
    }
    if was_obstructed {
        // The object went on: a failure from now on is reported from the third time on.
        context.memory.succeeded(&pass.uid);
    }
    remember_status(status, taken, pass, context);
    for note in notes {
        context.events.publish(&pass.object, note).await;
    }
    Ok(ControlFlow::Continue(()))
}

fn has_outcome(status: &VoiceCampaignStatus) -> bool {
    status.deletion.as_ref().is_some_and(|deletion| deletion.outcome.is_some())
}

/// The status counts, stored or not: a CRD that is too old must not hold an object whose campaign is gone,
/// nor make the operator forget how often it has asked.
fn remember_status<S>(status: VoiceCampaignStatus, taken: Taken, pass: &mut Pass, context: &Context<S>) {
    pass.object.status = Some(status);
    (pass.attempt, pass.get) = (None, None);
    let written = terminating_with(taken, &pass.object);
    context.memory.note(&pass.uid, |remembered| {
        remembered.attempt = None;
        remembered.written = written;
    });
}

/// The status of an object that is being deleted, for the memory.
fn terminating_with(taken: Taken, object: &VoiceCampaign) -> Option<Written> {
    object.metadata.deletion_timestamp.as_ref()?;
    Some(Written { taken, generation: object.metadata.generation, status: Box::new(object.status.clone()?) })
}

/// Removes our finalizer.
pub async fn release<S: CampaignService>(
    permit: ReleasePermit,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<ControlFlow<Action>, Error> {
    let metadata = &pass.object.metadata;
    let patch = match permit.outcome() {
        // The policy may have been taken back, and the cache may lag.
        DeletionOutcome::Orphaned => {
            let is_orphan = Precondition { path: "/spec/deletionPolicy", value: "Orphan" };
            REMOTE_CAMPAIGN.removing_while(metadata, permit, is_orphan)
        }
        DeletionOutcome::Deleted | DeletionOutcome::Absent => REMOTE_CAMPAIGN.removing(metadata, permit),
    };
    let Some(patch) = patch else { return Ok(ControlFlow::Break(Action::await_change())) };
    if context.memory.releasing(&pass.uid, permit.outcome()) {
        audit::released(&pass.object, permit.outcome());
    }
    match permit.outcome() {
        DeletionOutcome::Orphaned => context.emptiness.left(&pass.object),
        DeletionOutcome::Deleted | DeletionOutcome::Absent => context.emptiness.deleted(&pass.object),
    }
    let written = context.kube.patch_metadata::<VoiceCampaign>(&pass.object.metadata, patch).await;
    context.metrics.counters.wrote(Write::Finalizer);
    let what = "remove the finalizer";
    match written {
        Ok(object) if REMOTE_CAMPAIGN.is_on(&object.metadata) => {
            let why = "the finalizer is still there; does an admission policy put it back?".to_owned();
            Err(Error::Write { what, source: CallError::Refused(why) })
        }
        Ok(object) => {
            tracing::info!(outcome = permit.outcome().as_str(), "Released VoiceCampaign");
            pass.object.metadata = object.metadata;
            clear_obstacle(&pass.object, context).await;
            Ok(over(pass, context))
        }
        Err(source) if source.class() == CallErrorClass::Race => lost_race(what, source, pass, context).await,
        Err(source) => Err(Error::Write { what, source }),
    }
}

/// The object rests. What the annotation says is over, unless the API server has refused the status: that is
/// written again from time to time. Returns when.
pub async fn say_again<S: CampaignService>(
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<Option<Timestamp>, Error> {
    let unstored = context.memory.unstored(&pass.uid);
    let Some(Written { taken: Taken::Refused(refused_at), status, .. }) = unstored else {
        obstacle::unannotate::<VoiceCampaign>(&mut pass.object.metadata, &context.kube).await;
        return Ok(None);
    };
    let requested = on_watch::since_requested(&pass.object, context);
    let pause = (requested / 4).clamp(REFUSED_RETRY, LONGEST_REFUSED_RETRY);
    let left = pause.saturating_sub(refused_at.elapsed());
    if !left.is_zero() {
        return Ok(Some(Timestamp::now() + left));
    }
    // If the object has changed meanwhile, the next pass decides what becomes of it.
    let _ = record(*status, pass, context).await?;
    Ok(Some(Timestamp::now() + pause))
}

/// Our part in an object is over: whatever still holds it, it is not what the API server refuses us.
pub async fn clear_obstacle<S>(object: &VoiceCampaign, context: &Context<S>) {
    if let Some(status) = object.status.as_ref().filter(|_| !object.finalizers().is_empty()) {
        obstacle::clear(object, &status.conditions, &context.kube).await;
    }
}

/// Somebody else has written first: reads the object again, and goes on. One answer to a write is no evidence
/// that the object is gone. After a few times it is no race any more.
async fn lost_race<S>(
    what: &'static str,
    source: CallError,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<ControlFlow<Action>, Error> {
    pass.lost_races += 1;
    if pass.lost_races > MAX_RACES {
        return Err(Error::Write { what, source });
    }
    let flow = see_again(pass, context).await?;
    // What the API server has is newer than what we wrote; or etcd was restored, and the versions went back.
    let version = pass::version(&pass.object).filter(|_| flow.is_continue());
    let read = version.and_then(|version| terminating_with(Taken::Stored(version), &pass.object));
    context.memory.note(&pass.uid, |remembered| {
        if remembered.written.as_ref().is_some_and(|written| written.taken.version().is_some()) {
            remembered.written = read;
        }
    });
    Ok(flow)
}

/// Reads the object again, and goes on with what is there.
///
/// # Errors
/// If the API server could not be asked.
pub async fn see_again<S>(pass: &mut Pass, context: &Context<S>) -> Result<ControlFlow<Action>, Error> {
    let fresh = context.kube.read_again(&pass.object).await;
    match fresh.map_err(|source| Error::Write { what: "read the object again", source })? {
        Some(object) => {
            pass.see(match context.memory.unstored(&pass.uid) {
                Some(written) => pass::as_written(&object, written).unwrap_or(object),
                None => object,
            });
            Ok(ControlFlow::Continue(()))
        }
        None => Ok(over(pass, context)),
    }
}

/// The object is over with. The cache may show it for a while; it is reconciled again, in case that was not
/// so.
fn over<S>(pass: &Pass, context: &Context<S>) -> ControlFlow<Action> {
    on_watch::released(&pass.uid, context);
    context.memory.over(&pass.uid);
    context.accounts.forget(&pass.uid);
    context.listings.forget(&pass.uid);
    // Not when the watch shows it: a connection must not stay because a watch is silent.
    on_watch::needs_none(&pass.uid, context);
    ControlFlow::Break(Action::requeue(CACHE_LAG))
}

/// Reports an object that does not fit its schema in its conditions; it is not reconciled.
pub async fn report_invalid<S>(invalid: &InvalidObject, context: &Context<S>) -> Result<Action, Error> {
    let why = invalid::why(invalid);
    tracing::warn!(error = why, "The VoiceCampaign does not fit its schema; it is not reconciled");
    let failed = |source| Error::Write { what: "report that the object does not fit its schema", source };
    let read = invalid::read::<VoiceCampaign>(invalid, &context.kube).await.map_err(failed)?;
    if let Some(object) = read {
        let message = format!(
            "The resource does not fit its schema, and the operator does nothing for it: {why}. Apply it again with the \
             current CustomResourceDefinition."
        );
        let report = invalid::Report { reason: Reason::Invalid.as_str(), message: &message };
        invalid::report::<VoiceCampaign>(&object, report, &context.kube).await.map_err(failed)?;
    }
    Ok(Action::requeue(INVALID_RETRY))
}
