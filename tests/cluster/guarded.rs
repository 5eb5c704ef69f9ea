//! The chart's admission policies on a real API server. `cases` has a table of what each allows and denies.

mod cases;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use kore_simulator::Fault;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use testbed::{Kubectl, Operator, wait};

use crate::release::{RELEASE, installed, installed_with};
use crate::support::*;

const WITHOUT_FINALIZERS: &str = r#"{"metadata":{"finalizers":null}}"#;

impl World {
    /// kubectl as a user who may edit everything in this namespace.
    fn editor(&self) -> Kubectl {
        self.run(&["create", "serviceaccount", "editor"]);
        let whom = format!("--serviceaccount={}:editor", self.namespace);
        for role in [
            "system:aggregate-to-edit",
            "voicecampaign-operator-view",
            "voicecampaign-operator-edit",
            "voicecampaign-operator-connections",
        ] {
            self.run(&["create", "rolebinding", role, &format!("--clusterrole={role}"), &whom]);
        }
        self.kubectl_of("editor")
    }

    /// Removes all finalizers, as this user.
    fn strip_as(&self, user: &Kubectl, what: &str) -> anyhow::Result<String> {
        user.try_run(&[
            "patch",
            what,
            "--namespace",
            &self.namespace,
            "--type=merge",
            "-p",
            WITHOUT_FINALIZERS,
        ])
    }

    /// An operator with a ServiceAccount of another namespace, which the policies' bindings name: the
    /// operator works on when the namespace of the test is deleted.
    fn operator_elsewhere(&self) -> Operator {
        let system = self.beside(&format!("{}-system", self.namespace));
        system.run(&["create", "serviceaccount", RELEASE]);
        let whom = format!("--serviceaccount={}:{RELEASE}", system.namespace);
        let role =
            ["create", "clusterrolebinding", &self.namespace, "--clusterrole=voicecampaign-operator", &whom];
        self.kubectl.try_run(&role).unwrap();
        let moved = json!({"spec": {"paramRef": {"namespace": system.namespace}}}).to_string();
        let mutating = serves_mutating_policies().then_some("mutatingadmissionpolicybinding");
        for binding in [Some("validatingadmissionpolicybinding"), mutating].into_iter().flatten() {
            let names = self.kubectl.try_run(&["get", binding, "--output=name"]).unwrap();
            for name in names.lines().filter(|name| name.ends_with(&format!(".{}", self.namespace))) {
                self.kubectl.try_run(&["patch", name, "--type=merge", "-p", &moved]).unwrap();
            }
        }
        let mut options = self.options();
        options.service_account = system.account();
        Operator::start(&self.plane, &options).unwrap()
    }

    /// A campaign whose deletion Kore does not confirm.
    fn create_held(&self, name: &str) {
        self.create_found(name);
        self.delete(name);
        self.wait_for(name, "its deletion has begun", |object| {
            object["status"]["deletion"]["attempts"].is_i64()
        });
    }
}

fn refused(outcome: anyhow::Result<String>) -> String {
    outcome.expect_err("it must be refused").to_string()
}

