//! The listings of each stream, shared by all its campaigns: who reads the next one, and who is told when it is there.
//!
//! A proof needs a listing that is begun after a certain moment; a thousand proofs can share one. So whoever needs one
//! joins first; when nobody has joined for a while, one of them begins to read, a page at a time, and the others are woken
//! when it is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;

use super::context::Watched;
use super::decide::Urgency;
use super::emptiness::Doubt;
use super::observed::{ListingTrouble, StreamListing};
use crate::kore::{Failure, Identity, Listing, Progress, Reading, Target};
use crate::kube_ext::Wake;
use crate::pacing::{Charge, MIN_BACKOFF, backoff};

/// A listing is begun when nobody has joined for so long …
const SETTLE: SignedDuration = SignedDuration::from_secs(2);
/// … or so long after the first has joined.
const LONGEST_SETTLE: SignedDuration = SignedDuration::from_secs(60);
/// What has not been taken further for so long is begun anew; and who waits for another's reading asks again then.
const ABANDONED: Duration = Duration::from_secs(60);
/// How long it is remembered that a campaign was listed: longer than a proof takes.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// A stream that nobody has asked for in this time is forgotten.
const UNUSED: Duration = Duration::from_secs(3600);

/// A stream, as seen by one identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamKey {
    /// As whom it is listed.
    pub identity: Identity,
    /// Whoever does not have the same secret has no part in what it shows.
    pub credentials: u64,
    /// The stream.
    pub stream_id: String,
}

/// The listings of all streams.
pub struct Streams {
    streams: Mutex<HashMap<StreamKey, Stream>>,
    wake: Arc<Wake<Watched>>,
}

struct Stream {
    newest: Option<StreamListing>,
    trouble: Option<ListingTrouble>,
    /// What was read so far, and when the last page of it was.
    reading: Option<(Reading, Instant)>,
    /// When each campaign was last in a listing.
    listed: HashMap<String, Timestamp>,
    /// Since when a page is on its way.
    busy: Option<Instant>,
    /// Who waits, by uid.
    joined: HashMap<String, Joined>,
    used: Instant,
}

struct Joined {
    at: Timestamp,
    urgency: Urgency,
    object: ObjectRef<Watched>,
}

/// Who reads the next page.
pub enum Turn {
    /// Somebody else does; ask again then, unless you are woken earlier.
    Others(Timestamp),
    /// Nobody: what there is to know is known, a listing or why there is none.
    Nobody,
    /// You do.
    Yours(Reading),
}

impl Streams {
    /// No listings yet; the given waker wakes whom a listing concerns.
    pub fn new(wake: Arc<Wake<Watched>>) -> Self {
        Self { streams: Mutex::default(), wake }
    }

    /// The newest listing, as one campaign is to see it, and what keeps from a newer one.
    pub fn newest(
        &self,
        key: &StreamKey,
        campaign_id: &str,
    ) -> (Option<StreamListing>, Option<ListingTrouble>) {
        let mut streams = self.streams();
        let Some(stream) = streams.get_mut(key) else { return (None, None) };
        stream.used = Instant::now();
        let listed_at = stream.listed.get(campaign_id).copied();
        let newest = stream.newest.clone().map(|newest| StreamListing { listed_at, ..newest });
        // A clock that was put back: what seems to come from the future may be old.
        let latest = Timestamp::now() + SignedDuration::from_secs(1);
        (newest.filter(|newest| newest.listing.begun_at() <= latest), stream.trouble.clone())
    }

