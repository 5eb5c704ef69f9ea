//! `kubectl vcamp`, found on the PATH by the real kubectl, with the rights of a user of one namespace.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use kore_simulator::{CampaignKey, Fault};
use serde_json::{Value, json};
use testbed::{Kubectl, binaries, wait};

use crate::support::*;

/// A folder with the plugin, under both of its names.
fn plugin() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let program = binaries::workspace("kubectl-vcamp").unwrap();
        let folder = plane().folder().join("plugin");
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["kubectl-vcamp", "kubectl_complete-vcamp"] {
            symlink(&program, folder.join(name)).unwrap();
        }
        folder
    })
}

/// Somebody with a role in the namespace of a world.
pub struct Person {
    kubectl: Kubectl,
    namespace: String,
}

impl World {
    /// Somebody with the cluster's role `edit`, or another, in this namespace.
    pub fn person(&self, role: &str) -> Person {
        let account = format!("{}:{role}", self.namespace);
        self.run(&["create", "serviceaccount", role]);
        let binding = [&format!("--clusterrole={role}"), &format!("--serviceaccount={account}")];
        self.run(&["create", "rolebinding", role, binding[0], binding[1]]);
        let as_person = format!("--as=system:serviceaccount:{account}");
        wait::until("the role has effect", PATIENCE, || {
            Ok(self.try_run(&["auth", "can-i", "list", "voicecampaigns", &as_person]).ok())
        })
        .unwrap();
        let token = self.run(&["create", "token", role]);
        let name = format!("{role}-of-{}", self.namespace);
        let kubeconfig = self.plane.kubeconfig_for_token(&name, &self.namespace, token.trim(), None).unwrap();
        Person { kubectl: Kubectl::new(kubeconfig).unwrap(), namespace: self.namespace.clone() }
    }

    /// An administrator.
    pub fn administrator(&self) -> Person {
        Person { kubectl: self.kubectl.clone(), namespace: self.namespace.clone() }
    }
}

impl Person {
    /// `kubectl vcamp`.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.kubectl.command(&[&["vcamp"], arguments].concat());
        let mut path = vec![plugin().clone(), self.kubectl.program().parent().unwrap().to_owned()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        command.env("PATH", std::env::join_paths(path).unwrap());
        command.args(["--namespace", &self.namespace]);
        command
    }

    pub fn output(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        let all = [&output.stdout[..], &output.stderr].concat();
        for secret in [CLIENT_ID, CLIENT_SECRET] {
            assert!(!String::from_utf8_lossy(&all).contains(secret), "{arguments:?} shows a secret");
        }
        output
    }

