//! The way to the API server: requests are refused, lists expire, connections are forgotten.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use testbed::faults::{self, Action, Answer, Kind, Lasting, Nemesis};
use testbed::{Operator, wait};

use crate::proxied::{behind_a_proxy, plan};
use crate::support::*;

/// Everything that is asked of the API server.
const ALL: [Kind; 10] = [
    Kind::Status,
    Kind::Finalizer,
    Kind::ConnectionStatus,
    Kind::ConnectionFinalizer,
    Kind::SecretFinalizer,
    Kind::Event,
    Kind::Read,
    Kind::NextPage,
    Kind::Watch,
    Kind::Other,
];

/// K24, K29, K10, K28: for a while every request is refused (token revoked, role revoked, too many), or
/// watches break in the middle of an object. No finalizer goes, nothing ends, and all is done when it is
/// over.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusing_api_server_is_outwaited() {
    let world = World::new("refusing").await;
    let (mut operator, proxy, nemesis) = behind_a_proxy(&world);
    let answer = |status| Action::Answer(Answer::status(status));
    for (name, kinds, action) in [
        ("unauthorized", &ALL[..], answer(401)),
        ("forbidden", &ALL[..], answer(403)),
        ("too-many", &ALL[..], answer(429)),
        ("cut", &[Kind::Watch][..], Action::CutBody),
    ] {
        world.create_found(name);
        nemesis.arm(plan(kinds, Lasting::ForMs(6000), action));
        proxy.cut_all();
        world.delete(name);
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.wait_until_gone(name);
        assert!(!world.in_kore(name), "{name}");
        assert_eq!(world.deletes(name).len(), 1, "{name}");
        assert!(operator.is_running());
        nemesis.disarm();
    }
}

/// An operator whose way to the API server goes through a relay.
fn behind_a_relay(world: &World) -> (Operator, faults::Relay) {
    let api_server: SocketAddr = plane().api_url().trim_start_matches("https://").parse().unwrap();
    let relay = faults::Relay::start(api_server).unwrap();
    let mut options = world.options();
    options.server = Some(format!("https://{}", relay.address()));
    (Operator::start(plane(), &options).unwrap(), relay)
}

/// K8, K9: all connections to the API server are forgotten on the way, and none of both ends is told. The
/// watches, which hear nothing any more, are begun again before it is too late for anybody.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_forgotten_on_the_way_are_replaced() {
    let world = World::new("forgotten").await;
    let (mut operator, relay) = behind_a_relay(&world);
    world.create_found("renewal");
    relay.blackhole();
    world.delete("renewal");
    world.create_campaign("new", &json!({}));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(world.deletes("renewal").is_empty(), "the watch has gone on");
    // A watch ends after 220 s; kube-rs waits 5 s longer for it.
    world.wait_until_gone_within("renewal", Duration::from_secs(280));
    assert!(!world.in_kore("renewal"));
    assert_eq!(world.deletes("renewal").len(), 1);
    world.wait_for_reason("new", "CampaignFound");
    assert!(operator.is_running());
}

/// K8, K9: for ten minutes nothing goes through to the API server, nor back, and no connection is closed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour: make test-long"]
async fn ten_minutes_of_silence_are_outwaited() {
    let world = World::new("silence").await;
    let (mut operator, relay) = behind_a_relay(&world);
    world.create_found("renewal");
    world.create_found("living");
    relay.freeze();
    world.delete("renewal");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(world.deletes("renewal").is_empty(), "nobody can have told of it");
    relay.thaw();
    let over = Instant::now();
    world.wait_until_gone("renewal");
    println!("10 min of silence: the deletion is done {:.1?} after it", over.elapsed());
    assert_eq!(world.deletes("renewal").len(), 1);
    assert!(world.in_kore("living") && operator.is_running());
}

