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
use testbed::record::{self, Record};
use tokio::runtime::Runtime;

use round::Round;
use world::World;

/// So many undisturbed rounds come before the first measurement: what is kept for minutes is kept by then.
const WARM_UP: u64 = 4;
/// A process does not grow by more than this from noise alone, in bytes: the pages that the allocator has not
/// given back yet.
const NOISE: usize = 2_000_000;
/// What the operator remembers of a deletion for an hour, in bytes: when it has called, and when the campaign
/// was listed.
const REMEMBERED: usize = 700;

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
    /// Undisturbed rounds at the end, in which nothing may grow
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(WARM_UP + 1..))]
    calm: u64,
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
    /// Of them, those with a trouble somewhere between the request and the end.
    disturbed: usize,
    /// Those that have met something.
    troubles: usize,
    violations: usize,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(arguments.objects > 0, "--objects must be 1 or more");
    let commit = record::commit(arguments.record)?;
    let total = Runtime::new()?.block_on(soak(&arguments))?;
    let Total { rounds, deletions, disturbed, troubles, violations } = total;
    let Arguments { duration, seed, objects, .. } = arguments;
    let figures = [
        (rounds, "rounds"),
        (deletions, "deletions"),
        (disturbed, "of them while something failed"),
        (troubles, "troubles"),
        (violations, "violations"),
    ];
    let duration = format!("{duration:#}").replace(' ', "");
    let record = Record::new(format!("make soak SOAK={duration} SEED={seed} OBJECTS={objects}"), figures);
    println!("seed {seed}: {record}");
    ensure!(disturbed > 0, "nothing was deleted while something failed");
    record.conclude(violations, "soak", commit)
}

async fn soak(arguments: &Arguments) -> Result<Total> {
    let Arguments { duration, seed, round, objects, calm: calm_rounds, record: _ } = *arguments;
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
        calm(&mut world, seed, objects, calm_rounds, &mut total).await?;
    }
    Ok(total)
}

async fn one(world: &mut World, round: &Round, total: &mut Total) -> Result<()> {
    let (begun, killed) = (Instant::now(), killed_for_lack_of_memory()?);
    let mut outcome = world.run(round).await.with_context(|| round.to_string())?;
    if killed_for_lack_of_memory()? > killed {
        outcome.violations.push("the kernel has killed a process for lack of memory".to_owned());
    }
    println!(
        "{round}: {} deletions, {} while something failed, {} troubles of {}, {} starts, {:.0?}; {}",
        outcome.disturbed + outcome.undisturbed,
        outcome.disturbed,
        outcome.troubles,
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
            let (seed, objects) = (round.seed, round.lives.len());
            println!("  again: make soak SEED={seed} ROUND={} OBJECTS={objects}", round.number);
        }
    }
    total.rounds += 1;
    if !round.is_calm() {
        total.deletions += outcome.disturbed + outcome.undisturbed;
    }
    total.disturbed += outcome.disturbed;
    total.troubles += outcome.troubles;
    total.violations += outcome.violations.len();
    Ok(())
}

/// How many processes the kernel has killed for lack of memory since it was started: an instance that ends so
/// looks like one that a trouble has killed.
fn killed_for_lack_of_memory() -> Result<u64> {
    let counters = std::fs::read_to_string("/proc/vmstat").context("/proc/vmstat")?;
    let killed = counters.lines().find_map(|line| line.strip_prefix("oom_kill "));
    Ok(killed.context("/proc/vmstat has no oom_kill")?.parse()?)
}

/// Undisturbed rounds, in which the instances must neither grow nor open more and more files.
async fn calm(world: &mut World, seed: u64, objects: usize, rounds: u64, total: &mut Total) -> Result<()> {
    let (mut before, mut lives) = (None, 0);
    let mut files: Vec<Vec<usize>> = Vec::new();
    for number in 1..=rounds {
        let round = Round::calm(seed, number, objects);
        one(world, &round, total).await?;
        lives += round.lives.iter().map(|life| 1 + life.again).sum::<usize>();
        files.push(world.measured()?.iter().map(|measured| measured.size.files).collect());
        if number == WARM_UP {
            (before, lives) = (Some(world.measured()?), 0);
        }
    }
    let (before, after) = (before.context("no round was measured")?, world.measured()?);
    let (warm, cold) = files.split_at(usize::try_from(WARM_UP)?);
    for (instance, (before, after)) in before.into_iter().zip(after).enumerate() {
        println!(
            "{}: {} after {WARM_UP} calm rounds, {} after {rounds}",
            after.name, before.size, after.size
        );
        let growth = after.size.resident.saturating_sub(before.size.resident);
        let grown = growth > (NOISE + REMEMBERED * lives) as u64;
        if grown || before.started_at != after.started_at {
            println!("VIOLATED: it has grown, or was started again");
            total.violations += 1;
        }
        // Connections are kept for a while: what counts is what never goes down again.
        let most = warm.iter().map(|files| files[instance]).max().unwrap_or_default();
        let least = cold.iter().rev().take(3).map(|files| files[instance]).min().unwrap_or_default();
        if least > most + 8 {
            println!("VIOLATED: it opens more and more files: {files:?}");
            total.violations += 1;
        }
    }
    Ok(())
}
