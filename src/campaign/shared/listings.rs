//! The listings of each stream, shared by all its campaigns: who reads the next one, and who is woken when it
//! is there.
//!
//! A proof needs a listing that begins after a certain moment; a thousand proofs can share one. So an object
//! that needs a listing joins first; when nobody has joined for a while, one of them begins to read, a page
//! at a time, and the others are woken when the listing is complete.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::emptiness::Doubt;
use super::even_clock::EvenClock;
use super::stream::{Era, Join, Need, Page, Stream};
use crate::campaign::Watched;
use crate::campaign::evidence::{ListingTrouble, StreamListing};
use crate::kore::{Account, CampaignKey, Failure, Identity, Listing, Progress, Target};
use crate::kube_ext::Wake;
use crate::pacing::Charge;

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
    /// A hash of the credentials: another secret has no part in what this one shows.
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
    streams: HashMap<StreamKey, Used>,
    deletes: Deletes,
    time: EvenClock,
}

struct Used {
    stream: Stream,
    at: Instant,
}

/// When we last asked to delete each campaign, with whatever credentials. After a restart nobody needs it:
/// every listing is newer.
#[derive(Default)]
struct Deletes {
    asked: HashMap<(Account, CampaignKey), Timestamp>,
    swept: Option<Instant>,
}

impl Listings {
    /// No listings yet; the waker wakes the objects that a listing concerns.
    pub fn new(wake: Arc<Wake<Watched>>) -> Self {
        let known = Known { streams: HashMap::new(), deletes: Deletes::default(), time: EvenClock::new() };
        Self { known: Mutex::new(known), wake }
    }

    /// A DELETE of a campaign was under way at this time. What was read earlier says nothing of the campaign
    /// any more.
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

    /// The newest listing, as one campaign is to see it, and why there is no newer one.
    pub fn newest(
        &self,
        key: &StreamKey,
        campaign_id: &str,
    ) -> (Option<StreamListing>, Option<ListingTrouble>) {
        let mut known = self.known();
        let Some(used) = known.streams.get_mut(key) else { return (None, None) };
        used.at = Instant::now();
        used.stream.newest(campaign_id)
    }

    /// Joins those who need a listing; perhaps it is the caller who reads its next page.
    pub fn join(&self, key: &StreamKey, target: &Target, need: Need<'_>) -> Join {
        let mut known = self.known();
        known.streams.retain(|_, used| used.at.elapsed() < UNUSED);
        let new = || Used { stream: Stream::new(), at: Instant::now() };
        let used = known.streams.entry(key.clone()).or_insert_with(new);
        used.at = Instant::now();
        used.stream.join(need, target, &key.stream_id, Timestamp::now())
    }

    /// The page is asked for now, after a wait for a seat.
    pub fn asks(&self, key: &StreamKey) {
        self.with_stream(key, Stream::asks);
    }

    /// The page can't be asked for now, or did not come; the next object goes on from here.
    pub fn put_back(&self, key: &StreamKey, page: Page) {
        self.with_stream(key, |stream| stream.put_back(page));
    }

    /// A page was read. `judge` says what there is to doubt of a listing, and remembers what it shows.
    pub fn read(
        &self,
        key: &StreamKey,
        era: Era,
        result: Result<Progress, Failure>,
        charge: Charge,
        judge: impl FnOnce(&Arc<Listing>) -> Doubt,
    ) {
        let now = Timestamp::now();
        let woken = self.with_stream(key, |stream| {
            if !stream.answered(era) {
                return Vec::new();
            }
            match result {
                Ok(Progress::More(reading)) => {
                    stream.pause(reading);
                    Vec::new()
                }
                Ok(Progress::Done(listing)) => {
                    let listing = Arc::new(listing);
                    let doubt = judge(&listing);
                    let complete = listing.is_complete();
                    let woken = stream.finish(listing, doubt, now);
                    if complete { woken } else { stream.fail(None, &key.stream_id, now) }
                }
                // When to come again, the clock of the account or of the credentials says, and what that
                // waits for.
                Err(_) if charge == Charge::Account => Vec::new(),
                Err(failure) => stream.fail(Some(failure), &key.stream_id, now),
            }
        });
        woken.into_iter().flatten().for_each(|object| self.wake.wake(object));
    }

