//! Several instances: of which one works, or each for its part.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kore_simulator::Fault;
use serde_json::{Value, json};
use testbed::operator::Options;
use testbed::{Operator, wait};

use crate::proxied::behind_a_proxy_with;
use crate::support::*;

const SYSTEM: &str = "voicecampaign-system";

/// An instance of this name that works while it holds the lease.
fn instance(world: &World, name: &str) -> Options {
    let mut options = world.options();
    options.arguments.push("--leader-elect".into());
    // Each test has leases of its own: they are named after the namespaces that are worked in.
    options.variables.push(("POD_NAME".into(), format!("{}-{name}", world.namespace)));
    options
}

fn start(options: &Options) -> Operator {
    Operator::start(plane(), options).unwrap()
}

fn leads(operator: &Operator) -> bool {
    operator.output().contains("Leading")
}

/// The lease that an instance of this world holds.
fn lease(world: &World) -> Option<Value> {
    let all = world.kubectl.try_run(&["get", "leases", "-n", SYSTEM, "--output=json"]).unwrap();
    let all: Value = serde_json::from_str(&all).unwrap();
    let ours = |lease: &&Value| {
        lease["spec"]["holderIdentity"].as_str().is_some_and(|holder| holder.starts_with(&world.namespace))
    };
    all["items"].as_array().unwrap().iter().find(ours).cloned()
}

/// K11: the leader is killed, and the next one told to stop. Each time another goes on, the second time at
/// once.
#[tokio::test(flavor = "multi_thread")]
async fn another_instance_takes_over() {
    let world = World::new("takeover").await;
    let mut first = start(&instance(&world, "first"));
    let mut second = start(&instance(&world, "second"));
    assert!(leads(&first) && !leads(&second), "{}", second.output());
    world.create_found("one");
    world.create_found("two");
    first.kill();
    world.delete("one");
    world.wait_until_gone("one");
    assert!(leads(&second) && !world.in_kore("one"));
    let third = start(&instance(&world, "third"));
    assert!(!leads(&third), "ready, and standing by");
    assert!(second.terminate().unwrap().success());
    let released = Instant::now();
    wait::until("the third leads", PATIENCE, || Ok(leads(&third).then_some(()))).unwrap();
    // Less than the 15 s after which it would have taken it anyway.
    assert!(released.elapsed() < Duration::from_secs(8), "the lease was not released");
    world.delete("two");
    world.wait_until_gone("two");
    assert_eq!((world.deletes("one").len(), world.deletes("two").len()), (1, 1));
    world.assert_no_violations();
}

/// K11: a leader that slept past its lease neither writes nor calls when it wakes up, but stands by.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_slept_does_nothing_any_more() {
    let world = World::new("sleeper").await;
    let (mut sleeper, _proxy, seen) = behind_a_proxy_with(instance(&world, "sleeper"));
    let other = start(&instance(&world, "other"));
    // Every one of them is due again and again, so that there is much to do on waking up.
    let names: Vec<String> = (0..20).map(|number| format!("c{number}")).collect();
    for name in &names {
        world.create_campaign(name, &json!({}));
    }
    names.iter().for_each(|name| drop(world.wait_for_reason(name, "CampaignFound")));
    world.kore.add_fault(Fault::answer_delete(None, 409, r#"{"message":"campaign is running"}"#));
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    names.iter().for_each(|name| drop(world.wait_for_reason(name, "RefusedByService")));
    // What was sent before, if only in part, is sent to its end when the sleeper wakes up.
    wait::until("nothing is under way", PATIENCE, || {
        let so_far = || (seen.effects().len(), world.kore.journal().len());
        let before = so_far();
        std::thread::sleep(Duration::from_millis(500));
        Ok((so_far() == before).then_some(()))
    })
    .unwrap();
    sleeper.pause().unwrap();
    wait::until("the other leads", PATIENCE, || Ok(leads(&other).then_some(()))).unwrap();
    world.kore.clear_faults();
    names.iter().for_each(|name| world.wait_until_gone_within(name, PATIENCE * 2));
    let (writes, calls) = (seen.effects().len(), world.kore.journal().len());
    sleeper.resume().unwrap();
    wait::until("the sleeper stands by", PATIENCE, || {
        Ok(sleeper.output().contains("Standing by: another instance leads").then_some(()))
    })
    .unwrap();
    assert!(sleeper.output().contains("Lost the lease") && sleeper.is_running(), "{}", sleeper.output());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((seen.effects().len(), world.kore.journal().len()), (writes, calls), "{:#?}", seen.effects());
    let lease = lease(&world).unwrap();
    assert!(lease["spec"]["holderIdentity"].as_str().unwrap().contains("other"), "{lease:#}");
}

/// K12: clocks are not compared. A lease that somebody renews is respected, however old it says it is; and
/// one that nobody renews is taken, however new.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_steals_no_lease_and_keeps_none() {
    let world = World::new("wrong-clock").await;
    let mut first = start(&instance(&world, "first"));
    first.kill();
    let name = lease(&world).unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    let renew = |number: u32, minutes: i64| {
        let at = Timestamp::now() + SignedDuration::from_mins(minutes);
        let spec = json!({"holderIdentity": "somebody", "renewTime": format!("{at:.6}"), "leaseTransitions": number});
        let patch = json!({"spec": spec}).to_string();
        world
            .kubectl
            .try_run(&["patch", "lease", &name, "-n", SYSTEM, "--type=merge", "-p", &patch])
            .unwrap();
    };
    renew(0, -10);
    let second = start(&instance(&world, "second"));
    for number in 1..20 {
        renew(number, -10);
        assert!(!leads(&second), "the lease was stolen from one whose clock is late");
        std::thread::sleep(Duration::from_secs(1));
    }
    renew(20, 10);
    wait::until("the second leads", PATIENCE, || Ok(leads(&second).then_some(()))).unwrap();
}

