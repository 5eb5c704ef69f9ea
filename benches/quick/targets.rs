//! What the operator is held to, and whether it holds here.

use std::fmt::Write;
use std::time::Duration;

use crate::measure::{Contender, Figures, milliseconds};

/// The operator is to stay below a limit.
struct Target {
    what: &'static str,
    measured: f64,
    limit: f64,
    unit: &'static str,
    /// Why, where it has been found not to.
    known: &'static str,
}

const TWO_WRITES: &str =
    "a deletion is two writes after each other, the floor one; a write takes the API server 5 ms";
const API_SERVER: &str =
    "kube-apiserver has 1.6 of the 2 cores; a deletion costs it the more, the larger the object";
const UNEXPLAINED: &str = "nobody has looked yet";
const NOISE: &str = "decided by the API server, whose slowest writes all peers share";
const OWN_CPU: &str = "TLS, HTTP and JSON of four calls; of it 0.4 ms is the allocator";
const CACHED: &str = "an object with its campaign takes 2.5 KB in the cache, 0.8 KB in the listing, 0.6 KB in kube-rs's \
                      scheduler, and 0.3 KB among the members of its stream";

pub fn of(figures: &[(Contender, Figures)], ready: &[(usize, Duration)]) -> String {
    let of =
        |who: Contender| figures.iter().find(|(other, _)| *other == who).map(|(_, figures)| figures).unwrap();
    let (ours, stock, floor) = (of(Contender::Ours), of(Contender::Stock), of(Contender::Floor));
    let target = |what, measured, limit, unit, known| Target { what, measured, limit, unit, known };
    let mut targets = vec![
        target(
            "one deletion, p50, of stock",
            ours.single_milliseconds(50) / stock.single_milliseconds(50),
            0.75,
            "×",
            TWO_WRITES,
        ),
        target(
            "one deletion, p50, above the floor",
            ours.single_milliseconds(50) - floor.single_milliseconds(50),
            3.5,
            "ms",
            TWO_WRITES,
        ),
        target(
            "one deletion, p99, of stock",
            ours.single_milliseconds(99) / stock.single_milliseconds(99),
            0.75,
            "×",
            NOISE,
        ),
        target(
            "1,000 deletions at once, of stock",
            ours.at_once_seconds() / stock.at_once_seconds(),
            0.8,
            "×",
            API_SERVER,
        ),
        target("1,000 deletions at once", ours.at_once_seconds(), 5.0, "s", API_SERVER),
        target("writes to the object, for each deletion", ours.each(ours.writes), 2.0, "", API_SERVER),
        target("calls to Kore, for each deletion", ours.each(ours.calls), 1.0, "", ""),
        target("processor time for each deletion", ours.cpu_milliseconds_each(), 1.0, "ms", OWN_CPU),
    ];
    for (what, objects, limit, known) in [
        ("resident memory with 0 objects", 0, 13.0, UNEXPLAINED),
        ("resident memory with 1,000 objects", 1_000, 16.0, CACHED),
        ("resident memory with 10,000 objects", 10_000, 36.0, CACHED),
    ] {
        targets.push(target(what, ours.resident_megabytes(objects), limit, "MB", known));
    }
    let (_, empty) = ready[0];
    targets.push(target("from start to ready without objects", milliseconds(empty), 60.0, "ms", UNEXPLAINED));
    let mut table = String::from("\n| target | limit | measured | holds |\n|---|---|---|---|\n");
    for Target { what, measured, limit, unit, known } in targets {
        // Two digits, as the table shows.
        let holds = if measured < limit + 0.005 { "yes".into() } else { format!("no: {known}") };
        writeln!(table, "| {what} | {limit} {unit} | {measured:.2} {unit} | {holds} |").unwrap();
    }
    table
}
