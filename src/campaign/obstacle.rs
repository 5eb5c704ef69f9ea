//! What a campaign's status says of what the API server fails. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::permit::REMOTE_CAMPAIGN;
use crate::api::VoiceCampaign;
use crate::kore::scrub;
use crate::kube_ext::{Note, obstacle};

/// The condition that says it; `None` if the status says just that.
pub fn condition(object: &VoiceCampaign, why: &str, now: Timestamp) -> Option<Condition> {
    let status = object.status.as_ref();
    let deletion = status.and_then(|status| status.deletion.as_ref());
    let what = match object.metadata.deletion_timestamp {
        Some(_) if deletion.is_some_and(|deletion| deletion.outcome.is_some()) => {
            "This resource can't be let go"
        }
        Some(_) => "The deletion can't go on",
        None if REMOTE_CAMPAIGN.is_on(&object.metadata) => "The campaign can't be observed",
        None => "A deletion of this resource would leave the campaign in Kore",
    };
    let stored = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    obstacle::condition(&object.metadata, stored, format!("{what}: {}.", scrub::message(why)), now)
}

/// The event that tells that the API server refuses the status.
pub fn refused_status(object: &VoiceCampaign, refusal: &str) -> Note {
    let said = scrub::message(refusal);
    let text = format!(
        "The API server refuses the status; it stays as it was, and the operator goes on without it: {said}."
    );
    obstacle::note(&object.metadata, text)
}
