//! The tables.

use std::fmt::Write;

use crate::contender::Contender;
use crate::results::{Backlog, Beside, Figures, Idle, Outage, Quota, Results, Trouble, percentile};

/// Less than this part of the operator's value is clearly less.
const CLEARLY_LESS: f64 = 0.95;

/// What a table says of one contender.
struct Cell {
    value: Option<f64>,
    /// Beside the value.
    said: String,
    /// A time that not all deletions have come to an end in compares with no other.
    compares: bool,
}

/// A column for each contender.
struct Table<'a> {
    contenders: Vec<&'a Figures>,
    text: String,
}

pub fn of(results: &Results) -> String {
    let all: Vec<&Figures> = results.figures.iter().collect();
    let mut text = common(&all);
    let rare = others(&all);
    if !rare.is_empty() {
        write!(text, "\n### Out of the ordinary\n{rare}").unwrap();
    }
    if all.iter().any(|figures| !figures.troubles.is_empty()) {
        write!(text, "\n### In trouble\n{}", troubles(&all)).unwrap();
    }
    text + &ours(results)
}

impl<'a> Table<'a> {
    fn new(contenders: Vec<&'a Figures>) -> Self {
        let mut text = String::from("\n|");
        contenders.iter().for_each(|figures| write!(text, " | {}", figures.who.name()).unwrap());
        writeln!(text, " |\n|{}", "---|".repeat(1 + contenders.len())).unwrap();
        Self { contenders, text }
    }

    /// A value of each, where it was measured, and how many times as much as ours it is.
    fn row(&mut self, what: &str, unit: &str, value: impl Fn(&Figures) -> Option<f64>) {
        self.row_with(what, unit, |figures| value(figures).map(|value| Cell::of(value, String::new())));
    }

    /// The same, with something to say of each.
    fn row_with(&mut self, what: &str, unit: &str, cell: impl Fn(&Figures) -> Option<Cell>) {
        let cells: Vec<_> = self.contenders.iter().map(|figures| cell(figures)).collect();
        if cells.iter().all(Option::is_none) {
            return;
        }
        write!(self.text, "| {what}").unwrap();
        let compared =
            |cell: &Option<Cell>| cell.as_ref().filter(|cell| cell.compares).and_then(|cell| cell.value);
        // Where the operator has not come to the end, whoever has is ahead.
        let ours_failed = cells[0].as_ref().is_some_and(|cell| !cell.compares);
        let ours = compared(&cells[0]).filter(|ours| *ours > 0.0);
        for (index, cell) in cells.iter().enumerate() {
            let Some(Cell { value, said, .. }) = cell else {
                write!(self.text, " | –").unwrap();
                continue;
            };
            let value = format!("{}{said}", value.map(|value| number(value, unit)).unwrap_or_default());
            let has_finished = index > 0 && ours_failed && compared(&cells[index]).is_some();
            write!(self.text, " | {}", shown(value, has_finished)).unwrap();
            if let (Some(ours), Some(value), true) = (ours, compared(&cells[index]), index > 0) {
                let times = format!("({:.2} ×)", value / ours);
                write!(self.text, " {}", shown(times, is_ahead(self.contenders[index], value, ours)))
                    .unwrap();
            }
        }
        writeln!(self.text, " |").unwrap();
    }
}

impl Cell {
    fn of(value: f64, said: String) -> Self {
        Self { value: Some(value), said, compares: true }
    }

    /// A time until the last of some deletions, and how many had not ended then.
    fn until_last(value: Option<f64>, stuck: usize) -> Self {
        let said = if stuck > 0 { format!(" {stuck} stuck") } else { String::new() };
        Self { value, said, compares: stuck == 0 }
    }
}

/// Whether a peer is ahead of the operator, by more than what changes from run to run. The floor has nothing
/// to do.
fn is_ahead(peer: &Figures, value: f64, ours: f64) -> bool {
    peer.who != Contender::Floor && value < CLEARLY_LESS * ours
}

/// Bold where the operator is behind.
fn shown(value: String, is_ahead: bool) -> String {
    if is_ahead { format!("**{value}**") } else { value }
}

/// Three digits, or all before the point.
fn number(value: f64, unit: &str) -> String {
    let digits = if value >= 100.0 || value == value.trunc() && unit.is_empty() { 0 } else { 2 };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}

