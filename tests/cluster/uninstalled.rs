//! What the chart does before it is uninstalled: the hook's own objects and arguments, with its rights. That
//! it runs as a Job, the tests on the node show.

use std::process::Command;
use std::time::Duration;

use kore_simulator::Fault;
use serde_json::{Value, json};
use testbed::faults::{self, Action, Answer, Kind, Lasting, Nemesis, Plan, Proxy, Trigger, Upstream};
use testbed::helm::{Helm, chart};
use testbed::process::Process;
use testbed::{Operator, wait};

use crate::release::{RELEASE, all_policies, as_deployed, finished, installed_with};
use crate::support::*;

impl World {
    /// Runs the pre-delete hook of the release; what it printed, and whether it lets the uninstall go on.
    pub fn prepare_uninstall(&self) -> (bool, String) {
        self.prepare_uninstall_but_for(&[], &[])
    }

    /// The same without the arguments that begin so, and with others.
    fn prepare_uninstall_but_for(&self, without: &[&str], more: &[&str]) -> (bool, String) {
        finished(&mut self.hook_but_for(None, without, more))
    }

    /// The pre-delete hook without the arguments that begin so, and with others.
    fn hook_but_for(&self, server: Option<&str>, without: &[&str], more: &[&str]) -> Command {
        let whole = self.hook(server);
        let mut command = Command::new(whole.get_program());
        let stays = |argument: &&std::ffi::OsStr| {
            !without.iter().any(|start| argument.to_string_lossy().starts_with(start))
        };
        command.args(whole.get_args().filter(stays)).args(more);
        command.envs(whole.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    /// The pre-delete hook of the release, which reaches the API server at this address, if not its own.
    fn hook(&self, server: Option<&str>) -> Command {
        let hooks = self.helm().run(&["get", "hooks", RELEASE, "--namespace", &self.namespace]).unwrap();
        let hooks: Vec<Value> = serde_saphyr::from_multiple(&hooks).unwrap();
        let is_ours = |hook: &&Value| hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete";
        let (jobs, others): (Vec<_>, Vec<_>) =
            hooks.iter().filter(is_ours).partition(|hook| hook["kind"] == "Job");
        for other in others {
            self.kubectl.apply(&other.to_string()).unwrap();
        }
        // What helm has written by then; that it has, `helm_uninstalls_in_every_mode` shows.
        self.mark_release("uninstalling");
        self.run_by(jobs[0], server)
    }

    fn mark_release(&self, status: &str) {
        let of_release = format!("--selector=owner=helm,name={RELEASE}");
        self.run(&["label", "secrets", &of_release, "--overwrite", &format!("status={status}")]);
    }

    /// What the Pod of a Job would run, with the Job's rights.
    fn run_by(&self, job: &Value, server: Option<&str>) -> Command {
        let pod = &job["spec"]["template"]["spec"];
        let kubeconfig = self.kubeconfig_of(pod["serviceAccountName"].as_str().unwrap(), server);
        let arguments: Vec<String> = serde_json::from_value(pod["containers"][0]["args"].clone()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicecampaign-operator"));
        command.args(arguments).env("KUBECONFIG", kubeconfig);
        command
    }

    /// The hook's Job, once it is there.
    fn hook_job(&self) -> Option<Value> {
        self.kubectl.get("job", &self.namespace, &format!("{RELEASE}-uninstall")).unwrap()
    }

    /// Renders the chart, and applies every object, hooks included, as a tool does that knows nothing of
    /// helm.
    fn apply_as_plain_objects(&self, values: &[&str]) {
        let chart = chart().display().to_string();
        let mut arguments = vec!["template", RELEASE, &chart, "--namespace", &self.namespace];
        // Without a cluster helm does not know what it serves.
        let version = format!("--kube-version={}", testbed::binaries::kubernetes_version());
        arguments.push(&version);
        arguments.extend(values.iter().flat_map(|value| ["--set", value]));
        let rendered = Helm::new(4).unwrap().run(&arguments).unwrap();
        self.kubectl.pipe(&["apply", "--filename", "-"], &rendered).unwrap();
    }

    /// Nobody has taken a policy, the operator, the campaign `living` or its finalizer.
    fn assert_unharmed(&self) {
        assert_eq!(self.policies(), all_policies());
        assert!(self.kubectl.get("deployment", &self.namespace, RELEASE).unwrap().is_some());
        let living = self.get("living").expect("nobody has deleted it");
        assert_eq!(living["metadata"]["deletionTimestamp"], Value::Null, "{living:#}");
        assert!(living["metadata"]["finalizers"].to_string().contains("remote-campaign"), "{living:#}");
        assert!(self.in_kore("living") && self.deletes("living").is_empty());
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

/// With campaigns left nothing is uninstalled, and it says which ones and how to go on; without, connections
/// are let go, and the policies are gone, before the operator goes.
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
        assert!(said.contains("uninstall-refused/living exists (CampaignFound)"), "{said}");
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

/// The campaigns are deleted in Kore, and it is waited for that; what is in the way is said, and it goes on
/// when it is repeated.
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
    // What is being deleted already is not protected any more.
    world.run(&["annotate", "vcamp", "three", "voicecampaign.dev/protect=true"]);
    let (well, said) = world.prepare_uninstall();
    assert!(!well && said.contains("3 VoiceCampaigns are not gone yet"), "{said}");
    world.kore.clear_faults();
    wait::until("it has nothing to wait for any more", PATIENCE, || {
        Ok(world.prepare_uninstall().0.then_some(()))
    })
    .unwrap();
    assert!(world.kore.campaigns().is_empty());
    assert_eq!(world.policies(), 0);
    world.assert_nothing_is_held();
}

/// An API server that is busy, or away for a while, does not end an uninstall; the hook says what it waits
/// for.
#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_outwaits_the_api_server() {
    let (world, _operator) = at_work("uninstall-busy", "delete-and-wait", &[]).await;
    for name in ["one", "two"] {
        world.create_found(name);
    }
    let nemesis = Nemesis::new();
    let upstream = Upstream::Kubernetes { url: plane().api_url(), ca_pem: plane().ca_pem().unwrap() };
    let proxy = Proxy::start(upstream, nemesis.clone()).unwrap();
    let at = |kinds: &[Kind], from, then| faults::Fault {
        at: Trigger { kinds: kinds.to_vec(), from, lasting: Lasting::Times(1) },
        then,
    };
    let answer = |status| Action::Answer(Answer::status(status));
    let (reads, deletes) = ([Kind::Read], [Kind::Other]);
    let faults = vec![
        at(&reads, 1, answer(429)),
        // After the Secrets of the release, twice, and the Deployment.
        at(&reads, 4, answer(500)),
        at(&deletes, 1, answer(429)),
        at(&deletes, 3, Action::Reset),
        // A policy.
        at(&deletes, 6, answer(503)),
    ];
    nemesis.arm(Plan { name: "busy".into(), seed: 0, faults });
    let (well, said) = finished(&mut world.hook(Some(&proxy.url())));
    assert!(well, "{said}");
    assert_eq!(nemesis.injected(), 5, "{said}");
    let secrets = "/api/v1/namespaces/uninstall-busy/secrets".to_owned();
    let path = "/apis/voicecampaign.dev/v1alpha1/namespaces/uninstall-busy/voicecampaigns";
    let waits =
        [("GET", secrets, "429"), ("GET", path.to_owned(), "500"), ("DELETE", format!("{path}/one"), "429")];
    for (method, path, why) in waits {
        let waiting = format!("Retrying {method} {path}: {why}");
        assert!(said.contains(&waiting), "{waiting} is not in {said}");
    }
    assert!(world.kore.campaigns().is_empty());
    assert_eq!(world.policies(), 0);
}

/// Whoever is told to stop does so at once, and fails, with a sentence: the kernel ignores the signal in a
/// container, unless it is listened for.
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_by_itself_can_be_told_to_stop() {
    let (world, _operator) = at_work("uninstall-stopped", "delete-and-wait", &[]).await;
    world.create_found("renewal");
    world.kore.add_fault(Fault::answer_delete(None, 503, ""));
    let mut check = Command::new(env!("CARGO_BIN_EXE_voicecampaign-operator"));
    check.args(["check", "--admin-url=http://127.0.0.1:1"]).env("KUBECONFIG", world.plane.kubeconfig());
    for (name, command, begun) in [
        ("prepare-uninstall", world.hook(None), "VoiceCampaigns that are left: 1"),
        ("check", check, "not yet"),
    ] {
        let mut process = Process::start(&format!("stopped-{name}"), command, world.plane.folder()).unwrap();
        wait::until("it has begun", PATIENCE, || Ok(process.output().contains(begun).then_some(()))).unwrap();
        let status = process.terminate(Duration::from_secs(5)).unwrap();
        let said = process.output();
        assert_eq!(status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("terminated before everything was done"), "{name}: {said}");
    }
    assert_eq!(world.policies(), all_policies());
}

/// Everything is let go, and reported; the campaigns stay in Kore, the definitions and the living objects
/// stay, too.
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
    assert!(!said.contains("Released uninstall-orphans/living"), "{said}");
    // Nor do the rights go while a campaign is left.
    let binding =
        world.kubectl.get("rolebinding", &world.namespace, RELEASE).unwrap().expect("a RoleBinding");
    assert!(binding["metadata"]["finalizers"].to_string().contains("in-use"), "{binding:#}");
    let (well, said) = world.prepare_uninstall();
    assert!(
        well && said.contains("Released uninstall-orphans/living; its campaign cd-living stays in Kore."),
        "{said}"
    );
    assert!(said.contains("Released uninstall-orphans/deleted;"), "{said}");
    let audited = |name: &str| {
        let lines = said.lines().filter(|line| line.contains(r#""target":"audit""#));
        let of_it = lines.filter(|line| line.contains(&format!(r#""campaign_id":"{}""#, id(name))));
        of_it.filter(|line| line.contains(r#""outcome":"Orphaned""#)).count()
    };
    assert_eq!((audited("living"), audited("deleted")), (1, 1), "{said}");
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
        seen.contains(r#""outcome": "Orphaned""#) && seen.contains("uninstalled with onRemaining=orphan"),
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

/// An uninstall that takes longer than its time, but leaves nothing, succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_uninstall_is_confirmed() {
    let (world, mut operator) = at_work("uninstall-slow", "orphan", &[]).await;
    world.create_found("living");
    assert!(operator.terminate().unwrap().success());
    let nemesis = Nemesis::new();
    let upstream = Upstream::Kubernetes { url: plane().api_url(), ca_pem: plane().ca_pem().unwrap() };
    let proxy = Proxy::start(upstream, nemesis.clone()).unwrap();
    let at = Trigger { kinds: vec![Kind::Finalizer], from: 1, lasting: Lasting::Times(1) };
    let faults = vec![faults::Fault { at, then: Action::Delay { ms: 4000 } }];
    nemesis.arm(Plan { name: "slow".into(), seed: 0, faults });
    let mut hook =
        world.hook_but_for(Some(&proxy.url()), &["--timeout", "--deployment"], &["--timeout-seconds=3"]);
    let (well, said) = finished(&mut hook);
    assert!(well && said.contains("Nothing is left that needs the operator"), "{said}");
    assert_eq!(nemesis.injected(), 1, "{said}");
    world.assert_nothing_is_held();
}

/// A hook that a tool applies like any other object harms nothing: neither where helm has never been, nor
/// over a living release. Where it can't be said whether a release is being uninstalled, nothing is deleted
/// and nothing is let go, and an uninstall does not go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_applied_as_any_object_harms_nothing() {
    for mode in ["refuse", "delete-and-wait", "orphan"] {
        let world = World::new(&format!("applied-{mode}")).await;
        let scope = format!("watchNamespaces={{{}}}", world.namespace);
        let on_remaining = format!("uninstall.onRemaining={mode}");
        let values = [scope.as_str(), &on_remaining, "rbac.aggregateRoles=false", "crds.enabled=false"];
        world.apply_as_plain_objects(&values);
        let _operator = world.released_operator();
        world.wait_for_policies();
        world.create_found("living");
        let (well, said) = finished(&mut world.run_by(&world.hook_job().unwrap(), None));
        assert!(
            well && said.contains("does not belong to a Helm release: nothing is being uninstalled"),
            "{said}"
        );
        world.assert_unharmed();

        // A person, or another tool, has put Helm's annotation there; or the tool is Argo CD.
        for annotation in ["meta.helm.sh/release-name", "argocd.argoproj.io/tracking-id"] {
            world.run(&["annotate", "deployment", RELEASE, &format!("{annotation}=x")]);
            let (well, said) = finished(&mut world.run_by(&world.hook_job().unwrap(), None));
            assert!(
                !well && said.contains("It is unknown whether") && said.contains("living exists"),
                "{said}"
            );
            world.assert_unharmed();
            world.run(&["annotate", "deployment", RELEASE, &format!("{annotation}-")]);
        }

        let (world, _operator) = at_work(&format!("applied-over-{mode}"), mode, &[]).await;
        world.create_found("living");
        let scope = format!("watchNamespaces={{{}}}", world.namespace);
        world.apply_as_plain_objects(&[&[scope.as_str()], &values[1..]].concat());
        for status in ["deployed", "failed", "pending-upgrade"] {
            world.mark_release(status);
            let (well, said) = finished(&mut world.run_by(&world.hook_job().unwrap(), None));
            assert!(well && said.contains(&format!("is `{status}`: nothing is being uninstalled")), "{said}");
            world.assert_unharmed();
        }
    }
}

/// Helm marks the release before it runs the hook, whichever helm it is.
#[tokio::test(flavor = "multi_thread")]
async fn helm_uninstalls_in_every_mode() {
    for (major, mode) in
        [3, 4].iter().flat_map(|major| ["refuse", "delete-and-wait", "orphan"].map(|mode| (*major, mode)))
    {
        let world = World::new(&format!("helm-{major}-{mode}")).await;
        let helm = Helm::on(&world.plane, major).unwrap();
        let on_remaining = format!("uninstall.onRemaining={mode}");
        // After a rollback the hook is older than the release.
        world.set_up(&helm, "install", &[&on_remaining]).unwrap();
        world.set_up(&helm, "upgrade", &["uninstall.onRemaining=refuse"]).unwrap();
        helm.run(&["rollback", RELEASE, "1", "--namespace", &world.namespace]).unwrap();
        let mut operator = world.released_operator();
        world.wait_for_policies();
        world.create_found("renewal");
        match mode {
            "refuse" => drop(world.run(&["delete", "vcamp", "renewal"])),
            // What the end of its Deployment does.
            "orphan" => operator.kill(),
            _ => {}
        }
        let namespace = world.namespace.clone();
        let uninstalling = std::thread::spawn(move || {
            helm.run(&["uninstall", RELEASE, "--namespace", &namespace, "--timeout=180s"])
        });
        let job = wait::until("helm runs the hook", PATIENCE, || Ok(world.hook_job())).unwrap();
        let (well, said) = finished(&mut world.run_by(&job, None));
        assert!(well && said.contains("Nothing is left"), "{major} {mode}: {said}");
        let now = job["metadata"]["creationTimestamp"].clone();
        let done = ["Complete", "SuccessCriteriaMet"].map(|kind| json!({"type": kind, "status": "True"}));
        let done = &done[..if wants_success_criteria() { 2 } else { 1 }];
        let status =
            json!({"status": {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": done}});
        let name = format!("{RELEASE}-uninstall");
        world.run(&[
            "patch",
            "job",
            &name,
            "--subresource=status",
            "--type=merge",
            "-p",
            &status.to_string(),
        ]);
        uninstalling.join().unwrap().unwrap();
        assert_eq!(world.in_kore("renewal"), mode == "orphan", "{major} {mode}");
        assert_eq!(world.policies(), 0);
        world.assert_nothing_is_held();
    }
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

/// In a namespace that is being deleted the hook has no rights any more: it says so, goes on with the others,
/// and waits for that one.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_being_deleted_is_waited_for() {
    let values = "uninstall.onRemaining=delete-and-wait";
    let world = installed_with("uninstall-dying", &[values]).await;
    let dying = world.beside("uninstall-dying-too");
    dying.connect_all();
    world.install_again(&["watchNamespaces={uninstall-dying,uninstall-dying-too}", values]);
    let _operator = Operator::start(&world.plane, &as_deployed(&world, &world.namespace, RELEASE)).unwrap();
    world.create_found("other");
    dying.create_found("renewal");
    let fault = Fault::answer_delete(None, 503, "");
    world.kore.add_fault(Fault { campaign_id: Some(id("renewal")), ..fault });
    world.kubectl.try_run(&["delete", "namespace", &dying.namespace, "--wait=false"]).unwrap();
    dying.wait_for_reason("renewal", "ServiceUnavailable");
    let hook = format!("{RELEASE}-uninstall");
    wait::until("the rights of the hook are gone", PATIENCE, || {
        let found = world.kubectl.get("rolebinding", &dying.namespace, &hook)?;
        Ok(found.is_none().then_some(()))
    })
    .unwrap();
    let prepare = |mode: &str| {
        let mode = format!("--on-remaining={mode}");
        world.prepare_uninstall_but_for(&["--on-remaining", "--timeout"], &[&mode, "--timeout-seconds=5"])
    };
    let hidden = "was deleted with them: uninstall-dying-too";
    let (well, said) = prepare("refuse");
    assert!(!well && said.contains("1 VoiceCampaigns are left") && said.contains(hidden), "{said}");
    let (well, said) = prepare("delete-and-wait");
    assert!(!well && said.contains("0 VoiceCampaigns are not gone yet, and what is left"), "{said}");
    assert!(said.contains(hidden) && !world.in_kore("other") && dying.in_kore("renewal"), "{said}");
    let (well, said) = prepare("refuse");
    assert!(!well && said.contains(&format!("{hidden}: nothing is uninstalled")), "{said}");
    let (well, said) = prepare("orphan");
    assert!(!well && said.contains(hidden) && said.contains("can't remove its finalizers"), "{said}");
    assert_eq!(world.policies(), all_policies(), "nothing has changed");
    world.kore.clear_faults();
    let (well, said) = world.prepare_uninstall();
    assert!(well && !dying.in_kore("renewal"), "{said}");
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
        let roles = [rules("role", &name), policies, rules("role", &format!("{name}-operator"))];
        let user = format!("system:serviceaccount:{}:{name}", world.namespace);
        world.assert_rights_are_those_used(&user, &roles);
    }
}
