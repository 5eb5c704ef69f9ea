//! Whose credentials a campaign is deleted with: from `connectionRef` over the KoreConnection to the Secret.
//!
//! ```text
//!   resolve.rs    a campaign's connection from the cache, its Secret by name; kept for seconds
//!   secret.rs     what the Secret holds (pure)
//!   allowed.rs    the hosts that tokens may be sent to (pure)
//!   renames.rs    hosts that are one, because an environment was renamed (pure)
//!   users.rs      who uses which connection ─┐
//!   keep.rs       the finalizer `in-use`  ◀──┴── reconcile.rs, the controller of KoreConnections ──▶ status.rs (pure)
//! ```
//!
//! KoreConnections are watched. Secrets never are: one is read by name when it is needed.

mod allowed;
mod keep;
mod reconcile;
mod renames;
mod resolve;
mod secret;
mod status;
mod users;

pub use allowed::AllowedHosts;
pub use keep::{IN_USE, Keeper, Unneeded, is_held, raw_secrets_of};
pub use reconcile::{Context, Memory, Watched, error_policy, gone, reconcile, what_matters};
pub use renames::Renames;
pub use resolve::{CREDENTIALS_LIFE, Connections, Standing};
pub use secret::Flaw;
pub use status::{ConnectionReason, Known, Verdict, of as status_of};
pub use users::{ConnectionKey, Users};

use crate::api::AccountReference;
use crate::kore::{Account, Target, normal_host};

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
    /// The hosts under which the account was reachable before, as the connection says.
    pub former_hosts: Vec<String>,
}

impl UsableConnection {
    /// The account as a status names it: by the host that is called.
    pub fn account(&self) -> AccountReference {
        let Account { host, account_id } =
            Account::new(&self.target.address, &self.target.account.account_id);
        AccountReference { host, account_id }
    }

    /// Whether it leads to an account that a status names: by its own word, whatever other connections say.
    pub fn leads_to(&self, account: &AccountReference) -> bool {
        let AccountReference { host, account_id } = account;
        let hosts = self.former_hosts.iter().chain([&self.target.address]);
        *account_id == self.target.account.account_id
            && hosts.map(|own| normal_host(own)).any(|own| own == normal_host(host))
    }
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
    /// Tokens may not be sent to its host.
    #[error(
        "The host {host} of the KoreConnection {connection} is not one that the operator may call (--allowed-hosts); nothing is sent there. Have the administrator of the operator allow it, or set spec.deletionPolicy to Orphan to leave the campaign in Kore."
    )]
    HostNotAllowed {
        /// Name of the KoreConnection.
        connection: String,
        /// Its host.
        host: String,
    },
    /// It is of another account than the campaign.
    #[error(
        "The campaign is in the account {was}, and the KoreConnection {connection} is of the account {now}. What Kore says there proves nothing: create the connection again as it was; if its environment was renamed, list the old host in formerHosts; or set spec.deletionPolicy to Orphan to leave the campaign in Kore."
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
