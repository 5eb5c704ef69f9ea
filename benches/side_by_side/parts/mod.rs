//! What is measured, each on its own.

mod backlog;
mod beside;
mod deletions;
mod outage;
mod quota;
mod resident;
mod takeover;
mod trouble;