/// Only the operator can remove its finalizers, by any kind of request; the denial names the ways out. Other
/// changes are allowed.
#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_is_not_stripped_by_hand() {
    let world = installed("guarded").await;
    let _operator = world.released_operator();
    let editor = world.editor();
    world.wait_for_policies();
    world.create_found("living");
    world.kore.add_fault(Fault::answer_delete(None, 503, ""));
    world.create_held("held");

    for name in ["living", "held"] {
        let what = format!("voicecampaign/{name}");
        let said = refused(world.strip_as(&editor, &what));
        assert!(
            said.contains("set spec.deletionPolicy to Orphan")
                && said.contains("voicecampaign.dev/break-glass"),
            "{said}"
        );
        let one = r#"[{"op":"remove","path":"/metadata/finalizers/0"}]"#;
        refused(editor.try_run(&["patch", &what, "--type=json", "-p", one]));
        // The policy holds for administrators, too.
        refused(world.strip_as(&world.kubectl, &what));
        editor.try_run(&["annotate", &what, "example.com/note=x"]).unwrap();
        editor.try_run(&["label", &what, "team=a"]).unwrap();
    }
    // The operator may write between kubectl's read and its PUT.
    let said = wait::until("a PUT is refused", PATIENCE, || {
        let manifest = world.campaign("held", &json!({})).to_string();
        let said = refused(editor.pipe(&["replace", "--filename", "-"], &manifest));
        Ok((!said.contains("(Conflict)")).then_some(said))
    })
    .unwrap();
    assert!(said.contains("Orphan"), "a PUT of what is being deleted: {said}");
    for what in ["koreconnection/production", "secret/kore-jwt-app"] {
        let said = refused(world.strip_as(&editor, what));
        assert!(said.contains("in-use") && said.contains("Orphan"), "{said}");
    }

    // The way out.
    editor
        .try_run(&["patch", "vcamp", "held", "--type=merge", "-p", r#"{"spec":{"deletionPolicy":"Orphan"}}"#])
        .unwrap();
    world.wait_until_gone("held");
    assert!(world.in_kore("held"));
    world.kore.clear_faults();
    world.delete("living");
    world.wait_until_gone("living");
    assert!(!world.in_kore("living"), "the operator itself is not hindered");
}

/// The ways out work without an operator, too. The audit log and the operator's event have the user and the
/// reason of a break-glass.
#[tokio::test(flavor = "multi_thread")]
async fn the_ways_out_are_open_and_reported() {
    let world = installed("guarded-ways-out").await;
    let mut operator = world.released_operator();
    let editor = world.editor();
    world.wait_for_policies();
    world.kore.add_fault(Fault::answer_delete(None, 503, ""));
    world.create_held("broken");
    world.create_held("orphaned");
    refused(world.strip_as(&editor, "voicecampaign/broken"));
    let glass = "voicecampaign.dev/break-glass=INC-4711 Kore is gone for good";
    editor.try_run(&["annotate", "voicecampaign/broken", glass]).unwrap();
    world.strip_as(&editor, "voicecampaign/broken").unwrap();
    world.wait_until_gone("broken");
    wait::until("it is reported", PATIENCE, || {
        Ok(world.events("broken").contains(&"CampaignLeftBehind".to_owned()).then_some(()))
    })
    .unwrap();
    assert!(world.run(&["get", "events"]).contains("INC-4711"), "with the reason");
    let audit = std::fs::read_to_string(world.plane.folder().join("audit.log")).unwrap();
    let broken = audit
        .lines()
        .find(|line| line.contains("/break-glass\":") && line.contains("guarded-ways-out"))
        .unwrap();
    assert!(
        broken.contains("system:serviceaccount:guarded-ways-out:editor removed a finalizer: INC-4711"),
        "{broken}"
    );

    operator.kill();
    refused(world.strip_as(&editor, "voicecampaign/orphaned"));
    world.patch_spec("orphaned", &json!({"deletionPolicy": "Orphan"}));
    assert!(world.get("orphaned").is_some());
    world.strip_as(&editor, "voicecampaign/orphaned").unwrap();
    assert!(world.get("orphaned").is_none());
    let glass = "voicecampaign.dev/break-glass=INC-4712";
    for what in ["secret/kore-jwt-app", "koreconnection/production"] {
        refused(world.strip_as(&editor, what));
        editor.try_run(&["annotate", what, glass]).unwrap();
        world.strip_as(&editor, what).unwrap();
    }
}

/// A Secret that was copied with its finalizer can be deleted: the denial tells an editor of the namespace
/// how. If a connection without campaigns names the Secret, as after a restore, which brings no status, the
/// operator removes the finalizer.
#[tokio::test(flavor = "multi_thread")]
async fn a_copied_secret_can_be_deleted() {
    let world = installed("guarded-copies").await;
    let operator = world.released_operator();
    let editor = world.editor();
    world.wait_for_policies();
    world.create_found("renewal");
    let mut copy: Value =
        serde_json::from_str(&world.run(&["get", "secret", "kore-jwt-app", "--output=json"])).unwrap();
    assert_eq!(copy["metadata"]["finalizers"], json!(["voicecampaign.dev/in-use"]));
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
        copy["metadata"].as_object_mut().unwrap().remove(field);
    }
    for name in ["copied", "restored"] {
        copy["metadata"]["name"] = json!(name);
        editor.pipe(&["create", "--filename", "-"], &copy.to_string()).unwrap();
        editor.try_run(&["delete", "secret", name, "--wait=false"]).unwrap();
    }

    let said = refused(world.strip_as(&editor, "secret/copied"));
    assert!(
        said.contains("kubectl get koreconnections --namespace guarded-copies` shows no KoreConnection"),
        "{said}"
    );
    // The command of the message, word for word.
    let how = said.split('`').find(|command| command.starts_with("kubectl annotate")).unwrap();
    let how = how.trim_start_matches("kubectl ").replace('"', "");
    editor.try_run(&how.splitn(6, ' ').collect::<Vec<_>>()).unwrap();
    world.strip_as(&editor, "secret/copied").unwrap();
    assert!(world.kubectl.get("secret", &world.namespace, "copied").unwrap().is_none());

    world.apply(&json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
        "metadata": {"name": "restored", "finalizers": ["voicecampaign.dev/in-use"]},
        "spec": {"host": world.kore.url(), "accountId": ACCOUNT, "credentialsSecretRef": {"name": "restored"}}}));
    wait::until("the operator lets the Secret go", PATIENCE, || {
        Ok(world.kubectl.get("secret", &world.namespace, "restored")?.is_none().then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error}: {}", operator.output()));
    // A Secret that another connection uses is not changed.
    world.run(&[
        "patch",
        "kconn",
        "restored",
        "--type=merge",
        "-p",
        r#"{"spec":{"credentialsSecretRef":{"name":"kore-jwt-app"}}}"#,
    ]);
    wait::until("the operator has looked", PATIENCE, || {
        let connection = world.run(&["get", "kconn", "restored", "--output=json"]);
        let connection: Value = serde_json::from_str(&connection)?;
        Ok((connection["status"]["observedGeneration"] == connection["metadata"]["generation"]).then_some(()))
    })
    .unwrap();
    assert!(world.run(&["get", "secret", "kore-jwt-app", "--output=json"]).contains("in-use"));
}

/// A PUT or a server-side apply without the finalizer, on an object that is not being deleted, keeps the
/// finalizer. Without the mutating policy the request is denied, because no operator may be running to add
/// the finalizer again.
#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_object_keeps_its_finalizer() {
    let world = installed("guarded-replaced").await;
    let mut operator = world.released_operator();
    let editor = world.editor();
    world.wait_for_policies();
    world.create_found("renewal");
    operator.kill();
    let manifest = world.campaign("renewal", &json!({"suspend": true}));
    let is_held = || {
        world.get("renewal").unwrap()["metadata"]["finalizers"]
            == json!(["voicecampaign.dev/remote-campaign"])
    };
    if serves_mutating_policies() {
        editor.pipe(&["replace", "--filename", "-"], &manifest.to_string()).unwrap();
        assert!(is_held(), "replaced");
        // A manifest in Git that first has our finalizer, and later does not.
        let apply =
            ["apply", "--server-side", "--force-conflicts", "--field-manager=gitops", "--filename", "-"];
        let mut carrying = manifest.clone();
        carrying["metadata"]["finalizers"] = json!(["voicecampaign.dev/remote-campaign"]);
        editor.pipe(&apply, &carrying.to_string()).unwrap();
        assert!(is_held(), "carried");
        editor.pipe(&apply, &manifest.to_string()).unwrap();
        assert!(is_held(), "no longer carried");
    }
    // A connection that is replaced as a whole loses its finalizer, and the operator adds it again.
    world.install_again(&["admissionPolicies.mutating=false"]);
    wait::until("a PUT is refused", PATIENCE, || {
        let dry = editor.pipe(&["replace", "--dry-run=server", "--filename", "-"], &manifest.to_string());
        Ok(dry.is_err_and(|said| said.to_string().contains("Orphan")).then_some(()))
    })
    .unwrap();
    assert!(is_held());
    let connection: Value =
        serde_json::from_str(&world.run(&["get", "kconn", "production", "--output=json"])).unwrap();
    let mut replaced = connection.clone();
    replaced["metadata"].as_object_mut().unwrap().remove("finalizers");
    editor.pipe(&["replace", "--filename", "-"], &replaced.to_string()).unwrap();
    let _operator = world.released_operator();
    wait::until("the connection is kept again", PATIENCE, || {
        Ok(world.run(&["get", "kconn", "production", "--output=json"]).contains("in-use").then_some(()))
    })
    .unwrap();
    world.patch_spec("renewal", &json!({"suspend": false}));
    world.delete("renewal");
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
}

