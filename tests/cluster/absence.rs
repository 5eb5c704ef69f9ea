//! "No such campaign" is proven, not believed.

use std::time::Duration;

use kore_simulator::{Behaviour, DeletionMode, Entry, Fault, Operation, Outcome, When};
use serde_json::{Value, json};
use testbed::wait;
use voicecampaign_operator::api::DeletionOutcome;

use crate::support::*;

/// Long enough for a proof that begins again once.
const PROOF: Duration = Duration::from_secs(90);

/// A world whose stream holds a campaign that stays, so that it is never empty.
async fn world(name: &str) -> World {
    let world = World::new(name).await;
    world.kore.seed(world.key("bystander"), &json!({}));
    world
}

fn behaviour() -> Behaviour {
    Behaviour { requests_per_minute: None, ..Behaviour::default() }
}

/// The requests about one campaign and all listings, in their order.
fn asked(world: &World, name: &str) -> Vec<Entry> {
    let about = |entry: &Entry| {
        entry.operation == Operation::List || entry.campaign_id.as_deref() == Some(id(name).as_str())
    };
    world.kore.journal().into_iter().filter(about).collect()
}

/// Two complete listings without the campaign, 10 s apart and after its last DELETE and a GET, are in the
/// journal.
fn assert_proven(world: &World, name: &str) {
    let asked = asked(world, name);
    let deleted = asked.iter().rposition(|entry| entry.operation == Operation::Delete).unwrap();
    let reads: Vec<_> = asked[deleted + 1..].iter().filter(|entry| entry.answer.is_some()).collect();
    assert_eq!(reads[0].operation, Operation::Get, "{reads:#?}");
    let listings: Vec<_> = reads
        .iter()
        .filter(|entry| entry.operation == Operation::List && entry.answer == Some(200))
        .collect();
    let (first, last) = (listings.first().unwrap(), listings.last().unwrap());
    assert!(last.at.duration_since(first.at).as_secs() >= 10, "{listings:#?}");
}

/// A campaign that never was in Kore: reported while the object lives; let go as absent, with the proof in
/// status.
#[tokio::test(flavor = "multi_thread")]
async fn an_absent_campaign_is_let_go_with_its_proof() {
    let world = world("absent").await;
    let _operator = world.operator();
    world.apply(&world.campaign("ghost", &json!({})));
    let object = world.wait_for_reason("ghost", "CampaignNotFound");
    assert_eq!(ready(&object)["status"], "False");
    let record = world.last_record().await;
    world.delete("ghost");
    let object = world.wait_for_reason("ghost", "AwaitingProof");
    assert_eq!(condition(&object, "Reconciling")["status"], "True");
    world.wait_until_gone_within("ghost", PROOF);
    let record = record.await.unwrap();
    assert_eq!((record.outcome, record.attempts), (Some(DeletionOutcome::Absent), 1));
    let proof = record.proof.unwrap();
    let (first, second) = (proof.first_listing.unwrap(), proof.second_listing.unwrap());
    assert!(proof.not_returned_at.unwrap() >= proof.answered_at);
    assert!(first.begun_at >= proof.answered_at);
    assert!(second.begun_at.0.duration_since(first.ended_at.0).as_secs() >= 10);
    assert_eq!((first.campaigns, second.campaigns), (1, 1));
    assert_proven(&world, "ghost");
    assert!(world.events("ghost").contains(&"Absent".to_owned()));
    world.assert_no_violations();
}

/// R2, K27: the campaign is deleted, the answer lost, the operator killed. It ends as absent, and is no
/// failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_ends_as_absent_after_kill_9() {
    let world = world("lost-answer").await;
    let mut operator = world.operator();
    world.create_found("renewal");
    let lost =
        Fault { when: When::AfterEffect, then: Outcome::Hang, ..Fault::answer_delete(Some(1), 200, "") };
    world.kore.add_fault(lost);
    let record = world.last_record().await;
    world.delete("renewal");
    world.wait_for_reason("renewal", "Deleting");
    assert!(!world.in_kore("renewal"));
    operator.kill();
    let _restarted = world.operator();
    world.wait_until_gone_within("renewal", PROOF);
    let record = record.await.unwrap();
    assert_eq!(record.outcome, Some(DeletionOutcome::Absent));
    assert!(record.proof.unwrap().second_listing.is_some());
    assert_eq!(world.deletes("renewal").len(), 2);
    assert!(world.in_kore("bystander"));
    assert_proven(&world, "renewal");
}

