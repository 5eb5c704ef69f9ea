use std::time::Duration;

use super::answer::AnswerSummary;
use super::scrub;
use super::words::speaks_of_rights;

/// A call that did not have the requested result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{kind}: {}", .answer.message)]
pub struct Failure {
    /// Kind of the failure.
    pub kind: FailureKind,
    /// Pause that the service asks for. Always set for [`FailureKind::Throttled`].
    pub retry_after: Option<Duration>,
    /// Whether the request may have reached the service: `false` if no connection was made.
    pub sent: bool,
    /// The part of the answer that may be shown.
    pub answer: AnswerSummary,
}

/// Kinds of failure. Each has consequences of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureKind {
    /// The answer may mean "no such campaign", and proves nothing by itself. To a DELETE: 400, 404, 410, 422,
    /// or 2xx without success. To a read: only 404, 410, words that say that the campaign does not exist and
    /// nothing else, or a GET that returns the campaign as deleted.
    MayBeAbsent,
    /// The service accepted a DELETE and did not confirm that this campaign is gone: 202, 2xx without a body,
    /// or a success that contradicts itself or names no campaign (the documented one does
    /// [delete-voice-campaign-v2]).
    Accepted,
    /// 401, 403, or an error with that meaning: the service refused the token, or the app lacks a right
    /// ([`Failure::lacks_right`]).
    CredentialsRejected,
    /// 429, or the text about the rate limit under any status.
    Throttled,
    /// Any other 4xx, as 409 for a campaign that is running.
    Refused,
    /// 408, 425 or 5xx: the service or a gateway is in trouble.
    Unavailable,
    /// No complete answer: name resolution, connection, TLS or deadline failed, or the answer was cut off.
    Unreachable,
    /// An answer without meaning: HTML, a broken body, or more than 1 MiB. To a read also an empty body, or
    /// no campaign.
    Unreadable,
    /// An answer that contradicts the documentation: success for another campaign, or a redirect.
    ContractViolation,
}

impl FailureKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 9] = [
        Self::MayBeAbsent,
        Self::Accepted,
        Self::CredentialsRejected,
        Self::Throttled,
        Self::Refused,
        Self::Unavailable,
        Self::Unreachable,
        Self::Unreadable,
        Self::ContractViolation,
    ];

    /// The reason of this kind in conditions, events and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::MayBeAbsent => "AwaitingProof",
            Self::Accepted => "DeletionAccepted",
            Self::CredentialsRejected => "CredentialsRejected",
            Self::Throttled => "Throttled",
            Self::Refused => "RefusedByService",
            Self::Unavailable => "ServiceUnavailable",
            Self::Unreachable => "ServiceUnreachable",
            Self::Unreadable => "UnreadableAnswer",
            Self::ContractViolation => "ContractViolation",
        }
    }
}

impl std::fmt::Display for FailureKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::MayBeAbsent => "the service may not know the campaign",
            Self::Accepted => "the service accepted the request but did not confirm the deletion",
            Self::CredentialsRejected => "the service refused the credentials, or the app lacks a right",
            Self::Throttled => "the rate limit of the account is used up",
            Self::Refused => "the service refused the request",
            Self::Unavailable => "the service is unavailable",
            Self::Unreachable => "no answer from the service",
            Self::Unreadable => "the answer is not what the service documents",
            Self::ContractViolation => "the answer contradicts the documentation",
        })
    }
}

impl Failure {
    /// A call without an answer.
    pub fn unreachable(message: &str) -> Self {
        Self::without_answer(FailureKind::Unreachable, message)
    }

    /// A page that was requested with a single row, and is larger than the client reads.
    pub fn oversized_row() -> Self {
        Self::without_answer(FailureKind::Unreadable, "a single row of the listing is larger than 1 MiB")
    }

    /// Whether the answer says that the app lacks a right; then Kore has accepted its credentials.
    pub fn lacks_right(&self) -> bool {
        let http_status = self.answer.http_status.map(i32::from);
        self.kind == FailureKind::CredentialsRejected && speaks_of_rights(http_status, &self.answer.message)
    }

    fn without_answer(kind: FailureKind, message: &str) -> Self {
        let message = scrub::message(message);
        Self {
            kind,
            retry_after: None,
            sent: true,
            answer: AnswerSummary { message, ..AnswerSummary::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind has a reason of its own, in the form that Kubernetes requires.
    #[test]
    fn reasons_are_distinct_and_camel_case() {
        let mut reasons: Vec<_> = FailureKind::ALL.iter().map(|kind| kind.reason()).collect();
        assert!(reasons.iter().all(|reason| reason.chars().all(|c| c.is_ascii_alphabetic())));
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), FailureKind::ALL.len());
    }
}
