//! What the log keeps of each campaign that is over with: docs/audit.md.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kore_simulator::{Fault, Outcome, When};
use serde_json::{Value, json};
use testbed::wait;

use crate::support::*;

const CONTRACT: &str = include_str!("../../docs/audit.md");
/// Long enough for a proof of absence.
const PROOF: Duration = Duration::from_secs(90);

/// The keys that the contract names, and of which it says that they are always there.
fn documented() -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let rows = CONTRACT.lines().filter(|line| line.starts_with("| `"));
    let cells: Vec<Vec<&str>> = rows.map(|row| row.split(" | ").collect()).collect();
    let keys = |row: &Vec<&'static str>| row[0].split('`').skip(1).step_by(2).collect::<Vec<_>>();
    let always = cells.iter().filter(|row| row[2] == "always");
    (cells.iter().flat_map(keys).collect(), always.flat_map(keys).collect())
}

/// The audit lines in the log, by the resource. Each has the keys of the contract.
fn lines(log: &str) -> BTreeMap<String, Vec<Value>> {
    let (all, always) = documented();
    assert!(all.len() > 14 && always.len() > 5, "{all:?}");
    let of_every_line = ["timestamp", "level", "message", "target", "span"];
    let mut lines: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if line["target"] == "audit" {
            let keys: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
            let unknown: Vec<_> =
                keys.iter().filter(|key| !all.contains(**key) && !of_every_line.contains(key)).collect();
            assert!(unknown.is_empty() && always.iter().all(|key| keys.contains(key)), "{line}");
            lines.entry(line["resource"].as_str().unwrap().to_owned()).or_default().push(line);
        }
    }
    lines
}

/// An auditor finds each campaign that is over with, and what its outcome rests on; and no secret.
#[tokio::test(flavor = "multi_thread")]
async fn each_campaign_that_is_over_with_has_an_audit_line() {
    let world = World::new("audited").await;
    world.kore.seed(world.key("bystander"), &json!({}));
    let operator = world.operator();
    for name in ["deleted", "kept", "stripped"] {
        world.create_found(name);
    }
    world.apply(&world.campaign("ghost", &json!({})));
    world.wait_for_reason("ghost", "CampaignNotFound");
    world.patch_spec("kept", &json!({"deletionPolicy": "Orphan"}));
    for name in ["deleted", "kept", "ghost"] {
        world.delete(name);
    }
    world.patch_spec("stripped", &json!({"suspend": true}));
    world.wait_for_reason("stripped", "Suspended");
    world.delete("stripped");
    world.run(&["patch", "vcamp", "stripped", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    world.wait_until_gone_within("ghost", PROOF);
    let lines = wait::until("each has its line", PATIENCE, || {
        Ok(Some(lines(&operator.output())).filter(|lines| lines.len() == 4))
    })
    .unwrap_or_else(|error| panic!("{error}: {}", operator.output()));
    for (name, outcome) in
        [("deleted", "Deleted"), ("kept", "Orphaned"), ("stripped", "LeftBehind"), ("ghost", "Absent")]
    {
        let of_it = &lines[&format!("audited/{name}")];
        assert_eq!(of_it.len(), 1, "{of_it:?}");
        let line = &of_it[0];
        assert_eq!((&line["outcome"], &line["campaign_id"]), (&json!(outcome), &json!(id(name))), "{line}");
        assert_eq!(line["connection"], "audited/production");
        assert!(line["requested_at"].is_string(), "{line}");
        assert_eq!(line["confirmed_at"].is_string(), outcome != "LeftBehind", "{line}");
    }
    let line = |name: &str| &lines[&format!("audited/{name}")][0];
    assert_eq!((&line("deleted")["attempts"], &line("deleted")["http_status"]), (&json!(1), &json!(200)));
    let listed = line("ghost")["listed_at"].as_str().unwrap().split(' ').count();
    assert_eq!((listed, line("ghost")["not_returned_at"].is_string()), (2, true), "{}", line("ghost"));
    assert!(line("kept")["http_status"].is_null() && line("deleted")["listed_at"].is_null());
    assert!(line("deleted")["account_id"].is_string());
}

/// A DELETE was sent, and its answer lost, before the policy became `Orphan`: nobody claims that the campaign
/// stays in Kore.
#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_to_which_a_delete_was_sent_is_in_doubt() {
    let world = World::new("in-doubt").await;
    let operator = world.operator();
    world.create_found("late");
    world.kore.add_fault(Fault {
        when: When::AfterEffect,
        then: Outcome::Cut,
        ..Fault::answer_delete(None, 200, "")
    });
    world.delete("late");
    world.wait_for("late", "a DELETE has ended", |object| object["status"]["deletion"]["attempts"] == 1);
    world.patch_spec("late", &json!({"deletionPolicy": "Orphan"}));
    world.wait_until_gone("late");
    assert!(!world.in_kore("late"));
    let lines = lines(&operator.output());
    let line = &lines["in-doubt/late"][0];
    assert_eq!(line["outcome"], "Orphaned");
    assert!(line["in_doubt_since"].is_string(), "{line}");
    let event = wait::until("it has its event", PATIENCE, || {
        let said = "jsonpath={range .items[?(@.reason=='Orphaned')]}{.type}: {.message}{end}";
        let said = world.run(&["get", "events", "--output", said]);
        Ok(Some(said).filter(|said| !said.is_empty()))
    })
    .unwrap();
    assert!(event.starts_with("Warning: ") && event.contains("may have deleted the campaign"), "{event}");
}

/// The connection was created again for another account: what is left behind is in the account of the status.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_behind_is_named_with_its_own_account() {
    let world = World::new("left-in-account").await;
    let operator = world.operator();
    world.create_found("moved");
    world.replace_connection("another");
    world.wait_for_reason("moved", "AccountChanged");
    world.delete("moved");
    world.run(&["patch", "vcamp", "moved", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    let lines = wait::until("it has its line", PATIENCE, || {
        Ok(Some(lines(&operator.output())).filter(|lines| !lines.is_empty()))
    })
    .unwrap();
    let line = &lines["left-in-account/moved"][0];
    assert_eq!((&line["outcome"], &line["account_id"]), (&json!("LeftBehind"), &json!(ACCOUNT)), "{line}");
}
