//! The baseline as a table in docs/benchmarks.md.

use std::fmt::Write;

use anyhow::{Context, Result};

use crate::baseline::{Baseline, grouped};
use crate::workloads::WORKLOADS;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md");
const BEGIN: &str = "<!-- make instructions -->\n";
const END: &str = "<!-- end of instructions -->\n";

/// The table of a baseline.
///
/// # Errors
/// If the baseline lacks a workload.
pub fn of(baseline: &Baseline) -> Result<String> {
    let mut table = String::from("| | | instructions |\n|---|---|---|\n");
    for workload in WORKLOADS {
        let count = baseline.instructions.get(workload.name);
        let count = count.with_context(|| format!("{} was not counted", workload.name))?;
        writeln!(table, "| `{}` | {} | {} |", workload.name, workload.what, grouped(*count))?;
    }
    writeln!(table, "\nCounted with {}.", baseline.builder)?;
    Ok(table)
}

/// Writes the table in place of the one in the document.
///
/// # Errors
/// If the document has no place for it.
pub fn write(table: &str) -> Result<()> {
    let document = std::fs::read_to_string(DOCUMENT)?;
    let (before, rest) = document.split_once(BEGIN).context("the document has no table of instructions")?;
    let (_, after) = rest.split_once(END).context("the table of instructions has no end")?;
    Ok(std::fs::write(DOCUMENT, format!("{before}{BEGIN}{table}{END}{after}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_shows_the_committed_baseline() {
        let document = std::fs::read_to_string(DOCUMENT).unwrap();
        let table = of(&Baseline::read().unwrap()).unwrap();
        assert!(document.contains(&format!("{BEGIN}{table}{END}")), "make instructions ACCEPT=1 writes it");
    }
}
