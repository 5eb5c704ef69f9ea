//! What becomes of a VoiceCampaign that is deleted.

use std::time::Duration;

use futures::StreamExt;
use kore_simulator::Fault;
use kube::runtime::{WatchStreamExt, watcher};
use testbed::operator;
use voicecampaign_operator::api::{DeletionOutcome, VoiceCampaign};

use crate::support::*;

/// The main job: one DELETE, two writes, and a watcher sees the outcome before the object is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_voicecampaign_deletes_the_campaign() {
    let world = World::new("happy").await;
    let _operator = world.operator();
    world.create_found("renewal");

    let mut seen = Box::pin(watcher(world.campaigns().await, watcher::Config::default()).default_backoff());
    let watching = tokio::spawn(async move {
        let mut statuses: Vec<VoiceCampaign> = Vec::new();
        while let Some(event) = seen.next().await {
            match event.unwrap() {
                watcher::Event::Apply(object) => statuses.push(object),
                watcher::Event::Delete(_) => return statuses,
                _ => {}
            }
        }
        statuses
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = plane().requests().unwrap().len();
    world.delete("renewal");
    world.wait_until_gone("renewal");

    assert!(!world.in_kore("renewal"));
    assert_eq!(world.deletes("renewal").len(), 1);
    let statuses = watching.await.unwrap();
    let last = statuses.last().unwrap().status.clone().unwrap();
    let deletion = last.deletion.unwrap();
    assert_eq!(deletion.outcome, Some(DeletionOutcome::Deleted));
    assert_eq!(deletion.attempts, 1);
    assert!(deletion.confirmed_at.is_some());
    let answer = deletion.last_answer.unwrap();
    assert_eq!((answer.http_status, answer.status.as_deref()), (Some(200), Some("success")));
    let campaign = last.campaign.unwrap();
    assert_eq!(campaign.status.as_deref(), Some("Ready"));
    assert_eq!(campaign.dialing_strategy.unwrap().calling_hours.unwrap().days.len(), 5);

    // The log may lag behind by a moment; and nothing more may come.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let requests = plane().requests().unwrap();
    let ours: Vec<_> = requests[before..]
        .iter()
        .filter(|request| request.user == operator::user() && request.namespace == "happy")
        // The connection follows in its own time: one campaign less, and perhaps nobody needs it any more.
        .filter(|request| {
            !["secrets", "koreconnections"].contains(&request.resource.as_str())
                && !["list", "watch"].contains(&request.verb.as_str())
        })
        .map(|request| {
            (request.verb.as_str(), request.resource.as_str(), request.subresource.as_str(), request.code)
        })
        .collect();
    assert_eq!(ours, [("patch", "voicecampaigns", "status", 200), ("patch", "voicecampaigns", "", 200)]);
}

/// Two failures: attempts, the next time and the reason are there to be seen, and it goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_service_is_asked_again_until_it_confirms() {
    let world = World::new("failing").await;
    let _operator = world.operator();
    world.create_found("renewal");
    world.kore.add_fault(Fault::answer_delete(Some(2), 503, r#"{"message":"try later"}"#));
    world.delete("renewal");
    let object = world.wait_for_reason("renewal", "ServiceUnavailable");
    assert_eq!(ready(&object)["status"], "False");
    assert_eq!(condition(&object, "Reconciling")["status"], "True");
    let deletion = &object["status"]["deletion"];
    assert!(deletion["attempts"].as_i64().unwrap() >= 1);
    assert!(deletion["nextAttemptAt"].is_string());
    assert_eq!(deletion["lastAnswer"]["httpStatus"], 503);
    assert_eq!(object["status"]["observedGeneration"], object["metadata"]["generation"]);
    world.wait_until_gone("renewal");
    assert_eq!(world.deletes("renewal").len(), 3);
    world.assert_no_violations();
    assert!(world.events("renewal").contains(&"ServiceUnavailable".to_owned()));
}
