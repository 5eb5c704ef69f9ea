//! Objects that were removed before their deletion was confirmed: their campaigns may still call people.

use std::sync::Arc;

use kube::ResourceExt;

use super::audit;
use super::context::Context;
use super::evidence::OtherClaim;
use super::shared::Remembered;
use crate::api::{BREAK_GLASS, DeletionOutcome, DeletionPolicy, Reason, VoiceCampaign};
use crate::kore::{Account, CampaignService, scrub};
use crate::kube_ext::{CallError, Note};
use crate::pacing::{LAST_TRY, backoff};

/// Longest reason for breaking the glass that is repeated, in characters.
const MAX_WHY: usize = 128;

/// Whether a campaign may still be in Kore, and no object names it any more.
pub fn is_left_behind(last: &VoiceCampaign, remembered: &Remembered, others: &[OtherClaim]) -> bool {
    let recorded = last.deletion().and_then(|deletion| deletion.outcome);
    // Somebody may have taken `Orphan` back since.
    let confirmed_in_status = recorded.is_some_and(|outcome| outcome != DeletionOutcome::Orphaned);
    let confirmed = remembered.attempt.as_ref().is_some_and(|attempt| attempt.result.is_ok());
    let released = confirmed_in_status || confirmed || remembered.release.is_some();
    let kept = others.iter().any(|other| other.keeps);
    last.spec.deletion_policy == DeletionPolicy::Delete && !released && !kept
}

/// Reports everything that is needed to delete the campaign by hand.
pub async fn report<S: CampaignService>(object: VoiceCampaign, context: Arc<Context<S>>) {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let (voicecampaign, uid) = (format!("{namespace}/{name}"), object.uid());
    let known = context.claims.place_of(&object);
    // A watch with a label selector shows an object as gone when its labels change: it belongs to another
    // instance then. If the operator may not ask the API server, or can't for long, it believes the watch:
    // the campaign may call people.
    for failures in 1..=LAST_TRY {
        match context.kube.read_again(&object).await {
            Ok(Some(_)) => {
                if failures > 1 {
                    tracing::info!(voicecampaign, uid, "The object still exists");
                }
                return;
            }
            Ok(None) | Err(CallError::Forbidden(_)) => break,
            Err(error) => {
                // This instance may end before it knows, and no other instance has seen the object.
                let if_gone = match failures {
                    1 => format!(" If it is gone: {}", clean_up(&object, known.as_ref())),
                    _ => String::new(),
                };
                tracing::warn!(%error, voicecampaign, uid, "The operator can't read whether the object still exists.{if_gone}");
                tokio::time::sleep(backoff(&name, failures)).await;
            }
        }
    }
    let account = known.or_else(|| context.claims.place_of(&object));
    let text = in_words(&object, account.as_ref());
    tracing::warn!(voicecampaign, uid, "{text}");
    context.metrics.counters.left_behind();
    audit::left_behind(&object, account.as_ref());
    let reason = Reason::CampaignLeftBehind.as_str();
    context.events.publish(&object, Note { warning: true, reason, action: "Delete", text }).await;
}

/// What a person has to do about such a campaign.
fn clean_up(object: &VoiceCampaign, account: Option<&Account>) -> String {
    let spec = &object.spec;
    let (stream, campaign) = (&spec.stream_id, &spec.campaign_id);
    let request = match account {
        Some(Account { host, account_id }) => format!(
            "DELETE {host}/campaign/api/v2/public/{stream}/campaign/{campaign}?accountId={account_id}&campaignType=voice"
        ),
        None => format!(
            "DELETE /campaign/api/v2/public/{stream}/campaign/{campaign} with the account of the KoreConnection {}, which the \
             operator can't read",
            spec.connection_ref.name
        ),
    };
    format!(
        "The campaign may still call people. Look for it in Kore's console, or send, with the headers auth (a JWT of the \
         app), iid and accountId: {request}"
    )
}

