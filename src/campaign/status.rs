//! What a status says. Pure: from the object, the record of its deletion and the situation to the whole status.
//!
//! The conditions are those that kstatus (Flux, Helm, `kubectl wait`) reads: `Ready` always; `Reconciling` and
//! `Stalled` only while they hold, never both.

#![warn(clippy::wildcard_enum_match_arm)]

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::observed::{ListingTrouble, OtherClaim, Sighting};
use super::permit::{ReleasePermit, recorded_deletion};
use super::reason::Reason;
use crate::api::{
    DeletionOutcome, DeletionPolicy, DeletionStatus, LastAnswer, ListingRecord, ProofStatus, VoiceCampaign,
    VoiceCampaignStatus,
};
use crate::connection::{Connection, Problem};
use crate::kore::{
    AnswerSummary, Campaign, ConfirmedDeletion, DENIED_SUCCESS_PREFIX, Failure, FailureKind, Identity,
    speaks_of_rights,
};
use crate::kube_ext::{AllMayGo, obstacle, round_down};

/// What there is to say about an object.
#[derive(Clone, Copy, Debug)]
pub enum Situation<'a> {
    /// New, or not asked for since it could be.
    Pending,
    /// As the last observation found it.
    Unchanged,
    /// As this observation found it.
    Seen(&'a Sighting),
    /// Held by `spec.suspend`.
    Suspended,
    /// Kore can't be called.
    Misconfigured(&'a Problem),
    /// A DELETE takes longer than a moment.
    InFlight,
    /// The last DELETE did not confirm; the next one is due at `until`.
    BetweenAttempts {
        /// When the next DELETE is due.
        until: Timestamp,
    },
    /// Kore seems to have no such campaign; that is being proven.
    Proving,
    /// Another VoiceCampaign is to keep the campaign.
    HeldFor(&'a OtherClaim),
    /// The quota of the account is used up until `until`.
    WaitingForQuota {
        /// The slot of this object.
        until: Timestamp,
    },
    /// Calls to the account fail; others probe it.
    AccountInTrouble {
        /// Since then.
        since: Timestamp,
        /// What was said then.
        trouble: Option<&'a str>,
    },
    /// Kore refuses the credentials; others that have the same try whether it still does.
    CredentialsRefused {
        /// Since then.
        since: Timestamp,
        /// What was said then.
        trouble: Option<&'a str>,
    },
    /// There is a permit.
    LetGo(ReleasePermit),
}

/// The status of an object in a situation. `campaign` replaces what was known of the campaign.
pub fn of(
    object: &VoiceCampaign,
    now: Timestamp,
    deletion: Option<DeletionStatus>,
    campaign: Option<&Campaign>,
    situation: Situation<'_>,
) -> VoiceCampaignStatus {
    let stored = object.status.clone().unwrap_or_default();
    let conditions = match situation {
        Situation::Unchanged => stored
            .conditions
            .iter()
            .filter(|condition| !obstacle::is_obstacle(condition))
            .map(|condition| Condition {
                observed_generation: object.metadata.generation,
                ..condition.clone()
            })
            .collect(),
        Situation::Pending
        | Situation::Seen(_)
        | Situation::Suspended
        | Situation::Misconfigured(_)
        | Situation::InFlight
        | Situation::BetweenAttempts { .. }
        | Situation::Proving
        | Situation::HeldFor(_)
        | Situation::WaitingForQuota { .. }
        | Situation::AccountInTrouble { .. }
        | Situation::CredentialsRefused { .. }
        | Situation::LetGo(_) => {
            conditions(object, now, &stored.conditions, &describe(object, deletion.as_ref(), situation))
        }
    };
    VoiceCampaignStatus {
        observed_generation: object.metadata.generation,
        conditions,
        campaign: campaign.cloned().map(Box::new).or(stored.campaign),
        account: stored.account,
        seen_as: stored.seen_as,
        not_listed_since: not_listed_since(object, situation, now),
        last_handled_refresh_at: stored.last_handled_refresh_at,
        deletion: deletion.map(Box::new),
    }
}

/// Since when listings have others of the stream, and not the campaign. A GET alone, or an empty listing, changes nothing.
fn not_listed_since(object: &VoiceCampaign, situation: Situation<'_>, now: Timestamp) -> Option<Time> {
    let stored = object.status.as_ref();
    let since = stored.and_then(|status| status.not_listed_since.clone());
    match situation {
        Situation::Seen(Sighting::Found(_)) => None,
        Situation::Seen(Sighting::NotListed) if stored.is_some_and(|status| status.campaign.is_some()) => {
            since.or_else(|| Some(round_down(now)))
        }
        Situation::Seen(
            Sighting::NotListed | Sighting::NotReturned(_) | Sighting::SuddenlyEmpty | Sighting::Failed(_),
        )
        | Situation::Pending
        | Situation::Unchanged
        | Situation::Suspended
        | Situation::Misconfigured(_)
        | Situation::InFlight
        | Situation::BetweenAttempts { .. }
        | Situation::Proving
        | Situation::HeldFor(_)
        | Situation::WaitingForQuota { .. }
        | Situation::AccountInTrouble { .. }
        | Situation::CredentialsRefused { .. }
        | Situation::LetGo(_) => since,
    }
}

/// The status of an object whose campaign this one was shown.
pub fn seen_by(mut status: VoiceCampaignStatus, identity: &Identity) -> VoiceCampaignStatus {
    status.seen_as = Some(identity.as_str().to_owned());
    status
}

/// The status with what is to be said of others that name the same campaign.
pub fn sharing(
    mut status: VoiceCampaignStatus,
    object: &VoiceCampaign,
    others: &[OtherClaim],
    now: Timestamp,
) -> VoiceCampaignStatus {
    status.conditions.retain(|condition| condition.type_ != SHARED);
    if others.is_empty() {
        return status;
    }
    let stored = object.status.as_ref().map(|stored| stored.conditions.as_slice()).unwrap_or_default();
    let message = format!(
        "The same campaign is named by {}. A campaign should have one VoiceCampaign; while one that lives is to keep it \
         (deletionPolicy Delete), it is not deleted with another, if Kore has shown it the campaign, or may still do so.",
        names(others)
    );
    status.conditions.push(condition(
        object,
        now,
        stored,
        (SHARED, "True"),
        Reason::CampaignShared,
        &message,
    ));
    status
}

/// The status with the account of the campaign, once it is known: it was found there, or is being deleted there.
pub fn of_account(mut status: VoiceCampaignStatus, connection: &Connection) -> VoiceCampaignStatus {
    let attempted = status.deletion.as_ref().is_some_and(|deletion| deletion.attempts > 0);
    if let Connection::Usable(connection) = connection {
        let known = match &status.account {
            // It moves with its host.
            Some(account) => connection.leads_to(account),
            None => attempted || status.campaign.is_some(),
        };
        if known {
            status.account = Some(connection.account());
        }
    }
    status
}

/// With what an object is let go when the administrator has all campaigns left alone; and, if it is being deleted, what its status must
/// say before. A permit that was recorded counts more.
pub fn let_go(
    object: &VoiceCampaign,
    consent: &AllMayGo,
    now: Timestamp,
) -> (ReleasePermit, Option<VoiceCampaignStatus>) {
    if let Some(permit) = ReleasePermit::recorded(object) {
        return (permit, None);
    }
    let permit = ReleasePermit::left_alone(consent);
    let record = recorded_deletion(object).cloned().unwrap_or_else(|| new_deletion(object));
    let record = DeletionStatus {
        next_attempt_at: None,
        confirmed_at: Some(round_down(now)),
        outcome: Some(permit.outcome()),
        ..record
    };
    let being_deleted = object.metadata.deletion_timestamp.is_some();
    (permit, being_deleted.then(|| of(object, now, Some(record), None, Situation::LetGo(permit))))
}

/// The condition of an object whose campaign is named by another, too.
pub const SHARED: &str = "Shared";
/// As many others are named.
const MAX_NAMES: usize = 5;

fn names(others: &[OtherClaim]) -> String {
    let names: Vec<&str> = others.iter().take(MAX_NAMES).map(|other| other.name.as_str()).collect();
    match others.len().checked_sub(MAX_NAMES) {
        Some(more @ 1..) => format!("{} and {more} more", names.join(", ")),
        Some(0) | None => names.join(", "),
    }
}

/// The `Ready` condition.
pub fn ready(status: &VoiceCampaignStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == "Ready")
}

/// The reason of the `Ready` condition.
pub fn reason(status: &VoiceCampaignStatus) -> Reason {
    ready(status).and_then(|ready| Reason::parse(&ready.reason)).unwrap_or(Reason::Pending)
}

/// An empty record of the deletion that is going on.
pub fn new_deletion(object: &VoiceCampaign) -> DeletionStatus {
    DeletionStatus {
        uid: object.metadata.uid.clone().unwrap_or_default(),
        requested_at: object.metadata.deletion_timestamp.clone().unwrap_or(Time(Timestamp::UNIX_EPOCH)),
        attempts: 0,
        failures: 0,
        last_attempt_at: None,
        next_attempt_at: None,
        held_since: None,
        last_answer: None,
        may_have_taken_effect_at: None,
        unconfirmed_in_a_row: 0,
        seen_at: None,
        proof: None,
        confirmed_at: None,
        outcome: None,
    }
}

/// What of the outcome of a DELETE is kept.
pub fn last_answer(result: &Result<ConfirmedDeletion, Failure>) -> LastAnswer {
    match result {
        Ok(confirmed) => summary(confirmed.answer(), Reason::Deleted),
        Err(failure) => summary_of(failure),
    }
}

/// What of a failure is kept.
pub fn summary_of(failure: &Failure) -> LastAnswer {
    summary(&failure.answer, Reason::Service(failure.kind))
}

/// What of listings that failed is kept.
pub fn summary_of_trouble(trouble: &ListingTrouble) -> LastAnswer {
    match &trouble.failure {
        Some(failure) => summary_of(failure),
        None => {
            let message = "the pages of the listing do not add up: rows were added or removed while it was read, have no id, or are \
                           not as many as it counts"
            .to_owned();
            let answer = AnswerSummary { message, ..AnswerSummary::default() };
            summary(&answer, Reason::ListingIncomplete)
        }
    }
}

/// What a listing has to say that names no rows and no count of them, after GETs that say nothing either.
pub fn summary_of_no_rows() -> LastAnswer {
    let message =
        "the answer to the listing has neither rows nor says that there are no campaigns".to_owned();
    let answer = AnswerSummary { message, ..AnswerSummary::default() };
    summary(&answer, Reason::Service(FailureKind::Unreadable))
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

/// One state, as the conditions show it.
struct Description {
    ready: &'static str,
    phase: Phase,
    reason: Reason,
    message: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Settled,
    Reconciling,
    Stalled,
}

fn describe(
    object: &VoiceCampaign,
    deletion: Option<&DeletionStatus>,
    situation: Situation<'_>,
) -> Description {
    let spec = &object.spec;
    let (ready, reason, message) = match situation {
        Situation::Pending | Situation::Unchanged => {
            ("Unknown", Reason::Pending, "Kore has not been asked about the campaign yet.".to_owned())
        }
        Situation::Seen(Sighting::Found(campaign)) => {
            let state = campaign.status.as_deref().unwrap_or("not named");
            let message = format!("Kore has the campaign; its state is {state}.");
            ("True", Reason::CampaignFound, message)
        }
        Situation::Seen(Sighting::NotReturned(failure)) => {
            let answer = said(failure);
            ("False", Reason::CampaignNotFound, not_found(object, &format!("Kore does not return campaign {} ({answer})", spec.campaign_id)))
        }
        Situation::Seen(Sighting::NotListed) => {
            let what = format!("Kore's listing of the stream does not have campaign {}", spec.campaign_id);
            ("False", Reason::CampaignNotFound, not_found(object, &what))
        }
        Situation::Seen(Sighting::SuddenlyEmpty) => (
            "False",
            Reason::StreamSuddenlyEmpty,
            "Kore's listing of the stream is empty, although the campaign was there and nobody asked to delete it. An app that \
             has lost its access is shown just that: give the JWT app its scope and its access to the stream back. If the \
             campaign was deleted elsewhere, delete this resource, too."
                .to_owned(),
        ),
        Situation::Seen(Sighting::Failed(failure)) => {
            let answer = said(failure);
            let advice = advice(failure.kind, Call::Read, &summary_of(failure));
            let message = format!("The campaign can't be observed: {advice}{answer}.");
            ("Unknown", Reason::Service(failure.kind), message)
        }
        Situation::Suspended if deletion.is_some() => (
            "False",
            Reason::Suspended,
            "The deletion is held, because spec.suspend is true. Set it to false to delete the campaign, or set \
             spec.deletionPolicy to Orphan to leave it in Kore and let this resource go."
                .to_owned(),
        ),
        Situation::Suspended => (
            stored_ready(object),
            Reason::Suspended,
            "The campaign is not observed, because spec.suspend is true. A deletion would be held, unless \
             spec.deletionPolicy is Orphan."
                .to_owned(),
        ),
        Situation::Misconfigured(problem) => ("False", Reason::from(problem), problem.to_string()),
        Situation::InFlight => {
            let number = deletion.map_or(0, |deletion| deletion.attempts) + 1;
            ("False", Reason::Deleting, format!("The DELETE (attempt {number}) is on its way to Kore, or waits for a connection of the account."))
        }
        Situation::BetweenAttempts { until } => between_attempts(deletion, until),
        Situation::Proving => being_proven(object, deletion),
        Situation::HeldFor(other) => (
            "False",
            Reason::CampaignShared,
            format!(
                "The deletion is held: the VoiceCampaign {} names the same campaign, and is to keep it. The campaign is \
                 deleted when that one is deleted, too, or has deletionPolicy Orphan (or, if Kore has not shown that one the campaign and \
                 is not going to, 10 minutes after its creation); to leave the campaign in Kore and let \
                 this resource go, set its own spec.deletionPolicy to Orphan.",
                other.name
            ),
        ),
        Situation::WaitingForQuota { until } => (
            "False",
            Reason::WaitingForQuota,
            format!(
                "The account has to wait: its rate limit is used up, or Kore asked for a pause. Kore is asked at \
                 {until:.0}."
            ),
        ),
        Situation::AccountInTrouble { since, trouble } if deletion.is_none() => (
            "Unknown",
            Reason::AccountUnavailable,
            format!(
                "The campaign can't be observed: since {since:.0} calls to the account fail{}. It is probed, and the campaign is \
                 looked at when it answers.",
                said_of_trouble(trouble)
            ),
        ),
        Situation::AccountInTrouble { since, trouble } => {
            ("False", Reason::AccountUnavailable, in_trouble(deletion, since, trouble))
        }
        Situation::CredentialsRefused { since, trouble } => (
            if deletion.is_some() { "False" } else { "Unknown" },
            Reason::Service(FailureKind::CredentialsRejected),
            refused(deletion, since, trouble),
        ),
        Situation::LetGo(permit) => match permit.outcome() {
            DeletionOutcome::Deleted => {
                ("False", Reason::Deleted, "Kore has confirmed that the campaign is deleted.".to_owned())
            }
            DeletionOutcome::Absent => {
                let proof = deletion.and_then(|deletion| deletion.proof.as_ref());
                let how = if proof.is_some_and(|proof| proof.not_returned_at.is_none()) {
                    "three complete listings of the stream, over 5 minutes, do not have it, and a GET says nothing about it"
                } else {
                    "it does not return it, and two complete listings of the stream do not have it"
                };
                ("False", Reason::Absent, format!("Kore has no such campaign: {how}."))
            }
            DeletionOutcome::Orphaned => {
                let why = match spec.deletion_policy {
                    DeletionPolicy::Orphan => "spec.deletionPolicy is Orphan",
                    DeletionPolicy::Delete => "the operator was uninstalled with onRemaining=orphan",
                };
                ("False", Reason::Orphaned, format!("The campaign was left in Kore, because {why}."))
            }
        },
    };
    let phase = match situation {
        _ if reason == Reason::Suspended && deletion.is_none() => Phase::Settled,
        _ if reason.needs_a_person() => Phase::Stalled,
        Situation::Pending
        | Situation::InFlight
        | Situation::BetweenAttempts { .. }
        | Situation::Proving
        | Situation::HeldFor(_)
        | Situation::WaitingForQuota { .. }
        | Situation::AccountInTrouble { .. }
        | Situation::CredentialsRefused { .. } => Phase::Reconciling,
        Situation::Unchanged
        | Situation::Seen(_)
        | Situation::Suspended
        | Situation::Misconfigured(_)
        | Situation::LetGo(_) => Phase::Settled,
    };
    Description { ready, phase, reason, message }
}

/// The same words as long as the trouble lasts: the probes of others are no reason to write.
fn in_trouble(deletion: Option<&DeletionStatus>, since: Timestamp, trouble: Option<&str>) -> String {
    let own = deletion.filter(|deletion| deletion.attempts > 0).and_then(|deletion| {
        let answer = deletion.last_answer.as_ref()?;
        let said = in_words(answer.http_status, &answer.message);
        Some(format!(" Attempt {}: {said}.", deletion.attempts))
    });
    let trouble = said_of_trouble(trouble);
    format!(
        "The deletion is not confirmed: since {since:.0} calls to the account fail{trouble}. It is probed at least every minute, \
         and the deletions go on, oldest first, as soon as it answers.{}",
        own.unwrap_or_default()
    )
}

/// The same words as long as Kore refuses the credentials.
fn refused(deletion: Option<&DeletionStatus>, since: Timestamp, trouble: Option<&str>) -> String {
    let (what, call) = match deletion {
        Some(_) => ("The deletion is not confirmed", Call::Delete),
        None => ("The campaign can't be observed", Call::Read),
    };
    let kind = FailureKind::CredentialsRejected;
    let said = trouble.unwrap_or_default();
    let http_status = said.strip_prefix("HTTP ").and_then(|said| said.get(..3)?.parse().ok());
    let reason = kind.reason().to_owned();
    let said = LastAnswer { http_status, status: None, message: said.to_owned(), reason };
    let advice = advice(kind, call, &said).trim_end_matches("; ");
    let trouble = said_of_trouble(trouble);
    format!(
        "{what}: {advice}{trouble}. That is so since {since:.0}; one call at a time tries it again, at least every minute, with \
         what the Secret holds then."
    )
}

fn said_of_trouble(trouble: Option<&str>) -> String {
    trouble.map(|said| format!(" ({said})")).unwrap_or_default()
}

/// What the last observation said; nothing is known beyond it.
fn stored_ready(object: &VoiceCampaign) -> &'static str {
    match object.status.as_ref().and_then(ready).map(|ready| ready.status.as_str()) {
        Some("True") => "True",
        Some("False") => "False",
        Some(_) | None => "Unknown",
    }
}

fn not_found(object: &VoiceCampaign, what: &str) -> String {
    let known = object.status.as_ref().is_some_and(|status| status.campaign.is_some());
    if known {
        format!("{what}, although it was there before. Was it deleted elsewhere?")
    } else {
        format!("{what}. Are campaignId, streamId and the account right, or was it deleted elsewhere?")
    }
}

/// What the last answer to a DELETE was, without number and time: repeated events are merged, and keep their first text.
pub fn unconfirmed(deletion: &DeletionStatus) -> Option<String> {
    let answer = deletion.last_answer.as_ref()?;
    let Some(Reason::Service(kind)) = Reason::parse(&answer.reason) else { return None };
    let said = in_words(answer.http_status, &answer.message);
    let advice = if is_refused(deletion) { REFUSES } else { advice(kind, Call::Delete, answer) };
    Some(format!("The deletion is not confirmed: {advice}{said}."))
}

/// What the last DELETE has brought.
pub fn answered(deletion: &DeletionStatus) -> Option<Reason> {
    deletion.last_answer.as_ref().and_then(|answer| Reason::parse(&answer.reason))
}

/// Whether this answer is that the app lacks a right, as far as it says so.
pub fn lacks_right(answer: &LastAnswer) -> bool {
    speaks_of_rights(answer.http_status, &answer.message)
}

/// What is said of an answer that might have meant "no such campaign", and did not.
const REFUSES: &str = "Kore refuses to delete the campaign: ";

/// Whether Kore has shown the campaign after an answer to the last DELETE that might have meant that there is none: then it was a
/// refusal. Only a sighting ends the proof that such an answer begins.
fn is_refused(deletion: &DeletionStatus) -> bool {
    let seen_since = match &deletion.proof {
        None => deletion.seen_at >= deletion.last_attempt_at,
        Some(proof) => is_refused_again(deletion, proof),
    };
    may_be_refused(deletion) && seen_since
}

/// Whether the last DELETE was answered with what may be a refusal, as only a look shows.
fn may_be_refused(deletion: &DeletionStatus) -> bool {
    let denied = || {
        deletion.last_answer.as_ref().is_some_and(|answer| answer.message.starts_with(DENIED_SUCCESS_PREFIX))
    };
    match answered(deletion) {
        Some(Reason::Service(FailureKind::MayBeAbsent)) => true,
        Some(Reason::Service(FailureKind::Accepted)) => denied(),
        Some(_) | None => false,
    }
}

/// Whether the answer that has begun this proof is one after which Kore had the campaign before. Until something is read it is taken for
/// the same refusal again.
fn is_refused_again(deletion: &DeletionStatus, proof: &ProofStatus) -> bool {
    let nothing_read = proof.not_returned_at.is_none()
        && proof.silent_at.is_none()
        && proof.last_failure.is_none()
        && proof.doubted_listing.is_none();
    may_be_refused(deletion) && deletion.seen_at.is_some() && nothing_read
}

fn between_attempts(deletion: Option<&DeletionStatus>, until: Timestamp) -> (&'static str, Reason, String) {
    let answer = deletion.and_then(|deletion| deletion.last_answer.as_ref());
    let reason = answer.and_then(|answer| Reason::parse(&answer.reason));
    let (Some(answer), Some(Reason::Service(kind)), Some(deletion)) = (answer, reason, deletion) else {
        let message = format!("Kore is asked to delete the campaign at {until:.0}.");
        return ("False", Reason::WaitingForQuota, message);
    };
    let attempt = deletion.attempts;
    let said = in_words(answer.http_status, &answer.message);
    let seen = deletion.seen_at.as_ref().filter(|seen| Some(*seen) >= deletion.last_attempt_at.as_ref());
    let seen = seen.map(|seen| format!(" At {:.0} Kore still had the campaign.", seen.0)).unwrap_or_default();
    let (kind, advice) = if is_refused(deletion) {
        (FailureKind::Refused, REFUSES)
    } else {
        (kind, advice(kind, Call::Delete, answer))
    };
    let message = format!(
        "The deletion is not confirmed. Attempt {attempt}: {advice}{said}.{seen} Kore is asked again at {until:.0}."
    );
    ("False", Reason::Service(kind), message)
}

/// The reason of a deletion whose campaign seems to be absent.
pub fn proving(deletion: &DeletionStatus, proof: &ProofStatus) -> Reason {
    let awaited = Reason::Service(FailureKind::MayBeAbsent);
    let read = proof.not_returned_at.is_some() || proof.silent_at.is_some();
    match (&proof.last_failure, &proof.doubted_listing, answered(deletion)) {
        (Some(failure), ..) => Reason::parse(&failure.reason).unwrap_or(awaited),
        (None, Some(_), _) => Reason::StreamSuddenlyEmpty,
        _ if is_refused_again(deletion, proof) => Reason::Service(FailureKind::Refused),
        // Nothing is known yet but the answer to the DELETE.
        (None, None, Some(answered @ Reason::Service(_))) if !read => answered,
        (None, None, _) => awaited,
    }
}

fn being_proven(object: &VoiceCampaign, deletion: Option<&DeletionStatus>) -> (&'static str, Reason, String) {
    let unknown = ("False", Reason::Pending, "Kore has not been asked yet.".to_owned());
    let Some((deletion, proof)) = deletion.and_then(|deletion| Some((deletion, deletion.proof.as_ref()?)))
    else {
        return unknown;
    };
    let answer = deletion.last_answer.as_ref();
    let reason = proving(deletion, proof);
    let attempt = deletion.attempts;
    let said = answer.map(|answer| in_words(answer.http_status, &answer.message)).unwrap_or_default();
    let answered = match answer.and_then(|answer| Some((answer, Reason::parse(&answer.reason)?))) {
        _ if reason == Reason::Service(FailureKind::Refused) => {
            format!("Attempt {attempt}: {REFUSES}{said}.")
        }
        Some((answer, Reason::Service(kind))) => {
            format!("Attempt {attempt}: {}{said}.", advice(kind, Call::Delete, answer))
        }
        Some(_) | None => format!("Attempt {attempt}: {said}."),
    };
    let at = |deletion: &DeletionStatus| {
        deletion.next_attempt_at.as_ref().map_or_else(|| "now".to_owned(), |next| format!("at {:.0}", next.0))
    };
    let state = match (&proof.doubted_listing, &proof.not_returned_at, &proof.first_listing) {
        (Some(doubted), ..) => in_doubt(object, proof, doubted, &at(deletion)),
        (None, None, _) if proof.silent_at.is_some() => without_a_get(proof, &at(deletion)),
        (None, None, _) => format!("Whether Kore still returns the campaign is asked {}.", at(deletion)),
        (None, Some(asked), None) => format!(
            "Asked for it at {:.0}, Kore did not return it; now two complete listings of the stream have to miss it, the \
             first of them within a minute.",
            asked.0
        ),
        (None, Some(_), Some(first)) => format!(
            "Kore does not return it, and a complete listing of the stream at {:.0} ({} campaigns) does not have it; a \
             second one, 10 s or more later, has to say the same.",
            first.begun_at.0, first.campaigns
        ),
    };
    let failed = proof.last_failure.as_ref().map(|failure| {
        let kind = Reason::parse(&failure.reason);
        let advice =
            if let Some(Reason::Service(kind)) = kind { advice(kind, Call::Read, failure) } else { "" };
        format!(
            " The last read failed: {advice}{}; Kore is asked again {}.",
            in_words(failure.http_status, &failure.message),
            at(deletion)
        )
    });
    ("False", reason, format!("{answered} {state}{}", failed.unwrap_or_default()))
}

/// Why an empty listing is not believed, and what to do.
fn in_doubt(object: &VoiceCampaign, proof: &ProofStatus, doubted: &ListingRecord, again: &str) -> String {
    let seen_as = object.status.as_ref().and_then(|status| status.seen_as.as_ref());
    let why = if !doubted.unseen_namespaces.is_empty() {
        return unseen(doubted, again);
    } else if seen_as.is_some_and(|seen_as| *seen_as != proof.identity) {
        "and the campaign was seen as another app: client ID, iid or host have changed since"
    } else {
        "although campaigns that nobody asked to delete should be there"
    };
    format!(
        "At {:.0} Kore listed no campaign of the stream at all, {why}. An app without access is shown just that, so it proves \
         nothing, however often it is read. Give the JWT app its scope and its access to the stream back; or, if the campaigns \
         are really gone, set spec.deletionPolicy to Orphan. The next listing is read {again}.",
        doubted.begun_at.0
    )
}

/// Why an empty listing is not believed as long as the operator does not know all VoiceCampaigns, and what to do.
fn unseen(doubted: &ListingRecord, again: &str) -> String {
    let namespaces = doubted.unseen_namespaces.join(", ");
    format!(
        "At {:.0} Kore listed no campaign of the stream at all, as it does for an app without access; and the API server refuses to show \
         the operator everything in {namespaces}, whose campaigns would be missing then. Give the operator its rights there \
         back, or take what is gone out of its watchNamespaces; or, if the campaign is really gone, set spec.deletionPolicy to Orphan. \
         The next listing is read {again}.",
        doubted.begun_at.0
    )
}

/// How far a proof has come that has no answer to a GET.
fn without_a_get(proof: &ProofStatus, again: &str) -> String {
    let listings = [&proof.first_listing, &proof.second_listing].into_iter().flatten().count();
    format!(
        "Asked for it {} times, Kore says nothing about the campaign. So three complete listings of the stream have to miss it, \
         the third at least 5 minutes after the first; {listings} did. Kore is asked again {again}, by a GET first.",
        proof.silent_gets
    )
}

/// What was asked of Kore.
#[derive(Clone, Copy)]
enum Call {
    Delete,
    Read,
}

/// What a failure means to the reader, before the answer itself.
fn advice(kind: FailureKind, call: Call, said: &LastAnswer) -> &'static str {
    match kind {
        FailureKind::MayBeAbsent => {
            "the answer may mean that Kore has no such campaign, which it does not prove; "
        }
        FailureKind::Accepted => {
            "Kore has accepted the request, but not confirmed that this campaign is gone; "
        }
        FailureKind::CredentialsRejected if lacks_right(said) => match call {
            Call::Delete => {
                "the JWT app may not delete campaigns; give it the right to delete in the scope Campaign Management, for \
                 this account and stream; "
            }
            Call::Read => {
                "the JWT app may not read campaigns; give it the right to read in the scope Campaign Management, for this \
                 account and stream; "
            }
        },
        FailureKind::CredentialsRejected => {
            "Kore refused the credentials; check the keys clientId and clientSecret of the Secret, that the JWT app is \
             published and has the scope Campaign Management, and that the clocks agree; "
        }
        FailureKind::Throttled => "the rate limit of the account is used up; ",
        FailureKind::Refused => "Kore refused the request; ",
        FailureKind::Unavailable => "Kore, or a gateway before it, is in trouble; ",
        FailureKind::Unreachable => "no answer came from Kore; ",
        FailureKind::Unreadable => "the answer is not what Kore documents; ",
        FailureKind::ContractViolation => "the answer contradicts what Kore documents; ",
    }
}

