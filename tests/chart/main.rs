//! The chart, with the real helm: what it renders, what it refuses, what is generated from it, and how it is installed.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

mod generated;
mod random;
mod rendered;
mod support;
mod umbrella;
mod upgraded;
