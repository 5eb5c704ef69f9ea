//! What the result of a call says of the account, and of the credentials. Pure.

use jiff::SignedDuration;

use crate::kore::{Failure, FailureKind};
use crate::pacing::{CallEvidence, Evidence};

/// The kind of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A DELETE.
    Delete,
    /// A GET of a campaign whose DELETE was sent.
    ProofGet,
    /// Another GET, or a page of a listing.
    Read,
}

impl Operation {
    /// What an answer shows.
    fn answered(self) -> Evidence {
        match self {
            Self::Delete => Evidence::Works,
            Self::ProofGet | Self::Read => Evidence::Readable,
        }
    }

    /// What a failure shows.
    fn failed(self, fresh: bool) -> Evidence {
        match self {
            Self::Delete => Evidence::DeleteFailed { fresh },
            Self::ProofGet | Self::Read => Evidence::ReadFailed { fresh },
        }
    }
}

/// What the result of a call says; `fresh` if the campaign has not failed for a reason of its own.
pub fn evidence_of(operation: Operation, fresh: bool, failure: Option<&Failure>) -> CallEvidence {
    let kind = failure.map(|failure| failure.kind);
    let pause = failure.and_then(|failure| SignedDuration::try_from(failure.retry_after?).ok());
    CallEvidence {
        account: of_the_account(operation, fresh, failure),
        credentials: of_the_credentials(operation, fresh, kind),
        pause,
        throttled: kind == Some(FailureKind::Throttled),
    }
}

/// What the result of a call says of the whole account.
fn of_the_account(operation: Operation, fresh: bool, failure: Option<&Failure>) -> Evidence {
    let (answered, failed) = (operation.answered(), operation.failed(fresh));
    let Some(failure) = failure else { return answered };
    match (failure.kind, operation) {
        // The DELETE may have taken effect, and only its answer was lost.
        (FailureKind::MayBeAbsent, Operation::ProofGet) => Evidence::Works,
        // It is the service that has answered; what it says of the quota, the clock takes in.
        (
            FailureKind::MayBeAbsent | FailureKind::Accepted | FailureKind::Refused | FailureKind::Throttled,
            Operation::Delete | Operation::ProofGet | Operation::Read,
        ) => answered,
        // A GET that says nothing of its campaign.
        (FailureKind::Unreadable, Operation::ProofGet)
        // It is about the credentials, or about this campaign.
        | (FailureKind::CredentialsRejected | FailureKind::ContractViolation, _) => Evidence::Nothing,
        (FailureKind::Unreadable, Operation::Delete | Operation::Read)
        | (FailureKind::Unavailable | FailureKind::Unreachable, _) => failed,
    }
}

/// What the result of a call says of the credentials.
fn of_the_credentials(operation: Operation, fresh: bool, kind: Option<FailureKind>) -> Evidence {
    match kind {
        Some(FailureKind::CredentialsRejected) => operation.failed(fresh),
        None | Some(FailureKind::MayBeAbsent | FailureKind::Accepted | FailureKind::Refused) => {
            operation.answered()
        }
        Some(
            FailureKind::Throttled
            | FailureKind::Unavailable
            | FailureKind::Unreachable
            | FailureKind::Unreadable
            | FailureKind::ContractViolation,
        ) => Evidence::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(operation: Operation, kind: FailureKind) -> (Evidence, Evidence) {
        let failure = Failure { kind, ..Failure::unreachable("told") };
        let evidence = evidence_of(operation, true, Some(&failure));
        (evidence.account, evidence.credentials)
    }

    /// A refusal of credentials says nothing of the account; an outage says nothing of credentials.
    #[test]
    fn a_refusal_is_about_the_credentials_alone() {
        for operation in [Operation::Delete, Operation::ProofGet, Operation::Read] {
            let (account, credentials) = says(operation, FailureKind::CredentialsRejected);
            assert_eq!(account, Evidence::Nothing);
            assert!(matches!(credentials, Evidence::DeleteFailed { .. } | Evidence::ReadFailed { .. }));
            for kind in [FailureKind::Unavailable, FailureKind::Unreachable] {
                let (account, credentials) = says(operation, kind);
                assert!(matches!(account, Evidence::DeleteFailed { .. } | Evidence::ReadFailed { .. }));
                assert_eq!(credentials, Evidence::Nothing);
            }
        }
    }

    /// A GET that does not find the campaign shows that its DELETE worked, and only the answer was lost; one
    /// that finds the campaign, that reads work.
    #[test]
    fn a_get_shows_whether_deletes_or_reads_work() {
        let absent = says(Operation::ProofGet, FailureKind::MayBeAbsent).0;
        let found = evidence_of(Operation::ProofGet, true, None).account;
        let listed = says(Operation::Read, FailureKind::MayBeAbsent).0;
        assert_eq!((absent, found, listed), (Evidence::Works, Evidence::Readable, Evidence::Readable));
        assert_eq!(says(Operation::ProofGet, FailureKind::Unreadable).0, Evidence::Nothing);
        assert_eq!(says(Operation::Delete, FailureKind::Refused).0, Evidence::Works);
    }
}
