//! What campaigns share: the accounts' quota, the listings of streams, who names which campaign; and what
//! this process remembers of each object. All of it may be lost at a restart.
//!
//! ```text
//!  accounts.rs   a gate per account        gate.rs: its clocks (src/pacing) and the seats of its calls
//!                caller.rs: who calls      queue.rs: whom to wake      seats.rs: calls under way
//!                operation.rs: what a result says of the account and of the credentials
//!  listings.rs   who reads the next listing of a stream, and who is woken by it     stream.rs: one stream
//!  claims.rs     who names which campaign  claim.rs: what a claim is worth          index.rs: all objects
//!  emptiness.rs  whether an empty listing is believed
//!  memory.rs     what is remembered of each object
//! ```

mod accounts;
mod caller;
mod claim;
mod claims;
mod emptiness;
mod even_clock;
mod gate;
mod index;
mod listings;
mod memory;
mod operation;
mod queue;
mod seats;
mod stream;

pub use accounts::Accounts;
pub use caller::{Caller, access};
pub use claims::{Claims, REFUSED_FOR_GOOD};
pub use emptiness::Emptiness;
pub use gate::{Gate, Heir, Preparing, Seat};
pub use listings::{Listings, StreamKey};
#[cfg(test)]
pub use memory::Release;
pub use memory::{Memory, Remembered, Taken, Written};
pub use operation::Operation;
pub use stream::{Join, Need, Page};
