//! The commands and manifests of the documents, as they stand there.
//!
//! Each document has a scene: a cluster with the operator, and in the namespaces `marketing` and `staging`
//! the connection and the campaigns that its commands name. What needs Pods runs in tests/node.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use kore_simulator::{App, Behaviour, CampaignKey, Simulator};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::addresses::free_port;
use testbed::documents::{self, Block, Check, blocks, blocks_for};
use testbed::kore_ai::KoreAi;
use testbed::operator::{Options, ServiceAccount};
use testbed::process::Process;
use testbed::{ControlPlane, Kubectl, Operator, binaries, operator, wait};

use crate::installed::monitor_definition;
use crate::release::RELEASE;
use crate::support::*;

const SYSTEM: &str = "voicecampaign-system";
const NAMESPACES: [&str; 2] = ["marketing", "staging"];
/// What the commands of the documents name.
const CAMPAIGNS: [&str; 3] = ["renewal", "renewal-outreach", "winback"];
/// The deletion of which is held while the runbooks are played.
const HELD: &str = "held";
const OF_HELD: &str = "docs/runbooks.md";
/// The document whose commands name both namespaces.
const OF_BOTH: &str = "docs/guard.md";
/// The documents after whose commands the resources are not as they were.
const LEAVE_SOMETHING: [&str; 5] =
    [OF_BOTH, OF_HELD, OF_THE_PLUGIN, "docs/koreconnection.md", "docs/migration.md"];
/// The document of the plugin, which imports a campaign that no resource names.
const OF_THE_PLUGIN: &str = "docs/plugin.md";
const HOST: &str = "https://platform.kore.ai";
/// The document of an installation by the chart; the others have one by kustomize.
const OF_THE_CHART: &str = "docs/operations.md";
/// The documents after whose commands there is no operator any more.
const LAST: &str = "docs/uninstall.md";
/// For these words of a command, a cluster must be newer than the oldest that is supported.
const NEWER: &str = "# Kubernetes 1.36 and newer";

/// A cluster as a document finds it.
struct Scene {
    plane: ControlPlane,
    kubectl: Kubectl,
    kore: Simulator,
    kore_ai: KoreAi,
    operator: Operator,
    /// Where commands run: what the repository has, and what a reader is to have beside it.
    folder: TempDir,
}

impl Scene {
    async fn start(by_chart: bool) -> Self {
        let plane = ControlPlane::start().unwrap();
        let kubectl = plane.kubectl().unwrap();
        let apps = vec![App { client_id: CLIENT_ID.into(), client_secret: CLIENT_SECRET.into() }];
        let behaviour = Behaviour { requests_per_minute: None, ..Behaviour::default() };
        let kore = Simulator::start(([127, 0, 0, 1], 0).into(), apps, behaviour).await.unwrap();
        let simulator = kore.url().trim_start_matches("http://").parse().unwrap();
        let kore_ai = KoreAi::start(([127, 0, 0, 1], 0).into(), simulator, plane.folder()).await.unwrap();
        for kind in ["ServiceMonitor", "PodMonitor", "PrometheusRule"] {
            kubectl.apply(&monitor_definition(kind).to_string()).unwrap();
        }
        kubectl.try_run(&["create", "namespace", "argocd"]).unwrap();
        let folder = furnished(&plane, &kubectl);
        if by_chart {
            let helm = testbed::helm::Helm::on(&plane, 4).unwrap();
            let chart = testbed::helm::chart().display().to_string();
            helm.run(&["install", RELEASE, &chart, "--namespace", SYSTEM, "--create-namespace"]).unwrap();
        } else {
            operator::install(&plane).unwrap();
            install_policies(&kubectl);
        }
        let mut options = Options::new(env!("CARGO_BIN_EXE_voicecampaign-operator").into());
        options.service_account = ServiceAccount { namespace: SYSTEM.into(), name: RELEASE.into() };
        options.variables = kore_ai.variables(plane.folder());
        options.arguments.push("--leader-elect".to_owned());
        let operator = Operator::start(&plane, &options).unwrap();
        operator::stand_for_pods(&plane, SYSTEM, RELEASE).unwrap();
        Self { plane, kubectl, kore, kore_ai, operator, folder }
    }

