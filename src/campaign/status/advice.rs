//! What a failure means to the reader, before the answer itself is quoted.

use crate::api::{DeletionStatus, LastAnswer, Reason};
use crate::campaign::evidence::answer::{self, lacks_right, quoted_answer};
use crate::kore::FailureKind;

/// What the operator asked of Kore.
#[derive(Clone, Copy)]
pub enum Call {
    /// To delete the campaign.
    Delete,
    /// To show the campaign, or its stream.
    Read,
}

/// What a DELETE means that might have been answered "no such campaign", and was refused.
const REFUSES: &str = "Kore refuses to delete the campaign: ";

/// What a failure of this kind means, as the beginning of a sentence that goes on with the answer.
pub fn of_kind(kind: FailureKind, call: Call, answer: &LastAnswer) -> &'static str {
    match kind {
        FailureKind::MayBeAbsent => {
            "the answer may mean that Kore has no such campaign, but does not prove it; "
        }
        FailureKind::Accepted => {
            "Kore has accepted the request, but not confirmed that this campaign is deleted; "
        }
        FailureKind::CredentialsRejected if lacks_right(answer) => match call {
            Call::Delete => {
                "the JWT app may not delete campaigns; give it the right to delete in the scope Campaign Management, \
                 for this account and stream; "
            }
            Call::Read => {
                "the JWT app may not read campaigns; give it the right to read in the scope Campaign Management, for \
                 this account and stream; "
            }
        },
        FailureKind::CredentialsRejected => {
            "Kore refused the credentials; check the keys clientId and clientSecret of the Secret, that the JWT app is \
             published and has the scope Campaign Management, and that the clock of the operator's machine is right; "
        }
        FailureKind::Throttled => {
            "Kore refused the request for its rate limit; if other integrations use the account, lower rateLimit of the KoreConnection; "
        }
        FailureKind::Refused => "Kore refused the request; ",
        FailureKind::Unavailable => "Kore, or a gateway in front of it, returned a server error; ",
        FailureKind::Unreachable => {
            "no complete answer came from Kore; if this lasts, check host, network, proxy and certificates; "
        }
        FailureKind::Unreadable => {
            "the operator can't interpret the answer; if this lasts, check what stands between the operator and Kore; "
        }
        FailureKind::ContractViolation => {
            "the answer contradicts what Kore documents; if this lasts, check host; "
        }
    }
}

/// What the last answer to a DELETE means, and the answer itself; `None` if there is none that failed.
pub fn on_last_delete(deletion: &DeletionStatus) -> Option<String> {
    let last = deletion.last_answer.as_ref()?;
    let Some(Reason::Service(kind)) = Reason::parse(&last.reason) else { return None };
    let meaning = if answer::is_refused(deletion) { REFUSES } else { of_kind(kind, Call::Delete, last) };
    Some(format!("{meaning}{}", quoted_answer(last)))
}

/// The same without number and time, as a sentence for an event: repeated events are merged, and keep their
/// first text.
pub fn unconfirmed(deletion: &DeletionStatus) -> Option<String> {
    on_last_delete(deletion).map(|answer| format!("The deletion is not confirmed: {answer}."))
}
