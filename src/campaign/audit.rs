//! The audit line: one line of the log for each campaign that is over with. docs/audit.md is its contract.

use kube::ResourceExt;

use super::evidence::recorded_account;
use crate::api::{DeletionOutcome, DeletionStatus, ListingRecord, ProofStatus, VoiceCampaign};
use crate::connection::ConnectionName;
use crate::kore::Account;

/// The operator is about to remove its finalizer, with this outcome. The line comes at least once: again, if
/// the removal has to be repeated by another process.
pub fn released(object: &VoiceCampaign, outcome: DeletionOutcome) {
    line(object, outcome.as_str(), recorded_account(object).as_ref());
}

/// The object was removed before its deletion was confirmed; its campaign may still call people.
pub fn left_behind(object: &VoiceCampaign, account: Option<&Account>) {
    line(object, "LeftBehind", account);
}

fn line(object: &VoiceCampaign, outcome: &'static str, account: Option<&Account>) {
    let deletion = object.deletion();
    let evidence = Evidence::of(deletion);
    let text = |time: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time| time.0.to_string();
    tracing::info!(
        target: "audit",
        outcome,
        // Other names than in the span of the reconcile, in which the line may stand: no key comes twice.
        resource = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any()),
        resource_uid = object.uid(),
        connection = ConnectionName::used_by(object).to_string(),
        host = account.map(|account| account.host.as_str()),
        account_id = account.map(|account| account.account_id.as_str()),
        stream_id = object.spec.stream_id,
        campaign_id = object.spec.campaign_id,
        created_at = object.metadata.creation_timestamp.as_ref().map(text),
        requested_at = object.metadata.deletion_timestamp.as_ref().map(text),
        confirmed_at = deletion.and_then(|deletion| deletion.confirmed_at.as_ref()).map(text),
        attempts = deletion.map(|deletion| deletion.attempts),
        http_status = evidence.http_status,
        answer = evidence.answer,
        not_returned_at = evidence.not_returned_at,
        listed_at = evidence.listed_at,
        listed_campaigns = evidence.listed_campaigns,
        in_doubt_since = in_doubt_since(outcome, deletion),
        "Audit"
    );
}

/// What the outcome rests on, as the status records it.
#[derive(Debug, Default, PartialEq)]
struct Evidence {
    http_status: Option<i32>,
    answer: Option<String>,
    not_returned_at: Option<String>,
    /// When the complete listings without the campaign were begun.
    listed_at: Option<String>,
    /// How many campaigns the last of them has.
    listed_campaigns: Option<i64>,
}

/// When the DELETE was sent after which it is not known whether Kore has the campaign that was left there.
fn in_doubt_since(outcome: &str, deletion: Option<&DeletionStatus>) -> Option<String> {
    let is_certain = [DeletionOutcome::Deleted, DeletionOutcome::Absent].map(DeletionOutcome::as_str);
    let deletion = deletion.filter(|_| !is_certain.contains(&outcome))?;
    deletion.in_doubt_since().map(|sent| sent.0.to_string())
}

impl Evidence {
    fn of(deletion: Option<&DeletionStatus>) -> Self {
        let Some(deletion) = deletion else { return Self::default() };
        let answer = deletion.last_answer.as_ref();
        let listings = deletion.proof.as_ref().map(listings).unwrap_or_default();
        let begun: Vec<String> = listings.iter().map(|listing| listing.begun_at.0.to_string()).collect();
        let not_returned_at = deletion.proof.as_ref().and_then(|proof| proof.not_returned_at.as_ref());
        Self {
            http_status: answer.and_then(|answer| answer.http_status),
            answer: answer.map(|answer| answer.message.clone()).filter(|message| !message.is_empty()),
            not_returned_at: not_returned_at.map(|time| time.0.to_string()),
            listed_at: (!begun.is_empty()).then(|| begun.join(" ")),
            listed_campaigns: listings.last().map(|listing| listing.campaigns),
        }
    }
}

/// The complete listings of a proof, the first one first.
fn listings(proof: &ProofStatus) -> Vec<&ListingRecord> {
    [&proof.first_listing, &proof.second_listing, &proof.third_listing].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deletion(more: serde_json::Value) -> DeletionStatus {
        let mut deletion = json!({"uid": "u", "requestedAt": "2026-11-29T12:00:00Z", "attempts": 2});
        deletion.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(deletion).unwrap()
    }

    #[test]
    fn the_evidence_is_what_the_status_records() {
        let confirmed = deletion(json!({"lastAnswer": {
            "httpStatus": 200, "status": "success", "message": "Campaign deleted", "reason": "Deleted"}}));
        let evidence = Evidence::of(Some(&confirmed));
        assert_eq!((evidence.http_status, evidence.answer.as_deref()), (Some(200), Some("Campaign deleted")));
        assert_eq!((evidence.listed_at, evidence.listed_campaigns), (None, None));
        let listing =
            |at: &str, campaigns: i64| json!({"begunAt": at, "endedAt": at, "campaigns": campaigns});
        let absent = deletion(json!({"proof": {
            "identity": "i", "answeredAt": "2026-11-29T12:00:01Z", "notReturnedAt": "2026-11-29T12:00:02Z",
            "firstListing": listing("2026-11-29T12:00:03Z", 7), "secondListing": listing("2026-11-29T12:00:15Z", 8)}}));
        let expected = Evidence {
            not_returned_at: Some("2026-11-29T12:00:02Z".into()),
            listed_at: Some("2026-11-29T12:00:03Z 2026-11-29T12:00:15Z".into()),
            listed_campaigns: Some(8),
            ..Evidence::default()
        };
        assert_eq!(Evidence::of(Some(&absent)), expected);
        assert_eq!(Evidence::of(None), Evidence::default());
    }

    #[test]
    fn a_campaign_that_was_left_after_a_delete_is_in_doubt() {
        let lost = deletion(json!({"mayHaveTakenEffectAt": "2026-11-29T12:00:01Z"}));
        for (outcome, since) in [
            ("Orphaned", Some("2026-11-29T12:00:01Z")),
            ("LeftBehind", Some("2026-11-29T12:00:01Z")),
            ("Deleted", None),
            ("Absent", None),
        ] {
            assert_eq!(in_doubt_since(outcome, Some(&lost)).as_deref(), since, "{outcome}");
        }
        let seen = deletion(
            json!({"mayHaveTakenEffectAt": "2026-11-29T12:00:01Z", "seenAt": "2026-11-29T12:00:02Z"}),
        );
        assert_eq!(in_doubt_since("Orphaned", Some(&seen)), None);
        let absent = json!({"httpStatus": 404, "reason": "AwaitingProof"});
        let not_found = deletion(json!({"lastAttemptAt": "2026-11-29T12:00:03Z", "lastAnswer": absent}));
        assert_eq!(in_doubt_since("Orphaned", Some(&not_found)).as_deref(), Some("2026-11-29T12:00:03Z"));
        assert_eq!(in_doubt_since("Orphaned", Some(&deletion(json!({})))), None);
    }
}
