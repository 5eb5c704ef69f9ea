//! Whose credentials a campaign is deleted with: from `connectionRef` over the KoreConnection to the Secret.
//!
//! ```text
//!   resolve.rs    a campaign's connection from the cache, its Secret by name; kept for seconds
//!   secret.rs     what the Secret holds (pure)
//!   users.rs      who uses which connection ─┐
//!   keep.rs       the finalizer `in-use`  ◀──┴── reconcile.rs, the controller of KoreConnections ──▶ status.rs (pure)
//! ```
//!
//! KoreConnections are watched. Secrets never are: one is read by name when it is needed.

mod keep;
mod reconcile;
mod resolve;
mod secret;
mod status;
mod users;

pub use keep::{IN_USE, Keeper, Unneeded, raw_secrets_of};
pub use reconcile::{Context, Memory, Watched, error_policy, gone, reconcile, what_matters};
pub use resolve::Connections;
pub use secret::Flaw;
pub use status::{ConnectionReason, Known, Verdict, of as status_of};
pub use users::{ConnectionKey, Users};

use crate::kore::Target;

/// What is known of the connection of a campaign.
#[derive(Clone, Debug)]
pub enum Connection {
    /// It has not been looked up in this pass.
    NotLookedUp,
    /// It can't be used until somebody mends it.
    Unusable(Problem),
    /// It can be used.
    Usable(Box<UsableConnection>),
}

/// A connection that can be used.
#[derive(Clone, Debug)]
pub struct UsableConnection {
    /// Everything needed for a call.
    pub target: Target,
    /// Name of the Secret with the credentials.
    pub secret: String,
    /// Most calls in any 60 seconds.
    pub requests_per_minute: usize,
}

/// Why a connection can't be used. The text says what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// There is none of that name.
    #[error(
        "There is no KoreConnection {name} in this namespace. Create it, or set spec.deletionPolicy to Orphan to leave the campaign in Kore."
    )]
    ConnectionNotFound {
        /// Its name.
        name: String,
    },
    /// It does not fit the schema.
    #[error(
        "The KoreConnection {name} can't be read: {why}. Apply it again with the current CustomResourceDefinition."
    )]
    ConnectionInvalid {
        /// Its name.
        name: String,
        /// What does not fit.
        why: String,
    },
    /// It belongs to another instance of the operator.
    #[error(
        "The KoreConnection {name} does not have the labels that this instance of the operator works for ({selector}). An account is called by one instance only: give the connections of the account the labels of its campaigns, or set spec.deletionPolicy to Orphan to leave the campaign in Kore."
    )]
    NotSelected {
        /// Its namespace and name, or its name alone if it is the campaign's own.
        name: String,
        /// What is selected.
        selector: String,
    },
    /// It is of another account than the campaign.
    #[error(
        "The campaign is in the account {was}, and the KoreConnection {connection} is of the account {now}. What Kore says there proves nothing: create the connection again as it was, or set spec.deletionPolicy to Orphan to leave the campaign in Kore."
    )]
    AccountChanged {
        /// Name of the KoreConnection.
        connection: String,
        /// The account of the campaign.
        was: String,
        /// The account of the connection.
        now: String,
    },
    /// There is no such Secret.
    #[error(
        "The Secret {secret} that the KoreConnection {connection} names does not exist in this namespace. Create it with the keys clientId and clientSecret of a Kore JWT app, or set spec.deletionPolicy to Orphan to leave the campaign in Kore."
    )]
    SecretNotFound {
        /// Name of the KoreConnection.
        connection: String,
        /// Name of the Secret.
        secret: String,
    },
    /// The Secret lacks a key, or the key is empty.
    #[error(
        "The Secret {secret} has no value under the key {key}. Kore's JWT app shows it; add it to the Secret, or set spec.deletionPolicy to Orphan to leave the campaign in Kore."
    )]
    KeyMissing {
        /// Name of the Secret.
        secret: String,
        /// The key.
        key: &'static str,
    },
    /// The Secret has a key that is spelled otherwise.
    #[error(
        "The Secret {secret} has the key {found}; it must be {key}. Rename it, or set spec.deletionPolicy to Orphan to leave the campaign in Kore."
    )]
    KeyMisspelled {
        /// Name of the Secret.
        secret: String,
        /// The key as it must be.
        key: &'static str,
        /// The key as it is.
        found: String,
    },
    /// What the Secret has under a key can't be right.
    #[error(
        "The Secret {secret} has under the key {key} {flaw}. Kore's JWT app shows the value; mend it, or set spec.deletionPolicy to Orphan to leave the campaign in Kore."
    )]
    ValueUnusable {
        /// Name of the Secret.
        secret: String,
        /// The key.
        key: &'static str,
        /// What is wrong with the value.
        flaw: Flaw,
    },
    /// The operator may not read the Secret.
    #[error(
        "The operator is not allowed to read the Secret {secret}. Its role needs the verb get on secrets in this namespace."
    )]
    SecretForbidden {
        /// Name of the Secret.
        secret: String,
    },
}
