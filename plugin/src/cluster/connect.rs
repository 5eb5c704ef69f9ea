use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use jiff::Timestamp;
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};
use voicecampaign_operator::kube_ext::{ServerClock, client_of, without_content};

use crate::output::object_name;

/// The program, as the API server's audit log shows it.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Which cluster, and which namespace of it.
#[derive(Args, Clone, Debug)]
pub struct ClusterArgs {
    /// Kubeconfig file; those of KUBECONFIG, else ~/.kube/config, if not set
    #[arg(long, value_name = "FILE", global = true)]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig; its current one if not set
    #[arg(long, value_name = "NAME", global = true)]
    pub context: Option<String>,

    /// Namespace; the one of the context if not set
    #[arg(short, long, value_name = "NAMESPACE", global = true, value_parser = object_name)]
    pub namespace: Option<String>,
}

/// A cluster, and the namespace that counts if none is named.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: String,
    args: ClusterArgs,
    clock: ServerClock,
}

impl Cluster {
    /// The cluster of these arguments.
    ///
    /// # Errors
    /// If there is no kubeconfig, or it can't be used. The error quotes nothing of it.
    pub async fn connect(args: &ClusterArgs) -> anyhow::Result<Self> {
        let mut config = config(args).await?;
        config.default_retry = false;
        config.connect_timeout = Some(Duration::from_secs(10));
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
        let namespace = args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = client_of(config)?;
        let clock = ServerClock::read(&client).await;
        Ok(Self { client, namespace, args: args.clone(), clock })
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The time by the clock of the API server: so it is written down when a deletion is requested.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The namespace of the arguments, else of the context.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The namespace of the arguments, if they name one.
    pub fn named_namespace(&self) -> Option<&str> {
        self.args.namespace.as_deref()
    }

    /// Where a command acts, in words.
    pub fn place(&self) -> String {
        let context = self.args.context.as_ref().map(|context| format!(" of the context {context}"));
        format!(" in the namespace {}{}", self.namespace, context.unwrap_or_default())
    }

    /// What leads a command to the same cluster, to be added to it: ` --context prod`, or nothing.
    pub fn options(&self) -> String {
        let file = self.args.kubeconfig.as_ref().map(|file| file.display().to_string());
        let options = [("--kubeconfig", file.as_deref()), ("--context", self.args.context.as_deref())];
        options
            .iter()
            .filter_map(|(option, value)| Some(format!(" {option}={}", quoted((*value)?))))
            .collect()
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

async fn config(args: &ClusterArgs) -> anyhow::Result<Config> {
    let unusable = |error: &dyn std::fmt::Display| {
        let why = without_content(&error.to_string());
        anyhow!("no Kubernetes cluster: name a kubeconfig with --kubeconfig or KUBECONFIG: {why}")
    };
    let options = KubeConfigOptions { context: args.context.clone(), cluster: None, user: None };
    match &args.kubeconfig {
        Some(file) => {
            let kubeconfig = Kubeconfig::read_from(file).map_err(|error| unusable(&error))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable(&error))
        }
        None if args.context.is_some() || has_kubeconfig() => {
            let kubeconfig = of_environment().map_err(|error| unusable(&error))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable(&error))
        }
        // In a Pod. A kubeconfig that can't be used must not lead to the cluster of the Pod.
        None => Config::incluster().map_err(|error| unusable(&error)),
    }
}

/// The kubeconfig of the environment, as kubectl reads it.
fn of_environment() -> Result<Kubeconfig, KubeconfigError> {
    let files = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let files: Vec<_> = std::env::split_paths(&files).filter(|file| !file.as_os_str().is_empty()).collect();
    if files.is_empty() { Kubeconfig::read() } else { merged(&files) }
}

/// As kubectl does it: a file that is not there counts for nothing, unless it is the only one, nor does an
/// empty name of a context.
fn merged(files: &[PathBuf]) -> Result<Kubeconfig, KubeconfigError> {
    let there = |file: &&PathBuf| files.len() == 1 || file.exists();
    files.iter().filter(there).try_fold(Kubeconfig::default(), |merged, file| {
        let mut next = Kubeconfig::read_from(file)?;
        next.current_context = next.current_context.filter(|context| !context.is_empty());
        merged.merge(next)
    })
}

fn has_kubeconfig() -> bool {
    let named = std::env::var_os("KUBECONFIG").is_some_and(|files| !files.is_empty());
    named || std::env::home_dir().is_some_and(|home| home.join(".kube/config").exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// kubectl reads such a list, and so must a command that stops an accident.
    #[test]
    fn a_kubeconfig_that_is_not_there_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let [none, first, second] = ["none", "first", "second"].map(|name| folder.path().join(name));
        std::fs::write(&first, "current-context: ''\ncontexts: [{name: a, context: {cluster: c}}]\n")
            .unwrap();
        std::fs::write(&second, "current-context: b\ncontexts: [{name: b, context: {cluster: c}}]\n")
            .unwrap();
        let read = merged(&[none.clone(), first, second]).unwrap();
        assert_eq!((read.current_context.as_deref(), read.contexts.len()), (Some("b"), 2));
        assert!(merged(&[none]).is_err());
    }

    #[test]
    fn a_command_leads_to_the_same_cluster() {
        assert_eq!(quoted("prod/eu-1"), "prod/eu-1");
        assert_eq!(quoted("it's prod; rm"), r"'it'\''s prod; rm'");
    }
}
