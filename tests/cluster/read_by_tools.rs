//! What kstatus (Helm, Flux) and Argo CD make of every status that we write, recorded while it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use kore_simulator::{Behaviour, Fault, Outcome};
use serde_json::{Value, json};
use testbed::operator::Options;
use testbed::readers::{ArgoCd, Kstatus, argo_cd, kstatus};
use testbed::{ControlPlane, Operator, wait};
use voicecampaign_operator::api::{REFRESH, Reason};
use voicecampaign_operator::connection::ConnectionReason;
use voicecampaign_operator::kore::FailureKind;

use crate::support::*;

/// What makes the operator write a status; in a namespace of its own, with a Kore of its own.
type Scenario = (&'static str, fn(&World));

const SCENARIOS: [Scenario; 20] = [
    ("read-deleted", |world| {
        world.create_found("renewal");
        world.kore.add_fault(Fault::delay_delete(Some(1), 1500));
        world.delete("renewal");
        world.wait_until_gone("renewal");
    }),
    ("read-absent", |world| {
        world.kore.seed(world.key("bystander"), &json!({}));
        world.apply(&world.campaign("nowhere", &json!({})));
        world.wait_for_reason("nowhere", "CampaignNotFound");
        world.delete("nowhere");
        world.wait_until_gone("nowhere");
    }),
    ("read-accepted", |world| {
        world.create_found("renewal");
        world.kore.add_fault(Fault::answer_delete(Some(1), 202, r#"{"status":"success"}"#));
        delete_until(world, "DeletionAccepted");
    }),
    ("read-suspended", |world| {
        world.create_campaign("new", &json!({"suspend": true}));
        world.wait_for_reason("new", "Suspended");
        world.create_found("renewal");
        world.patch_spec("renewal", &json!({"suspend": true}));
        world.wait_for_reason("renewal", "Suspended");
        world.delete("renewal");
        world.wait_for("renewal", "held", |object| condition(object, "Stalled")["status"] == "True");
        world.patch_spec("renewal", &json!({"deletionPolicy": "Orphan"}));
        world.wait_until_gone("renewal");
    }),
    ("read-astray", |world| {
        world.create_campaign("astray", &json!({"connectionRef": {"name": "nowhere"}}));
        world.wait_for_reason("astray", "ConnectionNotFound");
    }),
    ("read-secretless", |world| {
        world.run(&["delete", "secret", "kore-jwt-app"]);
        world.create_campaign("renewal", &json!({}));
        world.wait_for_reason("renewal", "CredentialsMissing");
    }),
    ("read-rejected", |world| {
        world.create_secret(CLIENT_ID, "not-the-right-secret-at-all");
        world.create_campaign("renewal", &json!({}));
        world.wait_for_reason("renewal", "CredentialsRejected");
        world.create_secret(CLIENT_ID, CLIENT_SECRET);
        world.run(&["annotate", "vcamp", "renewal", "voicecampaign.dev/refresh-requested-at=now"]);
        world.wait_for_reason("renewal", "CampaignFound");
    }),
    ("read-waiting", |world| {
        world.run(&["delete", "kconn", "production"]);
        // One call a minute: there is none left for the third.
        world.create_connection(1, 10);
        world.create_campaign("renewal", &json!({}));
        world.wait_for_reason("renewal", "CampaignFound");
        for name in ["second", "third"] {
            world.create_campaign(name, &json!({}));
            world.wait_for(name, "the finalizer", |object| object["metadata"]["finalizers"].is_array());
            world.delete(name);
        }
        world.wait_for_reason("third", "WaitingForQuota");
        world.run(&["delete", "kconn", "production", "--wait=false"]);
        wait_for_connection(world, "InUse");
    }),
    ("read-unavailable", |world| {
        world.kore.add_fault(Fault { operation: None, ..Fault::answer_delete(None, 503, "") });
        for name in ["one", "two", "three", "four"] {
            world.create_campaign(name, &json!({}));
        }
        world.wait_for_reason("one", "ServiceUnavailable");
        world.run(&["delete", "vcamp", "--all", "--wait=false"]);
        wait::until("the account is in trouble", PATIENCE, || {
            Ok(world.run(&["get", "vcamp"]).contains("AccountUnavailable").then_some(()))
        })
        .unwrap();
    }),
    ("read-shared", |world| {
        world.create_found("kept");
        let mut twin = world.campaign("kept", &json!({}));
        twin["metadata"]["name"] = json!("twin");
        world.apply(&twin);
        world.wait_for_reason("twin", "CampaignFound");
        world.delete("twin");
        world.wait_for_reason("twin", "CampaignShared");
    }),
    ("read-braked", |world| {
        world.set_brake(1);
        ["one", "two"].iter().for_each(|name| drop(world.create_found(name)));
        world.run(&["delete", "vcamp", "--all", "--wait=false"]);
        wait::until("one is held", PATIENCE, || {
            Ok((world.run(&["get", "vcamp", REASONS]).trim() == "MassDeletion").then_some(()))
        })
        .unwrap();
    }),
    ("read-masked", |world| {
        world.kore.seed(world.key("bystander"), &json!({}));
        world.create_found("renewal");
        world.kore.set_behaviour(Behaviour { masked: true, ..behaviour() });
        world.delete("renewal");
        world.wait_for_reason("renewal", "StreamSuddenlyEmpty");
    }),
    ("read-torn", |world| {
        world.kore.seed(world.key("bystander"), &json!({}));
        world.apply(&world.campaign("torn", &json!({})));
        world.wait_for_reason("torn", "CampaignNotFound");
        world.kore.set_behaviour(Behaviour { torn_listings: true, ..behaviour() });
        world.delete("torn");
        world.wait_for_reason("torn", "ListingIncomplete");
    }),
    ("read-throttled", |world| {
        world.create_found("renewal");
        world.kore.add_fault(Fault::answer_delete(Some(1), 429, r#"{"message":"later"}"#));
        delete_until(world, "Throttled");
    }),
    ("read-refused", |world| {
        world.create_found("renewal");
        world.kore.add_fault(Fault::answer_delete(Some(1), 409, r#"{"message":"the campaign is running"}"#));
        delete_until(world, "RefusedByService");
    }),
    ("read-broken", |world| {
        for (name, then) in [
            ("unreachable", Outcome::Cut),
            ("unreadable", answer(200, "<html>")),
            ("violating", answer(200, r#"{"status":"success","data":{"_id":"cd-another"}}"#)),
        ] {
            world.create_found(name);
            let fault = Fault { campaign_id: Some(id(name)), then, ..Fault::answer_delete(Some(1), 200, "") };
            world.kore.add_fault(fault);
            world.delete(name);
            world.wait_until_gone(name);
        }
    }),
    ("read-moved", |world| {
        world.create_found("moved");
        world.replace_connection("another");
        world.wait_for_reason("moved", "AccountChanged");
    }),
    ("read-unselected", |world| {
        let mut of_a = world.campaign("of-a", &json!({}));
        of_a["metadata"]["labels"] = json!({"shard": "a"});
        world.apply(&of_a);
        world.wait_for_reason("of-a", "NotSelected");
    }),
    ("read-disallowed", |world| {
        world.create_campaign("disallowed", &json!({}));
        world.wait_for_reason("disallowed", "HostNotAllowed");
    }),
    ("read-idle", |world| {
        wait_for_connection(world, "CredentialsNotTried");
    }),
];

/// The one that an instance with a selector works in.
const SELECTED: &str = "read-unselected";
/// The one whose host may not be called.
const DISALLOWED: &str = "read-disallowed";
/// An annotation of what is marked when everything has been done.
const MARK: &str = "example.com/recorded";
/// Where things do not fit their schema, at last.
const MISFIT: &str = "read-misfit";

fn behaviour() -> Behaviour {
    Behaviour { requests_per_minute: None, ..Behaviour::default() }
}

fn answer(status: u16, body: &str) -> Outcome {
    Outcome::Answer { status, headers: BTreeMap::new(), body: body.to_owned() }
}

fn delete_until(world: &World, reason: &str) {
    world.delete("renewal");
    world.wait_for_reason("renewal", reason);
}

fn wait_for_connection(world: &World, reason: &str) {
    wait::until(reason, PATIENCE, || {
        let connection: Value =
            serde_json::from_str(&world.run(&["get", "kconn", "production", "--output=json"]))?;
        Ok((ready(&connection)["reason"] == reason).then_some(()))
    })
    .unwrap();
}

/// Records every version of an object that a watch shows.
struct Recorder {
    watches: Vec<(Child, PathBuf)>,
}

impl Recorder {
    /// In this namespace, or in all.
    fn start(plane: &ControlPlane, namespace: Option<&str>) -> Self {
        let kubectl = plane.kubectl().unwrap();
        let scope = namespace.map_or("--all-namespaces".to_owned(), |name| format!("--namespace={name}"));
        let watches = ["vcamp", "kconn"].map(|kind| {
            let path = plane.folder().join(format!("recorded-{kind}{scope}.json"));
            let arguments = ["get", kind, &scope, "--watch", "--output=json"];
            let watch = kubectl
                .command(&arguments)
                .stdout(Stdio::from(File::create(&path).unwrap()))
                .spawn()
                .unwrap();
            (watch, path)
        });
        Self { watches: watches.into() }
    }

    /// All that was there before now: of each kind one object is marked, and the mark waited for.
    fn finish(self, campaign: (&World, &str), connection: &World) -> Vec<Value> {
        let (world, name) = campaign;
        world.run(&["annotate", "vcamp", name, &format!("{MARK}=")]);
        connection.run(&["annotate", "kconn", "production", &format!("{MARK}=")]);
        let read = |(mut watch, path): (Child, PathBuf)| {
            wait::until("all is recorded", PATIENCE, || {
                Ok(std::fs::read_to_string(&path)?.contains(MARK).then_some(()))
            })
            .unwrap();
            watch.kill().unwrap();
            watch.wait().unwrap();
            let text = std::fs::read_to_string(path).unwrap();
            // The last one may be in the writing.
            serde_json::Deserializer::from_str(&text)
                .into_iter()
                .map_while(Result::ok)
                .filter(|object: &Value| object["metadata"]["annotations"][MARK].is_null())
                .collect::<Vec<Value>>()
        };
        self.watches.into_iter().flat_map(read).collect()
    }
}

/// Has everything happen that is told by a reason of its own, and records it.
async fn record() -> Vec<Value> {
    let plane = start_plane();
    let mut worlds = Vec::new();
    for (name, _) in SCENARIOS {
        worlds.push(World::connected_on(&plane, name).await);
    }
    let misfit = World::connected_on(&plane, MISFIT).await;
    let recorder = Recorder::start(&plane, None);
    let operate = |namespaces: &[&str], more: &[&str]| {
        let mut options = Options::new(env!("CARGO_BIN_EXE_voicecampaign-operator").into());
        options.arguments = vec![format!("--watch-namespaces={}", namespaces.join(","))];
        options.arguments.extend(more.iter().map(ToString::to_string));
        Operator::start(&plane, &options).unwrap()
    };
    let namespaces: Vec<&str> = SCENARIOS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| ![SELECTED, DISALLOWED].contains(name))
        .collect();
    let _operators = [
        operate(&[&namespaces[..], &[MISFIT]].concat(), &[]),
        operate(&[SELECTED], &["--selector=shard=a"]),
        operate(&[DISALLOWED], &["--allowed-hosts=https://platform.kore.ai"]),
    ];
    for part in SCENARIOS.iter().zip(&worlds).collect::<Vec<_>>().chunks(6) {
        std::thread::scope(|scope| {
            for ((_, scenario), world) in part {
                scope.spawn(|| scenario(world));
            }
        });
    }
    let world = |name: &str| &worlds[SCENARIOS.iter().position(|scenario| scenario.0 == name).unwrap()];
    let mut recorded = recorder.finish((world("read-astray"), "astray"), world("read-idle"));
    // Watches end some time after a definition has changed.
    for kinds in ["voicecampaigns", "koreconnections"] {
        loosen(&misfit.kubectl, kinds);
    }
    let recorder = Recorder::start(&plane, Some(MISFIT));
    let mut campaign = misfit.campaign("misfit", &json!({}));
    campaign["spec"]["suspend"] = json!("perhaps");
    misfit.apply(&campaign);
    misfit.wait_for_reason("misfit", "Invalid");
    misfit.run(&[
        "patch",
        "kconn",
        "production",
        "--type=merge",
        "-p",
        r#"{"spec":{"timeoutSeconds":"soon"}}"#,
    ]);
    wait_for_connection(&misfit, "Invalid");
    misfit.apply(&misfit.campaign("of-misfit", &json!({})));
    misfit.wait_for_reason("of-misfit", "ConnectionInvalid");
    recorded.extend(recorder.finish((&misfit, "of-misfit"), &misfit));
    recorded
}

/// Where the scripts for Argo CD are, as in its own repository.
const CUSTOMIZATIONS: &str = "deploy/argo-cd/resource_customizations/voicecampaign.dev";
const KINDS: [&str; 2] = ["VoiceCampaign", "KoreConnection"];
const ACTIONS: [&str; 3] = ["refresh", "resume", "suspend"];

fn path_of(kind: &str, path: &str) -> PathBuf {
    testbed::repository().join(CUSTOMIZATIONS).join(kind).join(path)
}

fn scripts(kind: &str) -> Value {
    let read = |path: &str| std::fs::read_to_string(path_of(kind, path)).unwrap();
    if kind == "KoreConnection" {
        return json!({"health": read("health.lua"), "discovery": "return {}", "actions": {}});
    }
    let action = |name: &str| (name.to_owned(), json!(read(&format!("actions/{name}/action.lua"))));
    let actions: serde_json::Map<String, Value> = ACTIONS.map(action).into_iter().collect();
    json!({"health": read("health.lua"), "discovery": read("actions/discovery.lua"), "actions": actions})
}

/// What a person would say of a living VoiceCampaign with this reason: in the words of kstatus, and of Argo
/// CD. `None`: none lives with it.
fn of_campaign(reason: Reason) -> Option<(&'static str, &'static str)> {
    match reason {
        Reason::CampaignFound => Some(("Current", "Healthy")),
        Reason::Pending => Some(("InProgress", "Progressing")),
        // kstatus has no word for it. It depends on what was known when it was suspended.
        Reason::Suspended => Some(("", "Suspended")),
        // It may be created in Kore at any time; Argo CD has a word for "not as it should be".
        Reason::CampaignNotFound => Some(("InProgress", "Degraded")),
        Reason::Invalid
        | Reason::ConnectionNotFound
        | Reason::ConnectionInvalid
        | Reason::NotSelected
        | Reason::HostNotAllowed
        | Reason::AccountChanged
        | Reason::CredentialsMissing
        | Reason::StreamSuddenlyEmpty
        | Reason::Service(FailureKind::CredentialsRejected) => Some(("Failed", "Degraded")),
        Reason::AccountUnavailable
        | Reason::Service(FailureKind::Unavailable | FailureKind::Throttled | FailureKind::Unreachable) => {
            Some(("InProgress", "Progressing"))
        }
        Reason::Service(
            FailureKind::MayBeAbsent
            | FailureKind::Accepted
            | FailureKind::Refused
            | FailureKind::Unreadable
            | FailureKind::ContractViolation,
        )
        | Reason::Deleting
        | Reason::WaitingForQuota
        | Reason::MassDeletion
        | Reason::CampaignShared
        | Reason::ListingIncomplete
        | Reason::Deleted
        | Reason::Absent
        | Reason::Orphaned
        | Reason::CampaignLeftBehind => None,
    }
}

/// The same of a KoreConnection.
fn of_connection(reason: ConnectionReason) -> Option<(&'static str, &'static str)> {
    match reason {
        ConnectionReason::CredentialsAccepted | ConnectionReason::CredentialsNotTried => {
            Some(("Current", "Healthy"))
        }
        ConnectionReason::CredentialsMissing
        | ConnectionReason::CredentialsRejected
        | ConnectionReason::HostNotAllowed
        | ConnectionReason::Invalid => Some(("Failed", "Degraded")),
        ConnectionReason::InUse => None,
    }
}

/// What the tools must say of an object.
fn expected(object: &Value) -> (&'static str, &'static str) {
    let reason = ready(object)["reason"].as_str();
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return ("Terminating", "Progressing");
    }
    if object["status"]["observedGeneration"] != object["metadata"]["generation"] {
        return ("InProgress", "Progressing");
    }
    let expected = match (object["kind"].as_str(), reason) {
        (Some("VoiceCampaign"), Some(reason)) => {
            of_campaign(Reason::parse(reason).expect("a reason of ours"))
        }
        (_, Some(reason)) => of_connection(
            ConnectionReason::ALL.into_iter().find(|one| one.as_str() == reason).expect("a reason of ours"),
        ),
        // Of a connection, the Secrets are listed first, and no more.
        (_, None) => Some(("", "Progressing")),
    };
    expected.unwrap_or_else(|| panic!("none should live with this reason: {object:#}"))
}

/// Each version of each object, whatever it says: kstatus and Argo CD say what a person would; every reason
/// in the code is among them.
#[tokio::test(flavor = "multi_thread")]
async fn every_status_is_read_as_a_person_would() {
    let recorded = record().await;
    let mut reasons = BTreeSet::new();
    for kind in KINDS {
        let objects: Vec<Value> = recorded.iter().filter(|object| object["kind"] == kind).cloned().collect();
        let (by_kstatus, by_argo) = (kstatus(&objects).unwrap(), argo_cd(&scripts(kind), &objects).unwrap());
        for ((object, Kstatus { kstatus, flux }), argo) in objects.iter().zip(by_kstatus).zip(by_argo) {
            let (to_kstatus, to_argo) = expected(object);
            assert_eq!(kstatus.status, flux.status, "{object:#}");
            assert!(to_kstatus.is_empty() || kstatus.status == to_kstatus, "{kstatus:?}: {object:#}");
            assert_eq!(argo.health.status, to_argo, "{:?}: {object:#}", argo.health);
            if to_kstatus == "Terminating" {
                assert_eq!(argo.health.message, "Pending deletion", "no script can change that");
            } else if to_argo != "Progressing" {
                assert_eq!(ready(object)["message"], argo.health.message, "it says why");
            }
            if kind == "VoiceCampaign" {
                assert_actions(object, &argo);
            }
            reasons.extend(ready(object)["reason"].as_str().map(|reason| (kind, reason.to_owned())));
        }
        settle_testdata(kind, &objects);
    }
    let campaigns = Reason::all().filter(|reason| *reason != Reason::CampaignLeftBehind);
    let all = campaigns.map(|reason| (KINDS[0], reason.as_str().to_owned()));
    let all = all.chain(ConnectionReason::ALL.map(|reason| (KINDS[1], reason.as_str().to_owned())));
    assert_eq!(reasons, all.collect(), "each reason is recorded");
}

/// What a user can do in Argo CD's window, and what that does.
fn assert_actions(object: &Value, argo: &ArgoCd) {
    let suspended = object["spec"]["suspend"] == true;
    let terminating = !object["metadata"]["deletionTimestamp"].is_null();
    let disabled: Vec<_> =
        argo.actions.iter().map(|action| (action.name.as_str(), action.disabled)).collect();
    assert_eq!(
        disabled,
        [("refresh", suspended || terminating), ("resume", !suspended), ("suspend", suspended)],
        "{object:#}"
    );
    let mut changed = object.clone();
    changed["spec"]["suspend"] = json!(true);
    assert_eq!(argo.results["suspend"], changed);
    changed["spec"]["suspend"] = json!(false);
    assert_eq!(argo.results["resume"], changed);
    let wish = &argo.results["refresh"]["metadata"]["annotations"][REFRESH];
    assert!(wish.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{wish}");
}

/// The test data for Argo CD's own repository: one living object for each reason, as it was recorded. `make
/// generate` writes them again; otherwise it is seen to that there is one for each, and what Argo CD says of
/// it.
fn settle_testdata(kind: &str, objects: &[Value]) {
    let living: BTreeMap<String, &Value> = objects
        .iter()
        .filter(|object| object["metadata"]["deletionTimestamp"].is_null())
        .filter(|object| object["status"]["observedGeneration"] == object["metadata"]["generation"])
        .filter_map(|object| Some((ready(object)["reason"].as_str()?.to_lowercase(), object)))
        .collect();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::remove_dir_all(path_of(kind, "testdata")).ok();
        std::fs::create_dir_all(path_of(kind, "testdata")).unwrap();
        let mut tests = Vec::new();
        for (reason, object) in &living {
            let input = format!("testdata/{reason}.yaml");
            std::fs::write(path_of(kind, &input), serde_saphyr::to_string(&as_a_users(object)).unwrap())
                .unwrap();
            let said = argo_cd(&scripts(kind), &[as_a_users(object)]).unwrap().remove(0).script;
            tests.push(
                json!({"healthStatus": {"status": said.status, "message": said.message}, "inputPath": input}),
            );
        }
        let text = serde_saphyr::to_string(&json!({"tests": tests})).unwrap();
        std::fs::write(path_of(kind, "health_test.yaml"), text).unwrap();
    }
    let tests: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(path_of(kind, "health_test.yaml")).unwrap()).unwrap();
    let tests = tests["tests"].as_array().unwrap();
    let named: BTreeSet<String> = tests
        .iter()
        .map(|test| {
            test["inputPath"]
                .as_str()
                .unwrap()
                .trim_start_matches("testdata/")
                .trim_end_matches(".yaml")
                .to_owned()
        })
        .collect();
    assert_eq!(
        named,
        living.into_keys().collect(),
        "test data for each reason: run `make generate-testdata`"
    );
    let inputs: Vec<Value> = tests
        .iter()
        .map(|test| std::fs::read_to_string(path_of(kind, test["inputPath"].as_str().unwrap())).unwrap())
        .map(|text| serde_saphyr::from_str(&text).unwrap())
        .collect();
    for (test, argo) in tests.iter().zip(argo_cd(&scripts(kind), &inputs).unwrap()) {
        let said = json!({"status": argo.script.status, "message": argo.script.message});
        assert_eq!(test["healthStatus"], said, "{test}");
    }
}

/// With the address and the namespace that a user would have.
fn as_a_users(object: &Value) -> Value {
    let namespace = object["metadata"]["namespace"].as_str().unwrap();
    let text = object.to_string().replace(namespace, "marketing");
    let mut parts = text.split("http://127.0.0.1:");
    let first = parts.next().unwrap().to_owned();
    let port = |c: char| c.is_ascii_digit();
    let text =
        parts.fold(first, |text, part| text + "https://platform.kore.ai" + part.trim_start_matches(port));
    serde_json::from_str(&text).unwrap()
}

/// The ConfigMap for Argo CD has the scripts, word for word.
#[test]
fn the_config_map_has_the_scripts() {
    let mut data = serde_json::Map::new();
    for kind in KINDS {
        let scripts = scripts(kind);
        let key = |what: &str| format!("resource.customizations.{what}.voicecampaign.dev_{kind}");
        data.insert(key("health"), scripts["health"].clone());
        if kind == "VoiceCampaign" {
            let definitions: Vec<Value> = ACTIONS
                .iter()
                .map(|name| json!({"name": name, "action.lua": scripts["actions"][name]}))
                .collect();
            let actions = json!({"discovery.lua": scripts["discovery"], "definitions": definitions});
            data.insert(key("actions"), json!(serde_saphyr::to_string(&actions).unwrap()));
        }
    }
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd"}, "data": data});
    let text = format!(
        "# Generated from resource_customizations by `make generate`. It adds to what is in Argo CD's ConfigMap:\n\
         # kubectl apply --server-side --field-manager=voicecampaign --filename argocd-cm.yaml\n{}",
        serde_saphyr::to_string(&map).unwrap()
    );
    let path = testbed::repository().join("deploy/argo-cd/argocd-cm.yaml");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "run `make generate`");
}
