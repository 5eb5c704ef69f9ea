//! The brake of a connection, when an accident deletes many VoiceCampaigns at once.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::faults::{Action, Kind, Lasting, Nemesis};
use testbed::{Operator, wait};

use crate::namespaces::installed_for_two;
use crate::obstructed::failing;
use crate::proxied::{behind_a_proxy, launch_behind_a_proxy, plan};
use crate::release::RELEASE;
use crate::support::*;

const PATIENCE: Duration = Duration::from_secs(180);

/// 500 deletions at once, and ten an hour may begin: exactly ten campaigns are deleted, also if the process
/// is killed in the middle and again later; the others say so, and go when a person approves them. Nobody is
/// drowned in events.
#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_deletions_ten_begin() {
    let world = World::new("braked").await;
    world.set_brake(10);
    let mut operator = world.operator();
    let names = world.create_campaigns("c", 500);
    wait_for(&world, "all are found", &[("CampaignFound", 500)]);
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    operator.kill();
    let mut operator = world.operator();
    wait_for(&world, "ten are gone, the others are held", &[("MassDeletion", 490)]);
    operator.kill();
    let _operator = world.operator();
    // What it holds is known again, and a look at each of them.
    std::thread::sleep(Duration::from_secs(15));
    assert_eq!(reasons(&world), [("MassDeletion".to_owned(), 490)]);
    let in_kore = names.iter().filter(|name| world.in_kore(name)).count();
    assert_eq!(in_kore, 490);
    let connection = connection(&world);
    assert_eq!(connection["status"]["deletionBrake"]["admitted"].as_array().unwrap().len(), 10);
    let condition = condition(&connection, "DeletionsHeld");
    assert_eq!((&condition["status"], &condition["reason"]), (&json!("True"), &json!("MassDeletion")));
    wait::until("the connection says how many", PATIENCE, || {
        Ok((self::connection(&world)["status"]["deletionBrake"]["held"] == 490).then_some(()))
    })
    .unwrap();

    approve(&world);
    wait_for(&world, "all are gone", &[]);
    assert!(!names.iter().any(|name| world.in_kore(name)));
    wait::until("the connection holds none", PATIENCE, || {
        let connection = self::connection(&world);
        let brake = &connection["status"]["deletionBrake"];
        Ok((brake["held"] == 0 && brake["holdingSince"].is_null()).then_some(()))
    })
    .unwrap();
    let events = world.run(&["get", "events", "--field-selector=reason=MassDeletion", "--output=json"]);
    let events: Value = serde_json::from_str(&events).unwrap();
    let about: Vec<_> = events["items"].as_array().unwrap().iter().collect();
    assert_eq!(about.len(), 1, "{events:#}");
    assert_eq!(
        about[0]["regarding"]["kind"].as_str().or(about[0]["involvedObject"]["kind"].as_str()),
        Some("KoreConnection")
    );
    world.assert_no_violations();
}

/// A namespace that is deleted as a whole: the same. What is set to Orphan goes without a request to Kore,
/// what is suspended waits on.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_goes_is_braked_too() {
    let world = World::new("braked-namespace").await;
    world.set_brake(1);
    let _operator = world.operator();
    let names = world.create_campaigns("c", 5);
    wait_for(&world, "all are found", &[("CampaignFound", 5)]);
    world.run(&["delete", "namespace", &world.namespace, "--wait=false"]);
    wait_for(&world, "one is gone, the others are held", &[("MassDeletion", 4)]);
    let held: Vec<_> = names.iter().filter(|name| world.get(name).is_some()).collect();
    world.patch_spec(held[0], &json!({"deletionPolicy": "Orphan"}));
    world.patch_spec(held[1], &json!({"suspend": true}));
    world.wait_until_gone(held[0]);
    world.wait_for_reason(held[1], "Suspended");
    let told = world.administrator().vcamp(&["approve", "production", "--for", "10m", "--yes"]);
    assert!(told.contains("approved until"), "{told}");
    wait_for(&world, "the approved are gone", &[("Suspended", 1)]);
    assert!(world.in_kore(held[0]) && world.deletes(held[0]).is_empty());
    world.patch_spec(held[1], &json!({"suspend": false}));
    world.wait_until_gone(held[1]);
    wait::until("the namespace is gone", PATIENCE, || {
        Ok(world.try_run(&["get", "namespace", &world.namespace]).is_err().then_some(()))
    })
    .unwrap();
    assert_eq!(names.iter().filter(|name| world.in_kore(name)).count(), 1);
}

