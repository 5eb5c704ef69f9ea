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
    /// The connection is being deleted, and campaigns need it.
    InUse,
    /// It does not fit its schema.
    Invalid,
}

impl ConnectionReason {
    /// Every reason, for the documents and their test.
    pub const ALL: [Self; 6] = [
        Self::CredentialsAccepted,
        Self::CredentialsNotTried,
        Self::CredentialsMissing,
        Self::CredentialsRejected,
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
        return ("False", Some("Stalled"), ConnectionReason::CredentialsMissing, problem.to_string());
    }
    match known.verdict {
        Some(Verdict::Accepted) => accepted(),
        Some(Verdict::Refused(words)) => {
            let message = format!(
                "Kore refused the credentials: {words}. Check the keys clientId and clientSecret of the Secret, that the JWT \
                 app is published and has the scope Campaign Management, and that the clocks agree."
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