    /// What the commands of a document name is there, and lives.
    fn set(&self, namespaces: &[&str]) {
        for namespace in namespaces {
            let mut last = String::new();
            wait::until("the scene is set", PATIENCE, || match self.apply(namespace) {
                Ok(()) => Ok(Some(())),
                Err(error) => {
                    last = format!("{error:#}");
                    Ok(None)
                }
            })
            .unwrap_or_else(|error| panic!("{error}: {last}"));
        }
    }

    fn apply(&self, namespace: &str) -> anyhow::Result<()> {
        let times = format!(
            r#"--output=jsonpath={{.items[?(@.metadata.name!="{HELD}")].metadata.deletionTimestamp}}"#
        );
        let going = ["get", "vcamp,kconn,secret", "--namespace", namespace, &times];
        anyhow::ensure!(self.kubectl.try_run(&going)?.is_empty(), "something is being deleted");
        for name in CAMPAIGNS {
            self.kore.seed(key(namespace, name), &json!({}));
        }
        // A command of the document may have moved the connection to another host.
        let connected = self.kubectl.get("kconn", namespace, "production")?.is_some();
        let missing = manifests(namespace).into_iter();
        let missing = missing.filter(|manifest| !(connected && manifest["kind"] == "KoreConnection"));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": missing.collect::<Vec<_>>()});
        let forced = ["apply", "--server-side", "--force-conflicts", "--filename", "-"];
        self.kubectl.pipe(&forced, &list.to_string())?;
        Ok(())
    }

    /// A deletion is held, as for whoever reads a runbook. A command may have let it go.
    fn hold(&self) {
        let mut held = campaign(NAMESPACES[0], HELD);
        held["spec"]["suspend"] = json!(true);
        held["metadata"]["finalizers"] = json!(["voicecampaign.dev/remote-campaign"]);
        let delete = ["delete", "vcamp", HELD, "--namespace", NAMESPACES[0], "--wait=false"];
        let mut last = String::new();
        wait::until("a deletion is held", PATIENCE, || {
            let held = self.kubectl.apply(&held.to_string()).and_then(|_| self.kubectl.try_run(&delete));
            last = held.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
            Ok(held.ok())
        })
        .unwrap_or_else(|error| panic!("{error}: {last}"));
    }

