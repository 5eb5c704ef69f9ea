//! etcd, kube-apiserver and kube-controller-manager.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::addresses::{Network, START, free_port};
use crate::kubectl::Kubectl;
use crate::process::Process;
use crate::{audit, binaries, certificates, wait};

/// Folders in the temporary directory: this, the id of the process, and something random.
const FOLDER_PREFIX: &str = "voicecampaign-testbed-";
/// Name of the administrator's kubeconfig.
const ADMINISTRATOR: &str = "admin";
/// How large etcd may get, in bytes: four times as large as without this. The API server compacts it every
/// five minutes, but not one that is killed before, and a soak of two hours fills 2 GiB.
const ETCD_BYTES: u64 = 8 << 30;
/// Name of the API server's audit log.
const AUDIT_LOG: &str = "audit.log";
/// Every read and write of our kinds, of events, Secrets and leases, so that tests can count what the
/// operator asks for; and what else a Pod asks for when the operator is uninstalled.
const AUDIT_POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [
  {"level": "Metadata", "resources": [
    {"group": "voicecampaign.dev"}, {"group": "events.k8s.io"}, {"group": "", "resources": ["events", "secrets"]},
    {"group": "coordination.k8s.io"}]},
  {"level": "Metadata", "userGroups": ["system:serviceaccounts"], "resources": [
    {"group": "admissionregistration.k8s.io"}, {"group": "rbac.authorization.k8s.io"}, {"group": "apps", "resources": ["deployments"]}, {"group": "", "resources": ["namespaces"]}]},
  {"level": "None"}]}"#;

/// A running control plane. Dropping it ends it; its folder with the logs stays until the next
/// start, unless it was [`Self::finish`]ed.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order in which they are ended.
    controller_manager: Mutex<Option<Process>>,
    api_server: Mutex<Option<Process>>,
    etcd: Mutex<Option<Process>>,
    folder: tempfile::TempDir,
    api_port: u16,
    etcd_port: u16,
    reach: Reach,
}

/// Who can reach the API server, and what the control plane is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Processes of this machine. Nobody makes Pods.
    Machine,
    /// Pods of a node in this network; all controllers run.
    Node(Network),
}

impl ControlPlane {
    /// Builds what is missing and starts everything; returns when the API server is ready and namespaces have
    /// their ServiceAccounts.
    ///
    /// # Errors
    /// If a program is missing or does not come up.
    pub fn start() -> Result<Self> {
        Self::start_for(Reach::Machine).context("the control plane did not start")
    }