    /// Joins those who wait for a listing begun at `not_before` or later; perhaps it is the caller who reads.
    pub fn join(
        &self,
        key: &StreamKey,
        target: &Target,
        uid: &str,
        object: ObjectRef<Watched>,
        (not_before, urgency): (Timestamp, Urgency),
    ) -> Turn {
        let now = Timestamp::now();
        let mut streams = self.streams();
        streams.retain(|_, stream| stream.used.elapsed() < UNUSED);
        let stream = streams.entry(key.clone()).or_insert_with(Stream::new);
        stream.used = Instant::now();
        let at = stream.joined.entry(uid.to_owned()).or_insert(Joined { at: now, urgency, object }).at;
        // Another has read it since the caller looked.
        let known = stream.newest.as_ref().is_some_and(|newest| {
            let complete = newest.listing.is_complete() || urgency == Urgency::Observation;
            complete && newest.listing.begun_at() > not_before
        });
        if known || stream.trouble.as_ref().is_some_and(|trouble| trouble.retry_at > now) {
            stream.joined.remove(uid);
            return Turn::Nobody;
        }
        let abandoned = now + SignedDuration::try_from(ABANDONED).unwrap_or_default();
        if stream.busy.is_some_and(|since| since.elapsed() < ABANDONED) {
            return Turn::Others(abandoned);
        }
        // Whoever comes goes on with it, even if it is too old for himself: others wait for it.
        let begun = stream.reading.take().filter(|(_, at)| at.elapsed() < ABANDONED);
        let reading = match (begun, urgency) {
            (Some((reading, _)), _) => reading,
            (None, Urgency::Observation) => Reading::begin(target, &key.stream_id, now),
            (None, Urgency::Deletion) => {
                let due = stream.due().unwrap_or(now);
                if due > now {
                    // Whoever joined last looks when it is due; the others can rely on that.
                    let own = at + SETTLE;
                    return Turn::Others(if own > now { own } else { due + LONGEST_SETTLE });
                }
                Reading::begin(target, &key.stream_id, now)
            }
        };
        stream.busy = Some(Instant::now());
        Turn::Yours(reading)
    }

    /// The page can't be asked for now; whoever comes next goes on from here.
    pub fn put_back(&self, key: &StreamKey, reading: Reading) {
        if let Some(stream) = self.streams().get_mut(key) {
            (stream.reading, stream.busy) = (Some((reading, Instant::now())), None);
        }
    }

    /// A page was read. `judge` says what there is to doubt of a listing, and remembers what it shows.
    pub fn read(
        &self,
        key: &StreamKey,
        result: Result<Progress, Failure>,
        charge: Charge,
        judge: impl FnOnce(&Arc<Listing>) -> Doubt,
    ) {
        let now = Timestamp::now();
        let mut streams = self.streams();
        let Some(stream) = streams.get_mut(key) else { return };
        stream.busy = None;
        let failure = match result {
            Ok(Progress::More(reading)) => {
                stream.reading = Some((reading, Instant::now()));
                return;
            }
            Ok(Progress::Done(listing)) => {
                let complete = listing.is_complete();
                let listing = Arc::new(listing);
                let Doubt { suddenly_empty, to_a_stranger } = judge(&listing);
                let begun_at = listing.begun_at();
                stream.listed.retain(|_, at| *at + REMEMBERED > now);
                stream.listed.extend(listing.ids().map(|id| (id.to_owned(), begun_at)));
                stream.newest =
                    Some(StreamListing { listing, suddenly_empty, to_a_stranger, listed_at: None });
                if complete {
                    stream.trouble = None;
                    // Those who joined too late for it begin the next.
                    stream.joined.values().for_each(|joined| self.wake.wake(joined.object.clone()));
                    stream
                        .joined
                        .retain(|_, joined| joined.urgency == Urgency::Deletion && joined.at > begun_at);
                    return;
                }
                None
            }
            Err(failure) => Some(failure),
        };
        let failures = stream.trouble.as_ref().map_or(0, |trouble| trouble.failures).saturating_add(1);
        let own = match charge {
            Charge::Campaign => backoff(&key.stream_id, i32::try_from(failures).unwrap_or(i32::MAX)),
            // Its clock says when.
            Charge::Account => MIN_BACKOFF,
        };
        let asked = failure.as_ref().and_then(|failure| failure.retry_after).unwrap_or_default();
        let retry_at = now + SignedDuration::try_from(own.max(asked)).unwrap_or(SignedDuration::MAX);
        stream.trouble = Some(ListingTrouble { failure, failures, retry_at });
        stream.joined.values().for_each(|joined| self.wake.wake(joined.object.clone()));
    }

    /// An object needs no listing any more.
    pub fn forget(&self, uid: &str) {
        self.streams().values_mut().for_each(|stream| {
            stream.joined.remove(uid);
        });
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<StreamKey, Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    fn new() -> Self {
        Self {
            newest: None,
            trouble: None,
            reading: None,
            listed: HashMap::new(),
            busy: None,
            joined: HashMap::new(),
            used: Instant::now(),
        }
    }

    /// When those who wait for a proof have waited enough for each other.
    fn due(&self) -> Option<Timestamp> {
        let joined = self.joined.values().filter(|joined| joined.urgency == Urgency::Deletion);
        let times: Vec<Timestamp> = joined.map(|joined| joined.at).collect();
        let (first, last) = (times.iter().min()?, times.iter().max()?);
        Some((*last + SETTLE).min(*first + LONGEST_SETTLE))
    }
}
