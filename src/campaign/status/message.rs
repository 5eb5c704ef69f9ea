//! One function per situation: from the situation to `Ready`, reason and message.

use jiff::Timestamp;

use super::advice::{self, Call};
use super::condition::{Ready, State};
use super::proving;
use super::situation::{Situation, Trouble};
use crate::api::{DeletionOutcome, DeletionPolicy, DeletionStatus, LastAnswer, Reason, VoiceCampaign};
use crate::campaign::evidence::answer::{self, quoted, quoted_answer};
use crate::campaign::evidence::{OtherClaim, ReleasePermit, Sighting};
use crate::connection::{Holding, Problem};
use crate::kore::{Campaign, Failure, FailureKind};
use crate::pacing::Position;

/// The state of an object in a situation; `None` if the stored one still holds.
pub fn state(
    object: &VoiceCampaign,
    deletion: Option<&DeletionStatus>,
    situation: Situation<'_>,
) -> Option<State> {
    Some(match situation {
        Situation::Unchanged => return None,
        Situation::Pending => pending(),
        Situation::Seen(sighting) => seen(object, sighting),
        Situation::Suspended => suspended(object, deletion),
        Situation::Misconfigured(problem) => misconfigured(object, problem),
        Situation::AwaitingBrake => awaiting_brake(object),
        Situation::Braked(holding) => braked(object, holding),
        Situation::InFlight => in_flight(deletion),
        Situation::BetweenAttempts { until } => between_attempts(deletion, until),
        Situation::Proving => being_proven(object, deletion),
        Situation::HeldFor(other) => held_for(other),
        Situation::WaitingForQuota { until, position, now } => waiting_for_quota(until, position, now),
        Situation::AccountInTrouble(trouble) => account_in_trouble(deletion, trouble),
        Situation::CredentialsRefused(trouble) => credentials_refused(deletion, trouble),
        Situation::Released(permit) => released(object, deletion, permit),
    })
}

fn pending() -> State {
    let message = "The operator has not read the campaign yet; it does so within the rate limit of the account, and deletions come first.".to_owned();
    State::reconciling(Ready::Unknown, Reason::Pending, message)
}

fn seen(object: &VoiceCampaign, sighting: &Sighting) -> State {
    match sighting {
        Sighting::Found(campaign) => found(campaign),
        Sighting::NotReturned(failure) => {
            let id = &object.spec.campaign_id;
            not_found(object, &format!("Kore does not return campaign {id} ({})", quoted(failure)))
        }
        Sighting::NotListed => {
            let id = &object.spec.campaign_id;
            not_found(object, &format!("Kore's listing of the stream does not contain campaign {id}"))
        }
        Sighting::SuddenlyEmpty => suddenly_empty(),
        Sighting::Failed(failure) => not_observed(failure),
    }
}

fn found(campaign: &Campaign) -> State {
    let message = match campaign.status.as_deref() {
        Some(state) => format!("Kore has the campaign; its state is {state}."),
        None => "Kore has the campaign; the answer does not name its state.".to_owned(),
    };
    State::settled(Ready::True, Reason::CampaignFound, message)
}

fn not_found(object: &VoiceCampaign, what: &str) -> State {
    let known = object.status.as_ref().is_some_and(|status| status.campaign.is_some());
    let message = if known {
        format!("{what}, although it was there before. It may have been deleted elsewhere.")
    } else {
        format!(
            "{what}. Check campaignId, streamId and the account; the campaign may also have been deleted elsewhere."
        )
    };
    State::settled(Ready::False, Reason::CampaignNotFound, message)
}

fn suddenly_empty() -> State {
    let message = "Kore's listing of the stream is empty, although the campaign was there and nobody asked to delete it. \
                   Kore also answers an app without access that way: restore the JWT app's scope and its access to the \
                   stream. If the campaign was deleted elsewhere, set spec.deletionPolicy to Orphan and delete this resource."
        .to_owned();
    State::settled(Ready::False, Reason::StreamSuddenlyEmpty, message)
}

fn not_observed(failure: &Failure) -> State {
    let advice = advice::of_kind(failure.kind, Call::Read, &answer::of_failure(failure));
    let message = format!(
        "The operator can't observe the campaign: {advice}{}. It reads the campaign again.",
        quoted(failure)
    );
    State::settled(Ready::Unknown, Reason::Service(failure.kind), message)
}

