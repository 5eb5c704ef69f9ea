use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::{Connection, Problem, UsableConnection};
use crate::api::{JwtAlgorithm, KoreConnection, KoreConnectionSpec};
use crate::kore::{Account, Algorithm, Credentials, Target, TokenSettings};
use crate::kube_ext::{CallError, Kube};

/// How long credentials are kept: long enough that a thousand deletions at once read the Secret once, short enough
/// that a rotation is followed at the next attempt.
const CREDENTIALS_LIFE: Duration = Duration::from_secs(5);

/// Looks up connections and their credentials.
pub struct Connections {
    kube: Kube,
    stores: Vec<Store<DeserializeGuard<KoreConnection>>>,
    credentials: Mutex<HashMap<SecretKey, Arc<Mutex<Cached>>>>,
}

/// Namespace and name.
type SecretKey = (String, String);

/// What a Secret held when it was read; empty before that, and again after [`CREDENTIALS_LIFE`].
type Cached = Option<Result<Credentials, SecretProblem>>;

/// Why there are no credentials in a Secret.
#[derive(Clone, Copy)]
enum SecretProblem {
    NotFound,
    Forbidden,
    KeyMissing(&'static str),
}

impl Connections {
    /// Looks up in the given caches of KoreConnections; Secrets are read by name.
    pub fn new(kube: Kube, stores: Vec<Store<DeserializeGuard<KoreConnection>>>) -> Self {
        Self { kube, stores, credentials: Mutex::default() }
    }

    /// Returns when the caches have shown what there is.
    pub async fn wait_until_known(&self) {
        for store in &self.stores {
            // An error means that the watch has ended, which ends the process.
            let _ = store.wait_until_ready().await;
        }
    }

    /// The account of a connection, if the cache shows it.
    pub fn account(&self, namespace: &str, name: &str) -> Option<Account> {
        let key = ObjectRef::new(name).within(namespace);
        let connection = self.stores.iter().find_map(|store| store.get(&key))?;
        connection.0.as_ref().ok().map(|connection| account(&connection.spec))
    }

    /// The connection of this name.
    ///
    /// # Errors
    /// If the API server can't be asked; that the connection or the Secret is missing is no error.
    pub async fn resolve(&self, namespace: &str, name: &str) -> Result<Connection, CallError> {
        let connection = match self.find(namespace, name).await? {
            Ok(connection) => connection,
            Err(problem) => return Ok(Connection::Unusable(problem)),
        };
        let secret = &connection.spec.credentials_secret_ref.name;
        let credentials = self.credentials(namespace, secret).await?;
        Ok(match credentials {
            Ok(credentials) => Connection::Usable(Box::new(usable(&connection, credentials))),
            Err(problem) => Connection::Unusable(match problem {
                SecretProblem::NotFound => {
                    Problem::SecretNotFound { connection: name.to_owned(), secret: secret.clone() }
                }
                SecretProblem::Forbidden => Problem::SecretForbidden { secret: secret.clone() },
                SecretProblem::KeyMissing(key) => Problem::KeyMissing { secret: secret.clone(), key },
            }),
        })
    }

    /// Forgets the credentials of a connection, so that the next attempt reads them anew.
    pub async fn forget(&self, namespace: &str, name: &str) {
        if let Ok(Ok(connection)) = self.find(namespace, name).await {
            let key = (namespace.to_owned(), connection.spec.credentials_secret_ref.name);
            self.credentials.lock().await.remove(&key);
        }
    }

    async fn find(&self, namespace: &str, name: &str) -> Result<Result<KoreConnection, Problem>, CallError> {
        let key = ObjectRef::new(name).within(namespace);
        let cached = self.stores.iter().find_map(|store| store.get(&key));
        // The cache may lag behind: a connection that was applied together with its campaigns is no missing one.
        let found = match cached {
            Some(found) => Some(found),
            None => {
                let found = self.kube.find::<DeserializeGuard<KoreConnection>>(namespace, name).await?;
                found.map(Arc::new)
            }
        };
        Ok(match found.as_deref() {
            None => Err(Problem::ConnectionNotFound { name: name.to_owned() }),
            Some(DeserializeGuard(Ok(connection))) => Ok(connection.clone()),
            Some(DeserializeGuard(Err(invalid))) => {
                Err(Problem::ConnectionInvalid { name: name.to_owned(), why: invalid.error.clone() })
            }
        })
    }

