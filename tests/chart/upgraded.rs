//! What an upgrade does and refuses on a real API server. No operator runs: kubectl adds the finalizers that
//! an operator would add.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use testbed::{ControlPlane, Kubectl, wait};

use crate::support::*;

const PATIENCE: Duration = Duration::from_secs(60);
/// The namespace of the release that installed the CRDs.
const DEFINITIONS: &str = "definitions";

/// One control plane for all tests. Its CRDs belong to a release with `crds.keep` false.
fn plane() -> &'static ControlPlane {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| {
        let plane = ControlPlane::start().unwrap();
        let release = Release { namespace: DEFINITIONS.to_owned(), kubectl: plane.kubectl().unwrap() };
        release.kubectl.try_run(&["create", "namespace", DEFINITIONS]).unwrap();
        let values = ["watchNamespaces={definitions}", "crds.enabled=true,crds.keep=false"];
        release.set_up(&plane, 4, "install", &values).unwrap();
        let established = ["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"];
        release.kubectl.try_run(&established).unwrap();
        plane
    })
}

/// A release in a namespace of its own.
struct Release {
    namespace: String,
    kubectl: Kubectl,
}

impl Release {
    /// Installs the chart with these values, and creates more namespaces, named `<its own>-<this>`.
    fn new(namespace: &str, beside: &[&str], values: &[&str]) -> Self {
        let release = Self { namespace: namespace.to_owned(), kubectl: plane().kubectl().unwrap() };
        release.kubectl.try_run(&["create", "namespace", namespace]).unwrap();
        for name in beside {
            release.kubectl.try_run(&["create", "namespace", &format!("{namespace}-{name}")]).unwrap();
        }
        release.set_up(plane(), 4, "install", values).unwrap();
        release
    }

    fn set_up(
        &self,
        plane: &ControlPlane,
        major: u8,
        command: &str,
        values: &[&str],
    ) -> Result<String, String> {
        self.by(&Helm::on(plane, major).unwrap(), command, values)
    }

    fn by(&self, helm: &Helm, command: &str, values: &[&str]) -> Result<String, String> {
        let chart = chart().display().to_string();
        let small = "rbac.aggregateRoles=false,crds.enabled=false";
        let mut arguments = vec![command, RELEASE, &chart, "--namespace", &self.namespace, "--set", small];
        arguments.extend(values.iter().flat_map(|value| ["--set", value]));
        helm.run(&arguments).map_err(|error| error.to_string())
    }

    /// helm as a user who may change the objects of a release, including those of these API groups, but may
    /// not read namespaces.
    fn deployer(&self, groups: &[&str]) -> Helm {
        let name = format!("deployer-{}-{}", self.namespace, groups.len());
        let groups = [groups, &["apps", "batch", "policy", "admissionregistration.k8s.io"]].concat();
        let core = ["secrets", "services", "serviceaccounts", "configmaps"];
        let group = "rbac.authorization.k8s.io";
        let objects = [
            json!({"apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"name": name, "namespace": self.namespace}}),
            json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": {"name": name}, "rules": [
                {"apiGroups": groups, "resources": ["*"], "verbs": ["*"]},
                {"apiGroups": [""], "resources": core, "verbs": ["*"]}]}),
            json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": name},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.namespace}]}),
        ];
        for object in objects {
            self.kubectl.apply(&object.to_string()).unwrap();
        }
        let token = ["create", "token", &name, "--duration=1h", "--namespace", &self.namespace];
        let token = self.kubectl.try_run(&token).unwrap();
        let kubeconfig = plane().kubeconfig_for_token(&name, &self.namespace, token.trim(), None).unwrap();
        Helm::with(kubeconfig, 4).unwrap()
    }

    fn upgrade(&self, values: &[&str]) -> Result<String, String> {
        self.set_up(plane(), 4, "upgrade", values)
    }

    /// The message of an upgrade that the chart refuses, before helm changes anything.
    fn refused(&self, values: &[&str]) -> String {
        let said = self.upgrade(values).expect_err("the upgrade is refused");
        assert!(said.contains("execution error at"), "{said}");
        said
    }

    fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.kubectl.get(kind, namespace, name).unwrap()
    }

    fn binding(&self, namespace: &str) -> Option<Value> {
        self.get("rolebinding", namespace, RELEASE)
    }

    /// Adds the operator's finalizer to the RoleBinding in a namespace, or removes it.
    fn hold(&self, namespace: &str, held: bool) {
        let finalizers = if held { json!(["voicecampaign.dev/in-use"]) } else { Value::Null };
        let patch = json!({"metadata": {"finalizers": finalizers}}).to_string();
        let patch = ["patch", "rolebinding", RELEASE, "--namespace", namespace, "--type=merge", "-p", &patch];
        self.kubectl.try_run(&patch).unwrap();
    }

    fn variable(&self, name: &str) -> Option<String> {
        let deployment = self.get("deployment", &self.namespace, RELEASE).unwrap();
        let all = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
        let found = all.into_iter().find(|variable| variable["name"] == name)?;
        Some(found["value"].as_str().unwrap().to_owned())
    }
}

