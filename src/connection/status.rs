//! The status of a connection. Pure.

#![warn(clippy::wildcard_enum_match_arm)]

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::brake;
use super::problem::Problem;
use crate::api::{
    APPROVE_DELETIONS, DeletionBrakeStatus, KoreConnection, KoreConnectionStatus, Reason, StreamStatus,
};
use crate::kube_ext::round_down;

/// What begins the last sentence about a connection that is not being deleted, and holds something that its
/// campaigns do not need, as far as the operator knows.
const KEPT: &str = " The operator keeps its finalizer: ";

/// The condition of a connection whose brake holds deletions.
pub const DELETIONS_HELD: &str = "DeletionsHeld";

/// Why a connection is ready or not. docs/koreconnection.md explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionReason {
    /// Kore has accepted the credentials.
    CredentialsAccepted,
    /// The Secret has credentials; Kore has not been called with them yet.
    CredentialsNotTried,
    /// The Secret or one of its keys is missing, can't be right, or may not be read.
    CredentialsMissing,
    /// Kore has refused the credentials.
    CredentialsRejected,
    /// The operator may not send tokens to the host.
    HostNotAllowed,
    /// The connection is being deleted, and is still held.
    InUse,
    /// The connection does not fit its schema.
    Invalid,
}

impl ConnectionReason {
    /// Every reason, for the documents and their test.
    pub const ALL: [Self; 7] = [
        Self::CredentialsAccepted,
        Self::CredentialsNotTried,
        Self::CredentialsMissing,
        Self::CredentialsRejected,
        Self::HostNotAllowed,
        Self::InUse,
        Self::Invalid,
    ];

    /// The reason in a condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CredentialsAccepted => "CredentialsAccepted",
            Self::CredentialsNotTried => "CredentialsNotTried",
            Self::CredentialsMissing => "CredentialsMissing",
            Self::CredentialsRejected => "CredentialsRejected",
            Self::HostNotAllowed => "HostNotAllowed",
            Self::InUse => "InUse",
            Self::Invalid => "Invalid",
        }
    }
}

/// Whether Kore accepted the credentials when they were last used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Kore accepted them.
    Accepted,
    /// Kore refused them, with this text.
    Refused(String),
}

/// What is known of a connection.
pub struct Known<'a> {
    /// Why the connection can't be used, if it can't.
    pub problem: Option<&'a Problem>,
    /// Hints at what looks wrong with the credentials and may be right, as sentences.
    pub hints: &'a [&'static str],
    /// Whether Kore accepted them, if they were used since the operator started or they changed.
    pub verdict: Option<&'a Verdict>,
    /// Number of campaigns that use the connection.
    pub campaigns: usize,
    /// What else keeps our finalizer on it, or on a Secret that it does not need any more.
    pub held: Option<&'a str>,
    /// The Secrets that carry our finalizer for the connection.
    pub secrets_in_use: &'a [String],
    /// The streams that have campaigns which no VoiceCampaign names.
    pub streams: Vec<StreamStatus>,
}

/// The status of a connection. What it says of the brake stays ([`with_brake`]).
pub fn of(connection: &KoreConnection, known: &Known<'_>, now: Timestamp) -> KoreConnectionStatus {
    let stored = connection.status.clone().unwrap_or_default();
    let Description { ready, phase, reason, mut message } = describe(connection, known, &stored);
    if let Some(why) = known.held.filter(|_| connection.metadata.deletion_timestamp.is_none()) {
        message += &format!("{KEPT}{why}.");
    }
    let condition = |type_: &str, status: &str| {
        let since = stored
            .conditions
            .iter()
            .find(|condition| condition.type_ == type_ && condition.status == status)
            .map_or_else(|| round_down(now), |condition| condition.last_transition_time.clone());
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.as_str().to_owned(),
            message: message.clone(),
            observed_generation: connection.metadata.generation,
            last_transition_time: since,
        }
    };
    let phase = phase.map(|phase| condition(phase, "True"));
    let held = stored.conditions.iter().find(|condition| condition.type_ == DELETIONS_HELD).cloned();
    KoreConnectionStatus {
        observed_generation: connection.metadata.generation,
        conditions: [Some(condition("Ready", ready)), phase, held].into_iter().flatten().collect(),
        campaigns: i32::try_from(known.campaigns).unwrap_or(i32::MAX),
        secrets_in_use: known.secrets_in_use.to_vec(),
        streams: known.streams.clone(),
        deletion_brake: stored.deletion_brake,
    }
}

