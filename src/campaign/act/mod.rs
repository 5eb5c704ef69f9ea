//! The effects: one function per step.
//!
//! ```text
//!  kubernetes.rs  finalizer, connection, status, release; what to do when somebody else has written first
//!  kore.rs        GET and listings, and the right to such a call
//!  delete.rs      the one dangerous call
//!  account.rs     an object's way to its account, and what a result says of the credentials
//!  obstacle.rs    says in the status what keeps the object from its end
//! ```
//!
//! Only here, in `kube_ext`, `connection` and at an uninstall is anything written to the API server; only
//! here is Kore called.

mod account;
mod delete;
mod in_flight;
mod kore;
mod kubernetes;
mod obstacle;

pub use kubernetes::{report_invalid, see_again};
pub use obstacle::report as report_obstacle;

use std::ops::ControlFlow;

use futures::FutureExt;
use jiff::Timestamp;
use kube::runtime::controller::Action;

use super::context::{Context, Unsynced};
use super::decide::Step;
use super::error::Error;
use super::on_watch;
use super::pass::Pass;
use crate::api::{DeletionOutcome, Reason};
use crate::kore::CampaignService;

/// Does one step. Returns whether to decide again, or when to reconcile next.
///
/// # Errors
/// If the API server could not be asked or written to.
pub async fn act<S: CampaignService>(
    step: Step,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<ControlFlow<Action>, Error> {
    if let Some(unsynced) = unsynced_for(&step, context) {
        return Ok(obstacle::until_synced(unsynced, pass, context).await);
    }
    if waits_for_no_brake(&step) {
        context.connections.waits_for_no_brake(&pass.uid);
    }
    // Boxed: thousands may wait in one of them, and need no room for what the others need.
    match step {
        Step::AddFinalizer => kubernetes::add_finalizer(pass, context).boxed().await,
        Step::Resolve => kubernetes::resolve(pass, context).boxed().await,
        Step::Protect => kubernetes::protect(pass, context).boxed().await,
        Step::Get(urgency) => Ok(kore::get(urgency, pass, context).boxed().await),
        Step::List { not_before, urgency } => {
            Ok(kore::list(not_before, urgency, pass, context).boxed().await)
        }
        Step::AskBrake => Ok(account::ask_brake(pass, context)),
        Step::AwaitTurn => delete::await_turn(pass, context).boxed().await,
        Step::Delete => delete::delete(pass, context).boxed().await,
        Step::Record(status) => kubernetes::record(*status, pass, context).boxed().await,
        Step::Release(permit) => kubernetes::release(permit, pass, context).boxed().await,
        Step::Wait { until, .. } => rest(until, pass, context).boxed().await,
        Step::Stall { until, .. } => {
            context.accounts.forget(&pass.uid);
            context.listings.forget(&pass.uid);
            rest(until, pass, context).boxed().await
        }
        Step::Done => {
            kubernetes::clear_obstacle(&pass.object, context).await;
            context.accounts.forget(&pass.uid);
            context.listings.forget(&pass.uid);
            on_watch::released(&pass.uid, context);
            context.memory.forget(&pass.uid);
            on_watch::needs_none(&pass.uid, context);
            Ok(ControlFlow::Break(Action::await_change()))
        }
    }
}

/// The pass has done what can be done now.
async fn rest<S: CampaignService>(
    until: Option<Timestamp>,
    pass: &mut Pass,
    context: &Context<S>,
) -> Result<ControlFlow<Action>, Error> {
    let again = kubernetes::say_again(pass, context).await?;
    context.memory.succeeded(&pass.uid);
    Ok(ControlFlow::Break(account::requeue_at([until, again].into_iter().flatten().min())))
}

/// Whether a deletion with this step waits for no brake: it has passed it, or is held by something else.
fn waits_for_no_brake(step: &Step) -> bool {
    match step {
        Step::Delete | Step::Done => true,
        Step::Wait { why, .. } => *why != Reason::Pending,
        Step::Stall { why, .. } => *why != Reason::MassDeletion,
        Step::AddFinalizer
        | Step::Resolve
        | Step::Protect
        | Step::Get(_)
        | Step::List { .. }
        | Step::AskBrake
        | Step::AwaitTurn
        | Step::Record(_)
        | Step::Release(_) => false,
    }
}

/// The kind of objects that is not known yet, if the step must not be done before it is.
///
/// Before a call to Kore, all must be: another VoiceCampaign may be there to keep the campaign; an empty
/// listing is held against all that are there; and how much of the quota was used up before a restart stands
/// in their statuses. Each campaign would look up a connection that is not known again and again; and a
/// campaign that is left in Kore is noted in the status of its connection.
fn unsynced_for<'a, S>(step: &Step, context: &'a Context<S>) -> Option<Unsynced<'a>> {
    match step {
        Step::Get(_) | Step::List { .. } | Step::AwaitTurn | Step::Delete => context.unsynced(),
        Step::Resolve | Step::Protect => context.unsynced_connections(),
        Step::Release(permit) if permit.outcome() == DeletionOutcome::Orphaned => {
            context.unsynced_connections()
        }
        Step::Release(_)
        | Step::AskBrake
        | Step::AddFinalizer
        | Step::Record(_)
        | Step::Wait { .. }
        | Step::Stall { .. }
        | Step::Done => None,
    }
}
