//! What follows from what the watch shows, beyond the next pass over the object: others that name the same campaign are
//! woken, and an object that went without a outcome is reported.

use std::collections::HashSet;
use std::sync::Arc;

use kube::{Resource, ResourceExt};

use super::context::{Context, Watched};
use super::memory::Remembered;
use super::observed::OtherClaim;
use super::permit::{needs_connection, recorded_deletion};
use super::reason::Reason;
use crate::api::{BREAK_GLASS, DeletionOutcome, DeletionPolicy, VoiceCampaign};
use crate::connection::ConnectionName;
use crate::kore::{Account, CampaignService, scrub};
use crate::kube_ext::{CallError, Note};
use crate::pacing::{LAST_TRY, backoff};

/// Longest reason for breaking the glass that is repeated, in characters.
const MAX_WHY: usize = 128;

/// An object is there.
pub fn present<S: CampaignService>(object: &Arc<Watched>, context: &Context<S>) {
    let since_the_start = context.synced.is_complete();
    context.claims.update(object, since_the_start).into_iter().for_each(|other| context.wake.wake(other));
    if let Ok(object) = &object.0 {
        uses_connection(object, context);
    }
}

/// An object may need its connection, or need it no more.
pub(super) fn uses_connection<S>(object: &VoiceCampaign, context: &Context<S>) {
    let uid = object.uid().unwrap_or_default();
    if needs_connection(object) && !context.memory.is_over(&uid) {
        let connection = ConnectionName::used_by(object);
        if context.users.uses(&uid, connection.clone()) {
            context.connections.wake(&connection);
        }
    } else {
        needs_none(&uid, context);
    }
}

/// An object needs its connection no more.
pub(super) fn needs_none<S>(uid: &str, context: &Context<S>) {
    if let Some(connection) = context.users.gone(uid) {
        context.connections.wake(&connection);
    }
}

/// Our finalizer is off an object, as far as has been heard. It is counted once, also if the answer to the patch was lost.
pub(super) fn released<S>(uid: &str, context: &Context<S>) {
    if let Some(outcome) = context.memory.released(uid) {
        context.metrics.released(outcome);
    }
}

/// An object is gone; this is its last state, readable or not.
pub fn gone<S: CampaignService>(object: &Watched, context: &Arc<Context<S>>) {
    let uid = object.uid().unwrap_or_default();
    let others = object.0.as_ref().map(|object| context.claims.others(object)).unwrap_or_default();
    context.claims.remove(object).into_iter().for_each(|other| context.wake.wake(other));
    needs_none(&uid, context);
    context.accounts.forget(&uid);
    context.listings.forget(&uid);
    if object.0.as_ref().is_ok_and(|last| last.spec.deletion_policy == DeletionPolicy::Delete) {
        context.memory.orphan_was_taken_back(&uid);
    }
    released(&uid, context);
    let remembered = context.memory.forget(&uid);
    if let (true, Some(namespace)) = (context.cache.is_empty(), object.namespace()) {
        let connections = context.connections.clone();
        tokio::spawn(async move { connections.release_rights(&namespace).await });
    }
    match &object.0 {
        Ok(object) if is_left_behind(object, &remembered, &others) => {
            tokio::spawn(report(object.clone(), context.clone()));
        }
        Ok(_) => {}
        Err(invalid) => {
            tracing::warn!(error = %invalid.error, uid, "A VoiceCampaign has gone that could not be read")
        }
    }
}

/// The watch has listed all objects: nothing needs to be remembered of others. The rights of the operator in its namespace are kept, or let
/// go, as they are needed; a process before this one may have been killed before it did so.
pub fn relisted<S: CampaignService>(
    all: &[Arc<Watched>],
    namespace: Option<&str>,
    context: &Arc<Context<S>>,
) {
    let uids: HashSet<_> = all.iter().filter_map(|object| object.meta().uid.as_deref()).collect();
    context.memory.retain(|uid| uids.contains(uid));
    let Some(namespace) = namespace.map(ToOwned::to_owned) else { return };
    let (context, needed) = (context.clone(), !all.is_empty());
    tokio::spawn(async move {
        match needed {
            true => {
                let kept = context.connections.keep_rights_anew(&namespace).await;
                let _ = kept.inspect_err(
                    |error| tracing::warn!(%error, namespace, "The operator's rights are not kept yet"),
                );
            }
            false => context.connections.release_rights(&namespace).await,
        }
    });
}

