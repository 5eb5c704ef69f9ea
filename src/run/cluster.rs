use std::time::Duration;

use anyhow::anyhow;
use http::HeaderValue;
use http::header::USER_AGENT;

use crate::kube_ext::without_content;

/// The cluster of `KUBECONFIG`, else of `~/.kube/config`, else the one that this process runs in.
///
/// kube-rs would retry 429, 503 and 504 up to 15 times inside one call, for minutes. The controllers retry by
/// themselves, and set a deadline for each call.
///
/// # Errors
/// If no configuration is found, or it can't be used.
pub async fn cluster() -> anyhow::Result<kube::Config> {
    let mut config = kube::Config::infer().await.map_err(|error| {
        let why = without_content(&error.to_string());
        anyhow!("no Kubernetes cluster: set KUBECONFIG, or run the operator in a cluster: {why}")
    })?;
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    // For a list on a connection whose peer is gone without a sign; watches have a shorter time-out of their
    // own.
    config.read_timeout = Some(Duration::from_secs(240));
    config.reset_reader_on_write = true;
    // Without a field manager, as in kube-rs's events, the API server takes the user agent for
    // `managedFields`.
    config.headers.push((USER_AGENT, HeaderValue::from_static(crate::USER_AGENT)));
    tracing::info!(cluster = %config.cluster_url, "Using the Kubernetes cluster");
    Ok(config)
}
