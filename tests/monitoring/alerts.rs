use std::collections::BTreeSet;

use serde_json::Value;

use crate::metrics::shown;
use crate::promtool::promtool;

const ALERTS: &str = include_str!("../../charts/voicecampaign-operator/files/alerts.yaml");
const CASES: &str = include_str!("alerts.test.yaml");
const RUNBOOKS: &str = include_str!("../../docs/runbooks.md");

fn alerts() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(ALERTS).unwrap();
    let alerts = file["groups"][0]["rules"].as_array().unwrap().clone();
    assert!(alerts.len() > 8, "{alerts:?}");
    alerts
}

fn name(alert: &Value) -> &str {
    alert["alert"].as_str().unwrap()
}

/// Each alert says what it is about and what to look at, has a runbook, and is in the list of runbooks; and
/// there is no runbook without an alert.
#[test]
fn each_alert_has_a_runbook() {
    let mut named = BTreeSet::new();
    for alert in alerts() {
        let name = name(&alert).to_owned();
        let runbook = format!("docs/runbooks.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook_url"], runbook, "{name}");
        assert!(RUNBOOKS.contains(&format!("\n## {name}\n")), "{name} has no runbook");
        let severity = alert["labels"]["severity"].as_str().unwrap();
        let row = RUNBOOKS.lines().find(|line| line.starts_with(&format!("| [{name}]"))).unwrap();
        assert!(row.contains(severity), "{row} does not say {severity}");
        for what in ["summary", "description"] {
            assert!(
                alert["annotations"][what].as_str().is_some_and(|text| text.len() > 20),
                "{name} has no {what}"
            );
        }
        named.insert(name);
    }
    let runbooks: BTreeSet<_> =
        RUNBOOKS.lines().filter_map(|line| line.strip_prefix("## ")).map(ToOwned::to_owned).collect();
    assert_eq!(runbooks, named);
}

/// An alert on a metric that does not exist never fires.
#[test]
fn alerts_ask_for_metrics_that_exist() {
    let shown = shown();
    for alert in alerts() {
        let named = crate::metrics::named_in(alert["expr"].as_str().unwrap());
        assert!(!named.is_empty(), "{} asks for nothing", name(&alert));
        for metric in named {
            assert!(shown.contains(&metric), "{} asks for {metric}, which does not exist", name(&alert));
        }
    }
}

#[test]
#[ignore = "needs promtool: make test-monitoring"]
fn promtool_accepts_the_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.yaml");
    std::fs::write(&path, ALERTS).unwrap();
    let said = promtool(&["check", "rules", path.to_str().unwrap()], "");
    assert!(said.contains(&format!("{} rules found", alerts().len())), "{said}");
}

/// Each alert fires when it should, and does not when it should not.
#[test]
#[ignore = "needs promtool: make test-monitoring"]
fn each_alert_fires_when_it_should() {
    let cases: Value = serde_saphyr::from_str(CASES).unwrap();
    let cases: BTreeSet<_> =
        cases["tests"].as_array().unwrap().iter().map(|case| case["name"].as_str().unwrap()).collect();
    for alert in alerts() {
        for case in ["fires", "does not fire"].map(|case| format!("{} {case}", name(&alert))) {
            assert!(cases.contains(case.as_str()), "there is no case `{case}`");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("alerts.yaml"), ALERTS).unwrap();
    let path = folder.path().join("alerts.test.yaml");
    std::fs::write(&path, CASES).unwrap();
    let said = promtool(&["test", "rules", path.to_str().unwrap()], "");
    assert!(said.contains("SUCCESS"), "{said}");
}
