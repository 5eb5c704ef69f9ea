//! The raw manifests, renamed and moved by the kustomize that is in kubectl.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use testbed::{ControlPlane, Operator, operator};

use crate::checked::check;
use crate::release::as_deployed;
use crate::support::*;

/// A copy of `deploy/`, with kustomizations of somebody else beside it.
pub struct Manifests(tempfile::TempDir);

impl Manifests {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let deploy = testbed::repository().join("deploy");
        assert!(Command::new("cp").arg("-r").args([&deploy, folder.path()]).status().unwrap().success());
        Self(folder)
    }

    /// The folder of a kustomization.
    fn write(&self, name: &str, kustomization: &Value) -> String {
        let folder = self.0.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("kustomization.yaml"), kustomization.to_string()).unwrap();
        folder.display().to_string()
    }

    /// Some folders of `deploy/`, in another namespace and with other names.
    pub fn write_renamed(&self, folders: &[&str]) -> String {
        let resources: Vec<String> = folders.iter().map(|folder| format!("../deploy/{folder}")).collect();
        let mut kustomization = json!({"namespace": "moved", "namePrefix": "our-", "nameSuffix": "-x",
            "resources": resources});
        if folders == ["overlays/namespaced"] {
            kustomization["transformers"] = json!(["../deploy/names/watched"]);
        }
        self.write(&folders.join("+").replace('/', "-"), &kustomization)
    }
}

const POLICIES: [&str; 2] = ["policies/guard", "policies/finalizer"];

