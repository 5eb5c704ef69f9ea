//! What kube-rs does not have, or has in a form that has caused outages: finalizers whose patches test the
//! uid, writes with a deadline, events that may fail, a lease that a wrong clock can't steal, a cache without
//! what nobody reads.
//!
//! ```text
//!   client.rs        reads, and writes while leadership.rs says that this instance leads
//!     ├─ status_patch.rs  patches of a status (pure)
//!     ├─ slots.rs    how many calls at once, and how many of one namespace
//!     └─ call_error.rs    why a call failed, and what the caller should do about it
//!   finalizer.rs     patches that add and remove a finalizer (pure)
//!   lease.rs         leader election, extends the leadership
//!   deployed.rs      an operator, as its Deployment describes it; review.rs: whether it has a right
//!   events.rs        events that may fail
//!   obstacle.rs      the condition Obstructed; invalid.rs: the condition of objects that do not deserialize
//!   cache.rs         the cache of a watch, of objects that pruned.rs has decoded
//!   synced.rs        whether all watches have listed; wake.rs: triggers reconciles
//!   selected.rs      the label selector; pages.rs: lists that are read page by page
//!   counted.rs       counts the calls of a client; server_clock.rs: the time by the API server
//!   kubeconfig.rs    a client of a cluster; errors about a kubeconfig, without what it contains
//! ```

mod cache;
mod call_error;
mod client;
mod counted;
mod deployed;
mod events;
mod finalizer;
pub mod invalid;
mod kubeconfig;
mod leadership;
mod lease;
pub mod obstacle;
mod pages;
mod pruned;
mod review;
mod selected;
mod server_clock;
mod slots;
mod status_patch;
mod synced;
mod time;
mod wake;

pub use cache::{Applied, Cache, Change};
pub use call_error::{CallError, CallErrorClass, NO_DEFINITIONS, error_chain, knows_no_such_kind};
pub use client::Kube;
pub use counted::{Call, Count};
pub use deployed::{Deployed, Election, Pods};
pub use events::{Events, Note};
pub use finalizer::{AllMayGo, Finalizer, Precondition};
pub use kubeconfig::{check_server, client_of, counted_client_of, unusable_cluster, without_content};
pub use leadership::Leadership;
pub use lease::{Candidate, Leader, lease_name};
pub use pages::each;
pub use pruned::{Dated, Guarded, Pruned};
pub use review::Account;
pub use selected::Selected;
pub use server_clock::ServerClock;
pub use slots::{Slot, Slots};
pub use synced::Synced;
pub use time::{long, round_down, round_up, written_at};
pub use wake::{Wake, reference};
