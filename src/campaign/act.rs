//! The effects: one per step. Only here (and in `kube_ext`) is anything written to the API server, and only here is
//! Kore called.

use std::time::{Duration, Instant};

use futures::future::{Either, join, select};
use jiff::Timestamp;

use super::decide::{self, Attempt, Observed, Step};
use super::ground::Ground;
use super::pass::Pass;
use super::status::{self, Situation};
use super::{Context, Error, REMOTE_CAMPAIGN, note};
use crate::api::{VoiceCampaign, VoiceCampaignStatus};
use crate::connection::{Connection, UsableConnection};
use crate::kore::{CampaignKey, CampaignService, Failure, FailureKind};
use crate::kube_ext::WriteError;

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
    match step {
        Step::AddFinalizer => add_finalizer(pass, context).await,
        Step::Resolve => resolve(pass, context).await,
        Step::Observe => observe(pass, context).await,
        Step::Delete => delete(pass, context).await,
        Step::Record(status) => record(*status, pass, context).await,
        Step::Release(ground) => release(ground, pass, context).await,
        Step::Wait { until, why: _ } | Step::Stall { until, why: _ } => {
            context.memory.succeeded(&pass.uid);
            Ok(Flow::Rest(until.map(pause_until)))
        }
        Step::Done => {
            context.memory.forget(&pass.uid);
            Ok(Flow::Over)
        }
    }
}

async fn add_finalizer<S: CampaignService>(pass: &mut Pass, context: &Context<S>) -> Result<Flow, Error> {
    let patch = REMOTE_CAMPAIGN.adding(&pass.object.metadata);
    match context.kube.patch(&pass.object, patch).await {
        Ok(object) => {
            pass.object = object;
            Ok(Flow::Again)
        }
        // Refused: a deletion has begun, and the API server takes no new finalizers.
        Err(WriteError::Changed | WriteError::Refused(_)) => see_again(pass, context).await,
        Err(WriteError::Gone) => Ok(over(pass, context)),
        Err(source @ (WriteError::Failed(_) | WriteError::Deadline)) => {
            Err(Error::Write { what: "add the finalizer", source })
        }
    }
}

async fn resolve<S: CampaignService>(pass: &mut Pass, context: &Context<S>) -> Result<Flow, Error> {
    let (namespace, name) = connection_of(&pass.object);
    let connection = context.connections.resolve(namespace, name).await;
    pass.connection = connection.map_err(|error| Error::Connection(Box::new(error)))?;
    Ok(Flow::Again)
}

async fn observe<S: CampaignService>(pass: &mut Pass, context: &Context<S>) -> Result<Flow, Error> {
    let Connection::Usable(connection) = &pass.connection else { return Ok(Flow::Again) };
    let UsableConnection { target, requests_per_minute } = connection.as_ref();
    let gate = context.accounts.gate(&target.account);
    let _seat = gate.seat().await;
    if stopping(context) {
        return Ok(Flow::Over);
    }
    if let Err(slot) = gate.claim_spare(*requests_per_minute) {
        pass.slot = Some(slot);
        return Ok(Flow::Again);
    }
    let started = Instant::now();
    let sighting = context.service.get(target, &key_of(&pass.object)).await;
    context.metrics.called("get", outcome(&sighting), started.elapsed());
    if let Err(failure) = &sighting {
        gate.heed(failure);
    }
    let look_again_at = decide::look_again_at(&pass.object, &sighting, Timestamp::now());
    pass.look_again_at = Some(look_again_at);
    context.memory.note(&pass.uid, |remembered| remembered.look_again_at = Some(look_again_at));
    pass.sighting = Some(sighting);
    Ok(Flow::Again)
}

/// Sends the DELETE. If that takes longer than a moment, status says so meanwhile.
async fn delete<S: CampaignService>(pass: &mut Pass, context: &Context<S>) -> Result<Flow, Error> {
    let Connection::Usable(connection) = &pass.connection else { return Ok(Flow::Again) };
    let UsableConnection { target, requests_per_minute } = connection.as_ref();
    let gate = context.accounts.gate(&target.account);
    let key = key_of(&pass.object);
    let call = async {
        let _seat = gate.seat().await;
        if stopping(context) {
            return Called::NotNow;
        }
        if let Err(slot) = gate.claim(&pass.uid, *requests_per_minute) {
            return Called::TooEarly(slot);
        }
        let (sent_at, started) = (Timestamp::now(), Instant::now());
        let result = context.service.delete(target, &key).await;
        context.metrics.called("delete", outcome(&result), started.elapsed());
        Called::Answered(Box::new(Attempt { sent_at, ended_at: Timestamp::now(), outcome: result }))
    };
    let silent = tokio::time::sleep(decide::SILENT.unsigned_abs());
    let (called, written) = match select(Box::pin(call), Box::pin(silent)).await {
        Either::Left((called, _)) => (called, None),
        Either::Right(((), call)) => join(call, say_in_flight(pass, context)).await,
    };
    if let Some(object) = written {
        pass.object = object;
    }
    match called {
        Called::NotNow => Ok(Flow::Over),
        Called::TooEarly(slot) => {
            pass.slot = Some(slot);
            Ok(Flow::Again)
        }
        Called::Answered(attempt) => {
            log(&attempt);
            if let Err(failure) = &attempt.outcome {
                gate.heed(failure);
                if failure.kind == FailureKind::CredentialsRejected {
                    let (namespace, name) = connection_of(&pass.object);
                    context.connections.forget(namespace, name).await;
                }
            }
            context.memory.note(&pass.uid, |remembered| remembered.attempt = Some((*attempt).clone()));
            pass.attempt = Some(*attempt);
            Ok(Flow::Again)
        }
    }
}