/// K27: a proof that is half-way when the operator is killed goes on where it was: no third DELETE, no second
/// first listing.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_survives_kill_9() {
    let world = world("half-proven").await;
    let mut operator = world.operator();
    world.apply(&world.campaign("ghost", &json!({})));
    world.wait_for_reason("ghost", "CampaignNotFound");
    let record = world.last_record().await;
    world.delete("ghost");
    let half = world.wait_for("ghost", "the first listing is recorded", |object| {
        object["status"]["deletion"]["proof"]["firstListing"].is_object()
    });
    operator.kill();
    let _restarted = world.operator();
    world.wait_until_gone_within("ghost", PROOF);
    let proof = serde_json::to_value(record.await.unwrap().proof).unwrap();
    assert_eq!(proof["firstListing"], half["status"]["deletion"]["proof"]["firstListing"]);
    assert_eq!(world.deletes("ghost").len(), 1);
}

/// The account fails while a proof needs it: that is written once, not again and again.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_in_the_middle_of_a_proof_is_told_once() {
    let world = world("outage-in-proof").await;
    let _operator = world.operator();
    world.apply(&world.campaign("ghost", &json!({})));
    world.wait_for_reason("ghost", "CampaignNotFound");
    // Listings, too: while those work, the account is in no trouble.
    for operation in [Operation::Get, Operation::List] {
        world.kore.add_fault(Fault {
            operation: Some(operation),
            ..Fault::answer_delete(None, 503, r#"{"message":"maintenance"}"#)
        });
    }
    world.delete("ghost");
    world.wait_for_reason("ghost", "AccountUnavailable");
    let before = world.status_writes();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let writes = world.status_writes() - before;
    assert!(writes <= 4, "{writes} writes in 4 s");
    world.kore.clear_faults();
    world.wait_until_gone_within("ghost", 2 * PROOF);
}

/// R10, R11: a gateway that answers 404 to everything, in HTML or in JSON, for a minute. Nothing is believed;
/// after it the campaign is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_answers_404_to_everything_proves_nothing() {
    for (name, body) in
        [("html", "<html><h1>404 Not Found</h1></html>"), ("json", r#"{"message":"no such route"}"#)]
    {
        let world = world(&format!("gateway-{name}")).await;
        let _operator = world.operator();
        world.create_found("renewal");
        world.kore.add_fault(Fault { operation: None, ..Fault::answer_delete(None, 404, body) });
        world.delete("renewal");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let object = world.get("renewal").unwrap();
        assert!(object["status"]["deletion"]["outcome"].is_null(), "{object:#}");
        assert!(object["metadata"]["finalizers"].to_string().contains("remote-campaign"));
        assert_eq!(object["status"]["deletion"]["lastAnswer"]["httpStatus"], 404);
        assert!(world.in_kore("renewal") && world.in_kore("bystander"));
        world.kore.clear_faults();
        world.wait_until_gone_within("renewal", Duration::from_secs(400));
        assert!(!world.in_kore("renewal") && world.in_kore("bystander"));
    }
}

/// R10: the app loses its access and is shown an empty stream, while a campaign that nobody names is in it.
/// That is told as what needs a person, and not believed, after a restart neither; when the policy says so,
/// the resource goes.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_lost_its_access_is_not_believed() {
    let world = world("masked").await;
    let mut operator = world.operator();
    world.create_found("renewal");
    let kept = || {
        let connection =
            world.kubectl.get("koreconnection", &world.namespace, "production").unwrap().unwrap();
        connection["status"]["streams"].clone()
    };
    wait::until("the bystander is in status", PATIENCE, || {
        Ok(kept()[0]["othersSeenAt"].is_string().then_some(()))
    })
    .unwrap();
    assert_eq!(kept()[0]["streamId"], STREAM);
    operator.kill();
    world.kore.set_behaviour(Behaviour { masked: true, ..behaviour() });
    world.delete("renewal");
    let _restarted = world.operator();
    let object = world.wait_for_reason("renewal", "StreamSuddenlyEmpty");
    assert_eq!(condition(&object, "Stalled")["status"], "True");
    let proof = &object["status"]["deletion"]["proof"];
    assert_eq!(
        (&proof["firstListing"], &proof["doubtedListing"]["suddenlyEmpty"]),
        (&Value::Null, &json!(true))
    );
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let wait = time(&object["status"]["deletion"]["nextAttemptAt"])
        .duration_since(time(&proof["doubtedListing"]["endedAt"]));
    assert_eq!(wait.as_secs(), 300);
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(world.in_kore("renewal"));
    assert_eq!(ready(&world.get("renewal").unwrap())["reason"], "StreamSuddenlyEmpty");
    assert!(world.events("renewal").contains(&"StreamSuddenlyEmpty".to_owned()));
    world.patch_spec("renewal", &json!({"deletionPolicy": "Orphan"}));
    world.wait_until_gone("renewal");
}

