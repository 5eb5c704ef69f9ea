//! A real Prometheus (Debian's `prometheus`) that scrapes an operator.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::addresses::{START, free_port};
use crate::operator::Operator;
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

/// What a query had over some time.
pub struct Series {
    /// Its labels, by their names.
    pub labels: Value,
    /// Times, in seconds since 1970, and the values that are numbers.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    fn read(result: Value) -> Result<Self> {
        let point = |point: &Value| Some((point[0].as_f64()?, point[1].as_str()?.parse().ok()?));
        let values = result["values"].as_array().context("values")?;
        let points = values.iter().map(|value| point(value).context("a time and a value"));
        let mut points: Vec<(f64, f64)> = points.collect::<Result<_>>()?;
        points.retain(|point| point.1.is_finite());
        Ok(Self { points, labels: result["metric"].clone() })
    }
}

impl Prometheus {
    /// Starts one that scrapes these operators, each as a job of its own, with this file of rules. What it
    /// writes goes to the folder.
    ///
    /// # Errors
    /// If it is missing, or does not take its configuration.
    pub async fn start(folder: &Path, operators: &[&Operator], rules: &str) -> Result<Self> {
        std::fs::write(folder.join("rules.yaml"), rules)?;
        let interval = format!("{}s", INTERVAL.as_secs());
        let jobs = operators.iter().enumerate().map(|(number, operator)| {
            let target = operator.admin_url().replace("http://", "");
            json!({"job_name": format!("operator-{number}"), "honor_labels": true,
                "static_configs": [{"targets": [target]}]})
        });
        let configuration = json!({
            "global": {"scrape_interval": interval, "evaluation_interval": interval},
            "rule_files": ["rules.yaml"],
            "scrape_configs": jobs.collect::<Vec<_>>(),
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

    /// What a query had in each second of the last `seconds`.
    ///
    /// # Errors
    /// If Prometheus does not take the query.
    pub async fn query_range(&self, query: &str, seconds: u64) -> Result<Vec<Series>> {
        let end = Timestamp::now().as_second();
        let begin = end - i64::try_from(seconds)?;
        let range = [("start", begin.to_string()), ("end", end.to_string()), ("step", "1".to_owned())];
        let found = self.ask("query_range", query, &range).await?;
        found.into_iter().map(Series::read).collect()
    }

    /// The samples that a query has now.
    ///
    /// # Errors
    /// If Prometheus does not take the query.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>> {
        self.ask("query", query, &[]).await
    }

    async fn ask(&self, what: &str, query: &str, more: &[(&str, String)]) -> Result<Vec<Value>> {
        let url = format!("http://{}/api/v1/{what}", self.address);
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("query", query).extend_pairs(more);
        let request = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        let answer: Value = serde_json::from_str(&request.body(form.finish()).send().await?.text().await?)?;
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
