mod figures;
mod moving_up;
mod properties;
mod quota;
mod restart;
mod trouble;

use std::collections::{BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::clock::HELD;
use super::probing::PROBERS;
use super::window::WINDOW;
use super::*;
use crate::pacing::breaker;
use crate::pacing::evidence::{Charge, Evidence};
use crate::pacing::time::whole_second;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
}

fn seconds(seconds: i64) -> Timestamp {
    at(seconds * 1000)
}

/// Claims a deletion that has been due since the epoch of these tests. Callers stand in the order of their
/// numbers.
fn claim(clock: &mut AccountClock<u32>, caller: u32, now: Timestamp, quota: usize) -> Turn {
    clock.claim(&caller, Place::deletion(at(0)), now, quota)
}

const FAILED: Evidence = Evidence::DeleteFailed { fresh: true };

fn held(since: Timestamp, until: Timestamp, next: bool) -> Turn {
    Turn::Held { of: Holder::Account, since, until, next }
}

/// The time that a caller is promised.
fn slot_of(turn: Turn) -> Timestamp {
    match turn {
        Turn::At(slot) => slot,
        Turn::Go | Turn::Held { .. } => panic!("{turn:?}"),
    }
}

/// Plays callers that come back at their promised time, and a little late; returns who was served when. A
/// promise is kept: no caller gets two.
fn drain(clock: &mut AccountClock<u32>, callers: &[u32], quota: usize, start: i64) -> Vec<(Timestamp, u32)> {
    let mut waiting: Vec<(Timestamp, u32)> = callers.iter().map(|caller| (at(start), *caller)).collect();
    let mut promised = std::collections::HashSet::new();
    let mut served = Vec::new();
    while let Some(next) = waiting.iter().min_by_key(|(at, _)| *at).copied() {
        waiting.retain(|entry| *entry != next);
        match claim(clock, next.1, next.0, quota) {
            Turn::Go => served.push(next),
            turn => {
                let slot = slot_of(turn);
                assert!(slot > next.0, "a time that is not in the future is a hot loop");
                assert!(promised.insert(next.1), "caller {} was promised two times", next.1);
                assert_eq!(slot, whole_second(slot), "as status stores it");
                waiting.push((slot + SignedDuration::from_millis(7), next.1));
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

fn times(served: &[(Timestamp, u32)]) -> Vec<Timestamp> {
    served.iter().map(|(at, _)| *at).collect()
}

fn assert_held(turn: Turn) {
    assert!(matches!(turn, Turn::Held { .. }), "{turn:?}");
}
