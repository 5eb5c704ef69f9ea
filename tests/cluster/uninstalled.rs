//! What the chart does before it is uninstalled: the hook's own objects and arguments, with its rights. That it runs as a Job, the tests on
//! the node show.

use std::process::Command;

use kore_simulator::Fault;
use serde_json::{Value, json};
use testbed::{Operator, wait};

use crate::release::{RELEASE, all_policies, installed_with};
use crate::support::*;

impl World {
    /// Runs the pre-delete hook of the release; what it printed, and whether it lets the uninstall go on.
    fn prepare_uninstall(&self) -> (bool, String) {
        self.prepare_uninstall_but_for(&[], &[])
    }

    /// The same without the arguments that begin so, and with others.
    fn prepare_uninstall_but_for(&self, without: &[&str], more: &[&str]) -> (bool, String) {
        let hooks = self.helm().run(&["get", "hooks", RELEASE, "--namespace", &self.namespace]).unwrap();
        let hooks: Vec<Value> = serde_saphyr::from_multiple(&hooks).unwrap();
        let is_ours = |hook: &&Value| hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete";
        let mut job = Value::Null;
        for hook in hooks.iter().filter(is_ours) {
            if hook["kind"] == "Job" {
                job = hook["spec"]["template"]["spec"].clone();
            } else {
                self.kubectl.apply(&hook.to_string()).unwrap();
            }
        }
        let kubectl = self.kubectl_of(job["serviceAccountName"].as_str().unwrap());
        let arguments: Vec<String> = serde_json::from_value(job["containers"][0]["args"].clone()).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_voicecampaign-operator"))
            .args(
                arguments.iter().filter(|argument| !without.iter().any(|start| argument.starts_with(start))),
            )
            .args(more)
            .env("KUBECONFIG", kubectl.kubeconfig())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (output.status.success(), said)
    }

    /// Ends the uninstall: the hook has run.
    fn uninstall(&self) {
        self.helm().run(&["uninstall", RELEASE, "--namespace", &self.namespace, "--no-hooks"]).unwrap();
    }

    fn assert_nothing_is_held(&self) {
        let finalizers = r#"--output=jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.finalizers}{"\n"}{end}"#;
        let all = self.run(&["get", "vcamp,kconn,secrets,rolebindings", finalizers]);
        assert!(
            !all.contains("voicecampaign.dev/in-use") && !all.contains("voicecampaign.dev/remote-campaign"),
            "{all}"
        );
    }
}

async fn at_work(namespace: &str, on_remaining: &str, more: &[&str]) -> (World, Operator) {
    let mode = format!("uninstall.onRemaining={on_remaining}");
    let world = installed_with(namespace, &[&[mode.as_str()], more].concat()).await;
    let operator = world.released_operator();
    world.wait_for_policies();
    (world, operator)
}

/// With campaigns left nothing is uninstalled, and it says which ones and how to go on; without, connections are let go, and the policies
/// are gone, before the operator goes.
#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_with_campaigns_left_is_refused() {
    let (world, _operator) = at_work("uninstall-refused", "refuse", &[]).await;
    world.create_found("living");
    world.kore.add_fault(Fault::answer_delete(None, 503, ""));
    world.create_found("deleted");
    world.delete("deleted");
    world.wait_for_reason("deleted", "ServiceUnavailable");
    for _ in 0..2 {
        let (well, said) = world.prepare_uninstall();
        assert!(!well && said.contains("2 VoiceCampaigns are left: nothing is uninstalled"), "{said}");
        assert!(said.contains("uninstall-refused/living is there (CampaignFound)"), "{said}");
        assert!(said.contains("uninstall-refused/deleted is being deleted ("), "{said}");
        assert!(said.contains("uninstall.onRemaining=delete-and-wait"), "{said}");
        assert_eq!(world.policies(), all_policies(), "nothing has changed");
    }
    world.kore.clear_faults();
    world.run(&["delete", "vcamp", "--all"]);
    let (well, said) = world.prepare_uninstall();
    assert!(well && said.contains("Nothing is left"), "{said}");
    assert_eq!(world.policies(), 0);
    world.assert_nothing_is_held();
    world.uninstall();
    world.kubectl.try_run(&["delete", "namespace", &world.namespace, "--timeout=60s"]).unwrap();
}

/// The campaigns are deleted in Kore, and it is waited for that; what is in the way is said, and it goes on when it is repeated.
#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_deletes_and_waits() {
    let (world, _operator) =
        at_work("uninstall-waits", "delete-and-wait", &["uninstall.timeoutSeconds=3"]).await;
    for name in ["one", "two", "three"] {
        world.create_found(name);
    }
    world.run(&["annotate", "vcamp", "three", "voicecampaign.dev/protect=true"]);
    world.kore.add_fault(Fault::answer_delete(None, 503, ""));
    let (well, said) = world.prepare_uninstall();
    assert!(!well && said.contains("three is protected"), "{said}");
    world.run(&["annotate", "vcamp", "three", "voicecampaign.dev/protect-"]);
    let (well, said) = world.prepare_uninstall();
    assert!(
        !well
            && said.contains("3 VoiceCampaigns are not gone yet")
            && said.contains("uninstall.timeoutSeconds"),
        "{said}"
    );
    assert!(
        said.contains("one is being deleted (ServiceUnavailable)") || said.contains("(AccountUnavailable)"),
        "{said}"
    );
    assert_eq!(world.kore.campaigns().len(), 3);
    world.kore.clear_faults();
    wait::until("it has nothing to wait for any more", PATIENCE, || {
        Ok(world.prepare_uninstall().0.then_some(()))
    })
    .unwrap();
    assert!(world.kore.campaigns().is_empty());
    assert_eq!(world.policies(), 0);
    world.assert_nothing_is_held();
}

