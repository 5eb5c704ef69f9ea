//! The real helm, of both major versions.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::{ControlPlane, binaries, repository};

/// helm, without settings of whoever runs it.
#[derive(Debug)]
pub struct Helm {
    program: PathBuf,
    home: tempfile::TempDir,
    kubeconfig: Option<PathBuf>,
}

impl Helm {
    /// helm of a major version, 3 or 4, without a cluster.
    ///
    /// # Errors
    /// If it can't be built.
    pub fn new(major: u8) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("voicecampaign-helm-").tempdir()?;
        Ok(Self { program: binaries::helm(major)?, home, kubeconfig: None })
    }

    /// The same with the rights of an administrator.
    ///
    /// # Errors
    /// If it can't be built.
    pub fn on(plane: &ControlPlane, major: u8) -> Result<Self> {
        Self::with(plane.kubeconfig(), major)
    }

    /// The same with a kubeconfig.
    ///
    /// # Errors
    /// If it can't be built.
    pub fn with(kubeconfig: PathBuf, major: u8) -> Result<Self> {
        Ok(Self { kubeconfig: Some(kubeconfig), ..Self::new(major)? })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs it; what it printed.
    ///
    /// # Errors
    /// If it ends with a failure: what it said.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.program);
        for (variable, folder) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            command.env(variable, self.home.path().join(folder));
        }
        match &self.kubeconfig {
            Some(path) => command.env("KUBECONFIG", path),
            None => command.env_remove("KUBECONFIG"),
        };
        let output = command.args(arguments).stdin(Stdio::null()).output()?;
        let (printed, said) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
        // What a hook has said is in what is printed.
        ensure!(output.status.success(), "helm {}: {printed}{said}", arguments.join(" "));
        Ok(printed)
    }
}

/// The folder of the chart.
pub fn chart() -> PathBuf {
    repository().join("charts/voicecampaign-operator")
}
