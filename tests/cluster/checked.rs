//! `voicecampaign-operator check`, with the rights that `helm test` gives it, and no others.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use kore_simulator::Fault;
use serde_json::{Value, json};

use testbed::documents::{Check, blocks_for};
use testbed::{ControlPlane, Kubectl, Operator, operator, wait};

use crate::release::{RELEASE, as_deployed, finished, installed, installed_with};
use crate::support::*;

/// Whether everything holds, and what `check` says.
pub fn check(kubeconfig: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voicecampaign-operator"));
    finished(command.arg("check").args(arguments).env("KUBECONFIG", kubeconfig))
}

/// What `helm test` runs, as its ServiceAccount.
struct HelmTest {
    kubectl: Kubectl,
    arguments: Vec<String>,
}

impl HelmTest {
    /// Of the release of this world, with the rights that its hooks give.
    fn of(world: &World) -> Self {
        let hooks = world.helm().run(&["get", "hooks", RELEASE, "--namespace", &world.namespace]).unwrap();
        let hooks: Vec<Value> = serde_saphyr::from_multiple(&hooks).unwrap();
        let is_ours = |hook: &&Value| hook["metadata"]["annotations"]["helm.sh/hook"] == "test";
        let (pods, rights): (Vec<&Value>, Vec<&Value>) =
            hooks.iter().filter(is_ours).partition(|hook| hook["kind"] == "Pod");
        for object in rights {
            world.kubectl.apply(&object.to_string()).unwrap();
        }
        let pod = &pods[0]["spec"];
        let all = pod["containers"][0]["args"].as_array().unwrap().iter().filter_map(Value::as_str);
        // The Service leads to no Pod here.
        let some = all.skip(1).filter(|argument| !argument.starts_with("--admin-url="));
        let mut arguments: Vec<_> = some.map(str::to_owned).collect();
        arguments.push("--timeout-seconds=1".to_owned());
        Self { kubectl: world.kubectl_of(pod["serviceAccountName"].as_str().unwrap()), arguments }
    }

    fn run(&self) -> (bool, String) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        check(self.kubectl.kubeconfig(), &arguments)
    }
}

/// The operator of a release, at work with its rights, and its Deployment, which nothing controls here.
fn at_work(world: &World) -> Operator {
    operator::stand_for_pods(&world.plane, &world.namespace, RELEASE).unwrap();
    Operator::start(&world.plane, &as_deployed(world, &world.namespace, RELEASE)).unwrap()
}

/// What a controller would say of the Pods of the Deployment, in its newest version.
fn set_pods(world: &World, status: &Value) {
    let deployment = world.kubectl.get("deployment", &world.namespace, RELEASE).unwrap().unwrap();
    let mut status = status.clone();
    status["observedGeneration"] = deployment["metadata"]["generation"].clone();
    let patch = json!({"status": status}).to_string();
    world.run(&["patch", "deployment", RELEASE, "--subresource=status", "--type=merge", "-p", &patch]);
}

