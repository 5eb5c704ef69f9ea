//! What Kore may answer beside the samples of its documents: nothing of it is a dead end, and nothing of it
//! is believed too much.

use std::time::Duration;

use kore_simulator::{Behaviour, Fault, Operation, Outcome, When};
use serde_json::json;

use crate::support::*;

/// Two listings 10 s apart, and what the machine makes of it.
const PROOF: Duration = Duration::from_secs(120);

fn answer(status: u16, body: &str) -> Outcome {
    Outcome::Answer { status, headers: [].into(), body: body.to_owned() }
}

/// R23: each campaign's DELETE takes effect, and is answered with a success that names no campaign: it is
/// looked for at once, and found to be absent. Nobody's DELETE is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_success_without_a_campaign_is_looked_after() {
    let world = World::new("nameless").await;
    let _operator = world.operator();
    world.kore.seed(world.key("bystander"), &json!({}));
    let answers = [
        ("no-content", 204, ""),
        ("reset-content", 205, ""),
        ("empty", 200, ""),
        ("blank", 200, "\n"),
        ("no-data", 200, r#"{"status":"success"}"#),
        ("null", 200, r#"{"status":"success","data":null}"#),
        ("object", 200, r#"{"status":"success","data":{}}"#),
        ("array", 200, r#"{"status":"success","data":[]}"#),
        (
            "first-version",
            200,
            r#"{"status":"Deleted","message":"Campaign Deleted","deletedAt":"2024-05-01"}"#,
        ),
    ];
    for (name, status, body) in answers {
        world.create_found(name);
        let fault = Fault {
            campaign_id: Some(id(name)),
            when: When::AfterEffect,
            then: answer(status, body),
            ..Fault::answer_delete(None, status, "")
        };
        world.kore.add_fault(fault);
    }
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    for (name, ..) in answers {
        world.wait_until_gone_within(name, PROOF);
        assert_eq!(world.deletes(name).len(), 1, "{name}");
    }
    assert_eq!(world.kore.campaigns(), [world.key("bystander")]);
}

/// R23: the same answers, and nothing was deleted: it is seen, and asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_success_without_a_campaign_is_not_believed() {
    let world = World::new("nameless-lie").await;
    let _operator = world.operator();
    for (name, body) in [("empty", ""), ("no-data", r#"{"status":"success"}"#)] {
        world.create_found(name);
        let fault = Fault { campaign_id: Some(id(name)), ..Fault::answer_delete(Some(1), 200, body) };
        world.kore.add_fault(fault);
        world.delete(name);
        world.wait_until_gone_within(name, PROOF);
        assert_eq!(world.deletes(name).len(), 2, "{name}");
        assert!(!world.in_kore(name));
    }
}

/// R24: kore keeps what it has deleted, and says so wherever it is asked; also of all that there is in the
/// stream, whoever deleted it.
#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_kore_returns_as_deleted_is_absent() {
    let world = World::new("kept").await;
    let _operator = world.operator();
    world.create_found("bystander");
    world.create_found("renewal");
    for name in ["bystander", "renewal"] {
        world.kore.seed(world.key(name), &json!({"status": "Deleted"}));
    }
    world.kore.add_fault(Fault::answer_delete(None, 404, r#"{"message":"Campaign not found"}"#));
    world.delete("renewal");
    world.wait_until_gone_within("renewal", PROOF);
    assert!(world.in_kore("renewal"), "its row is still there");
    world.run(&["annotate", "vcamp", "bystander", "voicecampaign.dev/refresh-requested-at=now"]);
    world.wait_for_reason("bystander", "CampaignNotFound");
}

/// R25: an app that may read and not delete: what is missing is said, the connection is not blamed, and once
/// it may, it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_to_delete_is_named() {
    let world = World::new("no-right").await;
    let _operator = world.operator();
    let refusals = [
        ("forbidden", 403, r#"{"message":"Forbidden"}"#),
        ("documented", 400, r#"{"errors":[{"msg":"Unauthorized to perform this activity","code":400}]}"#),
    ];
    for (name, status, body) in refusals {
        world.create_found(name);
        world
            .kore
            .add_fault(Fault { campaign_id: Some(id(name)), ..Fault::answer_delete(None, status, body) });
        world.delete(name);
        let object = world.wait_for_reason(name, "CredentialsRejected");
        let message = ready(&object)["message"].as_str().unwrap();
        assert!(message.contains("the right to delete") && !message.contains("clientSecret"), "{message}");
        assert_eq!(condition(&object, "Stalled")["status"], "True");
    }
    let connection =
        world.run(&["get", "kconn", "production", "--output=jsonpath={.status.conditions[0].reason}"]);
    assert_eq!(connection, "CredentialsAccepted");
    world.kore.clear_faults();
    for (name, ..) in refusals {
        // At most 5 minutes after it was mended.
        world.wait_until_gone_within(name, Duration::from_secs(330));
    }
}

/// R26: a stream of which Kore gives fewer rows per page than it is asked for, and pages of more than 1 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn absence_is_proven_by_pages_of_any_size() {
    let world = World::new("pages").await;
    let _operator = world.operator();
    for number in 0..44 {
        world.kore.seed(world.key(&format!("row{number}")), &json!({"description": "x".repeat(60 * 1024)}));
    }
    world.create_found("renewal");
    world.kore.set_behaviour(Behaviour {
        most_rows: Some(20),
        requests_per_minute: None,
        ..Behaviour::default()
    });
    let lost =
        Fault { when: When::AfterEffect, then: Outcome::Cut, ..Fault::answer_delete(Some(1), 200, "") };
    world.kore.add_fault(lost);
    world.delete("renewal");
    world.wait_until_gone_within("renewal", PROOF);
    assert_eq!(world.kore.campaigns().len(), 44);
    let listings =
        world.kore.journal().into_iter().filter(|entry| entry.operation == Operation::List).count();
    assert!(listings >= 6, "{listings}");
}
