//! The credentials for a campaign: from `connectionRef` over the KoreConnection to the Secret; and the
//! controller that keeps both as long as a campaign needs them.
//!
//! ```text
//!   lookup/       connection from the cache, its Secret by name ─▶ usable.rs | problem.rs
//!   secret/       what a Secret holds (PURE)
//!   brake.rs      which deletions may begin, if many do at once (PURE)
//!   allowed.rs    the hosts that tokens may be sent to (PURE)
//!   renames.rs    which hosts are one, because an environment was renamed (PURE)
//!   users.rs      which objects use which connection
//!   controller/   of KoreConnections ─▶ status.rs (PURE)
//!   keep/         the finalizer `in-use`, for the controller and for campaigns
//! ```
//!
//! KoreConnections are watched. Secrets never are: each is read by name when it is needed.

mod allowed;
mod brake;
mod controller;
mod keep;
mod lookup;
mod name;
mod problem;
mod renames;
mod secret;
mod status;
mod usable;
mod users;
mod watched;

pub use allowed::AllowedHosts;
pub use brake::{Brake, Candidate, Holding, LONGEST_APPROVAL, Passage, is_void};
pub use brake::{annotated as annotated_approval, next as next_brake_status, stored as stored_brake};
pub use controller::{Context, Memory, error_policy, gone, reconcile, what_matters};
pub use keep::{IN_USE, Keeper, Unneeded, is_held, secrets_in_use};
pub use lookup::{CREDENTIALS_LIFE, Connections, Overview, Standing};
pub use name::ConnectionName;
pub use problem::Problem;
pub use renames::Renames;
pub use secret::Flaw;
pub use status::{ConnectionReason, DELETIONS_HELD, Known, Verdict, of as status_of};
pub use usable::{Connection, UsableConnection};
pub use users::Users;
pub use watched::Watched;
