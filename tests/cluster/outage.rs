//! The control plane itself fails: killed, restored from a backup, without the definitions. On one of its
//! own, one at a time.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use kore_simulator::Fault;
use serde_json::{Value, json};
use testbed::{ControlPlane, Operator, operator, wait};
use tokio::sync::{Mutex, MutexGuard};

use crate::support::*;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The control plane that may fail, for one test.
async fn failing_plane() -> (&'static Arc<ControlPlane>, MutexGuard<'static, ()>) {
    static PLANE: OnceLock<Arc<ControlPlane>> = OnceLock::new();
    let alone = ONE_AT_A_TIME.lock().await;
    (PLANE.get_or_init(start_plane), alone)
}

/// K7: the API server is killed while Kore confirms, and comes back. The answer is not lost, and nothing is
/// sent again.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_killed_is_outwaited() {
    let (plane, _alone) = failing_plane().await;
    let world = World::connected_on(plane, "killed-server").await;
    let mut operator = world.operator();
    world.create_found("renewal");
    world.kore.add_fault(Fault::delay_delete(Some(1), 2000));
    world.delete("renewal");
    world.wait_for_reason("renewal", "Deleting");
    plane.stop_api_server();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(!world.in_kore("renewal"));
    plane.start_api_server().unwrap();
    world.wait_until_gone("renewal");
    assert_eq!(world.deletes("renewal").len(), 1);
    assert!(operator.is_running());
}

/// K11: the API server is away for longer than a lease is held. The leader goes on within seconds of its
/// return, and was never restarted.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_is_back_with_its_api_server() {
    let (plane, _alone) = failing_plane().await;
    let world = World::connected_on(plane, "back-again").await;
    let mut options = world.options();
    options.arguments.push("--leader-elect".into());
    let mut operator = Operator::start(plane, &options).unwrap();
    world.create_found("renewal");
    for round in 1..=2 {
        plane.stop_api_server();
        tokio::time::sleep(Duration::from_secs(25)).await;
        plane.start_api_server().unwrap();
        let back = Instant::now();
        wait::until("it leads again", PATIENCE, || {
            Ok((operator.output().matches("Leading").count() > round).then_some(()))
        })
        .unwrap();
        assert!(back.elapsed() < Duration::from_secs(10), "{:?}", back.elapsed());
    }
    world.delete("renewal");
    world.wait_until_gone("renewal");
    assert_eq!(world.deletes("renewal").len(), 1);
    assert!(operator.is_running());
    assert_eq!(operator.ask("/readyz").unwrap().0, 200);
}

/// K7: the API server is away for five minutes, in which Kore confirms. Nobody needs to be restarted.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-long"]
async fn five_minutes_without_an_api_server_are_outwaited() {
    let (plane, _alone) = failing_plane().await;
    let world = World::connected_on(plane, "five-minutes").await;
    let mut operator = world.operator();
    for name in ["under-way", "later", "living"] {
        world.create_found(name);
    }
    world.kore.add_fault(Fault::delay_delete(Some(1), 2000));
    world.delete("under-way");
    world.wait_for_reason("under-way", "Deleting");
    plane.stop_api_server();
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(!world.in_kore("under-way") && operator.is_running());
    plane.start_api_server().unwrap();
    let back = Instant::now();
    world.wait_until_gone("under-way");
    world.delete("later");
    world.wait_until_gone("later");
    println!("5 min without an API server: all is done {:.1?} after its return", back.elapsed());
    assert_eq!((world.deletes("under-way").len(), world.deletes("later").len()), (1, 1));
    assert!(world.in_kore("living") && operator.is_running());
}

