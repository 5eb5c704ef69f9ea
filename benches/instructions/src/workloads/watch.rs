//! Decoding what the API server sends.

use kube::core::ObjectList;
use serde_json::{Value, json};
use voicecampaign_operator::api::VoiceCampaign;
use voicecampaign_operator::campaign::REMOTE_CAMPAIGN;
use voicecampaign_operator::kube_ext::Guarded;

use super::{STREAM, campaign, count, listing};

/// As many as a page of a watch has at its start.
const OBJECTS: usize = 500;

pub fn page() -> bool {
    count(
        || list().to_string(),
        |text| serde_json::from_str::<ObjectList<Guarded<VoiceCampaign>>>(&text),
        |decoded| {
            decoded.as_ref().is_ok_and(|list| {
                let is_pruned = |object: &VoiceCampaign| {
                    object.metadata.managed_fields.is_none() && object.status.is_some()
                };
                list.items.len() == OBJECTS
                    && list.items.iter().all(|Guarded(object)| object.as_ref().is_ok_and(is_pruned))
            })
        },
    )
}

fn list() -> Value {
    let items: Vec<Value> = (0..OBJECTS).map(object).collect();
    json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaignList",
        "metadata": {"resourceVersion": "4711", "continue": ""}, "items": items})
}

/// An object that `kubectl apply` has made, with the status of a campaign that was found.
fn object(number: usize) -> Value {
    let name = format!("renewal-outreach-{number}");
    let spec = json!({"connectionRef": {"name": "production"}, "streamId": STREAM,
        "campaignId": listing::id(number), "deletionPolicy": "Delete", "suspend": false});
    let applied = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
        "metadata": {"name": name, "namespace": "outreach"}, "spec": spec});
    json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
    "metadata": {
        "name": name, "namespace": "outreach", "uid": format!("{number:08x}-7ffb-43c3-b307-47ca14b0c0de"),
        "resourceVersion": format!("{}", 1000 + number), "generation": 1,
        "creationTimestamp": "2026-11-01T08:00:00Z",
        "finalizers": [REMOTE_CAMPAIGN.name()], "labels": {"app.kubernetes.io/part-of": "outreach"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied.to_string()},
        "managedFields": [
            managed("kubectl-client-side-apply", "", &json!({
                "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}},
                    "f:labels": {".": {}, "f:app.kubernetes.io/part-of": {}}},
                "f:spec": {".": {}, "f:campaignId": {}, "f:connectionRef": {".": {}, "f:name": {}},
                    "f:deletionPolicy": {}, "f:streamId": {}, "f:suspend": {}}})),
            managed("voicecampaign-operator", "", &json!({
                "f:metadata": {"f:finalizers": {".": {}, "v:\"voicecampaign.dev/remote-campaign\"": {}}}})),
            managed("voicecampaign-operator", "status", &json!({
                "f:status": {".": {}, "f:account": {}, "f:campaign": {}, "f:conditions": {".": {},
                    "k:{\"type\":\"Ready\"}": {".": {}, "f:lastTransitionTime": {}, "f:message": {},
                        "f:observedGeneration": {}, "f:reason": {}, "f:status": {}, "f:type": {}}},
                    "f:observedGeneration": {}, "f:seenAs": {}}})),
        ],
    },
    "spec": spec,
    "status": {
        "observedGeneration": 1, "campaign": campaign(), "seenAs": "0123456789abcdef",
        "account": {"host": "https://platform.kore.ai", "accountId": "67777ce93e25326494exxxxx"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "CampaignFound", "observedGeneration": 1,
            "lastTransitionTime": "2026-11-01T08:00:01Z",
            "message": "Kore has the campaign, in the state Ready."}],
    }})
}

fn managed(manager: &str, subresource: &str, fields: &Value) -> Value {
    json!({"manager": manager, "operation": "Update", "apiVersion": "voicecampaign.dev/v1alpha1",
        "time": "2026-11-01T08:00:01Z", "fieldsType": "FieldsV1", "subresource": subresource,
        "fieldsV1": fields})
}