enum Called {
    NotNow,
    TooEarly(Timestamp),
    Answered(Box<Attempt>),
}

/// Writes that a DELETE is on its way. It is no matter if that fails: the outcome is written anyway.
async fn say_in_flight<S>(pass: &Pass, context: &Context<S>) -> Option<VoiceCampaign> {
    let now = Timestamp::now();
    let observed = Observed { attempt: None, ..pass.observed() };
    let deletion = decide::progress(&observed, now);
    let status = status::of(&pass.object, now, Some(deletion), None, Situation::InFlight);
    let written = context.kube.replace_status(&pass.object, &status).await;
    context.metrics.wrote("status");
    written.inspect_err(|error| tracing::debug!(%error, "Could not write that the DELETE is on its way")).ok()
}

async fn record<S: CampaignService>(
    status: VoiceCampaignStatus,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<Flow, Error> {
    let note = note::note(pass.object.status.as_ref(), &status);
    let written = context.kube.replace_status(&pass.object, &status).await;
    context.metrics.wrote("status");
    match written {
        Ok(object) => {
            let terminating = object.metadata.deletion_timestamp.is_some();
            let stored = object.status.clone().filter(|_| terminating).map(Box::new);
            context.memory.note(&pass.uid, |remembered| {
                remembered.attempt = None;
                remembered.written = stored;
            });
            (pass.object, pass.attempt, pass.sighting) = (object, None, None);
            if let Some(note) = note {
                context.events.publish(&pass.object, note).await;
            }
            Ok(Flow::Again)
        }
        Err(WriteError::Changed) => see_again(pass, context).await,
        Err(WriteError::Gone) => Ok(over(pass, context)),
        Err(WriteError::Refused(why)) => {
            tracing::error!(
                why,
                "The API server refuses the status; is the CustomResourceDefinition older than the operator?"
            );
            pass.status_refused = true;
            Ok(Flow::Again)
        }
        Err(source @ (WriteError::Failed(_) | WriteError::Deadline)) => {
            Err(Error::Write { what: "write the status", source })
        }
    }
}

async fn release<S: CampaignService>(
    ground: Ground,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<Flow, Error> {
    let Some(patch) = REMOTE_CAMPAIGN.removing(&pass.object.metadata, ground) else { return Ok(Flow::Over) };
    let written = context.kube.patch(&pass.object, patch).await;
    context.metrics.wrote("finalizer");
    match written {
        Ok(_) => {
            tracing::info!(ground = ground.name().as_str(), "Released VoiceCampaign");
            context.metrics.released(ground.name());
            context.memory.released(&pass.uid);
            Ok(Flow::Over)
        }
        Err(WriteError::Gone) => Ok(over(pass, context)),
        Err(WriteError::Changed) => see_again(pass, context).await,
        Err(source @ (WriteError::Refused(_) | WriteError::Failed(_) | WriteError::Deadline)) => {
            Err(Error::Write { what: "remove the finalizer", source })
        }
    }
}

/// Somebody else has written: looks at the object anew, and goes on with what is there.
async fn see_again<S>(pass: &mut Pass, context: &Context<S>) -> Result<Flow, Error> {
    let fresh = context.kube.read_again(&pass.object).await;
    match fresh.map_err(|source| Error::Write { what: "read the object again", source })? {
        Some(object) => {
            pass.object = object;
            Ok(Flow::Again)
        }
        None => Ok(over(pass, context)),
    }
}

fn over<S>(pass: &Pass, context: &Context<S>) -> Flow {
    context.memory.forget(&pass.uid);
    Flow::Over
}

fn stopping<S>(context: &Context<S>) -> bool {
    *context.stopping.borrow()
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

fn outcome<T>(result: &Result<T, Failure>) -> &'static str {
    result.as_ref().map_or_else(|failure| failure.kind.reason(), |_| "Success")
}

fn log(attempt: &Attempt) {
    match &attempt.outcome {
        Ok(confirmed) => tracing::info!(message = confirmed.answer().message, "Deleted campaign in Kore"),
        Err(failure) => tracing::warn!(
            reason = failure.kind.reason(),
            http_status = failure.answer.http_status,
            answer = failure.answer.message,
            "The deletion was not confirmed"
        ),
    }
}