/// K22: a lone 404 to a write, from a server that lags behind or a gateway, is not believed: the object is
/// looked at once more, and let go in the same pass.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_there_is_not_taken_for_gone() {
    let world = World::new("not-gone").await;
    let (operator, _proxy, nemesis) = behind_a_proxy(&world);
    world.create_found("renewal");
    let gone = Action::Answer(Answer::status(404));
    nemesis.arm(plan(&[Kind::Status, Kind::Finalizer], Lasting::Times(3), gone));
    world.delete("renewal");
    world.wait_until_gone("renewal");
    assert!(nemesis.spent() && !world.in_kore("renewal"));
    assert_eq!(world.deletes("renewal").len(), 1);
    assert!(!operator.output().contains("Reconcile failed"), "{}", operator.output());
}

/// A deletion that only a list shows is not lost, however long the other pages of the list take.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_on_the_first_of_two_pages_is_done() {
    const OBJECTS: usize = 220;
    let world = World::new("two-pages").await;
    let manifests: Vec<_> = (0..OBJECTS).map(|n| world.campaign(&format!("c{n}"), &json!({}))).collect();
    world.kore.seed(world.key("c0"), &json!({}));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string();
    world.kubectl.apply(&list).unwrap();
    let (_operator, proxy, nemesis) = behind_a_proxy(&world);
    world.wait_for_reason("c0", "CampaignFound");
    let mut faults = plan(&[Kind::NextPage], Lasting::Times(1), Action::Delay { ms: 5000 });
    // So that both watches list again, some seconds later.
    faults.faults.extend(plan(&[Kind::Watch], Lasting::Times(2), expired()).faults);
    let busy = Action::Answer(Answer::status(503));
    faults.faults.extend(plan(&[Kind::Read], Lasting::ForMs(3000), busy).faults);
    nemesis.arm(faults);
    proxy.cut_all();
    world.delete("c0");
    world.wait_until_gone("c0");
    wait_until_spent(&nemesis);
    assert!(!world.in_kore("c0"));
    world.assert_no_violations();
}

/// K5: the version that a list was begun at is compacted before its second page. The list begins again;
/// nothing in it is taken for gone meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_expires_between_two_pages_loses_nothing() {
    const OBJECTS: usize = 220;
    let world = World::new("expired").await;
    world.run(&["delete", "kconn", "production"]);
    let manifests: Vec<_> = (0..OBJECTS).map(|n| world.campaign(&format!("c{n}"), &json!({}))).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string();
    world.kubectl.apply(&list).unwrap();
    let (mut operator, proxy, nemesis) = behind_a_proxy(&world);
    ["c0", "c219"].iter().for_each(|name| drop(world.wait_for_reason(name, "ConnectionNotFound")));
    let mut faults = plan(&[Kind::NextPage], Lasting::Times(2), expired());
    // So that both watches list again: that of the connections, which is the sooner, may take some of them
    // alone.
    faults.faults.extend(plan(&[Kind::Watch], Lasting::Times(6), expired()).faults);
    nemesis.arm(faults);
    proxy.cut_all();
    world.patch_spec("c0", &json!({"deletionPolicy": "Orphan"}));
    world.delete("c0");
    world.patch_spec("c219", &json!({"deletionPolicy": "Orphan"}));
    world.delete("c219");
    world.wait_until_gone("c0");
    world.wait_until_gone("c219");
    wait_until_spent(&nemesis);
    assert!(!operator.output().contains("may still call people"), "what is there was taken for gone");
    assert!(operator.is_running() && world.kore.journal().is_empty());
}

/// Waits until each fault has hit what it can. A pass that was due anyway may see an object before the lists
/// do.
fn wait_until_spent(nemesis: &Nemesis) {
    wait::until("all faults have hit", PATIENCE, || Ok(nemesis.spent().then_some(()))).unwrap();
}

/// A version that the API server does not know any more.
fn expired() -> Action {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired",
        "message": "The provided continue parameter is too old", "code": 410});
    Action::Answer(Answer { body: body.to_string(), ..Answer::status(410) })
}
