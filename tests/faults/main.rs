//! The deletion under every fault: each effect of it meets a crash, and each outcome that a call can have.
//!
//! ```text
//!   matrix.rs: plans ─▶ trial.rs: one plan against the real thing ─▶ oracles.rs: what must hold ─▶ a line
//! ```
//!
//! `cargo test` runs the quick lane: every crash with a fresh view, and a sample of the errors. `make
//! test-faults` runs everything. A plan that failed is run again by its line: `cargo test --test faults --
//! --plan '{"name":…}'`.

mod matrix;
mod oracles;
mod scenario;
mod trial;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use futures::{StreamExt, stream};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use testbed::faults::Plan;
use testbed::record::{self, Record};
use testbed::test_arguments::TestArguments;
use testbed::{ControlPlane, operator};
use tokio::runtime::Runtime;

use trial::{Report, Rig};

/// How many plans of the errors the quick lane runs: every so many-th.
const QUICK_STEP: usize = 7;

#[derive(Debug, Parser)]
struct Arguments {
    /// Which plans: a sample, or all
    #[arg(long, value_enum, default_value_t = Lane::Quick)]
    lane: Lane,
    /// Seed of the plans with several faults, and of the quick lane's sample
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run this plan alone, as many times as it is given
    #[arg(long)]
    plan: Vec<String>,
    /// Keep the figures of the full lane for docs/reliability.md
    #[arg(long, conflicts_with_all = ["plan", "filter"])]
    record: bool,
    /// How many plans run at once; they mostly wait
    #[arg(long, default_value_t = 12)]
    parallel: usize,
    /// Only plans whose name contains this
    filter: Option<String>,
    #[command(flatten)]
    _others: TestArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Lane {
    Quick,
    Full,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(!arguments.record || arguments.lane == Lane::Full, "--record is for --lane full");
    let commit = record::commit(arguments.record)?;
    let plans = plans(&arguments)?;
    if plans.is_empty() {
        // `cargo test name` asks every test program.
        println!("no plan of this name");
        return Ok(ExitCode::SUCCESS);
    }
    let reports = Runtime::new()?.block_on(run(plans, arguments.parallel))?;
    let violated = reports.iter().filter(|report| !report.violations.is_empty()).count();
    let injected: u32 = reports.iter().map(|report| report.injected).sum();
    let figures =
        [(reports.len(), "plans"), (injected as usize, "faults injected"), (violated, "violations")];
    let record = Record::new(format!("make test-faults SEED={}", arguments.seed), figures);
    println!("{record}");
    record.conclude(violated, "faults", commit)
}

fn plans(arguments: &Arguments) -> Result<Vec<Plan>> {
    if !arguments.plan.is_empty() {
        return arguments.plan.iter().map(|line| Plan::from_line(line)).collect();
    }
    let errors = matrix::errors();
    let seed = usize::try_from(arguments.seed).unwrap_or(0);
    let mut plans = [matrix::references(), matrix::silences()].concat();
    match arguments.lane {
        Lane::Full => plans.extend([matrix::crashes(), errors, matrix::drawn(arguments.seed, 60)].concat()),
        Lane::Quick => {
            plans.extend(matrix::crashes().into_iter().filter(|plan| !plan.name.ends_with("-stale")));
            plans.extend(errors.into_iter().skip(seed % QUICK_STEP).step_by(QUICK_STEP));
            plans.extend(matrix::drawn(arguments.seed, 6));
        }
    }
    plans.retain(|plan| arguments.filter.as_ref().is_none_or(|filter| plan.name.contains(filter)));
    Ok(plans)
}

async fn run(plans: Vec<Plan>, parallel: usize) -> Result<Vec<Report>> {
    ensure!(parallel > 0, "--parallel must be 1 or more");
    let plane = tokio::task::spawn_blocking(|| -> Result<ControlPlane> {
        let plane = ControlPlane::start()?;
        operator::install(&plane)?;
        Ok(plane)
    });
    let plane = Arc::new(plane.await??);
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig())?;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let program = operator::copy_of(Path::new(env!("CARGO_BIN_EXE_voicecampaign-operator")), &plane)?;
    let rig = Rig { plane: plane.clone(), client: Client::try_from(config)?, program };
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("faults.jsonl");
    let mut lines = std::fs::File::create(&path).with_context(|| path.display().to_string())?;
    println!("{} plans; a line for each in {}", plans.len(), path.display());
    let (begun, total) = (Instant::now(), plans.len());
    let mut reports = Vec::with_capacity(total);
    let mut running = stream::iter(plans)
        .map(|plan| {
            let rig = rig.clone();
            async move { trial::run(&rig, plan).await }
        })
        .buffer_unordered(parallel);
    while let Some(report) = running.next().await {
        writeln!(lines, "{}", report.line())?;
        if !report.violations.is_empty() {
            println!("VIOLATED {}: {:#?}", report.plan.name, report.violations);
            println!("  logs: {}/operator-{}-*.log", plane.folder().display(), report.namespace);
            println!("  again: cargo test --test faults -- --plan '{}'", report.plan.to_line()?);
        }
        reports.push(report);
        if reports.len() % 25 == 0 {
            println!("{} of {total} after {} s", reports.len(), begun.elapsed().as_secs());
        }
    }
    Ok(reports)
}
