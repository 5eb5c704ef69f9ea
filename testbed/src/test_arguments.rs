//! What `cargo test` passes on to every test program.

use clap::Args;

/// Arguments that other test programs take: they are taken, and mean nothing here.
#[derive(Debug, Args)]
pub struct TestArguments {
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    test_threads: Option<usize>,
}
