//! `make bench-quick`: the operator, a stock one and the floor (`benches/peers/`), in turn on the same
//! control plane and the same Kore. `make bench`: all peers, more rounds, and more that is measured; it
//! writes docs/benchmarks.md. Never a test: machines differ, and only the ratios say something.
//!
//! `cargo bench --bench side_by_side -- --only burst` prints a thousand deletions at once of each contender,
//! `lists` the memory of each after ten lists more, `budget` what each millisecond is for; `backlog`,
//! `found`, `large`, `outage` and `start` are parts of the operator alone.
//!
//! ```text
//! main.rs ─▶ parts/: what is measured ─▶ results.rs: what is kept ─▶ report/: tables and plots
//!                └──▶ bench.rs, stored.rs: the surroundings; contender.rs: who
//! ```

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on has nothing to say")]

mod bench;
mod contender;
mod parts;
mod report;
mod results;
mod stored;

use std::path::{Path, PathBuf};

use bench::{Bench, CONNECTION, Tenant};
use contender::Contender;
use parts::STEPS;
use results::{Figures, Results, Run, percentile};
use testbed::process::Process;

/// Deletions one after the other, in a round.
const SINGLE: usize = 100;
/// Deletions one after the other, where each takes longer.
const FEW: usize = 20;
/// Milliseconds that Kore takes.
const DELAYS: [u64; 3] = [50, 100, 500];
/// Deletions at once, in a round.
const MANY: usize = 1_000;
/// Deletions that wait for the documented quota.
const PENDING: usize = 200;

/// Objects of the largest size, while memory is measured: some pages of a list.
const LARGE: usize = 2_000;
/// Minutes in which the operator observes each living campaign exactly once: it does so every ten minutes
/// (docs/faq.md), and first as soon as it has started. The peers observe none.
const OBSERVED_EACH: u32 = 11;
/// Lists more, after which memory is measured again.
const LISTS: usize = 10;
/// Starts of the operator with the same objects.
const STARTS: usize = 3;

/// What is measured by which `make` target.
struct Plan {
    name: &'static str,
    contenders: &'static [Contender],
    /// Rounds of each contender; they take turns.
    rounds: usize,
    /// Objects that are there and stay, while memory is measured.
    resident: &'static [usize],
    /// Deletions in trouble and out of the ordinary, too.
    everything: bool,
}

const QUICK: Plan = Plan {
    name: "bench-quick",
    contenders: &[Contender::Ours, Contender::Stock, Contender::Floor],
    rounds: 2,
    resident: &[0, 1_000, 10_000],
    everything: false,
};
const FULL: Plan = Plan {
    name: "bench",
    contenders: &[
        Contender::Ours,
        Contender::Stock,
        Contender::StockWorkers,
        Contender::ControllerRuntime,
        Contender::ControllerRuntimeWorkers,
        Contender::Kopf,
        Contender::Floor,
    ],
    rounds: 5,
    resident: &[0, 1_000, 10_000, 100_000],
    everything: true,
};
/// Those of each framework; the floor deletes nothing in Kore.
const FRAMEWORKS: [Contender; 4] =
    [Contender::Ours, Contender::Stock, Contender::ControllerRuntime, Contender::Kopf];
/// The others would take hours for ten thousand deletions at once, or for a hundred thousand objects.
const FASTEST: [Contender; 3] =
    [Contender::Ours, Contender::StockWorkers, Contender::ControllerRuntimeWorkers];

/// Those that are made to list again: it takes minutes. The settings are the same programs, and Kopf writes
/// to each object that it lists.
const LISTING: [Contender; 3] = [Contender::Ours, Contender::Stock, Contender::ControllerRuntime];

type Programs = Vec<(Contender, PathBuf)>;

#[tokio::main]
async fn main() {
    let told = |option: &str| std::env::args().any(|argument| argument == option);
    // `cargo test --benches` only wants to know that it compiles.
    if !told("--bench") {
        return;
    }
    let plan = if told("--full") { FULL } else { QUICK };
    if told("--report") {
        report::write(&Results::read(&kept()));
        return;
    }
    testbed::process::end_with_starter();
    if plan.everything {
        std::fs::create_dir_all(report::FOLDER).unwrap();
    }
    let programs: Programs = plan.contenders.iter().map(|who| (*who, who.program())).collect();
    let part = std::env::args().skip_while(|argument| argument != "--only").nth(1);
    // What can't be built fails before hours of measuring.
    let builds_image = plan.everything && part.is_none();
    let image = builds_image.then(|| std::fs::metadata(testbed::image::operator().unwrap()).unwrap().len());
    let bench = Bench::start().await;
    if let Some(part) = part {
        only(&bench, &part, &programs).await;
        return bench.finish();
    }
    let figures = programs.iter().map(|(who, program)| Figures::new(*who, program)).collect();
    let mut results =
        Results { measured_by: plan.name.into(), run: Run::now(), figures, ..Results::default() };
    results.of_mut(Contender::Ours).image = image;
    rounds(&bench, &plan, &programs, &mut results).await;
    ours_alone(&bench, &plan, &programs[0].1, &mut results).await;
    if plan.everything {
        everything(&bench, &plan, &programs, &mut results).await;
    }
    resident(&bench, &plan, &programs, &mut results).await;
    bench.finish();
    print!("{}", report::tables(&results));
    if plan.everything {
        results.write(&kept());
        report::write(&results);
    }
}

