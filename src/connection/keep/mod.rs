//! The finalizer `in-use`. A connection and its Secret carry it as long as a VoiceCampaign needs them. Where
//! the operator has its rights by a RoleBinding in each namespace, that RoleBinding carries it, too: when a
//! namespace is deleted, the RoleBinding would go first.
//!
//! ```text
//!   keeper.rs     one task at a time in a namespace; puts the finalizer on a connection and its Secret
//!   release.rs    takes it off, once the API server says that nobody needs them
//!   rights.rs     both, for the RoleBinding
//!   in_use.rs     the finalizer, and the permit to take it off
//! ```
//!
//! The finalizer is put on before the campaign's own finalizer, and taken off after it. Within this process,
//! all changes to the connections of a namespace are made one after the other; and before the finalizer is
//! taken off, the API server is asked, not the cache. So a campaign that is created while the last one goes
//! finds its connection kept.

mod in_use;
mod keeper;
mod release;
mod rights;

pub use in_use::{IN_USE, Release, Unneeded, is_held, secrets_in_use};
pub use keeper::Keeper;
