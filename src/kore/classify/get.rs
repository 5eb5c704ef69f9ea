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
    match success_for(answer, id, Operation::Read) {
        Ok((campaign, summary)) if deleted(campaign.status.as_deref()) => Err(returned_as_deleted(summary)),
        Ok((campaign, _)) => Ok(campaign),
        Err(Failure { kind: FailureKind::MayBeAbsent, answer, .. }) if deleted(answer.status.as_deref()) => {
            Err(returned_as_deleted(answer))
        }
        Err(Failure { kind: FailureKind::MayBeAbsent, answer: summary, .. }) if returns(answer, id) => {
            let what = "the answer says that there is no such campaign, and returns it";
            Err(failure(FailureKind::Unreadable, what, summary))
        }
        Err(failure) => Err(failure),
    }
}

/// Whether the answer returns the living campaign `id`, whatever else it says. Its id alone only names it.
fn returns(answer: &RawAnswer, id: &str) -> bool {
    Envelope::of(answer).is_some_and(|envelope| {
        let campaign = envelope.data.as_ref().and_then(wire::campaign);
        let lives = campaign.is_some_and(|Campaign { name, status, .. }| {
            !status.as_deref().is_some_and(wire::is_deleted) && (name.is_some() || status.is_some())
        });
        lives && envelope.ids.iter().any(|returned| is_spelled(returned, id))
    })
}

/// A GET that returns the campaign in the state `Deleted`: in `data.status`, or in the envelope's `status` as
/// in the first version of [delete-voice-campaign].
fn returned_as_deleted(summary: AnswerSummary) -> Failure {
    failure(FailureKind::MayBeAbsent, "Kore returns the campaign as deleted", summary)
}
