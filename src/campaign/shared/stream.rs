//! The listings of one stream: who needs the next one, who reads it, and what the newest one says.
//!
//! ```text
//!   Idle ──(an object joins; deletions settle for 2 s)──▶ OnItsWay ──(page read, more to come)──▶ Paused
//!    ▲                                                   │      ▲                                   │
//!    └──(last page read, or the read failed)─────────────┘      └────(the next object goes on)──────┘
//! ```

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;

use super::emptiness::Doubt;
use crate::campaign::Watched;
use crate::campaign::decide::Urgency;
use crate::campaign::evidence::{ListingTrouble, StreamListing, proof};
use crate::kore::{Failure, Listing, Reading, Target};
use crate::pacing::backoff;

/// A listing begins when nobody has joined for so long …
const SETTLE: SignedDuration = SignedDuration::from_secs(2);
/// … or so long after the first has joined.
const LONGEST_SETTLE: SignedDuration = SignedDuration::from_secs(60);
/// A page that is on its way for so long is lost; an object that waits for another's reading asks again then.
const ABANDONED: Duration = Duration::from_secs(60);
/// How long a stream remembers that a campaign was listed: longer than a proof takes.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// One stream, as one identity sees it.
pub struct Stream {
    newest: Option<StreamListing>,
    trouble: Option<ListingTrouble>,
    state: State,
    /// How often the machine's clock has jumped: what was begun before the last jump is dropped.
    era: Era,
    /// No listing begins before: an earlier one may have been read by a clock that showed another time.
    not_before: Option<Instant>,
    /// When each campaign was last in a listing.
    listed: HashMap<String, Timestamp>,
    /// Who waits for the next listing, by uid.
    members: HashMap<String, Member>,
}

/// How far the next listing has come.
enum State {
    /// Nobody reads.
    Idle,
    /// The pages so far are read; the next object asks for the next page.
    Paused(Reading),
    /// A page is on its way.
    OnItsWay { since: Instant },
}

struct Member {
    joined_at: Timestamp,
    urgency: Urgency,
    object: ObjectRef<Watched>,
}

/// Who needs a listing, and which.
pub struct Need<'a> {
    /// The uid of the object.
    pub uid: &'a str,
    /// The object, to be woken when the listing is there.
    pub object: ObjectRef<Watched>,
    /// The listing begins at this time or later.
    pub not_before: Timestamp,
    /// Whether it may wait.
    pub urgency: Urgency,
}

/// Who reads the next page.
pub enum Join {
    /// Somebody else does; ask again then, unless you are woken earlier.
    Others(Timestamp),
    /// Nobody: what there is to know is known, a listing or why there is none.
    Nobody,
    /// You do.
    Yours(Page),
}

/// The right to ask for the next page.
pub struct Page {
    /// The pages so far.
    pub reading: Reading,
    /// When the listing began, in jumps of the clock.
    pub era: Era,
}

/// A time between two jumps of the machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Era(u64);

