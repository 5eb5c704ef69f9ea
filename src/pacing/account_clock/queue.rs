//! The callers that wait: their places and their order, who has a turn, and when the others come again.

use std::collections::BTreeMap;
use std::ops::Index;

use jiff::{SignedDuration, Timestamp};

use super::place::{Place, Rank};

/// Callers this late for their slot are dropped from the queue.
const LOST: SignedDuration = SignedDuration::from_secs(60);
/// How long a caller that may call can wait for a seat: as long as a pass may take.
const WAITS_FOR_A_SEAT: SignedDuration = SignedDuration::from_mins(5);

/// The callers that wait for one account, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Queue<K, W> {
    pub(super) waiting: Vec<Waiting<K, W>>,
    places: BTreeMap<K, Place>,
    /// How many callers may call and have not begun.
    pub(super) unused_turns: usize,
}

/// A caller in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Waiting<K, W> {
    pub place: Place,
    pub caller: K,
    /// What it calls with, if that is known.
    pub with: Option<W>,
    /// The time that it was promised.
    pub promised: Option<Timestamp>,
    /// When it comes again.
    pub expected: Timestamp,
    /// The quota that it named last, in calls a minute.
    pub quota: usize,
    /// Whether it may call, and has not begun.
    pub has_turn: bool,
}

impl<K, W> Default for Queue<K, W> {
    fn default() -> Self {
        Self { waiting: Vec::new(), places: BTreeMap::new(), unused_turns: 0 }
    }
}

impl<K, W> Index<usize> for Queue<K, W> {
    type Output = Waiting<K, W>;

    fn index(&self, rank: usize) -> &Self::Output {
        &self.waiting[rank]
    }
}

/// Places: who stands where.
impl<K: Ord + Clone, W> Queue<K, W> {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn get(&self, rank: usize) -> Option<&Waiting<K, W>> {
        self.waiting.get(rank)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Waiting<K, W>> {
        self.waiting.iter()
    }

    /// The caller's place, if it waits.
    pub fn place(&self, caller: &K) -> Option<Place> {
        self.places.get(caller).copied()
    }

    /// The caller's position in the queue, if it waits.
    pub fn rank(&self, caller: &K) -> Option<usize> {
        let place = self.places.get(caller)?;
        self.waiting.binary_search_by(|other| (other.place, &other.caller).cmp(&(*place, caller))).ok()
    }

    /// How many callers stand in front that want a diagnostic read, or go before all others.
    pub fn diagnostic_reads(&self) -> usize {
        self.waiting.partition_point(|waiting| waiting.place.rank <= Rank::Diagnostic)
    }

    /// Lets a caller wait, and returns its rank. A caller that has a place keeps the better of the two; if
    /// its place improves, its promise is forgotten. A turn is kept.
    pub fn join(&mut self, caller: &K, place: Place, quota: usize, now: Timestamp) -> usize {
        let known = self.place(caller);
        let place = known.map_or(place, |known| place.or_better(known));
        if known == Some(place)
            && let Some(rank) = self.rank(caller)
        {
            return rank;
        }
        let improves = known.is_none_or(|known| place.is_before(known));
        let waiting = match self.remove(caller) {
            Some(waited) if improves => Waiting { place, promised: None, expected: now, ..waited },
            Some(waited) => Waiting { place, ..waited },
            None => Waiting {
                place,
                caller: caller.clone(),
                with: None,
                promised: None,
                expected: now,
                quota,
                has_turn: false,
            },
        };
        self.insert(waiting)
    }

    fn insert(&mut self, waiting: Waiting<K, W>) -> usize {
        let Waiting { place, ref caller, has_turn, .. } = waiting;
        let rank = self.waiting.partition_point(|other| (other.place, &other.caller) < (place, caller));
        self.places.insert(caller.clone(), place);
        self.unused_turns += usize::from(has_turn);
        self.waiting.insert(rank, waiting);
        rank
    }

    /// Takes a caller out of the queue.
    pub fn remove(&mut self, caller: &K) -> Option<Waiting<K, W>> {
        let gone = self.waiting.remove(self.rank(caller)?);
        self.unused_turns -= usize::from(gone.has_turn);
        self.places.remove(caller);
        Some(gone)
    }

    /// Takes the callers out of the queue that `leaves` returns true for, given their rank.
    pub fn extract(&mut self, mut leaves: impl FnMut(usize, &Waiting<K, W>) -> bool) -> Vec<Waiting<K, W>> {
        let Self { waiting, places, unused_turns } = self;
        let mut next_rank = 0;
        let gone = waiting.extract_if(.., |waiting| {
            let rank = next_rank;
            next_rank += 1;
            leaves(rank, waiting)
        });
        let gone = gone.inspect(|waiting| {
            places.remove(&waiting.caller);
            *unused_turns -= usize::from(waiting.has_turn);
        });
        gone.collect()
    }

    /// What the caller at this rank calls with.
    pub fn set_with(&mut self, rank: usize, with: &W)
    where
        W: Clone + PartialEq,
    {
        let known = &mut self.waiting[rank].with;
        if known.as_ref() != Some(with) {
            *known = Some(with.clone());
        }
    }
}

impl<K, W> Waiting<K, W> {
    /// Whether the caller is too late for its slot.
    pub fn is_lost(&self, now: Timestamp) -> bool {
        self.expected + LOST <= now
    }
}

/// Turns: who may call, and when the others come again.
impl<K: Ord + Clone, W> Queue<K, W> {
    pub fn set_quota(&mut self, rank: usize, quota: usize) {
        self.waiting[rank].quota = quota;
    }

    /// Expects the caller at this rank at the given time.
    pub fn expect(&mut self, rank: usize, at: Timestamp) {
        self.waiting[rank].expected = at;
    }

    /// The status of the caller at this rank promises it a time.
    pub fn recall(&mut self, rank: usize, promised: Timestamp) {
        self.waiting[rank].promised = Some(promised);
    }

    /// Lets the caller at this rank call. It may have to wait for a seat first.
    pub fn give_turn(&mut self, rank: usize, now: Timestamp) {
        self.waiting[rank].expected = now + WAITS_FOR_A_SEAT;
        self.set_turn(rank, true);
    }

    /// Holds the caller at this rank until the given time, without a promise.
    pub fn hold(&mut self, rank: usize, until: Timestamp) {
        self.set_turn(rank, false);
        let waiting = &mut self.waiting[rank];
        (waiting.promised, waiting.expected) = (None, until);
    }

    pub(super) fn set_turn(&mut self, rank: usize, has_turn: bool) {
        let known = &mut self.waiting[rank].has_turn;
        self.unused_turns -= usize::from(*known);
        self.unused_turns += usize::from(has_turn);
        *known = has_turn;
    }
}

#[cfg(test)]
impl<K: Ord + Clone, W> Queue<K, W> {
    /// Whether the order, the index of places and the count of turns agree.
    pub fn is_consistent(&self) -> bool {
        let turns = self.waiting.iter().filter(|waiting| waiting.has_turn).count();
        self.waiting.is_sorted_by_key(|waiting| (waiting.place, waiting.caller.clone()))
            && self.waiting.len() == self.places.len()
            && self.unused_turns == turns
    }
}
