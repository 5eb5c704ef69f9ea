//! The rights that the chart gives: each is used, each is needed, and no other is asked for. In the mode
//! where the operator has them in one namespace only, so that each test can have rights of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use kore_simulator::Fault;
use serde_json::{Value, json};
use testbed::faults::{Action, Answer, Kind, Lasting};
use testbed::{Operator, wait};

use crate::proxied::{behind_a_proxy_with, plan};
use crate::release::{RELEASE, installed};
use crate::support::*;

impl World {
    /// A user was refused nothing, and has used every verb of these roles.
    pub fn assert_rights_are_those_used(&self, user: &str, roles: &[Value]) {
        let all = self.plane.requests().unwrap();
        let own: Vec<_> = all.into_iter().filter(|request| request.user == user).collect();
        let refused: Vec<_> = own.iter().filter(|request| request.code == 403).collect();
        assert!(refused.is_empty(), "{refused:#?}");
        let used: BTreeSet<(String, String)> = own
            .iter()
            .map(|request| {
                let parts = [request.resource.as_str(), request.subresource.as_str()];
                (parts.join("/").trim_end_matches('/').to_owned(), request.verb.clone())
            })
            .collect();
        let rules = roles.iter().flat_map(|role| role["rules"].as_array().unwrap());
        assert_eq!(used, rules.flat_map(allowed).collect());
    }

    /// Name of the ClusterRole of this release.
    pub fn cluster_role(&self) -> String {
        format!("{RELEASE}.{}", self.namespace)
    }

    fn role(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(&self.run(&["get", kind, name, "--output=json"])).unwrap()
    }
}

/// What a rule allows: resources with verbs.
fn allowed(rule: &Value) -> impl Iterator<Item = (String, String)> {
    let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    let (resources, verbs) = (texts(&rule["resources"]), texts(&rule["verbs"]));
    resources
        .into_iter()
        .flat_map(move |resource| verbs.clone().into_iter().map(move |verb| (resource.clone(), verb)))
}

/// A life with everything in it uses every verb of every rule, and is refused nothing.
#[tokio::test(flavor = "multi_thread")]
async fn every_right_is_used_and_none_is_missing() {
    let world = installed("rights").await;
    let (operator, _proxy, nemesis) = behind_a_proxy_with(world.as_released());
    // Another one stands by, and watches the lease.
    let mut standing_by = Operator::start(&world.plane, &world.as_released()).unwrap();
    // A connection that the cache does not have is looked for.
    world.create_campaign("astray", &json!({"connectionRef": {"name": "nowhere"}}));
    world.wait_for_reason("astray", "ConnectionNotFound");
    // A write that is answered with 404 is followed by a look.
    world.create_found("renewal");
    nemesis.arm(plan(&[Kind::Status], Lasting::Times(1), Action::Answer(Answer::status(404))));
    // An event that is repeated is counted.
    world.kore.add_fault(Fault::answer_delete(Some(2), 409, r#"{"message":"it is running"}"#));
    world.delete("renewal");
    world.wait_until_gone("renewal");
    world.delete("astray");
    world.patch_spec("astray", &json!({"deletionPolicy": "Orphan"}));
    world.wait_until_gone("astray");
    assert!(standing_by.terminate().unwrap().success());
    assert!(!world.events("renewal").is_empty());

    let roles =
        [world.role("clusterrole", &world.cluster_role()), world.role("role", &format!("{RELEASE}-lease"))];
    world.assert_rights_are_those_used(&world.account().user(), &roles);
    drop(operator);
}

/// Without any one of the rules something does not work, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn without_any_of_its_rules_something_fails() {
    let world = installed("all-rules").await;
    let rules = world.role("clusterrole", &world.cluster_role())["rules"].as_array().unwrap().clone();
    let mut tried = BTreeSet::new();
    for (number, rule) in rules.iter().enumerate() {
        let resource = rule["resources"][0].as_str().unwrap().to_owned();
        let world = installed(&format!("without-rule-{number}")).await;
        let removal = format!(r#"[{{"op":"remove","path":"/rules/{number}"}}]"#);
        world.run(&["patch", "clusterrole", &world.cluster_role(), "--type=json", "-p", &removal]);
        let operator = Operator::launch(&world.plane, &world.as_released()).unwrap();
        world.create_campaign("renewal", &json!({}));
        let fails = |what: &str, failed: &dyn Fn() -> bool| {
            wait::until(&format!("without {resource}: {what}"), PATIENCE, || Ok(failed().then_some(())))
                .unwrap_or_else(|error| panic!("{error}: {}", operator.output()));
        };
        let says = |text: &str| operator.output().contains(text);
        match resource.as_str() {
            "voicecampaigns" | "koreconnections" => {
                fails("it says what is missing", &|| says("lacks a permission"));
                assert_eq!(operator.ask("/readyz").unwrap().0, 503);
            }
            "voicecampaigns/status" => {
                fails("it says that it may not write", &|| says("voicecampaigns/status"));
                world.delete("renewal");
                std::thread::sleep(Duration::from_secs(2));
                assert!(world.get("renewal").is_some(), "it is released without an outcome in its status");
            }
            "koreconnections/status" => {
                fails("it says that it may not write", &|| says("koreconnections/status"));
            }
            "secrets" => {
                world.wait_for_reason("renewal", "CredentialsMissing");
            }
            "events" => {
                world.wait_for_reason("renewal", "CampaignFound");
                world.kore.add_fault(Fault::answer_delete(Some(1), 409, r#"{"message":"it is running"}"#));
                world.delete("renewal");
                world.wait_until_gone("renewal");
                assert_eq!(world.events("renewal"), [""; 0]);
            }
            "rolebindings" => {
                fails("it says that it can't keep its rights", &|| says("may not keep its rights"));
                world.wait_for_reason("renewal", "CampaignFound");
            }
            other => panic!("a rule for {other} has no test"),
        }
        tried.insert(resource);
    }
    assert_eq!(tried.len(), rules.len());

    let world = installed("without-lease").await;
    world.run(&["delete", "role", &format!("{RELEASE}-lease")]);
    let operator = Operator::launch(&world.plane, &world.as_released()).unwrap();
    wait::until("it says that the lease is out of reach", PATIENCE, || {
        Ok(operator.output().contains("lease").then_some(()))
    })
    .unwrap();
    assert!(!operator.output().contains("Leading"), "{}", operator.output());
}
