//! `voicecampaign-operator`: parse, run, exit code.

use clap::Parser;
use voicecampaign_operator::NAME;
use voicecampaign_operator::api;
use voicecampaign_operator::check::check;
use voicecampaign_operator::kube_ext::client_of;
use voicecampaign_operator::run::{self, Cli, Command};
use voicecampaign_operator::stdout;
use voicecampaign_operator::uninstall;

/// With thousands of small objects, jemalloc fragments less than the allocator of the C library, and returns
/// the memory of a list to the system. Its options are in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    // One TLS provider in the process, before anything uses TLS.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match Cli::parse().command {
        Command::Crds => {
            for crd in api::crds() {
                stdout::print(&format!("---\n{}", serde_saphyr::to_string(&crd)?.trim_end()))?;
            }
            Ok(())
        }
        Command::Check(args) => block_on(run::until_terminated(async {
            check(args.check(), client_of(run::cluster().await?)?).await
        })),
        Command::PrepareUninstall(args) => {
            run::init_audit_logging()?;
            block_on(run::until_terminated(async {
                uninstall::prepare(args.uninstall(), run::cluster().await?).await
            }))
        }
        Command::Run(args) => {
            run::init_logging(&args)?;
            tracing::info!(version = env!("CARGO_PKG_VERSION"), "Starting {NAME}");
            block_on(async {
                let stop = run::termination()?;
                run::run(args.settings(), run::cluster().await?, stop).await
            })
        }
    }
}

/// One thread is enough, because the process mostly waits; each thread keeps memory of its own.
fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    // Does not wait for a DNS lookup, which can't be cancelled.
    runtime.shutdown_background();
    outcome
}
