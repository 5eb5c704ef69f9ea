use jiff::Timestamp;
use kube::ResourceExt;

use super::decide::{Attempt, Observed, Sighting};
use super::memory::Memory;
use crate::api::VoiceCampaign;
use crate::connection::Connection;

/// What is known during one pass over one object. Filled from the cache, the memory and the effects of the pass.
pub struct Pass {
    /// The object as last seen or written.
    pub object: VoiceCampaign,
    /// Its uid.
    pub uid: String,
    /// Its connection, once it was looked up.
    pub connection: Connection,
    /// A DELETE that was answered, and is not in status yet.
    pub attempt: Option<Attempt>,
    /// A look at the living campaign that is not in status yet.
    pub sighting: Option<Sighting>,
    /// When the account's clock allows the next call, if it refused one.
    pub slot: Option<Timestamp>,
    /// When the living campaign is due to be looked at again.
    pub look_again_at: Option<Timestamp>,
    /// The API server refuses to store the status.
    pub status_refused: bool,
}

impl Pass {
    /// Begins a pass with an object from the cache; `None` if it is known to be over with.
    pub fn begin(cached: &VoiceCampaign, memory: &Memory) -> Option<Self> {
        let uid = cached.uid()?;
        let remembered = memory.recall(&uid);
        if remembered.released {
            return None;
        }
        let mut object = cached.clone();
        let attempts = |status: &crate::api::VoiceCampaignStatus| {
            status.deletion.as_ref().map_or(-1, |deletion| deletion.attempts)
        };
        // The cache lags behind our own write: an attempt that was made must not be made again.
        if let Some(written) = remembered.written
            && attempts(&written) > object.status.as_ref().map_or(-1, attempts)
        {
            object.status = Some(*written);
        }
        Some(Self {
            object,
            uid,
            connection: Connection::NotLookedUp,
            attempt: remembered.attempt,
            sighting: None,
            slot: None,
            look_again_at: remembered.look_again_at,
            status_refused: false,
        })
    }

    /// What the decision may depend on.
    pub fn observed(&self) -> Observed<'_> {
        let Self { object, uid: _, connection, attempt, sighting, slot, look_again_at, status_refused } =
            self;
        Observed {
            object,
            connection,
            attempt: attempt.as_ref(),
            sighting: sighting.as_ref(),
            slot: *slot,
            look_again_at: *look_again_at,
            status_refused: *status_refused,
        }
    }
}
