//! The operator as a process, under its own ServiceAccount.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::faults::Nemesis;
use crate::process::Process;
use crate::{repository, wait};

/// A ServiceAccount.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Its namespace, which is also the one of the operator's lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Default for ServiceAccount {
    /// The operator's in `deploy/`.
    fn default() -> Self {
        Self { namespace: "voicecampaign-system".into(), name: "voicecampaign-operator".into() }
    }
}

impl ServiceAccount {
    /// Its name in the audit log.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

/// A copy of the operator's program for a long run: whoever builds meanwhile replaces the one in `target/`.
///
/// # Errors
/// If it can't be copied.
pub fn copy_of(program: &Path, plane: &ControlPlane) -> Result<PathBuf> {
    let copy = plane.folder().join("voicecampaign-operator");
    std::fs::copy(program, &copy).with_context(|| program.display().to_string())?;
    Ok(copy)
}

/// A running operator.
#[derive(Debug)]
pub struct Operator {
    process: Process,
    admin: SocketAddr,
}

/// How to run the operator.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program.
    pub program: PathBuf,
    /// More arguments of `run`.
    pub arguments: Vec<String>,
    /// More variables of the environment.
    pub variables: Vec<(String, String)>,
    /// Beginning of the name of its log.
    pub name: String,
    /// Address of the API server, if not the true one: a proxy's.
    pub server: Option<String>,
    /// Whose rights it has.
    pub service_account: ServiceAccount,
    /// Who is told how to kill it, before it can have sent anything.
    pub nemesis: Option<Nemesis>,
}

impl Options {
    /// The program without further options.
    pub fn new(program: PathBuf) -> Self {
        Self {
            program,
            arguments: Vec::new(),
            variables: Vec::new(),
            name: "operator".to_owned(),
            server: None,
            service_account: ServiceAccount::default(),
            nemesis: None,
        }
    }
}

/// Has the Deployment of this name say that its Pods are ready: a process stands for them, because nothing
/// makes Pods on this control plane.
///
/// # Errors
/// If there is no such Deployment, or the API server refuses its status.
pub fn stand_for_pods(plane: &ControlPlane, namespace: &str, name: &str) -> Result<()> {
    let kubectl = plane.kubectl()?;
    let deployment = kubectl.get("deployment", namespace, name)?.context("there is no such Deployment")?;
    let replicas = &deployment["spec"]["replicas"];
    let status = json!({"status": {"replicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas,
        "observedGeneration": deployment["metadata"]["generation"]}});
    let patch = ["--subresource=status", "--type=merge", "-p", &status.to_string()];
    kubectl.try_run(&[&["patch", "deployment", name, "--namespace", namespace], &patch[..]].concat())?;
    Ok(())
}

/// Installs what `deploy/` has for a whole cluster. Nothing makes Pods of the Deployment on this control
/// plane.
///
/// # Errors
/// If the API server refuses one.
pub fn install(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl()?;
    for folder in ["crds", "overlays/cluster-wide"] {
        let path = repository().join("deploy").join(folder).display().to_string();
        kubectl.try_run(&["apply", "--server-side", "--kustomize", &path])?;
    }
    let names = ["crd/voicecampaigns.voicecampaign.dev", "crd/koreconnections.voicecampaign.dev"];
    kubectl.try_run(&["wait", "--for=condition=Established", "--timeout=30s", names[0], names[1]])?;
    Ok(())
}

/// A kubeconfig with a token of the operator's ServiceAccount, so that its role is the real one.
///
/// # Errors
/// If there is no such ServiceAccount.
pub fn kubeconfig(plane: &ControlPlane) -> Result<PathBuf> {
    kubeconfig_for(plane, "operator", None, &ServiceAccount::default())
}

fn kubeconfig_for(
    plane: &ControlPlane,
    file: &str,
    server: Option<&str>,
    account: &ServiceAccount,
) -> Result<PathBuf> {
    let ServiceAccount { namespace, name } = account;
    let arguments = ["create", "token", name, "--namespace", namespace, "--duration=24h"];
    let token = plane.kubectl()?.try_run(&arguments)?;
    plane.kubeconfig_for_token(file, namespace, token.trim(), server)
}

/// User name of the operator in the audit log.
pub fn user() -> String {
    ServiceAccount::default().user()
}

impl Operator {
    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start(plane: &ControlPlane, options: &Options) -> Result<Self> {
        let mut operator = Self::launch(plane, options)?;
        operator.wait_until_ready()?;
        Ok(operator)
    }

    /// Starts it, and waits only until it serves its admin address.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn launch(plane: &ControlPlane, options: &Options) -> Result<Self> {
        // Each run has its own log, and its own kubeconfig: another may go through a proxy.
        static RUNS: AtomicUsize = AtomicUsize::new(1);
        let name = format!("{}-{}", options.name, RUNS.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(&options.program);
        command
            .args(["run", "--admin-address=127.0.0.1:0"])
            .args(&options.arguments)
            .env(
                "KUBECONFIG",
                kubeconfig_for(plane, &name, options.server.as_deref(), &options.service_account)?,
            )
            .env_remove("RUST_LOG")
            .envs(options.variables.iter().map(|(name, value)| (name, value)));
        let mut process = Process::start(&name, command, plane.folder())?;
        if let Some(nemesis) = &options.nemesis {
            nemesis.on_crash(Arc::new(process.killer()));
        }
        let admin = wait::until("the operator serves its admin address", Duration::from_secs(20), || {
            process.assert_running()?;
            Ok(process.output().lines().find(|line| line.contains(SERVING)).and_then(address))
        })?;
        Ok(Self { process, admin })
    }

    /// How it has ended by itself, if a start failed of that: not because it was killed, nor because the API
    /// server was away and gave it no token, nor because the machine was too slow.
    pub fn own_end(error: &anyhow::Error) -> Option<String> {
        let text = format!("{error:#}");
        (text.contains("has ended (") && !text.contains("SIGKILL")).then_some(text)
    }

    /// Waits until `/readyz` says so.
    ///
    /// # Errors
    /// If it does not in time.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        wait::until("the operator is ready", Duration::from_secs(30), || {
            self.process.assert_running()?;
            Ok(self.ask("/readyz").ok().filter(|(code, _)| *code == 200))
        })?;
        Ok(())
    }

    /// Asks the admin server: status code and body.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn ask(&self, path: &str) -> Result<(u16, String)> {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(self.admin)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: operator\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("a status code")?;
        Ok((code, body.to_owned()))
    }

    /// Where it serves `/readyz` and `/metrics`.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// What it has logged so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.assert_running().is_ok()
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.ended()
    }

    /// Kills it, as the OOM killer does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it in the middle of whatever it does, as a machine does that is short of time.
    ///
    /// # Errors
    /// If it has ended.
    pub fn pause(&self) -> Result<()> {
        self.process.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// If it has ended.
    pub fn resume(&self) -> Result<()> {
        self.process.signal(Signal::SIGCONT)
    }

    /// Something that kills it so from any thread, and returns when it is dead; it kills this run only, not
    /// one that follows it.
    pub fn killer(&self) -> impl Fn() + Clone + Send + Sync + use<> {
        self.process.killer()
    }

    /// Sends SIGTERM and waits for its end.
    ///
    /// # Errors
    /// If it does not end within 15 s.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.process.terminate(Duration::from_secs(15))
    }
}

/// What the operator logs when its admin server listens.
const SERVING: &str = "Serving /livez";

/// The address in such a line, in JSON or in text.
fn address(line: &str) -> Option<SocketAddr> {
    let rest = line.split("127.0.0.1:").nth(1)?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}
