//! What a call is made for: the account, the campaign, and everything needed to make the call.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::time::Duration;

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::host::normal_host;
use super::token::{Credentials, TokenSettings};

/// An account of Kore: the unit of its rate limits. [`Account::new`] makes one that can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// Base address in its normal form, as `https://platform.kore.ai`; see [`normal_host`].
    pub host: String,
    /// Account identifier, sent as header and query parameter `accountId`.
    pub account_id: String,
}

impl Account {
    /// The account with this identifier at a base address in any spelling.
    pub fn new(host: &str, account_id: &str) -> Self {
        Self { host: normal_host(host), account_id: account_id.to_owned() }
    }
}

/// A campaign within an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CampaignKey {
    /// Stream (bot, app) identifier.
    pub stream_id: String,
    /// Campaign identifier.
    pub campaign_id: String,
}

/// Everything needed to call Kore for one account.
#[derive(Clone, Debug)]
pub struct Target {
    /// The account that the calls are made for.
    pub account: Account,
    /// Base address to call, spelled as in the connection: resolvers and proxies treat a trailing dot
    /// specially.
    pub address: String,
    /// Value of the header `iid`; if `None`, the stream identifier is sent.
    pub iid: Option<String>,
    /// Deadline of one call, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// How tokens are made.
    pub token: TokenSettings,
    /// Credentials of the JWT app that signs the tokens.
    pub credentials: Credentials,
}

/// Fingerprint of host, account, `iid` and client ID: the caller as Kore sees it. Two reads are evidence
/// together only if their identities are the same. The client secret is left out, because rotating the secret
/// leaves the app the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(String);

impl Identity {
    /// The fingerprint: 16 hexadecimal digits, from which nothing can be read back.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Target {
    /// The identity under which Kore sees a call with this target.
    pub fn identity(&self) -> Identity {
        let (host, account_id) = (&normal_host(&self.address), &self.account.account_id);
        let iid = self.iid.as_deref().unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [host, account_id, iid, self.credentials.client_id.expose_secret()] {
            hash.update(part);
            // A separator, so that "ab", "c" and "a", "bc" have different hashes.
            hash.update([0]);
        }
        Identity(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Hash of everything that goes into a token, with a seed of this process. Callers with another secret or
    /// subject have another hash, so they do not share what these credentials were used to read.
    pub fn credentials_hash(&self) -> u64 {
        static SEED: OnceLock<RandomState> = OnceLock::new();
        let Credentials { client_id, client_secret } = &self.credentials;
        let parts = (client_id.expose_secret(), client_secret.expose_secret(), &self.token.subject);
        SEED.get_or_init(RandomState::new).hash_one((parts, self.token.algorithm))
    }
}
