//! Whether the API server has the CustomResourceDefinitions of this operator: it knows every field, takes
//! what fits (a dry run), and refuses what does not.

use std::collections::BTreeSet;

use http::Request;
use kube::api::PostParams;
use kube::core::Status;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::page::{Finding, Verdict, list};
use crate::api::{self, GROUP, VoiceCampaign};

/// How many fields are named; the others are counted.
const NAMED: usize = 10;

/// Whether the definitions are those of this operator, and work in a namespace.
pub(super) async fn in_effect(namespace: &str, client: &Client) -> Finding {
    let (fields, fits, misfits) = tokio::join!(
        fields(client),
        created("cd-check", namespace, client),
        created("no id", namespace, client)
    );
    let finding = fields.and(taken(fits, namespace)).and(rejected(misfits, namespace));
    if finding.verdict == Verdict::Ok {
        return Finding::ok(format!(
            "the API server knows every field of this operator's kinds, and takes a VoiceCampaign in {namespace} (a dry run)"
        ));
    }
    finding
}

/// The finalizers that a VoiceCampaign in this namespace would be created with.
///
/// # Errors
/// With a finding, if the dry run fails.
pub(super) async fn finalizers(namespace: &str, client: &Client) -> Result<Vec<String>, Finding> {
    let created = created("cd-check", namespace, client).await;
    created.map(|created| created.finalizers().to_vec()).map_err(|error| denied(&error, namespace))
}

/// Whether the API server knows every field of the kinds, as it publishes them to everybody.
async fn fields(client: &Client) -> Finding {
    let path = format!("/openapi/v3/apis/{GROUP}/v1alpha1");
    let request = match Request::get(path).body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return Finding::failed(error.to_string()),
    };
    match client.request::<Value>(request).await {
        Ok(published) => compared(&published),
        Err(error) => Finding::refused(&error, "which fields the API server knows"),
    }
}

fn compared(published: &Value) -> Finding {
    let mut missing = Vec::new();
    for crd in api::crds() {
        let kind = crd.spec.names.kind.clone();
        let version = crd.spec.versions.first().and_then(|version| version.schema.as_ref());
        let ours = serde_json::to_value(version.and_then(|schema| schema.open_api_v3_schema.as_ref()));
        let theirs = &published["components"]["schemas"][format!("dev.voicecampaign.v1alpha1.{kind}")];
        let theirs = paths(theirs);
        // The API server publishes its own definition of `metadata`.
        let ours = paths(&ours.unwrap_or_default());
        missing.extend(ours.difference(&theirs).map(|path| format!("{kind}{path}")));
    }
    if missing.is_empty() {
        return Finding::ok("the API server knows every field of this operator's kinds");
    }
    Finding::failed(format!(
        "the CustomResourceDefinitions are not those of this operator's version: install them again (docs/install.md). They \
         lack:{}",
        list(&missing, NAMED)
    ))
}

/// The fields of `spec` and `status`, as paths.
fn paths(schema: &Value) -> BTreeSet<String> {
    fn walk(schema: &Value, path: &str, all: &mut BTreeSet<String>) {
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            walk(schema, &path, all);
            all.insert(path);
        }
        if schema["items"].is_object() {
            walk(&schema["items"], &format!("{path}[]"), all);
        }
    }
    let mut all = BTreeSet::new();
    for part in ["spec", "status"] {
        walk(&schema["properties"][part], &format!(".{part}"), &mut all);
    }
    all
}

fn taken(fits: kube::Result<VoiceCampaign>, namespace: &str) -> Finding {
    match fits {
        Ok(_) => Finding::ok(format!("it takes a VoiceCampaign in {namespace} (a dry run)")),
        Err(error) => denied(&error, namespace),
    }
}

fn rejected(misfits: kube::Result<VoiceCampaign>, namespace: &str) -> Finding {
    match misfits {
        Err(kube::Error::Api(status)) if is_of_the_schema(&status) => {
            Finding::ok("it rejects an invalid one")
        }
        Ok(_) => Finding::failed(
            "the API server accepts an invalid `campaignId`: its CustomResourceDefinitions are not this operator's",
        ),
        Err(error) => denied(&error, namespace),
    }
}

