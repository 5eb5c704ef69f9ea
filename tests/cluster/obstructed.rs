//! The API server fails what the operator asks of it, and takes what it writes to the status: the status says
//! so.

use std::time::Duration;

use kore_simulator::{Fault, Operation};
use serde_json::{Value, json};
use testbed::faults::{Action, Answer, Kind, Lasting, Nemesis};
use testbed::{Operator, wait};
use voicecampaign_operator::kube_ext::obstacle::OBSTRUCTED_BY;

use crate::proxied::{behind_a_proxy, launch_behind_a_proxy, plan};
use crate::support::*;

/// The API server fails with these words.
pub fn failing(code: u16, reason: &str, message: &str) -> Action {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
        "message": message});
    Action::Answer(Answer { body: body.to_string(), ..Answer::status(code) })
}

/// Secrets can't be read, as where the key that decrypts them is out of reach.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_api_server_can_not_read_is_named() {
    let world = World::new("undecryptable").await;
    let (mut operator, _proxy, nemesis) = behind_a_proxy(&world);
    world.create_found("renewal");
    // The credentials are not kept for longer.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let failed = failing(500, "InternalError", "Internal error occurred: no key to decrypt with");
    nemesis.arm(plan(&[Kind::Read], Lasting::ForMs(600_000), failed));
    world.delete("renewal");
    let message = wait_until_told(&world, "renewal");
    assert!(
        message.contains("can't continue the deletion") && message.contains("no key to decrypt with"),
        "{message}"
    );
    assert!(world.deletes("renewal").is_empty());
    // It is told once, however often it is tried.
    let written = world.status_writes();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(world.status_writes(), written);
    world.create_campaign("new", &json!({}));
    wait_until_told(&world, "new");
    nemesis.disarm();
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal") && operator.is_running());
    assert_eq!(world.deletes("renewal").len(), 1);
    world.wait_for("new", "it is looked at", |object| {
        json!(["CampaignFound", "CampaignNotFound"]).as_array().unwrap().contains(&ready(object)["reason"])
    });
}

/// Reads of the Secret are never answered: all who wait for it are told in the time that one takes, and not
/// one after another.
#[tokio::test(flavor = "multi_thread")]
async fn many_wait_for_a_secret_as_long_as_one() {
    let world = World::new("unanswered").await;
    let (_operator, _proxy, nemesis) = behind_a_proxy(&world);
    let names: Vec<String> = (0..20).map(|number| format!("c{number}")).collect();
    names.iter().for_each(|name| drop(world.create_found(name)));
    // The credentials are not kept for longer.
    tokio::time::sleep(Duration::from_secs(6)).await;
    nemesis.arm(plan(&[Kind::Read], Lasting::ForMs(600_000), Action::Hang));
    let begun = std::time::Instant::now();
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    // Nobody is told sooner.
    tokio::time::sleep(Duration::from_secs(30)).await;
    names.iter().for_each(|name| drop(wait_until_told(&world, name)));
    // Three reads of 10 s each, and two pauses. One after another, twenty would take 200 s for each round.
    assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", begun.elapsed());
    nemesis.disarm();
    names.iter().for_each(|name| world.wait_until_gone(name));
}

/// After a start the VoiceCampaigns of another namespace, or the KoreConnections of their own, are not
/// listed: Kore is asked nothing, and each resource that waits for it says why.
#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_missing_are_named_and_kore_asked_nothing() {
    let campaigns = |world: &World| world.campaign("c", &json!({}));
    let connections = |world: &World| {
        json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": "c", "namespace": world.namespace}, "spec": {"host": "https://kore.example",
            "accountId": ACCOUNT, "credentialsSecretRef": {"name": "none"}}})
    };
    tokio::join!(
        nothing_is_asked_without("VoiceCampaigns", "campaigns-listed", campaigns),
        nothing_is_asked_without("KoreConnections", "connections-listed", connections)
    );
}

