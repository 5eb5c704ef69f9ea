//! Builds the Go programs that the tests need, before there are tests that wait for something.

use anyhow::Result;

fn main() -> Result<()> {
    testbed::binaries::build()
}
