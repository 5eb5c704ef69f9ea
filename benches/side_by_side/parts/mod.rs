//! What is measured, each on its own.

mod backlog;
mod beside;
mod budget;
mod deletions;
mod outage;
mod quota;
mod resident;
mod takeover;
mod trouble;

pub use budget::STEPS;
