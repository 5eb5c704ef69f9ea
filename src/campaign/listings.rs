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
use super::even_clock::EvenClock;
use super::observed::{ListingTrouble, StreamListing};
use super::proof;
use crate::kore::{Account, CampaignKey, Failure, Identity, Listing, Progress, Reading, Target};
use crate::kube_ext::Wake;
use crate::pacing::{Charge, backoff};

/// A listing is begun when nobody has joined for so long …
const SETTLE: SignedDuration = SignedDuration::from_secs(2);
/// … or so long after the first has joined.
const LONGEST_SETTLE: SignedDuration = SignedDuration::from_secs(60);
/// A page that is on its way for so long is lost; and who waits for another's reading asks again then.
const ABANDONED: Duration = Duration::from_secs(60);
/// How long it is remembered that a campaign was listed: longer than a proof takes.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// How long our last DELETE of a campaign is remembered: longer than a listing is used.
const DELETE_REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// How often DELETEs that were sent long ago are forgotten.
const FORGOTTEN_EVERY: Duration = Duration::from_secs(60);
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
pub struct Listings {
    known: Mutex<Known>,
    wake: Arc<Wake<Watched>>,
}

struct Known {
    streams: HashMap<StreamKey, Stream>,
    deletes: Deletes,
    time: EvenClock,
}

/// When we last asked to delete each campaign, whoever's credentials that was with. After a restart nobody needs it: every
/// listing is newer.
#[derive(Default)]
struct Deletes {
    asked: HashMap<(Account, CampaignKey), Timestamp>,
    swept: Option<Instant>,
}

struct Stream {
    newest: Option<StreamListing>,
    trouble: Option<ListingTrouble>,
    /// What was read so far.
    reading: Option<Reading>,
    /// No listing is begun before: an earlier one may have been read by a clock that showed another time.
    not_before: Option<Instant>,
    /// What is being read began by such a clock.
    stale: bool,
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
pub enum Join {
    /// Somebody else does; ask again then, unless you are woken earlier.
    Others(Timestamp),
    /// Nobody: what there is to know is known, a listing or why there is none.
    Nobody,
    /// You do.
    Yours(Reading),
}

impl Listings {
    /// No listings yet; the given waker wakes whom a listing concerns.
    pub fn new(wake: Arc<Wake<Watched>>) -> Self {
        let known = Known { streams: HashMap::new(), deletes: Deletes::default(), time: EvenClock::new() };
        Self { known: Mutex::new(known), wake }
    }

    /// A DELETE of a campaign was under way at this time. What was read earlier says nothing of the campaign any more.
    pub fn deleting(&self, account: &Account, campaign: &CampaignKey, at: Timestamp) {
        let deletes = &mut self.known().deletes;
        if deletes.swept.is_none_or(|swept| swept.elapsed() > FORGOTTEN_EVERY) {
            deletes.asked.retain(|_, asked| *asked + DELETE_REMEMBERED > at);
            deletes.swept = Some(Instant::now());
        }
        deletes.asked.insert((account.clone(), campaign.clone()), at);
    }

    /// When a DELETE of a campaign was last under way.
    pub fn last_delete(&self, account: &Account, campaign: &CampaignKey) -> Option<Timestamp> {
        self.known().deletes.asked.get(&(account.clone(), campaign.clone())).copied()
    }

    /// The newest listing, as one campaign is to see it, and what keeps from a newer one.
    pub fn newest(
        &self,
        key: &StreamKey,
        campaign_id: &str,
    ) -> (Option<StreamListing>, Option<ListingTrouble>) {
        let mut known = self.known();
        let Some(stream) = known.streams.get_mut(key) else { return (None, None) };
        stream.used = Instant::now();
        let listed_at = stream.listed.get(campaign_id).copied();
        let newest = stream.newest.clone().map(|newest| StreamListing { listed_at, ..newest });
        (newest, stream.trouble.clone())
    }

