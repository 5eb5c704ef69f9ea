use std::convert::Infallible;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sha2::{Digest, Sha256};

use crate::NAME;
use crate::connection::AllowedHosts;
use crate::kore::ClientSettings;
use crate::kube_ext::Selected;
use crate::uninstall::{OnRemaining, Uninstall};

/// The lease, in the namespace the operator runs in; or the beginning of its name.
const LEASE: &str = NAME;

/// Deletes Kore.ai voice campaigns, for certain, when their VoiceCampaign resource is deleted.
#[derive(Debug, Parser)]
#[command(name = NAME, version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator: on the cluster of KUBECONFIG, else of ~/.kube/config, else the one it runs in
    Run(RunArgs),
    /// Check that an operator is up, that the cluster has its definitions, and that its admission policies
    /// hold; changes nothing (`helm test` runs it)
    Check(CheckArgs),
    /// Have nothing left that only the operator could let go, before it is uninstalled (the chart's
    /// pre-delete hook runs it)
    PrepareUninstall(UninstallArgs),
    /// Print the CustomResourceDefinitions as YAML: `voicecampaign-operator crds | kubectl apply
    /// --server-side -f -`
    Crds,
}

/// Options of `run`. Each has an environment variable, which the option overrides.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Namespaces to work in, separated by commas; all if not set or empty
    #[arg(long, env = "WATCH_NAMESPACES", value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    pub watch_namespaces: Vec<String>,

    /// Labels of the VoiceCampaigns and KoreConnections to work for, as in `shard=a`; all if not set or empty
    #[arg(long, env = "SELECTOR", value_name = "SELECTOR", default_value = "", hide_default_value = true)]
    pub selector: Selected,

    /// Base addresses of Kore that tokens may be sent to, separated by commas, as https://platform.kore.ai;
    /// all if not set or empty
    #[arg(long, env = "ALLOWED_HOSTS", value_name = "URL", value_delimiter = ',', value_parser = host)]
    pub allowed_hosts: Vec<String>,

    /// RoleBinding of the operator in each of its namespaces, which is held as long as there are
    /// VoiceCampaigns; none if not set or empty
    #[arg(long, env = "ROLE_BINDING", value_name = "NAME", default_value = "", hide_default_value = true, value_parser = lease)]
    pub role_binding: String,

    /// Work only while holding a lease, so that of several instances one works at a time
    #[arg(long, env = "LEADER_ELECT", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set, value_parser = switch)]
    pub leader_elect: bool,

    /// Name of the lease; if not set, one that depends on the namespaces and the selector
    #[arg(long, env = "LEASE_NAME", value_name = "NAME", default_value = "", hide_default_value = true, value_parser = lease)]
    pub lease_name: String,

    /// Where to serve /livez, /readyz and /metrics; `[::]` is each address of IPv6 and IPv4, `none` is
    /// nowhere
    #[arg(long, env = "ADMIN_ADDRESS", value_name = "IP:PORT", default_value = "[::]:8080", value_parser = admin_address)]
    pub admin_address: AdminAddress,

    /// PEM file with certificates to trust for Kore, in addition to the system's; read anew when it changes
    #[arg(long, env = "KORE_CA_FILE", value_name = "FILE", value_parser = path)]
    pub kore_ca_file: Option<PathBuf>,

    /// Least severe messages to log; RUST_LOG, if set, is used instead
    #[arg(long, env = "LOG_LEVEL", value_enum, ignore_case = true, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,

    /// How to log; text on a terminal and JSON otherwise, if not set
    #[arg(long, env = "LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,

    /// Name under which this instance reports its events; the Pod's name, in a cluster
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub instance_name: Option<String>,
}

/// Options of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Where the operator serves /readyz and /metrics, as http://127.0.0.1:8080; not asked if not set
    #[arg(long, value_name = "URL")]
    pub admin_url: Option<String>,

    /// Namespace in which a VoiceCampaign is created, as a dry run; the one of the kubeconfig or of the Pod
    /// if not set
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: Option<String>,

    /// Admission policies that have to be there, separated by commas, each with a binding of its name; all
    /// with the label `app.kubernetes.io/part-of=voicecampaign-operator` if not set
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub policies: Vec<String>,

    /// ServiceAccount that the policies have to take for the operator's; that of any Deployment with the same
    /// label if not set
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub service_account: Option<String>,
}

/// Options of `prepare-uninstall`.
#[derive(Args, Debug)]
pub struct UninstallArgs {
    /// What to do when VoiceCampaigns are left
    #[arg(long, value_enum, default_value_t = OnRemaining::Refuse)]
    pub on_remaining: OnRemaining,

    /// Namespaces the operator works in, separated by commas; all if not set or empty
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    pub watch_namespaces: Vec<String>,

    /// Labels of the VoiceCampaigns and KoreConnections it works for; all if not set or empty
    #[arg(long, value_name = "SELECTOR", default_value = "", hide_default_value = true)]
    pub selector: Selected,

    /// Namespace of the operator; the one of the kubeconfig or of the Pod if not set
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: Option<String>,

    /// Helm's release: nothing is done unless Helm uninstalls it. If not set, whoever runs this uninstalls
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,

