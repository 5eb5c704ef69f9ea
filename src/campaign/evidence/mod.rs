//! What the operator knows of one campaign, and what that permits. Pure.
//!
//! ```text
//!  observed.rs   everything a decision may depend on
//!  record.rs     the record of the current deletion, in status
//!  answer.rs     Kore's answers, as status keeps them and sentences quote them
//!  proof.rs      from a GET and listings to a ProvenAbsence
//!  permit.rs     from a confirmation, a proof or `Orphan` to the ReleasePermit
//! ```

pub mod answer;
mod observed;
mod permit;
pub mod proof;
mod record;

pub use observed::{
    Attempt, GetResult, LastGet, ListingTrouble, Observed, OtherClaim, Sighting, StreamListing,
};
pub use permit::{REMOTE_CAMPAIGN, ReleasePermit, needs_connection};
pub use record::{new_record, recorded_account};
