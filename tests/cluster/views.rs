//! Views of the cluster that lag or lie: the watch is late or old; others write at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kore_simulator::Fault;
use serde_json::json;
use testbed::faults::{Action, Kind, Lasting};
use testbed::{SecondApiServer, wait};
use voicecampaign_operator::api::DeletionOutcome;

use crate::proxied::{behind_a_proxy, plan};
use crate::support::*;

/// K1: the watch is silent while the deletion is done. The cache still shows the object as it was; nothing is
/// repeated.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_lags_behind_repeats_nothing() {
    let world = World::new("lagging-cache").await;
    let (operator, _proxy, nemesis) = behind_a_proxy(&world);
    world.create_found("renewal");
    nemesis.arm(plan(&[Kind::Status], Lasting::ForMs(6000), Action::HoldWatch));
    world.delete("renewal");
    world.wait_until_gone("renewal");
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(world.deletes("renewal").len(), 1);
    let writes = nemesis.effects().iter().filter(|seen| seen.kind == Kind::Status).count();
    // That it begins, that it is done; and that Kore takes its time, if it does.
    assert!(writes <= 3, "{:?}\n{}", nemesis.effects(), operator.output());
    assert!(
        !operator.output().contains("may still call people"),
        "a campaign that is gone is not left behind"
    );
}