    /// Joins those who wait for a listing begun at `not_before` or later; perhaps it is the caller who reads.
    pub fn join(
        &self,
        key: &StreamKey,
        target: &Target,
        uid: &str,
        object: ObjectRef<Watched>,
        (not_before, urgency): (Timestamp, Urgency),
    ) -> Join {
        let now = Timestamp::now();
        let mut known = self.known();
        known.streams.retain(|_, stream| stream.used.elapsed() < UNUSED);
        let stream = known.streams.entry(key.clone()).or_insert_with(Stream::new);
        stream.used = Instant::now();
        let at = stream.joined.entry(uid.to_owned()).or_insert(Joined { at: now, urgency, object }).at;
        // Another has read it since the caller looked.
        let known = stream.newest.as_ref().is_some_and(|newest| {
            let complete = newest.listing.is_complete() || urgency == Urgency::Observation;
            complete && newest.listing.begun_at() > not_before
        });
        if known || stream.trouble.as_ref().is_some_and(|trouble| trouble.retry_at > now) {
            stream.joined.remove(uid);
            return Join::Nobody;
        }
        let abandoned = now + SignedDuration::try_from(ABANDONED).unwrap_or_default();
        if stream.busy.is_some_and(|since| since.elapsed() < ABANDONED) {
            return Join::Others(abandoned);
        }
        let left = stream.not_before.and_then(|time| time.checked_duration_since(Instant::now()));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            return Join::Others(now + SignedDuration::try_from(left).unwrap_or_default());
        }
        // Whoever comes goes on with it as long as somebody waits for it, however slow the quota makes it: whether its
        // pages agree says whether it is whole, and not its age.
        let wanted = |reading: &Reading| stream.joined.values().any(|joined| joined.at <= reading.begun_at());
        let begun = stream.reading.take().filter(wanted);
        let reading = match (begun, urgency) {
            (Some(reading), _) => reading,
            (None, Urgency::Observation) => Reading::begin(target, &key.stream_id, now),
            (None, Urgency::Deletion) => {
                let due = stream.due().unwrap_or(now);
                if due > now {
                    // Whoever joined last looks when it is due; the others can rely on that.
                    let own = at + SETTLE;
                    return Join::Others(if own > now { own } else { due + LONGEST_SETTLE });
                }
                Reading::begin(target, &key.stream_id, now)
            }
        };
        (stream.busy, stream.stale) = (Some(Instant::now()), false);
        Join::Yours(reading)
    }

    /// The page is asked for now, after a wait for a seat.
    pub fn asks(&self, key: &StreamKey) {
        if let Some(stream) = self.known().streams.get_mut(key) {
            stream.busy = Some(Instant::now());
        }
    }