/// What a dry run that fails says of the installation. Policies of others may deny it; that is theirs.
fn denied(error: &kube::Error, namespace: &str) -> Finding {
    let what = format!("whether the API server takes a VoiceCampaign in {namespace} (a dry run)");
    match error {
        kube::Error::Api(status) if matches!(status.code, 400 | 422) && !is_of_the_schema(status) => {
            Finding::not_checked(format!("{what}: admission denies it: {}", status.message))
        }
        kube::Error::Api(status) if status.code == 404 && status.message.starts_with("namespaces ") => {
            Finding::not_checked(format!("{what}: there is no such namespace; name one with --namespace"))
        }
        error => Finding::refused(error, &what),
    }
}

/// Whether the schema refuses an object: that names the field.
fn is_of_the_schema(status: &Status) -> bool {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    status.code == 422 && causes.iter().any(|cause| !cause.field.is_empty())
}

async fn created(campaign_id: &str, namespace: &str, client: &Client) -> kube::Result<VoiceCampaign> {
    let object = serde_json::from_value(json!({
        "apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign", "metadata": {"generateName": "check-"},
        "spec": {"connectionRef": {"name": "check"}, "streamId": "st-check", "campaignId": campaign_id},
    }))
    .map_err(kube::Error::SerdeError)?;
    let api: Api<VoiceCampaign> = Api::namespaced(client.clone(), namespace);
    api.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an API server with these definitions publishes.
    fn published() -> Value {
        let mut schemas = serde_json::Map::new();
        for crd in api::crds() {
            let kind = crd.spec.names.kind.clone();
            let crd = serde_json::to_value(crd).unwrap();
            let schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
            schemas.insert(format!("dev.voicecampaign.v1alpha1.{kind}"), schema);
        }
        json!({"components": {"schemas": schemas}})
    }

    #[test]
    fn a_field_that_the_api_server_does_not_know_is_named() {
        assert_eq!(compared(&published()).verdict, Verdict::Ok);
        let mut old = published();
        let schemas = &mut old["components"]["schemas"];
        for (kind, part, field) in
            [("KoreConnection", "spec", "deletionBrake"), ("VoiceCampaign", "status", "seenAs")]
        {
            let properties =
                &mut schemas[format!("dev.voicecampaign.v1alpha1.{kind}")]["properties"][part]["properties"];
            assert!(properties.as_object_mut().unwrap().remove(field).is_some(), "{kind} has no {field}");
        }
        let found = compared(&old);
        assert_eq!(found.verdict, Verdict::Failed);
        for path in [
            "KoreConnection.spec.deletionBrake",
            "KoreConnection.spec.deletionBrake.maxPerHour",
            "VoiceCampaign.status.seenAs",
        ] {
            assert!(found.said.contains(&format!("\n- {path}")), "{}", found.said);
        }
        let none = compared(&json!({}));
        assert!(none.verdict == Verdict::Failed && none.said.contains("\n- and "), "{}", none.said);
    }

    #[test]
    fn what_admission_denies_says_nothing_of_the_definitions() {
        let answer = |code: u16, reason: &str, field: &str| {
            let mut status = Status::failure("no", reason).with_code(code);
            status.details =
                serde_json::from_value(json!({"causes": [{"field": field, "message": "m"}]})).unwrap();
            kube::Error::Api(Box::new(status))
        };
        let verdict = |error| taken(Err(error), "n").verdict;
        assert_eq!(verdict(answer(422, "Invalid", "spec.streamId")), Verdict::Failed);
        assert_eq!(verdict(answer(422, "Invalid", "")), Verdict::NotChecked);
        assert_eq!(verdict(answer(400, "BadRequest", "")), Verdict::NotChecked);
        assert_eq!(verdict(answer(403, "Forbidden", "")), Verdict::NotChecked);
        let mut missing = Status::failure("namespaces \"n\" not found", "NotFound").with_code(404);
        missing.details = None;
        assert_eq!(verdict(kube::Error::Api(Box::new(missing))), Verdict::NotChecked);
        let misfit = |error| rejected(Err(error), "n").verdict;
        assert_eq!(misfit(answer(422, "Invalid", "spec.campaignId")), Verdict::Ok);
        assert_eq!(misfit(answer(403, "Forbidden", "")), Verdict::NotChecked);
        let fits: VoiceCampaign =
            serde_json::from_value(json!({"metadata": {}, "spec": {"connectionRef": {"name": "c"},
            "streamId": "st", "campaignId": "no id"}}))
            .unwrap();
        assert_eq!(rejected(Ok(fits), "n").verdict, Verdict::Failed);
    }
}