/// Whatever makes the policies do nothing, or hinder the operator, is told.
#[tokio::test(flavor = "multi_thread")]
async fn policies_that_do_not_hold_are_told() {
    let world = installed("checked").await;
    world.wait_for_policies();
    let _operator = at_work(&world);
    let test = HelmTest::of(&world);
    let check = || test.run();
    let (holds, said) = check();
    assert!(holds && said.contains("in effect: guard."), "{said}");

    let (validating, mutating) = ("validatingadmissionpolicy", "mutatingadmissionpolicy");
    let binding = format!("{validating}binding/guard");
    let warned = json!({"status": {"observedGeneration": 1, "typeChecking": {"expressionWarnings":
        [{"fieldRef": "spec.validations[0].expression", "warning": "undefined field 'x'"}]}}});
    let broken = [
        (binding.clone(), json!({"spec": {"policyName": "nowhere"}}), "nowhere does not exist"),
        (
            binding.clone(),
            json!({"spec": {"policyName": "nowhere"}}),
            "no ValidatingAdmissionPolicyBinding names",
        ),
        (binding.clone(), json!({"spec": {"validationActions": ["Audit"]}}), "denies nothing"),
        (
            binding,
            json!({"spec": {"paramRef": {"name": "default"}}}),
            "names the ServiceAccount checked/default",
        ),
        (
            format!("{mutating}binding/finalizer"),
            json!({"spec": {"paramRef": {"namespace": "elsewhere"}}}),
            "names the ServiceAccount elsewhere/voicecampaign-operator",
        ),
        (format!("{validating}/guard"), json!({"spec": {"failurePolicy": "Ignore"}}), "admits every request"),
        (format!("{validating}/protect"), warned, "undefined field 'x'"),
        // It is bound, but not here: only a dry run shows that.
        (
            format!("{mutating}binding/finalizer"),
            json!({"spec": {"matchResources": {"namespaceSelector": {"matchLabels": {"nobody": "has-this"}}}}}),
            "without its finalizer",
        ),
    ];
    let served = |object: &str| serves_mutating_policies() || !object.starts_with(mutating);
    for (object, patch, words) in broken.into_iter().filter(|(object, ..)| served(object)) {
        let object = format!("{object}.{RELEASE}.checked");
        let before = world.run(&["get", &object, "--output=json"]);
        let subresource = if patch["status"].is_null() { "" } else { "status" };
        let subresource = format!("--subresource={subresource}");
        world.run(&["patch", &object, "--type=merge", "-p", &patch.to_string(), &subresource]);
        // The API server takes a moment to keep a policy otherwise.
        wait::until(&format!("the check tells of {patch}"), PATIENCE, || {
            let (holds, said) = check();
            Ok((!holds && said.contains(words)).then_some(()))
        })
        .unwrap();
        let mut before: Value = serde_json::from_str(&before).unwrap();
        before["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        before.as_object_mut().unwrap().remove("status");
        world.kubectl.pipe(&["replace", "--filename", "-", &subresource], &before.to_string()).unwrap();
    }
    let (holds, said) = check();
    assert!(holds, "{said}");
    world.run(&["delete", &format!("{validating}binding/protect.{RELEASE}.checked")]);
    let (_, said) = check();
    assert!(said.contains("protect.voicecampaign-operator.checked has no effect, because no"), "{said}");
    world.run(&["delete", &format!("{validating}/protect.{RELEASE}.checked")]);
    let (_, said) = check();
    assert!(said.contains("the policy protect.voicecampaign-operator.checked does not exist"), "{said}");

    // Whoever may not read them is told so, and that is all.
    world.run(&["delete", "clusterrolebinding", &format!("policies.{RELEASE}-check.checked")]);
    let (holds, said) = check();
    let hidden = "not checked  policies     whether the admission policies are in effect";
    assert!(holds && said.contains(hidden), "{said}");
}

/// One page says whether all is well, and what is not; with the rights of `helm test`, which are those of
/// some namespaces, or of all.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_how_an_installation_is() {
    // Without ClusterRoles, as who administers one namespace installs it.
    let one =
        ["rbac.clusterRoles=false", "admissionPolicies.validating=false", "admissionPolicies.mutating=false"];
    the_page_of(&installed_with("page-of-one", &one).await);
    let plane = Arc::new(ControlPlane::start().unwrap());
    let world = World::on(&plane, "page-of-all").await;
    world.install(&["watchNamespaces=null,crds.enabled=true"]);
    wait::until("the definitions are served", PATIENCE, || Ok(world.try_run(&["get", "kconn,vcamp"]).ok()))
        .unwrap();
    world.connect_all();
    world.wait_until_creatable();
    the_page_of(&world);
    the_documented_page(&world);
}

