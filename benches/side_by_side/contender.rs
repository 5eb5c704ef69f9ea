//! Who is measured, and the programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use testbed::process;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
/// Reconciles at a time: as many as the operator makes calls to the API server.
const WORKERS: &str = "32";

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contender {
    /// The operator.
    Ours,
    /// `benches/peers/src/bin/stock.rs`, with the framework's default: no limit.
    Stock,
    /// The same, with [`WORKERS`] reconciles at a time.
    StockWorkers,
    /// `benches/peers/controller-runtime/`, with the framework's default: one reconcile at a time.
    ControllerRuntime,
    /// The same, with [`WORKERS`] reconciles at a time.
    ControllerRuntimeWorkers,
    /// `benches/peers/kopf/`.
    Kopf,
    /// `benches/peers/src/bin/floor.rs`.
    Floor,
}

impl Contender {
    /// As the tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "voicecampaign-operator",
            Self::Stock => "stock kube-rs",
            Self::StockWorkers => "stock kube-rs, 32 at a time",
            Self::ControllerRuntime => "controller-runtime",
            Self::ControllerRuntimeWorkers => "controller-runtime, 32 at a time",
            Self::Kopf => "Kopf",
            Self::Floor => "floor",
        }
    }

    /// The program. Those that are not Rust are built first.
    pub fn program(self) -> PathBuf {
        let ours = Path::new(env!("CARGO_BIN_EXE_voicecampaign-operator"));
        match self {
            Self::Ours => ours.to_owned(),
            Self::Stock | Self::StockWorkers => ours.with_file_name("stock"),
            Self::Floor => ours.with_file_name("floor"),
            Self::ControllerRuntime | Self::ControllerRuntimeWorkers => controller_runtime(),
            Self::Kopf => kopf(),
        }
    }

    /// Starts the program; where and for which namespaces it works is in its environment.
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        match self {
            Self::Ours => command.args(["run", "--admin-address=none"]),
            Self::StockWorkers | Self::ControllerRuntimeWorkers => command.env("CONCURRENCY", WORKERS),
            Self::Kopf => command.arg(source("kopf").join("stock.py")),
            Self::Stock | Self::ControllerRuntime | Self::Floor => &mut command,
        };
        command
    }
}

fn source(peer: &str) -> PathBuf {
    Path::new(REPOSITORY).join("benches/peers").join(peer)
}

fn target(peer: &str) -> PathBuf {
    Path::new(REPOSITORY).join("target/peers").join(peer)
}

fn controller_runtime() -> PathBuf {
    let program = target("controller-runtime");
    let mut go = Command::new("go");
    go.args(["build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o"]).arg(&program).arg(".");
    go.env("CGO_ENABLED", "0").current_dir(source("controller-runtime"));
    process::run(go).unwrap();
    program
}

/// A Python with the packages of the peer.
fn kopf() -> PathBuf {
    let folder = target("kopf");
    let python = folder.join("bin/python");
    // Also where it is there: it may have failed half-way before.
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(&folder);
    process::run(venv).unwrap();
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement"]);
    pip.arg(source("kopf").join("requirements.txt"));
    process::run(pip).unwrap();
    python
}