/// Whether a campaign may still be there, and nobody cares for it any more.
fn is_left_behind(last: &VoiceCampaign, remembered: &Remembered, others: &[OtherClaim]) -> bool {
    let recorded = recorded_deletion(last).and_then(|deletion| deletion.outcome);
    // Orphan may have been taken back since.
    let confirmed_in_status = recorded.is_some_and(|outcome| outcome != DeletionOutcome::Orphaned);
    let confirmed = remembered.attempt.as_ref().is_some_and(|attempt| attempt.result.is_ok());
    let released = confirmed_in_status || confirmed || remembered.release.is_some();
    let kept = others.iter().any(|other| other.keeps);
    last.spec.deletion_policy == DeletionPolicy::Delete && !released && !kept
}

/// Says everything that is needed to delete the campaign by hand.
async fn report<S: CampaignService>(object: VoiceCampaign, context: Arc<Context<S>>) {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let (voicecampaign, uid) = (format!("{namespace}/{name}"), object.uid());
    let account = || context.connections.called(&ConnectionName::used_by(&object));
    let known = account();
    // A watch by labels shows an object as gone that has other labels now. It is another instance's. When nobody may be asked, or can
    // be for long, the watch is believed: the campaign may call people.
    for failures in 1..=LAST_TRY {
        match context.kube.read_again(&object).await {
            Ok(Some(_)) => {
                if failures > 1 {
                    tracing::info!(voicecampaign, uid, "The object is there after all");
                }
                return;
            }
            Ok(None) | Err(CallError::Forbidden(_)) => break,
            Err(error) => {
                // This instance may end before it knows, and no other has seen the object.
                let if_so = if failures == 1 { clean_up(&object, known.as_ref()) } else { String::new() };
                tracing::warn!(%error, voicecampaign, uid, "Can't tell whether the object is gone. {if_so}");
                tokio::time::sleep(backoff(&name, failures)).await;
            }
        }
    }
    let text = in_words(&object, known.or_else(account).as_ref());
    tracing::warn!(voicecampaign, uid, "{text}");
    context.metrics.orphaned();
    let reason = Reason::CampaignLeftBehind.as_str();
    context.events.publish(&object, Note { warning: true, reason, action: "Delete", text }).await;
}

/// What is to be done about a campaign that nobody cares for.
fn clean_up(object: &VoiceCampaign, account: Option<&Account>) -> String {
    let spec = &object.spec;
    let (stream, campaign) = (&spec.stream_id, &spec.campaign_id);
    let request = match account {
        Some(Account { host, account_id }) => format!(
            "DELETE {host}/campaign/api/v2/public/{stream}/campaign/{campaign}?accountId={account_id}&campaignType=voice"
        ),
        None => format!(
            "DELETE /campaign/api/v2/public/{stream}/campaign/{campaign} with the account of the KoreConnection {}, which is \
             gone, too",
            spec.connection_ref.name
        ),
    };
    format!("The campaign may still call people. GetResult for it in Kore, or send: {request}")
}

fn in_words(object: &VoiceCampaign, account: Option<&Account>) -> String {
    let how = match object.annotations().get(BREAK_GLASS).map(|why| scrub::message(why)) {
        Some(why) => {
            format!("its finalizer was removed by hand ({BREAK_GLASS}: {})", scrub::cut(&why, MAX_WHY))
        }
        None => "its finalizer was removed by hand, or it was deleted before the finalizer was on".to_owned(),
    };
    format!(
        "The VoiceCampaign went before Kore had confirmed that its campaign is deleted: {how}. {}",
        clean_up(object, account)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DeletionStatus;
    use crate::campaign::memory::Release;
    use crate::campaign::status;
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
        let deletion =
            DeletionStatus { outcome: Some(DeletionOutcome::Deleted), ..status::new_deletion(&recorded) };
        recorded.status.get_or_insert_default().deletion = Some(Box::new(deletion));
        assert!(!is_left_behind(&recorded, &none, &[]));
        let deletion = recorded.status.as_mut().and_then(|status| status.deletion.as_mut()).unwrap();
        deletion.outcome = Some(DeletionOutcome::Orphaned);
        assert!(is_left_behind(&recorded, &none, &[]), "it is to be deleted after all");
        let mut orphan = object(json!({}));
        orphan.spec.deletion_policy = DeletionPolicy::Orphan;
        assert!(!is_left_behind(&orphan, &none, &[]));
    }

    /// Whoever broke the glass said why; without secrets or numbers, and cut.
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
        assert!(!text.contains("before the finalizer was on"), "{text}");
    }

    #[test]
    fn the_report_says_how_to_clean_up() {
        let account = Account { host: "https://h".into(), account_id: "a-1".into() };
        let text = in_words(&object(json!({})), Some(&account));
        let request =
            "DELETE https://h/campaign/api/v2/public/st-1/campaign/cd-1?accountId=a-1&campaignType=voice";
        assert!(text.contains(request) && text.len() < 1024, "{text}");
    }
}