    /// The same, and how much memory it had at most, in megabytes.
    pub fn measured(&self, arguments: &[&str]) -> (String, u64) {
        let mut running = self.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = running.stdout.take().unwrap();
        let reading = std::thread::spawn(move || {
            let mut said = String::new();
            out.read_to_string(&mut said).unwrap();
            said
        });
        let (status, mut most) = (format!("/proc/{}/status", running.id()), 0);
        while running.try_wait().unwrap().is_none() {
            let kilobytes = std::fs::read_to_string(&status).unwrap_or_default();
            let peak =
                kilobytes.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
            most = most.max(peak.and_then(|peak| peak.parse().ok()).unwrap_or_default());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(running.wait().unwrap().success());
        (reading.join().unwrap(), most / 1000)
    }

    /// What a command that succeeds prints.
    pub fn vcamp(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out
    }

    /// What a command prints as JSON: with the fields of the published schema, and no others.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let printed = json_of(&self.vcamp(&[arguments, &["--output", "json"]].concat()));
        let definition = match arguments[0] {
            "status" => "Status",
            "plan" => "Plan",
            "why" => "Why",
            other => panic!("{other} prints no JSON"),
        };
        let mut schema = json_of(include_str!("../../docs/kubectl-vcamp.schema.json"));
        for definition in schema["$defs"].as_object_mut().unwrap().values_mut() {
            if definition["properties"].is_object() {
                definition["additionalProperties"] = json!(false);
            }
        }
        let schema = json!({"$ref": format!("#/$defs/{definition}"), "$defs": schema["$defs"]});
        let schema = jsonschema::draft202012::new(&schema).unwrap();
        assert!(!schema.is_valid(&json!({})) && !schema.is_valid(&json!({"more": printed})));
        let misfits: Vec<_> =
            schema.iter_errors(&printed).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(misfits.is_empty(), "{arguments:?}: {misfits:#?}");
        printed
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Five streams with twelve campaigns each. Two have the same name.
fn seed(world: &World) -> Vec<String> {
    let streams: Vec<_> = (0..5).map(|number| format!("{STREAM}-{number}")).collect();
    for stream_id in &streams {
        for number in 0..12 {
            let key = CampaignKey {
                account_id: ACCOUNT.into(),
                stream_id: stream_id.clone(),
                campaign_id: format!("{}-{number}", id(stream_id)),
            };
            world.kore.seed(key, &json!({"name": format!("Spring {}", number.max(1)), "status": "Ready"}));
        }
    }
    streams
}

/// What is imported is applied as it is, is found by the operator, and is not imported again.
#[tokio::test(flavor = "multi_thread")]
async fn the_campaigns_of_an_account_are_imported_once() {
    let world = World::new("plugin-import").await;
    let _operator = world.operator();
    let streams = seed(&world);
    let user = world.person("edit");
    let folder = plane().folder().join("imported");
    let into = folder.display().to_string();
    let mut import = vec!["import", "--connection", "production", "--kustomization", &into];
    import.extend(streams.iter().flat_map(|stream| ["--stream", stream]));
    let said = text(&user.output(&import).stderr);
    assert!(said.contains("60 campaigns of 5 streams written"), "{said}");
    let files = || std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files(), 61);

    let apply = || user.kubectl.try_run(&["apply", "--server-side", "--kustomize", &into]).unwrap();
    apply();
    let found = |object: &Value| ready(object)["reason"] == "CampaignFound";
    let list =
        || json_of(&world.run(&["get", "vcamp", "--output=json"]))["items"].as_array().unwrap().clone();
    wait::until("all are found", PATIENCE, || {
        let all = list();
        Ok((all.len() == 60 && all.iter().all(found)).then_some(()))
    })
    .unwrap();
    assert!(list().iter().all(|object| object["spec"]["deletionPolicy"] == "Orphan"));
    let versions =
        || -> Vec<_> { list().iter().map(|object| object["metadata"]["resourceVersion"].clone()).collect() };
    let before = versions();
    apply();
    assert_eq!(versions(), before, "an apply without a change changes nothing");

    // The streams are known from the resources now.
    let again = user.output(&["import", "--connection", "production", "--kustomization", &into]);
    let said = text(&again.stderr);
    assert!(said.contains("0 campaigns of 5 streams written") && said.contains("60 skipped"), "{said}");
    assert_eq!(files(), 61);
    let kustomization = std::fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    assert_eq!(kustomization.lines().filter(|line| line.starts_with("- ")).count(), 60);
}

/// Without the right to the Secret the user gives its values; and what is missing is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_the_secret_gives_its_values() {
    let world = World::new("plugin-secret").await;
    world.kore.seed(world.key("spring"), &json!({"name": "Spring"}));
    let user = world.person("view");
    let import = ["import", "--connection", "production", "--stream", STREAM, "--delete-policy", "Delete"];
    let refused = user.output(&import);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said.contains("you may not read the Secret kore-jwt-app") && said.contains("KORE_CLIENT_ID"),
        "{said}"
    );
    let mut given = user.command(&import);
    given.env("KORE_CLIENT_ID", CLIENT_ID).env("KORE_CLIENT_SECRET", CLIENT_SECRET);
    let given = given.output().unwrap();
    let (manifest, said) = (text(&given.stdout), text(&given.stderr));
    assert!(
        manifest.contains("campaignId: cd-spring") && manifest.contains("deletionPolicy: Delete"),
        "{manifest}{said}"
    );
    let elsewhere = user.output(&["status", "--all-namespaces"]);
    assert_eq!(elsewhere.status.code(), Some(2), "-A and -n exclude each other");
}