impl Stream {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self {
            newest: None,
            trouble: None,
            state: State::Idle,
            era: Era(0),
            not_before: None,
            listed: HashMap::new(),
            members: HashMap::new(),
        }
    }

    /// The newest listing, as one campaign is to see it, and why there is no newer one.
    pub fn newest(&self, campaign_id: &str) -> (Option<StreamListing>, Option<ListingTrouble>) {
        let listed_at = self.listed.get(campaign_id).copied();
        let newest = self.newest.clone().map(|newest| StreamListing { listed_at, ..newest });
        (newest, self.trouble.clone())
    }

    /// Joins those who need a listing; perhaps it is the caller who reads its next page.
    pub fn join(&mut self, need: Need<'_>, target: &Target, stream_id: &str, now: Timestamp) -> Join {
        let Need { uid, object, not_before, urgency } = need;
        let member = self.members.entry(uid.to_owned());
        let joined_at = member.or_insert(Member { joined_at: now, urgency, object }).joined_at;
        if self.has_answer(not_before, urgency, now) {
            self.members.remove(uid);
            return Join::Nobody;
        }
        if let Some(until) = self.reserved_until(now) {
            return Join::Others(until);
        }
        let reading = match self.take_paused() {
            Some(reading) => reading,
            None => {
                if let Some(until) = self.settles_until(joined_at, urgency, now) {
                    return Join::Others(until);
                }
                Reading::begin(target, stream_id, now)
            }
        };
        self.state = State::OnItsWay { since: Instant::now() };
        Join::Yours(Page { reading, era: self.era })
    }

    /// Whether the newest listing, which another object may just have read, is what the caller needs; or
    /// listings fail for now.
    fn has_answer(&self, not_before: Timestamp, urgency: Urgency, now: Timestamp) -> bool {
        let is_known = self.newest.as_ref().is_some_and(|newest| {
            let complete = newest.listing.is_complete() || urgency == Urgency::Observation;
            complete && newest.listing.begun_at() > not_before
        });
        is_known || self.trouble.as_ref().is_some_and(|trouble| trouble.retry_at > now)
    }

    /// Until when nobody else may ask for a page: one is on its way, or the clock has jumped.
    fn reserved_until(&self, now: Timestamp) -> Option<Timestamp> {
        if let State::OnItsWay { since } = self.state
            && since.elapsed() < ABANDONED
        {
            return Some(later(now, ABANDONED));
        }
        let left = self.not_before?.checked_duration_since(Instant::now())?;
        (!left.is_zero()).then(|| later(now, left))
    }

    /// The listing that was begun, if somebody still waits for it.
    ///
    /// However slow the quota makes it: whether its pages agree says whether it is whole, and not its age.
    fn take_paused(&mut self) -> Option<Reading> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Paused(reading) => {
                let is_wanted = self.members.values().any(|member| member.joined_at <= reading.begun_at());
                is_wanted.then_some(reading)
            }
            // A page that is on its way stays so: who asked for it may only have waited long for a seat.
            other @ (State::Idle | State::OnItsWay { .. }) => {
                self.state = other;
                None
            }
        }
    }

    /// Until when those who wait for a proof wait for each other, if they do.
    fn settles_until(&self, joined_at: Timestamp, urgency: Urgency, now: Timestamp) -> Option<Timestamp> {
        if urgency == Urgency::Observation {
            return None;
        }
        let deletions = self.members.values().filter(|member| member.urgency == Urgency::Deletion);
        let times: Vec<Timestamp> = deletions.map(|member| member.joined_at).collect();
        let (first, last) = (times.iter().min()?, times.iter().max()?);
        let due = (*last + SETTLE).min(*first + LONGEST_SETTLE);
        // The last to join comes back when the listing is due; the others can rely on that.
        let own = joined_at + SETTLE;
        (due > now).then(|| if own > now { own } else { due + LONGEST_SETTLE })
    }

    /// The page is asked for now, after a wait for a seat.
    pub fn asks(&mut self) {
        if !matches!(self.state, State::Paused(_)) {
            self.state = State::OnItsWay { since: Instant::now() };
        }
    }

    /// The page can't be asked for now, or did not come; the next object goes on from here.
    pub fn put_back(&mut self, page: Page) {
        self.release();
        if page.era == self.era {
            self.state = State::Paused(page.reading);
        }
    }

    /// A page is answered. Returns whether its content counts: not, if the clock has jumped since its listing
    /// began.
    pub fn answered(&mut self, era: Era) -> bool {
        self.release();
        era == self.era
    }

    fn release(&mut self) {
        if let State::OnItsWay { .. } = self.state {
            self.state = State::Idle;
        }
    }

    /// There are more pages.
    pub fn pause(&mut self, reading: Reading) {
        self.state = State::Paused(reading);
    }

    /// The last page is read. Returns whom to wake, if the listing is complete.
    pub fn finish(&mut self, listing: Arc<Listing>, doubt: Doubt, now: Timestamp) -> Vec<ObjectRef<Watched>> {
        let (begun_at, complete) = (listing.begun_at(), listing.is_complete());
        let Doubt { suddenly_empty, to_a_stranger, unseen_namespaces } = doubt;
        self.listed.retain(|_, at| *at + REMEMBERED > now);
        self.listed.extend(listing.ids().map(|id| (id.to_owned(), begun_at)));
        self.newest = Some(StreamListing {
            listing,
            suddenly_empty,
            to_a_stranger,
            unseen_namespaces,
            listed_at: None,
        });
        if !complete {
            return Vec::new();
        }
        self.trouble = None;
        let woken = self.objects();
        // Those who joined too late for it begin the next.
        self.members.retain(|_, member| member.urgency == Urgency::Deletion && member.joined_at > begun_at);
        woken
    }

    /// The listing failed, or its pages do not add up (`None`). Returns whom to wake.
    pub fn fail(
        &mut self,
        failure: Option<Failure>,
        stream_id: &str,
        now: Timestamp,
    ) -> Vec<ObjectRef<Watched>> {
        let failures = self.trouble.as_ref().map_or(0, |trouble| trouble.failures).saturating_add(1);
        let own = backoff(stream_id, i32::try_from(failures).unwrap_or(i32::MAX));
        let asked = failure.as_ref().and_then(|failure| failure.retry_after).unwrap_or_default();
        self.trouble = Some(ListingTrouble { failure, failures, retry_at: later(now, own.max(asked)) });
        self.objects()
    }

    /// An object needs no listing any more.
    pub fn forget(&mut self, uid: &str) {
        self.members.remove(uid);
    }

    /// Drops what was read by a clock that showed another time. The next listing keeps its distance to those
    /// that statuses may have recorded before. Returns the objects that have to join again.
    pub fn begin_anew(&mut self) -> Vec<ObjectRef<Watched>> {
        let distance = Duration::try_from(proof::DISTANCE).unwrap_or_default();
        (self.newest, self.trouble) = (None, None);
        self.listed.clear();
        self.era.0 += 1;
        if let State::Paused(_) = self.state {
            self.state = State::Idle;
        }
        self.not_before = Some(Instant::now() + distance);
        self.members.drain().map(|(_, member)| member.object).collect()
    }

    fn objects(&self) -> Vec<ObjectRef<Watched>> {
        self.members.values().map(|member| member.object.clone()).collect()
    }
}

