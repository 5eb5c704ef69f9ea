//! The part of an answer that may be shown.

use super::texts::AnswerTexts;
use crate::kore::answer::{AnswerSummary, RawAnswer};
use crate::kore::failure::{Failure, FailureKind};
use crate::kore::scrub;
use crate::kore::wire::Envelope;
use crate::kore::words::{refuses_us, speaks_of_rights};

/// First bytes of a body that is compressed with gzip [RFC 1952].
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Longest `status` of an envelope that is shown, in characters.
const MAX_STATUS_CHARS: usize = 64;

pub fn summary(answer: &RawAnswer, envelope: &Envelope) -> AnswerSummary {
    AnswerSummary {
        http_status: Some(answer.http_status),
        status: envelope
            .status
            .as_deref()
            .map(|status| scrub::cut(&scrub::message(status), MAX_STATUS_CHARS)),
        message: scrub::message(envelope.message.as_deref().unwrap_or_default()),
    }
}

pub fn without_envelope(answer: &RawAnswer) -> AnswerSummary {
    let message = match answer.http_status {
        300..=399 => "a redirect; redirects are not followed",
        _ if answer.oversized => "the body is larger than 1 MiB",
        _ if answer.has_no_body() => "an empty body",
        _ if answer.body.starts_with(&GZIP) => "a compressed body, which was not asked for",
        _ => "a body that is not a JSON object",
    };
    AnswerSummary { http_status: Some(answer.http_status), status: None, message: message.to_owned() }
}

/// The summary of an answer that refuses us. Its message begins with the text that does so, wherever in the
/// answer that stands.
pub fn refusal(answer: &RawAnswer, texts: &AnswerTexts<'_>) -> AnswerSummary {
    let summary =
        texts.envelope.map_or_else(|| without_envelope(answer), |envelope| summary(answer, envelope));
    let Some(refusal) = texts.refusal() else { return summary };
    let message = texts.envelope.and_then(|envelope| envelope.message.as_deref()).unwrap_or_default();
    let says_so = refuses_us(message) && speaks_of_rights(None, message) == speaks_of_rights(None, &refusal);
    let message = match message {
        _ if says_so => return summary,
        "" => refusal,
        message => format!("{refusal}: {message}"),
    };
    AnswerSummary { message: scrub::message(&message), ..summary }
}

/// A failure whose message says what is wrong with the answer, in place of the service's own text.
pub fn failure(kind: FailureKind, what: &str, summary: AnswerSummary) -> Failure {
    let answer = AnswerSummary { message: scrub::message(what), ..summary };
    Failure { kind, retry_after: None, sent: true, answer }
}
