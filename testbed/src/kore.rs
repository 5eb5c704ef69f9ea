//! The simulated Kore as a process, and its control endpoint.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use kore_simulator::{Behaviour, CampaignKey, Entry, Fault};
use serde_json::{Value, json};

use crate::process::Process;
use crate::{binaries, wait};

/// A running simulator.
#[derive(Debug)]
pub struct Kore {
    process: Process,
    url: String,
    http: reqwest::Client,
}

impl Kore {
    /// Starts it with one JWT app.
    ///
    /// # Errors
    /// If it can't be built or does not come up.
    pub async fn start(
        client_id: &str,
        client_secret: &str,
        behaviour: &Behaviour,
        folder: &Path,
    ) -> Result<Self> {
        let mut command = Command::new(binaries::workspace("kore-simulator")?);
        command.arg(format!("--app={client_id}:{client_secret}"));
        command.arg(format!("--behaviour={}", serde_json::to_string(behaviour)?));
        // There may be another one, with the same log.
        let earlier = std::fs::metadata(folder.join("kore-simulator.log")).map_or(0, |log| log.len());
        let mut process = Process::start("kore-simulator", command, folder)?;
        let url = wait::until("the simulator serves", Duration::from_secs(10), || {
            process.assert_running()?;
            let output = process.output();
            let own = output.get(usize::try_from(earlier)?..).unwrap_or_default();
            Ok(own.lines().next().filter(|line| line.starts_with("http://")).map(ToOwned::to_owned))
        })?;
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Ok(Self { process, url, http: reqwest::Client::builder().no_proxy().build()? })
    }

    /// Base address, for `spec.host`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// Puts campaigns there; `fields` differ from the sample of the documents.
    ///
    /// # Errors
    /// If the simulator does not answer.
    pub async fn seed(&self, campaigns: &[CampaignKey], fields: &Value) -> Result<()> {
        let seeds: Vec<Value> = campaigns
            .iter()
            .map(|key| {
                json!({"accountId": key.account_id, "streamId": key.stream_id, "campaignId": key.campaign_id, "fields": fields})
            })
            .collect();
        self.send(reqwest::Method::POST, "campaigns", Some(json!(seeds))).await.map(|_| ())
    }

    /// Adds a fault.
    ///
    /// # Errors
    /// If the simulator does not answer.
    pub async fn add_fault(&self, fault: &Fault) -> Result<()> {
        self.send(reqwest::Method::POST, "faults", Some(serde_json::to_value(fault)?)).await.map(|_| ())
    }

    /// Ends all faults.
    ///
    /// # Errors
    /// If the simulator does not answer.
    pub async fn clear_faults(&self) -> Result<()> {
        self.send(reqwest::Method::DELETE, "faults", None).await.map(|_| ())
    }

    /// Every request so far.
    ///
    /// # Errors
    /// If the simulator does not answer.
    pub async fn journal(&self) -> Result<Vec<Entry>> {
        self.journal_from(0).await
    }

    /// The requests after so many.
    ///
    /// # Errors
    /// If the simulator does not answer.
    pub async fn journal_from(&self, number: usize) -> Result<Vec<Entry>> {
        let path = format!("journal?from={number}");
        Ok(serde_json::from_str(&self.send(reqwest::Method::GET, &path, None).await?)?)
    }

    /// How many requests there were so far.
    ///
    /// # Errors
    /// If the simulator does not answer.
    pub async fn received(&self) -> Result<usize> {
        Ok(self.send(reqwest::Method::GET, "journal/length", None).await?.parse()?)
    }

    /// Every campaign that is there.
    ///
    /// # Errors
    /// If the simulator does not answer.
    pub async fn campaigns(&self) -> Result<Vec<CampaignKey>> {
        Ok(serde_json::from_str(&self.send(reqwest::Method::GET, "campaigns", None).await?)?)
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Result<String> {
        let mut request = self.http.request(method, format!("{}/_control/{path}", self.url));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await?.error_for_status()?;
        response.text().await.context("the simulator's answer was cut")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_in_one_folder_are_two() {
        let folder = tempfile::tempdir().unwrap();
        let start =
            async || Kore::start("cs-1", "secret", &Behaviour::default(), folder.path()).await.unwrap();
        let (first, second) = (start().await, start().await);
        assert_ne!(first.url(), second.url());
        let campaign =
            CampaignKey { account_id: "acc-1".into(), stream_id: "st-1".into(), campaign_id: "cd-1".into() };
        second.seed(std::slice::from_ref(&campaign), &json!({})).await.unwrap();
        assert_eq!(first.campaigns().await.unwrap(), []);
        assert_eq!(second.campaigns().await.unwrap(), [campaign]);
    }
}
