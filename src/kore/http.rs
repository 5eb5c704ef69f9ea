//! HTTP clients for Kore: which hosts are called through a proxy, and which certificates are trusted.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Deadline of connecting, within the deadline of the call. (`pacing::ARRIVES_WITHIN` is longer by
/// [`CA_CHECK_DEADLINE`].)
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shortest time between two checks of the CA file. The kubelet needs up to a minute to update a changed
/// ConfigMap.
const CA_CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Longest time that a call waits for such a check.
const CA_CHECK_DEADLINE: Duration = Duration::from_secs(1);

/// Settings of the HTTP client.
#[derive(Clone, Debug, Default)]
pub struct ClientSettings {
    /// PEM file with certificates to trust in addition to the system's.
    pub extra_ca_file: Option<PathBuf>,
}

/// Why the HTTP client can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The file with additional certificates can't be read.
    #[error("the CA file {path} can't be read")]
    ReadCa {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The file holds no certificate, or one that can't be used.
    #[error("the CA file {path} must hold one or more PEM certificates")]
    ParseCa {
        /// The file.
        path: PathBuf,
        /// Cause; `None` if the file holds no certificate.
        source: Option<reqwest::Error>,
    },
    /// TLS can't be set up, for example because the system has no certificates at all.
    #[error(
        "the HTTP client can't be built; are the system's CA certificates installed? (SSL_CERT_FILE names another bundle)"
    )]
    Client(#[source] reqwest::Error),
}

/// The HTTP clients. They are built again when the CA file changes.
pub struct Http {
    ca_file: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    clients: Clients,
    /// Content of the CA file when the clients were built.
    ca: Vec<u8>,
    checked_at: Instant,
    /// Why the changed CA file can't be used, as logged.
    unusable: Option<String>,
}

/// One client per scheme; each is a handle to a connection pool.
#[derive(Clone)]
struct Clients {
    /// For `https` only. Honours `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as reqwest reads them.
    encrypted: reqwest::Client,
    /// For `http`, which the CRD allows for loopback addresses and Services only. Never uses a proxy, which
    /// would see the token in plain text.
    plain: reqwest::Client,
}

impl Http {
    pub fn new(settings: &ClientSettings) -> Result<Self, BuildError> {
        let ca_file = settings.extra_ca_file.clone();
        let ca = ca_file.as_deref().map(read).transpose()?.unwrap_or_default();
        let clients = Clients::build(ca_file.as_deref(), &ca)?;
        let state = State { clients, ca, checked_at: Instant::now(), unusable: None };
        Ok(Self { ca_file, state: Mutex::new(state) })
    }

    /// The client for a scheme.
    pub async fn client_for(self: &Arc<Self>, scheme: &str) -> reqwest::Client {
        if let Some(path) = self.ca_file.clone()
            && self.is_due()
        {
            let this = Arc::clone(self);
            // Reading a file and building a TLS configuration block a thread; other calls must not wait for
            // that.
            let reload = tokio::task::spawn_blocking(move || this.reload(&path));
            // After a timeout (a file system hangs) or a panic, the clients stay as they are.
            drop(tokio::time::timeout(CA_CHECK_DEADLINE, reload).await);
        }
        let Clients { encrypted, plain } = self.state().clients.clone();
        if scheme == "https" { encrypted } else { plain }
    }

    /// Whether the CA file is to be checked now. Returns `true` to one caller per interval.
    fn is_due(&self) -> bool {
        let mut state = self.state();
        let due = state.checked_at.elapsed() >= CA_CHECK_INTERVAL;
        if due {
            state.checked_at = Instant::now();
        }
        due
    }

    /// Builds new clients if the CA file has changed. While the file can't be used, the old clients stay.
    fn reload(&self, path: &Path) {
        let built = match read(path) {
            Ok(ca) if ca == self.state().ca => Ok(None),
            Ok(ca) => Clients::build(Some(path), &ca).map(|clients| Some((clients, ca))),
            Err(error) => Err(error),
        };
        let mut state = self.state();
        match built {
            Ok(None) => state.unusable = None,
            Ok(Some((clients, ca))) => {
                *state = State { clients, ca, unusable: None, ..*state };
                tracing::info!(file = %path.display(), "Reloaded the changed CA file");
            }
            Err(error) => {
                let why = error.source().map_or(error.to_string(), |source| format!("{error}: {source}"));
                if state.unusable.as_ref() != Some(&why) {
                    tracing::warn!(
                        error = why,
                        "The changed CA file can't be used; the previous certificates stay trusted"
                    );
                    state.unusable = Some(why);
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients {
    fn build(ca_file: Option<&Path>, ca: &[u8]) -> Result<Self, BuildError> {
        let certificates = ca_file.map(|path| certificates(path, ca)).transpose()?.unwrap_or_default();
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .user_agent(crate::USER_AGENT)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(CONNECT_TIMEOUT)
                .tcp_keepalive(Duration::from_secs(30))
                .build()
                .map_err(BuildError::Client)
        };
        let encrypted = build(reqwest::Client::builder().https_only(true).tls_certs_merge(certificates))?;
        // Without TLS it needs no certificates; the system's would be in memory twice.
        let plain = build(reqwest::Client::builder().no_proxy().tls_certs_only([]))?;
        Ok(Self { encrypted, plain })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|source| BuildError::ReadCa { path: path.to_owned(), source })
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<reqwest::Certificate>, BuildError> {
    let unusable = |source| BuildError::ParseCa { path: path.to_owned(), source };
    let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|source| unusable(Some(source)))?;
    if certificates.is_empty() { Err(unusable(None)) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::default().self_signed(&key).unwrap().pem()
    }

    impl Http {
        async fn ca_in_use(self: &Arc<Self>) -> (Vec<u8>, bool) {
            self.client_for("https").await;
            let state = self.state();
            (state.ca.clone(), state.unusable.is_some())
        }
    }

    /// The file is checked at intervals; one that can't be used is logged, and changes nothing.
    #[tokio::test(start_paused = true)]
    async fn a_ca_file_is_reload_when_it_has_changed() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.crt");
        let [first, second] = [authority(), authority()].map(String::into_bytes);
        std::fs::write(&path, &first).unwrap();
        let http = Arc::new(Http::new(&ClientSettings { extra_ca_file: Some(path.clone()) }).unwrap());
        for unusable in
            [&b"no certificate"[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            std::fs::write(&path, unusable).unwrap();
            tokio::time::advance(CA_CHECK_INTERVAL).await;
            assert_eq!(http.ca_in_use().await, (first.clone(), true));
        }
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(CA_CHECK_INTERVAL).await;
        assert_eq!(http.ca_in_use().await, (first.clone(), true));

        // The kubelet updates a mounted file in this way: the path becomes a link to another file.
        let other = folder.path().join("..data");
        std::fs::write(&other, &second).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert_eq!(http.ca_in_use().await, (first, true), "the file is not checked on every call");
        tokio::time::advance(CA_CHECK_INTERVAL).await;
        assert_eq!(http.ca_in_use().await, (second, false));
    }
}
