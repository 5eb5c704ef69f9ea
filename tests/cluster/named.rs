//! The name of the operator: whoever looks at an object, an event or an audit log sees who it was.

use std::collections::BTreeSet;

use kore_simulator::Fault;
use serde_json::{Value, json};
use testbed::wait;
use voicecampaign_operator::{NAME, USER_AGENT};

use crate::release::{RELEASE, installed_with};
use crate::support::*;

/// Each kind that the operator writes has its name as field manager, and no other that nobody has given; its
/// calls have it as user agent.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_writes_has_its_name() {
    // So that the operator itself puts its finalizer on.
    let world = installed_with("named", &["admissionPolicies.mutating=false"]).await;
    let operator = world.released_operator();
    world.create_found("renewal");
    world.kore.add_fault(Fault::answer_delete(None, 409, r#"{"message":"it is running"}"#));
    world.delete("renewal");
    wait::until("there is an event", PATIENCE, || Ok((!world.events("renewal").is_empty()).then_some(())))
        .unwrap();
    for (kind, name, parts) in [
        ("voicecampaign", "renewal", &["", "status"][..]),
        ("koreconnection", "production", &["", "status"]),
        ("secret", "kore-jwt-app", &[""]),
        ("lease", RELEASE, &[""]),
        ("rolebinding", RELEASE, &[""]),
        ("events.v1.events.k8s.io", "", &[""]),
    ] {
        let arguments = ["get", kind, name, "--show-managed-fields", "--output=json"];
        let arguments: Vec<_> = arguments.into_iter().filter(|argument| !argument.is_empty()).collect();
        let object: Value = serde_json::from_str(&world.run(&arguments)).unwrap();
        let object = object["items"].get(0).unwrap_or(&object);
        let managers: BTreeSet<(&str, &str)> = object["metadata"]["managedFields"]
            .as_array()
            .unwrap_or_else(|| panic!("{kind}: {object:#}"))
            .iter()
            .map(|entry| (text(&entry["manager"]), text(&entry["subresource"])))
            .collect();
        for part in parts {
            assert!(managers.contains(&(NAME, part)), "{kind}: {managers:?}");
        }
        if kind == "voicecampaign" {
            has_one_entry_per_part(object);
        }
        let known = [NAME, "kubectl", "helm", "kubectl-delete"];
        assert!(managers.iter().all(|(manager, _)| known.contains(manager)), "{kind}: {managers:?}");
        if kind.starts_with("events") {
            assert_eq!(object["reportingController"], NAME);
        }
    }
    assert!(operator.output().contains(&format!("Starting {NAME}")));

    let (well, said) = world.prepare_uninstall();
    assert!(!well, "{said}");
    let users = [world.account().user(), format!("{}-uninstall", world.account().user())];
    for user in users {
        let requests = world.plane.requests().unwrap();
        let agents: BTreeSet<_> = requests
            .iter()
            .filter(|request| request.user == user)
            .map(|request| request.user_agent.as_str())
            .collect();
        assert_eq!(agents, BTreeSet::from([USER_AGENT]), "{user}");
    }
    let agents: BTreeSet<_> = world
        .kore
        .journal()
        .into_iter()
        .filter_map(|entry| entry.headers.get("user-agent").cloned())
        .collect();
    assert_eq!(agents, BTreeSet::from([USER_AGENT.to_owned()]));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The API server notes who wrote each part of the status, and not who wrote each field of it: the notes
/// would be as large as the status, and slow each write.
fn has_one_entry_per_part(object: &Value) {
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    let status = entries.iter().find(|entry| entry["subresource"] == "status").unwrap();
    for part in ["f:account", "f:campaign", "f:deletion"] {
        assert_eq!(status["fieldsV1"]["f:status"][part], json!({}), "{part}: {status:#}");
    }
}
