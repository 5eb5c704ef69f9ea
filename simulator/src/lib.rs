//! The campaign API of Kore.ai as its public documents describe it, over HTTP, with a journal of every
//! request and scripted faults. For tests and demonstrations; it keeps everything in memory.
//!
//! ```text
//!  request ─▶ server.rs ─▶ api.rs: journal ─▶ faults ─▶ rate limit ─▶ auth.rs ─▶ campaigns.rs ─▶ answer
//!                 └──────▶ control.rs (/_control/…): seed, journal, faults, behaviour
//! ```
//!
//! What the documents leave open is selectable in [`Behaviour`], and says so there.

mod api;
mod auth;
mod behaviour;
mod campaigns;
mod control;
mod faults;
mod journal;
mod server;

pub use auth::App;
pub use behaviour::{Behaviour, DeletionMode, UnknownCampaign};
pub use campaigns::CampaignKey;
pub use faults::{Fault, Operation, Outcome, When};
pub use journal::Entry;
pub use server::Simulator;
