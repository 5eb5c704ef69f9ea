//! Options, variables and kubeconfigs against the program itself.
//!
//! ```text
//!   drawn.rs: what is wrong, and what must be said of it (kubeconfig.rs: files) ─▶ here: the program runs
//!     ─▶ it ends and says why  |  it starts, and ends after SIGTERM
//! ```

mod drawn;
mod kubeconfig;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use testbed::process::Process;

use crate::lane::{Class, Lane, Tally};
use drawn::{Start, Wrong};
use kubeconfig::SECRETS;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/fuzz/program.txt");
/// How long a program that waits for the API server, and does not say so, is left alone.
const LEFT_ALONE: Duration = Duration::from_millis(500);
/// It may take ten seconds for calls in flight.
const STOPPED: Duration = Duration::from_secs(13);
/// Longest text of an error, in bytes: the value that is wrong, and the help of all options.
const LONGEST_ERROR: usize = 8 * 1024;
/// It logs that it has read its configuration, and begins to work.
const WORKS: &str = "Using the Kubernetes cluster";
/// The kubeconfig in the home directory: UTF-16 with half a character at its end.
const CUT: &[u8] = b"\xff\xfea\0b";
/// What a command says that ends by itself otherwise.
const INTERRUPTED: &str = "terminated before everything was done";

/// Starts the program in one way after another.
pub fn run(lane: Lane) -> Result<Tally> {
    let folder = tempfile::tempdir()?;
    let classes = ["refused", "started and stopped", "stopped while it waited", "done"];
    Ok(lane.explore("program", KEPT, &classes, &drawn::start(), |start| {
        check(folder.path(), &start).map_err(|violation| format!("{violation}\n  {}", start.command_line()))
    }))
}

/// How the program ended, and what it said.
struct Ended {
    status: ExitStatus,
    said: String,
    was_stopped: bool,
}

fn check(folder: &Path, start: &Start) -> Result<Class, String> {
    let Ended { status, said, was_stopped } = execute(folder, start).map_err(|error| format!("{error:#}"))?;
    if ["panicked", "RUST_BACKTRACE", "stack backtrace", "overflow"].iter().any(|word| said.contains(word)) {
        return Err(format!("it panics: {said}"));
    }
    if let Some(secret) = SECRETS.iter().find(|secret| said.contains(**secret)) {
        return Err(format!("it shows the secret {secret}: {said}"));
    }
    if start.must_be_refused() && (was_stopped || status.success()) {
        return Err(format!("it takes what is wrong: {said}"));
    }
    if was_stopped {
        // Whoever is stopped before its signal handlers are there ends by the signal.
        return Ok(if said.contains(WORKS) { "started and stopped" } else { "stopped while it waited" });
    }
    if status.success() {
        return Ok("done");
    }
    if status.code().is_none() {
        return Err(format!("it ends with {status}: {said}"));
    }
    if said.trim().is_empty() || said.len() > LONGEST_ERROR {
        return Err(format!("its error has {} bytes: {said}", said.len()));
    }
    match &start.wrong {
        Some(Wrong { names, allowed, .. }) => {
            let lower = said.to_lowercase();
            if !names.iter().any(|name| lower.contains(&name.to_lowercase())) {
                return Err(format!("its error names none of {names:?}: {said}"));
            }
            if !allowed.is_empty() && !allowed.iter().any(|allowed| said.contains(allowed)) {
                return Err(format!("its error says none of {allowed:?}: {said}"));
            }
        }
        None => return Err(format!("it refuses what is right: {said}")),
    }
    Ok("refused")
}

/// Runs the program to its end, or until it works; then SIGTERM ends it.
fn execute(folder: &Path, start: &Start) -> Result<Ended> {
    let kubeconfig = folder.join("config");
    std::fs::write(&kubeconfig, &start.kubeconfig)?;
    std::fs::write(folder.join("ca.pem"), b"no certificate")?;
    std::fs::create_dir_all(folder.join(".kube"))?;
    std::fs::write(folder.join(".kube/config"), CUT)?;
    // The log of the program that ran before.
    let _ = std::fs::remove_file(folder.join("program.log"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_voicecampaign-operator"));
    let replaced = |text: &[u8]| match std::str::from_utf8(text) {
        Ok(text) => text.replace("{folder}", &folder.display().to_string()).into(),
        Err(_) => OsString::from_vec(text.to_vec()),
    };
    command
        .args(start.arguments.iter().map(|argument| replaced(argument)))
        .env_clear()
        .env("KUBECONFIG", &kubeconfig)
        .env("HOME", folder)
        .envs(start.variables.iter().map(|(name, value)| (name, replaced(value))));
    let mut process = Process::start("program", command, folder)?;
    let begun = Instant::now();
    // What must be refused is not stopped before it has had time for that, on a busy machine, too.
    let left_alone = if start.must_be_refused() { STOPPED } else { LEFT_ALONE };
    while !process.output().contains(WORKS) && begun.elapsed() < left_alone {
        if let Some(status) = process.ended()? {
            return Ok(Ended { status, said: process.output(), was_stopped: false });
        }
        std::thread::sleep(Duration::from_millis(4));
    }
    let status = process.terminate(STOPPED).with_context(|| process.output())?;
    let said = process.output();
    // It may have ended by itself just before.
    let was_stopped = status.code().is_none_or(|code| code == 0) || said.contains(INTERRUPTED);
    Ok(Ended { status, said, was_stopped })
}
