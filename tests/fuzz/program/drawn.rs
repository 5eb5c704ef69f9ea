//! Ways to start the program, and what it must say of what is wrong.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::kubeconfig;

/// One way to start the program.
#[derive(Clone)]
pub struct Start {
    pub arguments: Vec<Vec<u8>>,
    pub variables: Vec<(&'static str, Vec<u8>)>,
    pub kubeconfig: Vec<u8>,
    pub wrong: Option<Wrong>,
}

/// What is wrong.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// An error must name one of these, in any case.
    pub names: Vec<String>,
    /// It must say one of these, unless there is none: what is allowed.
    pub allowed: Vec<&'static str>,
    /// Whether the program must not start.
    pub for_certain: bool,
}

/// An option, its variable, and values of it.
struct Choice {
    command: &'static str,
    option: &'static str,
    variable: Option<&'static str>,
    good: &'static [&'static str],
    bad: &'static [&'static str],
    allowed: &'static [&'static str],
}

const NAMES: &[&str] = &["names of namespaces, separated by commas"];
const OBJECT: &[&str] = &["must be a name of a Kubernetes object"];
const LONG: &str = concat!(
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
);

#[rustfmt::skip]
const CHOICES: &[Choice] = &[
    Choice { command: "run", option: "--watch-namespaces", variable: Some("WATCH_NAMESPACES"), allowed: NAMES,
        good: &["", "a", "a,b", " a , b,a", "0"], bad: &["Kube_System", "a/b", LONG, "-a", "ä", "a.b", "a;b", "*"] },
    Choice { command: "run", option: "--selector", variable: Some("SELECTOR"), allowed: &[],
        good: &["", "a=b", "shard in (a,b)", "!a", "a!=b", "x.dev/a=b"], bad: &["a in (", "a in b", "=b", "a b c", "a=ä"] },
    Choice { command: "run", option: "--allowed-hosts", variable: Some("ALLOWED_HOSTS"), allowed: &["must be base addresses"],
        good: &["", "https://platform.kore.ai", "https://a/,http://b:1"],
        bad: &["platform.kore.ai", "https://", "https://h/path", "https://*.kore.ai", "ftp://h", "https://u:p@h"] },
    Choice { command: "run", option: "--role-binding", variable: Some("ROLE_BINDING"), allowed: OBJECT,
        good: &["", "a.b-c"], bad: &["A_B", LONG, ".a", "a b", "a/b"] },
    Choice { command: "run", option: "--lease-name", variable: Some("LEASE_NAME"), allowed: OBJECT,
        good: &["", "mine"], bad: &["Mine", LONG, "a..b"] },
    Choice { command: "run", option: "--leader-elect", variable: Some("LEADER_ELECT"), allowed: &["`true` or `false`"],
        good: &["true", "false"], bad: &["yes", "1", "TRUE", "maybe\n"] },
    Choice { command: "run", option: "--admin-address", variable: Some("ADMIN_ADDRESS"), allowed: &["must be an IP address and a port"],
        good: &["none", "127.0.0.1:0", "[::1]:0"], bad: &["8080", ":8080", "localhost:8080", "127.0.0.1:70000", "127.0.0.1", "[::]"] },
    Choice { command: "run", option: "--log-level", variable: Some("LOG_LEVEL"), allowed: &["possible values: error, warn, info"],
        good: &["info", "DEBUG", "trace", "error"], bad: &["loud", "4", " info"] },
    Choice { command: "run", option: "--log-format", variable: Some("LOG_FORMAT"), allowed: &["possible values: text, json"],
        good: &["text", "json"], bad: &["xml", "JSON "] },
    Choice { command: "run", option: "--instance-name", variable: Some("POD_NAME"), allowed: &[],
        good: &["", "operator-0", "Ä", LONG], bad: &[] },
    Choice { command: "check", option: "--namespace", variable: None, allowed: NAMES,
        good: &["a"], bad: &["A", "a b", LONG] },
    Choice { command: "check", option: "--admin-url", variable: None, allowed: &[],
        good: &["http://127.0.0.1:1", "nonsense", "", "http://[::1"], bad: &[] },
    Choice { command: "prepare-uninstall", option: "--timeout-seconds", variable: None, allowed: &["from 1 to 604800"],
        good: &["1", "604800"], bad: &["0", "604801", "abc", "99999999999999999999999", "1.5", ""] },
    Choice { command: "prepare-uninstall", option: "--on-remaining", variable: None, allowed: &["possible values"],
        good: &[], bad: &["panic", "", "Refuse "] },
    Choice { command: "prepare-uninstall", option: "--watch-namespaces", variable: None, allowed: NAMES,
        good: &["a,b"], bad: &["A", "a/b"] },
];

