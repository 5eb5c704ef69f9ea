//! Living campaigns are kept in view by listings.

use std::time::Duration;

use kore_simulator::{Fault, Operation};
use serde_json::json;
use testbed::operator;

use crate::support::*;

fn calls(world: &World, operation: Operation) -> usize {
    world.kore.journal().iter().filter(|entry| entry.operation == operation).count()
}

/// K21: one call serves a page of campaigns; and once all is said, nothing is written.
#[tokio::test(flavor = "multi_thread")]
async fn many_campaigns_are_observed_by_few_listings() {
    let world = World::new("observed").await;
    let names: Vec<String> = (0..60).map(|number| format!("c{number:02}")).collect();
    for name in &names {
        world.create_campaign(name, &json!({}));
    }
    let _operator = world.operator();
    for name in &names {
        world.wait_for_reason(name, "CampaignFound");
    }
    // 60 campaigns are two pages.
    assert!(calls(&world, Operation::List) <= 4, "{} listings", calls(&world, Operation::List));
    assert_eq!(calls(&world, Operation::Get), 0);
    let writes = || {
        let ours = |request: &&testbed::audit::Request| {
            request.user == operator::user() && request.namespace == "observed" && request.verb == "patch"
        };
        plane().requests().unwrap().iter().filter(ours).count()
    };
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = writes();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(writes(), before, "nothing has changed, and something is written");
}

/// A user asks for a look now, and sees that it has been made. A campaign that has vanished is told, and
/// nothing follows.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_answered_and_a_vanished_campaign_is_told() {
    let world = World::new("refresh").await;
    let _operator = world.operator();
    world.kore.seed(world.key("bystander"), &json!({}));
    world.create_found("renewal");
    let refresh = |value: &str| {
        let annotation = format!("voicecampaign.dev/refresh-requested-at={value}");
        world.run(&["annotate", "vcamp", "renewal", "--overwrite", &annotation]);
        world.wait_for("renewal", "the refresh is answered", |object| {
            object["status"]["lastHandledRefreshAt"] == value
        })
    };
    world.kore.seed(world.key("renewal"), &json!({"status": "Active"}));
    let object = refresh("2026-11-23T10:00:00Z");
    assert_eq!(object["status"]["campaign"]["status"], "Active");
    assert!(object["status"]["campaign"]["dialingStrategy"].is_object(), "a GET returns all of it");

    world.kore.remove(&world.key("renewal"));
    let object = refresh("2026-11-23T10:05:00Z");
    assert_eq!(
        (&ready(&object)["status"], &ready(&object)["reason"]),
        (&json!("False"), &json!("CampaignNotFound"))
    );
    assert_eq!(object["status"]["campaign"]["status"], "Active", "what it was is kept");
    assert!(world.events("renewal").contains(&"CampaignNotFound".to_owned()));
    assert_eq!(calls(&world, Operation::Delete), 0);

    // A service that fails makes it unknown, and the question is answered all the same.
    world.kore.add_fault(Fault { operation: Some(Operation::Get), ..Fault::answer_delete(Some(1), 503, "") });
    let object = refresh("2026-11-23T10:10:00Z");
    assert_eq!(ready(&object)["status"], "Unknown");
}

/// After a restart one listing tells of all: what has vanished meanwhile, and what has changed.
#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_operator_was_away_is_told() {
    let world = World::new("away").await;
    let mut operator = world.operator();
    for name in ["vanished", "changed", "same"] {
        world.create_found(name);
    }
    operator.kill();
    world.kore.remove(&world.key("vanished"));
    world.kore.seed(world.key("changed"), &json!({"status": "Paused"}));
    let before = (calls(&world, Operation::List), calls(&world, Operation::Get));
    let _restarted = world.operator();
    world.wait_for_reason("vanished", "CampaignNotFound");
    world.wait_for("changed", "its new state", |object| object["status"]["campaign"]["status"] == "Paused");
    assert_eq!(ready(&world.get("same").unwrap())["reason"], "CampaignFound");
    assert!(calls(&world, Operation::List) - before.0 <= 2);
    assert_eq!(calls(&world, Operation::Get), before.1);
}

/// A campaign was deleted, and its manifest applied again: what a listing has shown before that says nothing
/// of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_applied_again_is_looked_at_anew() {
    let world = World::new("again").await;
    let _operator = world.operator();
    world.kore.seed(world.key("bystander"), &json!({}));
    world.create_found("renewal");
    world.delete("renewal");
    world.wait_until_gone("renewal");
    let before = calls(&world, Operation::List) + calls(&world, Operation::Get);
    world.apply(&world.campaign("renewal", &json!({})));
    let told = world.wait_for("renewal", "it is told", |object| {
        !["Pending", ""].contains(&ready(object)["reason"].as_str().unwrap_or_default())
    });
    assert_eq!(ready(&told)["reason"], "CampaignNotFound");
    assert!(calls(&world, Operation::List) + calls(&world, Operation::Get) > before, "it was asked for");
}

/// Objects that are created while every call is refused are not known to be there, whatever was listed
/// before.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_unknown() {
    let world = World::new("unasked").await;
    let _operator = world.operator();
    world.kore.seed(world.key("late"), &json!({}));
    world.create_found("early");
    world.kore.add_fault(Fault { operation: None, ..Fault::answer_delete(None, 401, "") });
    world.apply(&world.campaign("late", &json!({})));
    let told = world.wait_for("late", "it is told", |object| {
        !["Pending", ""].contains(&ready(object)["reason"].as_str().unwrap_or_default())
    });
    assert_eq!(ready(&told)["status"], "Unknown");
}
