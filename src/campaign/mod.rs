//! The controller of VoiceCampaigns: fetch, decide, act, record.
//!
//! ```text
//!  kube-rs Controller ──▶ reconcile ──▶ Pass (pass.rs: what one reconcile knows, from cache and memory)
//!                             │  ▲
//!                    decide ◀─┘  │ continue, or when to reconcile next
//!                    (pure)      │
//!                       └─ Step ─▶ act (the only place with effects) ─▶ API server, Kore, events, metrics
//! ```
//!
//! `decide`, `status` and `evidence` are pure; `evidence` holds what permits a release. `shared` is what
//! objects share: the quota, the listings, who names which campaign.

mod act;
pub mod audit;
mod census;
mod context;
mod decide;
mod error;
mod evidence;
mod left_behind;
pub mod on_watch;
mod pass;
#[cfg(test)]
mod picture;
mod shared;
mod status;
mod watched;

pub use census::{Census, Counted};
pub use context::Context;
pub use decide::{Step, Urgency, decide};
pub use error::Error;
pub use evidence::{
    Attempt, GetResult, LastGet, ListingTrouble, Observed, OtherClaim, REMOTE_CAMPAIGN, ReleasePermit,
    StreamListing, needs_connection,
};
pub use pass::{MAX_ASKING_PASSES, MAX_WORKING_PASSES};
pub use shared::{Accounts, Claims, Emptiness, Listings, Memory, REFUSED_FOR_GOOD};
pub use status::left_alone;
pub use status::obstacle::condition as obstacle;
pub use watched::Watched;

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::FutureExt;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use tracing::Instrument;

use crate::api::VoiceCampaign;
use crate::kore::CampaignService;
use crate::kube_ext::Slot;
use crate::metrics::ReconcileResult;
use pass::{PASS_DEADLINE, Pass};

/// More steps than any path through `decide` has.
const MAX_STEPS: usize = 32;

/// One pass over one object, when it is its turn. What waits for that is small: at a start all objects do.
///
/// # Errors
/// If the API server could not be asked or written to, or the pass took too long.
pub async fn reconcile<S: CampaignService>(
    object: Arc<Watched>,
    context: Arc<Context<S>>,
) -> Result<Action, Error> {
    let work_permit = context.work_permit(&*object).await;
    // It may have changed meanwhile.
    let Some(object) = context.cache.get(&ObjectRef::from_obj(&*object)) else {
        return Ok(Action::await_change());
    };
    pass(object, context, work_permit).boxed().await
}

/// Steps until there is nothing to do for now.
async fn pass<S: CampaignService>(
    object: Arc<Watched>,
    context: Arc<Context<S>>,
    work_permit: Slot,
) -> Result<Action, Error> {
    // Not `name`: in JSON that is the name of the span itself.
    let whom = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
    let span = tracing::info_span!("reconcile", voicecampaign = whom, uid = object.uid());
    let started = std::time::Instant::now();
    let pass = async {
        match &object.0 {
            Ok(campaign) => steps(campaign, &context, work_permit).await,
            Err(invalid) => act::report_invalid(invalid, &context).await,
        }
    };
    let result =
        tokio::time::timeout(PASS_DEADLINE, pass).instrument(span).await.unwrap_or(Err(Error::Deadline));
    context.metrics.counters.reconciled("voicecampaign", ReconcileResult::of(&result), started.elapsed());
    result
}

async fn steps<S: CampaignService>(
    object: &VoiceCampaign,
    context: &Context<S>,
    work_permit: Slot,
) -> Result<Action, Error> {
    let mut pass = match Pass::begin(object, &context.memory, &context.claims) {
        Ok(pass) => pass,
        Err(pause) => return Ok(Action::requeue(pause)),
    };
    pass.work_permit = Some(work_permit);
    if pass.may_be_gone {
        pass.may_be_gone = false;
        if let ControlFlow::Break(action) = act::see_again(&mut pass, context).await? {
            return Ok(action);
        }
        context.memory.still_there(&pass.uid);
        on_watch::uses_connection(&pass.object, context);
    }
    for _ in 0..MAX_STEPS {
        let step = decide(&pass.observed(), Timestamp::now());
        tracing::debug!(?step, "Decided");
        match act::act(step, &mut pass, context).await {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(action)) => return Ok(action),
            Err(error) => {
                act::report_obstacle(error.obstacle(), &mut pass, context).await;
                return Err(error);
            }
        }
    }
    Err(Error::NoProgress)
}

/// When a failed pass is tried again.
pub fn error_policy<S>(object: Arc<Watched>, error: &Error, context: Arc<Context<S>>) -> Action {
    let failures = context.memory.failed(object.uid().as_deref().unwrap_or_default());
    Action::requeue(error.retry_after(&object.name_any(), failures))
}