/// The page that docs/install.md shows is one that a reader sees, but for names and numbers.
fn the_documented_page(world: &World) {
    let blocks = blocks_for(Check::Text).unwrap();
    let documented: Vec<_> = blocks.iter().filter(|block| block.text.contains(" leads\n")).collect();
    let [documented] = documented[..] else { panic!("not one page: {documented:?}") };
    // The page is of a release that works, one of whose connections lacks its Secret.
    let (_operator, test) = (at_work(world), HelmTest::of(world));
    world.patch_spec("suspended", &json!({"deletionPolicy": "Orphan"}));
    world.wait_until_gone("suspended");
    world.apply(&json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
        "metadata": {"name": "kore"}, "spec": {"host": world.kore.url(), "accountId": "another",
        "credentialsSecretRef": {"name": "kore-jwt-app-2"}}}));
    world.create_found("waiting");
    world.kore.add_fault(Fault::answer_delete(None, 503, "{}"));
    world.delete("waiting");
    let mut page = String::new();
    wait::until("the page of the document", PATIENCE, || {
        page = test.run().1;
        let is_shown = page.lines().count() == documented.text.lines().count()
            && documented.text.lines().zip(page.lines()).all(|(shown, line)| reads_like(shown, line));
        Ok(is_shown.then_some(()))
    })
    .unwrap_or_else(|error| {
        panic!("{error}: {documented} shows\n{}and the page is\n{page}", documented.text)
    });
    // Who may look everywhere also sees what is in a namespace in which no operator works any more.
    world.run(&["set", "env", &format!("deployment/{RELEASE}"), "WATCH_NAMESPACES=elsewhere"]);
    let (_, said) = check(world.kubectl.kubeconfig(), &["--namespace=page-of-all", "--timeout-seconds=1"]);
    assert!(said.contains("/waiting: ServiceUnavailable, and no operator works for it now"), "{said}");
    let (_, said) = test.run();
    assert!(!said.contains("/waiting: "), "{said}");
}

/// Whether a line is the one that is shown, but for names, numbers and reasons; `[…]` is where the shown one
/// is cut.
fn reads_like(shown: &str, line: &str) -> bool {
    let is_a_name = |word: &str| {
        let word = word.trim_end_matches(['.', ',', ':']);
        let is_camel_case = word.chars().skip(1).any(char::is_uppercase) && word.contains(char::is_lowercase);
        is_camel_case || word.contains(|char: char| char.is_ascii_digit() || "/-.".contains(char))
    };
    let cut = shown.trim_end_matches("[…]");
    let (words, found) = (cut.split_whitespace(), line.split_whitespace());
    let is_whole = cut.len() < shown.len() || words.clone().count() == found.clone().count();
    is_whole
        && words.clone().count() <= found.clone().count()
        && words.zip(found).all(|(word, found)| word == found || is_a_name(word) && word != "-")
}

#[test]
fn a_line_reads_like_another_whose_names_differ() {
    let shown = "  - support/kore is not usable: CredentialsMissing: The Secret kore-jwt-app does not exist.";
    assert!(reads_like(shown, "  - a/b is not usable: X: The Secret c does not exist."));
    assert!(!reads_like(shown, "  - a/b is not usable: X: The Secret c is forbidden."));
    assert!(!reads_like(shown, "  * a/b is not usable: X: The Secret c does not exist."));
    assert!(
        reads_like("in effect: a.b, […]", "in effect: c.d, e.f") && !reads_like("in effect:", "in effect: c")
    );
}

