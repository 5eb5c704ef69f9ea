//! The control plane itself fails: killed, restored from a backup, without the definitions. On one of its own, one at a
//! time.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use kore_simulator::Fault;
use serde_json::json;
use testbed::{ControlPlane, operator, wait};
use tokio::sync::{Mutex, MutexGuard};

use crate::support::*;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The control plane that may fail, for one test.
async fn failing_plane() -> (&'static ControlPlane, MutexGuard<'static, ()>) {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    let alone = ONE_AT_A_TIME.lock().await;
    let plane = PLANE.get_or_init(|| {
        let plane = ControlPlane::start().expect("the control plane starts");
        operator::install(&plane).expect("the definitions and roles are installed");
        plane
    });
    (plane, alone)
}

async fn world_on(plane: &'static ControlPlane, name: &str) -> World {
    let world = World::on(plane, name).await;
    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    world.create_connection(6000, 10);
    world.kore.seed(world.key("bystander"), &json!({}));
    world
}

/// K7: the API server is killed while Kore confirms, and comes back. The answer is not lost, and nothing is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_killed_is_outwaited() {
    let (plane, _alone) = failing_plane().await;
    let world = world_on(plane, "killed-server").await;
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

/// K6: etcd is restored from a backup in which the object lived. Its campaign is gone; that is told, and nothing is made up.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_brings_no_ground_back() {
    let (plane, _alone) = failing_plane().await;
    let world = world_on(plane, "restored").await;
    let mut operator = world.operator();
    world.create_found("deleted");
    world.create_found("living");
    let backup = plane.folder().join("backup");
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let _ = std::fs::remove_dir_all(to);
        assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
    };
    let stop = || {
        plane.stop_api_server();
        plane.stop_etcd();
    };
    let start = || {
        plane.start_etcd().unwrap();
        plane.start_api_server().unwrap();
    };
    stop();
    copy(&plane.etcd_data(), &backup);
    start();
    world.delete("deleted");
    world.wait_until_gone("deleted");
    // More is written, so that the restored versions are of the past for the operator.
    for number in 0..20 {
        world.run(&["annotate", "vcamp", "living", "--overwrite", &format!("example.com/count={number}")]);
    }
    stop();
    copy(&backup, &plane.etcd_data());
    start();
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

/// K19: the definitions are deleted, with objects; the campaigns are deleted first. When they are there again, the operator
/// goes on.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_go_and_come_again_need_no_restart() {
    let (plane, _alone) = failing_plane().await;
    let world = world_on(plane, "definitions").await;
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
