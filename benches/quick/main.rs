//! `make bench-quick`: the operator, a stock one and the floor (`benches/peers/`), in turn on the same
//! control plane and the same Kore. `make bench`: all peers, in more rounds. Either writes its tables into
//! docs/benchmarks.md. Never a test: machines differ, and only the ratios say something.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on has nothing to say")]

mod measure;
mod peers;
mod resident;
mod table;
mod targets;

use kore_simulator::Behaviour;
use testbed::{ControlPlane, Kore, operator};

use measure::{Bench, Contender, Figures, TENANT};
use peers::program;

/// What is measured by which `make` target.
struct Plan {
    name: &'static str,
    contenders: &'static [Contender],
    /// Rounds of each contender; they take turns.
    rounds: usize,
}

const QUICK: Plan = Plan {
    name: "bench-quick",
    contenders: &[Contender::Ours, Contender::Stock, Contender::Floor],
    rounds: 2,
};
const FULL: Plan = Plan {
    name: "bench",
    contenders: &[
        Contender::Ours,
        Contender::Stock,
        Contender::ControllerRuntime,
        Contender::ControllerRuntimeWorkers,
        Contender::Kopf,
        Contender::Floor,
    ],
    rounds: 5,
};
/// Deletions one after the other, in a round.
const SINGLE: usize = 50;
/// The same beside a dead account: more of them, because the slowest of a few say little.
const BESIDE: usize = 150;
const BESIDE_ROUNDS: usize = 4;
/// Deletions at once, in a round.
const AT_ONCE: usize = 1000;
/// Objects that are there and stay, while memory is measured.
const RESIDENT: [usize; 3] = [0, 1_000, 10_000];

const CLIENT: (&str, &str) = ("cs-bench-client", "secret-of-the-benchmark");

#[tokio::main]
async fn main() {
    // `cargo test --benches` only wants to know that it compiles.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let plan = if std::env::args().any(|argument| argument == "--full") { FULL } else { QUICK };
    testbed::process::end_with_starter();
    let contenders: Vec<_> = plan.contenders.iter().map(|who| (*who, program(*who))).collect();
    let plane = ControlPlane::start().unwrap();
    operator::install(&plane).unwrap();
    let behaviour = Behaviour { requests_per_minute: None, ..Behaviour::default() };
    let kore = Kore::start(CLIENT.0, CLIENT.1, &behaviour, plane.folder()).await.unwrap();
    let bench = Bench::new(plane, kore, CLIENT).await;
    let mut figures: Vec<_> = contenders.iter().map(|(who, _)| (*who, Figures::default())).collect();
    for round in 1..=plan.rounds {
        for ((who, program), (_, figures)) in contenders.iter().zip(&mut figures) {
            println!("round {round}: {who:?}");
            let running = bench.start(*who, program);
            bench.one_after_the_other(TENANT, SINGLE, figures).await;
            bench.at_once(AT_ONCE, &running, figures).await;
            drop(running);
        }
    }
    let ours = program(Contender::Ours);
    println!("beside a dead account");
    let beside = {
        let _running = bench.start(Contender::Ours, &ours);
        bench.beside_a_dead_account(BESIDE, BESIDE_ROUNDS).await
    };
    println!("beside a burst of another namespace");
    let beside_burst = {
        let _running = bench.start_for_both(&ours);
        bench.beside_a_burst(BESIDE, AT_ONCE).await
    };
    let killed = bench.takeover("killed", &ours, true).await;
    let told = bench.takeover("told", &ours, false).await;
    let mut ready = Vec::new();
    let mut there = 0;
    for count in RESIDENT {
        bench.settle(there..count, &ours).await;
        there = count;
        for ((who, program), (_, figures)) in contenders.iter().zip(&mut figures) {
            println!("{count} objects: {who:?}");
            let running = bench.start(*who, program);
            if *who == Contender::Ours {
                ready.push((count, bench.until_ready(&running).await));
            }
            figures.resident.push((count, bench.resident(&running).await));
        }
    }
    let mut table = table::of(&figures, [&beside, &beside_burst], &ready, [killed, told]);
    table += &targets::of(&figures, &ready);
    table::write(plan.name, &table);
    print!("{table}");
    bench.finish();
}
