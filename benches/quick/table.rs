//! What was measured, as a table.

use std::fmt::Write;
use std::time::Duration;

use crate::measure::{Contender, Figures, milliseconds, percentile};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.md");
const BEGIN: &str = "<!-- measured -->\n";
const END: &str = "<!-- end of measured -->\n";

pub fn of(
    figures: &[(Contender, Figures)],
    [hanging, burst]: [&[Vec<Duration>; 2]; 2],
    ready: &[(usize, Duration)],
    takeovers: [Duration; 2],
) -> String {
    let mut table = String::from("|");
    figures.iter().for_each(|(who, _)| write!(table, " | {}", name(*who)).unwrap());
    writeln!(table, " |\n|{}", "---|".repeat(1 + figures.len())).unwrap();
    let mut row = |what: String, unit, value: &dyn Fn(&Figures) -> f64| {
        let ours = value(&figures[0].1);
        write!(table, "| {what}").unwrap();
        for (who, figures) in figures {
            let value = value(figures);
            let number = format!("{value:.2} {unit}");
            write!(table, " | {}", number.trim_end()).unwrap();
            if *who != Contender::Ours && ours > 0.0 {
                write!(table, " ({:.2} ×)", value / ours).unwrap();
            }
        }
        writeln!(table, " |").unwrap();
    };
    for part in [50, 99] {
        row(format!("one deletion, p{part}"), "ms", &|figures| figures.single_milliseconds(part));
    }
    row("1,000 deletions at once".into(), "s", &Figures::at_once_seconds);
    for (objects, _) in &figures[0].1.resident {
        let megabytes = |figures: &Figures| figures.resident_megabytes(*objects);
        row(format!("resident memory with {objects} objects"), "MB", &megabytes);
    }
    row("processor time of its own, for each deletion".into(), "ms", &Figures::cpu_milliseconds_each);
    row("calls to Kore, for each deletion".into(), "", &|figures| figures.each(figures.calls));
    row("writes to the object, for each deletion".into(), "", &|figures| figures.each(figures.writes));
    row("events, for each deletion".into(), "", &|figures| figures.each(figures.events));
    table += "\n| voicecampaign-operator, and another load | | alone | |\n|---|---|---|---|\n";
    for (what, [alone, beside]) in
        [("as many of another account hang", hanging), ("another namespace deletes 1,000 at once", burst)]
    {
        for part in [50, 99] {
            let [alone, beside] = [alone, beside].map(|durations| milliseconds(percentile(durations, part)));
            let ratio = beside / alone;
            writeln!(
                table,
                "| one deletion, p{part}, while {what} | {beside:.2} ms | {alone:.2} ms | {ratio:.2} × |"
            )
            .unwrap();
        }
    }
    table += "\n| voicecampaign-operator | |\n|---|---|\n";
    for (objects, after) in ready {
        writeln!(table, "| from start to ready with {objects} objects | {after:.2?} |").unwrap();
    }
    let [killed, told] = takeovers;
    writeln!(table, "| a deletion just after the leader was killed (its lease lasts 15 s) | {killed:.2?} |")
        .unwrap();
    writeln!(table, "| a deletion just after the leader was told to stop | {told:.2?} |").unwrap();
    table
}

fn name(who: Contender) -> &'static str {
    match who {
        Contender::Ours => "voicecampaign-operator",
        Contender::Stock => "stock kube-rs",
        Contender::ControllerRuntime => "controller-runtime",
        Contender::ControllerRuntimeWorkers => "controller-runtime, 32 at a time",
        Contender::Kopf => "Kopf",
        Contender::Floor => "floor",
    }
}

/// Replaces the tables in the document by those that this `make` target has measured.
pub fn write(target: &str, tables: &str) {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let tables = format!("Measured by `make {target}`:\n\n{tables}");
    std::fs::write(DOCUMENT, format!("{before}{BEGIN}{tables}{END}{after}")).unwrap();
}
