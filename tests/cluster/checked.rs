//! `voicecampaign-operator check`, with the rights that `helm test` gives it, and none else.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use testbed::wait;

use crate::release::{RELEASE, finished, installed};
use crate::support::*;

/// Whether everything holds, and what `check` says.
pub fn check(kubeconfig: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voicecampaign-operator"));
    finished(command.arg("check").args(arguments).env("KUBECONFIG", kubeconfig))
}

/// Whatever makes the policies do nothing, or hinder the operator, is told.
#[tokio::test(flavor = "multi_thread")]
async fn policies_that_do_not_hold_are_told() {
    let world = installed("checked").await;
    world.wait_for_policies();
    let hooks = world.helm().run(&["get", "hooks", RELEASE, "--namespace", &world.namespace]).unwrap();
    let hooks: Vec<Value> = serde_saphyr::from_multiple(&hooks).unwrap();
    let is_ours = |hook: &&Value| hook["metadata"]["annotations"]["helm.sh/hook"] == "test";
    let (pods, rights): (Vec<&Value>, Vec<&Value>) =
        hooks.iter().filter(is_ours).partition(|hook| hook["kind"] == "Pod");
    for object in rights {
        world.kubectl.apply(&object.to_string()).unwrap();
    }
    let pod = &pods[0]["spec"];
    let arguments: Vec<&str> =
        pod["containers"][0]["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    // The Service leads to no Pod here.
    let arguments: Vec<&str> =
        arguments.into_iter().skip(1).filter(|argument| !argument.starts_with("--admin-url=")).collect();
    let kubectl = world.kubectl_of(pod["serviceAccountName"].as_str().unwrap());
    let check = || check(kubectl.kubeconfig(), &arguments);
    let (holds, said) = check();
    assert!(holds && said.contains("ok: the admission policies are in effect"), "{said}");

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
    assert!(holds && said.contains("not checked: whether the admission policies are in effect"), "{said}");
}