/// K3: the watch is silent while the object is stripped, deleted and created again. Nothing is deleted for
/// the new one.
#[tokio::test(flavor = "multi_thread")]
async fn missed_events_do_not_delete_the_new_objects_campaign() {
    let world = World::new("missed").await;
    let (_operator, _proxy, nemesis) = behind_a_proxy(&world);
    let old = world.create_found("renewal");
    nemesis.arm(plan(&[Kind::Watch], Lasting::Times(1), Action::HoldWatch));
    world.delete("renewal");
    world.run(&["patch", "vcamp", "renewal", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    world.wait_until_gone("renewal");
    world.apply(&world.campaign("renewal", &json!({})));
    tokio::time::sleep(Duration::from_secs(5)).await;
    nemesis.disarm();
    let new = world.wait_for_reason("renewal", "CampaignFound");
    assert_ne!(new["metadata"]["uid"], old["metadata"]["uid"]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(world.in_kore("renewal") && world.deletes("renewal").is_empty());
}

/// K2: two API servers; the operator is moved to one whose view is of the past, when an object of the same
/// name was being deleted. Nothing is deleted for the object that is there now.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_the_past_deletes_nothing() {
    let world = World::new("past").await;
    let (_operator, proxy, _nemesis) = behind_a_proxy(&world);
    let second = SecondApiServer::beside(plane()).unwrap();
    let old = world.create_found("renewal");
    world.kore.add_fault(Fault::answer_delete(None, 503, ""));
    world.delete("renewal");
    world.wait_for_reason("renewal", "ServiceUnavailable");
    // The second server has seen that much, and sees no more.
    wait::until("the second server shows the deletion", PATIENCE, || {
        let shown = second.kubectl()?.get("vcamp", &world.namespace, "renewal")?;
        Ok(shown.filter(|object| object["metadata"]["deletionTimestamp"].is_string()))
    })
    .unwrap();
    second.relay().freeze();
    world.kore.clear_faults();
    world.wait_until_gone("renewal");
    let deletes = world.deletes("renewal").len();
    world.create_campaign("renewal", &json!({}));
    let new = world.wait_for_reason("renewal", "CampaignFound");
    assert_ne!(new["metadata"]["uid"], old["metadata"]["uid"]);

    proxy.switch_to(second.url());
    proxy.cut_all();
    tokio::time::sleep(Duration::from_secs(15)).await;
    second.relay().thaw();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(world.in_kore("renewal"), "the campaign of the new object was deleted");
    assert_eq!(world.deletes("renewal").len(), deletes);
    // And it goes on with what is there.
    world.delete("renewal");
    world.wait_until_gone_within("renewal", Duration::from_secs(120));
    assert!(!world.in_kore("renewal"));
}

/// K4, K15: somebody writes the status, and moves finalizers, all the time. Ours goes all the same, and
/// theirs stay.
#[tokio::test(flavor = "multi_thread")]
async fn busy_writers_do_not_hold_a_deletion_up() {
    let world = Arc::new(World::new("busy").await);
    let _operator = world.operator();
    world.create_found("renewal");
    let stop = Arc::new(AtomicBool::new(false));
    let campaigns = world.campaigns().await;
    let scribbler = {
        let (stop, campaigns) = (stop.clone(), campaigns.clone());
        tokio::spawn(async move {
            use kube::api::{Patch, PatchParams};
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                count += 1;
                let note = json!({"metadata": {"annotations": {"example.com/count": count.to_string()}}});
                let _ = campaigns.patch("renewal", &PatchParams::default(), &Patch::Merge(&note)).await;
                let status = json!({"status": {"lastHandledRefreshAt": count.to_string()}});
                let _ =
                    campaigns.patch_status("renewal", &PatchParams::default(), &Patch::Merge(&status)).await;
                // Before and behind ours, in turns.
                let theirs =
                    [json!({"op": "add", "path": "/metadata/finalizers/0", "value": "example.com/theirs"})];
                let theirs: json_patch::Patch = serde_json::from_value(json!(theirs)).unwrap();
                let _ = campaigns.patch("renewal", &PatchParams::default(), &Patch::Json::<()>(theirs)).await;
                let gone = [
                    json!({"op": "test", "path": "/metadata/finalizers/0", "value": "example.com/theirs"}),
                    json!({"op": "remove", "path": "/metadata/finalizers/0"}),
                ];
                let gone: json_patch::Patch = serde_json::from_value(json!(gone)).unwrap();
                let _ = campaigns.patch("renewal", &PatchParams::default(), &Patch::Json::<()>(gone)).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.delete("renewal");
    wait::until("the campaign is gone", PATIENCE, || Ok((!world.in_kore("renewal")).then_some(()))).unwrap();
    world.wait_for_gone_or("renewal", |object| {
        !object["metadata"]["finalizers"].to_string().contains("remote-campaign")
    });
    stop.store(true, Ordering::Relaxed);
    scribbler.await.unwrap();
    assert_eq!(world.deletes("renewal").len(), 1);
}

/// K23: a manifest with our finalizer in Git, applied again and again by two appliers, by server-side apply.
/// The old object's campaign is deleted once; the new object, which has our finalizer from the start, loses
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn two_appliers_with_our_finalizer_in_git_delete_nothing_twice() {
    let world = World::new("appliers").await;
    let _operator = world.operator();
    let old = world.create_found("renewal");
    let mut manifest = world.campaign("renewal", &json!({}));
    manifest["metadata"]["namespace"] = json!(world.namespace);
    let bare = manifest.to_string();
    manifest["metadata"]["finalizers"] = json!(["voicecampaign.dev/remote-campaign"]);
    let with_finalizer = manifest.to_string();
    // While the object is being deleted, no finalizer may be added; that is refused.
    let apply = |manager: &str, text: &str| {
        let manager = format!("--field-manager={manager}");
        let arguments = ["apply", "--server-side", "--force-conflicts", &manager, "-f", "-"];
        let _ = world.kubectl.pipe(&arguments, text);
    };
    let both = || {
        apply("argocd", &with_finalizer);
        apply("flux", &bare);
    };
    both();
    world.kore.add_fault(Fault::delay_delete(Some(1), 3000));
    world.delete("renewal");
    let new = wait::until("the object is created again", PATIENCE, || {
        // The other applier comes later, so that the new object has our finalizer from the start.
        apply("argocd", &with_finalizer);
        Ok(world.get("renewal").filter(|new| new["metadata"]["uid"] != old["metadata"]["uid"]))
    })
    .unwrap();
    assert!(new["metadata"]["finalizers"].to_string().contains("remote-campaign"), "{new:#}");
    assert!(!world.in_kore("renewal"));
    world.kore.seed(world.key("renewal"), &json!({}));
    world.run(&["annotate", "vcamp", "renewal", "voicecampaign.dev/refresh-requested-at=seeded"]);
    world.wait_for_reason("renewal", "CampaignFound");
    for _ in 0..5 {
        both();
    }
    assert!(world.in_kore("renewal"));
    assert_eq!(world.deletes("renewal").len(), 1);
    world.delete("renewal");
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
}

/// K13: created and deleted at once, again and again. Each campaign is deleted, or reported as left behind.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_deleted_at_birth_is_deleted_or_reported() {
    const PAIRS: usize = 60;
    let world = World::new("birth").await;
    let mut operator = world.operator();
    let campaigns = world.campaigns().await;
    for number in 0..PAIRS {
        use kube::api::{DeleteParams, PostParams};
        let name = format!("c{number}");
        world.kore.seed(world.key(&name), &json!({}));
        let object = serde_json::from_value(world.campaign(&name, &json!({}))).unwrap();
        campaigns.create(&PostParams::default(), &object).await.unwrap();
        tokio::time::sleep(Duration::from_millis((number % 12) as u64 * 4)).await;
        campaigns.delete(&name, &DeleteParams::default()).await.unwrap();
    }
    wait::until("all objects are gone", Duration::from_secs(120), || {
        Ok(world.run(&["get", "vcamp", "--output=name"]).trim().is_empty().then_some(()))
    })
    .unwrap();
    let left = world.kore.campaigns().len();
    wait::until("what is left behind is counted", PATIENCE, || {
        let counted = format!("voicecampaign_operator_campaigns_left_behind_total {left}\n");
        Ok(operator.ask("/metrics")?.1.contains(&counted).then_some(()))
    })
    .unwrap_or_else(|error| {
        panic!("{error}: {left} are left behind; {}", operator.ask("/metrics").unwrap().1)
    });
    assert!(operator.is_running());
}

/// `Orphan` is taken back while the patch that lets the object go is on its way: the API server refuses it,
/// and the campaign is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn orphan_taken_back_at_the_last_moment_deletes() {
    let world = World::new("taken-back").await;
    let (_operator, _proxy, nemesis) = behind_a_proxy(&world);
    world.create_found("renewal");
    world.patch_spec("renewal", &json!({"suspend": true}));
    world.delete("renewal");
    world.wait_for_reason("renewal", "Suspended");
    nemesis.arm(plan(&[Kind::Finalizer], Lasting::Times(1), Action::Delay { ms: 5000 }));
    world.patch_spec("renewal", &json!({"deletionPolicy": "Orphan"}));
    world.wait_for_reason("renewal", "Orphaned");
    world.patch_spec("renewal", &json!({"deletionPolicy": "Delete", "suspend": false}));
    world.wait_until_gone("renewal");
    assert_eq!(nemesis.injected(), 1);
    assert!(!world.in_kore("renewal") && world.deletes("renewal").len() == 1);
}

/// K37: a status, held up in the network, arrives after the one with the outcome. It takes nothing away.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_comes_late_takes_nothing_away() {
    let world = World::new("late-status").await;
    let (_operator, proxy, nemesis) = behind_a_proxy(&world);
    world.create_found("renewal");
    let record = world.last_record().await;
    world.kore.add_fault(Fault::delay_delete(Some(1), 3000));
    // Longer than the DELETE takes, and shorter than the operator waits for an answer.
    let late = |kind| plan(&[kind], Lasting::Times(1), Action::Delay { ms: 8_000 });
    let mut both = late(Kind::Status);
    both.faults.extend(late(Kind::Finalizer).faults);
    nemesis.arm(both);
    world.delete("renewal");
    let delayed =
        |kind| nemesis.effects().into_iter().find(|seen| seen.kind == kind && seen.injected.is_some());
    wait::until("the status of the DELETE under way is held", PATIENCE, || Ok(delayed(Kind::Status)))
        .unwrap();
    proxy.cut_all();
    world.wait_until_gone("renewal");
    let (status, finalizer) = (delayed(Kind::Status).unwrap(), delayed(Kind::Finalizer).unwrap());
    assert_eq!(status.answer, Some(422), "{:#?}", nemesis.effects());
    assert!(status.answered_at < finalizer.answered_at, "{:#?}", nemesis.effects());
    let record = record.await.unwrap();
    assert_eq!((record.outcome, record.attempts), (Some(DeletionOutcome::Deleted), 1), "{record:#?}");
    assert!(!world.in_kore("renewal") && world.deletes("renewal").len() == 1);
}
