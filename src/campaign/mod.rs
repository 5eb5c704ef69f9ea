//! The controller of VoiceCampaigns: fetch, decide, act, record.
//!
//! ```text
//!  kube-rs Controller ──▶ reconcile ──▶ Pass (pass.rs: what is known, from cache and memory)
//!                             │  ▲
//!                    decide ◀─┘  │ Flow: again, rest, over
//!                    (pure)      │
//!                       └─ Step ─▶ act (the only place with effects) ─▶ API server, Kore, events, metrics
//! ```
//!
//! `decide`, `proof` and `status` are pure; `outcome` holds the evidence without which nothing is let go. `accounts`,
//! `streams` and `claims` are what objects share: the quota, the listings, who names which campaign.

mod accounts;
mod act;
mod claims;
mod context;
mod decide;
mod emptiness;
mod error;
mod even_clock;
mod listings;
mod memory;
mod note;
mod observed;
mod obstacle;
pub mod on_watch;
mod pass;
mod permit;
mod proof;
mod reason;
mod seats;
mod silence;
mod status;

pub use accounts::Accounts;
pub use claims::{Claims, REFUSED_FOR_GOOD};
pub use context::{Context, Watched};
pub use decide::{Step, Urgency, decide};
pub use error::Error;
pub use listings::Listings;
pub use memory::Memory;
pub use observed::{Attempt, GetResult, LastGet, ListingTrouble, Observed, OtherClaim, StreamListing};
pub use obstacle::condition as obstacle;
pub use pass::MAX_WORKING_PASSES;
pub use permit::{REMOTE_CAMPAIGN, ReleasePermit, needs_connection};
pub use reason::Reason;
pub use status::let_go;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;

use act::Flow;
use pass::{PASS_DEADLINE, Pass};

use crate::api::VoiceCampaign;
use crate::kore::CampaignService;
use crate::kube_ext::invalid;

/// More steps than any path through `decide` has.
const MAX_STEPS: usize = 32;
/// How soon an object that can't be read is looked at again, if nobody touches it.
const INVALID_RETRY: Duration = Duration::from_secs(600);

/// One pass over one object, when it is its turn. What waits for that is small: at a start all objects do.
///
/// # Errors
/// If the API server could not be asked or written to, or the pass took too long.
pub async fn reconcile<S: CampaignService>(
    object: Arc<Watched>,
    context: Arc<Context<S>>,
) -> Result<Action, Error> {
    // The semaphore is never closed.
    let work_permit = context.pass_permits.clone().acquire_owned().await.ok();
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
    work_permit: Option<OwnedSemaphorePermit>,
) -> Result<Action, Error> {
    // Not `name`: in JSON that is the name of the span itself.
    let whom = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
    let span = tracing::info_span!("reconcile", voicecampaign = whom, uid = object.uid());
    let started = std::time::Instant::now();
    let pass = async {
        match &object.0 {
            Ok(campaign) => steps(campaign, &context, work_permit).await,
            Err(invalid) => report_invalid(invalid, &context).await.map(|()| Action::requeue(INVALID_RETRY)),
        }
    };
    let result =
        tokio::time::timeout(PASS_DEADLINE, pass).instrument(span).await.unwrap_or(Err(Error::Deadline));
    context.metrics.reconciled(result.is_ok(), started.elapsed());
    result
}

/// What can't be read is left alone, and told so.
async fn report_invalid<S>(invalid: &InvalidObject, context: &Context<S>) -> Result<(), Error> {
    tracing::warn!(error = %invalid.error, "The VoiceCampaign does not fit its schema; it is left alone");
    let failed = |source| Error::Write { what: "say that the object does not fit its schema", source };
    let Some(object) = invalid::read::<VoiceCampaign>(invalid, &context.kube).await.map_err(failed)? else {
        return Ok(());
    };
    let message = format!(
        "The resource does not fit its schema, and nothing is done for it: {}. Apply it again with the current \
         CustomResourceDefinition.",
        invalid.error
    );
    let told = (Reason::Invalid.as_str(), message.as_str());
    invalid::report::<VoiceCampaign>(&object, told, &context.kube).await.map_err(failed)
}

async fn steps<S: CampaignService>(
    object: &VoiceCampaign,
    context: &Context<S>,
    work_permit: Option<OwnedSemaphorePermit>,
) -> Result<Action, Error> {
    let mut pass = match Pass::begin(object, &context.memory, &context.claims) {
        Ok(pass) => pass,
        Err(pause) => return Ok(Action::requeue(pause)),
    };
    pass.work_permit = work_permit;
    if pass.may_be_gone {
        pass.may_be_gone = false;
        match act::see_again(&mut pass, context).await? {
            Flow::Again => {}
            Flow::Rest(pause) => return Ok(pause.map_or_else(Action::await_change, Action::requeue)),
            Flow::Over => return Ok(Action::await_change()),
        }
        context.memory.still_there(&pass.uid);
        on_watch::uses_connection(&pass.object, context);
    }
    for _ in 0..MAX_STEPS {
        let step = decide(&pass.observed(), Timestamp::now());
        tracing::debug!(?step, "Decided");
        let flow = match act::act(step, &mut pass, context).await {
            Ok(flow) => flow,
            Err(error) => {
                act::tell_obstacle(error.obstacle(), &mut pass, context).await;
                return Err(error);
            }
        };
        match flow {
            Flow::Again => {}
            Flow::Rest(Some(pause)) => return Ok(Action::requeue(pause)),
            Flow::Rest(None) | Flow::Over => return Ok(Action::await_change()),
        }
    }
    Err(Error::NoProgress)
}

/// When a failed pass is tried again.
pub fn error_policy<S>(object: Arc<Watched>, error: &Error, context: Arc<Context<S>>) -> Action {
    let failures = context.memory.failed(object.uid().as_deref().unwrap_or_default());
    Action::requeue(error.retry_after(&object.name_any(), failures))
}
