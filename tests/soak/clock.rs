//! The clock of an instance, which may be wrong: libfaketime stands between the program and the system.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use testbed::process;

/// How many seconds an instance may take to see that its clock was set.
const SEEN_WITHIN: &str = "1";

/// In seconds.
const DAY: i64 = 86_400;

/// The clock of one instance.
pub struct Clock {
    /// By how much it is wrong.
    file: PathBuf,
}

impl Clock {
    /// The clock of the instance of this name; it is right, and has been seen to be wrong.
    pub fn of(folder: &Path, name: &str) -> Result<Self> {
        let clock = Self { file: folder.join(name).with_extension("clock") };
        clock.set(DAY)?;
        let mut date = Command::new("date");
        date.arg("+%s").envs(clock.variables()?);
        let shown: i64 = String::from_utf8(process::run(date)?)?.trim().parse()?;
        let ahead = shown - Timestamp::now().as_second();
        ensure!(
            ahead > DAY / 2,
            "libfaketime has no effect: a clock that is put a day ahead is {ahead} s ahead"
        );
        clock.set(0)?;
        Ok(clock)
    }

    /// Makes it wrong by so many seconds, for every run of the instance.
    pub fn set(&self, seconds: i64) -> Result<()> {
        // In one step: the instance may be reading it.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n"))?;
        std::fs::rename(&new, &self.file).with_context(|| self.file.display().to_string())
    }

    /// Variables that give a program this clock. The clock that measures durations stays right.
    pub fn variables(&self) -> Result<Vec<(String, String)>> {
        let variables = [
            ("LD_PRELOAD", library()?),
            ("FAKETIME_TIMESTAMP_FILE", self.file.clone()),
            ("FAKETIME_CACHE_DURATION", SEEN_WITHIN.into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ];
        let owned = variables.map(|(name, value)| (name.to_owned(), value.display().to_string()));
        Ok(owned.into())
    }
}

/// The library, where Debian's package puts it on a machine of any architecture.
fn library() -> Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path());
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    libraries.find(|library| library.exists()).context("libfaketime is missing: apt-get install libfaketime")
}