/// An approval that is taken back holds those again whose turn has not come.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_is_taken_back_holds_them_again() {
    let world = World::new("braked-again").await;
    world.set_brake(1);
    let _operator = world.operator();
    world.create_campaigns("c", 5);
    wait_for(&world, "all are found", &[("CampaignFound", 5)]);
    // One call a minute: after that of the one that begins, the others wait for theirs.
    let slow = r#"{"spec":{"rateLimit":{"requestsPerMinute":1}}}"#;
    world.run(&["patch", "kconn", "production", "--type=merge", "-p", slow]);
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    wait_for(&world, "one is gone, the others are held", &[("MassDeletion", 4)]);
    approve(&world);
    wait_for(&world, "they wait for their turn", &[("WaitingForQuota", 4)]);
    world.run(&["annotate", "kconn", "production", "voicecampaign.dev/approve-deletions-until-"]);
    wait_for(&world, "they are held again", &[("MassDeletion", 4)]);
}

/// So it does while the watch does not show that it was taken back.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_is_taken_back_behind_a_silent_watch_counts_no_more() {
    let world = World::new("braked-unseen").await;
    world.set_brake(1);
    let (_operator, _proxy, nemesis) = behind_a_proxy(&world);
    world.create_campaigns("c", 3);
    wait_for(&world, "all are found", &[("CampaignFound", 3)]);
    let slow = r#"{"spec":{"rateLimit":{"requestsPerMinute":1}}}"#;
    world.run(&["patch", "kconn", "production", "--type=merge", "-p", slow]);
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    wait_for(&world, "one is gone, the others are held", &[("MassDeletion", 2)]);
    approve(&world);
    wait_for(&world, "they wait for their turn", &[("WaitingForQuota", 2)]);
    nemesis.arm(plan(&[Kind::Watch], Lasting::Times(1), Action::HoldWatch));
    world.run(&["annotate", "kconn", "production", "voicecampaign.dev/approve-deletions-until-"]);
    // Each of them has had its turn by then.
    tokio::time::sleep(Duration::from_secs(130)).await;
    assert_eq!(reasons(&world).iter().map(|(_, count)| count).sum::<usize>(), 2, "{:?}", reasons(&world));
    nemesis.disarm();
    wait_for(&world, "they are held again", &[("MassDeletion", 2)]);
}

/// What the operator must know before it may delete can't be read, while an approval comes and goes: nobody
/// is let through by it.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_lets_nobody_through_who_can_not_go_on() {
    let (world, other, options) = installed_for_two("braked-one", "braked-two").await;
    world.set_brake(1);
    let _operator = Operator::start(&world.plane, &options).unwrap();
    world.create_campaigns("c", 4);
    wait_for(&world, "all are found", &[("CampaignFound", 4)]);
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    wait_for(&world, "one is gone, the others are held", &[("MassDeletion", 3)]);
    // For ten seconds, the operator does not take that for an answer.
    other.run(&["delete", "rolebinding", RELEASE]);
    approve(&world);
    tokio::time::sleep(Duration::from_secs(4)).await;
    world.run(&["annotate", "kconn", "production", "voicecampaign.dev/approve-deletions-until-"]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    wait_for(&world, "they are held again", &[("MassDeletion", 3)]);
}

/// The API server takes no finalizer for the Secret: the brake holds what it has to hold all the same, and
/// lets go what a person approves.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_can_not_be_kept_stops_no_brake() {
    let world = World::new("braked-unkept").await;
    world.set_brake(1);
    let nemesis = Nemesis::new();
    let failed = failing(500, "InternalError", "Internal error occurred: no Secrets today");
    nemesis.arm(plan(&[Kind::SecretFinalizer], Lasting::ForMs(600_000), failed));
    let (mut operator, _proxy) = launch_behind_a_proxy(world.options(), &nemesis);
    operator.wait_until_ready().unwrap();
    world.create_campaigns("c", 3);
    wait_for(&world, "all are found", &[("CampaignFound", 3)]);
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    wait_for(&world, "one is gone, the others are held", &[("MassDeletion", 2)]);
    approve(&world);
    wait_for(&world, "all are gone", &[]);
    assert!(nemesis.effects().iter().any(|seen| seen.injected.is_some()));
    world.assert_no_violations();
}

