use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;

use super::brake::Brake;
use super::problem::Problem;
use super::secret::{self, SecretProblem};
use crate::api::{AccountReference, JwtAlgorithm, KoreConnection};
use crate::kore::{Account, Algorithm, Credentials, Target, TokenSettings, normal_host};

/// What a pass knows of the connection of its campaign.
#[derive(Clone, Debug)]
pub enum Connection {
    /// The pass has not resolved it yet.
    NotLookedUp,
    /// It can't be used until somebody fixes the problem.
    Unusable(Problem),
    /// It can be used.
    Usable(Box<UsableConnection>),
}

/// A connection that can be used.
#[derive(Clone, Debug)]
pub struct UsableConnection {
    /// Everything needed to call Kore.
    pub target: Target,
    /// Name of the Secret with the credentials.
    pub secret: String,
    /// Most calls in any 60 seconds.
    pub requests_per_minute: usize,
    /// Former hosts of the account, as the connection lists them.
    pub former_hosts: Vec<String>,
    /// Its brake, if it has one.
    pub brake: Option<Arc<Brake>>,
}

impl UsableConnection {
    /// A connection with its credentials. Its calls are counted under this account.
    pub fn new(connection: &KoreConnection, account: Account, credentials: Credentials) -> Self {
        let spec = &connection.spec;
        let seconds = |number: i32| Duration::from_secs(u64::try_from(number).unwrap_or(1).max(1));
        Self {
            requests_per_minute: requests_per_minute(connection),
            secret: spec.credentials_secret_ref.name.clone(),
            former_hosts: spec.former_hosts.clone(),
            brake: Brake::of(connection).map(Arc::new),
            target: Target {
                account,
                address: spec.host.clone(),
                iid: spec.iid.clone(),
                timeout: seconds(spec.timeout_seconds),
                token: TokenSettings {
                    algorithm: match spec.jwt.algorithm {
                        JwtAlgorithm::HS256 => Algorithm::HS256,
                        JwtAlgorithm::HS512 => Algorithm::HS512,
                    },
                    subject: spec.jwt.subject.clone(),
                    ttl: seconds(spec.jwt.ttl_seconds),
                },
                credentials,
            },
        }
    }

    /// A connection with the credentials of its Secret; `None` if there is no such Secret. Its calls are
    /// counted under its own account.
    ///
    /// # Errors
    /// If the Secret provides no credentials.
    pub fn with_secret(connection: &KoreConnection, secret: Option<Secret>) -> Result<Self, Problem> {
        let found = secret.ok_or(SecretProblem::NotFound).and_then(secret::read);
        let found = found.map_err(|problem| Problem::of_secret(problem, connection))?;
        let account = Account::new(&connection.spec.host, &connection.spec.account_id);
        Ok(Self::new(connection, account, found.credentials))
    }

    /// The account as recorded in a status: with the host that is called.
    pub fn account(&self) -> AccountReference {
        let Account { host, account_id } =
            Account::new(&self.target.address, &self.target.account.account_id);
        AccountReference { host, account_id }
    }

    /// Whether the connection leads to an account that is recorded in a status, by its host or one of its
    /// `formerHosts`. Other connections have no say in this.
    pub fn leads_to(&self, account: &AccountReference) -> bool {
        let AccountReference { host, account_id } = account;
        let hosts = self.former_hosts.iter().chain([&self.target.address]);
        *account_id == self.target.account.account_id
            && hosts.map(|own| normal_host(own)).any(|own| own == normal_host(host))
    }
}

/// Most calls over a connection in any 60 seconds.
pub fn requests_per_minute(connection: &KoreConnection) -> usize {
    usize::try_from(connection.spec.rate_limit.requests_per_minute).unwrap_or(1).max(1)
}
