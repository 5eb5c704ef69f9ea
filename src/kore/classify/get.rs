use super::campaign::success_for;
use super::operation::Operation;
use super::summary::failure;
use crate::kore::answer::{AnswerSummary, RawAnswer};
use crate::kore::campaign::Campaign;
use crate::kore::failure::{Failure, FailureKind};
use crate::kore::wire;

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
        Err(failure) => Err(failure),
    }
}

/// A GET that returns the campaign in the state `Deleted`: in `data.status`, or in the envelope's `status` as
/// in the first version of [delete-voice-campaign].
fn returned_as_deleted(summary: AnswerSummary) -> Failure {
    failure(FailureKind::MayBeAbsent, "Kore returns the campaign as deleted", summary)
}
