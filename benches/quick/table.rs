//! What was measured, as a table.

use std::fmt::Write;
use std::time::Duration;

use crate::measure::{Contender, Figures};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.md");
const BEGIN: &str = "<!-- make bench-quick -->\n";
const END: &str = "<!-- end of bench-quick -->\n";

/// A row: what, and a number for each.
struct Row {
    what: String,
    unit: &'static str,
    values: [f64; 3],
}

pub fn of(
    figures: &[(Contender, Figures); 3],
    [hanging, burst]: [&[Vec<Duration>; 2]; 2],
    ready: &[(usize, Duration)],
    takeovers: [Duration; 2],
) -> String {
    let mut rows = Vec::new();
    let mut row = |what: String, unit, value: &dyn Fn(&Figures) -> f64| {
        rows.push(Row { what, unit, values: [0, 1, 2].map(|index| value(&figures[index].1)) });
    };
    for part in [50, 99] {
        row(format!("one deletion, p{part}"), "ms", &|figures| {
            milliseconds(percentile(&figures.single, part))
        });
    }
    row("1,000 deletions at once".into(), "s", &|figures| percentile(&figures.at_once, 50).as_secs_f64());
    for (index, (objects, _)) in figures[0].1.resident.iter().enumerate() {
        let megabytes = |figures: &Figures| figures.resident[index].1 as f64 / 1e6;
        row(format!("resident memory with {objects} objects"), "MB", &megabytes);
    }
    row("processor time of its own, for each deletion".into(), "ms", &|figures| {
        milliseconds(figures.cpu) / figures.deletions as f64
    });
    let each = |count: usize, figures: &Figures| count as f64 / figures.deletions as f64;
    row("calls to Kore, for each deletion".into(), "", &|figures| each(figures.calls, figures));
    row("writes to the object, for each deletion".into(), "", &|figures| each(figures.writes, figures));
    row("events, for each deletion".into(), "", &|figures| each(figures.events, figures));
    let mut table = String::from(
        "| | voicecampaign-operator | stock kube-rs | floor | ours / stock | ours - floor |\n|---|---|---|---|---|---|\n",
    );
    for Row { what, unit, values: [ours, stock, floor] } in rows {
        let number = |value: f64| format!("{value:.2} {unit}").trim_end().to_owned();
        let ratio = if stock > 0.0 { format!("{:.2}", ours / stock) } else { String::new() };
        let (own, theirs, least, added) = (number(ours), number(stock), number(floor), number(ours - floor));
        writeln!(table, "| {what} | {own} | {theirs} | {least} | {ratio} | {added} |").unwrap();
    }
    for (what, [alone, beside]) in
        [("as many of another account hang", hanging), ("another namespace deletes 1,000 at once", burst)]
    {
        for part in [50, 99] {
            let [alone, beside] = [alone, beside].map(|durations| milliseconds(percentile(durations, part)));
            let ratio = beside / alone;
            writeln!(
                table,
                "| one deletion, p{part}, while {what}: {ratio:.2} of {alone:.2} ms alone | {beside:.2} ms | | | | |"
            )
            .unwrap();
        }
    }
    for (objects, after) in ready {
        writeln!(table, "| from start to ready with {objects} objects | {after:.2?} | | | | |").unwrap();
    }
    let [killed, told] = takeovers;
    writeln!(
        table,
        "| a deletion just after the leader was killed (its lease lasts 15 s) | {killed:.2?} | | | | |"
    )
    .unwrap();
    writeln!(table, "| a deletion just after the leader was told to stop | {told:.2?} | | | | |").unwrap();
    table
}

pub fn write(table: &str) {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    std::fs::write(DOCUMENT, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
}

fn percentile(durations: &[Duration], part: usize) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * part / 100).min(sorted.len() - 1)]
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
