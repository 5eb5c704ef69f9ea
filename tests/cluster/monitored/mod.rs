//! Alerts and dashboard, with a real Prometheus that scrapes the operator while things go wrong.

mod kube_state;
mod picture;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::Operator;
use testbed::documents::{Check, blocks_for};
use testbed::prometheus::{INTERVAL, Prometheus};

use crate::obstructed::{KEPT, forbid, wait_until_refused};
use crate::release::installed;
use crate::stuck::{self, Alert, SITUATIONS, Situation};
use crate::support::*;

const ALERTS: &str = include_str!("../../../charts/voicecampaign-operator/files/alerts.yaml");
const DASHBOARD: &str = include_str!("../../../charts/voicecampaign-operator/files/dashboard.json");

/// How long the alerts may take to fire, with thresholds of seconds.
const SOON: Duration = Duration::from_secs(60);

/// The alerts with thresholds of seconds in place of minutes and hours.
fn hasty(alerts: &str) -> String {
    let mut hasty = alerts.to_owned();
    for (slow, fast) in [
        ("> 4 * 3600", "> 4"),
        ("> 15 * 60", "> 2"),
        ("> 300", "> 2"),
        ("> 24 * 3600", "> 100"),
        ("[5m]", "[15s]"),
        ("for: 2m", "for: 2s"),
        ("for: 5m", "for: 2s"),
        ("for: 10m", "for: 2s"),
        ("for: 15m", "for: 2s"),
        ("for: 1h", "for: 2s"),
    ] {
        assert!(hasty.contains(slow), "no alert has {slow}");
        hasty = hasty.replace(slow, fast);
    }
    hasty
}

/// A query of the dashboard, with all namespaces and connections.
fn filled_in(query: &str) -> String {
    query.replace("$__rate_interval", "30s").replace("$namespace", ".*").replace("$connection", ".*")
}

/// What goes wrong fires its alert, and an operator that does not work another; and each panel of the
/// dashboard has data.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Debian's prometheus: make test-monitoring"]
async fn what_goes_wrong_is_seen_in_prometheus() {
    let mut worlds = Vec::new();
    for situation in &SITUATIONS {
        worlds.push(World::without_connection(&monitored(situation.name)).await);
    }
    let others = World::new("monitored-others").await;
    let kept = World::new("monitored-kept").await;
    let namespaces = worlds.iter().chain([&others, &kept]).map(|world| world.namespace.clone());
    let mut options = others.options();
    options.arguments = vec![format!("--watch-namespaces={}", namespaces.collect::<Vec<_>>().join(","))];
    let mut operator = Operator::start(&others.plane, &options).unwrap();
    let (_role, mut without_lease) = stuck::without_lease(&installed("monitored-leaderless").await);
    // It has watched connections before.
    let definitionless = World::on(&start_plane(), "monitored-definition").await;
    let mut without_definition = definitionless.operator();
    stuck::remove_a_definition(&definitionless);
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let operators = [&operator, &without_lease, &without_definition];
    let prometheus = Prometheus::start(folder.path(), &operators, &hasty(ALERTS)).await.unwrap();
    tokio::task::block_in_place(|| {
        SITUATIONS.iter().zip(&worlds).for_each(|(situation, world)| (situation.begin)(world));
        happen_to(&others);
        keep_a_connection(&kept);
    });
    for (Situation { alert, .. }, world) in SITUATIONS.iter().zip(&worlds) {
        let connection = format!("{}/production", world.namespace);
        let (name, label, value) = match alert {
            Alert::Stuck(reason) => ("VoiceCampaignDeletionStuck", "reason", *reason),
            Alert::OfConnection(name) => (*name, "connection", connection.as_str()),
        };
        let namespace = world.namespace.as_str();
        let wanted = |alert: &Value| {
            alert[label] == value && [&json!(namespace), &Value::Null].contains(&&alert["namespace"])
        };
        wait_until_firing(&prometheus, name, wanted).await;
    }
    wait_until_firing(&prometheus, "VoiceCampaignLeftBehind", |_| true).await;
    let of_kept = |alert: &Value| alert["connection"] == "monitored-kept/production";
    wait_until_firing(&prometheus, "VoiceCampaignConnectionStuck", of_kept).await;
    let of_leaderless = |alert: &Value| alert["job"] == "operator-1";
    wait_until_firing(&prometheus, "VoiceCampaignOperatorNoLeader", of_leaderless).await;
    let of_connections = |alert: &Value| alert["kind"] == "KoreConnections";
    wait_until_firing(&prometheus, "VoiceCampaignOperatorWatchFailing", of_connections).await;
    let firing = prometheus.firing().await.unwrap();
    let is_firing = |wanted: &dyn Fn(&Value) -> bool| firing.iter().any(wanted);
    assert!(
        !is_firing(&|alert| alert["reason"] == "WaitingForQuota"),
        "a queue is no deletion that is stuck: {firing:#?}"
    );
    assert!(
        !is_firing(
            &|alert| alert["alertname"] == "VoiceCampaignOperatorNoLeader" && alert["job"] == "operator-0"
        ),
        "the first operator works: {firing:#?}"
    );
    ask_each_query(&prometheus).await;
    show(&prometheus, begun.elapsed().as_secs(), folder.path()).await;
    [&mut operator, &mut without_lease, &mut without_definition].into_iter().for_each(Operator::kill);
    // None is left that says whether it leads.
    let of_all = |alert: &Value| alert["job"].is_null();
    wait_until_firing(&prometheus, "VoiceCampaignOperatorNoLeader", of_all).await;
}

