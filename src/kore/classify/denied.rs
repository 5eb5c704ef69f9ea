//! Answers that say success, and something else that contradicts it.

use super::operation::Operation;
use super::success::refusal_despite_success;
use super::summary::{failure, summary};
use crate::kore::answer::RawAnswer;
use crate::kore::failure::Failure;
use crate::kore::wire::Envelope;
use crate::kore::words::{Undone, undone};

/// Begins the message of a failed DELETE whose answer says success, and also that the campaign is not
/// deleted.
///
/// The message is stored in `status.deletion.lastAnswer.message`; `campaign::status` recognizes the case by
/// this prefix, also after a restart. So the prefix is part of the stored format: a change breaks what older
/// statuses say.
pub const DENIED_SUCCESS_PREFIX: &str = "the answer says success, and that it has failed";

/// A text of the answer that says something other than that the campaign is deleted, and what it says.
pub fn doubtful_text(envelope: &Envelope) -> Option<(Undone, &str)> {
    let name = envelope.data.as_ref().and_then(|data| data.get("name")?.as_str());
    let mut texts = envelope.message.iter().chain(&envelope.remarks).map(String::as_str);
    texts.find_map(|text| Some((undone(text, name)?, text)))
}

/// The failure of an answer that says success, and contradicts it.
pub fn denied_success(answer: &RawAnswer, envelope: &Envelope, operation: Operation) -> Failure {
    if let Some(refused) = refusal_despite_success(answer, envelope, operation) {
        return refused;
    }
    let (how, doubtful) = doubtful_text(envelope).unzip();
    let what = match envelope.denies.or(how) {
        Some(Undone::UnderWay) => "the answer says success, and that it is under way",
        Some(Undone::Unsaid) => "the answer says success, and not that the campaign is deleted",
        Some(Undone::Denied) | None => DENIED_SUCCESS_PREFIX,
    };
    let error = envelope.error_texts.iter().find(|text| Some(*text) != envelope.message.as_ref());
    let quoted = error.map(String::as_str).or(doubtful).or(envelope.message.as_deref()).unwrap_or_default();
    let message = if quoted.is_empty() { what.to_owned() } else { format!("{what}: {quoted}") };
    failure(operation.undecided(), &message, summary(answer, envelope))
}
