use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, ensure};
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
    for file in kubeconfigs() {
        // kube-rs panics at such a file.
        let is_cut = std::fs::read(&file).is_ok_and(|content| ends_within_a_character(&content));
        ensure!(!is_cut, "no Kubernetes cluster: the kubeconfig {} is cut UTF-16", file.display());
    }
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
    // The address may have a user and a password.
    let host = config.cluster_url.host().unwrap_or_default();
    let port = config.cluster_url.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    tracing::info!(cluster = format!("{host}{port}"), "Using the Kubernetes cluster");
    Ok(config)
}

/// The files that kube-rs reads: those of `KUBECONFIG`, or the usual one.
fn kubeconfigs() -> Vec<PathBuf> {
    let files = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let named: Vec<_> = std::env::split_paths(&files).filter(|file| !file.as_os_str().is_empty()).collect();
    if named.is_empty() {
        return std::env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect();
    }
    named
}

/// Whether a text in UTF-16 has half a character at its end.
fn ends_within_a_character(content: &[u8]) -> bool {
    matches!(content, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) && !content.len().is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_of_utf_16_is_seen() {
        for (content, is_cut) in
            [(&b"\xff\xfe\0"[..], true), (b"\xfe\xffa", true), (b"\xff\xfea\0", false), (b"a", false)]
        {
            assert_eq!(ends_within_a_character(content), is_cut);
        }
    }
}
