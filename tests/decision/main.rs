//! The decision, as shipped: what it must never do, whatever it is shown, and the paths it takes.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

mod brake;
mod deletion;
mod life;
mod obstructed;
mod promise;
mod proof;
mod support;
