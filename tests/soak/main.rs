//! Everything at once, for as long as one likes: objects come and go under the same names, in several
//! namespaces and accounts, under two instances, while Kore, the network, the API server, etcd and the
//! instances themselves fail.
//!
//! ```text
//!   round.rs: seed and number ─▶ what is created, deleted, and goes wrong (pure)
//!   life.rs: one object from its creation to its end       trouble.rs: what goes wrong, and its end
//!                         └──▶ oracles.rs: what must hold after each round ◀──┘
//! ```
//!
//! `make soak` takes ten minutes; `make soak SOAK=8h` a night. A round that violates something prints its
//! command. Its deletions and faults are drawn again; how they meet is up to the machine.

mod clock;
mod instance;
mod life;
mod oracles;
mod round;
mod trouble;
mod world;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use jiff::SignedDuration;
use testbed::record::Record;
use tokio::runtime::Runtime;

use round::Round;
use world::World;

/// Undisturbed rounds at the end: after the first few, nothing may grow any more.
const CALM_ROUNDS: u64 = 8;
/// So many of them come before the first measurement.
const WARM_UP: u64 = 3;
/// A process that works on the same number of objects does not grow by more than this from noise alone: the
/// pages that the allocator has not given back yet.
const NOISE: f64 = 1.10;

#[derive(Debug, Parser)]
struct Arguments {
    /// For how long, as `10m` or `8h`; the round that runs then ends
    #[arg(long, default_value = "10m")]
    duration: SignedDuration,
    /// Seed of what is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run this round alone
    #[arg(long)]
    round: Option<u64>,
    /// Keep the figures for docs/reliability.md
    #[arg(long, conflicts_with = "round")]
    record: bool,
    /// Objects in a round
    #[arg(long, default_value_t = 200)]
    objects: usize,
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Total {
    rounds: usize,
    /// In rounds with troubles.
    deletions: usize,
    troubles: usize,
    violations: usize,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(arguments.objects > 0, "--objects must be 1 or more");
    let total = Runtime::new()?.block_on(soak(&arguments))?;
    let Total { rounds, deletions, troubles, violations } = total;
    let Arguments { duration, seed, objects, record: kept, .. } = arguments;
    let figures =
        [(rounds, "rounds"), (deletions, "deletions"), (troubles, "troubles"), (violations, "violations")];
    let record = Record::new(format!("make soak SOAK={duration:#} SEED={seed} OBJECTS={objects}"), figures);
    println!("seed {seed}: {record}");
    ensure!(deletions > 0, "nothing was deleted");
    record.conclude(violations, kept.then_some("soak"))
}

async fn soak(arguments: &Arguments) -> Result<Total> {
    let Arguments { duration, seed, round, objects, record: _ } = *arguments;
    let mut world = World::create().await?;
    let (begun, mut total) = (Instant::now(), Total::default());
    let first = round.unwrap_or(1);
    for number in first.. {
        if number > first && (round.is_some() || begun.elapsed() >= duration.unsigned_abs()) {
            break;
        }
        one(&mut world, &Round::drawn(seed, number, objects), &mut total).await?;
    }
    if round.is_none() {
        calm(&mut world, seed, objects, &mut total).await?;
    }
    Ok(total)
}

async fn one(world: &mut World, round: &Round, total: &mut Total) -> Result<()> {
    let begun = Instant::now();
    let outcome = world.run(round).await.with_context(|| round.to_string())?;
    println!(
        "{round}: {} deletions, {} troubles, {} starts of the operator, {:.0?}; {}",
        outcome.deletions,
        round.troubles.len(),
        outcome.starts,
        begun.elapsed(),
        world.sizes()
    );
    if !outcome.violations.is_empty() {
        println!("VIOLATED in {round}: {:#?}", outcome.violations);
        // The logs are removed by the next program that starts a control plane.
        let file = format!("soak-{}-{round}.txt", round.seed).replace(' ', "-");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
        std::fs::write(&file, outcome.violations.join("\n")).with_context(|| file.display().to_string())?;
        println!("  kept in {}", file.display());
        println!("  troubles: {}", serde_json::to_string(&round.troubles)?);
        println!("  logs: {}", world.plane.folder().display());
        if !round.is_calm() {
            println!("  again: make soak SEED={} ROUND={}", round.seed, round.number);
        }
    }
    total.rounds += 1;
    if !round.is_calm() {
        total.deletions += outcome.deletions;
    }
    total.troubles += round.troubles.len();
    total.violations += outcome.violations.len();
    Ok(())
}

/// Undisturbed rounds, in which the instances must neither grow nor open more and more files.
async fn calm(world: &mut World, seed: u64, objects: usize, total: &mut Total) -> Result<()> {
    let mut before = None;
    for number in 1..=CALM_ROUNDS {
        one(world, &Round::calm(seed, number, objects), total).await?;
        if number == WARM_UP {
            before = Some(world.measured()?);
        }
    }
    let (before, after) = (before.context("no round was measured")?, world.measured()?);
    for (before, after) in before.into_iter().zip(after) {
        println!(
            "{}: {} after {WARM_UP} calm rounds, {} after {CALM_ROUNDS}",
            after.name, before.size, after.size
        );
        let grown = after.size.resident as f64 > before.size.resident as f64 * NOISE;
        if grown || before.started_at != after.started_at {
            println!("VIOLATED: it has grown, or was started again");
            total.violations += 1;
        }
        if after.size.files > before.size.files + 8 {
            println!("VIOLATED: it opens more and more files");
            total.violations += 1;
        }
    }
    Ok(())
}
