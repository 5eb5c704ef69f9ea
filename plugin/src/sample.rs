//! Resources for tests.

use jiff::Timestamp;
use serde_json::{Value, json};
use voicecampaign_operator::api::{FINALIZER, VoiceCampaign};
use voicecampaign_operator::kube_ext::Dated;

/// The time of all tests, and so many seconds more.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// A living resource whose campaign Kore has returned, after this change.
pub fn living(name: &str, change: impl FnOnce(&mut Value)) -> Dated<VoiceCampaign> {
    let mut object = json!({
        "apiVersion": "voicecampaign.dev/v1alpha1",
        "kind": "VoiceCampaign",
        "metadata": {"name": name, "namespace": "team-a", "uid": format!("uid-{name}"), "generation": 1,
            "creationTimestamp": at(-86400), "finalizers": [FINALIZER]},
        "spec": {"connectionRef": {"name": "production"}, "streamId": "st-1", "campaignId": format!("cd-{name}"),
            "deletionPolicy": "Delete"},
        "status": {"observedGeneration": 1, "conditions": [ready("True", "CampaignFound", "Kore has the campaign; its state is Active.")],
            "campaign": {"id": format!("cd-{name}"), "name": format!("Campaign {name}"), "status": "Active",
                "contactLists": ["leads"]},
            "account": {"host": "https://kore", "accountId": "a-1"}},
    });
    change(&mut object);
    serde_json::from_value(object).unwrap()
}

/// A resource that has been deleted for a minute, and was not written since, with this reason, after this
/// change.
pub fn deleting(name: &str, reason: &str, change: impl FnOnce(&mut Value)) -> Dated<VoiceCampaign> {
    living(name, |object| {
        object["metadata"]["deletionTimestamp"] = json!(at(-60));
        object["metadata"]["generation"] = json!(2);
        object["metadata"]["managedFields"] = json!([{"time": at(-60)}, {"time": at(-90)}]);
        object["status"]["observedGeneration"] = json!(2);
        object["status"]["conditions"] = json!([ready("False", reason, &format!("What {reason} means."))]);
        object["status"]["deletion"] =
            json!({"uid": format!("uid-{name}"), "requestedAt": at(-60), "attempts": 0});
        change(object);
    })
}

/// The condition `Ready`.
pub fn ready(status: &str, reason: &str, message: &str) -> Value {
    condition("Ready", status, reason, message)
}

/// A condition.
pub fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": at(-60)})
}

/// Adds a condition.
pub fn add(object: &mut Value, condition: Value) {
    object["status"]["conditions"].as_array_mut().unwrap().push(condition);
}
