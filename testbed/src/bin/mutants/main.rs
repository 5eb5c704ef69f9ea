//! `make test-mutants`: breaks one protection at a time, and shows which test notices. Ends with 0 only if
//! each is noticed.
//!
//! A suite that never fails proves nothing. Each mutant is a change of the source that a hurried hand could
//! make; it must compile, and one of the tests that are named with it must fail.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use testbed::record::{self, Record};
use testbed::repository;

use table::MUTANTS;

/// Longest that the tests of a mutant may take, in seconds: several times what the slowest of them takes. A
/// test that waits for ever for what the mutant prevents is a defect of the test.
const LIMIT: &str = "600";
/// What `timeout` returns then.
const TIMED_OUT: i32 = 124;

/// One protection less.
struct Mutant {
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// Arguments of `cargo test`.
    tests: &'static [&'static str],
}

/// The test that has noticed a mutant.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Caught {
    by: String,
    /// The mutant, as it was then ([`Mutant::digest`]).
    mutant: String,
    /// The commit that was tried.
    commit: String,
}

impl Mutant {
    fn is_in_the_source(&self) -> Result<()> {
        let source = std::fs::read_to_string(repository().join(self.file))?;
        let times = source.matches(self.from).count();
        ensure!(times == 1, "{}: {} is {times} times in {}, not once", self.name, self.from, self.file);
        Ok(())
    }