/// The least and the most of several rounds.
fn spread(rounds: impl Iterator<Item = f64> + Clone) -> String {
    let (least, most) = (rounds.clone().fold(f64::INFINITY, f64::min), rounds.fold(0.0, f64::max));
    format!(", {least:.1} to {most:.1}")
}

fn common(all: &[&Figures]) -> String {
    let mut table = Table::new(all.to_vec());
    for part in [50, 99] {
        table.row_with(&format!("one deletion, p{part}"), "ms", |figures| {
            let rounds = figures.single.iter().map(|round| percentile(round, part) * 1e3);
            Some(Cell::of(figures.single_milliseconds(part), spread(rounds)))
        });
    }
    table.row_with("1,000 deletions at once", "s", |figures| {
        Some(Cell::of(figures.at_once_seconds(), spread(figures.at_once.iter().copied())))
    });
    for (objects, _) in &all[0].resident {
        let what = format!("resident memory with {} objects", thousands(*objects));
        table.row(&what, "MB", |figures| figures.resident_megabytes(*objects));
    }
    table.row("for each deletion: its own time on a processor", "ms", |figures| {
        Some(figures.cpu_milliseconds_each())
    });
    table.row("… kube-apiserver's time on a processor", "ms", |figures| {
        Some(figures.api_server_milliseconds_each())
    });
    table.row("… requests to the API server", "", |figures| Some(figures.each(figures.cost.requests)));
    table.row("… of them refused", "", |figures| Some(figures.each(figures.cost.refused)));
    table.row("… writes to the object", "", |figures| Some(figures.each(figures.cost.writes)));
    table.row("… events", "", |figures| Some(figures.each(figures.cost.events)));
    table.row("… calls to Kore", "", |figures| Some(figures.each(figures.cost.calls)));
    table.text
}

/// What was measured by `make bench` only; empty if it was not.
fn others(all: &[&Figures]) -> String {
    if all[0].kubectl.is_empty() {
        return String::new();
    }
    let mut table = Table::new(all.to_vec());
    table.row("`kubectl delete`, p50", "ms", |figures| Some(percentile(&figures.kubectl, 50) * 1e3));
    for (index, (delay, _)) in all[0].delayed.iter().enumerate() {
        let what = format!("one deletion while Kore takes {delay} ms, p50 without this time");
        table.row(&what, "ms", |figures| Some(percentile(&figures.delayed.get(index)?.1, 50) * 1e3));
    }
    if let Some(Outage { objects, lasts, .. }) = all[0].outage {
        let what =
            format!("{} deletions, Kore answers 503 for {lasts} s: calls meanwhile", thousands(objects));
        table.row(&what, "", |figures| Some(figures.outage.as_ref()?.calls as f64));
        table.row("… from its end to the first deletion", "s", |figures| figures.outage.as_ref()?.first);
        table.row_with("… from its end to the last deletion", "s", |figures| {
            let outage = figures.outage.as_ref()?;
            Some(Cell::until_last(outage.last, outage.stuck))
        });
    }
    if let Some(Quota { objects, .. }) = all[0].quota {
        let what =
            format!("{} deletions, a quota of 60 a minute: most calls in a minute", thousands(objects));
        table.row(&what, "", |figures| Some(figures.quota.as_ref()?.busiest_minute as f64));
        table.row("… calls refused", "", |figures| Some(figures.quota.as_ref()?.refused as f64));
        table.row_with("… until the last deletion", "s", |figures| {
            let quota = figures.quota.as_ref()?;
            Some(Cell::until_last(Some(quota.last), quota.stuck))
        });
    }
    if let Some(Backlog { objects, .. }) = all[0].backlog {
        let what = format!("{} deletions asked for before the start: until the last", thousands(objects));
        table.row_with(&what, "s", |figures| {
            let (after, left) = *figures.backlog.as_ref()?.left.last()?;
            Some(Cell::until_last(Some(after), left))
        });
        table.row("… most memory", "MB", |figures| Some(figures.backlog.as_ref()?.peak as f64 / 1e6));
    }
    if let Some(Idle { objects, minutes, .. }) = all[0].idle {
        let mean = if minutes > 1 { format!(" (the operator: mean of {minutes})") } else { String::new() };
        let what = format!("a minute{mean} with {} objects at rest: time on a processor", thousands(objects));
        table.row(&what, "ms", |figures| Some(figures.idle.as_ref()?.cpu * 1e3));
        table.row("… requests to the API server", "", |figures| Some(figures.idle.as_ref()?.requests));
        table.row("… calls to Kore", "", |figures| Some(figures.idle.as_ref()?.calls));
    }
    if let Some((objects, _)) = all.iter().find_map(|figures| figures.listed_again) {
        let what = format!("resident memory with {} objects, after ten lists more", thousands(objects));
        table.row(&what, "MB", |figures| Some(figures.listed_again?.1 as f64 / 1e6));
    }
    table.row("size of the program", "MB", |figures| figures.program.map(|bytes| bytes as f64 / 1e6));
    table.row("size of the image, not compressed", "MB", |figures| {
        figures.image.map(|bytes| bytes as f64 / 1e6)
    });
    table.text
}