/// The stored status with what the brake lets through and holds now.
pub fn with_brake(
    connection: &KoreConnection,
    stored: &KoreConnectionStatus,
    brake: Option<DeletionBrakeStatus>,
    now: Timestamp,
) -> KoreConnectionStatus {
    let held = brake.as_ref().and_then(|brake| deletions_held(connection, brake, now));
    let others = stored.conditions.iter().filter(|condition| condition.type_ != DELETIONS_HELD).cloned();
    KoreConnectionStatus {
        conditions: others.chain(held).collect(),
        deletion_brake: brake.map(Box::new),
        ..stored.clone()
    }
}

/// The condition that says that the brake holds deletions, if it does.
fn deletions_held(
    connection: &KoreConnection,
    brake: &DeletionBrakeStatus,
    now: Timestamp,
) -> Option<Condition> {
    let since = brake.holding_since.as_ref()?;
    let max = connection.spec.deletion_brake.as_ref().map_or(0, |brake| brake.max_per_hour);
    let name = connection.metadata.name.as_deref().unwrap_or_default();
    let place = format!("{name} -n {}", connection.metadata.namespace.as_deref().unwrap_or_default());
    // What saves the campaigns comes first: where a message is cut, the end is lost.
    let mut message = format!(
        "The brake holds deletions since {:.0}: more than {max} of VoiceCampaigns of this connection were requested within an hour. \
         The operator sends no request to Kore for them until a person acts. If they are an accident: `kubectl vcamp orphan \
         --not-begun {place}`, or spec.deletionPolicy Orphan. If they are meant: `kubectl vcamp approve {place}`, or the annotation \
         {APPROVE_DELETIONS} with a time at most 24 hours ahead; those that are requested before it begin. \
         (status.deletionBrake.held says how many it holds.)",
        since.0
    );
    if let Some(approval) = brake.approval.as_ref().filter(|_| !brake::is_void(connection)) {
        message += &format!(
            " Those that it holds now were requested after {:.0}, which the annotation names.",
            approval.until.0
        );
    }
    if brake::is_void(connection) {
        message += " The value that the annotation has now approves nothing: it is no time (RFC 3339), or was more than 24 hours ahead \
                    when the operator first saw it.";
    }
    let stored = connection.status.iter().flat_map(|status| &status.conditions);
    let known = stored.into_iter().find(|condition| condition.type_ == DELETIONS_HELD);
    Some(Condition {
        type_: DELETIONS_HELD.to_owned(),
        status: "True".to_owned(),
        reason: Reason::MassDeletion.as_str().to_owned(),
        message,
        observed_generation: connection.metadata.generation,
        last_transition_time: known
            .map_or_else(|| round_down(now), |condition| condition.last_transition_time.clone()),
    })
}

/// The conditions of a connection, before they have a time.
struct Description {
    /// Status of the condition `Ready`.
    ready: &'static str,
    /// Type of the second condition, if there is one.
    phase: Option<&'static str>,
    reason: ConnectionReason,
    message: String,
}

impl Description {
    fn ready(reason: ConnectionReason, message: &str) -> Self {
        Self { ready: "True", phase: None, reason, message: message.to_owned() }
    }

    fn not_ready(phase: &'static str, reason: ConnectionReason, message: String) -> Self {
        Self { ready: "False", phase: Some(phase), reason, message }
    }
}

