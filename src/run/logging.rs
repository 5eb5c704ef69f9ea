use anyhow::Context;
use tracing_subscriber::EnvFilter;

use super::settings::{LogFormat, RunArgs};

/// kube-rs logs every failed request and every failed watch; the operator itself logs those that matter.
const QUIET: &str = "kube_client::client::builder=off,kube_runtime=error,hyper_util=warn";

/// Sets up logging to standard error.
///
/// # Errors
/// If `RUST_LOG` is invalid, or logging was set up before.
pub fn init(args: &RunArgs) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => {
            EnvFilter::try_new(directives).context("RUST_LOG is invalid")?
        }
        _ => EnvFilter::try_new(format!("{},{QUIET}", args.log_level.directive()))?,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format() {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
    }
    .map_err(anyhow::Error::from_boxed)
}

/// Sets up logging of the audit lines alone, as JSON on the standard error: for what prints everything else.
///
/// # Errors
/// If logging was set up before.
pub fn init_audit() -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("audit=info"));
    let json = builder.with_writer(std::io::stderr).json().flatten_event(true);
    json.with_current_span(false).with_span_list(false).try_init().map_err(anyhow::Error::from_boxed)
}
