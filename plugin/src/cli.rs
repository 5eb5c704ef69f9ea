//! The command line. The options have the names and the meaning that they have in kubectl.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use clap_complete::engine::ArgValueCompleter;
use jiff::SignedDuration;
use voicecampaign_operator::check::DeploymentName;
use voicecampaign_operator::kube_ext::Selected;

use crate::candidates::names;
use crate::cluster::{ClusterArgs, Scope};
use crate::output::{Format, named, object_name};

/// VoiceCampaigns in a terminal: import them from Kore, see what is being deleted and why it waits, and
/// delete them with a live view.
#[derive(Debug, Parser)]
#[command(name = "kubectl-vcamp", bin_name = "kubectl vcamp", version, propagate_version = true)]
pub struct Cli {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is being deleted and what needs somebody, oldest first
    Status(StatusArgs),
    /// The same as `status --watch`, live
    Watch(WatchArgs),
    /// Show what would be deleted in Kore, ask, delete, and show how it goes
    Delete(DeleteArgs),
    /// Say in words what holds a resource, what happens next, and which command would change it
    Why(WhyArgs),
    /// Show what would become of the campaigns if these resources were deleted; changes nothing
    Plan(PlanArgs),
    /// Write a VoiceCampaign for each campaign that Kore has in an account
    Import(ImportArgs),
    /// Have the operator read the campaigns now
    Refresh(Names),
    /// Set `spec.suspend`: the operator sends no request for these campaigns, and their deletions wait
    Suspend(Names),
    /// Unset `spec.suspend`: the operator goes on
    Resume(Names),
    /// Set the policy `Orphan`: a deletion of these resources leaves their campaigns in Kore
    Orphan(OrphanArgs),
    /// Let deletions begin that the brake of a KoreConnection holds (reason `MassDeletion`)
    Approve(ApproveArgs),
    /// Say in one page whether the installation of the operator works; changes nothing
    Check(CheckArgs),
    /// Print the completion for a shell
    Completion(CompletionArgs),
}

/// Which resources of the cluster.
#[derive(Args, Clone, Debug)]
pub struct Selection {
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,

    /// Label selector, such as `team=a,tier!=test`
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = selector)]
    pub selector: Option<Selected>,
}

impl Selection {
    /// Where to look, if this namespace is the one that counts.
    pub fn scope(&self, namespace: &str) -> Scope {
        if self.all_namespaces { Scope::All } else { Scope::Namespace(namespace.to_owned()) }
    }

    /// Which these are, in words that follow a noun.
    pub fn in_words(&self, namespace: &str) -> String {
        let labels = if self.selector.is_some() { "with these labels " } else { "" };
        format!("{labels}{}", self.scope(namespace).in_words())
    }
}

/// Options of `status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    #[command(flatten)]
    pub selection: Selection,

    /// Show all resources, not only those that are being deleted or need somebody
    #[arg(long)]
    pub all: bool,

    /// Go on showing what is being deleted, until Ctrl-C or until nothing is (see `watch`)
    #[arg(short, long, conflicts_with_all = ["all", "output"])]
    pub watch: bool,

    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// Options of `watch`.
#[derive(Args, Debug)]
pub struct WatchArgs {
    #[command(flatten)]
    pub selection: Selection,
}

/// Resources of the namespace, by their names or by their labels.
#[derive(Args, Debug)]
#[group(skip)]
pub struct Whom {
    /// Names of VoiceCampaigns
    #[arg(value_name = "NAME", value_parser = named, add = ArgValueCompleter::new(names))]
    pub names: Vec<String>,

    /// Label selector, such as `team=a,tier!=test`
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = selector)]
    pub selector: Option<Selected>,
}

/// Options of `delete`.
#[derive(Args, Debug)]
#[group(skip)]
#[command(group(ArgGroup::new("what").required(true).args(["names", "selector", "filename", "kustomize"])))]
pub struct DeleteArgs {
    #[command(flatten)]
    pub whom: Whom,

    /// Manifest, or folder of manifests; `-` for the standard input; may be repeated
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,

    /// Read the folders in the folder, too
    #[arg(short = 'R', long, conflicts_with_all = ["names", "selector", "kustomize"])]
    pub recursive: bool,

