//! The command line: raw arguments and environment variables become settings here, once.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::parse::{
    AdminAddress, admin_address, host, namespace, object_name, path, switch, timeout_seconds,
};
use crate::NAME;
use crate::check::{Check, DeploymentName};
use crate::connection::AllowedHosts;
use crate::kore::ClientSettings;
use crate::kube_ext::{Selected, lease_name};
use crate::uninstall::{OnRemaining, Uninstall};

/// Deletes Kore.ai voice campaigns reliably when their VoiceCampaign resource is deleted.
#[derive(Debug, Parser)]
#[command(name = NAME, version, propagate_version = true)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator on the cluster of KUBECONFIG, else of ~/.kube/config, else the one it runs in
    Run(RunArgs),
    /// Say in one page whether an installation works; changes nothing (`helm test` runs it)
    Check(CheckArgs),
    /// Prepare for uninstall: make sure no object still needs the operator to remove a finalizer (the
    /// chart's pre-delete hook runs it)
    PrepareUninstall(UninstallArgs),
    /// Print the CustomResourceDefinitions as YAML, for `kubectl apply --server-side -f -`
    Crds,
}

/// Options of `run`. Each has an environment variable; the option takes precedence.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Namespaces to watch, separated by commas; all if not set or empty
    #[arg(long, env = "WATCH_NAMESPACES", value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    pub watch_namespaces: Vec<String>,

    /// Label selector of the VoiceCampaigns and KoreConnections to reconcile, such as `shard=a`; all if
    /// not set or empty
    #[arg(long, env = "SELECTOR", value_name = "SELECTOR", default_value = "", hide_default_value = true)]
    pub selector: Selected,

    /// Base addresses of Kore that tokens may be sent to, separated by commas, such as
    /// https://platform.kore.ai; all if not set or empty
    #[arg(long, env = "ALLOWED_HOSTS", value_name = "URL", value_delimiter = ',', value_parser = host)]
    pub allowed_hosts: Vec<String>,

    /// RoleBinding of the operator in each watched namespace, which a finalizer protects from deletion as
    /// long as there are VoiceCampaigns; none if not set or empty
    #[arg(long, env = "ROLE_BINDING", value_name = "NAME", default_value = "", hide_default_value = true, value_parser = object_name)]
    pub role_binding: String,

    /// Work only while holding a Lease, so that one of several instances works at a time
    #[arg(long, env = "LEADER_ELECT", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set, value_parser = switch)]
    pub leader_elect: bool,

    /// Name of the Lease; derived from the namespaces and the selector if not set
    #[arg(long, env = "LEASE_NAME", value_name = "NAME", default_value = "", hide_default_value = true, value_parser = object_name)]
    pub lease_name: String,

    /// Where to serve /livez, /readyz and /metrics; `[::]` stands for all IPv6 and IPv4 addresses, and `none`
    /// switches the server off
    #[arg(long, env = "ADMIN_ADDRESS", value_name = "IP:PORT", default_value = "[::]:8080", value_parser = admin_address)]
    pub admin_address: AdminAddress,

    /// PEM file with CA certificates to trust for Kore, in addition to the system's; reloaded when it changes
    #[arg(long, env = "KORE_CA_FILE", value_name = "FILE", value_parser = path)]
    pub kore_ca_file: Option<PathBuf>,

    /// Lowest level of messages to log; RUST_LOG takes precedence
    #[arg(long, env = "LOG_LEVEL", value_enum, ignore_case = true, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,

    /// Format of the log; if not set, text on a terminal and JSON otherwise
    #[arg(long, env = "LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,

    /// Name of this instance in its events and its Lease; in a cluster, the name of its Pod
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub instance_name: Option<String>,
}

/// Options of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Where the operator serves /readyz and /metrics, such as http://127.0.0.1:8080; not checked if not set
    #[arg(long, value_name = "URL")]
    pub admin_url: Option<String>,

    /// Namespace in which to create a VoiceCampaign as a dry run; if not set, one that an operator watches,
    /// else the one of the kubeconfig or of the Pod
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: Option<String>,

    /// Admission policies that must exist, each with a binding of the same name, separated by commas; none if
    /// empty, and all that belong to an operator if not set
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub policies: Option<Vec<String>>,

    /// Deployment of the operator; all of the cluster that run one if not set
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub deployment: Option<DeploymentName>,

    /// How long what does not work may take to become well, in seconds: up to a week
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = timeout_seconds)]
    pub timeout_seconds: u64,
}

impl CheckArgs {
    /// The check that these options ask for.
    pub fn check(self) -> Check {
        let Self { admin_url, namespace, mut policies, deployment, timeout_seconds } = self;
        let namespace = namespace.filter(|name| !name.is_empty());
        policies.iter_mut().for_each(|names| names.retain(|name| !name.is_empty()));
        Check { admin_url, namespace, policies, deployment, timeout: Duration::from_secs(timeout_seconds) }
    }
}