/// K6: etcd is restored from a backup in which the object lived. Its campaign is gone; that is told, and
/// nothing is made up.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_brings_no_outcome_back() {
    let (plane, _alone) = failing_plane().await;
    let world = World::connected_on(plane, "restored").await;
    world.kore.seed(world.key("bystander"), &json!({}));
    let mut operator = world.operator();
    world.create_found("deleted");
    world.create_found("living");
    plane.back_up().unwrap();
    world.delete("deleted");
    world.wait_until_gone("deleted");
    // More is written, so that the restored versions are of the past for the operator.
    for number in 0..20 {
        world.run(&["annotate", "vcamp", "living", "--overwrite", &format!("example.com/count={number}")]);
    }
    plane.restore().unwrap();
    let refresh = "voicecampaign.dev/refresh-requested-at=restored";
    wait::until("the restored object is there", PATIENCE, || {
        Ok(world.try_run(&["annotate", "vcamp", "deleted", "--overwrite", refresh]).ok())
    })
    .unwrap();
    world.wait_for_reason("deleted", "CampaignNotFound");
    assert!(world.in_kore("living") && world.deletes("living").is_empty());
    world.delete("deleted");
    world.delete("living");
    world.wait_until_gone_within("deleted", Duration::from_secs(120));
    world.wait_until_gone("living");
    assert!(!world.in_kore("living") && operator.is_running());
}

/// Tells etcd that there is space again, as `etcdctl alarm disarm` does.
async fn take_back_alarms(plane: &ControlPlane) {
    let alarm = format!("{}/v3/maintenance/alarm", plane.etcd_url());
    let ask = async |request: Value| -> reqwest::Result<Value> {
        let answer = reqwest::Client::new().post(&alarm).body(request.to_string()).send().await?;
        let text = answer.error_for_status()?.text().await?;
        Ok(serde_json::from_str(&text).unwrap())
    };
    for _ in 0..100 {
        if let Ok(answer) = ask(json!({"action": "GET"})).await {
            let alarms = answer["alarms"].as_array().cloned().unwrap_or_default();
            if alarms.is_empty() {
                return;
            }
            for mut alarm in alarms {
                alarm["action"] = json!("DEACTIVATE");
                let _ = ask(alarm).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("etcd keeps its alarm");
}

/// K31: etcd has no space left when Kore confirms. Nothing can be written, and so nothing is let go; when
/// there is space again, the answer is written, and nothing is sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_without_space_is_outwaited() {
    let (plane, _alone) = failing_plane().await;
    let world = World::connected_on(plane, "no-space").await;
    let mut operator = world.operator();
    world.create_found("renewal");
    let size = std::fs::metadata(plane.etcd_data().join("member/snap/db")).unwrap().len();
    plane.stop_etcd();
    plane.start_etcd_with(&[&format!("--quota-backend-bytes={}", size + (1 << 20))]).unwrap();
    wait::until("etcd is back", PATIENCE, || Ok(world.try_run(&["get", "vcamp"]).ok())).unwrap();
    world.kore.add_fault(Fault::delay_delete(Some(1), 9000));
    world.delete("renewal");
    world.wait_for_reason("renewal", "Deleting");
    let ballast = "x".repeat(900_000);
    let full = (0..100).find_map(|number| {
        let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"ballast": ballast},
            "metadata": {"name": format!("ballast-{number}"), "namespace": world.namespace}});
        world.kubectl.pipe(&["create", "--filename", "-"], &manifest.to_string()).err()
    });
    let full = full.expect("etcd has a limit").to_string();
    assert!(full.contains("space exceeded"), "{full}");
    wait::until("Kore deletes", PATIENCE, || Ok((!world.in_kore("renewal")).then_some(()))).unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let held = world.get("renewal").expect("it is held");
    assert!(held["metadata"]["finalizers"].to_string().contains("remote-campaign"), "{held:#}");
    assert!(operator.is_running());

    plane.stop_etcd();
    plane.start_etcd().unwrap();
    take_back_alarms(plane).await;
    world.wait_until_gone("renewal");
    assert_eq!(world.deletes("renewal").len(), 1);
}

/// K19: the definitions are deleted, with objects; the campaigns are deleted first. When they are there
/// again, the operator goes on.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_go_and_come_again_need_no_restart() {
    let (plane, _alone) = failing_plane().await;
    let world = World::connected_on(plane, "definitions").await;
    let mut operator = world.operator();
    world.create_found("renewal");
    let crd = "crd/voicecampaigns.voicecampaign.dev";
    world.kubectl.try_run(&["delete", crd, "--timeout=60s"]).unwrap();
    assert!(!world.in_kore("renewal"));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(operator.is_running());
    operator::install(plane).unwrap();
    world.create_campaign("again", &json!({}));
    world.wait_for("again", "the operator goes on", |object| ready(object)["reason"] == "CampaignFound");
    world.delete("again");
    world.wait_until_gone("again");
    assert!(!world.in_kore("again"));
}