async fn nothing_is_asked_without(kinds: &str, name: &str, one: impl Fn(&World) -> Value) {
    // More than the operator lists in a page: the second page does not come.
    const OBJECTS: usize = 520;
    let (world, other) = (World::new(name).await, World::without_connection(&format!("not-{name}")).await);
    let missing = if kinds == "KoreConnections" { &world } else { &other };
    let numbered = |number: usize| {
        let mut object = one(missing);
        object["metadata"]["name"] = json!(format!("c{number}"));
        object
    };
    let objects: Vec<_> = (0..OBJECTS).map(numbered).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    other.kubectl.apply(&list).unwrap();
    let mut options = world.options();
    options.arguments = vec![format!("--watch-namespaces={name},not-{name}")];
    let operator = Operator::start(&world.plane, &options).unwrap();
    ["going", "looked-at", "left"].iter().for_each(|name| drop(world.create_found(name)));
    world.apply(&world.campaign("absent", &json!({})));
    world.wait_for_reason("absent", "CampaignNotFound");
    world.delete("absent");
    world.wait_for("absent", "a second listing is to prove it", |object| {
        object["status"]["deletion"]["proof"]["firstListing"].is_object()
    });
    drop(operator);
    world.delete("going");
    world.patch_spec("left", &json!({"deletionPolicy": "Orphan"}));
    world.delete("left");
    world.run(&["annotate", "vcamp", "looked-at", "voicecampaign.dev/refresh-requested-at=now"]);

    let nemesis = Nemesis::new();
    let failed = Action::Answer(Answer::status(503));
    nemesis.arm(plan(&[Kind::NextPage], Lasting::ForMs(600_000), failed));
    let asked = world.kore.journal().len();
    let (mut operator, _proxy) = launch_behind_a_proxy(options, &nemesis);
    let (deleted, alive) =
        ("The operator can't continue the deletion", "The operator can't observe the campaign");
    for (campaign, what) in [("going", deleted), ("absent", deleted), ("looked-at", alive)] {
        let message = wait_until_told(&world, campaign);
        assert!(
            message.starts_with(what)
                && message.contains(&format!("has not received the list of all {kinds}")),
            "{message}"
        );
    }
    // What is left in Kore is noted with its connection.
    if kinds == "KoreConnections" {
        assert!(wait_until_told(&world, "left").starts_with("The operator can't remove its finalizer"));
        assert!(world.get("left").is_some());
        let asked_for = connection_reads(&world);
        tokio::time::sleep(Duration::from_secs(11)).await;
        let again = connection_reads(&world) - asked_for;
        assert!(again <= 2, "{again} reads of the connection in 11 s");
    } else {
        world.wait_until_gone("left");
    }
    let (code, told) = operator.ask("/readyz").unwrap();
    assert!(code == 503 && told.contains(&format!("{kinds} in {}", missing.namespace)), "{code} {told}");
    assert_eq!(world.kore.journal().len(), asked);
    nemesis.disarm();
    ["going", "absent", "left"].iter().for_each(|name| world.wait_until_gone(name));
    assert!(world.in_kore("left"));
    world.wait_for("looked-at", "it is looked at, and says no more", |object| {
        object["status"]["lastHandledRefreshAt"] == "now" && condition(object, "Obstructed").is_null()
    });
    assert!(operator.is_running());
    assert_eq!(world.deletes("going").len(), 1);
}

/// How often the connection was read.
fn connection_reads(world: &World) -> usize {
    let requests = world.plane.requests().unwrap();
    let wanted = |request: &&testbed::audit::Request| {
        request.resource == "koreconnections" && request.verb == "get" && request.namespace == world.namespace
    };
    requests.iter().filter(wanted).count()
}

