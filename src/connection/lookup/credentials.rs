use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use tokio::sync::Mutex;

use crate::api::KoreConnection;
use crate::connection::secret::{self, Found, SecretProblem};
use crate::kube_ext::{CallError, Kube};

/// How long credentials are kept: long enough that a thousand deletions at once read the Secret once, short
/// enough that a rotation takes effect at the next attempt.
pub const CREDENTIALS_LIFE: Duration = Duration::from_secs(5);

/// How long a failed read is returned to all who have waited for it. Otherwise each would read, and fail,
/// after the other. Shorter than any pause before a retry.
const FAILURE_LIFE: Duration = Duration::from_millis(500);

/// Namespace and name of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretName {
    namespace: String,
    name: String,
}

impl SecretName {
    /// The Secret of a connection.
    pub fn of(connection: &KoreConnection) -> Self {
        let namespace = connection.namespace().unwrap_or_default();
        Self { namespace, name: connection.spec.credentials_secret_ref.name.clone() }
    }
}

/// The result of reading a Secret; `None` before that, and again after [`CREDENTIALS_LIFE`] or
/// [`FAILURE_LIFE`].
type Cached = Option<ReadSecret>;
type ReadSecret = Result<Result<Found, SecretProblem>, CallError>;

/// The credentials in Secrets, read by name.
pub struct Credentials {
    kube: Kube,
    cache: Mutex<HashMap<SecretName, Arc<Mutex<Cached>>>>,
}

impl Credentials {
    pub fn new(kube: Kube) -> Self {
        Self { kube, cache: Mutex::default() }
    }

    /// The credentials in a Secret. Concurrent callers share one read.
    pub async fn get(&self, secret: &SecretName) -> ReadSecret {
        let entry = {
            let mut entries = self.cache.lock().await;
            // Only entries in use are kept: those with a waiting caller, or with a task that will empty them.
            entries.retain(|_, entry| Arc::strong_count(entry) > 1);
            entries.entry(secret.clone()).or_default().clone()
        };
        let mut cached = entry.lock().await;
        if let Some(read) = cached.as_ref() {
            return read.clone();
        }
        let read = self.read(secret).await;
        *cached = Some(read.clone());
        // They stay in memory for a short time only.
        let (expiring, life) = (entry.clone(), if read.is_ok() { CREDENTIALS_LIFE } else { FAILURE_LIFE });
        tokio::spawn(async move {
            tokio::time::sleep(life).await;
            *expiring.lock().await = None;
        });
        read
    }

    /// Reads a Secret, past the cache.
    pub async fn read(&self, secret: &SecretName) -> ReadSecret {
        match self.kube.find::<Secret>(&secret.namespace, &secret.name).await {
            Ok(Some(secret)) => Ok(secret::read(secret)),
            Ok(None) => Ok(Err(SecretProblem::NotFound)),
            Err(CallError::Forbidden(_)) => Ok(Err(SecretProblem::Forbidden)),
            Err(error) => Err(error),
        }
    }

    /// Forgets a Secret, so that the next caller reads it again.
    pub async fn forget(&self, secret: &SecretName) {
        self.cache.lock().await.remove(secret);
    }

    /// Forgets that a Secret provided no credentials.
    pub async fn forget_problem(&self, secret: &SecretName) {
        let entry = self.cache.lock().await.get(secret).cloned();
        if let Some(entry) = entry {
            entry.lock().await.take_if(|cached| !matches!(cached, Ok(Ok(_))));
        }
    }
}
