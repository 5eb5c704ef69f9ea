//! The controller of KoreConnections: keeps them and their Secrets as long as they are needed, and writes
//! their status.
//!
//! ```text
//!   reconcile.rs  one pass over one connection ─▶ invalid.rs  if it does not fit its schema
//!   on_watch.rs   watch events outside of a pass: what matters to campaigns; connections that are gone
//!   requeue.rs    the intervals
//!   memory.rs     what is known of each connection beyond its status
//! ```

mod context;
mod invalid;
mod memory;
mod on_watch;
mod reconcile;
mod requeue;

pub use context::Context;
pub use memory::Memory;
pub use on_watch::{gone, what_matters};
pub use reconcile::{error_policy, reconcile};
