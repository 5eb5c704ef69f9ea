//! Connections and Secrets stay as long as they are needed, and go then; and a connection says how it is.

use std::time::Duration;

use kore_simulator::{App, Fault, Operation};
use serde_json::{Value, json};
use testbed::{operator, wait};

use crate::support::*;

const IN_USE: &str = "voicecampaign.dev/in-use";

/// A field gets a type that it must not have.
const WRONG_TYPE: &str = r#"{"spec":{"accountId":7}}"#;

fn is_kept(object: &Value) -> bool {
    let finalizers = object["metadata"]["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
    finalizers.iter().any(|finalizer| finalizer == IN_USE)
}

impl World {
    fn find(&self, kind: &str, name: &str) -> Option<Value> {
        self.kubectl.get(kind, &self.namespace, name).unwrap()
    }

    /// Removes a connection by force, as docs/koreconnection.md says.
    fn strip(&self, connection: &str) {
        self.run(&["delete", "kconn", connection, "--wait=false"]);
        let finalizers = r#"[{"op":"remove","path":"/metadata/finalizers"}]"#;
        self.run(&["patch", "kconn", connection, "--type=json", "-p", finalizers]);
    }

    /// Makes a connection misfit. It is not served at once that it may be.
    fn misfit(&self, connection: &str, patch: &str) {
        wait::until("the loose definition is served", PATIENCE, || {
            Ok(self.try_run(&["patch", "kconn", connection, "--type=merge", "-p", patch]).ok())
        })
        .unwrap();
    }

    /// The definitions as they are, in the place of loosened ones.
    fn tighten(&self) {
        let crds = testbed::repository().join("crds").display().to_string();
        self.kubectl.try_run(&["apply", "--server-side", "--force-conflicts", "--filename", &crds]).unwrap();
    }

    fn wait_until_kept(&self, kept: bool) {
        let mut last = Value::Null;
        wait::until(&format!("in-use is {kept}"), PATIENCE, || {
            let all = [self.find("kconn", "production"), self.find("secret", "kore-jwt-app")];
            last = json!(all.iter().flatten().map(|object| object["metadata"].clone()).collect::<Vec<_>>());
            Ok(all.iter().flatten().all(|object| is_kept(object) == kept).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {last:#}"));
    }

    fn wait_for_connection(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = None;
        wait::until(what, PATIENCE, || {
            last = self.find("kconn", "production");
            Ok(last.clone().filter(|object| wanted(object)))
        })
        .unwrap_or_else(|error| panic!("{error}: {last:#?}"))
    }

    fn wait_for_connection_reason(&self, reason: &str) -> Value {
        self.wait_for_connection(reason, |object| ready(object)["reason"] == reason)
    }

    fn wait_until_none(&self, kind: &str, name: &str) {
        wait::until(&format!("{kind} {name} is gone"), PATIENCE, || {
            Ok(self.find(kind, name).is_none().then_some(()))
        })
        .unwrap();
    }
}

/// K17: a namespace is deleted as a whole, with a hundred campaigns, while the service is down for a minute.
/// It goes by itself, within seconds of the last confirmation; and meanwhile each object says why it is
/// there.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_with_everything_in_it() {
    let world = World::new("whole").await;
    let _operator = world.operator();
    let names: Vec<String> = (0..100).map(|number| format!("c{number:02}")).collect();
    let manifests: Vec<Value> = names.iter().map(|name| world.campaign(name, &json!({}))).collect();
    names.iter().for_each(|name| world.kore.seed(world.key(name), &json!({})));
    world
        .kubectl
        .apply(&json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string())
        .unwrap();
    for name in &names {
        world.wait_for_reason(name, "CampaignFound");
    }
    world.wait_until_kept(true);
    world
        .kore
        .add_fault(Fault { operation: None, ..Fault::answer_delete(None, 503, r#"{"message":"down"}"#) });
    world.kubectl.try_run(&["delete", "namespace", "whole", "--wait=false"]).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    for name in ["c00", "c50", "c99"] {
        let object = world.get(name).unwrap();
        assert_eq!(ready(&object)["reason"], "AccountUnavailable", "{object:#}");
        let message = ready(&object)["message"].as_str().unwrap();
        assert!(message.contains("HTTP 503, down"), "{message}");
    }
    let connection = world.find("kconn", "production").unwrap();
    assert_eq!(ready(&connection)["reason"], "InUse", "{connection:#}");
    assert!(world.find("secret", "kore-jwt-app").is_some(), "the Secret outlives the need for it");
    world.kore.clear_faults();
    let mut last = String::new();
    wait::until("all campaigns are confirmed", Duration::from_secs(400), || {
        std::thread::sleep(Duration::from_secs(1));
        let left = world.run(&["get", "vcamp", "--output=yaml"]);
        let gone = left.contains("items: []");
        last = left;
        Ok(gone.then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error}: {last}"));
    assert_eq!(world.kore.campaigns(), []);
    wait::until("connection and Secret are gone", Duration::from_secs(15), || {
        last = world.run(&["get", "kconn,secret", "--output=yaml"]);
        Ok(last.contains("items: []").then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error}: {last}"));
    // The rest is the namespace controller's: it looks again every 8 s, and later after an error of its own.
    wait::until("the namespace is gone", Duration::from_secs(120), || {
        Ok(world.kubectl.try_run(&["get", "namespace", "whole"]).is_err().then_some(()))
    })
    .unwrap_or_else(|error| {
        panic!("{error}: {}", world.run(&["get", "namespace", "whole", "--output=yaml"]))
    });
    world.assert_no_violations();
}

/// Whatever is deleted first, all of it goes, and the campaign is deleted in Kore.
#[tokio::test(flavor = "multi_thread")]
async fn connection_and_secret_outlive_the_need_for_them() {
    let world = World::new("order").await;
    let mut operator = world.operator();
    for restart in [false, true] {
        world.create_secret(CLIENT_ID, CLIENT_SECRET);
        world.create_connection(6000, 10);
        world.create_found("renewal");
        world.wait_until_kept(true);
        world.run(&["delete", "secret", "kore-jwt-app", "--wait=false"]);
        world.run(&["delete", "kconn", "production", "--wait=false"]);
        let held = world.wait_for_connection_reason("InUse");
        assert_eq!(held["status"]["campaigns"], 1);
        if restart {
            operator.kill();
            operator = world.operator();
            // Nothing goes because the operator has just started, and knows of no campaign yet.
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        assert!(is_kept(&world.find("secret", "kore-jwt-app").unwrap()));
        world.delete("renewal");
        world.wait_until_gone("renewal");
        assert!(!world.in_kore("renewal"));
        world.wait_until_none("kconn", "production");
        world.wait_until_none("secret", "kore-jwt-app");
    }
}

/// The first that comes and the last that goes: whoever has its finalizer has its connection kept, again and
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn campaigns_that_come_and_go_never_lose_their_connection() {
    let world = World::new("come-and-go").await;
    let _operator = world.operator();
    world.create_found("c0");
    for number in 1..12 {
        // The one goes while the other comes; perhaps a little later.
        world.delete(&format!("c{}", number - 1));
        tokio::time::sleep(Duration::from_millis(60 * (number % 5))).await;
        let name = format!("c{number}");
        world.create_campaign(&name, &json!({}));
        world.wait_for(&name, "it has its finalizer", |object| object["metadata"]["finalizers"].is_array());
        for (kind, named) in [("kconn", "production"), ("secret", "kore-jwt-app")] {
            assert!(is_kept(&world.find(kind, named).unwrap()), "{kind} is not kept for {name}");
        }
    }
    world.delete("c11");
    world.wait_until_gone("c11");
    world.wait_until_kept(false);
    // Nobody needs it: it goes at once.
    world.run(&["delete", "kconn", "production", "--timeout=20s"]);
    world.run(&["delete", "secret", "kore-jwt-app", "--timeout=20s"]);
}

/// K25: what is known of the credentials is in the connection's status, and kubectl shows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_says_how_it_is() {
    let world = World::without_connection("states").await;
    let _operator = world.operator();
    world.create_connection(6000, 10);
    let missing = world.wait_for_connection_reason("CredentialsMissing");
    assert_eq!(
        (&ready(&missing)["status"], &condition(&missing, "Stalled")["status"]),
        (&json!("False"), &json!("True"))
    );
    assert!(ready(&missing)["message"].as_str().unwrap().contains("kore-jwt-app"));
    assert!(world.events("production").contains(&"CredentialsMissing".to_owned()));

    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    world.create_found("renewal");
    let accepted = world.wait_for_connection_reason("CredentialsAccepted");
    assert_eq!(ready(&accepted)["status"], "True");
    assert_eq!(accepted["status"]["secretsInUse"], json!(["kore-jwt-app"]));
    world.wait_for_connection("one campaign is counted", |object| object["status"]["campaigns"] == 1);
    let table = world.run(&["get", "kconn"]);
    for column in ["READY", "REASON", "CAMPAIGNS", "CredentialsAccepted"] {
        assert!(table.contains(column), "{column} is missing in {table}");
    }

    // A rotation in Kore that the Secret does not follow, until it does.
    let rotated = "another-secret-0123456789";
    world.kore.set_apps(vec![App { client_id: CLIENT_ID.into(), client_secret: rotated.into() }]);
    world.run(&["annotate", "vcamp", "renewal", "voicecampaign.dev/refresh-requested-at=now"]);
    let refused = world.wait_for_connection_reason("CredentialsRejected");
    assert_eq!(condition(&refused, "Stalled")["status"], "True");
    assert!(!refused.to_string().contains(CLIENT_SECRET));
    world.create_secret(CLIENT_ID, rotated);
    world.run(&[
        "annotate",
        "vcamp",
        "renewal",
        "--overwrite",
        "voicecampaign.dev/refresh-requested-at=again",
    ]);
    world.wait_for_connection_reason("CredentialsAccepted");
}

/// Campaigns that go one by one cost no write of their connection's status each; and the last number is
/// right.
#[tokio::test(flavor = "multi_thread")]
async fn single_deletions_are_counted_in_a_few_writes() {
    const CAMPAIGNS: i64 = 21;
    let world = World::new("counted").await;
    let _operator = world.operator();
    let names: Vec<String> = (0..CAMPAIGNS).map(|number| format!("c{number}")).collect();
    names.iter().for_each(|name| drop(world.create_found(name)));
    let wait_for_count = |count: i64| {
        world.wait_for_connection(&format!("{count} are counted"), |object| {
            object["status"]["campaigns"] == count
        })
    };
    wait_for_count(CAMPAIGNS);
    let writes = || {
        let requests = world.plane.requests().unwrap();
        let of_status = requests.iter().filter(|request| {
            (request.resource.as_str(), request.subresource.as_str()) == ("koreconnections", "status")
        });
        of_status.filter(|request| request.namespace == world.namespace && request.code == 200).count()
    };
    let (before, begun) = (writes(), std::time::Instant::now());
    for name in names.iter().skip(1) {
        world.run(&["delete", "vcamp", name, "--timeout=60s"]);
    }
    let counted = wait_for_count(1);
    assert_eq!(ready(&counted)["reason"], "CredentialsAccepted");
    // One at once, one for each 10 s, and the last.
    let most = 2 + usize::try_from(begun.elapsed().as_secs()).unwrap() / 10;
    let cost = writes() - before;
    println!("{cost} writes for {} deletions in {:.1?}", names.len() - 1, begun.elapsed());
    assert!((1..=most).contains(&cost), "{cost} writes in {:?}", begun.elapsed());
}

/// K25: another Secret: it is kept at once and used at the next attempt, and the old one is let go. No Secret
/// is ever listed.
#[tokio::test(flavor = "multi_thread")]
async fn another_secret_is_followed_and_the_old_one_let_go() {
    let world = World::new("other-secret").await;
    let _operator = world.operator();
    world.create_found("renewal");
    world.wait_until_kept(true);
    let rotated = "another-secret-0123456789";
    world.kore.set_apps(vec![App { client_id: "cs-new".into(), client_secret: rotated.into() }]);
    world.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "new"},
        "stringData": {"clientId": "cs-new", "clientSecret": rotated}}));
    let patch = r#"{"spec":{"credentialsSecretRef":{"name":"new"}}}"#;
    world.run(&["patch", "kconn", "production", "--type=merge", "-p", patch]);
    wait::until("the new one is kept, and the old one is not", PATIENCE, || {
        let kept = |name: &str| world.find("secret", name).is_some_and(|secret| is_kept(&secret));
        Ok((kept("new") && !kept("kore-jwt-app")).then_some(()))
    })
    .unwrap();
    world.run(&["delete", "secret", "kore-jwt-app", "--timeout=20s"]);
    world.delete("renewal");
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
    let verbs: std::collections::BTreeSet<String> = plane()
        .requests()
        .unwrap()
        .into_iter()
        .filter(|request| request.resource == "secrets" && request.user == operator::user())
        .map(|request| request.verb)
        .collect();
    assert_eq!(verbs, ["get".to_owned(), "patch".to_owned()].into());
}

/// A connection is removed by force: its campaigns say so, its Secret is not stuck, and all heals when it is
/// there again.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_removed_by_force_is_told_and_heals() {
    let world = World::new("forced").await;
    let operator = world.operator();
    world.create_found("renewal");
    world.wait_until_kept(true);
    world.strip("production");
    world.wait_until_none("kconn", "production");
    let object = world.wait_for_reason("renewal", "ConnectionNotFound");
    assert_eq!(condition(&object, "Stalled")["status"], "True");
    wait::until("the Secret is let go", PATIENCE, || {
        Ok(world.find("secret", "kore-jwt-app").filter(|secret| !is_kept(secret)))
    })
    .unwrap();
    assert!(operator.output().contains("The connection is gone although campaigns need it"));
    world.delete("renewal");
    world.wait_for("renewal", "the deletion is stalled", |object| object["status"]["deletion"].is_object());
    world.create_connection(6000, 10);
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
    assert_eq!(world.kore.journal().iter().filter(|entry| entry.operation == Operation::Delete).count(), 1);
}

/// K20: a connection that does not fit its schema any more says so, stays while it is needed, and goes then.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_does_not_fit_its_schema_says_so_and_goes() {
    let world = World::alone("misfit").await;
    let mut operator = world.operator();
    world.create_found("renewal");
    for (name, campaign) in [("second", "winback"), ("third", "reminder")] {
        let spec =
            json!({"host": world.kore.url(), "accountId": ACCOUNT, "credentialsSecretRef": {"name": name}});
        world.apply(&json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": name}, "spec": spec}));
        world.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}}));
        world.create_campaign(campaign, &json!({"connectionRef": {"name": name}}));
        world.wait_for_reason(campaign, "CampaignFound");
    }
    world.wait_until_kept(true);
    loosen(&world.kubectl, "koreconnections");
    ["production", "second", "third"].iter().for_each(|name| world.misfit(name, WRONG_TYPE));
    let told = world.wait_for_connection_reason("Invalid");
    assert!(ready(&told)["message"].as_str().unwrap().contains("xpected a string"), "{told:#}");
    world.run(&["delete", "kconn", "production", "second", "--wait=false"]);
    world.run(&["delete", "secret", "kore-jwt-app", "second", "--wait=false"]);
    world.wait_for_connection("it says who needs it", |object| {
        ready(object)["message"].as_str().is_some_and(|text| text.contains("VoiceCampaign renewal needs it"))
    });
    for name in ["renewal", "winback", "reminder"] {
        world.delete(name);
        world.wait_for_reason(name, "ConnectionInvalid");
    }
    assert!(is_kept(&world.find("secret", "kore-jwt-app").unwrap()));
    for name in ["renewal", "winback", "reminder"] {
        world.patch_spec(name, &json!({"deletionPolicy": "Orphan"}));
        world.wait_until_gone(name);
    }
    // None of the two holds the other's Secret.
    for (kind, name) in
        [("kconn", "production"), ("secret", "kore-jwt-app"), ("kconn", "second"), ("secret", "second")]
    {
        world.wait_until_none(kind, name);
    }
    assert!(world.in_kore("renewal") && world.in_kore("winback") && operator.is_running());
    // One that nobody deletes is held no longer, nor is its Secret: an uninstall does not wait for it.
    wait::until("the third is let go", PATIENCE, || {
        let third = world.find("kconn", "third").unwrap();
        let lists_secrets = third["status"]["secretsInUse"].is_array();
        Ok((!is_kept(&third) && !lists_secrets && !is_kept(&world.find("secret", "third").unwrap()))
            .then_some(()))
    })
    .unwrap();
}

/// A connection that does not fit its schema, and can't be mended, is removed by force: its Secret is let go,
/// and its campaign goes on when it is there again.
#[tokio::test(flavor = "multi_thread")]
async fn a_misfit_connection_removed_by_force_lets_its_secret_go() {
    let world = World::alone("misfit-forced").await;
    let _operator = world.operator();
    world.create_found("renewal");
    world.wait_until_kept(true);
    loosen(&world.kubectl, "koreconnections");
    world.misfit("production", WRONG_TYPE);
    world.wait_for_connection_reason("Invalid");
    world.delete("renewal");
    world.wait_for_reason("renewal", "ConnectionInvalid");
    world.strip("production");
    world.wait_until_none("kconn", "production");
    world.run(&["delete", "secret", "kore-jwt-app", "--timeout=60s"]);
    world.tighten();
    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    world.create_connection(6000, 10);
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
}

/// What docs/koreconnection.md says of mending: a missing field by apply, a wrong type by replace.
#[tokio::test(flavor = "multi_thread")]
async fn a_misfit_connection_is_mended() {
    let world = World::alone("mended").await;
    let _operator = world.operator();
    let spec = json!({"host": world.kore.url(), "accountId": ACCOUNT, "credentialsSecretRef": {"name": "kore-jwt-app"}});
    let whole = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
        "metadata": {"name": "production", "namespace": world.namespace}, "spec": spec})
    .to_string();
    let wrong = [
        (r#"{"spec":{"credentialsSecretRef":null}}"#, "apply --server-side --force-conflicts --filename -"),
        (r#"{"spec":{"timeoutSeconds":"ten"}}"#, "replace --filename -"),
    ];
    for (patch, mend) in wrong {
        loosen(&world.kubectl, "koreconnections");
        world.misfit("production", patch);
        world.wait_for_connection_reason("Invalid");
        world.tighten();
        let mend: Vec<_> = mend.split(' ').collect();
        wait::until("it is mended", PATIENCE, || Ok(world.kubectl.pipe(&mend, &whole).ok())).unwrap();
        world.wait_for_connection_reason("CredentialsNotTried");
    }
}

/// Of a host that is not allowed nobody gets a token: nothing is sent there, not even for what is deleted,
/// and all say why.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_allowed_is_not_called() {
    let world = World::new("disallowed").await;
    let mut options = world.options();
    options.arguments.push("--allowed-hosts=https://platform.kore.ai,https://127.0.0.1:8443".to_owned());
    let operator = testbed::Operator::start(plane(), &options).unwrap();
    world.create_campaign("renewal", &json!({}));
    let told = world.wait_for_reason("renewal", "HostNotAllowed");
    assert_eq!(condition(&told, "Stalled")["status"], "True");
    let message = ready(&told)["message"].as_str().unwrap();
    assert!(message.contains(&world.kore.url()) && message.contains("--allowed-hosts"), "{message}");
    wait::until("the connection says so, too", PATIENCE, || {
        let connection = world.find("kconn", "production").unwrap_or_default();
        Ok((ready(&connection)["reason"] == "HostNotAllowed").then_some(()))
    })
    .unwrap();
    world.wait_until_kept(true);
    world.delete("renewal");
    world.wait_for("renewal", "its deletion waits", |object| {
        !object["metadata"]["deletionTimestamp"].is_null() && ready(object)["reason"] == "HostNotAllowed"
    });
    assert!(world.kore.journal().is_empty(), "{:?}", world.kore.journal());

    // In another spelling, it is allowed.
    drop(operator);
    options.arguments.pop();
    let host = world.kore.url().replace("127.0.0.1", "127.1");
    options.arguments.push(format!("--allowed-hosts=https://platform.kore.ai,{host}"));
    let _operator = testbed::Operator::start(plane(), &options).unwrap();
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
}