    /// Folder with a kustomization, which `kubectl kustomize` builds
    #[arg(short, long, value_name = "FOLDER")]
    pub kustomize: Option<PathBuf>,

    /// Delete without asking
    #[arg(short, long)]
    pub yes: bool,

    /// Do not wait until the resources are gone
    #[arg(long)]
    pub no_wait: bool,

    /// How long to wait at most, such as `90s` or `2h`; without an end if not set
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "no_wait")]
    pub timeout: Option<std::time::Duration>,
}

/// Options of `why`.
#[derive(Args, Debug)]
pub struct WhyArgs {
    /// Name of a VoiceCampaign
    #[arg(value_name = "NAME", value_parser = named, add = ArgValueCompleter::new(names))]
    pub name: String,

    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = TextFormat::Text)]
    pub output: TextFormat,
}

/// Options of `plan`.
#[derive(Args, Debug)]
#[group(skip)]
#[command(group(ArgGroup::new("source").required(true).args(["filename", "kustomize", "selector", "what"])))]
pub struct PlanArgs {
    /// What to plan: `namespace NAME`, or `voicecampaign NAME…`
    #[arg(value_name = "KIND NAME", num_args = 2..)]
    pub what: Vec<String>,

    /// Label selector, such as `team=a,tier!=test`: VoiceCampaigns of the namespace
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = selector)]
    pub selector: Option<Selected>,

    /// Manifest, or folder of manifests; `-` for the standard input; may be repeated
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,

    /// Read the folders in the folder, too
    #[arg(short = 'R', long, conflicts_with_all = ["what", "kustomize", "selector"])]
    pub recursive: bool,

    /// Folder with a kustomization, which `kubectl kustomize` builds
    #[arg(short, long, value_name = "FOLDER")]
    pub kustomize: Option<PathBuf>,

    /// Format of the output
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub output: PlanFormat,
}

/// Options of `import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// KoreConnection whose account to read, in the namespace
    #[arg(long, value_name = "NAME")]
    pub connection: String,

    /// Stream to read; may be repeated. If not set, the streams that the connection's VoiceCampaigns and its
    /// status name: Kore has no call that lists the streams of an account
    #[arg(long, value_name = "ID")]
    pub stream: Vec<String>,

    /// Policy of the resources that are written. `Orphan` leaves the campaigns in Kore, so that nothing can
    /// be destroyed by trying it
    #[arg(long, value_enum, default_value_t = Policy::Orphan)]
    pub delete_policy: Policy,

    /// Folder to write to, with a kustomization.yaml; to the standard output if not set
    #[arg(long, value_name = "FOLDER")]
    pub kustomization: Option<PathBuf>,

    /// File with PEM certificates to trust for Kore, in addition to the system's
    #[arg(long, env = "KORE_CA_FILE", value_name = "FILE")]
    pub kore_ca_file: Option<PathBuf>,
}

/// Names of resources.
#[derive(Args, Debug)]
#[group(skip)]
#[command(group(ArgGroup::new("whom").required(true).args(["names", "selector"])))]
pub struct Names {
    #[command(flatten)]
    pub whom: Whom,
}

/// Options of `orphan`.
#[derive(Args, Debug)]
#[group(skip)]
#[command(group(ArgGroup::new("whom").required(true).args(["names", "selector", "not_begun"])))]
pub struct OrphanArgs {
    #[command(flatten)]
    pub whom: Whom,

    /// All VoiceCampaigns of this KoreConnection that are being deleted, and for which the operator has sent
    /// no DELETE yet: what its brake holds, and what waits
    #[arg(long, value_name = "CONNECTION", value_parser = object_name)]
    pub not_begun: Option<String>,

    /// Don't ask before the campaigns of `--not-begun` are left in Kore
    #[arg(long, requires = "not_begun")]
    pub yes: bool,
}

/// Options of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Deployment of the operator; all of the cluster that run one if not set
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub deployment: Option<DeploymentName>,

    /// How long what does not work may take to become well, such as `60s`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub timeout: std::time::Duration,
}

