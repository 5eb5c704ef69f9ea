use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

use jiff::{SignedDuration, Timestamp};

/// The window over which Kore counts calls is one minute [rate-limit-ccai]. The half second on top covers calls that
/// take longer to arrive than others.
const WINDOW: SignedDuration = SignedDuration::from_millis(60_500);
/// How far apart two slots are that share a place in the window. More than the window, so that a slot is still good when
/// its owner comes up to a second late: status knows whole seconds only.
const RESERVED: SignedDuration = SignedDuration::from_secs(62);

/// The clock of one account: who may call when, so that no 60 seconds hold more calls than the quota.
///
/// A caller that comes too early gets a slot of its own, behind those that came before, and keeps it; so thousands of
/// waiting callers come back one after the other. What the service says about waiting ([`Self::cool_down`]) moves all
/// slots of the account.
///
/// ```text
///   calls made                now        reserved slots
///   ──x──x─x───x──────────────┼──────────|────|────|────▶
///     └──── at most `per_minute` in any WINDOW ────┘
/// ```
#[derive(Debug)]
pub struct AccountClock<K> {
    /// Calls of the last window, oldest first.
    calls: VecDeque<Timestamp>,
    /// Slots that are reserved, earliest first.
    slots: BTreeSet<(Timestamp, K)>,
    /// The same, by owner.
    reserved: HashMap<K, Timestamp>,
    /// Nobody calls before this.
    not_before: Timestamp,
}

impl<K> Default for AccountClock<K> {
    fn default() -> Self {
        Self {
            calls: VecDeque::new(),
            slots: BTreeSet::new(),
            reserved: HashMap::new(),
            not_before: Timestamp::MIN,
        }
    }
}

impl<K: Hash + Ord + Clone> AccountClock<K> {
    /// Asks for a call now. `Ok`: the call is counted and may be made. `Err`: the time of the caller's slot.
    pub fn claim(&mut self, caller: &K, now: Timestamp, per_minute: usize) -> Result<(), Timestamp> {
        self.forget_the_past(now);
        let slot = match self.reserved.get(caller) {
            Some(slot) => *slot,
            None => self.next_slot(now, per_minute),
        };
        // Others may have called later than their slots.
        let slot = slot.max(window_end(&self.calls, per_minute, now)).max(self.not_before);
        self.release(caller);
        if slot <= now {
            self.calls.push_back(now);
            return Ok(());
        }
        self.slots.insert((slot, caller.clone()));
        self.reserved.insert(caller.clone(), slot);
        Err(slot)
    }

    /// Asks for a call that can wait: granted only while half of the quota is free and nobody holds a slot. `Err`: a
    /// time to ask again; nothing is reserved.
    pub fn claim_spare(&mut self, now: Timestamp, per_minute: usize) -> Result<(), Timestamp> {
        self.forget_the_past(now);
        let share = per_minute.div_ceil(2);
        let free = window_end(&self.calls, share, now).max(self.not_before).max(self.last_slot(now));
        if free > now {
            return Err(free);
        }
        self.calls.push_back(now);
        Ok(())
    }

    /// The service wants to be left alone until `until`: every slot before that moves, in order, behind it.
    pub fn cool_down(&mut self, until: Timestamp) {
        self.not_before = self.not_before.max(until);
        let Some((first, _)) = self.slots.first() else { return };
        let delay = until.duration_since(*first);
        if delay.is_positive() {
            let slots = std::mem::take(&mut self.slots);
            self.slots = slots.into_iter().map(|(slot, owner)| (slot + delay, owner)).collect();
            self.reserved.values_mut().for_each(|slot| *slot += delay);
        }
    }

    /// Gives back the caller's slot, if it has one.
    pub fn release(&mut self, caller: &K) {
        if let Some(slot) = self.reserved.remove(caller) {
            self.slots.remove(&(slot, caller.clone()));
        }
    }