/// Whoever moves and renames everything has policies that know the operator by its new name; and a connection
/// that names the Secret which kustomize has made.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_installation_is_guarded() {
    let plane = Arc::new(ControlPlane::start().unwrap());
    let world = World::on(&plane, "campaigns").await;
    world.kubectl.try_run(&["create", "namespace", "moved"]).unwrap();
    let (apply, manifests) = (["apply", "--server-side", "--kustomize"], Manifests::new());
    let run = |arguments: &[&str]| world.kubectl.try_run(arguments).unwrap();
    let operator_and_policies = ["overlays/high-availability", POLICIES[0], POLICIES[1]];
    let apart = [["crds"]].into_iter().chain(operator_and_policies.map(|folder| [folder]));
    let apart: Vec<String> = apart.map(|folder| manifests.write_renamed(&folder)).collect();
    for folder in &apart {
        run(&[&apply[..], &[folder]].concat());
    }
    run(&["wait", "--for=condition=Established", "--timeout=30s", "crd/voicecampaigns.voicecampaign.dev"]);
    world.wait_for_policies();
    for folders in
        [&["overlays/cluster-wide"][..], &["overlays/namespaced"], &["samples"], &operator_and_policies]
    {
        let folder = manifests.write_renamed(folders);
        let dry = ["--dry-run=server", "--validate=strict", "--force-conflicts"];
        run(&[&apply[..], &[&folder], &dry].concat());
        if folders == operator_and_policies {
            // One kustomization renders what several do.
            let render = |folder: &String| objects(&run(&["kustomize", folder]));
            let mut both = [apart[1..].iter().flat_map(render).collect(), render(&folder)];
            both.iter_mut().for_each(|objects| objects.sort_by_key(Value::to_string));
            assert_eq!(both[0], both[1]);
            // Another installation in the same namespace does not stand by for this one.
            let one = |kind: &str, name: &str| {
                both[0]
                    .iter()
                    .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
                    .unwrap()
            };
            let operator = one("Deployment", "our-voicecampaign-operator-x");
            let env = operator["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
            let lease = env.iter().find(|variable| variable["name"] == "LEASE_NAME").unwrap();
            assert_eq!(lease["valueFrom"]["fieldRef"]["fieldPath"], "spec.serviceAccountName");
            assert!(lease["value"].is_null());
            assert_eq!(
                operator["spec"]["template"]["spec"]["serviceAccountName"],
                "our-voicecampaign-operator-x"
            );
            let rules = &one("Role", "our-voicecampaign-operator-lease-x")["rules"];
            assert_eq!(rules[0]["resourceNames"], json!(["our-voicecampaign-operator-x"]));
        }
    }
    // What stands beside ours, and only sounds like a reference, keeps its words.
    let beside = manifests.write(
        "beside",
        &json!({"namePrefix": "our-", "resources": ["../deploy/overlays/cluster-wide", "app.yaml"]}),
    );
    let container = json!({"name": "app", "env": [{"name": "POSTGRES_USER", "value": "postgres"}]});
    let app = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "postgres"},
        "spec": {"template": {"spec": {"containers": [container]}}}});
    std::fs::write(std::path::Path::new(&beside).join("app.yaml"), app.to_string()).unwrap();
    let rendered = objects(&run(&["kustomize", &beside]));
    let app = rendered.iter().find(|object| object["metadata"]["name"] == "our-postgres").unwrap();
    assert_eq!(app["spec"]["template"]["spec"]["containers"][0], container);

    let samples = testbed::samples::Samples::read().unwrap();
    world.kore.seed(samples.campaign.clone(), &json!({}));
    let host = json!([{"op": "replace", "path": "/spec/host", "value": world.kore.url()}]);
    let literals = [format!("clientId={CLIENT_ID}"), format!("clientSecret={CLIENT_SECRET}")];
    let own = manifests.write(
        "own",
        &json!({"namespace": "campaigns", "namePrefix": "team-",
            "resources": ["connection.yaml", "campaign.yaml"], "components": ["../deploy/names"],
            "secretGenerator": [{"name": "kore-jwt-app", "literals": literals}],
            "patches": [{"target": {"kind": "KoreConnection"}, "patch": host.to_string()}]}),
    );
    for file in ["connection.yaml", "campaign.yaml"] {
        let sample = manifests.0.path().join("deploy/samples").join(file);
        std::fs::copy(sample, std::path::Path::new(&own).join(file)).unwrap();
    }
    let _operator =
        Operator::start(&plane, &as_deployed(&world, "moved", "our-voicecampaign-operator-x")).unwrap();
    run(&[&apply[..], &[&own]].concat());
    let name = format!("team-{}", samples.name);
    world.wait_for_reason(&name, "CampaignFound");
    let strip = ["patch", "vcamp", &name, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#];
    let refused = world.try_run(&strip).unwrap_err().to_string();
    assert!(refused.contains("must not be removed by hand"), "{refused}");
    world.run(&["annotate", "vcamp", &name, "voicecampaign.dev/protect=true"]);
    let refused = world.try_run(&["delete", "vcamp", &name]).unwrap_err().to_string();
    assert!(refused.contains("is protected"), "{refused}");
    world.run(&["annotate", "vcamp", &name, "voicecampaign.dev/protect-"]);
    // The operator may take off what nobody else may.
    world.delete(&name);
    world.wait_until_gone(&name);
    assert!(!world.kore.campaigns().contains(&samples.campaign));

    operator::stand_for_pods(&plane, "moved", "our-voicecampaign-operator-x").unwrap();
    let check = || check(world.kubectl.kubeconfig(), &["--namespace=campaigns", "--timeout-seconds=1"]);
    let (holds, said) = check();
    assert!(holds && said.contains("in effect: ") && said.contains("All is well."), "{said}");
    // A kustomization may have labels of its own for everything.
    let mut kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings".to_owned();
    if serves_mutating_policies() {
        kinds += ",mutatingadmissionpolicies,mutatingadmissionpolicybindings";
    }
    let other = ["--all", "--overwrite", "app.kubernetes.io/part-of=outbound"];
    run(&[&["label", &kinds], &other[..]].concat());
    run(&[&["label", "deployment", "--namespace=moved"], &other[..]].concat());
    let (holds, said) = check();
    assert!(holds && said.contains("in effect: ") && said.contains("All is well."), "{said}");
    // Policies that were not renamed with the operator.
    let guard = manifests.0.path().join("deploy/policies/guard").display().to_string();
    run(&[&apply[..], &[&guard]].concat());
    let (holds, said) = check();
    let words = [
        "voicecampaign-system/voicecampaign-operator as the operator's",
        "operators run as moved/our-voicecampaign-operator-x",
    ];
    assert!(!holds && words.iter().all(|words| said.contains(words)), "{said}");
}

/// The objects of some manifests.
fn objects(manifests: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(manifests).unwrap()
}
