//! Another kube-apiserver, so that there are two views of one cluster.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;

use crate::addresses::{START, free_port};
use crate::control_plane::ControlPlane;
use crate::faults::Relay;
use crate::kubectl::Kubectl;
use crate::process::Process;
use crate::{audit, wait};

/// A running API server beside that of the control plane, on the same etcd, with the same certificates and
/// tokens. It reaches etcd through a relay: while that is frozen, its view of the cluster is of the past.
/// Dropping it ends it.
#[derive(Debug)]
pub struct SecondApiServer {
    // In the order in which they are ended.
    process: Process,
    relay: Relay,
    url: String,
    kubeconfig: PathBuf,
    audit_log: PathBuf,
}

impl SecondApiServer {
    /// Starts another API server on the etcd of a control plane, behind a relay.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn beside(plane: &ControlPlane) -> Result<Self> {
        let etcd = plane.etcd_address();
        let mut attempts = 0;
        loop {
            attempts += 1;
            match Self::start_on(plane, etcd, free_port()?) {
                // The port was taken between our look and the start.
                Err(error) if attempts < 3 && format!("{error:#}").contains("address already in use") => {}
                result => return result,
            }
        }
    }

    fn start_on(plane: &ControlPlane, etcd: SocketAddr, port: u16) -> Result<Self> {
        let relay = Relay::start(etcd)?;
        let name = format!("kube-apiserver-{port}");
        let audit_log = format!("audit-{port}.log");
        let command = plane.api_server_command(port, relay.address(), &audit_log)?;
        let url = format!("https://127.0.0.1:{port}");
        let kubeconfig = plane.write_admin_kubeconfig(&format!("admin-{port}"), &url)?;
        let kubectl = Kubectl::new(kubeconfig.clone())?;
        let mut process = Process::start(&name, command, plane.folder())?;
        wait::until("the second kube-apiserver is ready", START, || {
            process.assert_running()?;
            Ok(kubectl.try_run(&["get", "--raw", "/readyz"]).ok())
        })?;
        Ok(Self { process, relay, url, kubeconfig, audit_log: plane.folder().join(audit_log) })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its link to etcd.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Its process, to be paused or killed.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// kubectl as an administrator, at this server.
    ///
    /// # Errors
    /// If kubectl can't be built.
    pub fn kubectl(&self) -> Result<Kubectl> {
        Kubectl::new(self.kubeconfig.clone())
    }

    /// What it has been asked for so far, as [`ControlPlane::requests`] says of the first.
    ///
    /// # Errors
    /// If the log can't be read.
    pub fn requests(&self) -> Result<Vec<audit::Request>> {
        audit::read(&self.audit_log, 0)
    }
}
