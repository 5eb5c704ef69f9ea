//! What the proxies and relays do to requests, seen from both ends.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

mod actions;
mod cluster;
mod passing;
mod relay;
mod support;
mod watches;