fn the_page_of(world: &World) {
    let name = &world.namespace;
    let test = HelmTest::of(world);
    let tells = |what: &str| {
        let mut said = (true, String::new());
        wait::until(&format!("{name}: the page says `{what}`"), PATIENCE, || {
            said = test.run();
            Ok(said.1.contains(what).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {}", said.1));
        said
    };
    // Definitions that are new take a moment to work.
    let (holds, said) = tells("does not work; see above: operator, leader");
    assert!(!holds && said.contains("has no ready Pod"), "{said}");
    assert!(said.contains("FAILED       leader       there is no Lease"), "{said}");

    // Nobody renews it.
    world.apply(
        &json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": RELEASE},
        "spec": {"holderIdentity": "gone_1", "renewTime": "2100-01-01T00:00:00.000000Z"}}),
    );
    tells("gone_1 holds the Lease");

    let _operator = at_work(world);
    let (holds, said) = tells("All is well.");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("ok ")).collect();
    assert!(holds && lines.len() == 8, "{said}");
    assert!(said.contains(" leads\n") && said.contains("has its rights in"), "{said}");

    // Each right counts, and each is asked for as the operator's.
    let binding = if name == "page-of-all" { "clusterrolebinding" } else { "rolebinding" };
    let manifest = world.run(&["get", binding, RELEASE, "--output=json"]);
    world.run(&["delete", binding, RELEASE]);
    let (holds, said) = tells("FAILED       rights");
    assert!(
        !holds && said.contains("- patch voicecampaigns/status") && said.contains("- get secrets"),
        "{said}"
    );
    let mut manifest: Value = serde_json::from_str(&manifest).unwrap();
    let metadata = manifest["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| ["name", "namespace", "labels", "annotations"].contains(&field.as_str()));
    world.apply(&manifest);
    tells("All is well.");

    // A new version that does not start.
    let conditions =
        json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
    set_pods(
        world,
        &json!({"replicas": 2, "readyReplicas": 1, "updatedReplicas": 1, "conditions": conditions}),
    );
    tells("does not start; an older one runs");
    set_pods(world, &json!({"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "conditions": []}));

    world.create_found("suspended");
    world.patch_spec("suspended", &json!({"suspend": true}));
    world.delete("suspended");
    let (holds, said) = tells("attention    deletions");
    assert!(holds && said.contains(&format!("{name}/suspended: Suspended")), "{said}");
}

/// A definition that lacks a field, as after an upgrade without the definitions, is told from this
/// operator's.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_of_another_version_are_told() {
    let world = World::alone("definitions").await;
    let run = || check(world.kubectl.kubeconfig(), &["--namespace=definitions", "--timeout-seconds=1"]);
    let (_, said) = run();
    assert!(said.contains("the API server knows every field"), "{said}");
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/deletionBrake";
    let older = json!([{"op": "remove", "path": path}]).to_string();
    world.run(&["patch", "crd", "koreconnections.voicecampaign.dev", "--type=json", "-p", &older]);
    wait::until("the page tells of the field", PATIENCE, || {
        let (holds, said) = run();
        let told = said.contains("- KoreConnection.spec.deletionBrake.maxPerHour");
        Ok((!holds && told).then_some(()))
    })
    .unwrap();
    // What a policy of somebody else denies says nothing of the definitions.
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "labelled"}, "spec": {"failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{"apiGroups": ["voicecampaign.dev"], "apiVersions": ["*"],
                "operations": ["CREATE"], "resources": ["voicecampaigns"]}]},
            "validations": [{"expression": "has(object.metadata.labels)", "message": "give it the label team"}]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "labelled"}, "spec": {"policyName": "labelled", "validationActions": ["Deny"]}});
    world.apply(&policy);
    world.apply(&binding);
    wait::until("the page tells who denies the dry run", PATIENCE, || {
        let (_, said) = run();
        Ok(said.contains("admission denies it").then_some(()))
    })
    .unwrap();
}

/// Who may look at nothing is told so, part by part, and never that something is well or broken.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_look_is_told_so() {
    let world = installed("unseen").await;
    world.run(&["create", "serviceaccount", "nobody"]);
    let nobody = world.kubectl_of("nobody");
    let (holds, said) = check(nobody.kubeconfig(), &["--namespace=unseen", "--timeout-seconds=1"]);
    let parts =
        ["operator", "definitions", "rights", "policies", "leader", "connections", "deletions", "campaigns"];
    for part in parts {
        let unseen = format!("not checked  {part} ");
        assert!(said.lines().any(|line| line.starts_with(&unseen)), "{part}: {said}");
    }
    // To say that all is well would be true of nothing.
    assert!(!holds && !said.contains("\nok ") && !said.contains("FAILED"), "{said}");
    assert!(said.contains("nothing could be checked"), "{said}");
    assert!(said.contains("deployments.apps is forbidden"), "{said}");
    // Of an operator that is reached elsewhere, too: the API server has not said that there is no Deployment.
    let (_, said) = check(
        nobody.kubeconfig(),
        &["--namespace=unseen", "--timeout-seconds=1", "--admin-url=http://127.0.0.1:1"],
    );
    assert!(said.contains("not checked  operator ") && said.contains("FAILED       operator "), "{said}");
}