/// Options of `prepare-uninstall`.
#[derive(Args, Debug)]
pub struct UninstallArgs {
    /// What to do if VoiceCampaigns are left
    #[arg(long, value_enum, default_value_t = OnRemaining::Refuse)]
    pub on_remaining: OnRemaining,

    /// Namespaces that the operator watches, separated by commas; all if not set or empty
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    pub watch_namespaces: Vec<String>,

    /// Label selector of the VoiceCampaigns and KoreConnections that the operator reconciles; all if not
    /// set or empty
    #[arg(long, value_name = "SELECTOR", default_value = "", hide_default_value = true)]
    pub selector: Selected,

    /// Namespace of the operator; the one of the kubeconfig or of the Pod if not set
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: Option<String>,

    /// Helm release: nothing is done unless Helm is uninstalling it. If not set, the command assumes that the
    /// operator is being uninstalled
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,

    /// Deployment of the operator, which `orphan` deletes first
    #[arg(long, value_name = "NAME")]
    pub deployment: Option<String>,

    /// RoleBinding of the operator in each watched namespace, which its finalizer protects from deletion;
    /// none if not set or empty
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true, value_parser = object_name)]
    pub role_binding: String,

    /// Admission policies of the operator, separated by commas, which are deleted before the operator
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub policies: Vec<String>,

    /// How long to wait at most, in seconds: up to a week
    #[arg(long, value_name = "SECONDS", default_value_t = 240, value_parser = timeout_seconds)]
    pub timeout_seconds: u64,
}

impl UninstallArgs {
    /// The uninstall that these options ask for.
    pub fn uninstall(self) -> Uninstall {
        let not_empty = |names: Vec<String>| names.into_iter().filter(|name| !name.is_empty()).collect();
        Uninstall {
            on_remaining: self.on_remaining,
            namespaces: not_empty(self.watch_namespaces),
            selected: self.selector,
            namespace: self.namespace,
            release: self.release,
            deployment: self.deployment,
            role_binding: Some(self.role_binding).filter(|name| !name.is_empty()),
            policies: not_empty(self.policies),
            timeout: Duration::from_secs(self.timeout_seconds),
        }
    }
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people
    Text,
    /// One JSON object per line
    Json,
}

/// Lowest level of messages to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Failures that keep the operator from its work
    Error,
    /// Failures that the operator retries
    Warn,
    /// What the operator does
    Info,
    /// Why it does so
    Debug,
    /// Everything
    Trace,
}

/// The validated settings of `run`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespaces to watch, sorted; all if empty.
    pub namespaces: Vec<String>,
    /// The objects to reconcile.
    pub selected: Selected,
    /// The hosts of Kore that tokens may be sent to.
    pub allowed_hosts: AllowedHosts,
    /// Where to serve the admin endpoints; `None` for nowhere.
    pub admin_address: Option<SocketAddr>,
    /// RoleBinding in each namespace that gives the operator its permissions.
    pub role_binding: Option<String>,
    /// Settings of the HTTP client for Kore.
    pub kore: ClientSettings,
    /// Name of this instance.
    pub instance: Option<String>,
    /// Name of the lease; `None` without leader election.
    pub lease: Option<String>,
}

impl RunArgs {
    /// Validates the options together.
    pub fn settings(self) -> Settings {
        let mut namespaces = self.watch_namespaces;
        namespaces.retain(|name| !name.is_empty());
        namespaces.sort_unstable();
        namespaces.dedup();
        Settings {
            lease: self.leader_elect.then(|| match self.lease_name {
                name if name.is_empty() => lease_name(&namespaces, &self.selector),
                name => name,
            }),
            selected: self.selector,
            allowed_hosts: AllowedHosts::new(self.allowed_hosts.iter().map(String::as_str)),
            admin_address: self.admin_address.0,
            // Without namespaces, a ClusterRoleBinding gives the permissions.
            role_binding: Some(self.role_binding).filter(|name| !name.is_empty() && !namespaces.is_empty()),
            namespaces,
            kore: ClientSettings {
                extra_ca_file: self.kore_ca_file.filter(|path| !path.as_os_str().is_empty()),
            },
            instance: self.instance_name.filter(|name| !name.is_empty()),
        }
    }

    /// Format of the log; by default text on a terminal, and JSON otherwise.
    pub fn log_format(&self) -> LogFormat {
        let terminal = std::io::stderr().is_terminal();
        self.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json })
    }
}