fn monitored(name: &str) -> String {
    name.replace("stuck", "monitored")
}

/// What is not stuck, and is shown nevertheless: a campaign that lives, one that is deleted, and one whose
/// resource somebody removed.
fn happen_to(world: &World) {
    ["living", "done", "stripped"].iter().for_each(|name| drop(world.create_found(name)));
    world.delete("done");
    world.patch_spec("stripped", &json!({"suspend": true}));
    world.wait_for_reason("stripped", "Suspended");
    world.delete("stripped");
    let none = r#"{"metadata":{"finalizers":null}}"#;
    world.run(&["patch", "vcamp", "stripped", "--type=merge", "-p", none]);
}

/// A policy keeps a connection that nobody uses any more.
fn keep_a_connection(world: &World) {
    world.create_found("last");
    forbid(world, "koreconnections", KEPT);
    wait_until_refused(world, &["kconn/production"], r#"{"metadata":{"finalizers":null}}"#);
    world.delete("last");
    world.wait_until_gone("last");
    world.run(&["delete", "kconn", "production", "--wait=false"]);
}

/// Each query of the dashboard, with all namespaces and connections, has data; and those of the documents.
async fn ask_each_query(prometheus: &Prometheus) {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["targets"].is_array());
    let mut asked = 0;
    for (panel, target) in panels
        .flat_map(|panel| panel["targets"].as_array().unwrap().iter().map(move |target| (panel, target)))
    {
        let query = filled_in(target["expr"].as_str().unwrap());
        let samples = prometheus.query(&query).await.unwrap();
        assert!(!samples.is_empty(), "{} has no data: {query}", panel["title"]);
        asked += 1;
    }
    assert!(asked > 25, "{asked}");
    for block in blocks_for(Check::Query).unwrap() {
        assert!(!prometheus.query(&block.text).await.unwrap().is_empty(), "{block} has no data");
    }
}

/// Draws the dashboard; with `UPDATE_GENERATED`, for docs/metrics.md.
async fn show(prometheus: &Prometheus, seconds: u64, folder: &Path) {
    let (picture, dashboard) = (folder.join("dashboard.svg"), serde_json::from_str(DASHBOARD).unwrap());
    picture::draw(prometheus, &dashboard, seconds, &picture).await;
    let drawn = std::fs::read_to_string(&picture).unwrap();
    assert!(
        drawn.contains("CredentialsRejected") && drawn.matches("<polyline").count() > 25,
        "lines are missing"
    );
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(testbed::repository().join("docs/dashboard.svg"), drawn).unwrap();
    }
}

async fn wait_until_firing(prometheus: &Prometheus, name: &str, wanted: impl Fn(&Value) -> bool) {
    let begun = Instant::now();
    loop {
        let firing = prometheus.firing().await.unwrap();
        if firing.iter().any(|alert| alert["alertname"] == name && wanted(alert)) {
            return;
        }
        let names: BTreeSet<_> = firing.iter().map(ToString::to_string).collect();
        assert!(begun.elapsed() < SOON, "{name} does not fire; those that do: {names:#?}");
        tokio::time::sleep(INTERVAL).await;
    }
}
