use super::campaign::success_for;
use super::operation::Operation;
use crate::kore::answer::{AnswerSummary, RawAnswer};
use crate::kore::campaign::Campaign;
use crate::kore::failure::Failure;
use crate::kore::wire::Envelope;

/// Proof that Kore has deleted a campaign: an answer 2xx (not 202) with `status: success` and the id of that
/// campaign, which nothing else in the answer contradicts.
///
/// Only this module can make one, from such an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfirmedDeletion {
    campaign: Campaign,
    answer: AnswerSummary,
}

impl ConfirmedDeletion {
    /// The campaign as the answer returned it.
    pub fn campaign(&self) -> &Campaign {
        &self.campaign
    }

    /// The part of the answer that may be shown.
    pub fn answer(&self) -> &AnswerSummary {
        &self.answer
    }
}

/// Reads the answer to a DELETE of the campaign `id` [delete-voice-campaign-v2].
///
/// # Errors
/// If the answer does not confirm that this campaign is deleted.
pub fn deletion(answer: &RawAnswer, id: &str) -> Result<ConfirmedDeletion, Failure> {
    let (campaign, answer) = success_for(answer, Envelope::of(answer).as_ref(), id, Operation::Delete)?;
    Ok(ConfirmedDeletion { campaign, answer })
}
