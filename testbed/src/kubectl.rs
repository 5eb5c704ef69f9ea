//! The real kubectl.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::binaries;

/// kubectl under one kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// kubectl under this kubeconfig.
    ///
    /// # Errors
    /// If kubectl can't be built.
    pub fn new(kubeconfig: PathBuf) -> Result<Self> {
        Ok(Self { program: binaries::control_plane("kubectl")?, kubeconfig })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The command, to be run otherwise.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", self.kubeconfig.with_extension("cache"));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs it; the text it printed.
    ///
    /// # Errors
    /// If it ends with a failure: what it said.
    pub fn try_run(&self, arguments: &[&str]) -> Result<String> {
        finish(arguments, self.command(arguments).output()?)
    }

    /// Applies manifests.
    ///
    /// # Errors
    /// If they are refused: what kubectl said.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        self.pipe(&["apply", "--server-side", "--filename", "-"], manifests)
    }

    /// Runs it with a standard input; the text it printed.
    ///
    /// # Errors
    /// If it ends with a failure: what it said.
    pub fn pipe(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("standard input")?.write_all(input.as_bytes())?;
        finish(arguments, child.wait_with_output()?)
    }

    /// An object as JSON; `None` if there is none of that name.
    ///
    /// # Errors
    /// If kubectl fails otherwise.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>> {
        let arguments =
            ["get", kind, name, "--namespace", namespace, "--output", "json", "--ignore-not-found"];
        let text = self.try_run(&arguments)?;
        if text.trim().is_empty() { Ok(None) } else { Ok(Some(serde_json::from_str(&text)?)) }
    }
}

fn finish(arguments: &[&str], output: Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
}