fn later(time: Timestamp, pause: Duration) -> Timestamp {
    time + SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::shared::listings::tests::target;

    fn join(stream: &mut Stream, uid: &str, urgency: Urgency) -> Join {
        let (object, not_before) = (ObjectRef::new(uid), Timestamp::now());
        stream.join(Need { uid, object, not_before, urgency }, &target(), "st-1", Timestamp::now())
    }

    /// What was begun before the clock jumped never counts, however long its page waited for a seat, and
    /// whoever has joined or read meanwhile.
    #[test]
    fn a_page_of_another_era_does_not_count() {
        for urgency in [Urgency::Deletion, Urgency::Observation] {
            let mut stream = Stream::new();
            let Join::Yours(page) = join(&mut stream, "a", Urgency::Observation) else { panic!() };
            stream.begin_anew();
            // The page is given up, and the distance to what was read before is over.
            stream.state = State::OnItsWay { since: Instant::now() - ABANDONED };
            stream.not_before = None;
            let joined = join(&mut stream, "b", urgency);
            assert_eq!(matches!(joined, Join::Yours(_)), urgency == Urgency::Observation);
            stream.asks();
            assert!(!stream.answered(page.era));
            if let Join::Yours(other) = joined {
                assert!(stream.answered(other.era));
            }
        }
    }

    /// An object that only waits does not take the page of another.
    #[test]
    fn a_page_that_is_given_up_is_reserved_again_when_it_is_asked_for() {
        let mut stream = Stream::new();
        let Join::Yours(page) = join(&mut stream, "a", Urgency::Observation) else { panic!() };
        stream.state = State::OnItsWay { since: Instant::now() - ABANDONED };
        stream.forget("a");
        assert!(matches!(join(&mut stream, "b", Urgency::Deletion), Join::Others(_)), "it settles");
        stream.asks();
        let late = Timestamp::now() + SETTLE + SETTLE;
        let need =
            Need { uid: "b", object: ObjectRef::new("b"), not_before: late, urgency: Urgency::Deletion };
        assert!(matches!(stream.join(need, &target(), "st-1", late), Join::Others(_)), "it is on its way");
        assert!(stream.answered(page.era));
    }
}
