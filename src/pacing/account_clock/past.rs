//! What the statuses of an account's objects record of the time before this process.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::window::WINDOW;
use crate::pacing::breaker::{self, EarlierTrouble};
use crate::pacing::time::CLOCKS_DIFFER;

/// The longest pause that a service can ask for (`kore::MAX_RETRY_AFTER`); a later promise comes from no
/// pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(15);

/// What the statuses of an account's objects record of the time before this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past<K = String> {
    /// When calls were made.
    pub calls: Vec<Timestamp>,
    /// How many calls may have been under way at the end: nobody knows when they arrived.
    pub under_way: usize,
    /// The latest time at which something happened, as the statuses say.
    pub latest: Option<Timestamp>,
    /// The times that were promised to callers that waited for the quota.
    pub promised: Vec<Timestamp>,
    /// The pauses that the service may have asked for.
    pub pauses: Vec<Pause>,
    /// The outage of the account, if calls to it failed.
    pub outage: Option<Outage<K>>,
    /// By the name of the connection: its outage, if calls failed and its credentials are not known to have
    /// ever worked.
    pub unproven: BTreeMap<String, Outage<K>>,
    /// By the name of the connection: the refusal of its credentials.
    pub refusals: BTreeMap<String, Refusal>,
}

/// Calls failed before this process started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage<K = String> {
    since: Timestamp,
    probe: Option<Timestamp>,
    pub(super) held: BTreeSet<K>,
}

/// The service refused credentials before this process started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When it began to.
    pub since: Timestamp,
    /// When the next probe was scheduled, if it was.
    pub probe: Option<Timestamp>,
}

/// A campaign was pausing when this process started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The end of the pause.
    pub until: Timestamp,
    /// The longest backoff that the campaign can have of its own. The service asked for any longer pause.
    pub own: SignedDuration,
}

impl<K> Past<K> {
    /// Whether the clock was ahead that wrote the statuses: then the times that it promised are too late by
    /// as much.
    pub(super) fn was_ahead(&self, now: Timestamp) -> bool {
        self.latest.is_some_and(|latest| latest > now + CLOCKS_DIFFER)
    }

    /// The earliest of the promised times that show that the quota was used up within the last window.
    pub(super) fn recent_promise(&self, now: Timestamp) -> Option<Timestamp> {
        self.promised.iter().copied().filter(|promised| *promised + WINDOW > now).min()
    }

    /// The end of the pause that the service asked for, as far as campaigns that pause show it.
    pub(super) fn pause_asked_for(&self, now: Timestamp) -> Option<Timestamp> {
        let asked_for = self.pauses.iter().filter(|pause| pause.until > now + pause.own);
        asked_for.map(|pause| pause.until).filter(|until| can_be_a_pause(*until, now)).max()
    }
}

/// Whether the service can have asked for a pause that ends at this time.
pub(super) fn can_be_a_pause(until: Timestamp, now: Timestamp) -> bool {
    until <= now + LONGEST_PAUSE
}

impl<K: Ord> Outage<K> {
    /// An outage since this time. `probe` is when a caller was to probe, if one was; `held` is a caller that
    /// was held although it had not failed for a reason of its own.
    pub fn new(since: Timestamp, probe: Option<Timestamp>, held: Option<K>) -> Self {
        Self { since, probe, held: held.into_iter().collect() }
    }

    /// Merges what two statuses record of the same outage.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        self.held.extend(other.held);
        // So many show that the outage holds everybody, and there may be thousands.
        while self.held.len() > breaker::RUN {
            self.held.pop_last();
        }
        let probe = self.probe.into_iter().chain(other.probe).min();
        Self { since: self.since.min(other.since), probe, held: self.held }
    }

    /// The outage, as a breaker takes it over.
    pub(super) fn trouble(&self) -> EarlierTrouble<'_, K> {
        EarlierTrouble { since: self.since, probe_at: self.probe, held: Some(&self.held) }
    }
}

impl Refusal {
    /// The refusal, as a breaker takes it over: it holds everybody.
    pub(super) fn trouble<'a, K>(self) -> EarlierTrouble<'a, K> {
        EarlierTrouble { since: self.since, probe_at: self.probe, held: None }
    }
}