/// A stream that is deleted as a whole is empty, and nobody is missing whom nobody asked to delete: the plain
/// proof counts, also when the leader is killed in the middle, and the answers to the last DELETEs are lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_deleted_as_a_whole_is_not_doubted() {
    let world = World::new("whole-stream").await;
    let names: Vec<String> = (0..12).map(|number| format!("c-{number}")).collect();
    names.iter().for_each(|name| world.create_campaign(name, &json!({})));
    // Only now: a listing that shows a campaign before its object is there tells of one that nobody asked to
    // delete.
    let mut operator = world.operator();
    names.iter().for_each(|name| drop(world.wait_for_reason(name, "CampaignFound")));
    for name in &names[6..] {
        let campaign_id = Some(id(name));
        let then = Outcome::Hang;
        let lost =
            Fault { campaign_id, when: When::AfterEffect, then, ..Fault::answer_delete(Some(1), 200, "") };
        world.kore.add_fault(lost);
    }
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    wait::until("all are deleted in Kore", PATIENCE, || Ok(world.kore.campaigns().is_empty().then_some(())))
        .unwrap();
    operator.kill();
    let _restarted = world.operator();
    names.iter().for_each(|name| world.wait_until_gone_within(name, PROOF));
}

/// What the service may answer for ever about a campaign that is gone: 500 to each DELETE. The deletion
/// begins to look by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_has_no_dead_end() {
    let world = world("no-dead-end").await;
    let _operator = world.operator();
    world.create_found("deletes-fail");
    world.kore.add_fault(Fault { when: When::AfterEffect, ..Fault::answer_delete(None, 500, "{}") });
    let record = world.last_record().await;
    world.delete("deletes-fail");
    world.wait_until_gone_within("deletes-fail", 2 * PROOF);
    assert_eq!(record.await.unwrap().outcome, Some(DeletionOutcome::Absent));
    assert!((2..=4).contains(&world.deletes("deletes-fail").len()), "it is looked for after a few");
    assert_proven(&world, "deletes-fail");
}