/// Everything is let go, and reported; the campaigns stay in Kore, the definitions and the living objects stay, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_lets_everything_go() {
    let (world, mut operator) = at_work("uninstall-orphans", "orphan", &[]).await;
    world.create_found("living");
    world.kore.add_fault(Fault::answer_delete(None, 503, ""));
    world.create_found("deleted");
    world.delete("deleted");
    world.wait_for_reason("deleted", "ServiceUnavailable");
    let watch = world.kubectl.command(&[
        "get",
        "vcamp",
        "deleted",
        "--namespace",
        &world.namespace,
        "--watch",
        "--output=json",
    ]);
    let mut watch = { watch }.stdout(std::process::Stdio::piped()).spawn().unwrap();
    // What the end of its Deployment does.
    assert!(operator.terminate().unwrap().success());
    // If the policies stay, they keep the finalizer on what lives; that is no success.
    let (well, said) = world
        .prepare_uninstall_but_for(&["--policies", "--timeout", "--deployment"], &["--timeout-seconds=1"]);
    assert!(!well && said.contains("uninstall-orphans/living: "), "{said}");
    assert!(world.get("living").unwrap()["metadata"]["finalizers"].is_array());
    assert!(!said.contains("Let go: uninstall-orphans/living"), "{said}");
    let (well, said) = world.prepare_uninstall();
    assert!(
        well && said.contains("Let go: uninstall-orphans/living; its campaign cd-living stays in Kore."),
        "{said}"
    );
    assert!(said.contains("Let go: uninstall-orphans/deleted;"), "{said}");
    assert!(
        !world.run(&["get", "deployments", "--output=name"]).contains(RELEASE),
        "nobody puts a finalizer on again"
    );
    assert_eq!(world.policies(), 0);
    world.wait_until_gone("deleted");
    let living = world.get("living").unwrap();
    assert_eq!(living["spec"]["deletionPolicy"], "Delete", "what Git says stays");
    world.assert_nothing_is_held();
    assert_eq!(world.kore.campaigns().len(), 2);
    for name in ["living", "deleted"] {
        assert!(world.events(name).contains(&"Orphaned".to_owned()), "{name}");
    }
    watch.kill().unwrap();
    let seen = String::from_utf8(watch.wait_with_output().unwrap().stdout).unwrap();
    assert!(
        seen.contains(r#""ground": "Orphaned""#) && seen.contains("uninstalled with onRemaining=orphan"),
        "{seen}"
    );
    let (well, said) = world.prepare_uninstall();
    assert!(well, "again: {said}");
    world.uninstall();
    world.run(&["delete", "vcamp", "living", "--timeout=10s"]);
    assert!(world.in_kore("living"));
    // The next installation takes up what is there.
    world.install(&[]);
}

/// A namespace that is gone, and the rights in it with it, holds nothing up.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_gone_has_nothing_left() {
    let (world, _operator) = at_work("uninstall-gone", "refuse", &[]).await;
    let beside = world.beside("uninstall-gone-too");
    world.install_again(&["watchNamespaces={uninstall-gone,uninstall-gone-too}"]);
    beside.kubectl.try_run(&["delete", "namespace", &beside.namespace, "--timeout=60s"]).unwrap();
    let (well, said) = world.prepare_uninstall();
    assert!(well, "{said}");
}

/// Rights that the hook has not been given are not asked for.
#[tokio::test(flavor = "multi_thread")]
async fn the_hook_asks_for_what_it_may() {
    for (number, mode) in ["refuse", "delete-and-wait", "orphan"].into_iter().enumerate() {
        let (world, mut operator) = at_work(&format!("uninstall-rights-{number}"), mode, &[]).await;
        world.create_found("renewal");
        if mode == "orphan" {
            world.kore.add_fault(Fault::answer_delete(None, 503, ""));
            world.delete("renewal");
            world.wait_for_reason("renewal", "ServiceUnavailable");
            operator.kill();
        }
        if mode == "refuse" {
            world.run(&["delete", "vcamp", "renewal"]);
        }
        let (well, said) = world.prepare_uninstall();
        assert!(well, "{mode}: {said}");
        let name = format!("{RELEASE}-uninstall");
        let rules = |role: &str, name: &str| -> Value {
            serde_json::from_str(&world.run(&["get", role, name, "--output=json"])).unwrap()
        };
        let mut policies = rules("clusterrole", &format!("policies.{name}.{}", world.namespace));
        // Needed where a namespace is gone, as in the test before.
        policies["rules"].as_array_mut().unwrap().retain(|rule| rule["resources"] != json!(["namespaces"]));
        let mut roles = vec![rules("role", &name), policies];
        if mode == "orphan" {
            roles.push(rules("role", &format!("{name}-operator")));
        }
        let user = format!("system:serviceaccount:{}:{name}", world.namespace);
        world.assert_rights_are_those_used(&user, &roles);
    }
}
