//! What the operator is held to, and whether it holds here.

use std::fmt::Write;

use crate::contender::Contender;
use crate::report::table::thousands;
use crate::results::{Results, percentile};

/// The operator is to stay below a limit.
struct Target {
    what: String,
    measured: f64,
    limit: f64,
    unit: &'static str,
    /// Where docs/benchmarks.md explains what is between.
    explained: &'static str,
}

const TIME: &str = "#where-the-time-goes";
const MEMORY: &str = "#where-the-memory-goes";
const START: &str = "#what-a-start-waits-for";
/// A miss of it is a defect.
const NOWHERE: &str = "";

/// The limit of memory in megabytes, by number of objects.
const RESIDENT: [(usize, f64); 4] = [(0, 13.0), (1_000, 16.0), (10_000, 36.0), (100_000, 250.0)];
/// The limit of the time to be ready in milliseconds, by number of objects.
const READY: [(usize, f64); 2] = [(0, 60.0), (100_000, 8_000.0)];

pub fn of(results: &Results) -> String {
    let [ours, stock, floor] =
        [Contender::Ours, Contender::Stock, Contender::Floor].map(|who| results.of(who));
    let target = |what: &str, measured, limit, unit, explained| Target {
        what: what.into(),
        measured,
        limit,
        unit,
        explained,
    };
    let mut targets = vec![
        target(
            "one deletion, p50, of stock",
            ours.single_milliseconds(50) / stock.single_milliseconds(50),
            0.75,
            "×",
            TIME,
        ),
        target(
            "one deletion, p50, above the floor",
            ours.single_milliseconds(50) - floor.single_milliseconds(50),
            3.5,
            "ms",
            TIME,
        ),
        target(
            "one deletion, p99, of stock",
            ours.single_milliseconds(99) / stock.single_milliseconds(99),
            0.75,
            "×",
            TIME,
        ),
        target(
            "1,000 deletions at once, of stock",
            ours.at_once_seconds() / stock.at_once_seconds(),
            0.8,
            "×",
            TIME,
        ),
        target("1,000 deletions at once", ours.at_once_seconds(), 5.0, "s", TIME),
        target("writes to the object, for each deletion", ours.each(ours.cost.writes), 2.0, "", TIME),
        target("calls to Kore, for each deletion", ours.each(ours.cost.calls), 1.0, "", NOWHERE),
        target("processor time for each deletion", ours.cpu_milliseconds_each(), 1.0, "ms", TIME),
    ];
    for (objects, limit) in RESIDENT {
        if let Some(measured) = ours.resident_megabytes(objects) {
            let what = format!("resident memory with {} objects", thousands(objects));
            targets.push(target(&what, measured, limit, "MB", MEMORY));
        }
    }
    for (objects, limit) in READY {
        if let Some((_, measured)) = results.ready.iter().find(|(count, _)| *count == objects) {
            let what = format!("from start to ready with {} objects", thousands(objects));
            targets.push(target(&what, percentile(measured, 50) * 1e3, limit, "ms", START));
        }
    }
    if let Some((objects, measured)) = results.found {
        targets.push(target(
            &format!("{} new objects found", thousands(objects)),
            measured,
            45.0,
            "s",
            START,
        ));
    }
    let mut table =
        String::from("\n### Targets\n\n| target | limit | measured | holds |\n|---|---|---|---|\n");
    for Target { what, measured, limit, unit, explained } in targets {
        let holds = match explained {
            _ if measured <= limit => "yes".into(),
            NOWHERE => "**no**".into(),
            place => format!("no ([why]({place}))"),
        };
        let digits = if measured < 10.0 { 3 } else { 1 };
        let [limit, measured] = [format!("{limit} {unit}"), format!("{measured:.digits$} {unit}")];
        writeln!(table, "| {what} | {} | {} | {holds} |", limit.trim_end(), measured.trim_end()).unwrap();
    }
    table
}