fn describe(connection: &KoreConnection, known: &Known<'_>, stored: &KoreConnectionStatus) -> Description {
    let terminating = connection.metadata.deletion_timestamp.is_some();
    if let Some(message) = still_needed(known).filter(|_| terminating) {
        return Description::not_ready("Reconciling", ConnectionReason::InUse, message);
    }
    if let Some(problem) = known.problem {
        return Description::not_ready("Stalled", reason_of(problem), problem.to_string());
    }
    match known.verdict {
        Some(Verdict::Accepted) => accepted(),
        Some(Verdict::Refused(refusal)) => {
            // What looks wrong may be right, so the hints are shown only after a refusal.
            let hints: String = known.hints.iter().map(|hint| format!(" {hint}")).collect();
            let message = format!(
                "Kore refused the credentials: {refusal}. Check the keys clientId and clientSecret of the Secret, that the JWT \
                 app is published and has the scope Campaign Management, and that the clock of the operator's machine is \
                 right.{hints}"
            );
            Description::not_ready("Stalled", ConnectionReason::CredentialsRejected, message)
        }
        // After a restart, the stored verdict still holds, unless the connection has changed since.
        None => stored_verdict(connection, stored).unwrap_or_else(|| {
            // Ready, because tools may wait for the connection before they create the first campaign.
            let message = "The Secret has credentials; Kore has neither accepted nor refused them yet.";
            Description::ready(ConnectionReason::CredentialsNotTried, message)
        }),
    }
}

/// Why a connection that is being deleted is not removed yet.
fn still_needed(known: &Known<'_>) -> Option<String> {
    let campaigns = known.campaigns;
    if campaigns > 0 {
        return Some(format!(
            "The connection is being deleted, but {campaigns} VoiceCampaigns still need the connection and its Secret to delete \
             their campaigns in Kore. The operator removes the connection once the last of them is gone."
        ));
    }
    let why = known.held?;
    Some(format!("The connection is being deleted, but the operator can't remove its finalizer: {why}."))
}

fn reason_of(problem: &Problem) -> ConnectionReason {
    match problem {
        Problem::HostNotAllowed { .. } => ConnectionReason::HostNotAllowed,
        Problem::ConnectionNotFound { .. }
        | Problem::ConnectionInvalid { .. }
        | Problem::NotSelected { .. }
        | Problem::AccountChanged { .. }
        | Problem::SecretNotFound { .. }
        | Problem::KeyMissing { .. }
        | Problem::KeyMisspelled { .. }
        | Problem::ValueUnusable { .. }
        | Problem::SecretForbidden { .. } => ConnectionReason::CredentialsMissing,
    }
}

/// Whether a connection has no credentials, or Kore has refused them, as far as is known.
pub(super) fn is_refused(connection: &KoreConnection, verdict: Option<&Verdict>) -> bool {
    let says = |reason| says(connection, reason);
    match verdict {
        Some(Verdict::Refused(_)) => true,
        Some(Verdict::Accepted) => says(ConnectionReason::CredentialsMissing),
        None => says(ConnectionReason::CredentialsMissing) || says(ConnectionReason::CredentialsRejected),
    }
}

/// Whether Kore refuses the credentials of a connection, as far as is known.
pub(super) fn is_rejected(connection: &KoreConnection, verdict: Option<&Verdict>) -> bool {
    match verdict {
        Some(verdict) => matches!(verdict, Verdict::Refused(_)),
        None => says(connection, ConnectionReason::CredentialsRejected),
    }
}

/// Whether Kore has accepted the credentials of a connection, as far as is known.
pub(super) fn is_accepted(connection: &KoreConnection, verdict: Option<&Verdict>) -> bool {
    match verdict {
        Some(verdict) => *verdict == Verdict::Accepted,
        None => says(connection, ConnectionReason::CredentialsAccepted),
    }
}

/// Whether the status of a connection has this reason, for the current spec.
fn says(connection: &KoreConnection, reason: ConnectionReason) -> bool {
    let stored = connection.status.as_ref();
    let stored = stored.filter(|status| status.observed_generation == connection.metadata.generation);
    let mut conditions = stored.into_iter().flat_map(|status| &status.conditions);
    conditions.any(|condition| condition.type_ == "Ready" && condition.reason == reason.as_str())
}

