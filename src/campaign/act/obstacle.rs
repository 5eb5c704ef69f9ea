//! Reports in the status what obstructs an object, so that somebody who waits for it sees why.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;

use crate::campaign::context::{Context, Unsynced};
use crate::campaign::pass::Pass;
use crate::campaign::status::obstacle;
use crate::kore::CampaignService;
use crate::kube_ext::obstacle::{self as obstructed, is_reported_after};
use crate::metrics::Write;

/// The lists after a start are there within seconds.
const SYNCED_SOON: Duration = Duration::from_secs(1);

/// Waits until the API server has listed all objects of a kind, and says so if that takes long.
pub async fn until_synced<S: CampaignService>(
    Unsynced { kind, synced }: Unsynced<'_>,
    pass: &Pass,
    context: &Context<S>,
) -> ControlFlow<Action> {
    if synced.is_overdue() {
        let why = format!(
            "the operator has not received the list of all {kind} from the API server since it started. It sends nothing to \
             Kore until it has that list; its log and /readyz say which list is missing"
        );
        put(&why, pass, context).await;
    }
    ControlFlow::Break(Action::requeue(synced.requeue_after(SYNCED_SOON).unwrap_or(Duration::ZERO)))
}

/// Reports what a pass failed with, if passes have failed so for long enough.
pub async fn report<S: CampaignService>(why: Option<String>, pass: &mut Pass, context: &Context<S>) {
    // No call follows.
    (pass.preparing, pass.asking, pass.seat, pass.work_permit) = (None, None, None, None);
    let failures = context.memory.failures(&pass.uid).saturating_add(1);
    if let Some(why) = why.filter(|_| is_reported_after(failures)) {
        put(&why, pass, context).await;
    }
}

async fn put<S: CampaignService>(why: &str, pass: &Pass, context: &Context<S>) {
    let Some(status) = &pass.object.status else { return };
    let Some(condition) = obstacle::condition(&pass.object, why, Timestamp::now()) else { return };
    obstructed::report(&pass.object, &status.conditions, condition, &context.kube, &context.events).await;
    context.metrics.counters.wrote(Write::Status);
}
