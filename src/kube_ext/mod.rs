//! What kube-rs does not bring, or brings in a form that cost others an outage: finalizers that test the uid, writes
//! with a deadline, events that may fail, a cache without ballast.

mod events;
mod finalizer;
mod listed;
pub mod misfit;
mod prune;
mod time;
mod wake;
mod write;

pub use events::{Events, Note};
pub use finalizer::Finalizer;
pub use listed::Listed;
pub use prune::prune;
pub use time::{round_down, round_up};
pub use wake::Wake;
pub use write::{CallError, Kube};
