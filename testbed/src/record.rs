//! What a long run has shown, kept for docs/reliability.md.

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{process, repository};

/// The result of a run without a violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The command that repeats the run.
    pub command: String,
    /// Of which commit.
    pub commit: String,
    /// What was counted, as `(1204, "states")`.
    pub figures: Vec<(u64, String)>,
}

impl Record {
    /// What a command has counted.
    pub fn new<const N: usize>(command: impl Into<String>, figures: [(usize, &str); N]) -> Self {
        let figures = figures.map(|(count, what)| (count as u64, what.to_owned()));
        Self { command: command.into(), commit: String::new(), figures: figures.into() }
    }

    /// The file of a record.
    pub fn path(name: &str) -> PathBuf {
        repository().join("docs/reliability").join(name).with_extension("json")
    }

    /// The record of this name, if there is one.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn of(name: &str) -> Result<Option<Self>> {
        let path = Self::path(name);
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// How a run of so many violations ends: only one without any can be kept, under a name, for the commit
    /// that has run.
    ///
    /// # Errors
    /// If the repository has changed meanwhile, so that it is not known what has run, or the file can't be
    /// written.
    pub fn conclude(&self, violations: usize, name: &str, commit: Option<String>) -> Result<ExitCode> {
        if violations > 0 {
            return Ok(ExitCode::FAILURE);
        }
        commit.map_or(Ok(()), |commit| self.keep(name, commit))?;
        Ok(ExitCode::SUCCESS)
    }

    fn keep(&self, name: &str, commit: String) -> Result<()> {
        let mut diff = Command::new("git");
        diff.args(["diff", "--stat", &commit, "--", ".", ":!docs"]).current_dir(repository());
        let changed = String::from_utf8(process::run(diff)?)?;
        ensure!(
            changed.is_empty(),
            "since the run began with the commit {commit}, this has changed, so nothing is recorded of {self:?}:\n{changed}"
        );
        let path = Self::path(name);
        let kept = Self { commit, ..self.clone() };
        let text = serde_json::to_string_pretty(&kept)? + "\n";
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

/// The commit that a run begins with, if it is to be kept.
///
/// # Errors
/// If something is not committed, of all but the documents, where the records are.
pub fn commit(keep: bool) -> Result<Option<String>> {
    if !keep {
        return Ok(None);
    }
    let (commit, changed) = version()?;
    ensure!(changed.is_empty(), "a record is of a commit, and these are not committed:\n{changed}");
    Ok(Some(commit))
}

/// The commit of the repository, and what differs from it, but for the documents.
///
/// # Errors
/// If git does not say.
pub fn version() -> Result<(String, String)> {
    let git = |arguments: &[&str]| -> Result<String> {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(repository());
        Ok(String::from_utf8(process::run(command)?)?.trim().to_owned())
    };
    let changed = git(&["status", "--porcelain", "--", ".", ":!docs"])?;
    Ok((git(&["rev-parse", "--short=12", "HEAD"])?, changed))
}

/// The figures, with commas between thousands.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (count, what)) in self.figures.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{} {what}", thousands(*count))?;
        }
        Ok(())
    }
}

/// A number with commas between its thousands.
pub fn thousands(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000.. => format!("{},{:03}", thousands(number / 1_000), number % 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_commas() {
        let record = Record::new("make x", [(0, "violations"), (1_000, "plans"), (12_345_067, "states")]);
        assert_eq!(record.to_string(), "0 violations, 1,000 plans, 12,345,067 states");
    }
}
