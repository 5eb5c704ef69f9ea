use std::time::{Duration, Instant};

use super::{Action, Fault, Kind, Lasting};

/// The faults of a plan under way. Decides without a clock, a lock or the network.
#[derive(Debug, Default)]
pub(super) struct Armed {
    standing: Vec<Standing>,
    ended: bool,
}

/// How long watches are held, from the moment of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    For(Duration),
    UntilEnded,
}

#[derive(Debug)]
struct Standing {
    fault: Fault,
    /// Requests so far that match.
    matched: u32,
    /// When the first was hit.
    since: Option<Instant>,
    /// Requests that became of what the fault says.
    injected: u32,
}

impl Armed {
    /// A plan is armed while so many watches are open.
    pub fn new(faults: Vec<Fault>, open_watches: u32, now: Instant) -> Self {
        let standing = |fault| Standing { fault, matched: 0, since: None, injected: 0 };
        let mut armed = Self { standing: faults.into_iter().map(standing).collect(), ended: false };
        for _ in 0..open_watches {
            for standing in armed.standing.iter_mut().filter(|standing| standing.holds()) {
                standing.injected += u32::from(standing.hits(Kind::Watch, now));
            }
        }
        armed
    }

    /// What becomes of the next request. Each fault counts it, also where an earlier one hits it.
    pub fn decide(&mut self, kind: Kind, now: Instant) -> Option<Action> {
        if self.ended {
            return None;
        }
        let (mut chosen, mut held) = (None, None);
        for standing in &mut self.standing {
            // A hold leaves the request itself alone, so another fault may hit it as well.
            let place = if standing.holds() { &mut held } else { &mut chosen };
            if standing.hits(kind, now) && place.is_none() {
                *place = Some(standing.fault.then.clone());
                standing.injected += 1;
            }
        }
        chosen.or(held)
    }

    /// Whether watches are held now.
    pub fn held(&self, now: Instant) -> Option<Hold> {
        if self.ended {
            return None;
        }
        let holds = self.standing.iter().filter(|standing| standing.holds());
        holds.filter_map(|standing| standing.held(now)).max_by_key(|hold| match hold {
            Hold::For(left) => *left,
            Hold::UntilEnded => Duration::MAX,
        })
    }

    /// Whether no fault will hit any more, and none lasts.
    pub fn spent(&self, now: Instant) -> bool {
        self.ended || self.standing.iter().all(|standing| standing.spent(now))
    }

    /// How many requests a fault has hit.
    pub fn injected(&self) -> u32 {
        self.standing.iter().map(|standing| standing.injected).sum()
    }

    /// How many faults have hit nothing.
    pub fn missed(&self) -> usize {
        self.standing.iter().filter(|standing| standing.injected == 0).count()
    }

    /// Ends all faults.
    pub fn end(&mut self) {
        self.ended = true;
    }
}

impl Standing {
    /// Counts a request; whether it is hit.
    fn hits(&mut self, kind: Kind, now: Instant) -> bool {
        if !self.fault.at.matches(kind) {
            return false;
        }
        self.matched = self.matched.saturating_add(1);
        let Some(later) = self.matched.checked_sub(self.fault.at.from.max(1)) else { return false };
        let hits = match self.fault.at.lasting {
            Lasting::Times(times) => later < times,
            Lasting::ForMs(_) => self.left(now).is_none_or(|left| left > Duration::ZERO),
        };
        if hits {
            self.since.get_or_insert(now);
        }
        hits
    }

    /// What is left of a fault that has begun and lasts for a time.
    fn left(&self, now: Instant) -> Option<Duration> {
        match (self.fault.at.lasting, self.since) {
            (Lasting::ForMs(ms), Some(since)) => {
                Some(Duration::from_millis(ms).saturating_sub(now.saturating_duration_since(since)))
            }
            (Lasting::Times(_), _) | (_, None) => None,
        }
    }

    fn holds(&self) -> bool {
        self.fault.then == Action::HoldWatch
    }

    fn held(&self, now: Instant) -> Option<Hold> {
        self.since?;
        match self.left(now) {
            Some(Duration::ZERO) => None,
            Some(left) => Some(Hold::For(left)),
            None => Some(Hold::UntilEnded),
        }
    }

