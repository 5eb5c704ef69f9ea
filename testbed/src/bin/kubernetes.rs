//! `make test-kubernetes VERSION=…`: runs the tests of the chart and those on the control plane with another
//! version of Kubernetes, and writes its row in docs/conformance.md again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use testbed::{binaries, repository};

#[derive(Parser)]
struct Arguments {
    /// The version: one of those that testbed/ has a Go module for
    version: String,
    /// Only the tests on the control plane whose names contain one of these; then no row is written
    tests: Vec<String>,
}

/// A test of something that older versions do not have.
struct Unfit {
    test: &'static str,
    /// The first minor version that has it.
    since: u32,
    why: &'static str,
}

const UNFIT: &[Unfit] = &[
    Unfit {
        test: "guarded::a_campaign_that_is_deleted_at_once_is_not_left_behind",
        since: 36,
        why: "no MutatingAdmissionPolicy: it is reported (`CampaignLeftBehind`)",
    },
    Unfit {
        test: "kustomized::a_renamed_installation_is_guarded",
        since: 36,
        why: "`deploy/policies/finalizer` is a MutatingAdmissionPolicy",
    },
];

/// Where the rows are.
const BEGIN: &str = "<!-- make test-kubernetes -->\n";
const END: &str = "<!-- -->\n";

/// How many tests at once, as in `make test`: they mostly wait.
const AT_ONCE: &str = "4";

fn main() -> Result<ExitCode> {
    let Arguments { version, tests } = Arguments::parse();
    let versions = binaries::kubernetes_versions();
    ensure!(
        versions.contains(&version.as_str()),
        "VERSION is to be one of {}, not {version:?}",
        versions.join(", ")
    );
    let unfit = unfit_for(&version)?;
    let cluster = run(&version, "cluster", &unfit, &tests)?;
    if !tests.is_empty() {
        return Ok(code(cluster.is_green()));
    }
    let chart = run(&version, "chart", &unfit, &tests)?;
    write(&version, &row(&version, &chart, &cluster, &unfit))?;
    Ok(code(chart.is_green() && cluster.is_green()))
}

fn code(green: bool) -> ExitCode {
    if green { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn unfit_for(version: &str) -> Result<Vec<&'static Unfit>> {
    let minor = binaries::kubernetes_minor(version)?;
    Ok(UNFIT.iter().filter(|unfit| minor < unfit.since).collect())
}

/// What became of the tests of one program.
#[derive(Default)]
struct Outcome {
    passed: usize,
    failed: Vec<String>,
}

impl Outcome {
    /// That nothing has run proves nothing.
    fn is_green(&self) -> bool {
        self.failed.is_empty() && self.passed > 0
    }

    fn take(&mut self, line: &str) {
        let Some((name, outcome)) = line.strip_prefix("test ").and_then(|said| said.split_once(" ... "))
        else {
            return;
        };
        match outcome {
            "ok" => self.passed += 1,
            "FAILED" => self.failed.push(name.to_owned()),
            _ => {}
        }
    }

    fn told(&self) -> String {
        match self.failed.as_slice() {
            [] => format!("{} passed", self.passed),
            failed => format!("{} passed, failed: `{}`", self.passed, failed.join("`, `")),
        }
    }
}

fn run(version: &str, program: &str, unfit: &[&Unfit], tests: &[String]) -> Result<Outcome> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["test", "--workspace", "--locked", "--test", program, "--"])
        .args(tests)
        .args(unfit.iter().flat_map(|unfit| ["--skip", unfit.test]))
        .env(binaries::KUBERNETES, version)
        .env("RUST_TEST_THREADS", AT_ONCE)
        .current_dir(repository())
        .stdout(Stdio::piped());
    let mut running = command.spawn().context("cargo does not start")?;
    let mut outcome = Outcome::default();
    for line in BufReader::new(running.stdout.take().context("no output")?).lines() {
        let line = line?;
        println!("{line}");
        outcome.take(&line);
    }
    let ended = running.wait()?;
    ensure!(
        ended.success() == outcome.failed.is_empty(),
        "cargo test of {program} {ended}, and the tests say otherwise"
    );
    Ok(outcome)
}

fn row(version: &str, chart: &Outcome, cluster: &Outcome, unfit: &[&Unfit]) -> String {
    let left_out: Vec<_> = unfit.iter().map(|unfit| format!("`{}`: {}", unfit.test, unfit.why)).collect();
    let left_out = if left_out.is_empty() { "none".to_owned() } else { left_out.join("; ") };
    format!("| {version} | {} | {} | {left_out} |\n", chart.told(), cluster.told())
}

/// Writes the row of a version, in place of the one that is there.
fn write(version: &str, row: &str) -> Result<()> {
    let path = repository().join("docs/conformance.md");
    let document = fs::read_to_string(&path)?;
    let (before, rest) =
        document.split_once(BEGIN).context("docs/conformance.md has no place for the table")?;
    let (table, after) = rest.split_once(END).context("the table in docs/conformance.md has no end")?;
    let mut lines: Vec<&str> = table.split_inclusive('\n').collect();
    lines.retain(|line| !line.starts_with(&format!("| {version} |")));
    lines.push(row);
    // The head and the line below stay where they are.
    if let Some(rows) = lines.get_mut(2..) {
        rows.sort_unstable();
    }
    fs::write(&path, [before, BEGIN, &lines.concat(), END, after].concat())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test that is left out under a name that it has not runs all the same.
    #[test]
    fn what_does_not_fit_is_there() {
        for Unfit { test, .. } in UNFIT {
            let (module, name) = test.split_once("::").unwrap();
            let file = repository().join("tests/cluster").join(module).with_extension("rs");
            assert!(fs::read_to_string(file).unwrap().contains(&format!("fn {name}(")), "{test}");
        }
    }

    #[test]
    fn the_tests_of_a_run_are_counted() {
        let mut outcome = Outcome::default();
        let said = "running 3 tests\ntest a::b ... ok\ntest c ... FAILED\ntest d ... ignored, takes its time\n\
                    test result: FAILED. 1 passed; 1 failed";
        said.lines().for_each(|line| outcome.take(line));
        assert_eq!((outcome.passed, outcome.failed.as_slice()), (1, &["c".to_owned()][..]));
        assert!(!outcome.is_green() && !Outcome::default().is_green());
        assert_eq!(outcome.told(), "1 passed, failed: `c`");
    }
}