fn suspended(object: &VoiceCampaign, deletion: Option<&DeletionStatus>) -> State {
    if deletion.is_some() {
        let message = "The deletion is suspended, because spec.suspend is true. Set it to false to delete the campaign, or set \
                       spec.deletionPolicy to Orphan to leave the campaign in Kore and remove this resource."
            .to_owned();
        return State::settled(Ready::False, Reason::Suspended, message);
    }
    let message =
        "The operator does not observe the campaign, because spec.suspend is true. A deletion of this \
                   resource would be suspended, too, unless spec.deletionPolicy is Orphan."
            .to_owned();
    // What the last observation found; nothing is known beyond it.
    State::paused(Ready::stored(object), Reason::Suspended, message)
}

fn misconfigured(object: &VoiceCampaign, problem: &Problem) -> State {
    let message = match object.metadata.deletion_timestamp {
        Some(_) => format!("{problem} To leave the campaign in Kore, set spec.deletionPolicy to Orphan."),
        None => problem.to_string(),
    };
    State::settled(Ready::False, Reason::from(problem), message)
}

fn awaiting_brake(object: &VoiceCampaign) -> State {
    let connection = &object.spec.connection_ref.name;
    let message = format!(
        "The deletion has not begun: the operator has not counted it for the deletionBrake of the KoreConnection {connection} yet. If \
         that lasts, the operator can't read the KoreConnection, or write its status: its condition Obstructed, or the operator's log, \
         says why."
    );
    State::reconciling(Ready::False, Reason::Pending, message)
}

fn braked(object: &VoiceCampaign, holding: Holding) -> State {
    let connection = &object.spec.connection_ref.name;
    let Holding { since, max_per_hour } = holding;
    let message = format!(
        "The deletion is held before its first request to Kore: the KoreConnection {connection} lets {max_per_hour} deletions begin \
         within an hour (spec.deletionBrake), and as many have begun that were requested in the hour before this one, or later. It has \
         held deletions since {since:.0}; its status says how many. Who requested them is in the audit log of the API server only. If \
         they are meant, set the annotation voicecampaign.dev/approve-deletions-until of the KoreConnection to a time at most 24 hours \
         ahead. If not, set spec.deletionPolicy of this resource to Orphan: the campaign stays in Kore, and the resource can be created \
         again."
    );
    State::settled(Ready::False, Reason::MassDeletion, message)
}

fn in_flight(deletion: Option<&DeletionStatus>) -> State {
    let number = deletion.map_or(0, |deletion| deletion.attempts) + 1;
    let message = format!(
        "The operator is sending the DELETE request (attempt {number}), or waits until fewer requests are open. Each request ends after timeoutSeconds at most."
    );
    State::reconciling(Ready::False, Reason::Deleting, message)
}

fn between_attempts(deletion: Option<&DeletionStatus>, until: Timestamp) -> State {
    let answered = deletion.and_then(|deletion| Some((deletion, advice::on_last_delete(deletion)?)));
    let Some((deletion, last)) = answered else {
        let message = format!("The DELETE request is scheduled for {until:.0}.");
        return State::reconciling(Ready::False, Reason::WaitingForQuota, message);
    };
    let refused = answer::is_refused(deletion).then_some(Reason::Service(FailureKind::Refused));
    let reason = refused.or_else(|| deletion.last_reason()).unwrap_or(Reason::WaitingForQuota);
    let seen = deletion.seen_at.as_ref().filter(|seen| Some(*seen) >= deletion.last_attempt_at.as_ref());
    let seen =
        seen.map(|seen| format!(" At {:.0} Kore still returned the campaign.", seen.0)).unwrap_or_default();
    let message = format!(
        "The deletion is not confirmed. Attempt {}: {last}.{seen} The next attempt is at {until:.0}.",
        deletion.attempts
    );
    State::reconciling(Ready::False, reason, message)
}

fn being_proven(object: &VoiceCampaign, deletion: Option<&DeletionStatus>) -> State {
    let proof = deletion.and_then(|deletion| Some((deletion, deletion.proof.as_ref()?)));
    let Some((deletion, proof)) = proof else {
        let message = "The operator is about to read the campaign.".to_owned();
        return State::reconciling(Ready::False, Reason::Pending, message);
    };
    let reason = proving::reason_of_proof(deletion, proof);
    State::reconciling(Ready::False, reason, proving::message(object, deletion, proof))
}

fn held_for(other: &OtherClaim) -> State {
    let message = format!(
        "The VoiceCampaign {} names the same campaign and keeps it in Kore. The operator deletes the campaign once that \
         resource is deleted, too, or has deletionPolicy Orphan. If Kore has never returned the campaign for that \
         resource, it keeps the campaign until Kore answers without it, or for some 10 minutes after its creation if the \
         operator can't ask Kore. To remove this resource and leave the campaign \
         in Kore, set spec.deletionPolicy of this resource to Orphan.",
        other.name
    );
    State::reconciling(Ready::False, Reason::CampaignShared, message)
}

