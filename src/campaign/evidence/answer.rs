//! Kore's answers: what status keeps of them, what they say of a deletion, and how a sentence quotes them.

use super::observed::ListingTrouble;
use crate::api::{DeletionStatus, LastAnswer, ProofStatus, Reason};
use crate::kore::{
    AnswerSummary, ConfirmedDeletion, DENIED_SUCCESS_PREFIX, Failure, FailureKind, speaks_of_rights,
};

/// What status keeps of the result of a DELETE.
pub fn of_delete(result: &Result<ConfirmedDeletion, Failure>) -> LastAnswer {
    match result {
        Ok(confirmed) => summary(confirmed.answer(), Reason::Deleted),
        Err(failure) => of_failure(failure),
    }
}

/// What status keeps of a failed call.
pub fn of_failure(failure: &Failure) -> LastAnswer {
    summary(&failure.answer, Reason::Service(failure.kind))
}

/// What status keeps of listings that failed, or whose pages do not add up.
pub fn of_listing_trouble(trouble: &ListingTrouble) -> LastAnswer {
    match &trouble.failure {
        Some(failure) => of_failure(failure),
        None => {
            let message = "the pages of the listing do not add up: rows were added or removed during the reading, a \
                           row has no ID, or the number of rows differs from Kore's total";
            summary(&in_our_words(message), Reason::ListingIncomplete)
        }
    }
}

/// What status keeps of a listing that has neither rows nor a count of them, after GETs that say nothing
/// either.
pub fn of_listing_without_rows() -> LastAnswer {
    let message = "the answer to the listing has no rows, and does not say that there are no campaigns";
    summary(&in_our_words(message), Reason::Service(FailureKind::Unreadable))
}

fn in_our_words(message: &str) -> AnswerSummary {
    AnswerSummary { message: message.to_owned(), ..AnswerSummary::default() }
}

fn summary(answer: &AnswerSummary, reason: Reason) -> LastAnswer {
    let AnswerSummary { http_status, status, message } = answer;
    LastAnswer {
        http_status: http_status.map(i32::from),
        status: status.clone(),
        message: message.clone(),
        reason: reason.as_str().to_owned(),
    }
}

/// Whether the answer says that the app lacks a right.
pub fn lacks_right(answer: &LastAnswer) -> bool {
    speaks_of_rights(answer.http_status, &answer.message)
}

/// Whether the last DELETE was refused: its answer might have meant "no such campaign", and Kore has shown
/// the campaign since.
///
/// Only a sighting ends the proof that such an answer begins.
pub fn is_refused(deletion: &DeletionStatus) -> bool {
    let seen_since = match &deletion.proof {
        None => deletion.seen_at >= deletion.last_attempt_at,
        Some(proof) => is_refused_again(deletion, proof),
    };
    may_be_refused(deletion) && seen_since
}

/// Whether the answer that began this proof is one after which Kore still had the campaign before.
///
/// Until something is read, the answer is taken for the same refusal again.
pub fn is_refused_again(deletion: &DeletionStatus, proof: &ProofStatus) -> bool {
    let nothing_read = proof.not_returned_at.is_none()
        && proof.silent_at.is_none()
        && proof.last_failure.is_none()
        && proof.doubted_listing.is_none();
    may_be_refused(deletion) && deletion.seen_at.is_some() && nothing_read
}

/// Whether the last DELETE was answered with what may be a refusal; only a read of the campaign shows whether
/// it is one.
fn may_be_refused(deletion: &DeletionStatus) -> bool {
    let denied = || {
        deletion.last_answer.as_ref().is_some_and(|answer| answer.message.starts_with(DENIED_SUCCESS_PREFIX))
    };
    match deletion.last_reason() {
        Some(Reason::Service(FailureKind::MayBeAbsent)) => true,
        Some(Reason::Service(FailureKind::Accepted)) => denied(),
        Some(_) | None => false,
    }
}

/// A failed call, as a sentence quotes it.
pub fn quoted(failure: &Failure) -> String {
    quote(failure.answer.http_status.map(i32::from), &failure.answer.message)
}

/// A recorded answer, as a sentence quotes it.
pub fn quoted_answer(answer: &LastAnswer) -> String {
    quote(answer.http_status, &answer.message)
}

fn quote(http_status: Option<i32>, message: &str) -> String {
    let message = message.trim_end_matches('.');
    match (http_status, message) {
        (Some(status), "") => format!("HTTP {status}"),
        (Some(status), message) => format!("HTTP {status}, {message}"),
        (None, message) => message.to_owned(),
    }
}