    /// What it does and which tests are to notice, in short.
    fn digest(&self) -> String {
        let all = [&[self.file, self.from, self.to], self.tests].concat().join("\0");
        Sha256::digest(all)[..6].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[derive(Debug, Parser)]
struct Arguments {
    /// Only mutants whose name or file contains this
    filter: Option<String>,
    /// Begin with the first mutant whose name contains this, to go on after an interruption
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Keep which test has noticed each, for docs/reliability.md
    #[arg(long)]
    record: bool,
    /// Only mutants that no test is recorded for, as after a change, or to go on after an interruption
    #[arg(long)]
    unrecorded: bool,
}

fn main() -> Result<ExitCode> {
    let Arguments { filter, from, record, unrecorded } = Arguments::parse();
    let commit = record::commit(record)?;
    let mut caught_by = CaughtBy::recorded()?;
    let wanted = |mutant: &&Mutant| {
        let is_in = |filter: &String| mutant.name.contains(filter) || mutant.file.contains(filter);
        filter.as_ref().is_none_or(is_in) && !(unrecorded && caught_by.0.contains_key(mutant.name))
    };
    let before = |mutant: &&Mutant| from.as_ref().is_some_and(|from| !mutant.name.contains(from));
    let mutants: Vec<&Mutant> = MUTANTS.iter().skip_while(before).filter(wanted).collect();
    if unrecorded && mutants.is_empty() {
        println!("a test is recorded for each mutant");
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(!mutants.is_empty(), "no mutant of this name, nor in such a file");
    mutants.iter().try_for_each(|mutant| mutant.is_in_the_source())?;
    let tree = Tree::copy()?;
    tree.is_sound(&mutants)?;
    let mut caught = 0;
    for mutant in &mutants {
        let begun = Instant::now();
        let outcome = tree.try_out(mutant).with_context(|| mutant.name)?;
        caught += usize::from(matches!(outcome, Outcome::Caught { .. }));
        println!("{}: {outcome} ({} s)", mutant.name, begun.elapsed().as_secs());
        if let Some(commit) = &commit {
            caught_by.note(mutant, &outcome, commit)?;
        }
    }
    println!("{} mutants, {caught} caught", mutants.len());
    Ok(if caught == mutants.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The test that has noticed each mutant, by the mutant's name.
struct CaughtBy(BTreeMap<String, Caught>);

impl CaughtBy {
    /// Those of the mutants as they are: what is no mutant any more, or another one under its name, is
    /// forgotten.
    fn recorded() -> Result<Self> {
        let text = std::fs::read_to_string(Record::path("mutants"))?;
        let mut recorded: BTreeMap<String, Caught> = serde_json::from_str(&text)?;
        let is_one = |name: &String, caught: &Caught| {
            MUTANTS.iter().any(|mutant| mutant.name == name && mutant.digest() == caught.mutant)
        };
        recorded.retain(|name, caught| is_one(name, caught));
        Ok(Self(recorded))
    }

    /// Keeps what became of a mutant.
    fn note(&mut self, mutant: &Mutant, outcome: &Outcome, commit: &str) -> Result<()> {
        match outcome {
            Outcome::Caught { test } => {
                let (by, mutant_then, commit) = (test.clone(), mutant.digest(), commit.to_owned());
                let caught = Caught { by, mutant: mutant_then, commit };
                self.0.insert(mutant.name.to_owned(), caught)
            }
            Outcome::Survived | Outcome::DoesNotCompile { .. } => self.0.remove(mutant.name),
        };
        std::fs::write(Record::path("mutants"), serde_json::to_string_pretty(&self.0)? + "\n")?;
        Ok(())
    }
}

/// What became of a mutant.
enum Outcome {
    Caught {
        test: String,
    },
    Survived,
    /// The mutant itself is wrong, and shows nothing.
    DoesNotCompile {
        error: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught { test } => write!(f, "caught by {test}"),
            Self::Survived => f.write_str("SURVIVED"),
            Self::DoesNotCompile { error } => write!(f, "DOES NOT COMPILE: {error}"),
        }
    }
}

/// A copy of the repository, built in a folder of its own.
struct Tree {
    path: PathBuf,
    target: PathBuf,
}

impl Tree {
    fn copy() -> Result<Self> {
        let folder = repository().join("target/mutants");
        let (path, target) = (folder.join("tree"), folder.join("target"));
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(repository())
            .output()
            .context("git lists the files of the repository")?;
        ensure!(listed.status.success(), "git does not list the files of the repository");
        let listed = String::from_utf8(listed.stdout)?;
        let files: BTreeSet<&Path> =
            listed.split('\0').map(Path::new).filter(|name| repository().join(name).is_file()).collect();
        for name in &files {
            copy(&repository().join(name), &path.join(name))?;
        }
        remove_others(&path, &path, &files)?;
        Ok(Self { path, target })
    }

    /// Fails unless the tests of these mutants pass without one: a test that always fails notices nothing.
    fn is_sound(&self, mutants: &[&Mutant]) -> Result<()> {
        let mut tried = BTreeSet::new();
        for mutant in mutants.iter().filter(|mutant| tried.insert(mutant.tests)) {
            match self.test(mutant)? {
                Outcome::Survived => {}
                Outcome::Caught { test } => bail!("{test} fails without a mutant"),
                Outcome::DoesNotCompile { error } => {
                    bail!("without a mutant, this does not compile: {error}")
                }
            }
        }
        println!("all tests pass without a mutant");
        Ok(())
    }

    fn try_out(&self, mutant: &Mutant) -> Result<Outcome> {
        let file = self.path.join(mutant.file);
        let source = std::fs::read_to_string(&file)?;
        std::fs::write(&file, source.replace(mutant.from, mutant.to))?;
        let tested = self.test(mutant);
        std::fs::write(&file, source)?;
        tested
    }

    fn test(&self, mutant: &Mutant) -> Result<Outcome> {
        let build = self.cargo(&["test", "--locked", "--no-run"], mutant)?;
        if !build.status.success() {
            let said = String::from_utf8_lossy(&build.stderr);
            let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error")).collect();
            return Ok(Outcome::DoesNotCompile { error: errors.join("; ") });
        }
        let run = self.cargo(&["test", "--locked"], mutant)?;
        let output = String::from_utf8_lossy(&run.stdout).into_owned();
        if run.status.success() {
            let selected =
                output.lines().any(|line| line.starts_with("running ") && line != "running 0 tests");
            ensure!(selected || !output.contains("running 0 tests"), "{:?} select no test", mutant.tests);
            return Ok(Outcome::Survived);
        }
        ensure!(run.status.code() != Some(TIMED_OUT), "the tests did not end within {LIMIT} s");
        // Whatever needs it fails then, and that shows nothing.
        let has_started = !output.contains("the control plane did not start");
        ensure!(has_started, "whatever needs the control plane has failed: {output}");
        let failed = output.lines().find_map(|line| {
            let test = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED"));
            test.or_else(|| line.strip_prefix("VIOLATED ")?.split(':').next())
        });
        let failed = failed.with_context(|| format!("no test has failed, but something has: {output}"))?;
        Ok(Outcome::Caught { test: failed.to_owned() })
    }

    /// Runs cargo on the tests of a mutant.
    fn cargo(&self, arguments: &[&str], mutant: &Mutant) -> Result<std::process::Output> {
        let building = arguments.contains(&"--no-run");
        // What stands after the program's name is for the program.
        let program = mutant.tests.iter().take(if mutant.tests[0] == "--lib" { 1 } else { 2 });
        let tests: Vec<&str> = if building { program.copied().collect() } else { mutant.tests.to_vec() };
        let tests = separated(&tests, building);
        let mut command = if building { Command::new(env!("CARGO")) } else { Command::new("timeout") };
        if !building {
            command.args(["--kill-after=5", LIMIT, env!("CARGO")]);
        }
        // The programs are packages of their own.
        let of_a_program = mutant.tests[0] == "--bin";
        command
            .args(arguments)
            .args(of_a_program.then_some("--workspace"))
            .args(tests)
            .current_dir(&self.path)
            .env("CARGO_TARGET_DIR", &self.target)
            .output()
            .context("cargo runs")
    }
}

/// Filters go behind `--`, so that there may be several.
fn separated<'a>(tests: &[&'a str], building: bool) -> Vec<&'a str> {
    let program = if tests[0] == "--lib" { 1 } else { 2 };
    let (program, filters) = tests.split_at(program);
    let mut arguments = program.to_vec();
    if !building && !filters.is_empty() {
        if filters[0] != "--" {
            arguments.push("--");
        }
        arguments.extend(filters);
    }
    arguments
}

/// Removes what an earlier run has copied, and the repository no longer has.
fn remove_others(tree: &Path, folder: &Path, files: &BTreeSet<&Path>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(tree, &path, files)?;
        } else if !files.contains(path.strip_prefix(tree)?) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // A file that is the same keeps its time, so that it is not built again.
    if std::fs::read(to).ok() == Some(std::fs::read(from)?) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to).with_context(|| to.display().to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who changes a mutant or its tests tries it again.
    #[test]
    fn every_record_is_of_a_mutant_as_it_is() {
        let text = std::fs::read_to_string(Record::path("mutants")).unwrap();
        let recorded: BTreeMap<String, Caught> = serde_json::from_str(&text).unwrap();
        let valid = CaughtBy::recorded().unwrap().0;
        let stale: Vec<_> = recorded.keys().filter(|name| !valid.contains_key(*name)).collect();
        assert!(stale.is_empty(), "run `make test-mutants RECORD=1 UNRECORDED=1`, or remove: {stale:#?}");
    }

    /// A test that is not there any more notices nothing. (Those of the model are properties, and those of
    /// the faults are plans.)
    #[test]
    fn every_test_that_is_recorded_is_there() {
        let recorded = CaughtBy::recorded().unwrap().0;
        let names = recorded.values().filter_map(|caught| caught.by.rsplit("::").next());
        let is_gone = |name: &&str| {
            let mut git = Command::new("git");
            git.args(["grep", "--quiet", "--word-regexp", &format!("fn {name}")]).current_dir(repository());
            !name.contains([' ', '/']) && !git.status().unwrap().success()
        };
        let gone: Vec<_> = names.filter(is_gone).collect();
        assert!(gone.is_empty(), "{gone:#?}");
    }

    /// Who changes a protection changes its mutant, too.
    #[test]
    fn every_mutant_is_in_the_source() {
        let strays: Vec<String> = MUTANTS
            .iter()
            .filter_map(|mutant| mutant.is_in_the_source().err())
            .map(|error| error.to_string())
            .collect();
        assert!(strays.is_empty(), "{strays:#?}");
    }
}