/// Somebody's policy keeps every finalizer where it is: the campaign is deleted, once, and the object says
/// what holds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_keeps_the_finalizer_is_named() {
    let world = World::new("kept-by-policy").await;
    let _operator = world.operator();
    world.create_found("renewal");
    let theirs = r#"[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/theirs"}]"#;
    world.run(&["patch", "vcamp", "renewal", "--type=json", "-p", theirs]);
    forbid(&world, "voicecampaigns", KEPT);
    let stripped = r#"{"metadata":{"finalizers":null}}"#;
    wait_until_refused(&world, &["vcamp/renewal"], stripped);
    world.delete("renewal");
    let message = wait_until_told(&world, "renewal");
    assert!(
        message.contains("can't remove its finalizer") && message.contains("finalizers stay as they are"),
        "{message}"
    );
    assert_eq!(world.get("renewal").unwrap()["status"]["deletion"]["outcome"], "Deleted");
    let written = world.status_writes();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(world.status_writes(), written, "each try costs no write");
    world.run(&["delete", "validatingadmissionpolicybinding", &world.namespace]);
    // Somebody else still holds it: that is not the API server's.
    world.wait_for("renewal", "it is let go, and says no more", |object| {
        object["metadata"]["finalizers"] == json!(["example.com/theirs"])
            && condition(object, "Obstructed").is_null()
    });
    world.run(&["patch", "vcamp", "renewal", "--type=merge", "-p", stripped]);
    world.wait_until_gone("renewal");
    assert_eq!(world.deletes("renewal").len(), 1);
}

/// A webhook that refuses with the code of a race is named as well; and when the answer to the write that
/// succeeds is lost, nothing is said any more of an object that somebody else holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_the_words_of_a_race_is_named() {
    let world = World::new("raced").await;
    let (_operator, _proxy, nemesis) = behind_a_proxy(&world);
    world.create_found("renewal");
    let theirs = r#"[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/theirs"}]"#;
    world.run(&["patch", "vcamp", "renewal", "--type=json", "-p", theirs]);
    let denied = failing(409, "Conflict", "admission webhook \"keep\" denied the request: campaigns stay");
    nemesis.arm(plan(&[Kind::Finalizer], Lasting::ForMs(600_000), denied));
    world.delete("renewal");
    let message = wait_until_told(&world, "renewal");
    assert!(
        message.contains("can't remove its finalizer") && message.contains("campaigns stay"),
        "{message}"
    );
    nemesis.arm(plan(&[Kind::Finalizer], Lasting::Times(1), Action::LoseAnswer));
    world.wait_for("renewal", "it is let go, and says no more", |object| {
        object["metadata"]["finalizers"] == json!(["example.com/theirs"])
            && condition(object, "Obstructed").is_null()
    });
    assert!(nemesis.spent());
    world.run(&["patch", "vcamp", "renewal", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    world.wait_until_gone("renewal");
    assert_eq!(world.deletes("renewal").len(), 1);
}

/// A webhook refuses the status, a policy does: where no status can say so, an event does. The policy's
/// refusal is one of the content, which holds no deletion.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_status_is_an_event() {
    let world = World::new("untold").await;
    let (_operator, _proxy, nemesis) = behind_a_proxy(&world);
    world.create_found("renewal");
    let denied = failing(403, "Forbidden", "admission webhook \"quiet\" denied the request: no status today");
    nemesis.arm(plan(&[Kind::Status], Lasting::ForMs(600_000), denied));
    world.delete("renewal");
    wait_until_noted(&world, "renewal", "no status today");
    nemesis.disarm();
    world.wait_until_gone("renewal");
    assert_eq!(world.deletes("renewal").len(), 1);

    world.create_found("reminder");
    world.kore.add_fault(Fault::answer_delete(None, 503, ""));
    forbid_status(&world, "voicecampaigns", "vcamp/reminder");
    world.delete("reminder");
    wait_until_noted(&world, "reminder", "stay as they are");
    world.kore.clear_faults();
    world.wait_until_gone("reminder");
    assert!(!world.in_kore("reminder"));
}

