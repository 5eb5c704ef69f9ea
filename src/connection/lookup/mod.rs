//! Looks up the connection of a campaign, its credentials, and what is known of both.
//!
//! ```text
//!   connections.rs  what the controllers ask for
//!     ├─▶ cache.rs        the watched KoreConnections: which is this instance's, which accounts are one
//!     ├─▶ credentials.rs  Secrets by name, kept for seconds
//!     ├─▶ verdicts.rs     whether Kore accepted the credentials
//!     ├─▶ streams.rs      streams with campaigns that no VoiceCampaign names
//!     └─▶ asking.rs       the deletions that wait for a brake
//! ```

mod asking;
mod cache;
mod connections;
mod credentials;
mod streams;
mod verdicts;

pub use connections::{Connections, Overview, Standing};
pub use credentials::CREDENTIALS_LIFE;
