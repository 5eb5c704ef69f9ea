//! Files that are generated from the chart (deploy/, its README), and into it (the CRDs).

use std::process::Command;

use serde_json::Value;
use voicecampaign_operator::api;

use crate::support::*;

const HEADER: &str = "# Generated from the chart by `make generate`. Do not edit.\n";

/// The CRDs in the chart are those of `crds/`.
fn the_chart_has_the_definitions() {
    for crd in api::crds() {
        let name = format!("{}.yaml", crd.spec.names.plural);
        let definition = std::fs::read_to_string(testbed::repository().join("crds").join(&name)).unwrap();
        settle(&chart().join("files/crds").join(&name), &definition);
    }
}

/// helm-docs writes the chart's README from values.yaml, where each value has a description.
#[test]
fn the_readme_of_the_chart_is_up_to_date() {
    let output = Command::new(testbed::binaries::helm_docs().unwrap())
        .args(["--dry-run", "--log-level=error", "--chart-search-root"])
        .arg(chart())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let readme = String::from_utf8(output.stdout).unwrap();
    settle(&chart().join("README.md"), &format!("{}\n", readme.trim_end()));
    let table = readme.split("## Values").nth(1).unwrap();
    let undescribed = table.lines().find(|line| line.ends_with("|  |"));
    assert_eq!(undescribed, None, "a value has no description");
}

/// `deploy/` has what the chart renders: a base for every installation, and what each overlay adds.
#[test]
fn the_raw_manifests_are_what_the_chart_renders() {
    // First, because the chart renders the CRDs.
    the_chart_has_the_definitions();
    let base = ["serviceaccount", "rbac", "aggregate-roles", "deployment", "service"];
    let one = |name: &str, values: &[&str], wanted: &dyn Fn(&Value) -> bool| {
        let template = format!("templates/{name}.yaml");
        let mut arguments = vec!["--show-only", &template];
        arguments.extend(values);
        without_helm(&render(4, &arguments).unwrap())
            .into_iter()
            .filter(|text| wanted(&serde_saphyr::from_str(text).unwrap()))
            .collect::<Vec<_>>()
    };
    let write = |path: &str, documents: &[String]| {
        assert!(!documents.is_empty(), "{path} would be empty");
        settle(
            &testbed::repository().join("deploy").join(path),
            &format!("{HEADER}{}", documents.join("---\n")),
        );
    };
    // Cluster-wide or in some namespaces: the overlays decide, not the base.
    let of_scope = |object: &Value| {
        let is_role = object["kind"] == "ClusterRole" && object["metadata"]["name"] == RELEASE;
        is_role || object["kind"] == "ClusterRoleBinding"
    };
    write("crds/crds.yaml", &one("crds", &[], &|_| true));
    let shared: Vec<String> =
        base.iter().flat_map(|name| one(name, &[], &|object| !of_scope(object))).collect();
    write("base/operator.yaml", &shared);
    write("overlays/cluster-wide/rbac.yaml", &one("rbac", &[], &of_scope));
    let namespaced = ["--set", "watchNamespaces={campaigns}"];
    write(
        "overlays/namespaced/rbac.yaml",
        &one("rbac", &namespaced, &|object| {
            object["kind"] == "ClusterRole" || object["metadata"]["namespace"] == "campaigns"
        }),
    );
    let is_mutating = |object: &Value| object["kind"].as_str().unwrap().starts_with("Mutating");
    write("policies/finalizer/policies.yaml", &one("policies/*", &[], &is_mutating));
    write("policies/guard/policies.yaml", &one("policies/*", &[], &|object| !is_mutating(object)));
    write(
        "overlays/high-availability/poddisruptionbudget.yaml",
        &one("poddisruptionbudget", &["--set", "replicas=2"], &|_| true),
    );
    write(
        "monitoring/alerts.yaml",
        &one("monitors", &["--set", "metrics.prometheusRule.enabled=true"], &|_| true),
    );
}

/// The image's tag in deploy/ is this version.
#[test]
fn the_raw_manifests_name_this_version() {
    let kustomization = testbed::repository().join("deploy/base/kustomization.yaml");
    let text = std::fs::read_to_string(kustomization).unwrap();
    assert!(text.contains(concat!("newTag: ", env!("CARGO_PKG_VERSION"), "\n")), "{text}");
}

/// The rendered documents, without the labels, annotations and comments that only a release of Helm has.
fn without_helm(rendered: &str) -> Vec<String> {
    let of_helm = |line: &&str| {
        let line = line.trim_start();
        ["# Source:", "helm.sh/", "app.kubernetes.io/managed-by:"].iter().any(|start| line.starts_with(start))
    };
    let lines: Vec<&str> = rendered.lines().filter(|line| !of_helm(line)).collect();
    let text = format!("{}\n", lines.join("\n"));
    let documents = text.split("---\n").map(str::trim).filter(|document| !document.is_empty());
    documents.map(|document| format!("{document}\n").replace("  annotations:\nspec:", "spec:")).collect()
}
