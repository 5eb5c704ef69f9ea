//! What kube-rs does not bring, or brings in a form that cost others an outage: finalizers that test the uid, writes
//! with a deadline, events that may fail, a lease that can't be stolen by a wrong clock, a cache without ballast.

mod cache;
mod client;
mod events;
mod finalizer;
pub mod invalid;
mod lease;
pub mod obstacle;
mod prune;
mod selected;
mod synced;
mod time;
mod wake;

pub use cache::{Cache, Change};
pub use client::{CallError, CallErrorClass, Kube, Room, in_full};
pub use events::{Events, Note};
pub use finalizer::{AllMayGo, Finalizer};
pub use lease::{Candidate, Leadership};
pub use prune::prune;
pub use selected::Selected;
pub use synced::Synced;
pub use time::{round_down, round_up};
pub use wake::{Wake, reference};