    /// The page can't be asked for now, or did not come; whoever comes next goes on from here.
    pub fn put_back(&self, key: &StreamKey, reading: Reading) {
        if let Some(stream) = self.known().streams.get_mut(key) {
            let stale = std::mem::take(&mut stream.stale);
            (stream.reading, stream.busy) = ((!stale).then_some(reading), None);
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
        let mut known = self.known();
        let Some(stream) = known.streams.get_mut(key) else { return };
        stream.busy = None;
        if std::mem::take(&mut stream.stale) {
            return;
        }
        let failure = match result {
            Ok(Progress::More(reading)) => {
                stream.reading = Some(reading);
                return;
            }
            Ok(Progress::Done(listing)) => {
                let complete = listing.is_complete();
                let listing = Arc::new(listing);
                let Doubt { suddenly_empty, to_a_stranger, unseen_namespaces } = judge(&listing);
                let begun_at = listing.begun_at();
                stream.listed.retain(|_, at| *at + REMEMBERED > now);
                stream.listed.extend(listing.ids().map(|id| (id.to_owned(), begun_at)));
                stream.newest = Some(StreamListing {
                    listing,
                    suddenly_empty,
                    to_a_stranger,
                    unseen_namespaces,
                    listed_at: None,
                });
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
        // When to come again, the clock of the account or of the credentials says, and what that waits for.
        if charge == Charge::Account && failure.is_some() {
            return;
        }
        let failures = stream.trouble.as_ref().map_or(0, |trouble| trouble.failures).saturating_add(1);
        let own = backoff(&key.stream_id, i32::try_from(failures).unwrap_or(i32::MAX));
        let asked = failure.as_ref().and_then(|failure| failure.retry_after).unwrap_or_default();
        let retry_at = now + SignedDuration::try_from(own.max(asked)).unwrap_or(SignedDuration::MAX);
        stream.trouble = Some(ListingTrouble { failure, failures, retry_at });
        stream.joined.values().for_each(|joined| self.wake.wake(joined.object.clone()));
    }

    /// An object needs no listing any more.
    pub fn forget(&self, uid: &str) {
        self.known().streams.values_mut().for_each(|stream| {
            stream.joined.remove(uid);
        });
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.time.has_jumped() {
            tracing::warn!("The machine's clock was put forward or back; the listings are read anew");
            known.deletes.asked.clear();
            known.streams.values_mut().flat_map(Stream::begin_anew).for_each(|object| self.wake.wake(object));
        }
        known
    }
}

impl Stream {
    fn new() -> Self {
        Self {
            newest: None,
            trouble: None,
            reading: None,
            not_before: None,
            stale: false,
            listed: HashMap::new(),
            busy: None,
            joined: HashMap::new(),
            used: Instant::now(),
        }
    }

    /// Forgets what was read by a clock that showed another time. The next listing keeps its distance to what may have
    /// been read before and be recorded in statuses. Returns who has to join again.
    fn begin_anew(&mut self) -> Vec<ObjectRef<Watched>> {
        let distance = Duration::try_from(proof::DISTANCE).unwrap_or_default();
        (self.newest, self.trouble, self.reading) = (None, None, None);
        self.listed.clear();
        self.stale = self.busy.is_some();
        self.not_before = Some(Instant::now() + distance);
        self.joined.drain().map(|(_, joined)| joined.object).collect()
    }

    /// When those who wait for a proof have waited enough for each other.
    fn due(&self) -> Option<Timestamp> {
        let joined = self.joined.values().filter(|joined| joined.urgency == Urgency::Deletion);
        let times: Vec<Timestamp> = joined.map(|joined| joined.at).collect();
        let (first, last) = (times.iter().min()?, times.iter().max()?);
        Some((*last + SETTLE).min(*first + LONGEST_SETTLE))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::kore::{Algorithm, Credentials, TokenSettings};

    pub fn target() -> Target {
        Target {
            account: Account::new("https://h", "a"),
            address: "https://h".into(),
            iid: None,
            timeout: Duration::from_secs(10),
            token: TokenSettings {
                algorithm: Algorithm::HS256,
                subject: "s".into(),
                ttl: Duration::from_secs(300),
            },
            credentials: Credentials { client_id: "id".into(), client_secret: "secret".into() },
        }
    }

    fn key() -> StreamKey {
        StreamKey { identity: target().identity(), credentials: 0, stream_id: "st-1".into() }
    }

    fn join(streams: &Listings, uid: &str) -> Join {
        let urgency = Urgency::Observation;
        streams.join(&key(), &target(), uid, ObjectRef::new(uid), (Timestamp::now(), urgency))
    }

    /// Whatever was read before the last DELETE of a campaign says nothing of it any more, also if the object is older.
    #[test]
    fn the_last_delete_of_a_campaign_is_remembered() {
        let streams = Listings::new(Arc::new(Wake::of(&[]).0));
        let campaign = |id: &str| CampaignKey { stream_id: "st-1".into(), campaign_id: id.into() };
        let (account, at) = (target().account, Timestamp::now());
        streams.deleting(&account, &campaign("cd-1"), at);
        assert_eq!(streams.last_delete(&account, &campaign("cd-1")), Some(at));
        assert_eq!(streams.last_delete(&account, &campaign("cd-2")), None);
        assert_eq!(streams.last_delete(&Account::new("https://h", "b"), &campaign("cd-1")), None);
    }

    /// However long the quota makes a reading take, whoever waits goes on with it; when nobody does any more, the next begins anew.
    #[test]
    fn a_reading_goes_on_as_long_as_somebody_waits_for_it() {
        let streams = Listings::new(Arc::new(Wake::of(&[]).0));
        let Join::Yours(reading) = join(&streams, "a") else { panic!() };
        let begun_at = reading.begun_at();
        std::thread::sleep(Duration::from_millis(5));
        streams.put_back(&key(), reading);
        let Join::Yours(reading) = join(&streams, "b") else { panic!() };
        assert_eq!(reading.begun_at(), begun_at, "a waits for it");
        streams.put_back(&key(), reading);
        streams.forget("a");
        streams.forget("b");
        let Join::Yours(reading) = join(&streams, "c") else { panic!() };
        assert!(reading.begun_at() > begun_at);
    }

    /// Q10: a page that did not come is asked for again; what was read before it stands.
    #[test]
    fn a_reading_outlives_a_page_that_did_not_come() {
        let streams = Listings::new(Arc::new(Wake::of(&[]).0));
        let Join::Yours(reading) = join(&streams, "a") else { panic!() };
        let begun_at = reading.begun_at();
        std::thread::sleep(Duration::from_millis(5));
        streams.put_back(&key(), reading);
        streams.read(&key(), Err(Failure::unreachable("cut")), Charge::Account, |_| Doubt::default());
        let Join::Yours(reading) = join(&streams, "a") else { panic!() };
        assert_eq!(reading.begun_at(), begun_at);
    }

    /// The machine's clock was put forward or back: what was read is read anew, and keeps its distance to what was recorded before;
    /// also what was on its way.
    #[test]
    fn a_jump_of_the_clock_begins_the_listings_anew() {
        for hours in [-12, 12] {
            let streams = Listings::new(Arc::new(Wake::of(&[]).0));
            let Join::Yours(reading) = join(&streams, "a") else { panic!() };
            streams.known.lock().unwrap().time.put_ahead(SignedDuration::from_hours(hours));
            assert!(matches!(join(&streams, "b"), Join::Others(_)), "somebody reads");
            streams.put_back(&key(), reading);
            let Join::Others(until) = join(&streams, "b") else { panic!() };
            let left = until.duration_since(Timestamp::now());
            assert!(left > SignedDuration::from_secs(9) && left <= proof::DISTANCE, "{left}");
        }
    }
}
