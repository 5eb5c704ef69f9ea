//! The condition and the event for what the API server refuses, or fails to do. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::ready;
use crate::api::{VoiceCampaign, VoiceCampaignStatus};
use crate::campaign::evidence::REMOTE_CAMPAIGN;
use crate::kore::scrub;
use crate::kube_ext::{Note, obstacle};

/// The condition that reports an obstacle; `None` if the status has just that.
pub fn condition(object: &VoiceCampaign, why: &str, now: Timestamp) -> Option<Condition> {
    let status = object.status.as_ref();
    let deletion = status.and_then(|status| status.deletion.as_ref());
    let what = match object.metadata.deletion_timestamp {
        Some(_) if deletion.is_some_and(|deletion| deletion.outcome.is_some()) => {
            "The operator can't remove its finalizer"
        }
        Some(_) => "The operator can't continue the deletion",
        None if REMOTE_CAMPAIGN.is_on(&object.metadata) => "The operator can't observe the campaign",
        None => {
            "The operator can't add its finalizer, so deleting this resource now would leave the campaign in Kore"
        }
    };
    let stored = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    obstacle::condition(&object.metadata, stored, format!("{what}: {}.", scrub::message(why)), now)
}

/// The event for a status that the API server refuses.
pub fn refused_status(object: &VoiceCampaign, refusal: &str) -> Note {
    let said = scrub::message(refusal);
    let text = format!(
        "The API server denies the new status: {said}. The resource shows an old status; the operator continues."
    );
    obstacle::note(&object.metadata, text)
}

/// What a status would say that the API server refuses.
pub fn untold(status: &VoiceCampaignStatus, refusal: &str) -> String {
    let ready =
        ready(status).map(|ready| format!("{}: {} ", ready.reason, ready.message)).unwrap_or_default();
    format!("{ready}The status can't say so: the API server denies it: {}.", scrub::message(refusal))
}