    /// An object needs no listing any more.
    pub fn forget(&self, uid: &str) {
        self.known().streams.values_mut().for_each(|used| used.stream.forget(uid));
    }

    fn with_stream<T>(&self, key: &StreamKey, change: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        self.known().streams.get_mut(key).map(|used| change(&mut used.stream))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.time.has_jumped() {
            tracing::warn!("The machine's clock was put forward or back; the listings are read again");
            known.deletes.asked.clear();
            let streams = known.streams.values_mut();
            let woken = streams.flat_map(|used| used.stream.begin_anew());
            woken.for_each(|object| self.wake.wake(object));
        }
        known
    }
}

#[cfg(test)]
pub mod tests {
    use kube::runtime::reflector::ObjectRef;

    use super::*;
    use crate::campaign::decide::Urgency;
    use crate::campaign::evidence::proof;
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

    fn join(listings: &Listings, uid: &str) -> Join {
        let (object, not_before) = (ObjectRef::new(uid), Timestamp::now());
        let need = Need { uid, object, not_before, urgency: Urgency::Observation };
        listings.join(&key(), &target(), need)
    }

    /// A listing from before the last DELETE of a campaign says nothing of it any more, also if the object is
    /// older.
    #[test]
    fn the_last_delete_of_a_campaign_is_remembered() {
        let listings = Listings::new(Arc::new(Wake::of(&[]).0));
        let campaign = |id: &str| CampaignKey { stream_id: "st-1".into(), campaign_id: id.into() };
        let (account, at) = (target().account, Timestamp::now());
        listings.deleting(&account, &campaign("cd-1"), at);
        assert_eq!(listings.last_delete(&account, &campaign("cd-1")), Some(at));
        assert_eq!(listings.last_delete(&account, &campaign("cd-2")), None);
        assert_eq!(listings.last_delete(&Account::new("https://h", "b"), &campaign("cd-1")), None);
    }

    /// A reading goes on as long as an object waits for it, however slow the quota makes it; after that, the
    /// next one begins again.
    #[test]
    fn a_reading_goes_on_as_long_as_somebody_waits_for_it() {
        let listings = Listings::new(Arc::new(Wake::of(&[]).0));
        let Join::Yours(page) = join(&listings, "a") else { panic!() };
        let begun_at = page.reading.begun_at();
        std::thread::sleep(Duration::from_millis(5));
        listings.put_back(&key(), page);
        let Join::Yours(page) = join(&listings, "b") else { panic!() };
        assert_eq!(page.reading.begun_at(), begun_at, "a waits for it");
        listings.put_back(&key(), page);
        listings.forget("a");
        listings.forget("b");
        let Join::Yours(page) = join(&listings, "c") else { panic!() };
        assert!(page.reading.begun_at() > begun_at);
    }

    /// Q10: the next object asks for a page that did not come; the pages before it still count.
    #[test]
    fn a_reading_outlives_a_page_that_did_not_come() {
        let listings = Listings::new(Arc::new(Wake::of(&[]).0));
        let Join::Yours(page) = join(&listings, "a") else { panic!() };
        let (begun_at, era) = (page.reading.begun_at(), page.era);
        std::thread::sleep(Duration::from_millis(5));
        listings.put_back(&key(), page);
        listings.read(&key(), era, Err(Failure::unreachable("cut")), Charge::Account, |_| Doubt::default());
        let Join::Yours(page) = join(&listings, "a") else { panic!() };
        assert_eq!(page.reading.begun_at(), begun_at);
    }

    /// After the machine's clock was put forward or back, listings are read again, also one that was on its
    /// way; and they keep their distance to what statuses recorded before.
    #[test]
    fn a_jump_of_the_clock_begins_the_listings_anew() {
        for hours in [-12, 12] {
            let listings = Listings::new(Arc::new(Wake::of(&[]).0));
            let Join::Yours(page) = join(&listings, "a") else { panic!() };
            listings.known.lock().unwrap().time.put_ahead(SignedDuration::from_hours(hours));
            assert!(matches!(join(&listings, "b"), Join::Others(_)), "somebody reads");
            listings.put_back(&key(), page);
            let Join::Others(until) = join(&listings, "b") else { panic!() };
            let left = until.duration_since(Timestamp::now());
            assert!(left > SignedDuration::from_secs(9) && left <= proof::DISTANCE, "{left}");
        }
    }
}
