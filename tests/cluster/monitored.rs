//! Alerts and dashboard, with a real Prometheus that scrapes the operator while things go wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use kore_simulator::{Fault, Outcome};
use serde_json::{Value, json};
use testbed::prometheus::{INTERVAL, Prometheus};

use crate::support::*;

const ALERTS: &str = include_str!("../../charts/voicecampaign-operator/files/alerts.yaml");
const DASHBOARD: &str = include_str!("../../charts/voicecampaign-operator/files/dashboard.json");

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
        ("[15m]", "[15s]"),
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

/// One namespace for each kind of trouble, all watched by one operator.
struct Troubles {
    held: World,
    refused: World,
    down: World,
    throttled: World,
    busy: World,
}

impl Troubles {
    async fn new(name: &str) -> Self {
        let world = async |kind: &str| World::without_connection(&format!("{name}-{kind}")).await;
        let troubles = Self {
            held: world("held").await,
            refused: world("refused").await,
            down: world("down").await,
            throttled: world("throttled").await,
            busy: world("busy").await,
        };
        for world in [&troubles.held, &troubles.down, &troubles.throttled] {
            world.connect_all();
        }
        troubles.refused.create_secret(CLIENT_ID, "not-the-right-secret-at-all");
        troubles.refused.create_connection(6000, 10);
        troubles.busy.create_secret(CLIENT_ID, CLIENT_SECRET);
        troubles.busy.create_connection(1, 10);
        troubles
    }

    fn all(&self) -> [&World; 5] {
        [&self.held, &self.refused, &self.down, &self.throttled, &self.busy]
    }

    fn begin(&self) {
        let Self { held, refused, down, throttled, busy } = self;
        held.create_found("done");
        held.delete("done");
        held.create_campaign("suspended", &json!({"suspend": true}));
        held.create_campaign("stripped", &json!({"suspend": true}));
        held.wait_for_reason("suspended", "Suspended");
        held.wait_for_reason("stripped", "Suspended");
        held.create_found("living");
        held.delete("suspended");
        held.delete("stripped");
        held.run(&[
            "patch",
            "vcamp",
            "stripped",
            "--type=merge",
            "-p",
            r#"{"metadata":{"finalizers":null}}"#,
        ]);
        let answer = |status| Outcome::Answer { status, headers: [].into(), body: String::new() };
        let every = |then| Fault { operation: None, then, ..Fault::answer_delete(None, 503, "") };
        down.kore.add_fault(every(answer(503)));
        throttled.kore.add_fault(Fault::answer_delete(None, 429, ""));
        for world in [refused, down, throttled, busy] {
            for number in 0..4 {
                world.create_campaign(&format!("c{number}"), &json!({}));
            }
            world.run(&["delete", "vcamp", "--all", "--wait=false"]);
        }
    }
}

/// What goes wrong fires its alert, and an operator that does not work another; and each panel of the
/// dashboard has data.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Debian's prometheus: make test-monitoring"]
async fn what_goes_wrong_is_seen_in_prometheus() {
    let troubles = Troubles::new("monitored").await;
    let namespaces: Vec<_> = troubles.all().map(|world| world.namespace.clone()).into();
    let mut options = troubles.held.options();
    options.arguments = vec![format!("--watch-namespaces={}", namespaces.join(","))];
    let mut operator = testbed::Operator::start(troubles.held.plane, &options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = operator.admin_url().replace("http://", "");
    let prometheus = Prometheus::start(folder.path(), &target, &hasty(ALERTS)).await.unwrap();
    tokio::task::block_in_place(|| troubles.begin());
    let refused = fires_for("connection", "monitored-refused/production");
    wait_until_firing(&prometheus, "VoiceCampaignCredentialsRefused", refused).await;
    let failing = fires_for("connection", "monitored-down/production");
    wait_until_firing(&prometheus, "VoiceCampaignServiceFailing", failing).await;
    let throttled = fires_for("connection", "monitored-throttled/production");
    wait_until_firing(&prometheus, "VoiceCampaignThrottled", throttled).await;
    let queue = fires_for("connection", "monitored-busy/production");
    wait_until_firing(&prometheus, "VoiceCampaignQueueLong", queue).await;
    wait_until_firing(&prometheus, "VoiceCampaignLeftBehind", |_| true).await;
    for reason in ["Suspended", "CredentialsRejected", "AccountUnavailable"] {
        wait_until_firing(&prometheus, "VoiceCampaignDeletionStuck", fires_for("reason", reason)).await;
    }
    let firing = prometheus.firing().await.unwrap();
    let waits = fires_for("reason", "WaitingForQuota");
    assert!(!firing.iter().any(waits), "a queue is no deletion that is stuck: {firing:#?}");
    let quiet = ["VoiceCampaignOperatorNoLeader", "VoiceCampaignOperatorWatchFailing"];
    assert!(!firing.iter().any(|alert| quiet.contains(&alert["alertname"].as_str().unwrap())), "{firing:#?}");
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
    operator.kill();
    wait_until_firing(&prometheus, "VoiceCampaignOperatorNoLeader", |_| true).await;
}

/// Whether an alert has this label.
fn fires_for<'a>(label: &'a str, value: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |alert| alert[label] == value
}

async fn wait_until_firing(prometheus: &Prometheus, name: &str, wanted: impl Fn(&Value) -> bool) {
    let begun = std::time::Instant::now();
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