impl Plan {
    /// Keeps what has been measured so far, beside what a whole run has measured: it is not lost if the rest
    /// fails.
    fn keep(&self, results: &Results) {
        if self.everything {
            results.write(&testbed::repository().join("target/bench-results.json"));
        }
    }
}

fn kept() -> PathBuf {
    Path::new(report::FOLDER).join("results.json")
}

/// One part, for whoever works on it.
async fn only(bench: &Bench, part: &str, programs: &Programs) {
    let ours = &programs[0].1;
    match part {
        "burst" => {
            for (who, program) in (0..STARTS).flat_map(|_| programs) {
                let mut figures = Figures::new(*who, program);
                let tenant = Tenant::usual();
                let running = bench.run(*who, program, &tenant.namespace);
                bench.at_once(&tenant, MANY, &running, &mut figures).await;
                println!(
                    "{who:?}: {:.2} s; for each deletion {:.2} ms of the API server, {:.2} ms of its own",
                    figures.at_once_seconds(),
                    figures.api_server_milliseconds_each(),
                    figures.cpu_milliseconds_each()
                );
            }
        }
        "backlog" => {
            let backlog = bench.backlog(Contender::Ours, ours, 10 * MANY, ours).await;
            println!("{:?}, at most {} bytes", backlog.left.last(), backlog.peak);
            for (after, left) in backlog.left.iter().step_by(10) {
                println!("{after:.0} s: {left}");
            }
        }
        "start" => {
            let (tenant, objects) = (Tenant::usual(), 100 * MANY);
            bench.settle(&tenant, 0..objects, ours).await;
            for _ in 0..STARTS {
                println!("{:.2} s with {objects} objects", bench.until_ready(ours, &tenant).await);
            }
            let last = bench.create(&tenant, "zz-last", 0..1, CONNECTION).await;
            let running = bench.run(Contender::Ours, ours, &tenant.namespace);
            println!("{:?} bytes", bench.resident_with(&tenant, &last, &running).await);
        }
        "large" => println!("{} bytes at most", bench.large(ours, LARGE).await),
        "budget" => {
            let medians = async |who: Contender| {
                let (_, program) = programs.iter().find(|(one, _)| *one == who).unwrap();
                let all = bench.budget(who, program, SINGLE).await;
                let of = |step: usize| all.iter().map(|steps| steps[step]).collect::<Vec<_>>();
                std::array::from_fn::<_, { STEPS.len() }, _>(|step| percentile(&of(step), 50))
            };
            let (ours, stock) = (medians(Contender::Ours).await, medians(Contender::Stock).await);
            println!(
                "| step of one deletion, nothing else to do | median | of stock kube-rs |\n|---|---|---|"
            );
            for ((step, ours), stock) in STEPS.iter().zip(ours).zip(stock) {
                println!("| {step} | {ours:.1} ms | {stock:.1} ms |");
            }
        }
        "lists" => {
            let (tenant, objects) = (Tenant::usual(), 10 * MANY);
            bench.settle(&tenant, 0..objects, ours).await;
            for (who, program) in programs.iter().filter(|(who, _)| LISTING.contains(who)) {
                let last = bench.create(&tenant, "zz-last", 0..1, CONNECTION).await;
                let running = bench.run(*who, program, &tenant.namespace);
                let once = bench.resident_with(&tenant, &last, &running).await;
                let again = bench.resident_after(LISTS, &running).await;
                println!("{who:?}: {once:?} bytes; after {LISTS} lists more: {again:?} bytes");
                drop(running);
                bench.take_out(&tenant, &last).await;
            }
        }
        "found" => println!("{:.1} s", bench.found(ours, 10 * MANY).await),
        "outage" => println!("{:?}", bench.outage(Contender::Ours, ours, MANY).await),
        other => {
            panic!("--only takes backlog, budget, burst, found, large, lists, outage or start, not {other}")
        }
    }
}

/// What is compared most often.
async fn rounds(bench: &Bench, plan: &Plan, programs: &Programs, results: &mut Results) {
    let tenant = Tenant::usual();
    for round in 0..plan.rounds {
        for (who, program) in order(round, programs.len()).into_iter().map(|place| &programs[place]) {
            println!("round {}: {who:?}", round + 1);
            let running = bench.run(*who, program, &tenant.namespace);
            let figures = results.of_mut(*who);
            figures.single.push(bench.one_after_the_other(&tenant, SINGLE).await);
            bench.at_once(&tenant, MANY, &running, figures).await;
        }
        plan.keep(results);
    }
}

