//! What was measured, in docs/benchmarks.md: tables and plots.

mod plots;
mod table;
mod targets;

use std::fs;
use std::path::Path;

use crate::results::{Results, Run};

/// What was measured, and the plots of it.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks");
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.md");
const BEGIN: &str = "<!-- measured -->\n";
const END: &str = "<!-- end of measured -->\n";

pub fn tables(results: &Results) -> String {
    format!(
        "Measured by `make {}`{}.\n{}{}",
        results.measured_by,
        of(&results.run),
        table::of(results),
        targets::of(results)
    )
}

fn of(run: &Run) -> String {
    match run.commit.as_str() {
        "" => String::new(),
        commit => format!(
            " of commit {commit} on {}, with:\n{}",
            run.date,
            run.machine.replace(", rustc", ",\nrustc")
        ),
    }
}

/// Replaces what the document says of an earlier run.
pub fn write(results: &Results) {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let plots = plots::draw(results, Path::new(FOLDER));
    fs::write(DOCUMENT, format!("{before}{BEGIN}{}{plots}{END}{after}", tables(results))).unwrap();
}