    /// Nothing is left of these namespaces.
    fn clear(&self, namespaces: &[&str]) {
        for namespace in namespaces {
            let run =
                |arguments: &[&str]| self.kubectl.try_run(&[&["--namespace", namespace], arguments].concat());
            drop(run(&["annotate", "vcamp", "--all", "voicecampaign.dev/protect-"]));
            let names = run(&["get", "vcamp", "--output=name"]).unwrap();
            for name in names.split_whitespace() {
                run(&["patch", name, "--type=merge", "-p", r#"{"spec":{"deletionPolicy":"Orphan"}}"#])
                    .unwrap();
            }
        }
        self.kubectl.try_run(&[&["delete", "namespace", "--timeout=60s"], namespaces].concat()).unwrap();
    }

    /// A command as a reader types it, in the repository's folder.
    fn shell(&self, text: &str) -> Command {
        let folder = self.folder.path();
        let mut command =
            documents::shell(text, &[&folder.join("bin/kubectl")], &folder.join("kubeconfig")).unwrap();
        command.envs(self.kore_ai.variables(self.plane.folder())).current_dir(folder.join("repository"));
        command
    }

    fn run(&self, block: &Block) {
        let text = filled_in(&block.text);
        let output =
            self.shell(&format!("timeout 100 bash -euo pipefail <<'BLOCK'\n{text}\nBLOCK")).output().unwrap();
        let said =
            [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(output.status.success(), "{block} fails ({}):\n{text}\nsays: {said}", output.status);
        println!("{block} says: {said}");
    }
}

/// The policies that the documents tell to install.
fn install_policies(kubectl: &Kubectl) {
    let policies = if serves_mutating_policies() { &["guard", "finalizer"][..] } else { &["guard"] };
    for folder in policies {
        let folder = testbed::repository().join("deploy/policies").join(folder).display().to_string();
        kubectl.try_run(&["apply", "--server-side", "--kustomize", &folder]).unwrap();
    }
}

/// The folder of a reader: the programs, a kubeconfig with the contexts that documents name, the repository,
/// and manifests of campaigns.
fn furnished(plane: &ControlPlane, kubectl: &Kubectl) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let [bin, repository] = ["bin", "repository"].map(|name| folder.path().join(name));
    [&bin, &repository, &repository.join("campaigns")]
        .iter()
        .for_each(|name| std::fs::create_dir_all(name).unwrap());
    symlink(kubectl.program(), bin.join("kubectl")).unwrap();
    symlink(binaries::helm(4).unwrap(), bin.join("helm")).unwrap();
    symlink(binaries::workspace("kubectl-vcamp").unwrap(), bin.join("kubectl-vcamp")).unwrap();
    // Of Cargo, documents use `cargo run -- …` alone: the operator that the tests have built.
    let cargo = format!("#!/bin/sh\nshift 2\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_voicecampaign-operator"));
    write_program(&bin.join("cargo"), &cargo);
    for entry in std::fs::read_dir(testbed::repository()).unwrap() {
        let path = entry.unwrap().path();
        symlink(path.canonicalize().unwrap(), repository.join(path.file_name().unwrap())).unwrap();
    }
    let campaigns: Vec<Value> = manifests("marketing").into_iter().collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": campaigns});
    std::fs::write(repository.join("campaigns/all.json"), list.to_string()).unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::copy(plane.kubeconfig(), &kubeconfig).unwrap();
    let own = Kubectl::new(kubeconfig).unwrap();
    own.try_run(&["config", "set-context", "--current", "--namespace=marketing"]).unwrap();
    let of_context = |field: &str| {
        let path = format!("--output=jsonpath={{.contexts[0].context.{field}}}");
        own.try_run(&["config", "view", &path]).unwrap()
    };
    let [cluster, user] = ["cluster", "user"].map(|field| format!("--{field}={}", of_context(field)));
    for context in ["old", "new"] {
        own.try_run(&["config", "set-context", context, &cluster, &user]).unwrap();
    }
    folder
}

fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn key(namespace: &str, name: &str) -> CampaignKey {
    CampaignKey {
        account_id: ACCOUNT.into(),
        stream_id: STREAM.into(),
        campaign_id: campaign_id(namespace, name),
    }
}

fn campaign_id(namespace: &str, name: &str) -> String {
    format!("cd-{namespace}-{name}")
}

fn campaign(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
        "metadata": {"name": name, "namespace": namespace, "labels": {"team": "a"}},
        "spec": {"connectionRef": {"name": "production"}, "streamId": STREAM,
            "campaignId": campaign_id(namespace, name), "deletionPolicy": "Delete"}})
}

/// A namespace with a connection and campaigns.
fn manifests(namespace: &str) -> Vec<Value> {
    let metadata = |name: &str| json!({"name": name, "namespace": namespace});
    let mut manifests = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("kore-jwt-app"),
            "stringData": {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}}),
        json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection", "metadata": metadata("production"),
            "spec": {"host": HOST, "accountId": ACCOUNT, "credentialsSecretRef": {"name": "kore-jwt-app"},
                "rateLimit": {"requestsPerMinute": 6000}, "deletionBrake": {"maxPerHour": 1000}}}),
    ];
    manifests.extend(CAMPAIGNS.map(|name| campaign(namespace, name)));
    manifests
}

/// The text with names in place of placeholders.
fn filled_in(text: &str) -> String {
    let newer = |line: &&str| serves_mutating_policies() || !line.contains(NEWER);
    let lines: Vec<&str> = text.lines().filter(newer).collect();
    [
        ("--not-begun CONNECTION", "--not-begun production"),
        ("kconn NAME", "kconn production"),
        ("secret NAME", "secret kore-jwt-app"),
        ("vcamp NAME", "vcamp renewal"),
        ("NAMESPACE", "marketing"),
        ("RELEASE", RELEASE),
    ]
    .iter()
    .fold(lines.join("\n"), |text, (placeholder, name)| text.replace(placeholder, name))
}

