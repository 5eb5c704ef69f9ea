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
    let files = std::env::var_os("KUBECONFIG").unwrap_or_default();
    for file in std::env::split_paths(&files) {
        // kube-rs panics at such a file.
        let is_cut = std::fs::read(&file).is_ok_and(|content| ends_within_a_character(&content));
        ensure!(!is_cut, "no Kubernetes cluster: KUBECONFIG names {}, which is cut UTF-16", file.display());
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
    tracing::info!(cluster = %config.cluster_url, "Using the Kubernetes cluster");
    Ok(config)
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
