//! Rights in some namespaces only: those that the chart brings, and no others.

use std::time::Duration;

use kore_simulator::{Behaviour, Fault};
use serde_json::{Value, json};
use testbed::helm::Helm;
use testbed::operator::{Options, ServiceAccount};
use testbed::{Operator, wait};

use crate::release::{RELEASE, as_deployed, installed, installed_with};
use crate::support::*;

/// An operator of the release that works in these namespaces.
fn working_in(release: &World, namespaces: &str) -> Options {
    let mut options = release.as_released();
    options.arguments[0] = format!("--watch-namespaces={namespaces}");
    options
}

/// A release that works in its own namespace and in another; with how its operator is started.
pub async fn installed_for_two(name: &str, other: &str) -> (World, World, Options) {
    let world = installed(name).await;
    let beside = world.beside(other);
    beside.connect_all();
    world.install_again(&[&format!("watchNamespaces={{{name},{other}}}")]);
    let options = working_in(&world, &format!("{name},{other}"));
    (world, beside, options)
}

/// K33: of three namespaces one is not there, and in one the operator has no rights. That is told, and the
/// third is worked in as if those were not watched; and when the rights are there, that one is, too. The
/// missing one delays no stop, and does not fill the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_cannot_be_read_holds_up_no_other() {
    let world = installed("readable").await;
    let forbidden = world.beside("forbidden");
    forbidden.connect_all();
    let options = working_in(&world, "a-missing-one,forbidden,readable");
    let mut operator = Operator::start(&world.plane, &options).unwrap();
    let (code, told) = operator.ask("/readyz").unwrap();
    assert_eq!(code, 200);
    for namespace in ["a-missing-one", "forbidden"] {
        assert!(told.contains(&format!("VoiceCampaigns in {namespace}")), "{told}");
    }
    assert!(!told.contains("in readable"), "{told}");
    world.create_found("renewal");
    world.delete("renewal");
    world.wait_until_gone("renewal");
    assert_eq!(world.deletes("renewal").len(), 1);

    world.install_again(&["watchNamespaces={forbidden,readable}"]);
    forbidden.create_found("late");
    forbidden.delete("late");
    forbidden.wait_until_gone("late");
    wait::until("only the missing one is refused", PATIENCE, || {
        let (_, told) = operator.ask("/readyz")?;
        Ok((told.contains("in a-missing-one") && !told.contains("in forbidden")).then_some(()))
    })
    .unwrap();

    assert!(operator.terminate().unwrap().success());
    let log = operator.output();
    assert!(!log.contains("not every reconcile had ended"), "{log}");
    let lines = log.lines().filter(|line| line.contains("a-missing-one")).count();
    assert!((2..=4).contains(&lines), "{lines} lines about the missing namespace: {log}");
}

/// K33, R10: after a restart one namespace is refused. Its campaigns are not known, so an empty listing can't
/// be held against them, and is not believed in the other.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_stream_is_not_believed_while_a_namespace_is_refused() {
    let (world, other, options) = installed_for_two("half-known", "not-known").await;
    let operator = Operator::start(&world.plane, &options).unwrap();
    world.create_found("renewal");
    other.create_found("stays");
    drop(operator);
    other.run(&["delete", "rolebinding", RELEASE, "--wait=false"]);
    other.run(&[
        "patch",
        "rolebinding",
        RELEASE,
        "--type=merge",
        r#"--patch={"metadata":{"finalizers":null}}"#,
    ]);
    world.kore.set_behaviour(Behaviour { masked: true, ..Behaviour::default() });
    world.delete("renewal");
    let _restarted = Operator::start(&world.plane, &options).unwrap();
    let object = world.wait_for_reason("renewal", "StreamSuddenlyEmpty");
    let message = ready(&object)["message"].as_str().unwrap().to_owned();
    assert!(message.contains("the VoiceCampaigns in not-known"), "{message}");
    let record = &object["status"]["deletion"]["proof"]["doubtedListing"];
    assert_eq!(record["unseenNamespaces"], json!(["not-known"]), "{object:#}");
    assert!(world.in_kore("renewal") && other.in_kore("stays"));
    world.patch_spec("renewal", &json!({"deletionPolicy": "Orphan"}));
    world.wait_until_gone("renewal");
}

