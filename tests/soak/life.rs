//! One object from its creation to its end, as often as the round says.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use serde_json::json;
use tokio::sync::watch;
use voicecampaign_operator::api::VoiceCampaign;
use voicecampaign_operator::campaign::REMOTE_CAMPAIGN;
use voicecampaign_operator::kube_ext::obstacle;

use crate::round::Life;
use crate::world::{World, key, manifest};

const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long somebody waits for the operator to find the campaign.
const UNTIL_FOUND: Duration = Duration::from_secs(10);
/// How long somebody waits who is in no hurry.
#[derive(Clone, Debug)]
pub struct Patience {
    /// So long, from then on and from the last trouble on.
    pub lasts: Duration,
    /// How long an object that is being deleted may wait without saying why; from then on, too.
    pub silence: Duration,
    /// When the last trouble was over, if it is.
    pub end: watch::Receiver<Option<Instant>>,
}

/// Lives, until a life violates something: then it says so.
pub async fn live(world: &World, life: &Life, patience: Patience) -> Option<String> {
    for number in 0..=life.again {
        if let Err(violation) = once(world, life, number, &patience).await {
            return Some(format!("{}: {violation:#}", life.name));
        }
    }
    None
}

/// One life. Fails with what was violated.
async fn once(world: &World, life: &Life, number: usize, patience: &Patience) -> Result<()> {
    let Life { name, tenant, orphan, with_finalizer, until_found, applier, delete_after_ms, again: _ } = life;
    // A DELETE that comes late can't be meant for the next life.
    let of_this_life = format!("{name}-{number}");
    let campaign = key(*tenant, &of_this_life);
    world.kore.seed(campaign.clone(), &json!({}));
    let mut object = manifest(name, &of_this_life, *orphan);
    if *with_finalizer {
        object["metadata"]["finalizers"] = json!([REMOTE_CAMPAIGN.name()]);
    }
    let uid = world.apply(*tenant, applier, &object).await?.uid().unwrap_or_default();
    let seen = || world.seen(*tenant, name, &uid);
    if !with_finalizer {
        let has_it = || seen().is_some_and(|object| REMOTE_CAMPAIGN.is_on(&object.metadata));
        ensure!(patience.sees(has_it).await, "O5: it got no finalizer in time");
    }
    let begun = Instant::now();
    while *until_found && begun.elapsed() < UNTIL_FOUND && !seen().is_some_and(|object| is_found(&object)) {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    tokio::time::sleep(Duration::from_millis(*delete_after_ms)).await;
    ensure!(world.kore.has(&campaign), "O2: the campaign was deleted before anybody asked for it");
    let asked = Instant::now();
    if !orphan {
        world.ask_for(campaign.clone());
    }
    world.delete(*tenant, name, Some(uid.clone())).await?;
    // A watch that lags behind may not have shown the object yet: the API server says whether it is gone.
    while seen().is_some() || !world.is_gone(*tenant, name, &uid).await? {
        let status = || seen().map(|object| serde_json::to_string(&object.status));
        ensure!(!patience.is_over(asked), "O5: it did not come to its end in time: {:?}", status());
        let waits = seen().filter(|object| object.metadata.deletion_timestamp.is_some());
        let says_why = waits.is_none_or(|object| says_why(&object));
        ensure!(
            says_why || !patience.is_late(asked, patience.silence),
            "O8: it does not say why it waits: {:?}",
            status()
        );
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let there = world.kore.has(&campaign);
    ensure!(*orphan || !there, "O1: the object went while Kore had the campaign");
    ensure!(!orphan || there, "O2: the campaign was deleted, although it is an orphan");
    world.kore.remove(&campaign);
    world.is_over(&campaign);
    Ok(())
}

/// Whether its status says why it waits, and not only what was so before.
fn says_why(object: &VoiceCampaign) -> bool {
    let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let waits = |condition: &&Condition| {
        condition.type_ == "Ready" && condition.status == "False" && condition.reason != "Pending"
    };
    conditions.iter().any(|condition| waits(&condition)) || obstacle::is_reported(conditions)
}

fn is_found(object: &VoiceCampaign) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| condition.reason == "CampaignFound")
}

impl Patience {
    /// Waits until something holds; `false` if that takes too long.
    async fn sees(&self, holds: impl Fn() -> bool) -> bool {
        let since = Instant::now();
        while !holds() {
            if self.is_over(since) {
                return false;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        true
    }

    fn is_over(&self, since: Instant) -> bool {
        self.is_late(since, self.lasts)
    }

    /// Whether somebody has waited for longer than that, since then and since the last trouble.
    fn is_late(&self, since: Instant, limit: Duration) -> bool {
        self.end.borrow().is_some_and(|end| end.max(since).elapsed() > limit)
    }
}
