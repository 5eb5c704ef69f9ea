//! Whose deletion it is: other finalizers, cascades, names used again, policies.

use std::time::Duration;

use futures::future::join_all;
use kore_simulator::{Fault, Outcome};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::support::*;

/// A finalizer of somebody else stays, before and after ours has gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_finalizer_is_left_alone() {
    let world = World::new("foreign").await;
    let _operator = world.operator();
    world.kore.seed(world.key("renewal"), &json!({}));
    let mut manifest = world.campaign("renewal", &json!({}));
    manifest["metadata"]["finalizers"] = json!(["example.com/theirs"]);
    world.apply(&manifest);
    let object = world.wait_for_reason("renewal", "CampaignFound");
    assert_eq!(
        object["metadata"]["finalizers"],
        json!(["example.com/theirs", "voicecampaign.dev/remote-campaign"])
    );
    world.delete("renewal");
    let object = world.wait_for("renewal", "ours is off", |object| {
        object["metadata"]["finalizers"] == json!(["example.com/theirs"])
    });
    assert_eq!(object["status"]["deletion"]["outcome"], "Deleted");
    assert!(!world.in_kore("renewal"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.deletes("renewal").len(), 1, "nothing more is sent while the other finalizer holds it");
    world.run(&["patch", "vcamp", "renewal", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    world.wait_until_gone("renewal");
}

/// K16: a foreground deletion puts its own finalizer beside ours.
#[tokio::test(flavor = "multi_thread")]
async fn foreground_deletion_ends_right() {
    let world = World::new("foreground").await;
    let _operator = world.operator();
    world.create_found("renewal");
    world.run(&["delete", "vcamp", "renewal", "--cascade=foreground", "--timeout=60s"]);
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
    assert_eq!(world.deletes("renewal").len(), 1);
}

/// K3: an object that is created under a name that has just become free is a new one: nothing is deleted for
/// it.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_recreated_under_the_same_name_is_not_deleted() {
    let world = World::new("recreated").await;
    let _operator = world.operator();
    world.create_campaign("renewal", &json!({}));
    let old = world.wait_for_reason("renewal", "CampaignFound");
    // The old object is on its way for a while.
    world.kore.add_fault(Fault::delay_delete(Some(1), 1500));
    world.delete("renewal");
    let manifest = world.campaign("renewal", &json!({})).to_string();
    // Create fails while the old one is there; the moment it is gone, the new one is there.
    testbed::wait::until("the name is free", PATIENCE, || {
        let child = std::process::Command::new("sh")
            .args(["-c", "printf %s \"$0\" | \"$@\"", &manifest])
            .arg(world.kubectl.command(&[]).get_program())
            .args(["create", "-f", "-"])
            .env("KUBECONFIG", plane().kubeconfig())
            .output()?;
        Ok(child.status.success().then_some(()))
    })
    .unwrap();
    // Somebody has created the campaign again, too.
    world.kore.seed(world.key("renewal"), &json!({}));
    let new = world.wait_for("renewal", "the new one is cared for", |object| {
        object["metadata"]["uid"] != old["metadata"]["uid"] && ready(object)["reason"].is_string()
    });
    assert!(new["metadata"]["deletionTimestamp"].is_null());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(world.in_kore("renewal"), "the new object's campaign was deleted");
    assert_eq!(world.deletes("renewal").len(), 1);
}

/// The campaign stays, and no request is made for the deletion.
#[tokio::test(flavor = "multi_thread")]
async fn orphan_leaves_the_campaign_alone() {
    let world = World::new("orphan").await;
    let _operator = world.operator();
    world.create_campaign("renewal", &json!({"deletionPolicy": "Orphan"}));
    world.wait_for_reason("renewal", "CampaignFound");
    world.delete("renewal");
    world.wait_until_gone("renewal");
    assert!(world.in_kore("renewal"));
    assert!(world.deletes("renewal").is_empty());
    assert!(world.events("renewal").contains(&"Orphaned".to_owned()));
}

/// `Orphan` may be set while the object is being deleted, and does not wait for the next attempt.
#[tokio::test(flavor = "multi_thread")]
async fn orphan_set_while_terminating_takes_effect_at_once() {
    let world = World::new("orphan-late").await;
    let _operator = world.operator();
    world.create_found("renewal");
    let headers = [("retry-after".to_owned(), "600".to_owned())].into();
    let then = Outcome::Answer { status: 503, headers, body: String::new() };
    world.kore.add_fault(Fault { then, ..Fault::answer_delete(None, 503, "") });
    world.delete("renewal");
    world.wait_for_reason("renewal", "ServiceUnavailable");
    // The next attempt is ten minutes away.
    world.patch_spec("renewal", &json!({"deletionPolicy":"Orphan"}));
    world.wait_until_gone("renewal");
    assert_eq!(world.deletes("renewal").len(), 1);
    assert!(world.in_kore("renewal"));
}

/// `Orphan` for objects whose DELETE waits for a connection: none is sent any more.
#[tokio::test(flavor = "multi_thread")]
async fn orphan_reaches_objects_that_wait_for_a_seat() {
    let world = World::new("orphan-queue").await;
    let _operator = world.operator();
    let names: Vec<String> = (0..40).map(|number| format!("c{number:02}")).collect();
    for name in &names {
        world.create_campaign(name, &json!({}));
    }
    for name in &names {
        world.wait_for_reason(name, "CampaignFound");
    }
    // Sixteen calls are under way at once, when one has worked lately; each takes four seconds: so nothing is
    // written to those in line, which would show them the change.
    world.create_found("before");
    world.delete("before");
    world.wait_until_gone("before");
    world.kore.add_fault(Fault::delay_delete(None, 4000));
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    testbed::wait::until("some are under way", PATIENCE, || {
        Ok((world.kore.journal().iter().filter(|entry| entry.method == "DELETE").count() > 16).then_some(()))
    })
    .unwrap();
    // All at once, as the sixteen take four seconds. One of them may be gone.
    let orphan = Patch::Merge(json!({"spec": {"deletionPolicy": "Orphan"}}));
    let campaigns = world.campaigns().await;
    let parameters = PatchParams::default();
    drop(join_all(names.iter().map(|name| campaigns.patch(name, &parameters, &orphan))).await);
    let patched = jiff::Timestamp::now();
    for name in &names {
        world.wait_until_gone(name);
    }
    let late: Vec<_> = world
        .kore
        .journal()
        .into_iter()
        .filter(|entry| entry.method == "DELETE" && entry.at > patched)
        .collect();
    assert!(late.is_empty(), "{} DELETE requests after the policy was Orphan", late.len());
    assert!(!world.kore.campaigns().is_empty());
}

/// A suspended deletion is held without a call, says so, and goes on when it may.
#[tokio::test(flavor = "multi_thread")]
async fn suspend_holds_a_deletion() {
    let world = World::new("suspend").await;
    let _operator = world.operator();
    world.create_campaign("renewal", &json!({"suspend": true}));
    let object = world.wait_for_reason("renewal", "Suspended");
    assert_eq!(ready(&object)["status"], "Unknown", "nobody has asked Kore");
    world.delete("renewal");
    let object = world
        .wait_for("renewal", "it is held", |object| condition(object, "Stalled")["reason"] == "Suspended");
    assert_eq!(object["status"]["deletion"]["attempts"], 0);
    assert!(world.kore.journal().is_empty());
    world.patch_spec("renewal", &json!({"suspend":false}));
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
}

/// K14: somebody strips the finalizer while a DELETE is on its way. Nothing breaks.
#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_stripped_by_hand_breaks_nothing() {
    let world = World::new("stripped").await;
    let mut operator = world.operator();
    world.create_found("renewal");
    world.kore.add_fault(Fault::delay_delete(Some(1), 2000));
    world.delete("renewal");
    world.wait_for_reason("renewal", "Deleting");
    world.run(&["patch", "vcamp", "renewal", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    world.wait_until_gone("renewal");
    // It still works.
    world.create_found("winback");
    world.delete("winback");
    world.wait_until_gone("winback");
    assert!(operator.terminate().unwrap().success());
    assert!(!operator.output().contains("\"level\":\"ERROR\""), "{}", operator.output());
}
