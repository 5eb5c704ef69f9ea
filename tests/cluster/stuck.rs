//! Fourteen deletions that hang, as a person sees them who may only read, and who has the documents: what
//! `kubectl get` and `kubectl describe` say of the cause, and what docs/troubleshooting.md says of the cure.

use std::time::Duration;

use kore_simulator::{Behaviour, Fault};
use serde_json::{Value, json};
use testbed::{Operator, wait};

use crate::obstructed::{KEPT, forbid, wait_until_refused};
use crate::release::{RELEASE, installed};
use crate::support::*;

const TROUBLESHOOTING: &str = include_str!("../../docs/troubleshooting.md");
/// What others put on a resource to keep it.
const FOREIGN: &str = "example.com/hold";
/// Long enough for the pause of a minute after a 429, and for a proof of absence.
const MENDED: Duration = Duration::from_secs(180);

/// What makes a deletion hang.
pub struct Situation {
    /// Its namespace is named after it.
    pub name: &'static str,
    /// Makes the deletion of a resource hang, in an empty namespace that an operator works in.
    pub begin: fn(&World),
    /// What the column REASON says.
    pub reason: &'static str,
    /// What `kubectl describe` says of the cause.
    cause: &'static [&'static str],
    /// The row of docs/troubleshooting.md: a part of its first cell.
    row: &'static str,
    /// What that row says of the cure.
    cure: &'static str,
    /// What `kubectl vcamp why` says of it.
    advice: &'static str,
    /// Does it.
    mend: fn(&World),
    /// The alert that fires.
    pub alert: Alert,
}

