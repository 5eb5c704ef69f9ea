//! A real Prometheus (Debian's `prometheus`) that scrapes an operator.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::addresses::{START, free_port};
use crate::process::Process;

/// How often it scrapes, and evaluates its rules.
pub const INTERVAL: Duration = Duration::from_secs(1);
const MISSING: &str =
    "prometheus can't be run, so NOTHING WAS CHECKED: install it (apt-get install prometheus)";

/// A running Prometheus. Dropping it kills it.
pub struct Prometheus {
    process: Process,
    address: String,
    http: reqwest::Client,
}

impl Prometheus {
    /// Starts one that scrapes this address (host and port), with this file of rules. What it writes goes to
    /// the folder.
    ///
    /// # Errors
    /// If it is missing, or does not take its configuration.
    pub async fn start(folder: &Path, target: &str, rules: &str) -> Result<Self> {
        std::fs::write(folder.join("rules.yaml"), rules)?;
        let interval = format!("{}s", INTERVAL.as_secs());
        let configuration = json!({
            "global": {"scrape_interval": interval, "evaluation_interval": interval},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{
                "job_name": "voicecampaign-operator", "honor_labels": true,
                "static_configs": [{"targets": [target]}],
            }],
        });
        std::fs::write(folder.join("prometheus.yaml"), configuration.to_string())?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", folder.join("prometheus.yaml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address={address}"));
        let process = Process::start("prometheus", command, folder).context(MISSING)?;
        let http = reqwest::Client::builder().no_proxy().timeout(START).build()?;
        let mut prometheus = Self { process, address, http };
        prometheus.wait_until_ready().await?;
        Ok(prometheus)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let begun = std::time::Instant::now();
        loop {
            self.process.assert_running()?;
            let ready = self.http.get(format!("http://{}/-/ready", self.address)).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(begun.elapsed() < START, "prometheus is not ready: {}", self.process.output());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The samples that a query has now.
    ///
    /// # Errors
    /// If Prometheus does not take the query.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>> {
        let url = format!("http://{}/api/v1/query", self.address);
        let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
        let request =
            self.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer: Value = serde_json::from_str(&request.send().await?.text().await?)?;
        ensure!(answer["status"] == "success", "prometheus does not take the query {query}: {answer}");
        Ok(answer["data"]["result"].as_array().context("a result")?.clone())
    }

    /// The alerts that fire now, by their names.
    ///
    /// # Errors
    /// See [`Self::query`].
    pub async fn firing(&self) -> Result<Vec<Value>> {
        let firing = self.query(r#"ALERTS{alertstate="firing"}"#).await?;
        Ok(firing.into_iter().map(|sample| sample["metric"].clone()).collect())
    }
}
