//! `kubectl vcamp`: VoiceCampaigns in a terminal. Everything it does, it does with the rights of its user.
//!
//! ```text
//!   cli.rs        arguments ─▶ one module per command
//!   cluster/      the user's cluster: kubeconfig, lists in pages, which right is missing
//!   seen.rs       what a VoiceCampaign says of itself (PURE) ─▶ output.rs: tables, JSON, YAML, names
//!
//!   status.rs     what is being deleted, and what needs somebody
//!   watch.rs      the same, live ─▶ live/  the board (PURE), its watch, and how it is drawn
//!   delete.rs     plan ─▶ confirmation ─▶ DELETE ─▶ live/
//!   plan/         what a deletion would do (PURE), for resources, manifests or a namespace
//!   why/          facts ─▶ what holds a resource, in words (PURE)
//!   import/       the campaigns of an account ─▶ manifests (PURE)
//!   change.rs     refresh, suspend, resume, orphan; approve.rs: what the brake of a connection holds
//! ```
//!
//! It shares the kinds (`api`) and the client of Kore (`kore`) with the operator, how a Secret is read, and
//! the command `check`.

mod approve;
mod candidates;
mod change;
mod cli;
mod cluster;
mod completion;
mod delete;
mod end;
mod import;
mod live;
mod output;
mod plan;
mod question;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod schema;
mod seen;
mod status;
mod watch;
mod why;
mod words;

use std::process::ExitCode;

use clap::Parser;
use voicecampaign_operator::check::Check;

use change::Change;
use cli::{CheckArgs, Cli, Command};
use cluster::Cluster;
use end::End;

fn main() -> ExitCode {
    // One TLS provider in the process, before anything uses TLS.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut arguments = std::env::args_os();
    if completion::is_asked_for(arguments.next()) {
        let answered = output::print(&completion::answer(arguments.collect()));
        return answered.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let ended = runtime.block_on(run(cli));
    // Does not wait for a question that nobody answers.
    runtime.shutdown_background();
    match ended {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Held) => ExitCode::FAILURE,
        Ok(End::Interrupted) => ExitCode::from(130),
        Err(error) => failed(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<End> {
    let connect = || Cluster::connect(&cli.cluster);
    match cli.command {
        Command::Status(arguments) => status::run(arguments, &connect().await?).await,
        Command::Watch(arguments) => watch::run(arguments, &connect().await?).await,
        Command::Delete(arguments) => delete::run(arguments, &connect().await?).await,
        Command::Why(arguments) => why::run(arguments, &connect().await?).await,
        Command::Plan(arguments) => plan::run(arguments, &connect().await?).await,
        Command::Import(arguments) => import::run(arguments, &connect().await?).await,
        Command::Refresh(names) => change::run(Change::Refresh, names.into(), &connect().await?).await,
        Command::Suspend(names) => change::run(Change::Suspend, names.into(), &connect().await?).await,
        Command::Resume(names) => change::run(Change::Resume, names.into(), &connect().await?).await,
        Command::Orphan(whom) => change::run(Change::Orphan, whom, &connect().await?).await,
        Command::Approve(arguments) => approve::run(arguments, &connect().await?).await,
        Command::Check(arguments) => check(arguments, &connect().await?).await,
        Command::Completion(arguments) => completion::run(&arguments),
    }
}

async fn check(arguments: CheckArgs, cluster: &Cluster) -> anyhow::Result<End> {
    let CheckArgs { deployment, timeout } = arguments;
    let namespace = cluster.named_namespace().map(str::to_owned);
    let check = Check { admin_url: None, namespace, policies: None, deployment, timeout };
    voicecampaign_operator::check::check(check, cluster.client()).await?;
    Ok(End::Done)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    output::say(&format!("error: {error:#}"));
    ExitCode::FAILURE
}