/// The alert that sees a situation.
pub enum Alert {
    /// `VoiceCampaignDeletionStuck`, with this reason.
    Stuck(&'static str),
    /// The alert of this name, for the connection.
    OfConnection(&'static str),
}

/// Those that one operator shows at once.
pub const SITUATIONS: [Situation; 11] = [
    Situation {
        name: "stuck-secret",
        begin: |world| {
            world.create_connection(6000, 10);
            hang(world, "renewal");
        },
        reason: "CredentialsMissing",
        cause: &["The Secret kore-jwt-app of the KoreConnection production does not exist"],
        row: "`CredentialsMissing`",
        cure: "create the Secret",
        advice: "kubectl describe secret kore-jwt-app -n stuck-secret",
        mend: |world| world.create_secret(CLIENT_ID, CLIENT_SECRET),
        alert: Alert::Stuck("CredentialsMissing"),
    },
    Situation {
        name: "stuck-refused",
        begin: |world| {
            world.create_secret(CLIENT_ID, "not-the-right-secret-at-all");
            world.create_connection(6000, 10);
            hang(world, "renewal");
        },
        reason: "CredentialsRejected",
        cause: &["check the keys clientId and clientSecret of the Secret", "HTTP 401"],
        row: "`CredentialsRejected`",
        cure: "check client ID and client secret",
        advice: "Correct clientId and clientSecret",
        mend: |world| world.create_secret(CLIENT_ID, CLIENT_SECRET),
        alert: Alert::OfConnection("VoiceCampaignCredentialsRefused"),
    },
    Situation {
        name: "stuck-throttled",
        begin: |world| {
            world.connect_all();
            world.kore.add_fault(Fault::answer_delete(None, 429, ""));
            hang(world, "renewal");
        },
        reason: "Throttled",
        cause: &["Kore refused the request for its rate limit", "The next attempt is at"],
        row: "`Throttled`",
        cure: "wait for the rate limit of the account",
        advice: "rateLimit.requestsPerMinute",
        mend: |world| world.kore.clear_faults(),
        alert: Alert::OfConnection("VoiceCampaignThrottled"),
    },
    Situation {
        name: "stuck-quota",
        begin: |world| {
            world.create_secret(CLIENT_ID, CLIENT_SECRET);
            world.create_connection(1, 10);
            (0..8).for_each(|number| hang(world, &format!("c{number}")));
        },
        reason: "WaitingForQuota",
        cause: &["The rate limit of the account is used up", "The next request is scheduled for"],
        row: "`WaitingForQuota`",
        cure: "raise `requestsPerMinute`",
        advice: "raise rateLimit.requestsPerMinute",
        mend: |world| {
            let patch = r#"{"spec":{"rateLimit":{"requestsPerMinute":6000}}}"#;
            world.run(&["patch", "kconn", "production", "--type=merge", "-p", patch]);
        },
        alert: Alert::OfConnection("VoiceCampaignQueueLong"),
    },
    Situation {
        name: "stuck-down",
        begin: |world| {
            world.connect_all();
            world.kore.add_fault(Fault { operation: None, ..Fault::answer_delete(None, 503, "") });
            ["first", "second", "third", "fourth"].iter().for_each(|name| hang(world, name));
        },
        reason: "AccountUnavailable",
        cause: &["requests to the account have failed since", "HTTP 503", "resumes the deletions"],
        row: "`AccountUnavailable`",
        cure: "wait, if Kore is known to be down",
        advice: "Wait, if Kore is known to be down",
        mend: |world| world.kore.clear_faults(),
        alert: Alert::OfConnection("VoiceCampaignServiceFailing"),
    },
    Situation {
        name: "stuck-gateway",
        begin: |world| {
            world.connect_all();
            let page = "<html><h1>404 Not Found</h1></html>";
            world.kore.add_fault(Fault { operation: None, ..Fault::answer_delete(None, 404, page) });
            hang(world, "renewal");
        },
        reason: "AccountUnavailable",
        cause: &["requests to the account have failed since", "HTTP 404"],
        row: "`AccountUnavailable`",
        cure: "something between the operator and Kore answers in its place",
        advice: "what stands between the operator and Kore",
        mend: |world| world.kore.clear_faults(),
        alert: Alert::OfConnection("VoiceCampaignServiceFailing"),
    },
    Situation {
        name: "stuck-suspended",
        begin: |world| {
            world.connect_all();
            hang_with(world, "renewal", &json!({"suspend": true}), &[]);
        },
        reason: "Suspended",
        cause: &["The deletion is suspended, because spec.suspend is true"],
        row: "`Suspended`",
        cure: "set `spec.suspend` to false",
        advice: "kubectl vcamp resume renewal -n stuck-suspended",
        mend: |world| world.patch_spec("renewal", &json!({"suspend": false})),
        alert: Alert::Stuck("Suspended"),
    },
    Situation {
        name: "stuck-shared",
        begin: |world| {
            world.connect_all();
            world.create_found("renewal");
            let mut twin = world.campaign("renewal", &json!({}));
            twin["metadata"]["name"] = json!("twin");
            world.apply(&twin);
            world.wait_for_reason("twin", "CampaignFound");
            world.delete("renewal");
        },
        reason: "CampaignShared",
        cause: &["twin names the same campaign and keeps it in Kore"],
        row: "`CampaignShared`",
        cure: "set the policy of this resource to `Orphan`",
        advice: "kubectl vcamp orphan renewal -n stuck-shared",
        mend: |world| world.patch_spec("renewal", &json!({"deletionPolicy": "Orphan"})),
        alert: Alert::Stuck("CampaignShared"),
    },
    Situation {
        name: "stuck-foreign",
        begin: |world| {
            world.connect_all();
            hang_with(world, "renewal", &json!({}), &[FOREIGN]);
        },
        reason: "Deleted",
        cause: &["Kore has confirmed that the campaign is deleted", FOREIGN],
        row: "`Deleted`",
        cure: "Another finalizer keeps the resource if only others are there",
        advice: "Ask those who have set example.com/hold",
        mend: |world| {
            let none = r#"{"metadata":{"finalizers":null}}"#;
            world.run(&["patch", "vcamp", "renewal", "--type=merge", "-p", none]);
        },
        alert: Alert::Stuck("Deleted"),
    },
    Situation {
        name: "stuck-policy",
        begin: |world| {
            world.connect_all();
            world.create_found("renewal");
            forbid(world, "voicecampaigns", KEPT);
            wait_until_refused(world, &["vcamp/renewal"], r#"{"metadata":{"finalizers":null}}"#);
            world.delete("renewal");
            world.wait_for("renewal", "the obstacle", |object| {
                condition(object, "Obstructed")["status"] == "True"
            });
        },
        reason: "Deleted",
        cause: &[
            "Obstructed",
            "The operator can't remove its finalizer",
            "finalizers stay as they are in this cluster",
        ],
        row: "`Obstructed`",
        cure: "The message says which; fix the cause",
        advice: "a policy of the cluster",
        mend: |world| {
            let binding = ["delete", "validatingadmissionpolicybinding", &world.namespace];
            world.kubectl.try_run(&binding).unwrap();
        },
        alert: Alert::Stuck("Deleted"),
    },
    Situation {
        name: "stuck-empty",
        begin: |world| {
            world.kore.seed(world.key("bystander"), &json!({}));
            world.connect_all();
            world.create_found("renewal");
            wait::until("the stream was seen with campaigns", PATIENCE, || {
                let connection = world.kubectl.get("koreconnection", &world.namespace, "production")?;
                let streams = &connection.unwrap_or_default()["status"]["streams"];
                Ok(streams[0]["othersSeenAt"].is_string().then_some(()))
            })
            .unwrap();
            let behaviour = Behaviour { masked: true, requests_per_minute: None, ..Behaviour::default() };
            world.kore.set_behaviour(behaviour);
            world.delete("renewal");
        },
        reason: "StreamSuddenlyEmpty",
        cause: &["Kore's listing of the stream was empty", "the operator takes no such listing as proof"],
        row: "`StreamSuddenlyEmpty`",
        cure: "Restore the JWT app's scope and its access to the stream. If the campaigns are really gone, set the \
               policy to `Orphan`",
        advice: "kubectl vcamp orphan renewal -n stuck-empty",
        mend: |world| world.patch_spec("renewal", &json!({"deletionPolicy": "Orphan"})),
        alert: Alert::Stuck("StreamSuddenlyEmpty"),
    },
];

/// A resource that has its finalizer from birth, and is deleted.
pub fn hang(world: &World, name: &str) {
    hang_with(world, name, &json!({}), &[]);
}

fn hang_with(world: &World, name: &str, spec: &Value, finalizers: &[&str]) {
    world.kore.seed(world.key(name), &json!({}));
    let mut campaign = world.campaign(name, spec);
    campaign["metadata"]["finalizers"] = json!([&["voicecampaign.dev/remote-campaign"], finalizers].concat());
    world.apply(&campaign);
    world.delete(name);
}

impl World {
    /// Lets a user read what is in the namespace, as the cluster's role `view` does.
    fn admit_reader(&self) {
        self.run(&["create", "rolebinding", "reader", "--clusterrole=view", "--user=reader"]);
        let may_read = ["auth", "can-i", "list", "voicecampaigns", "--as=reader"];
        wait::until("the user may read", PATIENCE, || Ok(self.try_run(&may_read).ok())).unwrap();
    }

    /// kubectl as that user, with each run of blanks as one.
    fn read(&self, arguments: &[&str]) -> String {
        let said = self.run(&[&["--as=reader"], arguments].concat());
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Names of the resources that are being deleted, if their column REASON says so.
    fn hanging(&self, reason: Option<&str>) -> Vec<String> {
        let list: Value = serde_json::from_str(&self.run(&["get", "vcamp", "--output=json"])).unwrap();
        let hangs = |object: &&Value| {
            object["metadata"]["deletionTimestamp"].is_string()
                && reason.is_none_or(|reason| ready(object)["reason"] == reason)
        };
        let items = list["items"].as_array().unwrap().iter().filter(hangs);
        items.map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until `kubectl vcamp why` says this: an operator may be silent for half a minute.
    fn wait_for_why(&self, name: &str, words: &str) {
        let mut said = String::new();
        wait::until(&format!("why says {words}"), PATIENCE, || {
            said = self.administrator().vcamp(&["why", name]);
            Ok(said.contains(words).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {said}"));
    }

    fn wait_until_nothing_hangs(&self) {
        wait::until("nothing hangs any more", MENDED, || Ok(self.hanging(None).is_empty().then_some(())))
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.namespace, self.run(&["get", "vcamp"])));
    }
}

/// The second cell of a row of docs/troubleshooting.md.
fn documented(row: &str) -> &'static str {
    let cells = |line: &'static str| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ");
    let mut found = TROUBLESHOOTING.lines().filter_map(cells).filter(|(first, _)| first.contains(row));
    let (_, cure) = found.next().unwrap_or_else(|| panic!("docs/troubleshooting.md has no row for {row}"));
    cure
}

impl Situation {
    fn is_found_and_mended(&self, world: &World) {
        (self.begin)(world);
        let hangs = wait::until(&format!("{} hangs: {}", self.name, self.reason), PATIENCE, || {
            Ok(world.hanging(Some(self.reason)).into_iter().next())
        })
        .unwrap_or_else(|error| panic!("{error}: {}", world.run(&["get", "vcamp"])));
        // A probe of an account in trouble shows its own answer for a moment.
        let mut seen = String::new();
        wait::until(&format!("{} says why", self.name), PATIENCE, || {
            let table = world.read(&["get", "vcamp"]);
            seen = world.read(&["describe", "vcamp", &hangs]);
            let says_all = self.cause.iter().all(|words| seen.contains(words));
            Ok((table.contains(self.reason) && says_all).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {:?} are not all in {seen}", self.cause));
        let cure = documented(self.row);
        assert!(cure.contains(self.cure), "{}: the document says: {cure}", self.name);
        let user = world.person("view");
        user.json(&["why", &hangs]);
        let mut why = String::new();
        wait::until(&format!("why says what {} is", self.name), PATIENCE, || {
            why = user.vcamp(&["why", &hangs]);
            Ok(why.contains(&format!("{}: ", self.reason)).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {why}"));
        assert!(why.contains(self.advice), "{}: {why}", self.name);
        (self.mend)(world);
        world.wait_until_nothing_hangs();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_says_why_and_the_documents_say_what_ends_it() {
    let mut worlds = Vec::new();
    for situation in &SITUATIONS {
        let world = World::without_connection(situation.name).await;
        world.admit_reader();
        worlds.push(world);
    }
    let mut options = worlds[0].options();
    options.arguments = vec![format!("--watch-namespaces={}", SITUATIONS.map(|one| one.name).join(","))];
    let _operator = Operator::start(&worlds[0].plane, &options).unwrap();
    let all: Vec<_> = SITUATIONS.iter().zip(&worlds).collect();
    // kubectl takes most of the processor.
    for some in all.chunks(6) {
        std::thread::scope(|scope| {
            for (situation, world) in some {
                scope.spawn(|| situation.is_found_and_mended(world));
            }
        });
    }
}

/// The operator does not run: nothing changes in the status, no request is counted, and there is no Pod.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_does_not_run_is_missed() {
    let world = World::new("stuck-without-operator").await;
    world.admit_reader();
    hang(&world, "renewal");
    let table =
        world.run(&["get", "vcamp", "--output=custom-columns=A:.status.deletion.attempts", "--no-headers"]);
    assert_eq!(table.trim(), "<none>", "the column ATTEMPTS");
    assert!(documented("ATTEMPTS is empty").contains("the operator does not reconcile the resource"));
    let pods = ["get", "pods", "--namespace", "voicecampaign-system", "--output=name"];
    assert_section_says("Does the operator run? `kubectl get pods --namespace voicecampaign-system`");
    assert_eq!(world.kubectl.try_run(&pods).unwrap(), "");
    let _operator = world.operator();
    world.wait_until_nothing_hangs();
}

/// The operator runs, and can't take its Lease: no instance works.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_does_not_lead_is_seen_by_its_lease() {
    let world = installed("stuck-without-leader").await;
    world.admit_reader();
    let (role, operator) = without_lease(&world);
    hang(&world, "renewal");
    wait::until("it has tried to lead", PATIENCE, || {
        Ok(operator.output().contains("Could not read or take the lease").then_some(()))
    })
    .unwrap();
    assert_section_says("Does an instance lead? `kubectl get lease --namespace voicecampaign-system`");
    let leases = world.run(&["get", "lease", "--output=jsonpath={.items[*].spec.holderIdentity}"]);
    assert_eq!(leases, "", "HOLDER");
    assert_eq!(world.hanging(None), ["renewal"]);
    // There are no Pods here that could be ready.
    let ready = r#"{"status":{"replicas":1,"readyReplicas":1}}"#;
    world.run(&["patch", "deployment", RELEASE, "--subresource=status", "--type=merge", "-p", ready]);
    world.wait_for_why("renewal", "runs, and no instance of it works");
    world.apply(&role);
    world.wait_until_nothing_hangs();
}

/// An operator of this release without the right to its Lease; and the role that gives it.
pub fn without_lease(world: &World) -> (Value, Operator) {
    let name = format!("{RELEASE}-lease");
    let mut role: Value = serde_json::from_str(&world.run(&["get", "role", &name, "--output=json"])).unwrap();
    role["metadata"] = json!({"name": name});
    world.run(&["delete", "role", &name]);
    (role, Operator::launch(&world.plane, &world.as_released()).unwrap())
}

/// A definition is missing: the operator does nothing for any resource, and kubectl says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_is_missing_is_named() {
    let world = World::on(&start_plane(), "stuck-definition").await;
    remove_a_definition(&world);
    let operator = Operator::launch(&world.plane, &world.options()).unwrap();
    hang(&world, "renewal");
    assert_section_says("Are both CustomResourceDefinitions there?");
    let said = format!("{:#}", world.try_run(&["get", "kconn"]).unwrap_err());
    let words = "the server doesn't have a resource type";
    assert!(said.contains(words), "{said}");
    let (cure, command) = (documented(words), "kubectl apply --server-side -f crds/");
    assert!(cure.contains(command), "{cure}");
    wait::until("/readyz says it, too", PATIENCE, || {
        Ok(operator
            .ask("/readyz")
            .is_ok_and(|(code, why)| code == 503 && why.contains(command))
            .then_some(()))
    })
    .unwrap();
    assert_eq!(world.hanging(None), ["renewal"]);
    world.wait_for_why("renewal", command);
    let mut apply = world.kubectl.command(&command.split(' ').skip(1).collect::<Vec<_>>());
    assert!(apply.current_dir(testbed::repository()).output().unwrap().status.success());
    wait::until("the definition is there", PATIENCE, || Ok(world.try_run(&["get", "kconn"]).ok())).unwrap();
    world.connect_all();
    world.wait_until_nothing_hangs();
}

/// Removes the definition of KoreConnections, of which there must be none.
pub fn remove_a_definition(world: &World) {
    let crd = "crd/koreconnections.voicecampaign.dev";
    world.kubectl.try_run(&["delete", crd, "--timeout=60s"]).unwrap();
}

fn assert_section_says(words: &str) {
    let section = TROUBLESHOOTING.split("## The operator does not reconcile a resource").nth(1).unwrap();
    assert!(section.split("\n## ").next().unwrap().contains(words), "{section}");
}
