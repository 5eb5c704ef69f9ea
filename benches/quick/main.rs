//! `make bench-quick`: the operator, a stock one and the floor (`benches/peers/`), in turn on the same
//! control plane and the same Kore. Writes its table into docs/benchmarks.md. Never a test: machines differ,
//! and only the ratios say something.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on has nothing to say")]

mod measure;
mod resident;
mod table;

use std::path::{Path, PathBuf};

use kore_simulator::Behaviour;
use testbed::{ControlPlane, Kore, operator};

use measure::{Bench, Contender, Figures, TENANT};

/// Rounds of each contender; they take turns.
const ROUNDS: usize = 2;
/// Deletions one after the other, in a round.
const SINGLE: usize = 50;
/// The same beside a dead account: more of them, because the slowest of a few say little.
const BESIDE: usize = 150;
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
    testbed::process::end_with_starter();
    let plane = ControlPlane::start().unwrap();
    operator::install(&plane).unwrap();
    let behaviour = Behaviour { requests_per_minute: None, ..Behaviour::default() };
    let kore = Kore::start(CLIENT.0, CLIENT.1, &behaviour, plane.folder()).await.unwrap();
    let bench = Bench::new(plane, kore, CLIENT).await;
    let mut figures =
        [Contender::Ours, Contender::Stock, Contender::Floor].map(|who| (who, Figures::default()));
    for round in 1..=ROUNDS {
        for (who, figures) in &mut figures {
            println!("round {round}: {who:?}");
            let running = bench.start(*who, &program(*who));
            bench.one_after_the_other(TENANT, SINGLE, figures).await;
            bench.at_once(AT_ONCE, &running, figures).await;
            drop(running);
        }
    }
    let ours = program(Contender::Ours);
    println!("beside a dead account");
    let beside = {
        let _running = bench.start(Contender::Ours, &ours);
        bench.beside_a_dead_account(BESIDE, 2 * ROUNDS).await
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
        for (who, figures) in &mut figures {
            println!("{count} objects: {who:?}");
            let running = bench.start(*who, &program(*who));
            if *who == Contender::Ours {
                ready.push((count, bench.until_ready(&running).await));
            }
            figures.resident.push((count, bench.resident(&running).await));
        }
    }
    let table = table::of(&figures, [&beside, &beside_burst], &ready, [killed, told]);
    table::write(&table);
    print!("{table}");
    bench.finish();
}

/// The programs are built beside each other.
fn program(who: Contender) -> PathBuf {
    let ours = Path::new(env!("CARGO_BIN_EXE_voicecampaign-operator"));
    match who {
        Contender::Ours => ours.to_owned(),
        Contender::Stock => ours.with_file_name("stock"),
        Contender::Floor => ours.with_file_name("floor"),
    }
}
