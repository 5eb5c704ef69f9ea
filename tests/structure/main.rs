//! The house: which file may import which, and how long files, functions and lines may be.
//!
//! A rule that is broken is named with the file, so that whoever broke it sees what to move.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

mod graph;
mod lines;
mod source;

use std::collections::BTreeSet;

use graph::Graph;
use source::Source;

/// The layers of `src/`, from the bottom up. A folder imports from lower ones only.
const LAYERS: &[&[&str]] = &[
    &["kore", "stdout"],
    &["api", "pacing"],
    &["kube_ext", "metrics"],
    &["connection"],
    &["campaign"],
    &["uninstall", "check"],
    &["run"],
];

/// The layers of `src/campaign/`: watch → pass → decide → act → record.
const CAMPAIGN: &[&[&str]] = &[
    &["error", "watched"],
    &["evidence"],
    &["status"],
    &["decide", "census", "audit"],
    &["shared"],
    &["context", "pass"],
    &["left_behind"],
    &["on_watch"],
    &["act"],
];

/// What is decided here depends on nothing but its input.
const PURE: &[&str] =
    &["api", "pacing", "campaign::decide", "campaign::evidence", "campaign::status", "kore::wire"];
/// Clocks, clients and what waits. A pure file names none of them.
const IMPURE: &[&str] =
    &["Timestamp::now", "Instant::now", "SystemTime", "tokio::", "reqwest::", "kube::Client", "kube::Api"];

#[test]
fn folders_import_from_lower_layers_only() {
    let graph = Graph::of(&source::all());
    let broken = graph.upward("", LAYERS);
    assert!(broken.is_empty(), "imports that run up: {broken:#?}");
    let broken = graph.upward("campaign", CAMPAIGN);
    assert!(broken.is_empty(), "imports that run up in src/campaign: {broken:#?}");
}

/// A folder that is not in the picture is in no layer.
#[test]
fn every_folder_is_in_a_layer() {
    for (parent, layers) in [("", LAYERS), ("campaign", CAMPAIGN)] {
        let known: BTreeSet<&str> = layers.iter().flat_map(|layer| layer.iter().copied()).collect();
        let sources = source::all();
        let there: BTreeSet<&str> = sources.iter().filter_map(|source| source.child_of(parent)).collect();
        assert_eq!(there, known, "src/{parent}");
    }
}

#[test]
fn no_files_import_each_other() {
    for sources in
        [source::all(), source::of("plugin/src"), source::of("testbed/src"), source::of("simulator/src")]
    {
        let circles = Graph::of(&sources).circles();
        assert!(circles.is_empty(), "these files import each other: {circles:#?}");
    }
}

/// What the plugin uses of the operator: the kinds, the service, and what knows of neither.
#[test]
fn the_plugin_shares_no_controller() {
    const SHARED: &[&str] = &["api", "check", "connection", "kore", "kube_ext", "stdout"];
    let mut used = BTreeSet::new();
    for source in source::of("plugin/src") {
        for rest in source.code().split("voicecampaign_operator::").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(SHARED.contains(&name.as_str()), "{} uses {name}", source.path.display());
            used.insert(name);
        }
    }
    assert_eq!(used.len(), SHARED.len(), "{used:?}");
}

#[test]
fn no_file_imports_from_more_than_eight_of_its_folder() {
    let crowded = Graph::of(&source::all()).crowded(8);
    assert!(crowded.is_empty(), "{crowded:#?}");
}

#[test]
fn pure_code_names_no_clock_and_no_client() {
    let sources = source::all();
    let is_pure = |source: &&Source| PURE.iter().any(|module| source.is_in(module));
    let pure: Vec<_> = sources.iter().filter(is_pure).collect();
    assert!(pure.len() > 30, "the folders have other names by now: {}", pure.len());
    for source in pure {
        for name in IMPURE {
            assert!(!source.code().contains(name), "{} names {name}", source.path.display());
        }
    }
}

#[test]
fn files_and_functions_are_short() {
    let sources = source::all();
    for source in sources.iter().chain(&source::of("plugin/src")) {
        let length = source.code().lines().count();
        assert!(length <= 400, "{} has {length} lines without its tests", source.path.display());
        for (name, length) in source.functions() {
            assert!(length <= 60, "{name} in {} has {length} lines", source.path.display());
        }
    }
    let mut lengths: Vec<usize> = sources.iter().map(|source| source.code().lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(lengths.len() > 100 && median <= 130, "the median of {} files is {median}", lengths.len());
}

#[test]
fn comments_fit_the_screen() {
    let wide = lines::wide();
    assert!(wide.is_empty(), "{} comments are too wide: {wide:#?}", wide.len());
}