/// The policies do not hinder the namespace controller and the garbage collector.
#[tokio::test(flavor = "multi_thread")]
async fn a_guarded_namespace_goes_by_itself() {
    let world = installed("guarded-namespace").await;
    world.wait_for_policies();
    let _operator = world.operator_elsewhere();
    world.run(&["create", "configmap", "owner"]);
    let owner: Value =
        serde_json::from_str(&world.run(&["get", "configmap", "owner", "--output=json"])).unwrap();
    let mut owned = world.campaign("owned", &json!({}));
    owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
        "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true}]);
    world.kore.seed(world.key("owned"), &json!({}));
    world.apply(&owned);
    world.wait_for_reason("owned", "CampaignFound");
    world.run(&["delete", "configmap", "owner", "--cascade=foreground"]);
    world.wait_until_gone("owned");
    for name in ["one", "two", "three"] {
        world.create_found(name);
    }
    world.kubectl.try_run(&["delete", "namespace", &world.namespace, "--timeout=60s"]).unwrap();
    assert!(world.kore.campaigns().is_empty());
}

/// A protected campaign can't be deleted by anyone, nor can its namespace, until the annotation is removed.
#[tokio::test(flavor = "multi_thread")]
async fn a_protected_campaign_is_not_deleted() {
    let world = installed("guarded-protected").await;
    let _operator = world.operator_elsewhere();
    world.wait_for_policies();
    world.create_found("precious");
    world.run(&["annotate", "vcamp", "precious", "voicecampaign.dev/protect=true"]);
    let said = refused(world.try_run(&["delete", "vcamp", "precious"]));
    // A deletecollection, as the namespace controller sends it.
    let all = format!("/apis/voicecampaign.dev/v1alpha1/namespaces/{}/voicecampaigns", world.namespace);
    assert!(refused(world.kubectl.try_run(&["delete", "--raw", &all])).contains("precious is protected"));
    assert!(said.contains("voicecampaign.dev/protect-"), "it says how: {said}");
    assert!(refused(world.try_run(&["delete", "vcamp", "--all"])).contains("protected"));
    world.kubectl.try_run(&["delete", "namespace", &world.namespace, "--wait=false"]).unwrap();
    wait::until("the namespace says why it stays", PATIENCE, || {
        let namespace = world.kubectl.try_run(&["get", "namespace", &world.namespace, "--output=json"])?;
        Ok(namespace.contains("precious is protected").then_some(()))
    })
    .unwrap();
    let object = world.get("precious").unwrap();
    assert!(object["metadata"]["deletionTimestamp"].is_null() && world.in_kore("precious"), "{object:#}");
    world.run(&["annotate", "vcamp", "precious", "voicecampaign.dev/protect-"]);
    // Instead of waiting for the namespace controller, whose retries become rare.
    world.run(&["delete", "vcamp", "precious", "--wait=false", "--ignore-not-found"]);
    world.wait_until_gone("precious");
    assert!(!world.in_kore("precious"));
}

