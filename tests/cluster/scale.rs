//! A thousand at once.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use kore_simulator::Operation;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::json;
use voicecampaign_operator::api::VoiceCampaign;

use crate::support::*;

const OBJECTS: usize = 1000;

/// Each campaign is deleted exactly once, and all objects go.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_deletions_at_once_delete_each_campaign_once() {
    let world = World::new("thousand").await;
    let _operator = world.operator();
    let campaigns = world.campaigns().await;
    let names: Vec<String> = (0..OBJECTS).map(|number| format!("c{number:04}")).collect();
    for name in &names {
        world.kore.seed(world.key(name), &json!({}));
    }
    let (parameters, api, all) = (PostParams::default(), &campaigns, &world);
    stream::iter(&names)
        .map(|name| async {
            let object: VoiceCampaign = serde_json::from_value(all.campaign(name, &json!({}))).unwrap();
            api.create(&parameters, &object).await
        })
        .buffer_unordered(16)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    // Each has its finalizer before it is deleted; otherwise it would just go (kubernetes#77988 is another matter).
    wait_for_count(&world, "all have the finalizer", |object| object.metadata.finalizers.is_some(), OBJECTS)
        .await;
    campaigns.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    wait_for_count(&world, "all are gone", |_| true, 0).await;

    assert!(world.kore.campaigns().is_empty());
    world.assert_no_violations();
    let mut deletes: HashMap<String, usize> = HashMap::new();
    for entry in world.kore.journal().into_iter().filter(|entry| entry.operation == Operation::Delete) {
        *deletes.entry(entry.campaign_id.unwrap()).or_default() += 1;
    }
    assert_eq!(deletes.len(), OBJECTS);
    assert!(deletes.values().all(|count| *count == 1), "a campaign was deleted more than once");
}

async fn wait_for_count(world: &World, what: &str, wanted: impl Fn(&VoiceCampaign) -> bool, count: usize) {
    let api = world.campaigns().await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(180);
    loop {
        let now = api
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .iter()
            .filter(|object| wanted(object))
            .count();
        if now == count {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{what}: {now} instead of {count}");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}
