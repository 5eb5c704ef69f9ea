//! An outage in virtual time: Kore is down for ten and a half minutes while many campaigns are deleted. How
//! many calls does that cost, and how soon are all gone when Kore is back?
//!
//! Checks that the operator's own clock does as the table of docs/benchmarks.md says. `--write` writes the
//! table again, with what others do beside it (`make outage-table`).

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

mod strategies;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use strategies::{Answer, Bucket, Kore, Ours, Pauses, Strategy, Time, Turned, exponential, jitter};

/// Not a multiple of a minute, after which many come by chance.
const OUTAGE: Time = 630_000;
/// Kore's documented quota of an account.
const PER_MINUTE: usize = 60;
const SIZES: [usize; 2] = [1_000, 10_000];
/// Whoever takes longer is not waited for.
const LONGEST: Time = 24 * 3_600_000;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.md");
const BEGIN: &str = "<!-- make outage-table -->\n";
const END: &str = "<!-- end -->\n";

/// What an outage has cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    calls_during: usize,
    refused: usize,
    first_after: Option<Time>,
    /// From its end until all are gone.
    drain: Option<Time>,
}

fn main() -> ExitCode {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    let ours: Vec<(usize, Cost)> =
        SIZES.iter().map(|size| (*size, cost(&mut Ours::new(*size, PER_MINUTE), *size))).collect();
    if std::env::args().any(|argument| argument == "--write") {
        let table = written(&ours);
        std::fs::write(DOCUMENT, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        print!("{table}");
    }
    let mut right = true;
    for (size, cost) in ours {
        let drain = cost.drain.unwrap();
        let first = cost.first_after.unwrap();
        // Within one probe interval, and then at the full quota.
        let in_time = first <= 60_000 && (drain - first) * 100 <= ideal(size) * 105;
        let holds = cost.calls_during <= 150 && cost.refused == 0 && in_time;
        println!("{size} campaigns: {cost:?}; ideal drain {} s", ideal(size) / 1000);
        let in_step = std::env::args().any(|argument| argument == "--write")
            || table.contains(&row(Ours::new(0, 1).name(), size, &cost));
        if !in_step {
            println!("docs/benchmarks.md is not in step: run `make outage-table`");
        }
        right &= holds && in_step;
    }
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One burst of the quota at once, and one more every minute.
fn ideal(campaigns: usize) -> Time {
    u64::try_from(campaigns.div_ceil(PER_MINUTE) - 1).unwrap() * 60_000
}

fn cost(strategy: &mut dyn Strategy, campaigns: usize) -> Cost {
    let mut kore = Kore::new(OUTAGE, PER_MINUTE);
    let mut cost = Cost { calls_during: 0, refused: 0, first_after: None, drain: None };
    let mut due: Vec<Option<Time>> = vec![Some(0); campaigns];
    let mut queue: BinaryHeap<Reverse<(Time, usize)>> =
        (0..campaigns).map(|campaign| Reverse((0, campaign))).collect();
    let mut attempts = vec![0u32; campaigns];
    let mut left = campaigns;
    while let Some(Reverse((now, campaign))) = queue.pop() {
        // It has another time by now, or is gone.
        if due[campaign] != Some(now) {
            continue;
        }
        if now > LONGEST {
            return cost;
        }
        let (next, woken) = match strategy.turn(campaign, now) {
            Turned::Wait(until) => (until.max(now + 1), Vec::new()),
            Turned::Call => {
                attempts[campaign] += 1;
                let answer = kore.call(now);
                let heard = strategy.record_result(campaign, attempts[campaign], answer, now);
                match answer {
                    Answer::Deleted => {
                        left -= 1;
                        due[campaign] = None;
                        cost.first_after.get_or_insert(now - OUTAGE);
                        if left == 0 {
                            cost.drain = Some(now - OUTAGE);
                            return cost;
                        }
                    }
                    Answer::Down => cost.calls_during += 1,
                    Answer::Refused(_) => cost.refused += 1,
                }
                heard
            }
        };
        let mut comes = |campaign: usize, at: Time| {
            due[campaign] = Some(at);
            queue.push(Reverse((at, campaign)));
        };
        woken.into_iter().for_each(|other| comes(other, now + 1));
        if due[campaign].is_some() {
            due[campaign] = Some(next.max(now + 1));
            queue.push(Reverse((next.max(now + 1), campaign)));
        }
    }
    cost
}

fn written(ours: &[(usize, Cost)]) -> String {
    let mut table = String::from(
        "| strategy | campaigns | calls during the outage | refused after it | first one gone after | all gone after | from the first to the last, × ideal |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (size, own) in ours {
        for mut other in others() {
            table.push_str(&row(other.name(), *size, &cost(&mut other, *size)));
        }
        table.push_str(&row(Ours::new(0, 1).name(), *size, own));
    }
    table
}

fn row(name: &str, campaigns: usize, cost: &Cost) -> String {
    let Cost { calls_during, refused, first_after, drain } = *cost;
    let seconds = |time: Time| format!("{} s", time.div_ceil(1000));
    let first = first_after.unwrap_or_default();
    let mut row = format!("| {name} | {campaigns} | {calls_during} | {refused} | {} | ", seconds(first));
    match drain {
        Some(drain) => {
            let rest = Duration::from_millis(drain - first);
            let ratio = rest.div_duration_f64(Duration::from_millis(ideal(campaigns)));
            writeln!(row, "{} | {ratio:.2} |", seconds(drain))
        }
        None => writeln!(row, "not in a day | |"),
    }
    .unwrap();
    row
}

fn others() -> Vec<Pauses> {
    type Pause = fn(usize, u32) -> Duration;
    let plain = |name, pause: Pause| Pauses { name, pause, retry_after: false, bucket: None };
    let full_jitter: Pause = |campaign, attempts| jitter(campaign, attempts, 0.0, exponential(attempts, 60));
    let per_minute = u64::try_from(PER_MINUTE).unwrap();
    vec![
        plain("every 5 s", |_, _| Duration::from_secs(5)),
        plain("every minute", |_, _| Duration::from_secs(60)),
        plain("doubling to 5 min", |_, attempts| exponential(attempts, 300)),
        plain("doubling to 5 min, half of it random", |campaign, attempts| {
            jitter(campaign, attempts, 0.5, exponential(attempts, 300))
        }),
        plain("doubling to 5 min, all random", |campaign, attempts| {
            jitter(campaign, attempts, 0.0, exponential(attempts, 300))
        }),
        plain("doubling to 1 min, all random", full_jitter),
        Pauses { retry_after: true, ..plain("the same, and Retry-After for the one refused", full_jitter) },
        Pauses {
            bucket: Some(Bucket { per_minute, next: 0 }),
            ..plain("the same, and one bucket of the quota for all", full_jitter)
        },
    ]
}