fn waiting_for_quota(until: Timestamp, position: Option<Position>, now: Timestamp) -> State {
    let position = position.map(|Position { number, of }| {
        format!(" At {now:.0} it was number {number} of {of} in the queue of the account.")
    });
    let message = format!(
        "The rate limit of the account is used up, or Kore asked for a pause. The next request is scheduled for {until:.0}.{}",
        position.unwrap_or_default()
    );
    State::reconciling(Ready::False, Reason::WaitingForQuota, message)
}

/// The message stays the same while the trouble lasts: the probes of others are no reason to write a status.
fn account_in_trouble(deletion: Option<&DeletionStatus>, trouble: Trouble<'_>) -> State {
    let (since, quote) = (trouble.since, in_brackets(trouble));
    let Some(deletion) = deletion else {
        let message = format!(
            "The operator can't observe the campaign: requests to the account have failed since {since:.0}{quote}. The \
             operator probes the account, and reads the campaign once Kore answers."
        );
        return State::reconciling(Ready::Unknown, Reason::AccountUnavailable, message);
    };
    let own = deletion.last_answer.as_ref().filter(|_| deletion.attempts > 0);
    let own = own.map(|answer| format!(" Attempt {}: {}.", deletion.attempts, quoted_answer(answer)));
    let message = format!(
        "The deletion is not confirmed: requests to the account have failed since {since:.0}{quote}. The operator \
         probes the account at least once a minute, and resumes the deletions, oldest first, once Kore answers.{}",
        own.unwrap_or_default()
    );
    State::reconciling(Ready::False, Reason::AccountUnavailable, message)
}

/// The message stays the same while Kore refuses the credentials.
fn credentials_refused(deletion: Option<&DeletionStatus>, trouble: Trouble<'_>) -> State {
    let (ready, what, call) = match deletion {
        Some(_) => (Ready::False, "The deletion is not confirmed", Call::Delete),
        None => (Ready::Unknown, "The operator can't observe the campaign", Call::Read),
    };
    let kind = FailureKind::CredentialsRejected;
    let said = trouble.answer.unwrap_or_default();
    let http_status = said.strip_prefix("HTTP ").and_then(|said| said.get(..3)?.parse().ok());
    let reason = kind.reason().to_owned();
    let answer = LastAnswer { http_status, status: None, message: said.to_owned(), reason };
    let advice = advice::of_kind(kind, call, &answer).trim_end_matches("; ");
    let message = format!(
        "{what}: {advice}{}. This started at {:.0}. The operator retries with one request at a time, at least once a \
         minute, and reads the Secret again for each.",
        in_brackets(trouble),
        trouble.since
    );
    State::reconciling(ready, Reason::Service(kind), message)
}

fn in_brackets(trouble: Trouble<'_>) -> String {
    trouble.answer.map(|answer| format!(" ({answer})")).unwrap_or_default()
}

/// That the operator leaves the campaign alone; a DELETE that was sent before may have deleted it.
fn left(deletion: Option<&DeletionStatus>, why: &str) -> String {
    let doubt =
        deletion.and_then(|deletion| Some((deletion.in_doubt_since()?, deletion.last_answer.as_ref()?)));
    match doubt {
        None => format!("The campaign was left in Kore, because {why}."),
        Some((sent, answer)) => format!(
            "The operator sends no further DELETE, because {why}. But the one of {:.0} may have deleted the campaign; the last answer: \
             {}. Kore's console shows whether it is there.",
            sent.0,
            quoted_answer(answer)
        ),
    }
}

fn released(object: &VoiceCampaign, deletion: Option<&DeletionStatus>, permit: ReleasePermit) -> State {
    let (reason, message) = match permit.outcome() {
        DeletionOutcome::Deleted => {
            (Reason::Deleted, "Kore has confirmed that the campaign is deleted.".to_owned())
        }
        DeletionOutcome::Absent => {
            let proof = deletion.and_then(|deletion| deletion.proof.as_ref());
            let how = if proof.is_some_and(|proof| proof.not_returned_at.is_none()) {
                "three complete listings of the stream, over at least 5 minutes, do not contain it, and no GET says whether it exists"
            } else {
                "a GET does not return it, and two complete listings of the stream do not contain it"
            };
            (Reason::Absent, format!("Kore has no such campaign: {how}."))
        }
        DeletionOutcome::Orphaned => {
            let why = match object.spec.deletion_policy {
                DeletionPolicy::Orphan => "spec.deletionPolicy is Orphan",
                DeletionPolicy::Delete => "the operator was uninstalled with onRemaining=orphan",
            };
            (Reason::Orphaned, left(deletion, why))
        }
    };
    State::settled(Ready::False, reason, message)
}