    /// Deployment of the operator: `orphan` deletes it first
    #[arg(long, value_name = "NAME")]
    pub deployment: Option<String>,

    /// RoleBinding of the operator in each of its namespaces, which it holds as long as there are
    /// VoiceCampaigns; none if not set or empty
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true, value_parser = lease)]
    pub role_binding: String,

    /// Admission policies of the operator, separated by commas: they go before it does
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub policies: Vec<String>,

    /// How long to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 240)]
    pub timeout_seconds: u64,
}

impl UninstallArgs {
    /// What these options mean.
    pub fn uninstall(self) -> Uninstall {
        let given = |names: Vec<String>| names.into_iter().filter(|name| !name.is_empty()).collect();
        Uninstall {
            on_remaining: self.on_remaining,
            namespaces: given(self.watch_namespaces),
            selected: self.selector,
            namespace: self.namespace,
            release: self.release,
            deployment: self.deployment,
            role_binding: Some(self.role_binding).filter(|name| !name.is_empty()),
            policies: given(self.policies),
            timeout: Duration::from_secs(self.timeout_seconds),
        }
    }
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Least severe messages to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What makes the operator fail.
    Error,
    /// What does not go as it should.
    Warn,
    /// What is done.
    Info,
    /// Why it is done.
    Debug,
    /// Everything.
    Trace,
}

/// Where the admin server listens, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminAddress(Option<SocketAddr>);

/// What the process works with, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespaces to work in; all if empty.
    pub namespaces: Vec<String>,
    /// Objects to work for.
    pub selected: Selected,
    /// Where tokens may be sent to.
    pub allowed_hosts: AllowedHosts,
    /// Where to serve the admin endpoints.
    pub admin_address: Option<SocketAddr>,
    /// RoleBinding in each namespace that gives the operator its rights.
    pub role_binding: Option<String>,
    /// The HTTP client for Kore.
    pub kore: ClientSettings,
    /// Name of this instance.
    pub instance: Option<String>,
    /// Name of the lease that it needs to work, if it may not be alone.
    pub lease: Option<String>,
}

impl RunArgs {
    /// The settings that these options make.
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
            // Without namespaces its rights are of the cluster.
            role_binding: Some(self.role_binding).filter(|name| !name.is_empty() && !namespaces.is_empty()),
            namespaces,
            kore: ClientSettings {
                extra_ca_file: self.kore_ca_file.filter(|path| !path.as_os_str().is_empty()),
            },
            instance: self.instance_name.filter(|name| !name.is_empty()),
        }
    }

    /// How to log.
    pub fn log_format(&self) -> LogFormat {
        let terminal = std::io::stderr().is_terminal();
        self.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json })
    }
}

impl LogLevel {
    /// The level as a filter directive.
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

fn admin_address(text: &str) -> Result<AdminAddress, String> {
    if text == "none" {
        return Ok(AdminAddress(None));
    }
    let expected = "must be an IP address and a port, as 127.0.0.1:8080 or [::]:8080, or `none`";
    text.parse().map(|address| AdminAddress(Some(address))).map_err(|_error| expected.to_owned())
}

/// Instances that do not work for the same objects do not wait for each other.
fn lease_name(namespaces: &[String], selected: &Selected) -> String {
    if namespaces.is_empty() && selected.selects_all() {
        return LEASE.to_owned();
    }
    let digest = Sha256::digest(format!("{};{selected}", namespaces.join(",")));
    let part: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("{LEASE}-{part}")
}

/// An empty variable is a variable that is not set.
fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err("must be `true` or `false`".to_owned()),
    }
}

fn lease(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !part.is_empty() && part.chars().all(allowed) && !part.starts_with('-') && !part.ends_with('-')
    };
    if text.is_empty() || (text.len() <= 253 && text.split('.').all(part)) {
        return Ok(text.to_owned());
    }
    Err("must be a name as Kubernetes has them: at most 253 lower-case letters, digits, `-` and `.`"
        .to_owned())
}

/// clap's own parser refuses an empty path.
fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(text.into())
}

/// One that no KoreConnection can have would allow nothing, and nobody would see why.
fn host(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    // An empty variable is a variable that is not set.
    if text.is_empty()
        || rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', '*', ' ']))
    {
        return Ok(text.to_owned());
    }
    Err("must be base addresses, separated by commas: `https://` (or `http://`), a host and perhaps a port, without a path \
         or a `*`, as https://platform.kore.ai"
        .to_owned())
}

fn namespace(text: &str) -> Result<String, String> {
    let text = text.trim();
    let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let valid = (1..=63).contains(&text.len())
        && text.chars().all(label)
        && !text.starts_with('-')
        && !text.ends_with('-');
    // An empty variable is a variable that is not set.
    if valid || text.is_empty() {
        return Ok(text.to_owned());
    }
    Err("must be names of namespaces, separated by commas: 1 to 63 lower-case letters, digits and `-` each"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// A mistake is answered with what is allowed.
    #[test]
    fn a_wrong_value_is_refused_with_what_is_allowed() {
        let refused = |args: &[&str]| Cli::try_parse_from(args).unwrap_err().to_string();
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

    /// A chart sets a variable to nothing where it means the default.
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

    /// Instances that work for the same have the same lease; one that is named is the same whatever they work
    /// for.
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
}