impl LogLevel {
    /// The level as a directive of `RUST_LOG`.
    pub fn directive(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The message about a wrong value says what is allowed.
    #[test]
    fn a_wrong_value_is_refused_with_what_is_allowed() {
        let refused = |args: &[&str]| Cli::try_parse_from(args).unwrap_err().to_string();
        for wrong in ["", "0", "604801", "1.5", "99999999999999999999999"] {
            let message = refused(&["x", "prepare-uninstall", &format!("--timeout-seconds={wrong}")]);
            assert!(message.contains("from 1 to 604800"), "{message}");
        }
        let message = refused(&["x", "run", "--watch-namespaces", "a,B"]);
        assert!(message.contains("lower-case letters"), "{message}");
        for wrong in ["platform.kore.ai", "https://h/x", "https://*.kore.ai", "https://h,ftp://h", "https://"]
        {
            let message = refused(&["x", "run", "--allowed-hosts", wrong]);
            assert!(message.contains("https://platform.kore.ai"), "{wrong}: {message}");
        }
        let message = refused(&["x", "run", "--admin-address", "8080"]);
        assert!(message.contains("[::]:8080"), "{message}");
        let message = refused(&["x", "run", "--lease-name", "a_b"]);
        assert!(message.contains("lower-case letters"), "{message}");
        let message = refused(&["x", "run", "--log-format", "xml"]);
        assert!(message.contains("text, json"), "{message}");
    }

    /// The chart sets a variable to the empty string for the default.
    #[test]
    fn an_empty_value_is_one_that_is_not_set() {
        let arguments = [
            "x",
            "run",
            "--watch-namespaces",
            "",
            "--allowed-hosts",
            "",
            "--kore-ca-file",
            "",
            "--instance-name",
            "",
        ];
        let Command::Run(args) = Cli::try_parse_from(arguments).unwrap().command else { panic!() };
        let settings = args.settings();
        assert!(settings.namespaces.is_empty() && settings.allowed_hosts == AllowedHosts::default());
        assert_eq!((settings.kore.extra_ca_file, settings.instance), (None, None));
    }

    /// Instances with the same namespaces and selector have the same lease; a lease that is named is the same
    /// whatever they reconcile.
    #[test]
    fn a_lease_depends_on_what_is_worked_for_unless_it_is_named() {
        let lease = |more: &[&str]| {
            let arguments = [&["x", "run", "--leader-elect"], more].concat();
            let Command::Run(args) = Cli::try_parse_from(arguments).unwrap().command else { panic!() };
            args.settings().lease.unwrap()
        };
        assert_eq!(lease(&[]), "voicecampaign-operator");
        assert_eq!(lease(&["--watch-namespaces=a,b"]), lease(&["--watch-namespaces=b,a"]));
        assert_ne!(lease(&["--watch-namespaces=a"]), lease(&["--selector=shard=a"]));
        assert_eq!(lease(&["--watch-namespaces=a", "--lease-name=mine"]), "mine");
    }

    #[test]
    fn namespaces_are_taken_once_each() {
        let cli =
            Cli::try_parse_from(["x", "run", "--watch-namespaces", "b, a,b", "--admin-address", "none"])
                .unwrap();
        let Command::Run(args) = cli.command else { panic!() };
        let settings = args.settings();
        assert_eq!(settings.namespaces, ["a", "b"]);
        assert_eq!(settings.admin_address, None);
    }

    /// Every option is an environment variable, too, and both are in docs/flags.md.
    #[test]
    fn every_option_has_a_variable_and_is_documented() {
        let flags = include_str!("../../docs/flags.md");
        let command = Cli::command();
        let run = command.find_subcommand("run").unwrap();
        for argument in run
            .get_arguments()
            .filter(|argument| argument.get_id() != "help" && argument.get_id() != "version")
        {
            let option = format!("`--{}`", argument.get_long().unwrap());
            let variable = format!("`{}`", argument.get_env().unwrap().to_str().unwrap());
            assert!(flags.contains(&option), "{option} is missing in docs/flags.md");
            assert!(flags.contains(&variable), "{variable} is missing in docs/flags.md");
        }
    }

    /// The options of `check` are in docs/flags.md, too.
    #[test]
    fn every_option_of_check_is_documented() {
        let flags = include_str!("../../docs/flags.md");
        let (_, flags) = flags.split_once("## Flags of check").unwrap();
        let command = Cli::command();
        let check = command.find_subcommand("check").unwrap();
        let options: Vec<_> = check.get_arguments().filter_map(|argument| argument.get_long()).collect();
        assert!(options.len() >= 5, "{options:?}");
        for option in options.iter().filter(|option| !["help", "version"].contains(option)) {
            assert!(flags.contains(&format!("`--{option}`")), "--{option} is missing in docs/flags.md");
        }
    }
}