/// Twenty at once, of which one is refused, one shared and one suspended: the plan says so before, and the
/// summary after.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_says_what_it_does_and_what_became_of_it() {
    let world = World::new("plugin-delete").await;
    let _operator = world.operator();
    let user = world.person("edit");
    for number in 0..20 {
        let name = format!("c{number}");
        world.kore.seed(
            world.key(&name),
            &json!({"name": format!("Campaign {number}"), "contactLists": ["leads"]}),
        );
        let suspend = number == 2;
        let mut campaign = world.campaign(&name, &json!({"suspend": suspend}));
        campaign["metadata"]["labels"] = json!({"batch": "one"});
        world.apply(&campaign);
    }
    let mut twin = world.campaign("c1", &json!({}));
    twin["metadata"]["name"] = json!("twin");
    world.apply(&twin);
    for name in ["c0", "c1", "c19", "twin"] {
        world.wait_for_reason(name, "CampaignFound");
    }
    world.wait_for_reason("c2", "Suspended");
    world.kore.add_fault(Fault {
        campaign_id: Some(id("c0")),
        ..Fault::answer_delete(None, 409, r#"{"message":"Campaign is running"}"#)
    });

    let plan = user.json(&["plan", "voicecampaign", "c0", "c1", "c2", "twin"]);
    let fates: Vec<_> = plan["items"].as_array().unwrap().iter().map(|item| item["fate"].clone()).collect();
    assert_eq!(fates, ["deleted", "deleted", "deleted", "held"]);

    let unasked = user.output(&["delete", "c3"]);
    assert!(text(&unasked.stderr).contains("--yes"), "nobody can be asked");
    assert!(world.get("c3").unwrap()["metadata"]["deletionTimestamp"].is_null());

    let deleted = user.output(&["delete", "--selector", "batch=one", "--yes"]);
    let (said, went) = (text(&deleted.stdout), text(&deleted.stderr));
    assert_eq!(deleted.status.code(), Some(1), "{said}{went}");
    for words in [
        "leads",
        "CampaignShared: plugin-delete/twin names the same campaign and keeps it",
        "Suspended: `spec.suspend` is true",
        "17 campaigns deleted in Kore.",
        "plugin-delete/c0: RefusedByService",
        "plugin-delete/c1: CampaignShared",
        "plugin-delete/c2: Suspended",
    ] {
        assert!(said.contains(words), "{words} is not in {said}{went}");
    }
    assert!(
        went.contains("plugin-delete/c7: gone, Kore has confirmed that its campaign is deleted"),
        "{went}"
    );
    let left = user.json(&["status"]);
    let names: BTreeSet<_> =
        left["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["c0", "c1", "c2"].into());
    assert_eq!((&left["held"], &left["total"]), (&json!(3), &json!(4)));

    user.vcamp(&["resume", "c2"]);
    user.vcamp(&["orphan", "c1"]);
    world.kore.clear_faults();
    user.vcamp(&["watch"]);
    ["c0", "c1", "c2"].iter().for_each(|name| world.wait_until_gone(name));
    assert!(world.in_kore("c1") && !world.in_kore("c0") && !world.in_kore("c2"));
    world.assert_no_violations();
}

/// Ctrl-C ends the view, and not the deletion; the exit code and the words say so.
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_the_deletions_running() {
    let world = World::new("plugin-interrupt").await;
    let _operator = world.operator();
    let user = world.person("edit");
    world.create_found("renewal");
    world.patch_spec("renewal", &json!({"suspend": true}));
    world.wait_for_reason("renewal", "Suspended");
    let mut deleting = user.command(&["delete", "renewal", "--yes"]);
    let mut deleting = deleting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    world.wait_for("renewal", "its deletion", |object| object["status"]["deletion"].is_object());
    assert!(Command::new("kill").args(["-INT", &deleting.id().to_string()]).status().unwrap().success());
    let code = deleting.wait().unwrap().code();
    let mut said = String::new();
    deleting.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("kubectl vcamp watch -n plugin-interrupt"), "{said}");
    assert!(world.get("renewal").is_some());
    // A script must not take what waits for somebody for what is under way.
    let again = user.output(&["delete", "renewal", "--yes", "--no-wait"]);
    let said = text(&again.stdout);
    assert_eq!(again.status.code(), Some(1), "{said}");
    assert!(said.contains("0 deletions requested") && said.contains("being deleted already: 1"), "{said}");
    assert!(said.contains("says why): plugin-interrupt/renewal"), "{said}");
    user.vcamp(&["resume", "renewal"]);
    world.wait_until_gone("renewal");
}