/// What a failed call has brought, as a sentence holds it.
pub fn said(failure: &Failure) -> String {
    in_words(failure.answer.http_status.map(i32::from), &failure.answer.message)
}

/// A failure, as a sentence holds it.
pub fn in_words(http_status: Option<i32>, message: &str) -> String {
    let message = message.trim_end_matches('.');
    match (http_status, message) {
        (Some(status), "") => format!("HTTP {status}"),
        (Some(status), message) => format!("HTTP {status}, {message}"),
        (None, message) => message.to_owned(),
    }
}

fn conditions(
    object: &VoiceCampaign,
    now: Timestamp,
    stored: &[Condition],
    description: &Description,
) -> Vec<Condition> {
    let Description { ready, phase, reason, message } = description;
    let condition = |type_, status| condition(object, now, stored, (type_, status), *reason, message);
    let phase = match phase {
        Phase::Settled => None,
        Phase::Reconciling => Some("Reconciling"),
        Phase::Stalled => Some("Stalled"),
    };
    [Some(condition("Ready", ready)), phase.map(|phase| condition(phase, "True"))]
        .into_iter()
        .flatten()
        .collect()
}

fn condition(
    object: &VoiceCampaign,
    now: Timestamp,
    stored: &[Condition],
    (type_, status): (&str, &str),
    reason: Reason,
    message: &str,
) -> Condition {
    let since = stored
        .iter()
        .find(|condition| condition.type_ == type_ && condition.status == status)
        .map_or_else(|| round_down(now), |condition| condition.last_transition_time.clone());
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.as_str().to_owned(),
        message: message.to_owned(),
        observed_generation: object.metadata.generation,
        last_transition_time: since,
    }
}
