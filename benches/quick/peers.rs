//! The contenders' programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::process;

use crate::measure::Contender;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// The program of a contender. Those that are not Rust are built first.
pub fn program(who: Contender) -> PathBuf {
    let ours = Path::new(env!("CARGO_BIN_EXE_voicecampaign-operator"));
    match who {
        Contender::Ours => ours.to_owned(),
        Contender::Stock => ours.with_file_name("stock"),
        Contender::Floor => ours.with_file_name("floor"),
        Contender::ControllerRuntime | Contender::ControllerRuntimeWorkers => controller_runtime(),
        Contender::Kopf => kopf(),
    }
}

/// What Python runs for [`Contender::Kopf`].
pub fn kopf_handlers() -> PathBuf {
    source("kopf").join("stock.py")
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
    go.args(["build", "-mod=readonly", "-trimpath", "-o"]).arg(&program).arg(".");
    go.env("CGO_ENABLED", "0").current_dir(source("controller-runtime"));
    process::run(go).unwrap();
    program
}

/// A Python with the packages of the peer.
fn kopf() -> PathBuf {
    let folder = target("kopf");
    let python = folder.join("bin/python");
    if !python.exists() {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(&folder);
        process::run(venv).unwrap();
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement"]);
    pip.arg(source("kopf").join("requirements.txt"));
    process::run(pip).unwrap();
    python
}