    fn spent(&self, now: Instant) -> bool {
        match self.fault.at.lasting {
            Lasting::Times(times) => {
                u64::from(self.matched) + 1 >= u64::from(self.fault.at.from.max(1)) + u64::from(times)
            }
            Lasting::ForMs(_) => self.left(now) == Some(Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Trigger;

    fn fault(kinds: &[Kind], from: u32, lasting: Lasting, then: Action) -> Fault {
        Fault { at: Trigger { kinds: kinds.to_vec(), from, lasting }, then }
    }

    fn decisions(armed: &mut Armed, kinds: &[Kind]) -> Vec<Option<Action>> {
        let now = Instant::now();
        kinds.iter().map(|kind| armed.decide(*kind, now)).collect()
    }

    #[test]
    fn a_fault_hits_the_named_request_and_so_many_after_it() {
        let faults = vec![fault(&[Kind::Status], 2, Lasting::Times(2), Action::Hang)];
        let mut armed = Armed::new(faults, 0, Instant::now());
        let kinds = [Kind::Status, Kind::Finalizer, Kind::Status, Kind::Status];
        assert_eq!(decisions(&mut armed, &kinds[..3]), [None, None, Some(Action::Hang)]);
        assert!(!armed.spent(Instant::now()));
        assert_eq!(decisions(&mut armed, &kinds[3..]), [Some(Action::Hang)]);
        assert!(armed.spent(Instant::now()));
        assert_eq!(decisions(&mut armed, &kinds), [None, None, None, None]);
        assert_eq!(armed.injected(), 2);
    }

    #[test]
    fn without_kinds_every_effect_counts_and_nothing_else() {
        let mut armed = Armed::new(vec![Fault::at_effect(2, Action::CrashAfter)], 0, Instant::now());
        let kinds = [Kind::Read, Kind::KoreGet, Kind::Watch, Kind::Event, Kind::Other, Kind::KoreDelete];
        let crash = Some(Action::CrashAfter);
        assert_eq!(decisions(&mut armed, &kinds), [None, None, None, None, None, crash]);
    }

    /// A fault for a time starts its clock with its first hit, not with the plan.
    #[test]
    fn a_fault_for_a_time_ends_with_the_time() {
        let faults = vec![fault(&[Kind::KoreGet], 2, Lasting::ForMs(1000), Action::Reset)];
        let start = Instant::now();
        let mut armed = Armed::new(faults, 0, start);
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(armed.decide(Kind::KoreGet, at(0)), None);
        assert!(!armed.spent(at(50_000)));
        assert_eq!(armed.decide(Kind::KoreGet, at(50_000)), Some(Action::Reset));
        assert_eq!(armed.decide(Kind::KoreGet, at(50_999)), Some(Action::Reset));
        assert!(!armed.spent(at(50_999)));
        assert_eq!(armed.decide(Kind::KoreGet, at(51_000)), None);
        assert!(armed.spent(at(51_000)));
    }

    #[test]
    fn of_two_faults_at_one_request_the_first_hits_and_both_count() {
        let faults = vec![
            Fault::once(Kind::Status, 1, Action::LoseRequest),
            fault(&[Kind::Status], 1, Lasting::Times(2), Action::LoseAnswer),
        ];
        let mut armed = Armed::new(faults, 0, Instant::now());
        let expected = [Some(Action::LoseRequest), Some(Action::LoseAnswer), None];
        assert_eq!(decisions(&mut armed, &[Kind::Status; 3]), expected);
        assert_eq!(armed.injected(), 2);
    }

    /// A stale cache and a crash at the same write, as the crash matrix has them.
    #[test]
    fn a_hold_begins_with_an_effect_and_leaves_room_for_another_fault() {
        let faults = vec![
            fault(&[], 2, Lasting::ForMs(300), Action::HoldWatch),
            Fault::at_effect(2, Action::CrashAfter),
        ];
        let start = Instant::now();
        let mut armed = Armed::new(faults, 3, start);
        assert_eq!(armed.decide(Kind::Status, start), None);
        assert_eq!(armed.held(start), None, "open watches are no effects");
        assert_eq!(armed.decide(Kind::KoreDelete, start), Some(Action::CrashAfter));
        assert_eq!(armed.held(start), Some(Hold::For(Duration::from_millis(300))));
        assert_eq!(armed.held(start + Duration::from_millis(300)), None);
        assert_eq!(armed.injected(), 2);
    }

    #[test]
    fn a_hold_that_counts_requests_lasts_until_the_faults_are_ended() {
        let faults = vec![fault(&[Kind::Watch], 1, Lasting::Times(1), Action::HoldWatch)];
        let now = Instant::now();
        let mut armed = Armed::new(faults.clone(), 0, now);
        assert_eq!(armed.held(now), None);
        assert_eq!(armed.decide(Kind::Watch, now), Some(Action::HoldWatch));
        assert_eq!(armed.held(now + Duration::from_secs(3600)), Some(Hold::UntilEnded));
        armed.end();
        assert_eq!((armed.held(now), armed.injected()), (None, 1));
        assert_eq!(Armed::new(faults, 1, now).held(now), Some(Hold::UntilEnded), "a watch was open");
    }

    #[test]
    fn an_ended_plan_hits_nothing_and_is_spent() {
        let mut armed = Armed::new(vec![Fault::at_effect(1, Action::Hang)], 0, Instant::now());
        assert!(!armed.spent(Instant::now()));
        armed.end();
        assert_eq!(armed.decide(Kind::Status, Instant::now()), None);
        assert!(armed.spent(Instant::now()));
    }
}
