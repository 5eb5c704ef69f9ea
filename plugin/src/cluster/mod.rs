//! The cluster of the user, with the rights of the user.
//!
//! ```text
//!   connect.rs  kubeconfig ─▶ Cluster
//!   read.rs     objects by name, and lists in pages
//!   refusal.rs  why a call failed: which right is missing, or which definition
//! ```

mod connect;
mod read;
mod refusal;

pub use connect::{Cluster, ClusterArgs};
pub use read::Scope;
pub use refusal::{explain, is_denied, is_missing, is_refused};

/// Calls to the API server at once.
pub const AT_ONCE: usize = 8;
