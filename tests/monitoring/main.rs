//! Metrics, alerts and the dashboard: the page that lists them, and what promtool says of them.
//!
//! The tests that need promtool take Debian's `prometheus`: `make test-monitoring`.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

mod alerts;
mod dashboard;
mod metrics;
mod promtool;
