//! The counts that were accepted, and what has become more or less since.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::callgrind;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.json");
/// The command that writes a new baseline.
pub const ACCEPT: &str = "make instructions ACCEPT=1";
/// How many percent of a baseline a count may be more, or less before somebody should lower the baseline.
pub const MARGIN: u64 = 10;

/// Accepted counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// What made the program and counted.
    pub builder: Builder,
    /// The count of each workload, by its name.
    pub instructions: BTreeMap<String, u64>,
}

/// What makes the program, and counts. Another compiler makes other instructions of the same source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Builder {
    /// The architecture; counts of different ones have nothing to do with each other.
    pub architecture: String,
    pub rustc: String,
    pub valgrind: String,
}

impl fmt::Display for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture, rustc, valgrind } = self;
        write!(f, "{rustc} and {valgrind} for {architecture}")
    }
}

impl Builder {
    /// What makes and counts here.
    ///
    /// # Errors
    /// If the compiler or valgrind does not say its version.
    pub fn here() -> Result<Self> {
        let rustc = Command::new("rustc").arg("--version").output().context("rustc can't be run")?;
        Ok(Self {
            architecture: std::env::consts::ARCH.to_owned(),
            rustc: String::from_utf8(rustc.stdout)?.trim().to_owned(),
            valgrind: callgrind::version()?,
        })
    }
}

/// How counts stand to a baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// One line for each workload.
    pub rows: Vec<String>,
    /// What takes so much less that the baseline should be lowered.
    pub lower: Vec<String>,
    /// What takes too much, or can't be compared.
    pub failures: Vec<String>,
}

impl Baseline {
    /// The baseline that is committed.
    ///
    /// # Errors
    /// If there is none.
    pub fn read() -> Result<Self> {
        let text = std::fs::read_to_string(FILE).with_context(|| format!("{FILE} can't be read"))?;
        serde_json::from_str(&text).with_context(|| format!("{FILE} is no baseline; write one: {ACCEPT}"))
    }

    /// Writes this baseline in place of the committed one.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self) -> Result<()> {
        std::fs::write(FILE, format!("{}\n", serde_json::to_string_pretty(self)?))
            .with_context(|| format!("{FILE} can't be written"))
    }

    /// Fails if counts of this builder can't be compared with the baseline.
    ///
    /// # Errors
    /// If the architecture is another one.
    pub fn is_comparable(&self, builder: &Builder) -> Result<()> {
        let (baseline, here) = (&self.builder.architecture, &builder.architecture);
        ensure!(baseline == here, "the baseline is of {baseline}: NOTHING WAS COUNTED on {here}");
        Ok(())
    }

    /// Compares counts with the baseline.
    pub fn compare(&self, counted: &BTreeMap<String, u64>) -> Comparison {
        let mut comparison = Comparison::default();
        let names: BTreeSet<&String> = self.instructions.keys().chain(counted.keys()).collect();
        for name in names {
            let Comparison { rows, lower, failures } = &mut comparison;
            match (self.instructions.get(name), counted.get(name)) {
                (Some(from), Some(to)) => {
                    let (old, new) = (grouped(*from), grouped(*to));
                    rows.push(format!("{name}: {new} instructions, {}", change(*from, *to)));
                    if *to > from + from * MARGIN / 100 {
                        let more = change(*from, *to);
                        failures.push(format!(
                            "`{name}` takes {new} instructions instead of {old}: {more}; up to {MARGIN} % are allowed."
                        ));
                    } else if *to < from - from * MARGIN / 100 {
                        let less = change(*from, *to);
                        lower.push(format!(
                            "`{name}` takes {new} instructions instead of {old}: {less}. Lower the baseline: {ACCEPT}"
                        ));
                    }
                }
                (None, _) => failures.push(format!("`{name}` has no baseline.")),
                (_, None) => {
                    failures.push(format!("`{name}` has a baseline, and nothing counts it any more."))
                }
            }
        }
        comparison
    }
}

/// The change in percent, in words.
fn change(from: u64, to: u64) -> String {
    let percent = |difference: u64| {
        let tenths = u128::from(difference) * 1000 / u128::from(from.max(1));
        format!("{}.{} %", tenths / 10, tenths % 10)
    };
    if to < from { format!("{} less", percent(from - to)) } else { format!("{} more", percent(to - from)) }
}

/// A number with commas between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(instructions: &[(&str, u64)]) -> Baseline {
        let builder =
            Builder { architecture: "x86_64".into(), rustc: "rustc 1".into(), valgrind: "valgrind-3".into() };
        Baseline { builder, instructions: counts(instructions) }
    }

    fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn what_grows_by_more_than_the_margin_fails_and_is_named() {
        let baseline = baseline(&[("a", 1_000_000), ("b", 2_000)]);
        let within = baseline.compare(&counts(&[("a", 1_100_000), ("b", 1_800)]));
        assert_eq!((within.failures, within.lower), (Vec::new(), Vec::new()));
        assert_eq!(within.rows.len(), 2);
        let grown = baseline.compare(&counts(&[("a", 1_100_001), ("b", 2_000)]));
        let sentence =
            "`a` takes 1,100,001 instructions instead of 1,000,000: 10.0 % more; up to 10 % are allowed.";
        assert_eq!(grown.failures, [sentence]);
    }

    #[test]
    fn what_shrinks_by_more_than_the_margin_asks_for_a_lower_baseline() {
        let shrunk = baseline(&[("a", 1_000)]).compare(&counts(&[("a", 899)]));
        assert!(shrunk.failures.is_empty());
        let sentence = "`a` takes 899 instructions instead of 1,000: 10.1 % less. Lower the baseline: make instructions ACCEPT=1";
        assert_eq!(shrunk.lower, [sentence]);
    }

    /// A gate that compares nothing would pass.
    #[test]
    fn what_has_no_partner_fails() {
        let compared = baseline(&[("gone", 1)]).compare(&counts(&[("new", 1)]));
        let sentences = ["`gone` has a baseline, and nothing counts it any more.", "`new` has no baseline."];
        assert_eq!(compared.failures, sentences);
    }

    #[test]
    fn counts_of_another_architecture_are_not_compared() {
        let baseline = baseline(&[("a", 1)]);
        let here = Builder { rustc: "rustc 2".into(), ..baseline.builder.clone() };
        assert!(baseline.is_comparable(&here).is_ok(), "another compiler counts");
        let there = Builder { architecture: "aarch64".into(), ..here };
        let refused = baseline.is_comparable(&there).unwrap_err().to_string();
        assert_eq!(refused, "the baseline is of x86_64: NOTHING WAS COUNTED on aarch64");
    }

    /// The committed baseline has a count of each workload.
    #[test]
    fn the_committed_baseline_is_complete() {
        let committed = Baseline::read().unwrap();
        let mut names: Vec<_> = crate::workloads::WORKLOADS.iter().map(|workload| workload.name).collect();
        names.sort_unstable();
        assert_eq!(committed.instructions.keys().collect::<Vec<_>>(), names);
    }
}
