//! What the status of a connection says. Pure.

#![warn(clippy::wildcard_enum_match_arm)]

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::Problem;
use crate::api::{KoreConnection, KoreConnectionStatus, StreamStatus};
use crate::kube_ext::round_down;

/// Why a connection is ready or not. docs/koreconnection.md explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionReason {
    /// Kore has accepted the credentials.
    CredentialsAccepted,
    /// The credentials are there; Kore has not been asked with them yet.
    CredentialsNotTried,
    /// The Secret, or one of its keys, is missing or may not be read.
    CredentialsMissing,
    /// Kore has refused the credentials.
    CredentialsRejected,
    /// Tokens may not be sent to the host.
    HostNotAllowed,
    /// The connection is being deleted, and campaigns need it.
    InUse,
    /// It does not fit its schema.
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

    /// The reason as it stands in a condition.
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

/// What Kore said of the credentials when they were last used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It accepted them.
    Accepted,
    /// It refused them, with these words.
    Refused(String),
}

/// What is known of a connection.
pub struct Known<'a> {
    /// Why there are no credentials, if there are none.
    pub problem: Option<&'a Problem>,
    /// What looks wrong with them and may be right, in sentences.
    pub encoded: &'a [&'static str],
    /// What Kore said of them, if it was asked since the operator started or they changed.
    pub verdict: Option<&'a Verdict>,
    /// How many campaigns use it.
    pub campaigns: usize,
    /// What else holds it.
    pub held: Option<&'a str>,
    /// The Secrets that carry our finalizer for it.
    pub secrets_in_use: &'a [String],
    /// The streams that have campaigns which no VoiceCampaign names.
    pub streams: Vec<StreamStatus>,
}

/// The status of a connection of which this is known.
pub fn of(connection: &KoreConnection, known: &Known<'_>, now: Timestamp) -> KoreConnectionStatus {
    let stored = connection.status.clone().unwrap_or_default();
    let (ready, phase, reason, message) = describe(connection, known, &stored);
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
    KoreConnectionStatus {
        observed_generation: connection.metadata.generation,
        conditions: [Some(condition("Ready", ready)), phase].into_iter().flatten().collect(),
        campaigns: i32::try_from(known.campaigns).unwrap_or(i32::MAX),
        secrets_in_use: known.secrets_in_use.to_vec(),
        streams: known.streams.clone(),
    }
}

type Description = (&'static str, Option<&'static str>, ConnectionReason, String);

fn describe(connection: &KoreConnection, known: &Known<'_>, stored: &KoreConnectionStatus) -> Description {
    let campaigns = known.campaigns;
    if connection.metadata.deletion_timestamp.is_some() && campaigns > 0 {
        let message = format!(
            "The connection is being deleted. It is held, with its Secret, for {campaigns} VoiceCampaigns that could not be \
             deleted in Kore without it, and goes when they are gone."
        );
        return ("False", Some("Reconciling"), ConnectionReason::InUse, message);
    }
    if let (true, Some(why)) = (connection.metadata.deletion_timestamp.is_some(), known.held) {
        let message = format!("The connection is being deleted, and can't be let go: {why}.");
        return ("False", Some("Reconciling"), ConnectionReason::InUse, message);
    }
    if let Some(problem) = known.problem {
        return ("False", Some("Stalled"), reason_of(problem), problem.to_string());
    }
    match known.verdict {
        Some(Verdict::Accepted) => accepted(),
        Some(Verdict::Refused(words)) => {
            // It may look so and be right: it is worth a word only when it was refused.
            let hints: String = known.encoded.iter().map(|hint| format!(" {hint}")).collect();
            let message = format!(
                "Kore refused the credentials: {words}. Check the keys clientId and clientSecret of the Secret, that the JWT \
                 app is published and has the scope Campaign Management, and that the clocks agree.{hints}"
            );
            ("False", Some("Stalled"), ConnectionReason::CredentialsRejected, message)
        }
        // After a restart, what was known before it still holds; unless the connection has changed since.
        None => told(connection, stored).unwrap_or_else(|| {
            let message = "The credentials are there; Kore has not been asked with them yet.".to_owned();
            // Whoever waits for it before he creates the first campaign must not wait for ever.
            ("True", None, ConnectionReason::CredentialsNotTried, message)
        }),
    }
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

/// Whether there are no credentials for a connection, or Kore has refused them, as far as is known.
pub(super) fn is_refused(connection: &KoreConnection, verdict: Option<&Verdict>) -> bool {
    let says = |reason| says(connection, reason);
    match verdict {
        Some(Verdict::Refused(_)) => true,
        Some(Verdict::Accepted) => says(ConnectionReason::CredentialsMissing),
        None => says(ConnectionReason::CredentialsMissing) || says(ConnectionReason::CredentialsRejected),
    }
}

/// Whether Kore has accepted the credentials of a connection, as far as is known.
pub(super) fn is_accepted(connection: &KoreConnection, verdict: Option<&Verdict>) -> bool {
    match verdict {
        Some(verdict) => *verdict == Verdict::Accepted,
        None => says(connection, ConnectionReason::CredentialsAccepted),
    }
}

/// Whether the status of a connection has this reason, for what is now in its spec.
fn says(connection: &KoreConnection, reason: ConnectionReason) -> bool {
    let stored = connection.status.as_ref();
    let stored = stored.filter(|status| status.observed_generation == connection.metadata.generation);
    let mut conditions = stored.into_iter().flat_map(|status| &status.conditions);
    conditions.any(|condition| condition.type_ == "Ready" && condition.reason == reason.as_str())
}

fn accepted() -> Description {
    let message = "Kore has accepted the credentials.".to_owned();
    ("True", None, ConnectionReason::CredentialsAccepted, message)
}

fn told(connection: &KoreConnection, stored: &KoreConnectionStatus) -> Option<Description> {
    let ready = stored.conditions.iter().find(|condition| condition.type_ == "Ready")?;
    if stored.observed_generation != connection.metadata.generation {
        return None;
    }
    let refused = ConnectionReason::CredentialsRejected;
    match ready.reason.as_str() {
        "CredentialsAccepted" => Some(accepted()),
        "CredentialsRejected" => Some(("False", Some("Stalled"), refused, ready.message.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What looks wrong may be right: it is told when Kore has refused it, and not before.
    #[test]
    fn a_refused_secret_that_looks_wrong_is_told() {
        let connection: KoreConnection = serde_json::from_value(serde_json::json!({
            "apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection", "metadata": {"name": "production"},
            "spec": {"host": "https://platform.kore.ai", "accountId": "a", "credentialsSecretRef": {"name": "kore-jwt-app"}},
        }))
        .unwrap();
        let message = |verdict: &Verdict, encoded: &[&'static str]| {
            let (problem, verdict) = (None, Some(verdict));
            let known = Known {
                problem,
                encoded,
                verdict,
                campaigns: 1,
                held: None,
                secrets_in_use: &[],
                streams: Vec::new(),
            };
            of(&connection, &known, Timestamp::UNIX_EPOCH).conditions[0].message.clone()
        };
        let refused = Verdict::Refused("HTTP 401".to_owned());
        let hint = "What stands under clientSecret looks percent-encoded.";
        assert!(message(&refused, &[hint, hint]).ends_with(&format!(" {hint} {hint}")));
        assert!(!message(&refused, &[]).contains(hint));
        assert!(!message(&Verdict::Accepted, &[hint]).contains(hint));
    }
}
