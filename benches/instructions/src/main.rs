//! Counts the instructions of what grows with a cluster, and compares them with a baseline: `make
//! instructions`. Unlike time, a count does not depend on what else the machine does.
//!
//! ```text
//!   --check | --write ─▶ callgrind.rs  runs this program again, once per workload, under valgrind
//!                            │              └─▶ workloads/  prepares one, and runs it in `measured`
//!                            │ counts
//!                            ├─▶ baseline.rs  what is more or less than in baseline.json (PURE)
//!                            └─▶ table.rs     the table in docs/benchmarks.md
//! ```

mod baseline;
mod callgrind;
mod table;
mod workloads;

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use baseline::{Baseline, Builder};
use workloads::WORKLOADS;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--check"] => check(),
        ["--write"] => write(),
        [name] => run(name),
        _ => bail!("usage: instructions --check | --write | NAME"),
    }
}

/// Runs one workload, without counting.
fn run(name: &str) -> Result<ExitCode> {
    let workload = WORKLOADS.iter().find(|workload| workload.name == name);
    let workload = workload.with_context(|| format!("there is no workload {name}"))?;
    ensure!((workload.run)(), "{name} does not do what it is to measure");
    Ok(ExitCode::SUCCESS)
}

fn check() -> Result<ExitCode> {
    let baseline = Baseline::read()?;
    let builder = Builder::here()?;
    baseline.is_comparable(&builder)?;
    let comparison = baseline.compare(&callgrind::count_all()?);
    comparison.rows.iter().for_each(|row| println!("{row}"));
    comparison.lower.iter().for_each(|sentence| println!("{sentence}"));
    comparison.failures.iter().for_each(|sentence| eprintln!("{sentence}"));
    if comparison.failures.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if builder != baseline.builder {
        eprintln!("The baseline was counted with {}; these counts are of {builder}.", baseline.builder);
    }
    eprintln!("If it is wanted, accept it: {}", baseline::ACCEPT);
    Ok(ExitCode::FAILURE)
}

fn write() -> Result<ExitCode> {
    let counted = Baseline { builder: Builder::here()?, instructions: callgrind::count_all()? };
    counted.write()?;
    let table = table::of(&counted)?;
    table::write(&table)?;
    print!("{table}");
    Ok(ExitCode::SUCCESS)
}