/// What can't be an option or a command.
const GARBAGE: [&[u8]; 12] = [
    b"--unheard-of",
    b"-x",
    b"serve",
    b"--watch-namespace=a",
    b"--",
    b"-",
    b"\xff\xfe",
    b"--selector\xff",
    b"run",
    b"--leader-elect",
    b"--log-level",
    b"@file",
];

pub fn start() -> impl Strategy<Value = Start> {
    prop_oneof![4 => one_option(), 1 => good_options(), 2 => garbage(), 1 => file(), 1 => variable(), 4 => kubeconfig()]
}

fn started(arguments: Vec<Vec<u8>>) -> Start {
    let mut variables = vec![("ADMIN_ADDRESS", b"127.0.0.1:0".to_vec())];
    variables.push(("LOG_FORMAT", b"json".to_vec()));
    Start { arguments, variables, kubeconfig: kubeconfig::whole().to_string().into_bytes(), wrong: None }
}

/// One option, as an argument of either form or as a variable, with a good or a bad value.
fn one_option() -> impl Strategy<Value = Start> {
    let value = select((0..CHOICES.len()).collect::<Vec<_>>()).prop_flat_map(|at| {
        let choice = &CHOICES[at];
        let values =
            choice.good.iter().map(|good| (*good, false)).chain(choice.bad.iter().map(|bad| (*bad, true)));
        (Just(at), select(values.collect::<Vec<_>>()), 0..3)
    });
    value.prop_map(|(at, (value, is_bad), form)| {
        let Choice { command, option, variable, allowed, .. } = &CHOICES[at];
        let mut start = started(vec![command.as_bytes().to_vec()]);
        match (form, variable) {
            (0, Some(variable)) => start.variables.push((variable, value.as_bytes().to_vec())),
            // This one takes its value after `=` only; and a value that begins with `-` is an option.
            (1, _) if *option != "--leader-elect" && !value.starts_with('-') => {
                start.arguments.extend([option.as_bytes().to_vec(), value.as_bytes().to_vec()]);
            }
            _ => start.arguments.push(format!("{option}={value}").into_bytes()),
        }
        let names = [Some(*option), *variable].into_iter().flatten().map(ToOwned::to_owned).collect();
        start.wrong = is_bad.then(|| Wrong { names, allowed: allowed.to_vec(), for_certain: true });
        start
    })
}

/// Several options of `run` with good values; or nothing but a question.
fn good_options() -> impl Strategy<Value = Start> {
    let run: Vec<_> =
        CHOICES.iter().filter(|choice| choice.command == "run" && !choice.good.is_empty()).collect();
    let values = run.into_iter().map(|choice| {
        let given = select(choice.good).prop_map(|value| format!("{}={value}", choice.option).into_bytes());
        prop::option::of(given)
    });
    let several = values.collect::<Vec<_>>().prop_map(|given| {
        let arguments = std::iter::once(b"run".to_vec()).chain(given.into_iter().flatten());
        started(arguments.collect())
    });
    let questions: &[&[&str]] =
        &[&["crds"], &["--help"], &["--version"], &["run", "--help"], &["help", "check"]];
    let question = select(questions)
        .prop_map(|question| started(question.iter().map(|argument| argument.as_bytes().to_vec()).collect()));
    prop_oneof![several, question]
}

fn garbage() -> impl Strategy<Value = Start> {
    let drawn = prop_oneof![
        2 => select(&GARBAGE[..]).prop_map(<[u8]>::to_vec),
        1 => vec(1u8.., 0..30),
    ];
    let command = select(&["run", "check", "prepare-uninstall", "crds", ""][..]);
    (command, vec(drawn, 1..4)).prop_map(|(command, garbage)| {
        let command = Some(command.as_bytes().to_vec()).filter(|command| !command.is_empty());
        let start = started(command.into_iter().chain(garbage).collect());
        let names = ["argument", "subcommand", "value", "usage", "utf-8"].map(ToOwned::to_owned).to_vec();
        Start { wrong: Some(Wrong { names, allowed: vec!["Usage", "--help"], for_certain: false }), ..start }
    })
}

