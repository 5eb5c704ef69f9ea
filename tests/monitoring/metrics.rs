use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use testbed::generated::settle_between;
use voicecampaign_operator::kore::FailureKind;
use voicecampaign_operator::metrics::{
    Account, Current, Deletions, Format, Living, Metrics, Observe, Rendered, Terminating, Watch,
};

use crate::promtool::promtool;

/// The page of the metrics lists what `/metrics` shows.
#[test]
fn the_page_of_the_metrics_lists_them() {
    let body = rendered(Format::Text);
    let mut table = String::from("| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for family in families(&body) {
        let Family { name, kind, help, labels } = family;
        assert!(!help.is_empty(), "{name} has no meaning");
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(table, "| `{name}` | {kind} | {} | {} |", labels.join(", "), help.trim_end_matches('.'))
            .unwrap();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    settle_between(&root.join("docs/metrics.md"), "metrics", &table);
}

/// Each gauge has a series.
struct OneOfEach;

impl Observe for OneOfEach {
    fn observe(&self) -> Current {
        let (namespace, connection) = ("campaigns".to_owned(), "campaigns/production".to_owned());
        let sort =
            Terminating { namespace: namespace.clone(), connection: connection.clone(), reason: "Throttled" };
        let living =
            Living { namespace, connection: connection.clone(), ready: "True", reason: "CampaignFound" };
        let watch = Watch { kind: "VoiceCampaigns", watched: "*".to_owned() };
        Current {
            living: [(living, 1)].into(),
            terminating: [(sort, Deletions::default())].into(),
            leaving: [(connection.clone(), 1.0)].into(),
            accounts: [(connection, Account::default())].into(),
            watches: [(watch, true)].into(),
        }
    }
}

/// A metric, as the text format describes it.
struct Family<'a> {
    name: &'a str,
    kind: &'a str,
    help: &'a str,
    labels: BTreeSet<&'a str>,
}

fn families(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.push(Family { name, kind: "", help, labels: BTreeSet::new() });
            continue;
        }
        let family = families.last_mut().unwrap();
        if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            family.kind = kind;
        } else {
            let within =
                line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(within, _)| within);
            let labels = within
                .into_iter()
                .flat_map(|within| within.split(','))
                .filter_map(|label| label.split('=').next());
            family.labels.extend(labels.filter(|label| *label != "le"));
        }
    }
    families
}

/// All metrics, with a series of each gauge.
fn rendered(format: Format) -> String {
    let metrics = Metrics::default();
    let controllers: Arc<dyn Observe> = Arc::new(OneOfEach);
    metrics.ask(Arc::downgrade(&controllers));
    let Rendered { body, .. } = metrics.encode(format);
    body
}

/// The names of all samples.
pub fn shown() -> BTreeSet<String> {
    let body = rendered(Format::Text);
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

/// The operator's metrics that a query names.
pub fn named_in(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = |word: &&str| {
        ["voicecampaign_operator_", "controller_runtime_", "process_"]
            .iter()
            .any(|prefix| word.starts_with(prefix))
    };
    words.filter(ours).map(ToOwned::to_owned).collect()
}

/// What reads OpenMetrics finds in both formats the same values under the same names, and the end.
#[test]
fn both_formats_show_the_same() {
    let [text, openmetrics] = [Format::Text, Format::OpenMetrics].map(rendered);
    assert!(openmetrics.ends_with("\n# EOF\n") && !text.contains("# EOF"));
    let samples = |body: &str| {
        let samples = body.lines().filter(|line| !line.starts_with('#') && !line.starts_with("process_"));
        // Each time in another order.
        samples.map(ToOwned::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(samples(&text), samples(&openmetrics));
    assert!(samples(&text).len() > 150);
}

/// Every counter is there from the start, at zero: `increase()` sees the first event.
#[test]
fn counters_begin_at_zero() {
    let metrics = Metrics::default();
    let body = metrics.encode(Format::Text).body;
    let mut counters = 0;
    for Family { name, kind, .. } in families(&body) {
        let of_it = |line: &&str| line.starts_with(name) && line[name.len()..].starts_with(['{', ' ']);
        if kind == "counter" {
            counters += 1;
            let samples: Vec<_> = body.lines().filter(of_it).collect();
            assert!(!samples.is_empty(), "{name} has no series");
            let at_zero = |line: &&str| line.ends_with(" 0") || name.starts_with("process_");
            assert!(samples.iter().all(at_zero), "{samples:?}");
        }
    }
    assert!(counters >= 9, "{counters}");
    let series = |name: &str| body.lines().filter(|line| line.starts_with(&format!("{name}{{"))).count();
    for (name, expected) in [
        ("voicecampaign_operator_remote_requests_total", 3 * (FailureKind::ALL.len() + 1)),
        ("voicecampaign_operator_remote_request_duration_seconds_count", 3),
        ("voicecampaign_operator_deletions_total", 3),
        ("voicecampaign_operator_kubernetes_writes_total", 2),
        ("voicecampaign_operator_kubernetes_requests_total", 6 * 7),
        ("voicecampaign_operator_watch_errors_total", 2),
        ("controller_runtime_reconcile_total", 2 * 3),
        ("controller_runtime_reconcile_errors_total", 2),
        ("controller_runtime_reconcile_time_seconds_count", 2),
    ] {
        assert_eq!(series(name), expected, "{name}");
    }
}

#[test]
#[ignore = "needs promtool: make test-monitoring"]
fn promtool_accepts_the_metrics() {
    promtool(&["check", "metrics"], &rendered(Format::Text));
}