    /// The credentials in a Secret; concurrent callers share one read.
    async fn credentials(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Result<Credentials, SecretProblem>, CallError> {
        let entry = {
            let mut entries = self.credentials.lock().await;
            // Expired: nobody waits for it, and nothing is going to empty it.
            entries.retain(|_, entry| Arc::strong_count(entry) > 1);
            entries.entry((namespace.to_owned(), name.to_owned())).or_default().clone()
        };
        let mut cached = entry.lock().await;
        if let Some(secret) = cached.as_ref() {
            return Ok(secret.clone());
        }
        let secret = match self.kube.find::<Secret>(namespace, name).await {
            Ok(Some(secret)) => read_keys(secret),
            Ok(None) => Err(SecretProblem::NotFound),
            Err(CallError::Forbidden(_)) => Err(SecretProblem::Forbidden),
            Err(error) => return Err(error),
        };
        *cached = Some(secret.clone());
        // They do not stay in memory longer than they are used.
        let expiring = entry.clone();
        tokio::spawn(async move {
            tokio::time::sleep(CREDENTIALS_LIFE).await;
            *expiring.lock().await = None;
        });
        Ok(secret)
    }
}

fn read_keys(mut secret: Secret) -> Result<Credentials, SecretProblem> {
    let mut data = secret.data.take().unwrap_or_default();
    let value = |key: &'static str| {
        let found = data
            .get(key)
            .and_then(|bytes| std::str::from_utf8(&bytes.0).ok())
            // `echo secret | base64` adds a newline, and nobody sees it.
            .map(|text| SecretString::from(text.trim()));
        found.filter(|value| !value.expose_secret().is_empty()).ok_or(SecretProblem::KeyMissing(key))
    };
    let credentials = (value("clientId"), value("clientSecret"));
    data.values_mut().for_each(|ByteString(bytes)| bytes.zeroize());
    Ok(Credentials { client_id: credentials.0?, client_secret: credentials.1? })
}

fn account(spec: &KoreConnectionSpec) -> Account {
    Account { host: spec.host.clone(), account_id: spec.account_id.clone() }
}

fn usable(connection: &KoreConnection, credentials: Credentials) -> UsableConnection {
    let spec = &connection.spec;
    let seconds = |number: i32| Duration::from_secs(u64::try_from(number).unwrap_or(1).max(1));
    UsableConnection {
        requests_per_minute: usize::try_from(spec.rate_limit.requests_per_minute).unwrap_or(1).max(1),
        target: Target {
            account: account(spec),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(pairs: &[(&str, &str)]) -> Secret {
        let data =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
        Secret { data: Some(data.collect()), ..Secret::default() }
    }

    #[test]
    fn a_missing_or_empty_key_is_named() {
        let missing = |pairs: &[_]| match read_keys(secret(pairs)) {
            Err(SecretProblem::KeyMissing(key)) => key,
            _ => panic!("should be refused"),
        };
        assert_eq!(missing(&[("clientId", "a")]), "clientSecret");
        assert_eq!(missing(&[("clientSecret", "a")]), "clientId");
        assert_eq!(missing(&[("clientId", "a"), ("clientSecret", " \n")]), "clientSecret");
        assert_eq!(missing(&[]), "clientId");
    }

    /// `echo secret | base64` is how many Secrets are made.
    #[test]
    fn a_trailing_newline_is_not_part_of_the_secret() {
        let Ok(credentials) = read_keys(secret(&[("clientId", "a\n"), ("clientSecret", "b\n")])) else {
            panic!()
        };
        assert_eq!(credentials.client_id.expose_secret(), "a");
        assert_eq!(credentials.client_secret.expose_secret(), "b");
    }
}
