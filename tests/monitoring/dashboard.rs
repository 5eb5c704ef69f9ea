use serde_json::Value;

use crate::metrics::{named_in, shown};

const DASHBOARD: &str = include_str!("../../charts/voicecampaign-operator/files/dashboard.json");

/// A panel whose query names no metric that exists is empty for ever.
#[test]
fn panels_ask_for_metrics_that_exist() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let shown = shown();
    let queries = queries(&dashboard);
    assert!(queries.len() > 25, "{queries:?}");
    for query in queries {
        let named = named_in(&query);
        assert!(!named.is_empty(), "{query} names no metric");
        for metric in named {
            assert!(
                shown.contains(&metric),
                "the dashboard asks for {metric}, which does not exist: {query}"
            );
        }
    }
}

/// The queries of all panels.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}