/// K33: an instance whose role is broken is not ready, whether it stands by or leads: an update to it stops
/// before the one that works.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_could_not_work_is_not_ready() {
    let world = installed("broken-role").await;
    let mut leader = world.released_operator();
    world.run(&["delete", "rolebinding", RELEASE]);
    let other = Operator::launch(&world.plane, &world.as_released()).unwrap();
    let told = |operator: &Operator, wanted: u16, text: &str| {
        wait::until(&format!("/readyz says {wanted}, {text}"), PATIENCE, || {
            let (code, told) = operator.ask("/readyz")?;
            Ok((code == wanted && told.contains(text)).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}: {:?}", operator.ask("/readyz")));
    };
    told(&other, 503, "could not take over");
    world.install_again(&[]);
    told(&other, 200, "ok");
    world.run(&["delete", "rolebinding", RELEASE]);
    leader.kill();
    wait::until("it leads", PATIENCE, || Ok(other.output().contains("Leading").then_some(()))).unwrap();
    told(&other, 503, "");
    world.install_again(&[]);
    told(&other, 200, "ok");
    world.create_found("renewal");
    drop(other);

    // Nor is one that may do everything but take the lease.
    let mut leader = world.released_operator();
    let account = ServiceAccount { name: "standing-by".into(), ..world.account() };
    let whom = format!("--serviceaccount={}:{}", account.namespace, account.name);
    world.run(&["create", "serviceaccount", &account.name]);
    world.run(&["create", "rolebinding", "works", &format!("--clusterrole={}", world.cluster_role()), &whom]);
    world.run(&["create", "role", "leads", "--verb=get,watch", "--resource=leases"]);
    world.run(&["create", "rolebinding", "leads", "--role=leads", &whom]);
    let options = Options { service_account: account, ..world.as_released() };
    let other = Operator::launch(&world.plane, &options).unwrap();
    let verbs = |verbs: &str| {
        let rules = format!(r#"[{{"op":"replace","path":"/rules/0/verbs","value":{verbs}}}]"#);
        world.run(&["patch", "role", "leads", "--type=json", "-p", &rules]);
    };
    let told = |wanted, text| told(&other, wanted, text);
    told(503, "update leases is not allowed");
    verbs(r#"["get","watch","update"]"#);
    told(200, "ok");
    verbs(r#"["get","watch"]"#);
    told(503, "update leases is not allowed");
    leader.kill();
    told(503, "could not read or take the lease");
    // Nor one that may take the lease, and not read it.
    verbs(r#"["watch","update"]"#);
    for _ in 0..24 {
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(other.ask("/readyz").unwrap().0, 503);
    }
    verbs(r#"["get","watch","update"]"#);
    told(200, "ok");
}

/// K35: a role without `watch` is no list a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_refused_is_begun_less_and_less_often() {
    let world = installed("unwatched").await;
    let operator = world.released_operator();
    world.create_found("renewal");
    let rules = r#"[{"op":"replace","path":"/rules/0/verbs","value":["get","list","patch"]}]"#;
    world.run(&["patch", "clusterrole", &world.cluster_role(), "--type=json", "-p", rules]);
    let again = {
        drop(operator);
        Operator::launch(&world.plane, &world.as_released()).unwrap()
    };
    std::thread::sleep(Duration::from_secs(30));
    let user = world.account().user();
    let lists = || {
        let all = world.plane.requests().unwrap();
        let of_campaigns = |request: &&testbed::audit::Request| {
            request.user == user && request.resource == "voicecampaigns" && request.verb == "list"
        };
        all.iter().filter(of_campaigns).count()
    };
    let before = lists();
    std::thread::sleep(Duration::from_secs(20));
    assert!(lists() - before <= 6, "{} lists in 20 s", lists() - before);
    assert_eq!(again.ask("/readyz").unwrap().0, 503);
}

/// Two namespaces, with the rights in both: a manifest that is moved from one to the other is recognised.
#[tokio::test(flavor = "multi_thread")]
async fn two_namespaces_are_worked_in_with_rights_in_each() {
    let (world, other, options) = installed_for_two("both-one", "both-two").await;
    let _operator = Operator::start(&world.plane, &options).unwrap();
    world.create_found("moved");
    let mut moved = other.campaign("moved", &json!({}));
    moved["spec"]["campaignId"] = json!(id("moved"));
    other.apply(&moved);
    other.wait_for_reason("moved", "CampaignFound");
    world.delete("moved");
    world.wait_for_reason("moved", "CampaignShared");
    other.delete("moved");
    other.wait_until_gone("moved");
    world.wait_until_gone("moved");
}

/// K34: a namespace with everything in it, the operator's rights included, is deleted during an outage of
/// Kore, and the operator is killed meanwhile. It completes by itself: the RoleBinding goes last.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_with_the_rights_in_it() {
    let home = installed("rights-home").await;
    let world = home.beside("rights-go");
    world.connect_all();
    home.install_again(&["watchNamespaces={rights-go}"]);
    let options = working_in(&home, "rights-go");
    let held = || world.run(&["get", "rolebinding", RELEASE, "--output=jsonpath={.metadata.finalizers}"]);
    let mut operator = Operator::start(&home.plane, &options).unwrap();
    assert_eq!(held(), "", "nobody needs the rights");
    // One is applied before its connection, as by hand.
    let connection = ["get", "kconn", "production", "--output=json"];
    let connection: Value = serde_json::from_str(&world.run(&connection)).unwrap();
    world.run(&["delete", "kconn", "production"]);
    world.create_campaign("one", &json!({}));
    world.wait_for_reason("one", "ConnectionNotFound");
    assert!(held().contains("in-use"), "the rights are kept for it");
    world.apply(&json!({"apiVersion": connection["apiVersion"], "kind": connection["kind"],
        "metadata": {"name": "production"}, "spec": connection["spec"]}));
    world.wait_for_reason("one", "CampaignFound");
    world.create_found("two");
    assert!(held().contains("in-use"));
    let maintenance = Fault::answer_delete(None, 503, r#"{"message":"maintenance"}"#);
    world.kore.add_fault(Fault { operation: None, ..maintenance });
    world.kubectl.try_run(&["delete", "namespace", "rights-go", "--wait=false"]).unwrap();
    world.wait_for("one", "its DELETE has failed", |object| {
        object["status"]["deletion"]["lastAnswer"].is_object()
    });
    operator.kill();
    let restarted = Operator::start(&home.plane, &options).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    world.kore.clear_faults();
    wait::until("the namespace is gone", Duration::from_secs(90), || {
        let all = world.kubectl.try_run(&["get", "namespaces", "--output=name"])?;
        Ok((!all.contains("namespace/rights-go")).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error}: {}", restarted.output()));
    assert!(!world.in_kore("one") && !world.in_kore("two"));
    assert!(!restarted.output().contains("was removed before Kore had confirmed"), "{}", restarted.output());
}

/// K34: when the last VoiceCampaign has gone, nothing of the operator's holds the RoleBinding; also after a
/// process that was killed before.
#[tokio::test(flavor = "multi_thread")]
async fn rights_are_let_go_with_the_last_campaign() {
    let world = installed("rights-let-go").await;
    let held = || world.run(&["get", "rolebinding", RELEASE, "--output=jsonpath={.metadata.finalizers}"]);
    let let_go = |operator: &Operator| {
        wait::until("the rights are let go", PATIENCE, || Ok(held().is_empty().then_some(())))
            .unwrap_or_else(|error| panic!("{error}: {}", operator.output()));
    };
    let mut operator = world.released_operator();
    world.create_found("renewal");
    assert!(held().contains("in-use"));
    // One without a connection needs them, too, when no connection does any more.
    world.create_campaign("lonely", &json!({"connectionRef": {"name": "missing"}}));
    world.wait_for_reason("lonely", "ConnectionNotFound");
    world.delete("renewal");
    world.wait_until_gone("renewal");
    wait::until("no connection is kept", PATIENCE, || {
        let finalizers = world.run(&["get", "kconn", "--output=jsonpath={.items[*].metadata.finalizers}"]);
        Ok(finalizers.is_empty().then_some(()))
    })
    .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(held().contains("in-use"), "a campaign is left: {}", operator.output());
    world.patch_spec("lonely", &json!({"deletionPolicy": "Orphan"}));
    world.delete("lonely");
    world.wait_until_gone("lonely");
    let_go(&operator);
    operator.kill();
    let finalizer = r#"{"metadata":{"finalizers":["voicecampaign.dev/in-use"]}}"#;
    world.run(&["patch", "rolebinding", RELEASE, "--type=merge", "-p", finalizer]);
    let_go(&world.released_operator());
}

/// K34: an upgrade that would leave VoiceCampaigns outside is refused with their names, before anything is
/// changed; and so is one that the API server would refuse half way.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_strands_nothing() {
    let (world, other, options) = installed_for_two("narrowed", "narrowed-out").await;
    let operator = Operator::start(&world.plane, &options).unwrap();
    other.create_found("left-out");
    world.create_found("stays");
    // Whoever leaves the scope as it is needs no rights to look at what is in it.
    let before = world.plane.requests().unwrap().len();
    world.install_again(&["watchNamespaces={narrowed-out,narrowed}"]);
    std::thread::sleep(Duration::from_secs(1));
    let requests = world.plane.requests().unwrap();
    let here = ["narrowed", "narrowed-out"];
    let of_helm: Vec<_> = requests[before..]
        .iter()
        .filter(|request| !request.user.starts_with("system:") && here.contains(&&*request.namespace))
        .collect();
    assert!(of_helm.iter().any(|request| request.user_agent.starts_with("Helm")), "{of_helm:#?}");
    let look = of_helm.iter().find(|request| request.resource == "voicecampaigns" && request.verb == "list");
    assert_eq!(look, None);
    let refused = |values: &str| world.try_install_again(&[values]).unwrap_err().to_string();
    let message = refused("watchNamespaces={narrowed}");
    assert!(message.contains("narrowed-out/left-out") && !message.contains("narrowed/stays"), "{message}");
    let message = refused("watchNamespaces={narrowed,narrowed-out},rbac.clusterRoles=false");
    assert!(message.contains("roleRef") && message.contains("kubectl patch rolebinding"), "{message}");
    for (name, why) in
        [("fullnameOverride=renamed", "can't rename it"), ("nameOverride=voice", "the selector of the")]
    {
        let message = refused(&format!("watchNamespaces={{narrowed,narrowed-out}},{name}"));
        assert!(message.contains(why) && message.contains("install it with the new name"), "{message}");
    }
    let message = refused("watchNamespaces=null");
    assert!(message.contains("is held") && message.contains("kubectl patch rolebinding"), "{message}");
    other.delete("left-out");
    other.wait_until_gone("left-out");
    wait::until("the connection is let go, too", PATIENCE, || {
        Ok(world.try_install_again(&["watchNamespaces={narrowed}"]).ok())
    })
    .unwrap();
    wait::until("its RoleBinding is gone", PATIENCE, || {
        Ok(other.try_run(&["get", "rolebinding", RELEASE]).is_err().then_some(()))
    })
    .unwrap();
    // Nor one that would leave a RoleBinding behind that is held for other things than these.
    drop(operator);
    world.install_again(&["watchNamespaces={narrowed,narrowed-out}"]);
    let hold = |finalizers: &str| format!(r#"--patch={{"metadata":{{"finalizers":{finalizers}}}}}"#);
    let patch = ["patch", "rolebinding", RELEASE, "--type=merge"];
    other.run(&[&patch[..], &[&hold(r#"["voicecampaign.dev/in-use"]"#)]].concat());
    let message = refused("watchNamespaces={narrowed}");
    assert!(
        message.contains("narrowed-out is held") && message.contains("kubectl patch rolebinding"),
        "{message}"
    );
    other.run(&[&patch[..], &[&hold("null")]].concat());
    world.install_again(&["watchNamespaces={narrowed}"]);
}

/// So is one that would select other objects, unless what has our finalizers is selected still, or by another
/// release.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_selector_strands_nothing() {
    let world = installed_with("reselected", &["selector=shard=a"]).await;
    let _operator = Operator::start(&world.plane, &as_deployed(&world, "reselected", RELEASE)).unwrap();
    world.run(&["label", "kconn", "production", "shard=a"]);
    for (name, shard) in [("one", "a"), ("of-somebody-else", "z")] {
        let mut object = world.campaign(name, &json!({}));
        object["metadata"]["labels"] = json!({"shard": shard});
        object["metadata"]["finalizers"] = json!(["voicecampaign.dev/remote-campaign"]);
        world.kore.seed(world.key(name), &json!({}));
        world.apply(&object);
    }
    world.wait_for_reason("one", "CampaignFound");
    let upgrade = |helm, selector: &str| {
        let selector = format!("selector={}", selector.replace(',', r"\,"));
        world
            .set_up(&Helm::on(&world.plane, helm).unwrap(), "upgrade", &[&selector])
            .map_err(|error| error.to_string())
    };
    for (helm, selector) in [3, 4]
        .into_iter()
        .flat_map(|helm| ["shard=b", "shard notin (a,c)", "!shard", "other"].map(|s| (helm, s)))
    {
        let refused = upgrade(helm, selector).unwrap_err();
        for name in ["VoiceCampaign reselected/one", "KoreConnection reselected/production"] {
            assert!(refused.contains(name), "helm {helm}, {selector}: {refused}");
        }
        assert!(!refused.contains("of-somebody-else"), "helm {helm}, {selector}: {refused}");
    }
    upgrade(3, "shard in (a,b)").unwrap();
    world.run(&["label", "vcamp", "one", "shard=b", "--overwrite"]);
    let refused = upgrade(4, "shard=b").unwrap_err();
    assert!(refused.contains("KoreConnection") && !refused.contains("VoiceCampaign res"), "{refused}");
    // Another release works for it.
    let chart = testbed::helm::chart().display().to_string();
    let other = "watchNamespaces={reselected},rbac.aggregateRoles=false,crds.enabled=false,selector=shard=a";
    world.helm().run(&["install", "other", &chart, "--namespace", "reselected", "--set", other]).unwrap();
    upgrade(4, "shard=b").unwrap();
}
