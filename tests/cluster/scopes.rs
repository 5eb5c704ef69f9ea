//! Every scope that the chart and `deploy/overlays` have: run with the environment, the ServiceAccount and
//! the rights that it brings, and no others.

use std::sync::Arc;

use kore_simulator::Fault;
use serde_json::json;
use testbed::audit::Request;
use testbed::helm::{Helm, chart};
use testbed::operator::ServiceAccount;
use testbed::{ControlPlane, Operator, wait};

use crate::kustomized::Manifests;
use crate::release::{RELEASE, as_deployed};
use crate::support::*;

/// Where an operator works, and how it is installed.
struct Scope {
    name: &'static str,
    installed_by: Installer,
    /// Namespaces with campaigns; the first is deleted.
    namespaces: &'static [&'static str],
    /// A namespace that it is to work in, and that is gone before it starts.
    missing: Option<&'static str>,
    label: Option<&'static str>,
    /// Whether its rights outlive the namespace that is deleted.
    keeps_its_rights: bool,
}

enum Installer {
    /// The chart, with these values.
    Chart(&'static str),
    /// A folder of `deploy/`.
    Overlay(&'static str),
    /// The same in another namespace, with other names.
    Renamed(&'static str),
}

use Installer::{Chart, Overlay, Renamed};

impl Scope {
    const fn new(name: &'static str, installed_by: Installer, namespaces: &'static [&'static str]) -> Self {
        Self { name, installed_by, namespaces, missing: None, label: None, keeps_its_rights: true }
    }
}

const OF_THE_CHART: [Scope; 7] = [
    Scope::new("cluster-wide", Chart(""), &["all-a", "all-b"]),
    Scope::new("one namespace", Chart("watchNamespaces={one-a}"), &["one-a"]),
    Scope::new("two namespaces", Chart("watchNamespaces={two-a,two-b}"), &["two-a", "two-b"]),
    Scope {
        missing: Some("gone"),
        ..Scope::new("two, one of them missing", Chart("watchNamespaces={gone,left}"), &["left"])
    },
    Scope {
        label: Some("shard=a"),
        ..Scope::new("selector", Chart("selector=shard in (a\\,b)"), &["some-a", "some-b"])
    },
    Scope {
        label: Some("shard=a"),
        ..Scope::new("selector in a namespace", Chart("watchNamespaces={part},selector=shard=a"), &["part"])
    },
    // Its Roles go with their namespace: the campaigns are deleted first.
    Scope {
        keeps_its_rights: false,
        ..Scope::new(
            "without a ClusterRole",
            Chart("watchNamespaces={role-a,role-b},rbac.clusterRoles=false,rbac.aggregateRoles=false"),
            &["role-a", "role-b"],
        )
    },
];

const OF_OVERLAYS: [Scope; 4] = [
    Scope::new("cluster-wide overlay", Overlay("overlays/cluster-wide"), &["wide-a", "wide-b"]),
    Scope::new("two replicas", Overlay("overlays/high-availability"), &["replicas-a", "replicas-b"]),
    Scope::new("overlay of a namespace", Overlay("overlays/namespaced"), &["campaigns"]),
    Scope::new("renamed overlay of a namespace", Renamed("overlays/namespaced"), &["campaigns"]),
];

/// In each scope a campaign is found and deleted, and nothing is refused to the operator; and a namespace
/// goes by itself with what is in it, though it is deleted in an outage of Kore, and the operator is
/// restarted meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn each_scope_works_with_the_rights_that_it_brings() {
    work(&OF_THE_CHART).await;
}

/// The same in those of the raw manifests.
#[tokio::test(flavor = "multi_thread")]
async fn each_overlay_works_with_the_rights_that_it_brings() {
    work(&OF_OVERLAYS).await;
}

/// One after the other, on a control plane of their own: what is installed for the cluster is there once.
async fn work(scopes: &[Scope]) {
    let plane = Arc::new(ControlPlane::start().unwrap());
    let crds = testbed::repository().join("deploy/crds").display().to_string();
    let kubectl = plane.kubectl().unwrap();
    kubectl.try_run(&["apply", "--server-side", "--kustomize", &crds]).unwrap();
    let established = ["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"];
    kubectl.try_run(&established).unwrap();
    for scope in scopes {
        println!("{}", scope.name);
        works(&plane, scope).await;
    }
}

async fn works(plane: &Arc<ControlPlane>, scope: &Scope) {
    let first = World::on(plane, scope.namespaces[0]).await;
    let others: Vec<World> = scope.namespaces[1..].iter().map(|name| first.beside(name)).collect();
    let mut worlds = vec![first];
    worlds.extend(others);
    let missing = scope.missing.map(|name| worlds[0].beside(name));
    let before = plane.requests().unwrap().len();
    let (namespace, name) = install(&worlds[0], scope);
    worlds[0].wait_until_creatable();
    if let Some(missing) = missing {
        missing.kubectl.try_run(&["delete", "namespace", &missing.namespace]).unwrap();
    }
    let options = as_deployed(&worlds[0], namespace, name);
    let replicas = worlds[0].kubectl.get("deployment", namespace, name).unwrap().unwrap();
    let replicas = replicas["spec"]["replicas"].as_u64().unwrap();
    let start = || (0..replicas).map(|_| Operator::start(plane, &options).unwrap()).collect::<Vec<_>>();
    let mut operators = start();
    let found = |world: &World, name: &str| {
        world.create_campaign(name, &json!({}));
        if let Some(label) = scope.label {
            world.run(&["label", "vcamp", name, label]);
        }
        world.wait_for_reason(name, "CampaignFound");
    };
    let deleted = |world: &World, name: &str| {
        world.delete(name);
        world.wait_until_gone(name);
        assert!(!world.in_kore(name), "{}", scope.name);
        assert_eq!(world.deletes(name).len(), 1, "{}", scope.name);
    };
    for world in &worlds {
        world.connect_all();
        if let Some(label) = scope.label {
            world.run(&["label", "kconn", "production", label]);
        }
        let name = format!("in-{}", world.namespace);
        found(world, &name);
        deleted(world, &name);
    }
    if scope.missing.is_none() {
        assert_nothing_is_refused(&plane.requests().unwrap()[before..], &options.service_account);
    }

    let (world, others) = worlds.split_first().unwrap();
    found(world, "one");
    found(world, "two");
    if !scope.keeps_its_rights {
        deleted(world, "one");
        deleted(world, "two");
        wait::until("the connection and its Secret are let go", PATIENCE, || {
            Ok((!world.run(&["get", "kconn,secrets", "--output=yaml"]).contains("in-use")).then_some(()))
        })
        .unwrap();
    }
    let outage = Fault::answer_delete(None, 503, r#"{"message":"maintenance"}"#);
    world.kore.add_fault(Fault { operation: None, ..outage });
    world.kubectl.try_run(&["delete", "namespace", &world.namespace, "--wait=false"]).unwrap();
    if scope.keeps_its_rights {
        world.wait_for("one", "its DELETE has failed", |object| {
            object["status"]["deletion"]["lastAnswer"].is_object()
        });
    }
    operators.iter_mut().for_each(|operator| assert!(operator.terminate().unwrap().success()));
    // Where it works in no other namespace, and this one is gone, it is not ready.
    operators = (0..replicas).map(|_| Operator::launch(plane, &options).unwrap()).collect();
    world.kore.clear_faults();
    wait::until("the namespace is gone", 2 * PATIENCE, || {
        let all = world.kubectl.try_run(&["get", "namespaces", "--output=name"])?;
        Ok((!all.lines().any(|name| name == format!("namespace/{}", world.namespace))).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{}: {error}: {}", scope.name, operators[0].output()));
    assert!(!world.in_kore("one") && !world.in_kore("two"), "{}", scope.name);
    for operator in &operators {
        let output = operator.output();
        assert!(!output.contains("was removed before Kore had confirmed"), "{}: {output}", scope.name);
    }
    for world in others {
        found(world, "afterwards");
        deleted(world, "afterwards");
    }
    drop(operators);
    uninstall(world, scope);
}

/// Installs the operator as an administrator does; namespace and name of its Deployment.
fn install(world: &World, scope: &Scope) -> (&'static str, &'static str) {
    match scope.installed_by {
        Chart(values) => {
            let chart = chart().display().to_string();
            let arguments = ["install", RELEASE, &chart, "--namespace", "release", "--create-namespace"];
            let values = ["--set", "crds.enabled=false", "--set", values];
            helm(world).run(&[&arguments[..], &values].concat()).unwrap();
            ("release", RELEASE)
        }
        Overlay(folder) => {
            let folder = testbed::repository().join("deploy").join(folder).display().to_string();
            world.kubectl.try_run(&["apply", "--server-side", "--kustomize", &folder]).unwrap();
            ("voicecampaign-system", RELEASE)
        }
        Renamed(folder) => {
            let manifests = Manifests::new();
            let folder = manifests.write_renamed(&[folder]);
            world.kubectl.try_run(&["apply", "--server-side", "--kustomize", &folder]).unwrap();
            ("moved", "our-voicecampaign-operator-x")
        }
    }
}

/// Removes what the next scope must not have.
fn uninstall(world: &World, scope: &Scope) {
    match scope.installed_by {
        Chart(_) => {
            helm(world).run(&["uninstall", RELEASE, "--namespace", "release", "--no-hooks"]).unwrap();
        }
        Overlay(folder) => {
            let folder = testbed::repository().join("deploy").join(folder).display().to_string();
            let delete = ["delete", "--ignore-not-found", "--kustomize", &folder];
            world.kubectl.try_run(&delete).unwrap();
        }
        // It is the last.
        Renamed(_) => {}
    }
}

fn helm(world: &World) -> Helm {
    Helm::on(&world.plane, 4).unwrap()
}

fn assert_nothing_is_refused(requests: &[Request], account: &ServiceAccount) {
    let own = requests.iter().filter(|request| request.user == account.user());
    let (refused, granted): (Vec<_>, Vec<_>) = own.partition(|request| request.code == 403);
    assert!(!granted.is_empty());
    assert!(refused.is_empty(), "{refused:#?}");
}