/// Kore answers everything about the last campaign of a stream with nothing: that proves nothing, is told,
/// and is not the end.
#[tokio::test(flavor = "multi_thread")]
async fn who_answers_everything_with_nothing_is_asked_again() {
    let world = World::new("answers-nothing").await;
    let _operator = world.operator();
    world.create_found("last");
    let nothing = || Fault::answer_delete(None, 204, "");
    world.kore.add_fault(Fault { when: When::AfterEffect, ..nothing() });
    for operation in [Operation::Get, Operation::List] {
        world.kore.add_fault(Fault { operation: Some(operation), ..nothing() });
    }
    world.delete("last");
    world.wait_for("last", "it is told that listings say nothing", |object| {
        ready(object)["message"].as_str().is_some_and(|said| said.contains("no rows"))
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(world.get("last").is_some());
    world.kore.clear_faults();
    world.wait_until_gone_within("last", 2 * PROOF);
}

/// A GET says nothing about a campaign that is gone, for ever: three listings over five minutes carry the
/// proof.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-long"]
async fn listings_carry_a_proof_over_a_longer_time() {
    let world = world("says-nothing").await;
    let _operator = world.operator();
    world.create_found("reads-say-nothing");
    let campaign_id = Some(id("reads-say-nothing"));
    let lost = Fault::answer_delete(None, 500, "{}");
    world.kore.add_fault(Fault { campaign_id: campaign_id.clone(), when: When::AfterEffect, ..lost });
    let silent = Fault::answer_delete(None, 404, "<html>404</html>");
    world.kore.add_fault(Fault { operation: Some(Operation::Get), campaign_id, ..silent });
    let record = world.last_record().await;
    world.delete("reads-say-nothing");
    let object = world.wait_for("reads-say-nothing", "a first listing without a GET", |object| {
        object["status"]["deletion"]["proof"]["firstListing"].is_object()
    });
    assert!(ready(&object)["message"].as_str().unwrap().contains("without a clear answer"), "{object:#}");
    world.wait_until_gone_within("reads-say-nothing", Duration::from_secs(420));
    let proof = record.await.unwrap().proof.unwrap();
    let (first, third) = (proof.first_listing.unwrap(), proof.third_listing.unwrap());
    assert!(third.begun_at.0.duration_since(first.ended_at.0).as_secs() >= 300);
}

/// R12: Kore answers "cannot be deleted" with 200, and shows the campaign each time: that is a refusal, and a
/// Warning.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_an_answer_of_success_is_told_as_one() {
    let world = world("cannot").await;
    let _operator = world.operator();
    world.create_found("renewal");
    let body = r#"{"status":"failure","message":"The campaign cannot be deleted"}"#;
    world.kore.add_fault(Fault::answer_delete(None, 200, body));
    world.delete("renewal");
    let object = world.wait_for("renewal", "it is told as a refusal", |object| {
        ready(object)["reason"] == "RefusedByService"
            && object["status"]["deletion"]["attempts"].as_i64() >= Some(2)
    });
    let message = ready(&object)["message"].as_str().unwrap();
    assert!(
        message.contains("Kore refuses to delete the campaign: HTTP 200, The campaign cannot be deleted"),
        "{message}"
    );
    let events: Value = serde_json::from_str(&world.run(&["get", "events", "--output=json"])).unwrap();
    let refused = |event: &&Value| event["reason"] == "RefusedByService" && event["type"] == "Warning";
    assert!(events["items"].as_array().unwrap().iter().any(|event| refused(&event)), "{events:#}");
    world.kore.clear_faults();
    world.wait_until_gone_within("renewal", PROOF);
}

/// R3: 202 now, deleted later. R4: 202, and never deleted: it is asked again and again, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_deletion_is_looked_after_until_the_campaign_is_gone() {
    let world = world("accepted").await;
    let _operator = world.operator();
    world.create_found("later");
    world.kore.set_behaviour(Behaviour {
        deletion: DeletionMode::Accepted { after_ms: Some(3000) },
        ..behaviour()
    });
    let record = world.last_record().await;
    world.delete("later");
    world.wait_for_reason("later", "DeletionAccepted");
    world.wait_until_gone_within("later", PROOF);
    assert_eq!(record.await.unwrap().outcome, Some(DeletionOutcome::Absent));
    assert_proven(&world, "later");

    world.create_campaign("never", &json!({}));
    world
        .kore
        .set_behaviour(Behaviour { deletion: DeletionMode::Accepted { after_ms: None }, ..behaviour() });
    world.wait_for("never", "it is cared for", |object| ready(object)["reason"] == "CampaignFound");
    world.delete("never");
    let object = world.wait_for("never", "three attempts", |object| {
        object["status"]["deletion"]["attempts"].as_i64() >= Some(3)
    });
    assert!(object["status"]["deletion"]["seenAt"].is_string(), "{object:#}");
    assert!(world.in_kore("never"));
    world.patch_spec("never", &json!({"deletionPolicy": "Orphan"}));
    world.wait_until_gone("never");
}

/// R5: reads show the campaign for a while after it is gone. R19: pages that do not add up. Both end the
/// same.
#[tokio::test(flavor = "multi_thread")]
async fn reads_that_lag_behind_or_do_not_add_up_are_read_again() {
    let world = world("lagging").await;
    let _operator = world.operator();
    world.create_found("lingering");
    world.kore.set_behaviour(Behaviour { lingering_ms: 6000, ..behaviour() });
    let lost =
        Fault { when: When::AfterEffect, then: Outcome::Cut, ..Fault::answer_delete(Some(1), 200, "") };
    world.kore.add_fault(lost);
    world.delete("lingering");
    world.wait_for("lingering", "Kore still shows it", |object| {
        object["status"]["deletion"]["seenAt"].is_string()
    });
    world.wait_until_gone_within("lingering", PROOF);
    assert_proven(&world, "lingering");

    world.kore.set_behaviour(Behaviour { torn_listings: true, ..behaviour() });
    world.apply(&world.campaign("torn", &json!({})));
    world.wait_for_reason("torn", "CampaignNotFound");
    world.delete("torn");
    world.wait_for_reason("torn", "ListingIncomplete");
    tokio::time::sleep(Duration::from_secs(12)).await;
    let object = world.get("torn").unwrap();
    assert!(object["status"]["deletion"]["proof"]["firstListing"].is_null(), "{object:#}");
    world.kore.set_behaviour(behaviour());
    world.wait_until_gone_within("torn", PROOF);
}