/// Every command of every document does what it is to do, or at least says no error.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_documents_run() {
    let mut of_document: BTreeMap<String, Vec<Block>> = BTreeMap::new();
    let runs = |block: &Block| matches!(block.check, Check::Shell | Check::Serves);
    let old = !serves_mutating_policies();
    for block in blocks().unwrap().into_iter().filter(runs) {
        if old && block.text.contains("delete mutatingadmissionpolicies") {
            continue;
        }
        of_document.entry(block.document.clone()).or_default().push(block);
    }
    let last = of_document.remove(LAST).expect("the commands of the uninstall");
    let by_chart = of_document.remove(OF_THE_CHART).expect("commands for the chart");
    let scene = Scene::start(false).await;
    for blocks in of_document.into_values() {
        play(&scene, &blocks);
    }
    // They are for when no campaigns are left; the policies may be gone by now.
    scene.set(&NAMESPACES[..1]);
    scene.clear(&NAMESPACES[..1]);
    install_policies(&scene.kubectl);
    last.iter().for_each(|block| scene.run(block));
    let of_chart = Scene::start(true).await;
    play(&of_chart, &by_chart);
    for Scene { plane, operator, .. } in [scene, of_chart] {
        drop(operator);
        plane.finish();
    }
}

fn play(scene: &Scene, blocks: &[Block]) {
    let document = blocks[0].document.as_str();
    let namespaces = if document == OF_BOTH { &NAMESPACES[..] } else { &NAMESPACES[..1] };
    if document == OF_THE_PLUGIN {
        scene.kore.seed(key(NAMESPACES[0], "unnamed"), &json!({"name": "Survey"}));
    }
    for block in blocks {
        scene.set(namespaces);
        if document == OF_HELD {
            scene.hold();
        }
        if block.check == Check::Serves { serves(scene, block) } else { scene.run(block) }
    }
    if LEAVE_SOMETHING.contains(&document) {
        scene.clear(namespaces);
    }
}

/// The last command of the block goes on, and says that it is ready.
fn serves(scene: &Scene, block: &Block) {
    let (before, last) = block.text.trim_end().rsplit_once('\n').unwrap();
    // The port may be another program's.
    let port = free_port().unwrap().to_string();
    let command = scene.shell(&format!("{before}\nexec {last}").replace("8080", &port));
    let mut running = Process::start("serves", command, scene.folder.path()).unwrap();
    let server = format!("--server=http://127.0.0.1:{port}");
    let ask = [server.as_str(), "get", "--raw", "/readyz"];
    wait::until(&format!("{block} serves"), PATIENCE, || {
        running.assert_running()?;
        Ok(scene.kubectl.try_run(&ask).ok())
    })
    .unwrap();
}

/// The API server takes every manifest.
#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_of_the_documents_are_taken() {
    let world = World::without_connection("manifested").await;
    world.wait_until_creatable();
    drop(world.kubectl.try_run(&["create", "namespace", "marketing"]));
    for block in blocks_for(Check::Manifests).unwrap() {
        let arguments = ["apply", "--server-side", "--dry-run=server", "--filename", "-"];
        let taken = world.kubectl.pipe(&arguments, &block.text);
        assert!(taken.is_ok(), "{block}: {taken:?}");
    }
}

/// kustomize builds every kustomization, with the files that it names.
#[tokio::test(flavor = "multi_thread")]
async fn the_kustomizations_of_the_documents_are_built() {
    for block in blocks_for(Check::Kustomization).unwrap() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("connection.yaml", 2), ("campaign.yaml", 3)] {
            std::fs::write(folder.path().join(name), manifests("marketing")[content].to_string()).unwrap();
        }
        for name in ["clientId", "clientSecret"] {
            std::fs::write(folder.path().join(name), "secret").unwrap();
        }
        symlink(testbed::repository().join("deploy").canonicalize().unwrap(), folder.path().join("deploy"))
            .unwrap();
        std::fs::write(folder.path().join("kustomization.yaml"), &block.text).unwrap();
        let built = plane().kubectl().unwrap().try_run(&["kustomize", &folder.path().display().to_string()]);
        assert!(built.as_ref().is_ok_and(|built| built.contains("kind:")), "{block}: {built:?}");
    }
}
