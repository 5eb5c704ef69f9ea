//! The chart with the real helm: what it renders and refuses, which files are generated from it, and its
//! upgrades.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

mod generated;
mod pods;
mod random;
mod rendered;
mod rights;
mod support;
mod umbrella;
mod upgraded;
