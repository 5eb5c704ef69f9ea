//! kube-state-metrics with the values of deploy/monitoring: each resource by its name.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::addresses::free_port;
use testbed::binaries;
use testbed::process::Process;

use crate::support::*;

const VALUES: &str = include_str!("../../../deploy/monitoring/kube-state-metrics.yaml");
const READER: &str = "kube-state-metrics";

/// Under the rights that the values ask for, the real program shows conditions, Kore's state and deletions.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "builds kube-state-metrics: make test-monitoring"]
async fn kube_state_metrics_shows_each_resource() {
    let world = World::new("kube-state").await;
    let _operator = world.operator();
    world.create_found("living");
    world.create_found("held");
    world.patch_spec("held", &json!({"suspend": true}));
    world.wait_for_reason("held", "Suspended");
    world.delete("held");
    world.wait_for("held", "the deletion is held", |object| condition(object, "Stalled")["status"] == "True");
    let values: Value = serde_saphyr::from_str(VALUES).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("configuration.yaml");
    std::fs::write(&configuration, values["customResourceState"]["config"].to_string()).unwrap();
    grant(&world, &values["rbac"]["extraRules"]);
    let port = free_port().unwrap();
    let mut command = Command::new(binaries::kube_state_metrics().unwrap());
    command
        .arg("--custom-resource-state-only")
        .arg(format!("--custom-resource-state-config-file={}", configuration.display()))
        .arg(format!("--kubeconfig={}", world.kubeconfig_of(READER, None).display()))
        .arg(format!("--namespaces={}", world.namespace))
        .args(["--host=127.0.0.1", "--telemetry-host=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--telemetry-port={}", free_port().unwrap()));
    let process = Process::start("kube-state-metrics", command, folder.path()).unwrap();
    let of = |name: &str| format!(r#"namespace="{}",name="{name}""#, world.namespace);
    let expected = |shown: &str| {
        let line = |metric: &str, name: &str, labels: &[&str], value: &str| {
            shown.lines().any(|line| {
                line.starts_with(&format!("{metric}{{"))
                    && labels.iter().all(|label| line.contains(label))
                    && of(name).split(',').all(|label| line.contains(label))
                    && line.ends_with(value)
            })
        };
        let ready = [r#"type="Ready""#, r#"status="True""#, r#"reason="CampaignFound""#];
        let stalled = [r#"type="Stalled""#, r#"reason="Suspended""#];
        let info =
            [r#"connection="production""#, r#"deletion_policy="Delete""#, r#"campaign_id="cd-living""#];
        line("voicecampaign_condition", "living", &ready, " 1")
            && line("voicecampaign_condition", "held", &stalled, " 1")
            && line("voicecampaign_info", "living", &info, " 1")
            && line("voicecampaign_info", "living", &[r#"campaign_status=""#], " 1")
            && line("voicecampaign_deletion_requested_timestamp_seconds", "held", &[], "")
            && line("koreconnection_condition", "production", &[r#"type="Ready""#], " 1")
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let begun = Instant::now();
    let mut last = String::new();
    while !expected(&last) {
        assert!(begun.elapsed() < PATIENCE, "kube-state-metrics shows {last}\n{}", process.output());
        tokio::time::sleep(Duration::from_millis(500)).await;
        if let Ok(answer) = client.get(format!("http://127.0.0.1:{port}/metrics")).send().await {
            last = answer.text().await.unwrap();
        }
    }
    let of_living = |line: &&str| line.contains("deletion_requested") && line.contains(r#"name="living""#);
    assert_eq!(last.lines().find(of_living), None, "nobody asked for that");
}

/// A ServiceAccount with these rights.
fn grant(world: &World, rules: &Value) {
    world.run(&["create", "serviceaccount", READER]);
    let name = format!("{READER}-{}", world.namespace);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name}, "rules": rules});
    world.kubectl.apply(&role.to_string()).unwrap();
    let account = format!("--serviceaccount={}:{READER}", world.namespace);
    world.run(&["create", "clusterrolebinding", &name, &format!("--clusterrole={name}"), &account]);
}
