//! The chart as helm installs it: what the API server says of it, upgrade, rollback and uninstall.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kore_simulator::Fault;
use serde_json::{Value, json};
use testbed::ControlPlane;
use testbed::helm::{Helm, chart};

use crate::release::RELEASE;
use crate::support::*;

/// A copy of the chart as an earlier version of it.
fn earlier_chart(folder: &Path) -> PathBuf {
    let copied = std::process::Command::new("cp").arg("-r").arg(chart()).arg(folder).status().unwrap();
    assert!(copied.success());
    let chart = folder.join("voicecampaign-operator");
    let file = chart.join("Chart.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let version = format!("ersion: {}", env!("CARGO_PKG_VERSION"));
    std::fs::write(&file, text.replace(&version, "ersion: 0.0.9")).unwrap();
    // Its definitions had one column less.
    let file = chart.join("files/crds/voicecampaigns.yaml");
    let mut crd: Value = serde_saphyr::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let columns = crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array_mut().unwrap();
    columns.pop().expect("they are there now");
    columns.first().expect("others are left");
    std::fs::write(&file, crd.to_string()).unwrap();
    chart
}

/// The API server takes every object that the chart renders, all of its fields included, and all that
/// `deploy/` has.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_takes_every_object() {
    let plane = ControlPlane::start().unwrap();
    let kubectl = plane.kubectl().unwrap();
    for kind in ["ServiceMonitor", "PodMonitor", "PrometheusRule"] {
        kubectl.apply(&monitor_definition(kind).to_string()).unwrap();
    }
    for namespace in ["team-a", "team-b", "campaigns"] {
        kubectl.try_run(&["create", "namespace", namespace]).unwrap();
    }
    // A dry run takes no objects of definitions, or in namespaces, that are not there.
    let repository = testbed::repository();
    let path = |path: &str| repository.join(path).display().to_string();
    for file in ["crds", "deploy/base/namespace.yaml"] {
        kubectl.try_run(&["apply", "--server-side", "--filename", &path(file)]).unwrap();
    }
    let everything = path("tests/chart/everything.yaml");
    let sets: [&[&str]; 3] = [&[], &["--set", "watchNamespaces={team-a,team-b}"], &["--values", &everything]];
    let chart = chart().display().to_string();
    let version = format!("--kube-version={}", testbed::binaries::kubernetes_version());
    let dry = ["--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts"];
    for (major, values) in [3, 4].iter().flat_map(|major| sets.iter().map(move |set| (*major, *set))) {
        let mut arguments = vec![
            "template",
            RELEASE,
            &chart,
            "--namespace",
            "voicecampaign-system",
            "--skip-tests",
            &version,
        ];
        arguments.extend(values);
        let rendered = Helm::new(major).unwrap().run(&arguments).unwrap();
        let mut apply = vec!["apply", "--filename", "-"];
        apply.extend(dry);
        kubectl.pipe(&apply, &rendered).unwrap();
    }
    for folder in
        ["crds", "overlays/cluster-wide", "overlays/namespaced", "overlays/high-availability", "samples"]
    {
        let folder = path(&format!("deploy/{folder}"));
        let mut apply = vec!["apply", "--kustomize", &folder];
        apply.extend(dry);
        kubectl.try_run(&apply).unwrap();
    }
    plane.finish();
}

/// A definition of the Prometheus operator, without its schema.
pub fn monitor_definition(kind: &str) -> Value {
    let plural = format!("{}s", kind.to_lowercase());
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.monitoring.coreos.com"),
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
        "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

/// Installed, upgraded, rolled back and uninstalled, with deletions in flight: nothing is lost, each campaign
/// is deleted once, and what is left after the uninstall is there for the next installation.
#[tokio::test(flavor = "multi_thread")]
async fn deletions_outlive_an_upgrade_a_rollback_and_an_uninstall() {
    for major in [4, 3] {
        let plane = Arc::new(ControlPlane::start().unwrap());
        let helm = Helm::on(&plane, major).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (earlier, present) = (earlier_chart(folder.path()), chart());
        let (earlier, present) = (earlier.display().to_string(), present.display().to_string());
        let release = ["--namespace", "helm-release", "--set", "watchNamespaces={helm-release}"];
        let run = |arguments: &[&str]| helm.run(&[arguments, &release[..2]].concat()).unwrap();
        // The namespace is there, and so is not created.
        let world = World::on(&plane, "helm-release").await;
        helm.run(&[&["install", RELEASE, &earlier][..], &release].concat()).unwrap();
        world.connect_all();
        world.wait_for_policies();
        let mut at_work = world.released_operator();
        let names: Vec<String> = (0..20).map(|number| format!("c{number:02}")).collect();
        for name in &names {
            world.create_campaign(name, &json!({}));
        }
        names.iter().for_each(|name| drop(world.wait_for_reason(name, "CampaignFound")));
        world.kore.add_fault(Fault::answer_delete(None, 503, ""));
        names[..10].iter().for_each(|name| world.delete(name));
        world.wait_for_reason(&names[9], "AccountUnavailable");

        let columns = || {
            let crd = ["get", "crd", "voicecampaigns.voicecampaign.dev", "--output=json"];
            let crd: Value = serde_json::from_str(&world.run(&crd)).unwrap();
            crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap().len()
        };
        let fewer = columns();
        helm.run(&[&["upgrade", RELEASE, &present][..], &release].concat()).unwrap();
        assert_eq!(columns(), fewer + 1, "an upgrade brings the new definitions");
        assert!(at_work.terminate().unwrap().success());
        at_work = world.released_operator();
        run(&["rollback", RELEASE, "1"]);
        assert_eq!(columns(), fewer, "and a rollback the old ones");
        assert!(at_work.terminate().unwrap().success());
        at_work = world.released_operator();
        let held = world.get(&names[0]).expect("nobody has confirmed");
        assert!(held["status"]["deletion"]["attempts"].as_i64().unwrap() >= 1, "{held:#}");
        world.kore.clear_faults();
        names[..10].iter().for_each(|name| world.wait_until_gone_within(name, 2 * PATIENCE));
        assert!(names[..10].iter().all(|name| !world.in_kore(name)));

        run(&["uninstall", RELEASE, "--no-hooks"]);
        assert!(at_work.terminate().unwrap().success());
        names[10..].iter().for_each(|name| world.delete(name));
        std::thread::sleep(std::time::Duration::from_secs(2));
        assert!(names[10..].iter().all(|name| world.get(name).is_some() && world.in_kore(name)));
        helm.run(&[&["install", RELEASE, &present][..], &release].concat()).unwrap();
        let _again = world.released_operator();
        names[10..].iter().for_each(|name| world.wait_until_gone(name));
        assert!(names.iter().all(|name| !world.in_kore(name)));
        for name in &names[10..] {
            assert_eq!(world.deletes(name).len(), 1, "{name}");
        }
    }
}