    fn next_slot(&self, now: Timestamp, per_minute: usize) -> Timestamp {
        let latest_first = self.slots.iter().map(|(slot, _)| slot).rev().chain(self.calls.iter().rev());
        let behind_others = self.last_slot(now);
        match latest_first.copied().nth(per_minute.saturating_sub(1)) {
            Some(leaving) => behind_others.max(leaving + RESERVED),
            None => behind_others,
        }
    }

    fn last_slot(&self, now: Timestamp) -> Timestamp {
        self.slots.last().map_or(now, |(slot, _)| now.max(*slot))
    }

    fn forget_the_past(&mut self, now: Timestamp) {
        while self.calls.front().is_some_and(|call| *call + WINDOW <= now) {
            self.calls.pop_front();
        }
        // An owner that has not come for so long is not going to.
        while let Some((_, owner)) = self.slots.first().filter(|(slot, _)| *slot + WINDOW <= now).cloned() {
            self.release(&owner);
        }
    }
}

/// When the window has room for one more call, given the calls made.
fn window_end(calls: &VecDeque<Timestamp>, per_minute: usize, now: Timestamp) -> Timestamp {
    match calls.len().checked_sub(per_minute.max(1)) {
        Some(leaving) => calls[leaving] + WINDOW,
        None => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
    }

    /// Plays callers that come back when told (at the next whole second, as status tells, and a little late), and returns
    /// when each was served. A promised slot is kept: nobody is told twice.
    fn drain(clock: &mut AccountClock<u32>, callers: u32, quota: usize, start: i64) -> Vec<Timestamp> {
        let mut waiting: Vec<(Timestamp, u32)> = (0..callers).map(|caller| (at(start), caller)).collect();
        let mut told = std::collections::HashSet::new();
        let mut served = Vec::new();
        while let Some(next) = waiting.iter().min().copied() {
            waiting.retain(|entry| *entry != next);
            match clock.claim(&next.1, next.0, quota) {
                Ok(()) => served.push(next.0),
                Err(slot) => {
                    assert!(slot > next.0, "a slot that is not in the future is a hot loop");
                    assert!(told.insert(next.1), "caller {} was told twice", next.1);
                    let second = Timestamp::from_second(slot.as_second() + 1).unwrap();
                    waiting.push((second + SignedDuration::from_millis(7), next.1));
                }
            }
        }
        served
    }

    fn assert_quota(served: &[Timestamp], quota: usize) {
        for window in served.windows(quota + 1) {
            let span = window[quota].duration_since(window[0]);
            assert!(span > SignedDuration::from_secs(60), "{} calls within {span}", quota + 1);
        }
    }

    /// 200 callers at 60 a minute: the first minute's worth at once, the rest one by one as the window moves.
    #[test]
    fn callers_drain_at_the_full_quota() {
        let served = drain(&mut AccountClock::default(), 200, 60, 0);
        assert_quota(&served, 60);
        let last = served.last().unwrap().duration_since(at(0));
        // Three windows after the first burst would be ideal.
        assert!(last <= SignedDuration::from_secs(190), "{last}");
        assert_quota(&drain(&mut AccountClock::default(), 6, 1, 0), 1);
    }

    /// An owner that never comes (its object was let go otherwise) does not hold up those behind it for ever.
    #[test]
    fn a_slot_that_nobody_uses_passes() {
        let mut clock = AccountClock::default();
        for caller in 0..600 {
            let _ = clock.claim(&caller, at(0), 60);
        }
        for caller in 0..600 {
            clock.release(&caller);
        }
        assert!(clock.claim(&1000, at(0), 60).unwrap_err() < at(70_000));
        let mut clock = AccountClock::default();
        assert_eq!(clock.claim(&1, at(0), 1), Ok(()));
        assert!(clock.claim(&2, at(0), 1).is_err());
        assert_eq!(clock.claim(&3, at(200_000), 1), Ok(()));
        assert!(clock.slots.is_empty() && clock.reserved.is_empty(), "nothing is kept of what has passed");
    }

    /// A caller that asks again before its slot gets the same slot, and asking costs the others nothing.
    #[test]
    fn a_slot_is_kept() {
        let mut clock = AccountClock::default();
        assert_eq!(clock.claim(&1, at(0), 1), Ok(()));
        let slot = clock.claim(&2, at(10), 1).unwrap_err();
        let behind = clock.claim(&3, at(20), 1).unwrap_err();
        assert!(behind > slot);
        for moment in [30, 5_000, 59_000] {
            assert_eq!(clock.claim(&2, at(moment), 1), Err(slot));
        }
        assert_eq!(clock.claim(&2, slot, 1), Ok(()));
    }

    /// Retry-After moves every caller of the account, in order and without bunching.
    #[test]
    fn a_cool_down_moves_all_slots() {
        let mut clock = AccountClock::default();
        assert_eq!(clock.claim(&1, at(0), 2), Ok(()));
        assert_eq!(clock.claim(&2, at(0), 2), Ok(()));
        let before: Vec<_> = (3..9).map(|caller| clock.claim(&caller, at(0), 2).unwrap_err()).collect();
        clock.cool_down(at(300_000));
        let after: Vec<_> = (3..9).map(|caller| clock.claim(&caller, at(0), 2).unwrap_err()).collect();
        assert_eq!(after[0], at(300_000));
        for (before, after) in before.windows(2).zip(after.windows(2)) {
            assert_eq!(before[1].duration_since(before[0]), after[1].duration_since(after[0]));
        }
        // A newcomer is held, too.
        assert!(clock.claim(&99, at(1), 2).unwrap_err() >= at(300_000));
    }

    /// What can wait leaves half of the quota to deletions, and never goes before one that has a slot.
    #[test]
    fn spare_calls_leave_room() {
        let mut clock: AccountClock<u32> = AccountClock::default();
        assert_eq!(clock.claim_spare(at(0), 4), Ok(()));
        assert_eq!(clock.claim_spare(at(0), 4), Ok(()));
        assert_eq!(clock.claim_spare(at(0), 4), Err(at(0) + WINDOW));
        assert_eq!(clock.claim(&1, at(0), 4), Ok(()));
        assert_eq!(clock.claim(&2, at(0), 4), Ok(()));
        assert!(clock.claim(&3, at(0), 4).is_err());
        assert!(clock.claim_spare(at(61_000), 4).is_err(), "never before one that has a slot");
        assert_eq!(clock.claim(&3, at(62_000), 4), Ok(()));
        assert_eq!(clock.claim_spare(at(62_000), 4), Ok(()));
    }

    /// A caller that has gone frees its slot.
    #[test]
    fn a_released_slot_is_free_again() {
        let mut clock = AccountClock::default();
        assert_eq!(clock.claim(&1, at(0), 1), Ok(()));
        let slot = clock.claim(&2, at(0), 1).unwrap_err();
        clock.release(&2);
        assert_eq!(clock.claim(&3, at(0), 1), Err(slot));
    }

    proptest! {
        /// Whatever is asked when, late or early, by whom, with cool-downs between: the quota holds.
        #[test]
        fn the_quota_is_never_exceeded(
            quota in 1usize..8,
            steps in prop::collection::vec((0u32..6, 0i64..20_000, prop::bool::weighted(0.05), any::<bool>()), 1..400),
        ) {
            let mut clock = AccountClock::default();
            let mut now = 0;
            let mut served = Vec::new();
            for (caller, pause, cool_down, spare) in steps {
                now += pause;
                if cool_down {
                    clock.cool_down(at(now + 5_000));
                }
                let granted = if spare { clock.claim_spare(at(now), quota) } else { clock.claim(&caller, at(now), quota) };
                match granted {
                    Ok(()) => served.push(at(now)),
                    Err(slot) => prop_assert!(slot > at(now)),
                }
            }
            assert_quota(&served, quota);
        }
    }
}