/// A file with CA certificates that has none.
fn file() -> impl Strategy<Value = Start> {
    let path =
        select(&["/nonexistent", "{folder}", "{folder}/ca.pem", "{folder}/config", "/dev/null", ""][..]);
    (path, any::<bool>()).prop_map(|(path, as_variable)| {
        let mut start = started(vec![b"run".to_vec()]);
        if as_variable {
            start.variables.push(("KORE_CA_FILE", path.into()));
        } else {
            start.arguments.push(format!("--kore-ca-file={path}").into_bytes());
        }
        let allowed = vec!["can't be read", "must hold one or more PEM certificates"];
        let wrong = Wrong { names: vec!["CA file".to_owned()], allowed, for_certain: true };
        Start { wrong: Some(wrong).filter(|_| !path.is_empty()), ..start }
    })
}

/// A variable that no option stands for, or an empty or unreadable one.
#[rustfmt::skip]
fn variable() -> impl Strategy<Value = Start> {
    let one = |name, value: &'static [u8], names: &'static str, for_certain| (name, value, names, for_certain);
    select(vec![
        one("RUST_LOG", b"=,=[", "RUST_LOG", false),
        one("RUST_LOG", b"info,kube=loud", "RUST_LOG", false),
        one("RUST_LOG", b"\xff", "RUST_LOG", false),
        one("ADMIN_ADDRESS", b"192.0.2.1:8080", "192.0.2.1", true),
        one("ADMIN_ADDRESS", b"\xff", "utf-8", true),
        one("LOG_LEVEL", b"", "log-level", false),
        one("SSL_CERT_FILE", b"/nonexistent", "certificates", false),
        one("SSL_CERT_FILE", b"{folder}/ca.pem", "certificates", false),
        one("HTTPS_PROXY", b"::::", "proxy", false),
        one("HTTPS_PROXY", b"http://user:proxy-password-0123@[", "proxy", false),
        one("HTTPS_PROXY", b"socks5://user:proxy-password-0123@127.0.0.1:1", "proxy", false),
        one("HTTPS_PROXY", b"ftp://user:proxy-password-0123@127.0.0.1:1", "proxy", false),
        one("ALL_PROXY", b"ftp://user:proxy-password-0123@127.0.0.1:1", "proxy", false),
        one("HTTPS_PROXY", b"user:proxy-password-0123@127.0.0.1:1", "proxy", false),
        one("HTTPS_PROXY", b"socks5://user:proxy-password-0123#@127.0.0.1:1", "proxy", false),
        // Under the home directory stands a file that is cut UTF-16.
        one("KUBECONFIG", b"", "UTF-16", true),
        one("KUBECONFIG", b":", "UTF-16", true),
        one("KUBECONFIG", b"/nonexistent", "KUBECONFIG", true),
        one("KUBECONFIG", b"{folder}", "KUBECONFIG", true),
        one("KUBECONFIG", b"{folder}/config:/nonexistent", "KUBECONFIG", false),
        one("KUBECONFIG", b"\xff", "KUBECONFIG", true),
        one("POD_NAME", b"\xff", "utf-8", true),
    ])
    .prop_map(|(name, value, names, for_certain)| {
        let mut start = started(vec![b"run".to_vec()]);
        start.variables.push((name, value.to_vec()));
        let wrong = Wrong { names: vec![names.to_owned()], allowed: Vec::new(), for_certain };
        Start { wrong: Some(wrong), ..start }
    })
}

fn kubeconfig() -> impl Strategy<Value = Start> {
    let command = prop_oneof![4 => Just("run"), 1 => Just("check"), 1 => Just("prepare-uninstall")];
    (command, kubeconfig::drawn()).prop_map(|(command, kubeconfig)| {
        let names = ["KUBECONFIG", "kube config", "Kubernetes"].map(ToOwned::to_owned).to_vec();
        let wrong = Wrong { names, allowed: Vec::new(), for_certain: false };
        Start { kubeconfig, wrong: Some(wrong), ..started(vec![command.into()]) }
    })
}

impl Start {
    /// Whether the program must not start.
    pub fn must_be_refused(&self) -> bool {
        self.wrong.as_ref().is_some_and(|wrong| wrong.for_certain)
    }

    /// What a shell would take.
    pub fn command_line(&self) -> String {
        let quoted = |text: &[u8]| format!("'{}'", text.escape_ascii());
        let variables = self.variables.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        variables.chain(self.arguments.iter().map(|argument| quoted(argument))).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kubeconfig: String = self.kubeconfig.escape_ascii().to_string().chars().take(3000).collect();
        write!(f, "{}\n  kubeconfig: {kubeconfig}\n  {:?}", self.command_line(), self.wrong)
    }
}
