//! The words of a proof that the campaign is absent.

use super::advice::{self, Call};
use crate::api::{DeletionStatus, LastAnswer, ListingRecord, ProofStatus, Reason, VoiceCampaign};
use crate::campaign::evidence::answer::{self, quoted_answer};
use crate::kore::FailureKind;

/// The reason of a deletion whose campaign seems to be absent.
pub fn reason_of_proof(deletion: &DeletionStatus, proof: &ProofStatus) -> Reason {
    let awaited = Reason::Service(FailureKind::MayBeAbsent);
    let read = proof.not_returned_at.is_some() || proof.silent_at.is_some();
    match (&proof.last_failure, &proof.doubted_listing, deletion.last_reason()) {
        (Some(failure), ..) => Reason::parse(&failure.reason).unwrap_or(awaited),
        (None, Some(_), _) => Reason::StreamSuddenlyEmpty,
        _ if answer::is_refused_again(deletion, proof) => Reason::Service(FailureKind::Refused),
        // Nothing is known yet but the answer to the DELETE.
        (None, None, Some(answered @ Reason::Service(_))) if !read => answered,
        (None, None, _) => awaited,
    }
}

/// What Kore answered to the last DELETE, how far the proof has come, and what is next.
pub fn message(object: &VoiceCampaign, deletion: &DeletionStatus, proof: &ProofStatus) -> String {
    let next = match &deletion.next_attempt_at {
        Some(next) => format!("at {:.0}", next.0),
        None => "now".to_owned(),
    };
    let failed = proof.last_failure.as_ref().map(|failure| last_read(failure, &next)).unwrap_or_default();
    format!(
        "Attempt {}: {}. {}{failed}",
        deletion.attempts,
        last_answer(deletion),
        progress(object, proof, &next)
    )
}

fn last_answer(deletion: &DeletionStatus) -> String {
    let any = || deletion.last_answer.as_ref().map(quoted_answer).unwrap_or_default();
    advice::on_last_delete(deletion).unwrap_or_else(any)
}

/// How far a proof has come.
fn progress(object: &VoiceCampaign, proof: &ProofStatus, next: &str) -> String {
    match (&proof.doubted_listing, &proof.not_returned_at, &proof.first_listing) {
        (Some(doubted), ..) => in_doubt(object, proof, doubted, next),
        (None, None, _) if proof.silent_at.is_some() => without_a_get(proof, next),
        (None, None, _) => format!("Next ({next}), the operator reads whether Kore still has the campaign."),
        (None, Some(asked), None) => format!(
            "At {:.0} Kore did not return the campaign. Two complete listings of the stream must not contain it either; \
             the operator reads the first within a minute.",
            asked.0
        ),
        (None, Some(_), Some(first)) => format!(
            "Kore does not return the campaign, and a complete listing of the stream at {:.0} ({} campaigns) does not \
             contain it. A second one, 10 s later or more, must not contain it either.",
            first.begun_at.0, first.campaigns
        ),
    }
}

fn last_read(failure: &LastAnswer, next: &str) -> String {
    let meaning = match Reason::parse(&failure.reason) {
        Some(Reason::Service(kind)) => advice::of_kind(kind, Call::Read, failure),
        Some(_) | None => "",
    };
    format!(" The last read failed: {meaning}{}; the next one is {next}.", quoted_answer(failure))
}

/// Why an empty listing is no proof, and what to do.
fn in_doubt(object: &VoiceCampaign, proof: &ProofStatus, doubted: &ListingRecord, next: &str) -> String {
    let seen_as = object.status.as_ref().and_then(|status| status.seen_as.as_ref());
    let why = if !doubted.unseen_namespaces.is_empty() {
        return with_unseen_namespaces(doubted, next);
    } else if seen_as.is_some_and(|seen_as| *seen_as != proof.identity) {
        "and the campaign was last seen with other credentials: clientId, iid or host have changed since"
    } else {
        "although campaigns that nobody asked to delete should be in it"
    };
    format!(
        "At {:.0} Kore's listing of the stream was empty, {why}. Kore also answers an app without access that way, so \
         the operator takes no such listing as proof. Restore the JWT app's scope and its access to the stream; or, if \
         the campaigns are really gone, set spec.deletionPolicy to Orphan. The operator reads the next listing {next}.",
        doubted.begun_at.0
    )
}

/// Why an empty listing is no proof while the operator does not know all VoiceCampaigns, and what to do.
fn with_unseen_namespaces(doubted: &ListingRecord, next: &str) -> String {
    let namespaces = doubted.unseen_namespaces.join(", ");
    format!(
        "At {:.0} Kore's listing of the stream was empty, as it is for an app without access; and the API server does \
         not let the operator list the VoiceCampaigns in {namespaces}, so the operator can't know which campaigns the \
         listing should contain. Restore the operator's rights there, or remove namespaces that no longer exist from \
         its watchNamespaces; or, if the campaign is really gone, set spec.deletionPolicy to Orphan. The operator reads \
         the next listing {next}.",
        doubted.begun_at.0
    )
}

/// How far a proof has come that has no answer to a GET.
fn without_a_get(proof: &ProofStatus, next: &str) -> String {
    let listings = [&proof.first_listing, &proof.second_listing].into_iter().flatten().count();
    format!(
        "The operator has sent {} GETs for the campaign without a clear answer. So three complete listings of the stream \
         must not contain it, the third at least 5 minutes after the first; the operator has read {listings} of them. It \
         sends the next request {next}.",
        proof.silent_gets
    )
}
