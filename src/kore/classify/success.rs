//! Whether an answer is an explicit success, and otherwise which kind of failure.

use std::time::Duration;

use super::operation::Operation;
use super::summary::{refusal, summary, without_envelope};
use super::texts::AnswerTexts;
use crate::kore::answer::RawAnswer;
use crate::kore::failure::{Failure, FailureKind};
use crate::kore::retry_after::DEFAULT_THROTTLE_PAUSE;
use crate::kore::wire::Envelope;
use crate::kore::words::{speak_of_a_state, speaks_of_the_rate_limit};

/// The envelope, if it is that of an explicit success; otherwise the failure. The HTTP status decides first,
/// then error codes, then texts.
pub fn explicit_success<'a>(
    answer: &RawAnswer,
    envelope: Option<&'a Envelope>,
    operation: Operation,
) -> Result<&'a Envelope, Failure> {
    let kind = match by_status(answer, envelope, operation) {
        Ok(envelope) => return Ok(envelope),
        Err(kind) => kind,
    };
    let texts = AnswerTexts::of(answer, envelope);
    let kind = refined_by_operation(refined_by_texts(kind, &texts), &texts, operation);
    let retry_after = pause_after(kind, answer);
    let answer = match envelope {
        _ if kind == FailureKind::CredentialsRejected => refusal(answer, &texts),
        Some(envelope) => summary(answer, envelope),
        None => without_envelope(answer),
    };
    Err(Failure { kind, retry_after, sent: true, answer })
}

/// The meaning of the HTTP status, and of the `status` in the envelope.
fn by_status<'a>(
    answer: &RawAnswer,
    envelope: Option<&'a Envelope>,
    operation: Operation,
) -> Result<&'a Envelope, FailureKind> {
    Err(match answer.http_status {
        202 => operation.undecided(),
        200..=299 => match envelope {
            Some(envelope) if envelope.is_success() => return Ok(envelope),
            // The first version of [delete-voice-campaign] showed this, and names no campaign.
            Some(envelope) if envelope.says_deleted() && operation == Operation::Delete => {
                FailureKind::Accepted
            }
            Some(envelope) if envelope.says_under_way() => operation.undecided(),
            Some(envelope) if envelope.status.is_some() || !envelope.error_codes.is_empty() => {
                FailureKind::MayBeAbsent
            }
            None if answer.has_no_body() => operation.undecided(),
            Some(_) | None => FailureKind::Unreadable,
        },
        300..=399 => FailureKind::ContractViolation,
        401 | 403 => FailureKind::CredentialsRejected,
        429 => FailureKind::Throttled,
        408 | 425 | 500..=599 => FailureKind::Unavailable,
        // A gateway answers 404 in HTML; the service in JSON, or (undocumented) with an empty body.
        400 | 404 | 410 | 422 if envelope.is_some() || answer.has_no_body() => FailureKind::MayBeAbsent,
        400 | 404 | 410 | 422 => FailureKind::Unreadable,
        400..=499 => FailureKind::Refused,
        _ => FailureKind::ContractViolation,
    })
}

/// The kind after a look at the texts and codes of the body: a refusal because of the rate limit, the
/// credentials or a missing right may come with another status [rate-limit-ccai, delete-users, sdk-security].
fn refined_by_texts(kind: FailureKind, texts: &AnswerTexts<'_>) -> FailureKind {
    if texts.iter().any(|text| speaks_of_the_rate_limit(&text)) {
        return FailureKind::Throttled;
    }
    match kind {
        FailureKind::MayBeAbsent | FailureKind::Accepted | FailureKind::Refused | FailureKind::Unreadable
            if texts.refusal().is_some() =>
        {
            FailureKind::CredentialsRejected
        }
        // In JSON the service itself refuses; a gateway's texts are about the servers behind it, and not
        // about our app.
        FailureKind::Unavailable
            if texts.http_status == 500 && texts.envelope.is_some() && texts.refusal().is_some() =>
        {
            FailureKind::CredentialsRejected
        }
        // A service in trouble says nothing about the campaign, whatever status it answers with.
        FailureKind::MayBeAbsent if texts.have_code(429..=429) => FailureKind::Throttled,
        FailureKind::MayBeAbsent if texts.have_code(408..=408) || texts.have_code(500..=599) => {
            FailureKind::Unavailable
        }
        FailureKind::MayBeAbsent
        | FailureKind::Accepted
        | FailureKind::CredentialsRejected
        | FailureKind::Throttled
        | FailureKind::Refused
        | FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => kind,
    }
}

/// The kind as far as it depends on what was requested.
fn refined_by_operation(kind: FailureKind, texts: &AnswerTexts<'_>, operation: Operation) -> FailureKind {
    // Nobody may delete a running campaign: then 403 is about its state, and not about a right of ours. A
    // state prevents nobody from reading.
    let is_about_state = kind == FailureKind::CredentialsRejected
        && operation == Operation::Delete
        && texts.http_status == 403
        && speak_of_a_state(texts.iter());
    if is_about_state {
        return FailureKind::Refused;
    }
    let is_unclear = kind == FailureKind::MayBeAbsent && operation == Operation::Read && !texts.say_absent();
    if is_unclear { FailureKind::Unreadable } else { kind }
}

/// The failure, if the texts of an answer refuse us, report the rate limit or trouble of the service,
/// although its status is success.
pub fn refusal_despite_success(
    answer: &RawAnswer,
    envelope: &Envelope,
    operation: Operation,
) -> Option<Failure> {
    let texts = AnswerTexts::of(answer, Some(envelope));
    let kind = refined_by_texts(operation.undecided(), &texts);
    (kind != operation.undecided()).then(|| Failure {
        kind,
        retry_after: pause_after(kind, answer),
        sent: true,
        answer: refusal(answer, &texts),
    })
}

/// The pause that the service asks for.
fn pause_after(kind: FailureKind, answer: &RawAnswer) -> Option<Duration> {
    answer.retry_after.or_else(|| (kind == FailureKind::Throttled).then_some(DEFAULT_THROTTLE_PAUSE))
}