/// K37: a status of the KoreConnection, held up in the network, arrives after the one that says what the
/// brake has let through. It takes nothing away, and no more deletions begin.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_comes_late_lets_nobody_through() {
    let world = World::new("braked-late").await;
    world.set_brake(1);
    let (_operator, proxy, nemesis) = behind_a_proxy(&world);
    world.create_campaigns("c", 3);
    wait_for(&world, "all are found", &[("CampaignFound", 3)]);
    nemesis.arm(plan(&[Kind::ConnectionStatus], Lasting::Times(1), Action::Delay { ms: 30_000 }));
    world.run(&["patch", "kconn", "production", "--type=merge", "-p", r#"{"spec":{"timeoutSeconds":11}}"#]);
    let late = || nemesis.effects().into_iter().find(|seen| seen.injected.is_some());
    wait::until("the status is held", PATIENCE, || Ok(late())).unwrap();
    proxy.cut_all();
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    wait_for(&world, "one is gone, the others are held", &[("MassDeletion", 2)]);
    assert_eq!(late().and_then(|seen| seen.answer), None, "it has arrived too early");
    wait::until("it arrives", PATIENCE, || Ok(late().and_then(|seen| seen.answer))).unwrap();
    // The operator looks at the connection again.
    world.run(&["annotate", "kconn", "production", "example.com/touched=true"]);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(reasons(&world), [("MassDeletion".to_owned(), 2)]);
    assert_eq!(connection(&world)["status"]["deletionBrake"]["admitted"].as_array().map(Vec::len), Some(1));
}

/// A person who deletes more than the brake lets begin is told before, and the exit code says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_brake_may_hold_is_not_said_to_be_deleted() {
    let world = World::new("braked-plan").await;
    world.set_brake(1);
    let _operator = world.operator();
    world.create_campaigns("c", 4);
    wait_for(&world, "all are found", &[("CampaignFound", 4)]);
    let user = world.administrator();
    let delete = |names: &[&str]| {
        let deleted = user.output(&[&["delete"], names, &["--yes", "--no-wait"]].concat());
        (deleted.status.code(), String::from_utf8_lossy(&deleted.stdout).into_owned())
    };
    let (code, said) = delete(&["c000", "c001", "c002"]);
    assert!(
        said.contains("deleted in Kore, or held by the brake: 3") && said.contains("(1 may begin)"),
        "{said}"
    );
    assert_eq!(code, Some(1), "{said}");
    wait_for(&world, "one is gone", &[("CampaignFound", 1), ("MassDeletion", 2)]);
    let (code, said) = delete(&["c003"]);
    assert!(
        said.contains("held by the brake: 1 (0 may begin)")
            && said.contains("lets no more deletions begin now"),
        "{said}"
    );
    assert_eq!(code, Some(1), "{said}");
    let plan = user.json(&["plan", "namespace", &world.namespace]);
    assert_eq!(plan["items"].as_array().unwrap().len(), 3);
    let said = user.vcamp(&["approve", "production", "--yes"]);
    assert!(said.contains("approved until"), "{said}");
    wait_for(&world, "all are gone", &[]);
}

/// Without an operator, an approval has no effect yet, and the command says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_nobody_takes_is_not_said_to_work() {
    let world = World::new("braked-alone").await;
    world.set_brake(1);
    let approval = world.administrator().output(&["approve", "production", "--yes"]);
    let said = String::from_utf8_lossy(&approval.stderr);
    assert_eq!(approval.status.code(), Some(1), "{said}");
    assert!(said.contains("no operator has taken the approval yet"), "{said}");
    // The annotation that nobody has taken is no approval the second time either.
    let again = world.administrator().output(&["approve", "production", "--yes", "--for", "10s"]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(1), "{said}");
    assert!(said.contains("approved already") && said.contains("no operator has taken"), "{said}");
    let wrong = world.administrator().output(&["orphan", "--not-begun", "prodution"]);
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(said.contains("there is no KoreConnection prodution"), "{said}");
}

fn approve(world: &World) {
    let until = jiff::Timestamp::now() + Duration::from_secs(3600);
    world.run(&[
        "annotate",
        "kconn",
        "production",
        &format!("voicecampaign.dev/approve-deletions-until={until:.0}"),
    ]);
}

fn connection(world: &World) -> Value {
    serde_json::from_str(&world.run(&["get", "kconn", "production", "--output=json"])).unwrap()
}

/// How many VoiceCampaigns there are of each reason.
fn reasons(world: &World) -> Vec<(String, usize)> {
    let list = world.run(&["get", "vcamp", REASONS]);
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    list.lines().for_each(|reason| *counts.entry(reason.to_owned()).or_default() += 1);
    counts.into_iter().collect()
}

fn wait_for(world: &World, what: &str, wanted: &[(&str, usize)]) {
    let found = wait::until(what, PATIENCE, || {
        let reasons = reasons(world);
        let reasons: Vec<_> = reasons.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        Ok((reasons == wanted).then_some(()))
    });
    found.unwrap_or_else(|error| panic!("{error:#}: {:?} {:#}", reasons(world), connection(world)));
}