/// Creates a VoiceCampaign. For up to 5 s after the CRD is created, the API server answers 503 where a policy
/// would mutate.
fn create(release: &Release, campaign: &Value) {
    let created = || Ok(release.kubectl.apply(&campaign.to_string()).ok());
    wait::until("the VoiceCampaign is created", PATIENCE, created).unwrap();
}

/// While a namespace is being deleted and waits for Kore, the release can be upgraded, and the operator keeps
/// its rights there. No message asks the user to remove these rights, because nobody could create them again.
#[test]
fn a_namespace_that_is_being_deleted_holds_up_no_upgrade() {
    let watched = "watchNamespaces={dying-a,dying-b}";
    let release = Release::new("dying", &["a", "b"], &[watched]);
    release.hold("dying-a", true);
    // A user who may not read namespaces can upgrade as long as none is being deleted.
    let deployer = release.deployer(&["rbac.authorization.k8s.io"]);
    release.by(&deployer, "upgrade", &[watched]).unwrap();

    release.kubectl.try_run(&["delete", "namespace", "dying-a", "--wait=false"]).unwrap();
    let uninstall = format!("{RELEASE}-uninstall");
    wait::until("the rights that nobody holds are gone", PATIENCE, || {
        let is_gone = ["role", "rolebinding"].map(|kind| release.get(kind, "dying-a", &uninstall).is_none());
        let held = release.binding("dying-a").unwrap();
        Ok((is_gone == [true; 2] && held["metadata"]["deletionTimestamp"].is_string()).then_some(()))
    })
    .unwrap();
    let said = release.by(&deployer, "upgrade", &[watched]).unwrap_err();
    assert!(said.contains(r#"namespaces "dying-a" is forbidden"#), "{said}");
    for (major, level) in [(3, "debug"), (4, "warn")] {
        let level = format!("logLevel={level}");
        release.set_up(plane(), major, "upgrade", &[watched, &level]).unwrap();
        assert_eq!(release.variable("LOG_LEVEL").unwrap(), level["logLevel=".len()..], "helm {major}");
        assert_eq!(release.variable("WATCH_NAMESPACES").unwrap(), "dying-a,dying-b", "helm {major}");
        let held = release.binding("dying-a").unwrap();
        assert_eq!(held["metadata"]["finalizers"], json!(["voicecampaign.dev/in-use"]), "helm {major}");
        for kind in ["role", "rolebinding"] {
            assert!(release.get(kind, "dying-b", &uninstall).is_some(), "helm {major}: {kind}");
        }
        // The hooks of `helm test` create nothing in the terminating namespace either.
        let hooks = ["get", "hooks", RELEASE, "--namespace", &release.namespace];
        let hooks = Helm::on(plane(), major).unwrap().run(&hooks).unwrap();
        assert!(hooks.contains("--namespace=dying-b"), "helm {major}: {hooks}");
        assert!(!hooks.contains(r#"namespace: "dying-a""#), "helm {major}: {hooks}");
    }
    for values in ["watchNamespaces={dying-b}", "watchNamespaces=null"]
        .map(|one| vec![one])
        .into_iter()
        .chain(["rbac.create=false", "rbac.clusterRoles=false"].map(|one| vec![watched, one]))
    {
        let said = release.refused(&values);
        assert!(said.contains("dying-a") && said.contains("wait until the namespace is gone"), "{said}");
        assert!(!said.contains("kubectl patch"), "{said}");
    }
    // The last campaign is gone, and the namespace is created again.
    release.hold("dying-a", false);
    wait::until("the namespace is gone", PATIENCE, || {
        let all = release.kubectl.try_run(&["get", "namespaces", "--output=name"])?;
        Ok((!all.contains("namespace/dying-a")).then_some(()))
    })
    .unwrap();
    release.kubectl.try_run(&["create", "namespace", "dying-a"]).unwrap();
    release.upgrade(&[watched]).unwrap();
    assert!(release.binding("dying-a").is_some(), "it has its rights there again");
    assert!(release.get("rolebinding", "dying-a", &uninstall).is_some());
}

/// An upgrade is refused if it would leave a RoleBinding with a finalizer that no operator removes, because
/// the operator no longer watches the namespace or gets other rights.
#[test]
fn no_held_binding_is_left_behind() {
    let watched = "watchNamespaces={held,held-b}";
    let release = Release::new("held", &["b"], &[watched]);
    release.hold("held-b", true);
    for values in [&["watchNamespaces={held}"][..], &[watched, "rbac.create=false"]] {
        let said = release.refused(values);
        assert!(said.contains("held-b is held") && said.contains("kubectl patch rolebinding"), "{said}");
    }
    // A RoleBinding that is being deleted can be created again only when it is gone.
    release
        .kubectl
        .try_run(&["delete", "rolebinding", RELEASE, "--namespace=held-b", "--wait=false"])
        .unwrap();
    let said = release.refused(&[watched]);
    assert!(said.contains("held-b is being deleted") && said.contains("kubectl patch rolebinding"), "{said}");
    release.hold("held-b", false);
    release.upgrade(&[watched]).unwrap();
    assert!(release.binding("held-b").is_some());
    // Without the finalizer the RoleBinding is deleted, and the operator no longer gets the name of one.
    release.upgrade(&[watched, "rbac.create=false"]).unwrap();
    assert!(release.binding("held-b").is_none());
    assert_eq!(release.variable("ROLE_BINDING"), None);
    // With RoleBindings of the user's own, the upgrade reads no RoleBinding.
    let own = [watched, "rbac.create=false,extraEnv[0].name=ROLE_BINDING,extraEnv[0].value=own"];
    for _ in 0..2 {
        release.by(&release.deployer(&[]), "upgrade", &own).unwrap();
    }
    assert_eq!(release.variable("ROLE_BINDING").unwrap(), "own");
    // Only an operator that knows their name removes its finalizer from them.
    let role = ["create", "rolebinding", "own", "--clusterrole=view", "--group=nobody", "--namespace=held-b"];
    release.kubectl.try_run(&role).unwrap();
    let hold = r#"{"metadata":{"finalizers":["voicecampaign.dev/in-use"]}}"#;
    let hold = ["patch", "rolebinding", "own", "--namespace=held-b", "--type=merge", "-p", hold];
    release.kubectl.try_run(&hold).unwrap();
    release.upgrade(&own).unwrap();
    for values in [&[watched][..], &[watched, "rbac.create=false"]] {
        let said = release.refused(values);
        assert!(said.contains("held-b is held") && said.contains("patch rolebinding own"), "{said}");
    }
}

/// An upgrade that would have helm delete the CRDs is refused as long as there are VoiceCampaigns.
#[test]
fn an_upgrade_deletes_no_definitions() {
    let plane = plane();
    let release = Release { namespace: DEFINITIONS.to_owned(), kubectl: plane.kubectl().unwrap() };
    let campaign = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
        "metadata": {"name": "renewal", "namespace": DEFINITIONS},
        "spec": {"connectionRef": {"name": "production"}, "streamId": "st-1", "campaignId": "cd-1"}});
    create(&release, &campaign);
    let watched = "watchNamespaces={definitions}";
    for keep in ["crds.keep=true", "crds.keep=false"] {
        let said = release.refused(&[watched, keep]);
        assert!(said.contains("upgrade with `crds.enabled=true` and `crds.keep=true` first"), "{said}");
    }
    let kept = ["crds.enabled=true,crds.keep=true", "crds.enabled=false"];
    for values in kept {
        release.upgrade(&[watched, values]).unwrap();
    }
    assert!(release.get("voicecampaign", DEFINITIONS, "renewal").is_some());
}

/// A release that is scaled to zero or being deleted takes over no VoiceCampaign.
#[test]
fn what_does_not_work_takes_nothing_over() {
    let watched = "watchNamespaces={switched}";
    let release = Release::new("switched", &[], &[watched, "selector=shard=a"]);
    let campaign = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
        "metadata": {"name": "renewal", "namespace": "switched", "labels": {"shard": "a"},
            "finalizers": ["voicecampaign.dev/remote-campaign"]},
        "spec": {"connectionRef": {"name": "production"}, "streamId": "st-1", "campaignId": "cd-1"}});
    create(&release, &campaign);
    let chart = chart().display().to_string();
    let other = "watchNamespaces={switched},rbac.aggregateRoles=false,crds.enabled=false,selector=shard=a";
    let helm = Helm::on(plane(), 4).unwrap();
    helm.run(&["install", "other", &chart, "--namespace", "switched", "--set", other, "--set", "replicas=0"])
        .unwrap();
    let name = "other-voicecampaign-operator";
    let moved = [watched, "selector=shard=b"];
    assert!(release.refused(&moved).contains("VoiceCampaign switched/renewal"));
    let patch = |kind: &str, patch: &str| {
        let all = ["patch", "deployment", name, "--namespace=switched", kind, "-p", patch];
        release.kubectl.try_run(&all).unwrap();
    };
    patch("--type=merge", r#"{"spec":{"replicas":1},"metadata":{"finalizers":["example.com/stays"]}}"#);
    release.kubectl.try_run(&["delete", "deployment", name, "--namespace=switched", "--wait=false"]).unwrap();
    assert!(release.refused(&moved).contains("VoiceCampaign switched/renewal"));
    patch("--type=merge", r#"{"metadata":{"finalizers":null}}"#);
    helm.run(&["upgrade", "other", &chart, "--namespace", "switched", "--set", other]).unwrap();
    release.upgrade(&moved).unwrap();
}
