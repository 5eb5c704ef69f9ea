use super::secret::{Flaw, SecretProblem};
use crate::api::{KoreConnection, Reason};

/// Why a connection can't be used. The text says what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The connection does not exist.
    #[error("The KoreConnection {name} does not exist in this namespace. Create it.")]
    ConnectionNotFound {
        /// Name of the KoreConnection.
        name: String,
    },
    /// The connection does not fit its schema.
    #[error(
        "The KoreConnection {name} does not fit its schema: {why}. Correct the KoreConnection (docs/koreconnection.md says how), and apply it with the current CustomResourceDefinition."
    )]
    ConnectionInvalid {
        /// Name of the KoreConnection.
        name: String,
        /// The error of the deserialization.
        why: String,
    },
    /// The connection, or another one of its account, belongs to another instance of the operator.
    #[error(
        "The labels of the KoreConnection {name} do not match the selector of this operator instance ({selector}). Only one instance may call an account: give every KoreConnection of the account the labels of its VoiceCampaigns."
    )]
    NotSelected {
        /// Name of the KoreConnection; with its namespace, if it is another one than the campaign's.
        name: String,
        /// The selector of this instance.
        selector: String,
    },
    /// The operator may not send tokens to the host.
    #[error(
        "The operator is not allowed to call the host {host} of the KoreConnection {connection}, and sends nothing there. Ask the administrator of the operator to add the host to allowedHosts (flag --allowed-hosts)."
    )]
    HostNotAllowed {
        /// Name of the KoreConnection.
        connection: String,
        /// Its host.
        host: String,
    },
    /// The connection leads to another account than that of the campaign.
    #[error(
        "The campaign is in the account {was}, but the KoreConnection {connection} leads to the account {now}, whose answers prove nothing about the campaign. Remove the connection by force (docs/koreconnection.md says how) and create it with its former host and accountId; or, if Kore renamed the host, add the former one to formerHosts."
    )]
    AccountChanged {
        /// Name of the KoreConnection.
        connection: String,
        /// The account of the campaign.
        was: String,
        /// The account of the connection.
        now: String,
    },
    /// The Secret does not exist.
    #[error(
        "The Secret {secret} of the KoreConnection {connection} does not exist in this namespace. Create it with the keys clientId and clientSecret of a Kore JWT app."
    )]
    SecretNotFound {
        /// Name of the KoreConnection.
        connection: String,
        /// Name of the Secret.
        secret: String,
    },
    /// The Secret lacks a key, or the value is empty.
    #[error("The Secret {secret} has no value for the key {key}. Copy the value from the JWT app in Kore.")]
    KeyMissing {
        /// Name of the Secret.
        secret: String,
        /// The key.
        key: &'static str,
    },
    /// The Secret has a key with another spelling.
    #[error("The Secret {secret} has the key {found}; it must be {key}. Rename the key.")]
    KeyMisspelled {
        /// Name of the Secret.
        secret: String,
        /// The required key.
        key: &'static str,
        /// The key in the Secret.
        found: String,
    },
    /// The value of a key can't be right.
    #[error(
        "The value of the key {key} in the Secret {secret} {flaw}. Copy the value from the JWT app in Kore."
    )]
    ValueUnusable {
        /// Name of the Secret.
        secret: String,
        /// The key.
        key: &'static str,
        /// The flaw of the value.
        flaw: Flaw,
    },
    /// The operator may not read the Secret.
    #[error(
        "The operator is not allowed to read the Secret {secret}. Ask the administrator of the operator: the operator's role needs the verb get on secrets in this namespace."
    )]
    SecretForbidden {
        /// Name of the Secret.
        secret: String,
    },
}

impl Problem {
    /// The problem of a connection whose Secret provides no credentials.
    pub(super) fn of_secret(problem: SecretProblem, connection: &KoreConnection) -> Self {
        let secret = connection.spec.credentials_secret_ref.name.clone();
        match problem {
            SecretProblem::NotFound => Self::SecretNotFound {
                connection: connection.metadata.name.clone().unwrap_or_default(),
                secret,
            },
            SecretProblem::Forbidden => Self::SecretForbidden { secret },
            SecretProblem::KeyMissing(key) => Self::KeyMissing { secret, key },
            SecretProblem::KeyMisspelled { key, found } => Self::KeyMisspelled { secret, key, found },
            SecretProblem::Unusable(key, flaw) => Self::ValueUnusable { secret, key, flaw },
        }
    }
}

impl From<&Problem> for Reason {
    fn from(problem: &Problem) -> Self {
        match problem {
            Problem::ConnectionNotFound { .. } => Self::ConnectionNotFound,
            Problem::ConnectionInvalid { .. } => Self::ConnectionInvalid,
            Problem::NotSelected { .. } => Self::NotSelected,
            Problem::HostNotAllowed { .. } => Self::HostNotAllowed,
            Problem::AccountChanged { .. } => Self::AccountChanged,
            Problem::SecretNotFound { .. }
            | Problem::KeyMissing { .. }
            | Problem::KeyMisspelled { .. }
            | Problem::ValueUnusable { .. }
            | Problem::SecretForbidden { .. } => Self::CredentialsMissing,
        }
    }
}