/// Options of `approve`.
#[derive(Args, Debug)]
pub struct ApproveArgs {
    /// Name of the KoreConnection
    #[arg(value_name = "CONNECTION", value_parser = object_name)]
    pub connection: String,

    /// How long from now: deletions that are requested before are approved, also those that are not requested
    /// yet; 24h at most
    #[arg(long = "for", value_name = "TIME", default_value = "1m", value_parser = duration)]
    pub time: std::time::Duration,

    /// Approve without asking
    #[arg(short, long)]
    pub yes: bool,
}

/// Options of `completion`.
#[derive(Args, Debug)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Format of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TextFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For programs
    Yaml,
}

/// Format of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    Table,
    /// For a comment on a pull request
    Markdown,
    /// For programs
    Json,
    /// For programs
    Yaml,
    /// Names only
    Name,
}

/// What becomes of a campaign with its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// It stays in Kore
    #[value(name = "Orphan", alias = "orphan")]
    Orphan,
    /// It is deleted in Kore
    #[value(name = "Delete", alias = "delete")]
    Delete,
}

/// Longest time on a command line: a year. It can be added to the time that a clock shows.
const LONGEST: SignedDuration = SignedDuration::from_hours(365 * 24);

/// An empty selector selects everything: a variable that is not set must not delete all campaigns.
fn selector(text: &str) -> Result<Selected, String> {
    match text.trim() {
        "" => Err("must not be empty: that would be all resources of the namespace".to_owned()),
        text => text.parse(),
    }
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let span: SignedDuration =
        text.parse().map_err(|_error| "must be a time, such as `90s`, `15m` or `2h`".to_owned())?;
    if span > LONGEST {
        return Err(format!("must be {} h at most", LONGEST.as_hours()));
    }
    std::time::Duration::try_from(span).map_err(|_error| "must not be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_go_together_as_in_kubectl() {
        for line in [
            &["plan", "namespace", "a", "--output", "json"][..],
            &["plan", "-f", "a", "-R", "-o", "markdown"],
            &["delete", "a", "b", "--yes", "--timeout", "90s"],
            &["delete", "-l", "a=b", "--no-wait"],
            &["delete", "-f", "a", "-R"],
            &["delete", "-k", "a", "--yes"],
            &["plan", "-l", "a=b"],
            &["orphan", "-l", "a=b"],
        ] {
            let parsed = Cli::try_parse_from([&["kubectl-vcamp"], line].concat());
            assert!(parsed.is_ok(), "{line:?}: {}", parsed.unwrap_err());
        }
        for line in [
            &["plan", "namespace", "a", "-f", "b"][..],
            &["plan", "namespace", "a", "-l", "a=b"],
            &["delete", "-k", "a", "-R"],
            &["delete", "a", "-l", "a=b"],
            &["delete", "a", "-R"],
            &["delete", "a", "--no-wait", "--timeout", "90s"],
            &["resume"],
        ] {
            assert!(Cli::try_parse_from([&["kubectl-vcamp"], line].concat()).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_wrong_value_is_refused_with_what_is_allowed() {
        let refused = |arguments: &[&str]| {
            Cli::try_parse_from([&["kubectl-vcamp"], arguments].concat()).unwrap_err().to_string()
        };
        let message = refused(&["delete", "x", "--timeout", "soon"]);
        assert!(message.contains("`90s`"), "{message}");
        let message = refused(&["approve", "x", "--for", "9223372036854775807s"]);
        assert!(message.contains("8760 h at most"), "{message}");
        let message = refused(&["status", "-o", "xml"]);
        assert!(message.contains("table, json, yaml, name"), "{message}");
        let message = refused(&["delete", "--yes"]);
        assert!(message.contains("NAME") && message.contains("--selector"), "{message}");
        for empty in ["", " "] {
            let message = refused(&["delete", "-l", empty]);
            assert!(message.contains("all resources of the namespace"), "{message}");
        }
        let message = refused(&["why", "winback/status"]);
        assert!(message.contains("`NAME`"), "{message}");
        let message = refused(&["status", "-A", "-n", "x"]);
        assert!(message.contains("cannot be used with"), "{message}");
    }
}
