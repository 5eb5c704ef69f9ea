//! Answers about one campaign: to DELETE and to GET.

use super::denied::{denied_success, doubtful_text};
use super::operation::Operation;
use super::success::{explicit_success, refusal_despite_success};
use super::summary::{failure, summary};
use crate::kore::answer::{AnswerSummary, RawAnswer};
use crate::kore::campaign::Campaign;
use crate::kore::campaign_id::is_spelled;
use crate::kore::failure::{Failure, FailureKind};
use crate::kore::wire::{self, Envelope};
use crate::kore::words::{Absence, absence};

/// The campaign of an explicit success that names it. `_id` and `id` may differ, and either may be the
/// requested one.
pub fn success_for(
    answer: &RawAnswer,
    read: Option<&Envelope>,
    id: &str,
    operation: Operation,
) -> Result<(Campaign, AnswerSummary), Failure> {
    let envelope = explicit_success(answer, read, operation)?;
    let is_named = names(envelope, id, operation);
    if envelope.has_errors && !(is_named && operation == Operation::Read) {
        return Err(denied_success(answer, envelope, operation));
    }
    let summary = summary(answer, envelope);
    if envelope.ids.is_empty() && !is_named {
        return Err(refusal_despite_success(answer, envelope, operation)
            .unwrap_or_else(|| names_no_campaign(summary, operation)));
    }
    let campaign = envelope.data.as_ref().and_then(wire::campaign).unwrap_or_default();
    if is_named {
        // A success may hold an item that has failed [create-call-back-schedule-v2]. To doubt a true success
        // costs a proof of absence, and no safety.
        let is_doubtful = envelope.denies.is_some() || doubtful_text(envelope).is_some();
        if operation == Operation::Delete && is_doubtful {
            return Err(denied_success(answer, envelope, operation));
        }
        return Ok((Campaign { id: Some(id.to_owned()), ..campaign }, summary));
    }
    let other = campaign.id.as_deref().unwrap_or_default();
    let what = format!("the answer says success for another campaign, {other}");
    Err(failure(FailureKind::ContractViolation, &what, summary))
}

/// Whether a success names the campaign `id`.
fn names(envelope: &Envelope, id: &str, operation: Operation) -> bool {
    match operation {
        Operation::Delete => envelope.ids.iter().any(|answered| answered == id),
        // A read counts as having seen the campaign wherever the answer shows it; but a GET may name what it
        // does not find.
        Operation::Read => {
            let shows_it = |ids: &[String]| ids.iter().any(|shown| is_spelled(shown, id));
            let finds_none = || envelope.message.as_deref().map(absence) == Some(Absence::Said);
            shows_it(&envelope.ids) || shows_it(&envelope.shown_ids) && !finds_none()
        }
    }
}

fn names_no_campaign(summary: AnswerSummary, operation: Operation) -> Failure {
    let message = if summary.message.is_empty() { String::new() } else { format!(": {}", summary.message) };
    let what = format!("the answer says success, but names no campaign{message}");
    failure(operation.undecided(), &what, summary)
}