/// Once the operator's ServiceAccount is deleted, leftover policies have no effect.
#[tokio::test(flavor = "multi_thread")]
async fn policies_without_an_operator_do_nothing() {
    let world = installed("guarded-uninstalled").await;
    let mut operator = world.released_operator();
    world.wait_for_policies();
    world.create_found("renewal");
    world.kore.add_fault(Fault::answer_delete(None, 503, ""));
    world.create_held("held");
    operator.kill();
    refused(world.strip_as(&world.kubectl, "voicecampaign/held"));
    world.run(&["delete", "serviceaccount", RELEASE]);
    wait::until("the policies do nothing", PATIENCE, || {
        Ok(world.strip_as(&world.kubectl, "voicecampaign/held").ok())
    })
    .unwrap();
    let created = world.kubectl.pipe(
        &["create", "--output=json", "--filename", "-"],
        &world.campaign("new", &json!({})).to_string(),
    );
    assert!(!created.unwrap().contains("remote-campaign"));
    // An uninstall without hooks deletes the policies, too.
    world.helm().run(&["uninstall", RELEASE, "--namespace", &world.namespace, "--no-hooks"]).unwrap();
    assert_eq!(world.policies(), 0);
    world.strip_as(&world.kubectl, "voicecampaign/renewal").unwrap();
    world.run(&["delete", "vcamp", "--all", "--timeout=10s"]);
}

/// A thousand VoiceCampaigns, each created and deleted at once: with the mutating policy no campaign is left
/// in Kore, without it most are.
#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_is_deleted_at_once_is_not_left_behind() {
    let with = left_behind("guarded-race", "admissionPolicies.mutating=true").await;
    let without = left_behind("unguarded-race", "admissionPolicies.mutating=false").await;
    println!("left behind of {PAIRS}: {with} with the policy, {without} without");
    assert_eq!(with, 0);
    assert!(without > 0, "otherwise this test shows nothing");
}

const PAIRS: usize = 1000;

/// The number of campaigns still in Kore after `PAIRS` pairs of create and delete.
async fn left_behind(namespace: &str, policy: &str) -> usize {
    let world = installed_with(namespace, &[policy]).await;
    let _operator = world.released_operator();
    if policy.ends_with("true") {
        world.wait_for_policies();
    }
    let names: Vec<String> = (0..PAIRS).map(|number| format!("c{number:03}")).collect();
    names.iter().for_each(|name| world.kore.seed(world.key(name), &json!({})));
    let campaigns = world.campaigns().await;
    let next = AtomicUsize::new(0);
    let pairs = async || {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let object = serde_json::from_value(world.campaign(name, &json!({}))).unwrap();
            campaigns.create(&PostParams::default(), &object).await.unwrap();
            campaigns.delete(name, &DeleteParams::default()).await.unwrap();
        }
    };
    join_all((0..4).map(|_| pairs())).await;
    wait::until("all objects are gone", 2 * PATIENCE, || {
        Ok(world.run(&["get", "vcamp", "--output=name"]).is_empty().then_some(()))
    })
    .unwrap();
    world.kore.campaigns().len()
}
