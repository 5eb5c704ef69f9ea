//! The operator in Pods: its image, installed by helm on a node with a real kubelet and containerd, and the
//! service outside of it.
//!
//! ```text
//!   main ─▶ outside: builds, and makes an enclosure ─▶ inside: cluster.rs starts the node ─▶ scenarios.rs
//!                    └─▶ restores what the enclosure can't take with it, and checks the machine
//! ```
//!
//! With `TEST_CLUSTER_KUBECONFIG` another cluster is used (cluster.rs says how), and there is no enclosure.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

mod cluster;
mod scenarios;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Parser;
use testbed::node::{Node, enclosure};
use testbed::{binaries, flux, image};

use cluster::Cluster;

#[derive(Debug, Parser)]
struct Arguments {
    /// Only the scenarios whose name has this in it
    filter: Option<String>,
}

fn main() -> Result<ExitCode> {
    let Arguments { filter } = Arguments::parse();
    if enclosure::is_guardian() {
        return Ok(exit(enclosure::guard()?));
    }
    if enclosure::is_inside() {
        enclosure::furnish()?;
        return run(filter.as_deref());
    }
    testbed::process::end_with_starter();
    image::operator()?;
    binaries::helm(4)?;
    flux::build()?;
    if Cluster::is_given() {
        return run(filter.as_deref());
    }
    Node::build()?;
    Ok(exit(enclosure::run_inside()?))
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Runs the scenarios on one cluster, in their order: each leaves it as it found it.
fn run(filter: Option<&str>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new()?;
    let begun = Instant::now();
    let cluster = runtime.block_on(Cluster::start())?;
    println!("the cluster is up after {} s", begun.elapsed().as_secs());
    let wanted: Vec<_> =
        scenarios::ALL.iter().filter(|(name, _)| filter.is_none_or(|filter| name.contains(filter))).collect();
    ensure!(!wanted.is_empty(), "no scenario of this name");
    let mut failed = 0;
    for (name, scenario) in &wanted {
        let begun = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| scenario(&cluster)));
        println!(
            "{name} ... {} ({} s)",
            if ended.is_ok() { "ok" } else { "FAILED" },
            begun.elapsed().as_secs()
        );
        if ended.is_err() {
            failed += 1;
            cluster.tell();
            // What it has left would fail the next.
            break;
        }
    }
    println!("{} scenarios, {failed} failed", wanted.len());
    cluster.finish(failed == 0);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