/// In each round another one is the first, and each follows another one.
fn order(round: usize, number: usize) -> Vec<usize> {
    let order: Vec<usize> = (0..number).map(|place| (round + place * (round + 1)) % number).collect();
    let is_whole = (0..number).all(|one| order.contains(&one));
    assert!(is_whole, "with {number} contenders, the order of round {} leaves some out", round + 1);
    order
}

/// What is asked of the operator only.
async fn ours_alone(bench: &Bench, plan: &Plan, ours: &Path, results: &mut Results) {
    println!("beside another load");
    results.beside.push(bench.beside_a_dead_account(ours).await);
    if plan.everything {
        results.beside.push(bench.beside_refused_credentials(ours).await);
    }
    results.beside.push(bench.beside_a_burst(ours, MANY).await);
    println!("takeovers");
    results.takeovers =
        Some([bench.takeover("killed", ours, true).await, bench.takeover("told", ours, false).await]);
    if plan.everything {
        println!("new objects");
        results.found = Some((10 * MANY, bench.found(ours, 10 * MANY).await));
        bench.erase(&Tenant::new("bench-new")).await;
    }
    plan.keep(results);
}

/// What takes too long to be measured often.
async fn everything(bench: &Bench, plan: &Plan, programs: &Programs, results: &mut Results) {
    let tenant = Tenant::usual();
    let of = |some: &[Contender]| -> Programs {
        programs.iter().filter(|(who, _)| some.contains(who)).cloned().collect()
    };
    for ((who, program), figures) in programs.iter().zip(&mut results.figures) {
        println!("with kubectl, and with a slow Kore: {who:?}");
        let _running = bench.run(*who, program, &tenant.namespace);
        figures.kubectl = bench.with_kubectl(&tenant, FEW).await;
        // The floor calls nothing that could be slow.
        for delay in DELAYS.into_iter().filter(|_| *who != Contender::Floor) {
            figures.delayed.push((delay, bench.delayed(&tenant, FEW, delay).await));
        }
    }
    plan.keep(results);
    println!("in trouble");
    bench.troubles(&of(&FRAMEWORKS), results).await;
    plan.keep(results);
    println!("under the documented quota");
    bench.quota(&of(&FRAMEWORKS), PENDING, results).await;
    plan.keep(results);
    for (who, program) in of(&FRAMEWORKS) {
        println!("an outage: {who:?}");
        results.of_mut(who).outage = Some(bench.outage(who, &program, MANY).await);
        plan.keep(results);
    }
    for (who, program) in of(&FASTEST) {
        println!("a backlog: {who:?}");
        results.of_mut(who).backlog = Some(bench.backlog(who, &program, 10 * MANY, &programs[0].1).await);
        plan.keep(results);
    }
}

async fn resident(bench: &Bench, plan: &Plan, programs: &Programs, results: &mut Results) {
    let tenant = Tenant::usual();
    let ours = &programs[0].1;
    let mut there = 0;
    for &count in plan.resident {
        bench.settle(&tenant, there..count, ours).await;
        there = count;
        for (who, program) in programs {
            if count > 10 * MANY && !FASTEST.contains(who) {
                continue;
            }
            println!("{count} objects: {who:?}");
            if *who == Contender::Ours {
                let mut ready = Vec::new();
                for _ in 0..STARTS {
                    ready.push(bench.until_ready(program, &tenant).await);
                }
                results.ready.push((count, ready));
            }
            // Behind all others in a list.
            let last = bench.create(&tenant, "zz-last", 0..count.min(1), CONNECTION).await;
            let running = bench.run(*who, program, &tenant.namespace);
            let figures = results.of_mut(*who);
            if let Some(bytes) = bench.resident_with(&tenant, &last, &running).await {
                figures.resident.push((count, bytes));
                if plan.everything && count == 10 * MANY {
                    at_rest(bench, count, &running, figures).await;
                }
            } else {
                println!("{who:?} does not get to the end of its list");
            }
            plan.keep(results);
            drop(running);
            bench.take_out(&tenant, &last).await;
        }
    }
}

/// What objects cost that nobody changes, and memory after more lists of them.
async fn at_rest(bench: &Bench, objects: usize, running: &Process, figures: &mut Figures) {
    let minutes = if figures.who == Contender::Ours { OBSERVED_EACH } else { 1 };
    figures.idle = Some(bench.idle(running, objects, minutes).await);
    if LISTING.contains(&figures.who) {
        println!("{LISTS} lists more: {:?}", figures.who);
        figures.listed_again = bench.resident_after(LISTS, running).await.map(|bytes| (objects, bytes));
    }
}