/// In a namespace that goes, too, no event can be created: an annotation says what no status can. It does not
/// outlast the refusal.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_status_is_an_annotation_where_no_event_can_be() {
    let world = World::new("annotated").await;
    let (_operator, _proxy, nemesis) = behind_a_proxy(&world);
    world.create_found("renewal");
    world.kore.add_fault(Fault::answer_delete(None, 503, ""));
    let denied = failing(403, "Forbidden", "admission webhook \"quiet\" denied the request: no status today");
    nemesis.arm(plan(&[Kind::Status], Lasting::ForMs(600_000), denied));
    world.run(&["delete", "namespace", &world.namespace, "--wait=false"]);
    wait_until_annotated(&world, |text| text.contains("no status today"));
    nemesis.disarm();
    let annotation = |object: &Value| object["metadata"]["annotations"][OBSTRUCTED_BY].clone();
    world.wait_for("renewal", "the status says it again", |object| {
        annotation(object).is_null() && ready(object)["reason"] == "ServiceUnavailable"
    });

    // A policy that refuses the content holds no deletion, and what the status would say is not lost.
    forbid_status(&world, "voicecampaigns", "vcamp/renewal");
    world.kore.clear_faults();
    world.kore.add_fault(Fault::answer_delete(None, 403, ""));
    wait_until_annotated(&world, |text| text.contains(": ") && text.contains("stay as they are"));
    world.kore.clear_faults();
    wait::until("the namespace is gone", PATIENCE, || {
        Ok(world.try_run(&["get", "namespace", &world.namespace]).is_err().then_some(()))
    })
    .unwrap();
    assert!(!world.in_kore("renewal"));
}

/// A policy refuses each status, and Kore each DELETE: the operator does not forget that it has asked, so it
/// asks less and less often. When nothing refuses the status any more, it is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_status_is_not_forgotten() {
    let world = World::new("unstored").await;
    let _operator = world.operator();
    world.create_found("renewal");
    forbid_status(&world, "voicecampaigns", "vcamp/renewal");
    world.kore.add_fault(Fault::answer_delete(None, 409, ""));
    world.delete("renewal");
    wait_until_annotated(&world, |text| text.contains("stay as they are"));
    std::thread::sleep(Duration::from_secs(40));
    let sent = world.deletes("renewal").len();
    assert!((3..10).contains(&sent), "{sent} DELETEs");
    world.patch_spec("renewal", &json!({"suspend": true}));
    wait_until_annotated(&world, |text| text.starts_with("Suspended: "));
    world.run(&["delete", "validatingadmissionpolicybinding", &world.namespace]);
    world.wait_for("renewal", "the status says it", |object| {
        ready(object)["reason"] == "Suspended" && object["metadata"]["annotations"][OBSTRUCTED_BY].is_null()
    });
    let attempts = world.get("renewal").unwrap()["status"]["deletion"]["attempts"].as_u64();
    assert!(attempts >= Some(sent as u64), "{attempts:?} of {sent}");
    world.kore.clear_faults();
    world.patch_spec("renewal", &json!({"suspend": false}));
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
}

/// A new resource whose status is refused is looked for in Kore all the same, once, and not written to again
/// and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_resource_without_a_status_is_looked_for_once() {
    let world = World::new("statusless").await;
    let _operator = world.operator();
    world.create_found("renewal");
    forbid_status(&world, "voicecampaigns", "vcamp/renewal");
    let listings = || world.kore.journal().iter().filter(|entry| entry.operation == Operation::List).count();
    let (listed, written) = (listings(), world.status_writes());
    world.create_campaign("new", &json!({}));
    wait::until("Kore is asked", PATIENCE, || Ok((listings() > listed).then_some(()))).unwrap();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(listings(), listed + 1);
    // In each of its first passes that Kore is to be asked, and then what it has answered.
    assert!(world.status_writes() - written < 8, "{} writes", world.status_writes() - written);
    wait_until_noted(&world, "new", "stay as they are");
}

/// The annotation is denied as well: when nothing refuses the status any more, it is written all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_nothing_could_say_is_written_later() {
    let world = World::new("unsaid").await;
    let (_operator, _proxy, nemesis) = behind_a_proxy(&world);
    world.create_found("renewal");
    forbid_status(&world, "voicecampaigns", "vcamp/renewal");
    let denied = failing(403, "Forbidden", "admission webhook \"quiet\" denied the request");
    nemesis.arm(plan(&[Kind::Finalizer], Lasting::ForMs(600_000), denied));
    world.patch_spec("renewal", &json!({"suspend": true}));
    world.delete("renewal");
    wait::until("the annotation is denied", PATIENCE, || {
        Ok(nemesis.effects().iter().any(|seen| seen.injected.is_some()).then_some(()))
    })
    .unwrap();
    world.run(&["delete", "validatingadmissionpolicybinding", &world.namespace]);
    world.wait_for_reason("renewal", "Suspended");
    nemesis.disarm();
    world.patch_spec("renewal", &json!({"suspend": false}));
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
}

