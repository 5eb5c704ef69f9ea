//! Where a deletion stands in the queue of its account.

use jiff::Timestamp;

use crate::api::{Reason, VoiceCampaign};
use crate::campaign::status;
use crate::pacing::Place;

/// The place of the next DELETE in the queue of its account.
///
/// A DELETE that failed, but for no reason of its own, counts as waiting from its last attempt on: so each
/// probe of an account in trouble is another object's.
pub fn place(object: &VoiceCampaign) -> Place {
    let requested_at = object.metadata.deletion_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
    let Some(record) = object.deletion() else { return Place::deletion(requested_at) };
    let last = record.last_attempt_at.as_ref().map_or(requested_at, |time| time.0);
    let due = record.next_attempt_at.as_ref().map_or(last, |time| time.0);
    if record.failures == 0 { Place::deletion(last) } else { Place::retry(due) }
}

/// The place of a read that a deletion waits for.
pub fn place_of_read(object: &VoiceCampaign, now: Timestamp) -> Place {
    let record = object.deletion();
    let due = record.and_then(|record| record.proof.as_ref()).map_or(now, |proof| proof.answered_at.0);
    let fresh = record.is_none_or(|record| record.failures == 0);
    if fresh { Place::proof(due) } else { Place::retry(due).of_read() }
}

/// The number of the next attempt, counted from 1.
pub fn next_attempt(object: &VoiceCampaign) -> i32 {
    object.deletion().map_or(0, |record| record.attempts).saturating_add(1)
}

/// The time within the quota of the account that status promises.
pub fn promised(object: &VoiceCampaign) -> Option<Timestamp> {
    let record = object.deletion()?;
    let waits = object.status.as_ref().map(status::reason) == Some(Reason::WaitingForQuota);
    record.next_attempt_at.as_ref().filter(|_| waits).map(|time| time.0)
}
