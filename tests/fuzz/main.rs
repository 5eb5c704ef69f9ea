//! Input that nobody wrote: answers of Kore, custom resources, and command lines, drawn at random around
//! what is documented.
//!
//! ```text
//!   answers/     bytes as Kore might answer ─▶ classify, listings, the proof of absence, the HTTP client
//!   resources/   objects from the schema of the CRDs ─▶ the API server, and the running operator
//!   program/     options, variables, kubeconfigs ─▶ the program
//!     each ──▶ lane.rs: for how long, with which seed; counts the cases of each class; keeps what failed
//! ```
//!
//! `cargo test` runs a short lane; `make fuzz` ten minutes per part. A class without a case is a failure:
//! then the part compared nothing. What failed in `answers` and `program` is kept in
//! `proptest-regressions/fuzz/`, and runs first the next time.

#![expect(clippy::unwrap_used, reason = "a panic is a failed run")]

mod answers;
mod lane;
mod program;
mod resources;
mod tree;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use jiff::SignedDuration;
use testbed::record::{self, Record};
use testbed::test_arguments::TestArguments;

use lane::{Lane, Tally};

#[derive(Debug, Parser)]
struct Arguments {
    /// For how long each part runs, as `10m`; the batch that runs then ends
    #[arg(long, default_value = "7s")]
    duration: SignedDuration,
    /// Seed of what is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these parts
    #[arg(long, value_enum)]
    part: Vec<Part>,
    /// Keep the figures for docs/reliability.md
    #[arg(long, conflicts_with_all = ["part", "filter"])]
    record: bool,
    /// Only parts whose name contains this
    filter: Option<String>,
    #[command(flatten)]
    _others: TestArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Answers,
    Resources,
    Program,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Resources => "resources",
            Self::Program => "program",
        }
    }

    /// What its cases are.
    fn cases(self) -> &'static str {
        match self {
            Self::Answers => "answers and deletions",
            Self::Resources => "custom resources",
            Self::Program => "starts of the program",
        }
    }

    fn run(self, lane: Lane) -> Result<Tally> {
        match self {
            Self::Answers => answers::run(lane),
            Self::Resources => resources::run(lane),
            Self::Program => program::run(lane),
        }
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(arguments.duration.is_positive(), "--duration must be positive");
    let is_wanted = |part: &Part| {
        (arguments.part.is_empty() || arguments.part.contains(part))
            && arguments.filter.as_ref().is_none_or(|filter| part.name().contains(filter))
    };
    let parts: Vec<Part> =
        [Part::Answers, Part::Resources, Part::Program].into_iter().filter(is_wanted).collect();
    let commit = record::commit(arguments.record)?;
    let mut lines = Vec::new();
    let mut figures = Vec::new();
    let mut violations = 0;
    for part in parts {
        let lane = Lane { seed: arguments.seed, duration: arguments.duration.unsigned_abs() };
        let tally = part.run(lane)?;
        for violation in &tally.violations {
            println!("VIOLATED {}: {violation}", part.name());
        }
        if !tally.violations.is_empty() {
            violations += tally.violations.len();
            let (seed, duration) = (arguments.seed, arguments.duration);
            println!(
                "  again: cargo test --test fuzz -- --part {} --seed {seed} --duration {duration:#}",
                part.name()
            );
        }
        lines.push(format!("{}: {tally}, seed {}", part.name(), arguments.seed));
        figures.push((tally.executions, part.cases().to_owned()));
    }
    // `cargo test name` asks every test program, also one without a part of this name.
    lines.iter().for_each(|line| println!("{line}"));
    figures.push((violations as u64, "violations".to_owned()));
    let command = format!("make fuzz FUZZ={:#} SEED={}", arguments.duration, arguments.seed);
    Record { command, commit: String::new(), figures }.conclude(violations, "fuzz", commit)
}