fn troubles(all: &[&Figures]) -> String {
    let all: Vec<&Figures> = all.iter().filter(|figures| !figures.troubles.is_empty()).copied().collect();
    let mut table = Table::new(all.clone());
    for (index, (what, trouble)) in all[0].troubles.iter().enumerate() {
        write!(table.text, "| {} are deleted, {what}", trouble.objects).unwrap();
        for figures in &all {
            let trouble = &figures.troubles[index].1;
            // The namespace may be stuck, too.
            let gone = trouble.objects.saturating_sub(trouble.stuck);
            write!(table.text, " | {gone} gone").unwrap();
            if gone > 0 {
                let ours = all[0].troubles[index].1.last;
                let after = format!("after {:.0} s", trouble.last);
                let is_sound = |trouble: &Trouble| trouble.stuck == 0 && trouble.orphaned == 0;
                let ours_failed = !is_sound(&all[0].troubles[index].1);
                let is_ahead = is_sound(trouble) && (ours_failed || is_ahead(figures, trouble.last, ours));
                write!(table.text, " {}", shown(after, is_ahead)).unwrap();
            }
            if trouble.orphaned > 0 {
                write!(table.text, ", {} orphaned", trouble.orphaned).unwrap();
            }
            if trouble.stuck > 0 {
                write!(table.text, ", {} stuck", trouble.stuck).unwrap();
            }
            write!(table.text, ", {} calls", trouble.calls).unwrap();
        }
        writeln!(table.text, " |").unwrap();
    }
    table.text
}

/// What is asked of the operator only.
fn ours(results: &Results) -> String {
    let name = Contender::Ours.name();
    let mut text = format!(
        "\n### The operator beside another load\n\n| {name} | beside it | alone | | deletions beside it |\n|---|---|---|---|---|\n"
    );
    for Beside { what, alone, beside } in &results.beside {
        let count = beside.len();
        for part in [50, 90] {
            let [alone, beside] = [alone, beside].map(|durations| percentile(durations, part) * 1e3);
            write!(text, "| one deletion, p{part}, while {what} | {beside:.2} ms | {alone:.2} ms").unwrap();
            write!(text, " | {:.2} ×", beside / alone).unwrap();
            writeln!(text, " | {count} |").unwrap();
        }
    }
    writeln!(text, "\n### The operator starts, and ends\n\n| {name} | |\n|---|---|").unwrap();
    for (objects, starts) in &results.ready {
        let after = percentile(starts, 50);
        writeln!(text, "| from start to ready with {} objects | {after:.2} s |", thousands(*objects))
            .unwrap();
    }
    if let Some((objects, after)) = results.found {
        writeln!(
            text,
            "| {} new objects found in Kore, 6,000 calls a minute | {after:.1} s |",
            thousands(objects)
        )
        .unwrap();
    }
    if let Some([killed, told]) = results.takeovers {
        writeln!(
            text,
            "| a deletion just after the leader was killed (its lease lasts 15 s) | {killed:.2} s |"
        )
        .unwrap();
        writeln!(text, "| a deletion just after the leader was told to stop | {told:.2} s |").unwrap();
    }
    text
}

/// With commas.
pub fn thousands(number: usize) -> String {
    testbed::record::thousands(number as u64)
}