/// Somebody's webhook for the status never answers: the operator says what it knows of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_never_answered_is_an_annotation() {
    let world = World::new("unheard").await;
    let (_operator, _proxy, nemesis) = behind_a_proxy(&world);
    world.create_found("renewal");
    nemesis.arm(plan(&[Kind::Status], Lasting::ForMs(600_000), Action::Delay { ms: 60_000 }));
    world.delete("renewal");
    wait_until_annotated(&world, |text| text.contains("did not answer within 10 s"));
    nemesis.disarm();
    world.wait_until_gone("renewal");
}

/// The status of the connection can't be written in a namespace that goes: nothing waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_goes_without_its_status() {
    let world = World::new("unrecorded").await;
    let _operator = world.operator();
    world.create_found("renewal");
    forbid_status(&world, "koreconnections", "kconn/production");
    world.run(&["delete", "namespace", &world.namespace, "--wait=false"]);
    wait::until("the namespace is gone", PATIENCE, || {
        Ok(world.try_run(&["get", "namespace", &world.namespace]).is_err().then_some(()))
    })
    .unwrap();
    assert!(!world.in_kore("renewal"));
}

/// A resource that is being deleted does not fit its schema, and its status can't say so.
#[tokio::test(flavor = "multi_thread")]
async fn a_misfit_is_annotated_where_no_status_can_be() {
    let world = World::alone("misfit-untold").await;
    let _operator = world.operator();
    world.create_found("renewal");
    loosen(&world.kubectl, "voicecampaigns");
    forbid_status(&world, "voicecampaigns", "vcamp/renewal");
    let misfit = [r#"{"spec":{"campaignId":7}}"#, r#"{"spec":{"suspend":"yes"}}"#];
    wait::until("the loose definition is served", PATIENCE, || {
        let patches =
            misfit.map(|patch| world.try_run(&["patch", "vcamp/renewal", "--type=merge", "-p", patch]));
        Ok(patches.iter().all(Result::is_ok).then_some(()))
    })
    .unwrap();
    world.delete("renewal");
    wait_until_annotated(&world, |text| text.contains("does not fit its schema"));
    world.run(&["delete", "validatingadmissionpolicybinding", &world.namespace]);
    world.wait_for("renewal", "the status says it", |object| {
        // The API server takes a moment to forget a policy; the operator looks again when something changes.
        let look = format!("example.com/look={}", object["metadata"]["resourceVersion"]);
        world.run(&["annotate", "--overwrite", "vcamp/renewal", &look]);
        ready(object)["reason"] == "Invalid" && object["metadata"]["annotations"][OBSTRUCTED_BY].is_null()
    });
}

/// Until the annotation of the resource `renewal` says this.
fn wait_until_annotated(world: &World, says: impl Fn(&str) -> bool) {
    world.wait_for("renewal", "an annotation says it", |object| {
        object["metadata"]["annotations"][OBSTRUCTED_BY].as_str().is_some_and(&says)
    });
}

/// Until an event about the object says this.
fn wait_until_noted(world: &World, name: &str, text: &str) {
    wait::until("an event says it", PATIENCE, || {
        let list: Value = serde_json::from_str(&world.try_run(&["get", "events", "--output=json"])?)?;
        let says = |event: &Value| {
            event["involvedObject"]["name"] == name
                && event["reason"] == "ApiServerError"
                && event["message"].as_str().is_some_and(|message| message.contains(text))
        };
        Ok(list["items"].as_array().is_some_and(|events| events.iter().any(says)).then_some(()))
    })
    .unwrap();
}

/// Somebody's policy lets nobody put a finalizer on: a living resource says what its deletion would do.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_refuses_the_finalizer_is_named() {
    let world = World::new("unheld").await;
    forbid(&world, "voicecampaigns", NONE);
    world.apply(&world.campaign("probe", &json!({"deletionPolicy": "Orphan"})));
    let held = r#"{"metadata":{"finalizers":["voicecampaign.dev/remote-campaign"]}}"#;
    wait_until_refused(&world, &["vcamp/probe"], held);
    let _operator = world.operator();
    world.create_campaign("renewal", &json!({}));
    let message = wait_until_told(&world, "renewal");
    assert!(
        message.contains("would leave the campaign in Kore") && message.contains("stay as they are"),
        "{message}"
    );
    world.run(&["delete", "validatingadmissionpolicybinding", &world.namespace]);
    world.wait_for("renewal", "it is held, and says no more", |object| {
        object["metadata"]["finalizers"].is_array() && condition(object, "Obstructed").is_null()
    });
}