fn accepted() -> Description {
    Description::ready(ConnectionReason::CredentialsAccepted, "Kore has accepted the credentials.")
}

/// The verdict of Kore that the status has for the current spec.
fn stored_verdict(connection: &KoreConnection, stored: &KoreConnectionStatus) -> Option<Description> {
    let ready = stored.conditions.iter().find(|condition| condition.type_ == "Ready")?;
    if stored.observed_generation != connection.metadata.generation {
        return None;
    }
    let refused = ConnectionReason::CredentialsRejected;
    match ready.reason.as_str() {
        "CredentialsAccepted" => Some(accepted()),
        "CredentialsRejected" => {
            Some(Description::not_ready("Stalled", refused, without_kept(&ready.message)))
        }
        _ => None,
    }
}

/// A stored message without the sentence that [`of`] adds.
fn without_kept(message: &str) -> String {
    message.split(KEPT).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known<'static> = Known {
        problem: None,
        hints: &[],
        verdict: Some(&Verdict::Accepted),
        campaigns: 1,
        held: None,
        secrets_in_use: &[],
        streams: Vec::new(),
    };

    fn connection() -> KoreConnection {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": "production", "namespace": "marketing-campaigns"},
            "spec": {"host": "https://platform.kore.ai", "accountId": "a", "credentialsSecretRef": {"name": "kore-jwt-app"},
                "deletionBrake": {"maxPerHour": 10}},
        }))
        .unwrap()
    }

    /// A Secret may be in Terminating that the operator may not release.
    #[test]
    fn what_is_held_is_said_of_a_connection_that_stays() {
        let known = Known { held: Some("no right to patch the Secret old"), ..KNOWN };
        let message = of(&connection(), &known, Timestamp::UNIX_EPOCH).conditions[0].message.clone();
        assert!(message.ends_with("no right to patch the Secret old."), "{message}");
        // It is said once, also by a process that knows the verdict from the status alone.
        let refused = Verdict::Refused("HTTP 401".to_owned());
        let mut stored = connection();
        stored.status = Some(of(
            &stored,
            &Known { verdict: Some(&refused), held: known.held, ..KNOWN },
            Timestamp::UNIX_EPOCH,
        ));
        let again = of(&stored, &Known { verdict: None, held: known.held, ..KNOWN }, Timestamp::UNIX_EPOCH);
        assert_eq!(Some(again), stored.status);
    }

    /// `check` cuts a line after 400 characters (`src/check/page.rs`), and its own words precede the message.
    #[test]
    fn what_saves_the_campaigns_is_said_first() {
        let brake =
            serde_json::from_value(serde_json::json!({"holdingSince": "2026-12-01T00:00:00Z", "held": 190}));
        let held = deletions_held(&connection(), &brake.unwrap(), Timestamp::UNIX_EPOCH).unwrap().message;
        let saves =
            held.find("`kubectl vcamp orphan --not-begun production -n marketing-campaigns`").unwrap();
        assert!(saves + 70 < 340, "{saves}: {held}");
        assert!(saves < held.find("`kubectl vcamp approve production -n marketing-campaigns`").unwrap());
    }

    /// What looks wrong may be right, so the hints appear only after Kore has refused the credentials.
    #[test]
    fn hints_are_shown_after_a_refusal() {
        let message = |verdict: &Verdict, hints: &[&'static str]| {
            let known = Known { hints, verdict: Some(verdict), ..KNOWN };
            of(&connection(), &known, Timestamp::UNIX_EPOCH).conditions[0].message.clone()
        };
        let refused = Verdict::Refused("HTTP 401".to_owned());
        let hint = "The value of clientSecret looks percent-encoded.";
        assert!(message(&refused, &[hint, hint]).ends_with(&format!(" {hint} {hint}")));
        assert!(!message(&refused, &[]).contains(hint));
        assert!(!message(&Verdict::Accepted, &[hint]).contains(hint));
    }
}