fn in_words(object: &VoiceCampaign, account: Option<&Account>) -> String {
    let how = match object.annotations().get(BREAK_GLASS).map(|why| scrub::message(why)) {
        Some(why) => {
            format!("its finalizer was removed by hand ({BREAK_GLASS}: {})", scrub::cut(&why, MAX_WHY))
        }
        None => {
            "somebody removed the resource's finalizer, or deleted the resource before the operator had added one"
                .to_owned()
        }
    };
    format!(
        "The VoiceCampaign was removed before Kore had confirmed that its campaign is deleted. {} (Cause: {how}.)",
        clean_up(object, account)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DeletionStatus;
    use crate::campaign::evidence::new_record;
    use crate::campaign::shared::Release;
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    fn object(status: serde_json::Value) -> VoiceCampaign {
        serde_json::from_value(json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
            "metadata": {"name": "x", "namespace": "n", "uid": "u"}, "status": status,
            "spec": {"connectionRef": {"name": "c"}, "streamId": "st-1", "campaignId": "cd-1"}}))
        .unwrap()
    }

    /// K14: only one that had no outcome, and whose campaign nobody else keeps, is reported.
    #[test]
    fn a_campaign_is_left_behind_unless_its_deletion_was_confirmed() {
        let none = Remembered::default();
        assert!(is_left_behind(&object(json!({})), &none, &[]));
        let other = |keeps| OtherClaim { name: "m/x".into(), keeps };
        assert!(is_left_behind(&object(json!({})), &none, &[other(false)]));
        assert!(!is_left_behind(&object(json!({})), &none, &[other(true)]));
        let mut releasing = none.clone();
        releasing.release = Some(Release::Sent(DeletionOutcome::Deleted));
        assert!(!is_left_behind(&object(json!({})), &releasing, &[]));
        let mut recorded = object(json!({}));
        recorded.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        let deletion = DeletionStatus { outcome: Some(DeletionOutcome::Deleted), ..new_record(&recorded) };
        recorded.status.get_or_insert_default().deletion = Some(Box::new(deletion));
        assert!(!is_left_behind(&recorded, &none, &[]));
        let deletion = recorded.status.as_mut().and_then(|status| status.deletion.as_mut()).unwrap();
        deletion.outcome = Some(DeletionOutcome::Orphaned);
        assert!(is_left_behind(&recorded, &none, &[]), "it is to be deleted after all");
        let mut orphan = object(json!({}));
        orphan.spec.deletion_policy = DeletionPolicy::Orphan;
        assert!(!is_left_behind(&orphan, &none, &[]));
    }

    /// The report quotes the reason for breaking the glass; without secrets or numbers, and cut.
    #[test]
    fn the_report_says_why_the_glass_was_broken() {
        let mut broken = object(json!({}));
        let why = format!("INC-7, ask +1 (816) 330-12345 {}", "x".repeat(500));
        broken.metadata.annotations = Some([(BREAK_GLASS.to_owned(), why)].into());
        let text = in_words(&broken, None);
        assert!(
            text.contains("(voicecampaign.dev/break-glass: INC-7, ask [number] xxx") && text.len() < 1024,
            "{text}"
        );
        assert!(!text.contains("before the operator"), "{text}");
    }

    #[test]
    fn the_report_says_how_to_clean_up() {
        let account = Account { host: "https://h".into(), account_id: "a-1".into() };
        let text = in_words(&object(json!({})), Some(&account));
        let request =
            "DELETE https://h/campaign/api/v2/public/st-1/campaign/cd-1?accountId=a-1&campaignType=voice";
        assert!(text.contains(request) && text.len() < 1024, "{text}");
    }

    /// An event is cut after 1024 bytes: of the longest identifiers, and a long cause, the request stays
    /// whole.
    #[test]
    fn the_request_is_not_cut() {
        let account = Account { host: format!("https://{}", "h".repeat(245)), account_id: "a".repeat(128) };
        let mut longest = object(json!({}));
        (longest.spec.stream_id, longest.spec.campaign_id) = ("s".repeat(128), "c".repeat(128));
        longest.metadata.annotations = Some([(BREAK_GLASS.to_owned(), "\u{e9}".repeat(500))].into());
        let text = in_words(&longest, Some(&account));
        assert!(text.find("&campaignType=voice").is_some_and(|at| at < 1000), "{text}");
    }
}
