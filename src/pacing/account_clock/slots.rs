//! When the callers in the queue may call: slots, promised times, and who can come earlier than promised.

use jiff::{SignedDuration, Timestamp};

use super::queue::{Queue, Waiting};
use super::window::{RESERVED, Window};

/// A caller that comes within this time is about to come anyway. A pass begins sooner.
pub const ABOUT_TO_COME: SignedDuration = SignedDuration::from_secs(5);
/// A promised time moves up only by a round of the window or more: less is not worth a write for each caller.
const MOVES: SignedDuration = RESERVED;

/// What bounds the calls of the queue at one moment.
pub struct Room<'a, K> {
    pub window: &'a Window<K>,
    /// How many calls a window may hold.
    pub calls: usize,
    /// The quota of the caller that asks: callers with a smaller one are slower.
    pub quota: usize,
    /// Whether trouble holds everybody: a caller that may call does not wait for callers that may not.
    pub all_held: bool,
    pub now: Timestamp,
}

impl<K: Ord + Clone> Room<'_, K> {
    fn slot(&self, before: usize) -> Timestamp {
        self.window.slot(before, self.calls, self.now)
    }
}

/// What counts of the callers before a rank.
#[derive(Default)]
struct Ahead {
    rank: usize,
    /// How many of them have a turn.
    turns: usize,
    /// What those of the others were promised that have a smaller quota than the caller that asks, earliest
    /// first.
    slower: Vec<Timestamp>,
}

impl Ahead {
    fn go_on_to<K, W>(&mut self, rank: usize, queue: &Queue<K, W>, room: &Room<'_, K>) {
        for other in &queue.waiting[self.rank..rank] {
            if other.has_turn {
                self.turns += 1;
            } else if other.quota < room.quota {
                let promised = other.promised.unwrap_or(room.now);
                let place = self.slower.partition_point(|earlier| *earlier <= promised);
                self.slower.insert(place, promised);
            }
        }
        self.rank = rank;
    }
}

impl<K: Ord + Clone, W> Queue<K, W> {
    /// Promises the caller at this rank a time to call, and returns that time.
    ///
    /// A promise that was made before stands until its time has come, even if the slot is later by now: while
    /// callers before this one are late, the slot moves with each second, and each write wakes the caller;
    /// and after a restart all promises would be rewritten at once. Only a pause of the service overrides a
    /// promise, or a slot that is much earlier.
    pub fn promise(&mut self, rank: usize, slot: Timestamp, room: &Room<'_, K>) -> Timestamp {
        self.set_turn(rank, false);
        let stands = |promised: &Timestamp| {
            *promised > room.now && *promised >= room.window.paused_until() && *promised < slot + MOVES
        };
        let waiting = &mut self.waiting[rank];
        let promised = waiting.promised.filter(stands).unwrap_or(slot);
        (waiting.promised, waiting.expected) = (Some(promised), promised);
        promised
    }

    /// When the caller at this rank may call.
    pub fn slot(&self, rank: usize, room: &Room<'_, K>) -> Timestamp {
        // A turn is kept, whoever has come before its caller since: only the others with a turn count.
        if self.waiting[rank].has_turn && !room.all_held {
            return room.slot(self.unused_turns - 1);
        }
        self.slot_behind(&self.ahead(rank, room), room)
    }

    /// When the caller without a turn may call that stands behind these.
    fn slot_behind(&self, ahead: &Ahead, room: &Room<'_, K>) -> Timestamp {
        let before = match (room.all_held, self.waiting[ahead.rank].place.reads) {
            (false, _) => self.waited_for(ahead, room),
            (true, false) => 0,
            (true, true) => self.waiting[..ahead.rank].iter().filter(|other| other.place.reads).count(),
        };
        room.slot(before)
    }

    /// When a caller that stands behind the whole queue may call.
    pub fn slot_behind_all(&self, room: &Room<'_, K>) -> Timestamp {
        room.slot(self.waited_for(&self.ahead(self.waiting.len(), room), room))
    }

    /// How many callers call before one that stands behind these. Those with a turn do, wherever they stand.
    /// A caller with a smaller quota may have been promised a time that is later than the slot, and is not
    /// waited for then.
    fn waited_for(&self, ahead: &Ahead, room: &Room<'_, K>) -> usize {
        let Ahead { rank, turns, slower } = ahead;
        let others = rank - turns - slower.len() + self.unused_turns;
        let comes_first = |count: &usize| room.slot(others + count) < slower[*count];
        others + (0..slower.len()).find(comes_first).unwrap_or(slower.len())
    }

    fn ahead(&self, rank: usize, room: &Room<'_, K>) -> Ahead {
        let mut ahead = Ahead::default();
        ahead.go_on_to(rank, self, room);
        ahead
    }

    /// Expects those of the next window now that may call now, or much earlier than promised, and returns
    /// them: others have left without a call, or the pace has risen. Those behind them move up when these
    /// have called; so each caller is woken once, whoever leaves.
    pub fn move_up(&mut self, room: &Room<'_, K>) -> Vec<K> {
        // Thousands may be asked about, so the queue is looked through once.
        let mut ahead = Ahead::default();
        let next: Vec<usize> = self
            .next_promised(room)
            .filter(|(rank, promised)| self.comes_later(*rank, *promised, room))
            .filter(|(rank, promised)| {
                ahead.go_on_to(*rank, self, room);
                self.moves_up(&ahead, *promised, room)
            })
            .map(|(rank, _)| rank)
            .collect();
        let callers = next.into_iter().map(|rank| {
            self.waiting[rank].expected = room.now;
            self.waiting[rank].caller.clone()
        });
        callers.collect()
    }

    /// The next window's worth of callers that were promised a time. For a smaller quota than the one that
    /// was named last, the promise would be the same.
    fn next_promised(&self, room: &Room<'_, K>) -> impl Iterator<Item = (usize, Timestamp)> {
        let others = self.waiting.iter().enumerate().filter(|(_, waiting)| waiting.quota >= room.quota);
        others.filter_map(|(rank, waiting)| Some((rank, waiting.promised?))).take(room.calls)
    }

    /// Whether the caller at this rank is not about to come anyway.
    fn comes_later(&self, rank: usize, promised: Timestamp, room: &Room<'_, K>) -> bool {
        let Waiting { expected, has_turn, .. } = self.waiting[rank];
        let has_room = room.window.has_room(room.calls, self.unused_turns);
        let earliest =
            room.now.max(room.window.paused_until()) + if has_room { ABOUT_TO_COME } else { MOVES };
        promised > earliest && expected > room.now + ABOUT_TO_COME && !has_turn
    }

    /// Whether the caller behind these may call now, or much earlier than promised.
    fn moves_up(&self, ahead: &Ahead, promised: Timestamp, room: &Room<'_, K>) -> bool {
        let slot = self.slot_behind(ahead, room);
        slot <= room.now || promised >= slot + MOVES
    }
}
