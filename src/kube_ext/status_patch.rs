//! JSON patches of the status subresource. Each tests the uid, so that it fails on another object that has
//! the same name by now. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use serde::Serialize;
use serde_json::{Value, json};

use super::call_error::CallError;

type Patch = kube::api::Patch<()>;

/// Replaces the whole status of this very version of the object.
///
/// The API server does not check a `uid` in a merge patch of `/status`; it does check a `test` of a JSON
/// patch.
///
/// # Errors
/// [`CallError::Refused`] if the status does not serialize.
pub(super) fn replacing(metadata: &ObjectMeta, status: &impl Serialize) -> Result<Patch, CallError> {
    patch(json!([
        {"op": "test", "path": "/metadata/uid", "value": metadata.uid},
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata.resource_version},
        {"op": "add", "path": "/status", "value": status},
    ]))
}

/// Sets one condition beside the stored ones.
///
/// # Errors
/// [`CallError::Refused`] if the condition does not serialize.
pub(super) fn setting_condition(
    metadata: &ObjectMeta,
    stored: &[Condition],
    condition: &Condition,
) -> Result<Patch, CallError> {
    patch(setting(metadata, stored, condition))
}

/// Removes the stored condition of this type; `None` if there is none.
///
/// # Errors
/// Never in practice: the operations are a JSON patch.
pub(super) fn removing_condition(
    metadata: &ObjectMeta,
    stored: &[Condition],
    type_: &str,
) -> Result<Option<Patch>, CallError> {
    let index = stored.iter().position(|stored| stored.type_ == type_);
    index.map(|index| patch(removing(metadata, index, type_))).transpose()
}

fn setting(metadata: &ObjectMeta, stored: &[Condition], condition: &Condition) -> Value {
    let uid = json!({"op": "test", "path": "/metadata/uid", "value": metadata.uid});
    match stored.iter().position(|stored| stored.type_ == condition.type_) {
        Some(index) => {
            let path = format!("/status/conditions/{index}");
            json!([
                uid,
                {"op": "test", "path": format!("{path}/type"), "value": condition.type_},
                {"op": "replace", "path": path, "value": condition},
            ])
        }
        // Another client may have added conditions meanwhile; this patch must not replace them.
        None if stored.is_empty() => json!([
            uid,
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata.resource_version},
            {"op": "add", "path": "/status/conditions", "value": [condition]},
        ]),
        None => json!([uid, {"op": "add", "path": "/status/conditions/-", "value": condition}]),
    }
}

fn removing(metadata: &ObjectMeta, index: usize, type_: &str) -> Value {
    let path = format!("/status/conditions/{index}");
    json!([
        {"op": "test", "path": "/metadata/uid", "value": metadata.uid},
        {"op": "test", "path": format!("{path}/type"), "value": type_},
        {"op": "remove", "path": path},
    ])
}

fn patch(operations: Value) -> Result<Patch, CallError> {
    serde_json::from_value(operations)
        .map(kube::api::Patch::Json)
        .map_err(|error| CallError::Refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(type_: &str, message: &str) -> Condition {
        let now = jiff::Timestamp::UNIX_EPOCH;
        Condition {
            type_: type_.into(),
            status: "True".into(),
            reason: "Any".into(),
            message: message.into(),
            observed_generation: None,
            last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now),
        }
    }

    /// Applies a patch as the API server does; `None` if it refuses the patch.
    fn applied(operations: Value, stored: &[Condition], version: &str) -> Option<Vec<String>> {
        let patch: json_patch::Patch = serde_json::from_value(operations).unwrap();
        let mut object = json!({"metadata": {"uid": "u-1", "resourceVersion": version},
            "status": {"conditions": stored, "deletion": {"attempts": 3}}});
        json_patch::patch(&mut object, &patch).ok()?;
        assert_eq!(object["status"]["deletion"]["attempts"], 3, "all else stays");
        let conditions = object["status"]["conditions"].as_array().unwrap();
        Some(
            conditions
                .iter()
                .map(|one| format!("{} {}", one["type"], one["message"]).replace('"', ""))
                .collect(),
        )
    }

    /// What was decided from one version replaces no other one.
    #[test]
    fn a_status_of_a_version_replaces_no_newer_one() {
        let metadata = |version: &str| ObjectMeta {
            uid: Some("u-1".into()),
            resource_version: Some(version.into()),
            ..ObjectMeta::default()
        };
        let applies = |version| {
            let kube::api::Patch::Json(patch) = replacing(&metadata(version), &json!({"held": 1})).unwrap()
            else {
                unreachable!("it is a JSON patch")
            };
            let mut object = json!({"metadata": metadata("7"), "status": {"held": 2}});
            json_patch::patch(&mut object, &patch).is_ok() && object["status"]["held"] == 1
        };
        assert!(applies("7") && !applies("6"));
    }

    /// However stale the view of the object is: no other condition is lost, and no type is there twice.
    #[test]
    fn a_condition_is_put_beside_the_others_and_taken_out() {
        let metadata = |uid: &str| ObjectMeta {
            uid: Some(uid.into()),
            resource_version: Some("7".into()),
            ..ObjectMeta::default()
        };
        let ready = condition("Ready", "a");
        let (told, anew) = (condition("Told", "b"), condition("Told", "c"));
        let put = |uid: &str, seen: &[Condition]| setting(&metadata(uid), seen, &anew);
        let both = [ready.clone(), told];
        let some = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(applied(put("u-1", &[]), &[], "7"), some(&["Told c"]));
        assert_eq!(applied(put("u-1", &[]), std::slice::from_ref(&ready), "8"), None, "the view lags behind");
        let beside = put("u-1", std::slice::from_ref(&ready));
        assert_eq!(applied(beside, std::slice::from_ref(&ready), "8"), some(&["Ready a", "Told c"]));
        assert_eq!(applied(put("u-1", &both), &both, "8"), some(&["Ready a", "Told c"]));
        let moved = [both[1].clone(), both[0].clone()];
        assert_eq!(applied(put("u-1", &both), &moved, "8"), None, "it has moved");
        assert_eq!(applied(put("u-2", &both), &both, "8"), None, "another object");
        assert_eq!(applied(removing(&metadata("u-1"), 1, "Told"), &both, "8"), some(&["Ready a"]));
        assert_eq!(applied(removing(&metadata("u-1"), 1, "Told"), &moved, "8"), None);
        assert_eq!(applied(removing(&metadata("u-2"), 1, "Told"), &both, "8"), None);
    }
}
