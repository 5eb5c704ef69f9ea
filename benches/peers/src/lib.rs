//! What the peers share: how they start.

use kube::Client;

/// A client as kube-rs makes it.
///
/// # Errors
/// If there is no usable configuration.
pub async fn client() -> anyhow::Result<Client> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(Client::try_default().await?)
}

/// Namespace to work in.
pub fn namespace() -> String {
    std::env::var("WATCH_NAMESPACES").unwrap_or_default()
}