    /// The same for Pods, too.
    ///
    /// # Errors
    /// If a program is missing or does not come up.
    pub fn start_for(reach: Reach) -> Result<Self> {
        remove_leftovers();
        let prefix = format!("{FOLDER_PREFIX}{}-", std::process::id());
        let mut folder = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        folder.disable_cleanup(true);
        let mut addresses: Vec<IpAddr> = vec![[127, 0, 0, 1].into()];
        if let Reach::Node(network) = reach {
            addresses.extend([IpAddr::from(network.gateway), network.api_service.into()]);
        }
        certificates::write(folder.path(), &addresses)?;
        fs::write(folder.path().join("audit-policy.json"), AUDIT_POLICY)?;
        let [api_port, etcd_port] = [free_port()?, free_port()?];
        let mut plane = Self {
            controller_manager: Mutex::default(),
            api_server: Mutex::default(),
            etcd: Mutex::default(),
            folder,
            api_port,
            etcd_port,
            reach,
        };
        plane.write_admin_kubeconfig(ADMINISTRATOR, &plane.api_url())?;
        // A port may be taken between our look and the start: then begin again.
        let mut attempts = 0;
        loop {
            attempts += 1;
            match plane.start_processes() {
                Ok(()) => return Ok(plane),
                Err(error) if attempts < 3 && format!("{error:#}").contains("address already in use") => {
                    [plane.api_port, plane.etcd_port] = [free_port()?, free_port()?];
                    plane.write_admin_kubeconfig(ADMINISTRATOR, &plane.api_url())?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends it and removes its folder: all went well, and nobody needs the logs.
    pub fn finish(mut self) {
        *held(&self.controller_manager) = None;
        self.stop_api_server();
        self.stop_etcd();
        self.folder.disable_cleanup(false);
    }

    /// Stops the API server without a word (SIGSTOP), until [`Self::resume_api_server`].
    ///
    /// # Errors
    /// If it does not run.
    pub fn pause_api_server(&self) -> Result<()> {
        held(&self.api_server).as_ref().context("the API server runs")?.signal(Signal::SIGSTOP)
    }

    /// Lets the API server go on (SIGCONT).
    ///
    /// # Errors
    /// If it does not run.
    pub fn resume_api_server(&self) -> Result<()> {
        held(&self.api_server).as_ref().context("the API server runs")?.signal(Signal::SIGCONT)
    }

    /// Kills the API server (SIGKILL), until [`Self::start_api_server`].
    pub fn stop_api_server(&self) {
        *held(&self.api_server) = None;
    }

    /// Kills etcd (SIGKILL), until [`Self::start_etcd`]. Its data are in [`Self::etcd_data`].
    pub fn stop_etcd(&self) {
        *held(&self.etcd) = None;
    }

    /// Address of etcd, where it also speaks JSON.
    pub fn etcd_url(&self) -> String {
        format!("http://{}", self.etcd_address())
    }

    pub(crate) fn etcd_address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.etcd_port).into()
    }

    /// The folder of etcd's data.
    pub fn etcd_data(&self) -> PathBuf {
        self.folder().join("etcd")
    }

    /// Folder of the logs, certificates and configuration files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// kubeconfig of an administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder().join(format!("{ADMINISTRATOR}.kubeconfig"))
    }

    /// kubectl as an administrator.
    ///
    /// # Errors
    /// If kubectl can't be built.
    pub fn kubectl(&self) -> Result<Kubectl> {
        Kubectl::new(self.kubeconfig())
    }

    /// Every request about our kinds, events and Secrets so far, from the audit log.
    ///
    /// # Errors
    /// If the log can't be read.
    pub fn requests(&self) -> Result<Vec<audit::Request>> {
        self.requests_from(0)
    }

    /// Those of them that came when the audit log had this many bytes, or later.
    ///
    /// # Errors
    /// If the log can't be read.
    pub fn requests_from(&self, position: u64) -> Result<Vec<audit::Request>> {
        audit::read(&self.folder().join(AUDIT_LOG), position)
    }

    /// How many bytes the audit log has.
    ///
    /// # Errors
    /// If there is none.
    pub fn audited(&self) -> Result<u64> {
        Ok(fs::metadata(self.folder().join(AUDIT_LOG))?.len())
    }

    /// The API server's time on a processor since it was started.
    ///
    /// # Errors
    /// If it does not run.
    pub fn api_server_cpu_time(&self) -> Result<Duration> {
        held(&self.api_server).as_ref().context("the API server runs")?.cpu_time()
    }

    /// Address of the API server.
    pub fn api_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.api_port)
    }

    /// The CA of the API servers.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn ca_pem(&self) -> Result<String> {
        fs::read_to_string(self.folder().join("ca.crt")).context("the CA can't be read")
    }

    /// Writes a kubeconfig for a bearer token, for the API server or another address of it. Over plain HTTP,
    /// as to a proxy, kube-rs sends the token, and kubectl does not.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn kubeconfig_for_token(
        &self,
        name: &str,
        namespace: &str,
        token: &str,
        server: Option<&str>,
    ) -> Result<PathBuf> {
        let server = server.map_or_else(|| self.api_url(), ToOwned::to_owned);
        self.write_kubeconfig(name, namespace, &server, &json!({"token": token}))
    }

    fn start_processes(&mut self) -> Result<()> {
        *held(&self.controller_manager) = None;
        self.stop_api_server();
        self.stop_etcd();
        self.start_etcd()?;
        self.start_api_server()?;
        self.start_controller_manager()?;
        let kubectl = self.kubectl()?;
        wait::until("the default namespace has its ServiceAccount", START, || {
            self.assert_running()?;
            Ok(kubectl.try_run(&["get", "serviceaccount", "default", "--namespace", "default"]).ok())
        })?;
        Ok(())
    }

    /// Starts etcd, with the data that there are.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start_etcd(&self) -> Result<()> {
        self.start_etcd_with(&[])
    }

    /// Starts etcd, with the data that there are, and more arguments.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start_etcd_with(&self, arguments: &[&str]) -> Result<()> {
        let mut etcd = Command::new(binaries::control_plane("etcd")?);
        let client = self.etcd_url();
        etcd.arg(format!("--data-dir={}", self.etcd_data().display()))
            .arg(format!("--listen-client-urls={client}"))
            .arg(format!("--advertise-client-urls={client}"))
            .args(["--listen-peer-urls=http://127.0.0.1:0", "--unsafe-no-fsync", "--log-level=warn"])
            .arg(format!("--quota-backend-bytes={ETCD_BYTES}"))
            .args(arguments);
        *held(&self.etcd) = Some(Process::start("etcd", etcd, self.folder.path())?);
        Ok(())
    }

    /// Stops etcd for a moment, and copies its data, for [`Self::restore`].
    ///
    /// # Errors
    /// If they can't be copied, or something does not come up again.
    pub fn back_up(&self) -> Result<()> {
        self.while_stopped(copy_folder)
    }

    /// Stops etcd for a moment, and puts back the data of the last [`Self::back_up`].
    ///
    /// # Errors
    /// If there are none, or something does not come up again.
    pub fn restore(&self) -> Result<()> {
        self.while_stopped(|data, backup| copy_folder(backup, data))
    }

    fn while_stopped(&self, copy: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<()> {
        self.stop_api_server();
        self.stop_etcd();
        copy(&self.etcd_data(), &self.folder().join("backup"))?;
        self.start_etcd()?;
        self.start_api_server()
    }

    /// Starts the API server, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_api_server(&self) -> Result<()> {
        let etcd = ([127, 0, 0, 1], self.etcd_port).into();
        let server = self.api_server_command(self.api_port, etcd, AUDIT_LOG)?;
        *held(&self.api_server) = Some(Process::start("kube-apiserver", server, self.folder.path())?);
        self.wait_for_api_server()
    }

    /// Waits until the API server is ready: also until it has found its etcd again.
    ///
    /// # Errors
    /// If that takes too long, or a process of the control plane has ended.
    pub fn wait_for_api_server(&self) -> Result<()> {
        let kubectl = self.kubectl()?;
        wait::until("kube-apiserver is ready", START, || {
            self.assert_running()?;
            Ok(kubectl.try_run(&["get", "--raw", "/readyz"]).ok())
        })?;
        Ok(())
    }

    /// An API server of this control plane; what the first one signs, every other believes.
    pub(crate) fn api_server_command(&self, port: u16, etcd: SocketAddr, audit_log: &str) -> Result<Command> {
        let file = |name: &str| self.folder().join(name).display().to_string();
        let mut server = Command::new(binaries::control_plane("kube-apiserver")?);
        server
            .arg(format!("--etcd-servers=http://{etcd}"))
            .arg(format!("--secure-port={port}"))
            .args(match self.reach {
                Reach::Machine => vec![
                    "--bind-address=127.0.0.1".to_owned(),
                    "--advertise-address=127.0.0.1".to_owned(),
                    "--endpoint-reconciler-type=none".to_owned(),
                    "--authorization-mode=RBAC".to_owned(),
                    "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
                    format!("--service-account-issuer=https://127.0.0.1:{}/", self.api_port),
                ],
                Reach::Node(network) => vec![
                    "--bind-address=0.0.0.0".to_owned(),
                    format!("--advertise-address={}", network.gateway),
                    "--endpoint-reconciler-type=lease".to_owned(),
                    "--authorization-mode=Node,RBAC".to_owned(),
                    "--enable-admission-plugins=NodeRestriction".to_owned(),
                    format!("--service-cluster-ip-range={}", network.services),
                    "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
                    format!("--kubelet-client-certificate={}", file("admin.crt")),
                    format!("--kubelet-client-key={}", file("admin.key")),
                    format!("--kubelet-certificate-authority={}", file("ca.crt")),
                    "--kubelet-preferred-address-types=InternalIP".to_owned(),
                ],
            })
            .arg(format!("--tls-cert-file={}", file("apiserver.crt")))
            .arg(format!("--tls-private-key-file={}", file("apiserver.key")))
            .arg(format!("--client-ca-file={}", file("ca.crt")))
            .arg("--allow-privileged=true")
            .arg(format!("--service-account-key-file={}", file("service-account.pub")))
            .arg(format!("--service-account-signing-key-file={}", file("service-account.key")))
            .arg(format!("--audit-policy-file={}", file("audit-policy.json")))
            .arg(format!("--audit-log-path={}", file(audit_log)))
            .arg("--audit-log-mode=blocking")
            // In megabytes: it would begin a new file after 100.
            .arg("--audit-log-maxsize=100000");
        Ok(server)
    }

    fn start_controller_manager(&mut self) -> Result<()> {
        let mut manager = Command::new(binaries::control_plane("kube-controller-manager")?);
        manager
            .arg(format!("--kubeconfig={}", self.kubeconfig().display()))
            .arg(match self.reach {
                Reach::Machine => {
                    "--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller,\
                     clusterrole-aggregation-controller"
                }
                Reach::Node(_) => "--controllers=*",
            })
            .args(["--leader-elect=false", "--secure-port=0"])
            .arg(format!("--root-ca-file={}", self.folder().join("ca.crt").display()))
            .arg(format!(
                "--service-account-private-key-file={}",
                self.folder().join("service-account.key").display()
            ));
        *held(&self.controller_manager) =
            Some(Process::start("kube-controller-manager", manager, self.folder.path())?);
        Ok(())
    }

    fn assert_running(&self) -> Result<()> {
        for process in [&self.etcd, &self.api_server, &self.controller_manager] {
            held(process).as_mut().map_or(Ok(()), Process::assert_running)?;
        }
        Ok(())
    }

    /// Writes a kubeconfig of an administrator, for an API server at this address.
    pub(crate) fn write_admin_kubeconfig(&self, name: &str, server: &str) -> Result<PathBuf> {
        let file = |name: &str| self.folder().join(name).display().to_string();
        let user = json!({"client-certificate": file("admin.crt"), "client-key": file("admin.key")});
        self.write_kubeconfig(name, "default", server, &user)
    }

    /// Writes the kubeconfig of the node.
    pub(crate) fn write_node_kubeconfig(&self) -> Result<PathBuf> {
        let file = |name: &str| self.folder().join(name).display().to_string();
        let user = json!({"client-certificate": file("node.crt"), "client-key": file("node.key")});
        self.write_kubeconfig("node", "default", &self.api_url(), &user)
    }

    fn write_kubeconfig(&self, name: &str, namespace: &str, server: &str, user: &Value) -> Result<PathBuf> {
        let mut cluster = json!({"server": server});
        // A proxy speaks plain HTTP.
        if server.starts_with("https:") {
            cluster["certificate-authority"] = json!(self.folder().join("ca.crt").display().to_string());
        }
        let context = json!({"cluster": "testbed", "user": "user", "namespace": namespace});
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "testbed",
            "clusters": [{"name": "testbed", "cluster": cluster}],
            "users": [{"name": "user", "user": user}],
            "contexts": [{"name": "testbed", "context": context}],
        });
        let path = self.folder().join(format!("{name}.kubeconfig"));
        // JSON is YAML.
        fs::write(&path, format!("{config:#}\n")).context("the kubeconfig can't be written")?;
        Ok(path)
    }
}

fn held(process: &Mutex<Option<Process>>) -> MutexGuard<'_, Option<Process>> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the folders of processes that are gone: a test's process ends without a word, and keeps its logs
/// until here.
fn remove_leftovers() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner =
            name.strip_prefix(FOLDER_PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
            // Somebody else may be at it, too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Copies a folder in place of another.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status()?;
    ensure!(copied.success(), "{} could not be copied", from.display());
    Ok(())
}
