//! `voicecampaign-operator`: parse, run, exit code.

use clap::Parser;
use voicecampaign_operator::api;
use voicecampaign_operator::run::{self, Cli, Command};

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Crds => {
            for crd in api::crds() {
                print!("---\n{}", serde_saphyr::to_string(&crd)?);
            }
            Ok(())
        }
        Command::Run(args) => {
            // One TLS provider in the process, before anything uses TLS.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            run::init_telemetry(&args)?;
            tracing::info!(version = env!("CARGO_PKG_VERSION"), "Starting voicecampaign-operator");
            tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
                let stop = run::termination()?;
                run::run(args.settings(), run::cluster().await?, stop).await
            })
        }
    }
}
