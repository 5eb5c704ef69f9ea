use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt;

use super::kore_connection::KoreConnection;
use super::voice_campaign::VoiceCampaign;

/// The CRDs of this operator, in the order in which they are installed.
pub fn crds() -> [CustomResourceDefinition; 2] {
    [KoreConnection::crd(), VoiceCampaign::crd()].map(with_initial_status)
}

/// Until the operator writes a status, the default one is of no generation. Without any status, kstatus
/// (Flux, Helm) would take the object for settled and not wait; also while the operator does not run.
fn with_initial_status(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        let status = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
        }
    }
    crd
}
