use super::campaign::success_for;
use super::operation::Operation;
use super::summary::failure;
use crate::kore::answer::{AnswerSummary, RawAnswer};
use crate::kore::campaign::Campaign;
use crate::kore::campaign_id::is_spelled;
use crate::kore::failure::{Failure, FailureKind};
use crate::kore::wire::{self, Envelope};

/// Reads the answer to a GET of the campaign `id` [get-voice-campaign-by-id-v2].
///
/// # Errors
/// If the answer does not return this campaign, or returns it as deleted.
pub fn single(answer: &RawAnswer, id: &str) -> Result<Campaign, Failure> {
    let deleted = |status: Option<&str>| status.is_some_and(wire::is_deleted);
    let envelope = Envelope::of(answer);
    match success_for(answer, envelope.as_ref(), id, Operation::Read) {
        Ok((campaign, summary)) if deleted(campaign.status.as_deref()) => Err(returned_as_deleted(summary)),
        Ok((campaign, _)) => Ok(campaign),
        Err(absent @ Failure { kind: FailureKind::MayBeAbsent, .. }) => {
            let says_deleted = deleted(absent.answer.status.as_deref());
            Err(if envelope.is_some_and(|envelope| returns(&envelope, id, says_deleted)) {
                let what = "the answer says that there is no such campaign, and returns it";
                failure(FailureKind::Unreadable, what, absent.answer)
            } else if says_deleted {
                returned_as_deleted(absent.answer)
            } else {
                absent
            })
        }
        Err(failure) => Err(failure),
    }
}

/// Whether the answer returns the living campaign `id`, whatever else it says. An id alone only names it. If
/// the answer says that the campaign is deleted, only a state that says otherwise contradicts that.
fn returns(envelope: &Envelope, id: &str, says_deleted: bool) -> bool {
    let state = || envelope.data.as_ref().and_then(wire::campaign).and_then(|campaign| campaign.status);
    envelope.described_ids.iter().any(|described| is_spelled(described, id))
        && (!says_deleted || state().is_some_and(|state| !wire::is_deleted(&state)))
}

/// A GET that returns the campaign in the state `Deleted`: in `data.status`, or in the envelope's `status` as
/// in the first version of [delete-voice-campaign].
fn returned_as_deleted(summary: AnswerSummary) -> Failure {
    failure(FailureKind::MayBeAbsent, "Kore returns the campaign as deleted", summary)
}
