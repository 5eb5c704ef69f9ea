//! What kube-rs does not bring, or brings in a form that cost others an outage: finalizers that test the uid, writes
//! with a deadline, events that may fail, a lease that can't be stolen by a wrong clock, a cache without ballast.

mod cache;
mod events;
mod finalizer;
mod lease;
mod listed;
pub mod misfit;
pub mod obstacle;
mod prune;
mod selected;
mod time;
mod wake;
mod write;

pub use cache::{Cache, Shown};
pub use events::{Events, Note};
pub use finalizer::{AllMayGo, Finalizer};
pub use lease::{Candidate, Leadership};
pub use listed::Listed;
pub use prune::prune;
pub use selected::Selected;
pub use time::{round_down, round_up};
pub use wake::{Wake, reference};
pub use write::{CallError, Kube, Room, in_full};