/// Nobody lets the connection go when its campaigns are gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_keeps_a_connection_is_named() {
    let world = World::new("connection-kept").await;
    let _operator = world.operator();
    world.create_found("renewal");
    forbid(&world, "koreconnections", KEPT);
    wait_until_refused(&world, &["kconn/production"], r#"{"metadata":{"finalizers":null}}"#);
    world.run(&["delete", "kconn", "production", "--wait=false"]);
    world.delete("renewal");
    world.wait_until_gone("renewal");
    let connection = || world.try_run(&["get", "kconn", "production", "--output=json"]);
    wait::until("the connection says what keeps it", PATIENCE, || {
        let connection: Value = serde_json::from_str(&connection()?)?;
        let message = condition(&connection, "Obstructed")["message"].as_str().unwrap_or_default().to_owned();
        Ok((message.contains("can't remove its finalizer") && message.contains("stay as they are"))
            .then_some(()))
    })
    .unwrap();
    world.run(&["delete", "validatingadmissionpolicybinding", &world.namespace]);
    wait::until("the connection goes", PATIENCE, || Ok(connection().is_err().then_some(()))).unwrap();
}

/// What the condition says.
fn wait_until_told(world: &World, name: &str) -> String {
    let object = world.wait_for(name, "it says what keeps it", |object| {
        condition(object, "Obstructed")["reason"] == "ApiServerError"
    });
    condition(&object, "Obstructed")["message"].as_str().unwrap().to_owned()
}

/// Nobody takes a finalizer off.
pub const KEPT: &str = "!has(oldObject.metadata.finalizers) || (has(object.metadata.finalizers) && \
                    oldObject.metadata.finalizers.all(one, one in object.metadata.finalizers))";
/// Nobody puts one on.
const NONE: &str = "!has(object.metadata.finalizers) || has(oldObject.metadata.finalizers)";

/// A policy of somebody else's, for what becomes of finalizers in a namespace.
pub fn forbid(world: &World, resource: &str, expression: &str) {
    let namespace = world.namespace.as_str();
    let of = |kind: &str, spec: Value| {
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": namespace},
            "spec": spec})
    };
    let rules = json!([{"apiGroups": ["voicecampaign.dev"], "apiVersions": ["*"], "operations": ["UPDATE"],
        "resources": [resource]}]);
    let here = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}});
    for object in [
        of(
            "ValidatingAdmissionPolicy",
            json!({"failurePolicy": "Fail", "matchConstraints": {"resourceRules": rules},
                "validations": [{"expression": expression, "message": "finalizers stay as they are in this cluster"}]}),
        ),
        of(
            "ValidatingAdmissionPolicyBinding",
            json!({"policyName": namespace, "validationActions": ["Deny"], "matchResources": here}),
        ),
    ] {
        world.kubectl.apply(&object.to_string()).unwrap();
    }
}

/// A policy that refuses each status of this kind; `object` is one of them.
fn forbid_status(world: &World, kind: &str, object: &str) {
    forbid(world, &format!("{kind}/status"), "false");
    let written = r#"{"status":{"observedGeneration":7}}"#;
    wait_until_refused(world, &[object, "--subresource=status"], written);
}

/// The API server takes a moment to keep a policy.
pub fn wait_until_refused(world: &World, what: &[&str], patch: &str) {
    let dry = [&["patch", "--type=merge", "--dry-run=server", "-p", patch], what].concat();
    wait::until("the policy is kept", PATIENCE, || {
        Ok(world.try_run(&dry).is_err_and(|said| said.to_string().contains("stay as they are")).then_some(()))
    })
    .unwrap();
}
