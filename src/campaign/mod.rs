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
//! `decide` and `status` are pure; `ground` holds the evidence without which nothing is let go.

mod accounts;
mod act;
mod decide;
mod error;
mod ground;
mod invalid;
mod memory;
mod note;
mod pass;
mod reason;
mod status;

pub use accounts::Accounts;
pub use decide::{Attempt, Observed, Sighting, Step, decide};
pub use error::Error;
pub use ground::Ground;
pub use memory::Memory;
pub use reason::Reason;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use tracing::Instrument;

use crate::api::VoiceCampaign;
use crate::connection::Connections;
use crate::kore::CampaignService;
use crate::kube_ext::{Events, Finalizer, Kube};
use crate::metrics::Metrics;

/// The finalizer that holds a VoiceCampaign until there is a [`Ground`] to let it go.
pub const REMOTE_CAMPAIGN: Finalizer<Ground> = Finalizer::new("voicecampaign.dev/remote-campaign");

/// Deadline of one pass. Longer than the longest call to Kore (30 s) with the writes around it.
const PASS_DEADLINE: Duration = Duration::from_secs(90);
/// More steps than any path through `decide` has.
const MAX_STEPS: usize = 32;
/// How soon an object that can't be read is looked at again, if nobody touches it.
const INVALID_RETRY: Duration = Duration::from_secs(600);

/// What the controller works with.
pub struct Context<S> {
    /// The API server.
    pub kube: Kube,
    /// Kore.
    pub service: Arc<S>,
    /// Connections and credentials.
    pub connections: Arc<Connections>,
    /// Clocks and seats of the accounts.
    pub accounts: Arc<Accounts>,
    /// What is known of each object beyond its status.
    pub memory: Memory,
    /// Events.
    pub events: Events,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Whether the process is about to end: then no new remote call is begun.
    pub stopping: tokio::sync::watch::Receiver<bool>,
}

/// One pass over one object: steps until there is nothing to do for now.
///
/// # Errors
/// If the API server could not be asked or written to, or the pass took too long.
pub async fn reconcile<S: CampaignService>(
    object: Arc<DeserializeGuard<VoiceCampaign>>,
    context: Arc<Context<S>>,
) -> Result<Action, Error> {
    let span = tracing::info_span!(
        "reconcile",
        namespace = object.namespace().unwrap_or_default(),
        name = object.name_any()
    );
    let started = std::time::Instant::now();
    let pass = async {
        match &object.0 {
            Ok(campaign) => steps(campaign, &context).await,
            Err(invalid) => invalid::report(invalid, &context).await.map(|()| Action::requeue(INVALID_RETRY)),
        }
    };
    let result = tokio::time::timeout(PASS_DEADLINE, pass.boxed())
        .instrument(span)
        .await
        .unwrap_or(Err(Error::Deadline));
    context.metrics.reconciled(result.is_ok(), started.elapsed());
    result
}

async fn steps<S: CampaignService>(object: &VoiceCampaign, context: &Context<S>) -> Result<Action, Error> {
    let Some(mut pass) = pass::Pass::begin(object, &context.memory) else {
        return Ok(Action::await_change());
    };
    for _ in 0..MAX_STEPS {
        let step = decide(&pass.observed(), Timestamp::now());
        tracing::debug!(?step, "Decided");
        match act::act(step, &mut pass, context).await? {
            act::Flow::Again => {}
            act::Flow::Rest(Some(pause)) => return Ok(Action::requeue(pause)),
            act::Flow::Rest(None) | act::Flow::Over => return Ok(Action::await_change()),
        }
    }
    Err(Error::NoProgress)
}

/// When a failed pass is tried again.
pub fn error_policy<S>(
    object: Arc<DeserializeGuard<VoiceCampaign>>,
    error: &Error,
    context: Arc<Context<S>>,
) -> Action {
    let failures = context.memory.failed(object.uid().as_deref().unwrap_or_default());
    Action::requeue(error.retry_after(&object.name_any(), failures))
}
