//! `kore-simulator`: serves the simulated campaign API until it is ended.

use std::net::SocketAddr;

use clap::Parser;
use kore_simulator::{App, Behaviour, Simulator};

/// The campaign API of Kore.ai as documented, with a request journal and scripted faults.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Where to serve; port 0 takes any free port, and the first line of output names it
    #[arg(long, default_value = "127.0.0.1:0", value_name = "IP:PORT")]
    listen: SocketAddr,

    /// A JWT app whose tokens are accepted; may be given several times
    #[arg(long = "app", value_name = "CLIENT_ID:CLIENT_SECRET", required = true)]
    apps: Vec<App>,

    /// How to behave where the documents leave it open, as JSON, for example {"unknownCampaign":"failure"};
    /// GET /_control/behaviour shows every field
    #[arg(long, default_value = "{}", value_name = "JSON", value_parser = behaviour)]
    behaviour: Behaviour,

    /// Refuse no call for the rate limit (60 calls a minute and account)
    #[arg(long)]
    no_rate_limit: bool,
}

fn behaviour(text: &str) -> Result<Behaviour, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Cli { listen, apps, mut behaviour, no_rate_limit } = Cli::parse();
    if no_rate_limit {
        behaviour.requests_per_minute = None;
    }
    let simulator = Simulator::start(listen, apps, behaviour).await?;
    println!("{}", simulator.url());
    std::future::pending().await
}