/// K11: two instances at work, as in a rolling update without a lease. Nothing is lost, and a DELETE may be
/// sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn two_instances_at_once_do_no_harm() {
    let world = World::new("two").await;
    let _operators = [world.operator(), world.operator()];
    world.kore.seed(world.key("bystander"), &json!({}));
    let names: Vec<String> = (0..40).map(|number| format!("c{number}")).collect();
    for name in &names {
        world.create_campaign(name, &json!({}));
    }
    names.iter().for_each(|name| drop(world.wait_for_reason(name, "CampaignFound")));
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    names.iter().for_each(|name| world.wait_until_gone_within(name, PATIENCE * 2));
    assert_eq!(world.kore.campaigns(), [world.key("bystander")]);
    for name in &names {
        assert!((1..=2).contains(&world.deletes(name).len()), "{:#?}", world.deletes(name));
    }
}

/// Two instances, each for a part; an account belongs to one of them.
#[tokio::test(flavor = "multi_thread")]
async fn each_instance_works_for_its_part() {
    let world = World::new("parts").await;
    let part = |selector: &str| {
        let mut options = world.options();
        options.arguments.push(format!("--selector={selector}"));
        options.arguments.push("--leader-elect".into());
        options
    };
    let (a, b) = (start(&part("shard=a")), start(&part("shard!=a")));
    assert!(leads(&a) && leads(&b), "each has a lease of its own");
    // The connection is of the second part.
    world.create_found("of-b");
    let mut of_a = world.campaign("of-a", &json!({}));
    of_a["metadata"]["labels"] = json!({"shard": "a"});
    world.kore.seed(world.key("of-a"), &json!({}));
    world.apply(&of_a);
    let held = world.wait_for_reason("of-a", "NotSelected");
    let message = ready(&held)["message"].as_str().unwrap();
    assert!(message.contains("production") && message.contains("shard=a"), "{message}");
    assert_eq!(condition(&held, "Stalled")["status"], "True");
    // A connection of the account in the first part would give it two quotas.
    world.apply(&json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
        "metadata": {"name": "second", "labels": {"shard": "a"}}, "spec": {"host": world.kore.url(),
        "accountId": ACCOUNT, "credentialsSecretRef": {"name": "kore-jwt-app"}}}));
    world.create_campaign("late", &json!({}));
    let message = ready(&world.wait_for_reason("late", "NotSelected"))["message"].clone();
    assert!(message.as_str().unwrap().contains("parts/second"), "{message}");
    world.run(&["delete", "kconn", "second"]);
    // One that changes its part is not taken for one that has gone, and its new instance deletes it.
    world.run(&["label", "vcamp", "of-a", "shard-"]);
    world.wait_for_reason("of-a", "CampaignFound");
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    for name in ["of-a", "of-b", "late"] {
        world.wait_until_gone(name);
        assert_eq!(world.deletes(name).len(), 1);
    }
    assert!(!a.output().contains("was removed before Kore had confirmed"), "{}", a.output());
}
