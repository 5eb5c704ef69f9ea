//! Names of resources, for the completion of a command line.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::engine::CompletionCandidate;
use kube::ResourceExt;
use voicecampaign_operator::api::VoiceCampaign;
use voicecampaign_operator::kube_ext::Dated;

use crate::cluster::{Cluster, ClusterArgs, Scope};

/// Longest wait for the names: somebody has pressed the tabulator.
const PATIENCE: Duration = Duration::from_secs(2);

/// The names of the VoiceCampaigns that begin so, in the namespace that the command line names. None, if they
/// can't be read in time.
pub fn names(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    let arguments: Vec<String> = std::env::args().collect();
    let value = |options: &[&str]| options.iter().find_map(|option| value_of(&arguments, option));
    let cluster = ClusterArgs {
        kubeconfig: value(&["--kubeconfig"]).map(Into::into),
        context: value(&["--context"]),
        namespace: value(&["-n", "--namespace"]),
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let read = runtime.block_on(async { tokio::time::timeout(PATIENCE, read(&cluster)).await });
    let read = read.ok().and_then(Result::ok).unwrap_or_default();
    read.into_iter().filter(|name| name.starts_with(current)).map(CompletionCandidate::new).collect()
}

/// The value of an option: `-n x`, `-nx`, `--namespace x` or `--namespace=x`.
fn value_of(arguments: &[String], option: &str) -> Option<String> {
    arguments.iter().zip(1..).find_map(|(argument, next)| match argument.strip_prefix(option)? {
        "" => arguments.get(next).cloned(),
        joined if option.starts_with("--") => joined.strip_prefix('=').map(str::to_owned),
        joined => Some(joined.trim_start_matches('=').to_owned()),
    })
}

async fn read(cluster: &ClusterArgs) -> anyhow::Result<Vec<String>> {
    let cluster = Cluster::connect(cluster).await?;
    let mut names = Vec::new();
    let scope = Scope::Namespace(cluster.namespace().to_owned());
    cluster.each(&scope, None, |object: Dated<VoiceCampaign>| names.push(object.name_any())).await?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_of_a_command_line_is_found_however_it_is_written() {
        for line in [&["-n", "a"][..], &["-na"], &["-n=a"], &["--namespace", "a"], &["--namespace=a"]] {
            let line: Vec<_> = line.iter().map(|word| (*word).to_owned()).collect();
            let found = ["-n", "--namespace"].iter().find_map(|option| value_of(&line, option));
            assert_eq!(found.as_deref(), Some("a"), "{line:?}");
        }
        assert_eq!(value_of(&["--namespaces".to_owned(), "a".to_owned()], "--namespace"), None);
    }
}
