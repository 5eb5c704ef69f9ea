//! Which change of a status is worth an event. Pure.

use super::advice;
use super::condition::{SHARED, ready, reason};
use crate::api::{DeletionOutcome, Reason, VoiceCampaignStatus};
use crate::kore::FailureKind;
use crate::kube_ext::Note;

/// The events that tell of a new status, if a user wants to see one.
///
/// A deletion that is confirmed at once has none: it costs two writes, and its outcome is in status.
///
/// That a campaign seems to be absent is no warning: it is the usual end of a DELETE whose answer was lost.
pub fn notes(before: Option<&VoiceCampaignStatus>, after: &VoiceCampaignStatus) -> Vec<Note> {
    let shared = |status: &VoiceCampaignStatus| {
        status.conditions.iter().find(|condition| condition.type_ == SHARED).cloned()
    };
    let newly_shared = shared(after).filter(|_| before.and_then(shared).is_none()).map(|condition| Note {
        warning: true,
        reason: Reason::CampaignShared.as_str(),
        action: "Observe",
        text: condition.message,
    });
    newly_shared.into_iter().chain(note(before, after)).collect()
}

fn note(before: Option<&VoiceCampaignStatus>, after: &VoiceCampaignStatus) -> Option<Note> {
    let attempts =
        |status: &VoiceCampaignStatus| status.deletion.as_ref().map_or(0, |deletion| deletion.attempts);
    let outcome =
        |status: &VoiceCampaignStatus| status.deletion.as_ref().and_then(|deletion| deletion.outcome);
    let (reason, reason_before) = (reason(after), before.map(reason));
    let tried_again = attempts(after) > before.map_or(0, attempts);
    let deleting = after.deletion.is_some();
    let newly_refused =
        deleting && reason == Reason::Service(FailureKind::Refused) && reason_before != Some(reason);
    let first = |name: DeletionOutcome| before.and_then(outcome) != Some(name);
    let warning = match outcome(after) {
        Some(DeletionOutcome::Orphaned) if first(DeletionOutcome::Orphaned) => {
            after.deletion.as_ref().is_some_and(|deletion| deletion.in_doubt_since().is_some())
        }
        Some(DeletionOutcome::Absent) if first(DeletionOutcome::Absent) => false,
        Some(DeletionOutcome::Deleted) if first(DeletionOutcome::Deleted) && attempts(after) > 1 => false,
        Some(_) => return None,
        None if tried_again => reason != Reason::Service(FailureKind::MayBeAbsent),
        None if reason_before == Some(reason) => return None,
        // It was no "no such campaign" after all.
        None if newly_refused => true,
        None if reason == Reason::Suspended && deleting => false,
        None if reason == Reason::Suspended => return None,
        // The connection has an event, for all of them.
        None if reason == Reason::MassDeletion => return None,
        None if reason.needs_a_person() => true,
        None if reason == Reason::CampaignNotFound => true,
        None => return None,
    };
    let failed =
        after.deletion.as_deref().filter(|_| (tried_again || newly_refused) && outcome(after).is_none());
    if let Some(text) = failed.and_then(advice::unconfirmed) {
        return Some(Note { warning, reason: reason.as_str(), action: "Delete", text });
    }
    let text = ready(after)?.message.clone();
    Some(Note { warning, reason: reason.as_str(), action: if deleting { "Delete" } else { "Observe" }, text })
}