/// `why` without an operator, and what it says to somebody who may not see more.
#[tokio::test(flavor = "multi_thread")]
async fn why_sees_that_no_operator_works() {
    let world = World::new("plugin-alone").await;
    crate::stuck::hang(&world, "renewal");
    let (admin, user) = (world.administrator(), world.person("view"));
    let wait_for_why = |who: &Person, words: &str| {
        let mut said = String::new();
        wait::until(&format!("why says {words}"), PATIENCE, || {
            said = who.vcamp(&["why", "renewal"]);
            Ok((said.contains("until an operator works") && said.contains(words)).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {said}"));
    };
    // The definitions were installed with a Deployment, and there is no node that could run its Pods.
    wait_for_why(&admin, "The operator voicecampaign-system/voicecampaign-operator is not ready");
    wait_for_why(&user, "can't be seen from here");
    wait_for_why(&user, "cannot list resource \"deployments\"");
    let missing = user.output(&["why", "nobody"]);
    assert!(text(&missing.stderr).contains("there is no VoiceCampaign nobody"), "{:?}", missing);
}

/// A namespace that does not exist must not pass for one in which there is nothing to lose.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_namespace_is_no_plan() {
    let world = World::new("plugin-plan").await;
    let (admin, user) = (world.administrator(), world.person("edit"));
    let wrong = admin.output(&["plan", "namespace", "plugin-plam"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("there is no namespace plugin-plam"), "{wrong:?}");
    assert!(
        admin.vcamp(&["plan", "namespace", "plugin-plan"]).contains("There is no VoiceCampaign to delete")
    );
    for (command, said) in [("status", "There are no VoiceCampaigns"), ("watch", "No VoiceCampaign")] {
        let found = user.vcamp(&[command, "--selector", "team=a"]);
        assert!(found.contains(&format!("{said} with these labels in the namespace")), "{found}");
    }
    // Nor a resource whose controller may delete campaigns with it.
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let application =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "all"}});
    std::fs::write(file.path(), application.to_string()).unwrap();
    let file = file.path().to_str().unwrap();
    for format in ["table", "markdown"] {
        let said = user.vcamp(&["plan", "--filename", file, "--output", format]);
        assert!(said.contains("If the Application plugin-plan/all is deleted, its controller may"), "{said}");
    }
    let unknown = user.output(&["plan", "namespace", "another"]);
    assert!(text(&unknown.stderr).contains("You may not read the namespace another"), "{unknown:?}");
}

/// What is protected is left alone, also where no policy denies its deletion.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_protected_is_not_deleted() {
    let world = World::new("plugin-protected").await;
    let _operator = world.operator();
    let user = world.person("edit");
    for name in ["precious", "plain"] {
        world.create_found(name);
    }
    world.run(&["annotate", "vcamp", "precious", "voicecampaign.dev/protect=true"]);
    let deleted = user.output(&["delete", "precious", "plain", "--yes"]);
    let said = text(&deleted.stdout);
    assert_eq!(deleted.status.code(), Some(1), "{said}");
    assert!(
        said.contains("1 campaign deleted in Kore") && said.contains("plugin-protected/precious: it has"),
        "{said}"
    );
    assert!(world.get("precious").unwrap()["metadata"]["deletionTimestamp"].is_null());
    assert!(world.in_kore("precious") && !world.in_kore("plain"));
}

/// kubectl completes the plugin's words.
#[tokio::test(flavor = "multi_thread")]
async fn kubectl_completes_the_plugin() {
    let world = World::new("plugin-completion").await;
    world.apply(&world.campaign("winback", &json!({})));
    let user = world.person("view");
    let mut command = user.command(&[]);
    let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
    command = user.kubectl.command(&["__complete", "vcamp", "why", "--namespace", &world.namespace, "win"]);
    let completed = text(&command.env("PATH", path).output().unwrap().stdout);
    assert!(completed.starts_with("winback\n"), "{completed}");
}
