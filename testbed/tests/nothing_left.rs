//! Whatever ends the demonstration, and whenever, it leaves no process behind.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testbed::wait;

/// A variable that every process that the demonstration starts inherits.
const MARK: &str = "VOICECAMPAIGN_DEMO_MARK";

fn demo(mark: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_demo"))
        .env(MARK, mark)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Command lines of the living processes that carry the mark; a zombie has none.
fn marked(mark: &str) -> Vec<String> {
    let variable = format!("{MARK}={mark}").into_bytes();
    let process = |entry: fs::DirEntry| {
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let ours = environment.split(|byte| *byte == 0).any(|entry| entry == variable);
        let line = fs::read(entry.path().join("cmdline")).ok().filter(|line| ours && !line.is_empty())?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(process).collect()
}

fn assert_nothing_left(mark: &str) {
    let mut left = Vec::new();
    wait::until("nothing is left", Duration::from_secs(10), || {
        left = marked(mark);
        Ok(left.is_empty().then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error}: {left:#?}"));
}

/// Ctrl-C, SIGTERM and SIGKILL while everything runs.
#[test]
fn a_signal_leaves_nothing_behind() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let mark = format!("{signal}-{}", std::process::id());
        let mut child = demo(&mark);
        // Held until the end: a demonstration that nobody reads ends by itself.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let started = lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("2. "));
        assert!(started, "the demonstration has ended by itself");
        assert!(marked(&mark).len() >= 6, "everything runs: {:#?}", marked(&mark));
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        assert!(!child.wait().unwrap().success());
        assert_nothing_left(&mark);
    }
}

/// SIGKILL at any moment of the start.
#[test]
fn a_kill_during_the_start_leaves_nothing_behind() {
    for moment in [200, 900, 1600, 2300, 3000, 4000] {
        let mark = format!("{moment}-{}", std::process::id());
        let mut child = demo(&mark);
        std::thread::sleep(Duration::from_millis(moment));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_nothing_left(&mark);
    }
}
