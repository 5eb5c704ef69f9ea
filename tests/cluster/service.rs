//! A service that is not there, fails, hangs, or means something else.

use std::time::Duration;

use kore_simulator::{Fault, Operation, Outcome};
use serde_json::json;
use testbed::wait;

use crate::support::*;

/// R1: nobody listens at the host. It is told, and no attempt is recorded as one that may have taken effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_waited_for() {
    let world = World::without_connection("not-there").await;
    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    // A relay that drops every connection stands for a host that is down.
    let relay = testbed::faults::Relay::start(world.kore.address()).unwrap();
    world.create_connection_to(&format!("http://{}", relay.address()));
    let _operator = world.operator();
    world.create_found("renewal");
    drop(relay);
    world.delete("renewal");
    let object = world.wait_for_reason("renewal", "ServiceUnreachable");
    assert!(object["status"]["deletion"]["mayHaveTakenEffectAt"].is_null(), "{object:#}");
    assert!(world.in_kore("renewal") && world.deletes("renewal").is_empty());
}

/// R7: every third answer is a 500. It converges, with no more attempts than the backoff allows.
#[tokio::test(flavor = "multi_thread")]
async fn random_failures_converge() {
    let world = World::new("random").await;
    let _operator = world.operator();
    world.kore.seed(world.key("bystander"), &json!({}));
    let names: Vec<String> = (0..20).map(|number| format!("c{number}")).collect();
    for name in &names {
        world.create_campaign(name, &json!({}));
    }
    for name in &names {
        world.wait_for(name, "it is cared for", |object| object["metadata"]["finalizers"].is_array());
    }
    // Of every three requests one fails, whatever it asks for.
    for _ in 0..12 {
        world.kore.add_fault(Fault { operation: None, ..Fault::answer_delete(Some(1), 500, "{}") });
        world.kore.add_fault(Fault { operation: None, ..Fault::delay_delete(Some(2), 0) });
    }
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    for name in &names {
        world.wait_until_gone_within(name, Duration::from_secs(120));
    }
    assert_eq!(world.kore.campaigns(), [world.key("bystander")]);
    assert!(names.iter().all(|name| world.deletes(name).len() <= 6));
}

/// R8, R9: a call that hangs or drips has its deadline, and others do not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_call_delays_nobody_else() {
    let world = World::without_connection("hanging").await;
    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    world.create_connection(6000, 30);
    let _operator = world.operator();
    for name in ["hangs", "drips", "quick"] {
        world.create_found(name);
    }
    for (name, then) in [("hangs", Outcome::Hang), ("drips", Outcome::Drip(100))] {
        let campaign_id = Some(id(name));
        world.kore.add_fault(Fault { campaign_id, then, ..Fault::answer_delete(Some(1), 200, "") });
        world.delete(name);
    }
    wait::until("both are under way", PATIENCE, || {
        Ok((world.deletes("hangs").len() + world.deletes("drips").len() == 2).then_some(()))
    })
    .unwrap();
    world.delete("quick");
    world.wait_until_gone("quick");
    for name in ["hangs", "drips"] {
        assert_eq!(world.deletes(name).len(), 1, "the quick one waited for the deadline of {name}");
    }
    for name in ["hangs", "drips"] {
        world.wait_until_gone_within(name, PATIENCE * 2);
        assert!(!world.in_kore(name));
    }
}

/// R12: Kore refuses to delete a campaign that runs. What it says is in status, and it is asked again until
/// it is stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_deletion_is_told_and_repeated() {
    let world = World::new("running").await;
    let _operator = world.operator();
    world.create_found("conflict");
    world.create_found("bad-request");
    for (name, status, reason) in
        [("conflict", 409, "RefusedByService"), ("bad-request", 400, "AwaitingProof")]
    {
        let campaign_id = Some(id(name));
        let body = r#"{"errors":[{"msg":"campaign is running","code":1}]}"#;
        world.kore.add_fault(Fault { campaign_id, ..Fault::answer_delete(Some(3), status, body) });
        world.delete(name);
        let object = world.wait_for(name, "Kore's words are told", |object| {
            object["status"]["deletion"]["lastAnswer"]["reason"] == reason
        });
        let message = object["status"]["deletion"]["lastAnswer"]["message"].as_str().unwrap();
        assert!(message.contains("campaign is running"), "{message}");
        assert!(world.in_kore(name), "a campaign that is there is never taken for absent");
    }
    for name in ["conflict", "bad-request"] {
        world.wait_until_gone(name);
        assert_eq!(world.deletes(name).len(), 4);
    }
}

/// R13: a redirect to another host is not followed; the token goes nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_told_and_not_followed() {
    let (world, other) = (World::new("redirect").await, World::without_connection("redirect-other").await);
    let _operator = world.operator();
    world.create_found("renewal");
    let headers = [("location".to_owned(), format!("{}/campaign", other.kore.url()))].into();
    let then = Outcome::Answer { status: 307, headers, body: String::new() };
    world.kore.add_fault(Fault { then, ..Fault::answer_delete(Some(2), 307, "") });
    world.delete("renewal");
    world.wait_for("renewal", "it is told", |object| {
        object["status"]["deletion"]["lastAnswer"]["reason"] == "ContractViolation"
    });
    world.wait_until_gone("renewal");
    assert!(other.kore.journal().is_empty(), "the token went to another host");
}

/// R21: a person has created the campaign again under the same name, with another id. It is not touched.
#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_of_the_same_name_is_not_touched() {
    let world = World::new("same-name").await;
    let _operator = world.operator();
    world.create_found("renewal");
    world.kore.remove(&world.key("renewal"));
    // All of the simulator's campaigns have the same name.
    world.kore.seed(world.key("renewal-2"), &json!({}));
    world.delete("renewal");
    world.wait_until_gone_within("renewal", Duration::from_secs(90));
    assert!(world.in_kore("renewal-2"));
    let deletes = world.kore.journal().into_iter().filter(|entry| entry.operation == Operation::Delete);
    assert!(deletes.into_iter().all(|entry| entry.campaign_id.as_deref() == Some(id("renewal").as_str())));
}
