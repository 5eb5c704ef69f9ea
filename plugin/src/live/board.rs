//! Who is being deleted, what each waits for, and how each ended. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::tally::Tally;
use crate::seen::{self, Phase, Place, Seen};
use crate::words::{count, long};

/// For how long all that is left has to be held, and nothing has to change, until nobody waits any more: the
/// operator may just be writing that something goes on.
const SETTLED: SignedDuration = SignedDuration::from_secs(10);

/// The resources whose deletion is followed.
#[derive(Debug)]
pub struct Board {
    /// By uid.
    entries: BTreeMap<String, Entry>,
    /// Whether resources that begin to be deleted are followed, too.
    grows: bool,
    changed_at: Timestamp,
}

#[derive(Debug)]
struct Entry {
    seen: Seen,
    call: Call,
    end: Option<Ended>,
    /// Whether the operator has ever said that a DELETE is on its way.
    announced: bool,
}

/// What has become of the call that deletes a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// It has not been made.
    NotMade,
    /// The API server has taken it; or somebody else had made it before.
    Taken,
    /// The resource was gone, or replaced by another of its name.
    Gone,
    /// The API server has refused it, or the resource is not any more what was shown.
    Refused(String),
    /// Nobody knows whether the API server has taken it.
    Unknown(String),
}

/// How a resource went.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// Kore has confirmed the deletion; the last state of the campaign.
    Deleted(Option<String>),
    /// Kore has no such campaign.
    Absent,
    /// The campaign stays in Kore.
    Orphaned,
    /// The policy became `Orphan` after a DELETE that nothing has confirmed.
    OrphanedInDoubt,
    /// The resource is gone, and no status of it was seen that says how its deletion ended.
    Unconfirmed,
}

impl Board {
    /// Follows these resources, and no others.
    pub fn of(all: Vec<Seen>, now: Timestamp) -> Self {
        let entry = |seen: Seen| (seen.uid.clone(), Entry::of(seen));
        Self { entries: all.into_iter().map(entry).collect(), grows: false, changed_at: now }
    }

    /// Follows all that is being deleted, or begins to be.
    pub fn of_all(now: Timestamp) -> Self {
        Self { entries: BTreeMap::new(), grows: true, changed_at: now }
    }

    /// Whether it follows the resource of this uid.
    pub fn follows(&self, uid: &str) -> bool {
        self.entries.contains_key(uid)
    }

    /// The state of a resource. Returns a line about it, if that is news.
    pub fn see(&mut self, seen: Seen, now: Timestamp) -> Option<String> {
        let is_deleted = seen.phase.is_deletion();
        if self.grows && is_deleted && !self.follows(&seen.uid) {
            let line = format!("{}: {}", seen.key(), seen.reason_in_words());
            self.entries.insert(seen.uid.clone(), Entry::of(seen));
            self.changed_at = now;
            return Some(line);
        }
        let entry = self.entries.get_mut(&seen.uid).filter(|entry| entry.end.is_none())?;
        let news = (entry.seen.phase, &entry.seen.reason) != (seen.phase, &seen.reason);
        let line = (news && is_deleted).then(|| format!("{}: {}", seen.key(), seen.reason_in_words()));
        if news {
            self.changed_at = now;
        }
        if is_deleted {
            entry.call = Call::Taken;
        }
        entry.take(seen);
        line
    }

    /// A resource is gone; `last` is its last state, if that was seen. Returns a line about it.
    pub fn gone(&mut self, uid: &str, last: Option<Seen>, now: Timestamp) -> Option<String> {
        let entry = self.entries.get_mut(uid).filter(|entry| entry.end.is_none())?;
        if let Some(last) = last {
            entry.take(last);
        }
        let end = match entry.seen.outcome.as_deref() {
            Some("Deleted") => Ended::Deleted(entry.seen.state.clone()),
            Some("Absent") => Ended::Absent,
            Some("Orphaned") if entry.is_in_doubt() => Ended::OrphanedInDoubt,
            Some("Orphaned") => Ended::Orphaned,
            Some(_) | None => Ended::Unconfirmed,
        };
        self.changed_at = now;
        let line = format!("{}: gone, {}", entry.seen.key(), end.in_words());
        entry.end = Some(end);
        Some(line)
    }

    /// The call that deletes a resource has ended. Returns a line about it, if that is news.
    pub fn called(&mut self, uid: &str, call: Call, now: Timestamp) -> Option<String> {
        if call == Call::Gone {
            return self.gone(uid, None, now);
        }
        let entry = self.entries.get_mut(uid).filter(|entry| entry.end.is_none())?;
        // The watch may have been faster.
        if entry.call != Call::Taken {
            entry.call = call;
        }
        match &entry.call {
            Call::Refused(why) => Some(format!("{}: not deleted: {why}", entry.seen.key())),
            Call::Unknown(why) => Some(format!("{}: perhaps deleted: {why}", entry.seen.key())),
            Call::NotMade | Call::Taken | Call::Gone => None,
        }
    }

    /// Those that are there as far as is known: the namespace and the uid of each.
    pub fn remaining(&self) -> Vec<(String, String)> {
        let there = self.entries.values().filter(|entry| entry.end.is_none());
        there.map(|entry| (entry.seen.namespace.clone(), entry.seen.uid.clone())).collect()
    }

    /// Whether a resource is being deleted, or gone.
    pub fn is_deleted(&self, uid: &str) -> bool {
        let entry = self.entries.get(uid);
        entry.is_some_and(|entry| entry.end.is_some() || entry.call == Call::Taken)
    }

    /// Those whose deletion is not over.
    fn open(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.end.is_none() && entry.call == Call::Taken)
    }

    /// Whether all are gone, or are not deleted.
    pub fn is_empty(&self) -> bool {
        self.open().next().is_none()
    }

    /// Whether nothing will change any more without somebody: all that is left is held for some time, or
    /// waits for an operator that does not act.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        self.open().all(|entry| entry.seen.is_stuck(now))
            && (self.is_empty() || now.duration_since(self.changed_at) >= SETTLED)
    }

    /// How many have been followed, and how many of them are gone.
    pub fn counts(&self) -> (usize, usize) {
        (self.entries.len(), self.entries.values().filter(|entry| entry.end.is_some()).count())
    }

    /// What goes on, one line for each, at most so many: first what is held, then by when the operator calls
    /// Kore.
    pub fn lines(&self, room: usize, now: Timestamp) -> Vec<String> {
        let mut open: Vec<&Seen> = self.open().map(|entry| &entry.seen).collect();
        let places = seen::places(open.iter().copied());
        let place = |seen: &Seen| places.get(seen.uid.as_str()).copied();
        let number = |seen: &Seen| place(seen).map(|place| place.number);
        let order = |seen: &Seen| (seen.phase, seen.next_at(), number(seen), seen.requested_at());
        open.sort_by(|one, other| (order(one), &one.uid).cmp(&(order(other), &other.uid)));
        let shown = if open.len() > room { room.saturating_sub(1) } else { room };
        let width = open.iter().take(shown).map(|seen| seen.key().len()).max().unwrap_or_default();
        let mut lines: Vec<_> =
            open.iter().take(shown).map(|seen| line(seen, place(seen), width, now)).collect();
        if open.len() > shown {
            lines.push(format!("and {} more", open.len() - shown));
        }
        lines
    }

    /// All in one line: how many are held, how many go on, and until when at least.
    pub fn headline(&self, now: Timestamp) -> String {
        let tally = self.tally(now);
        let going: Vec<_> = self.open().filter(|entry| !entry.seen.is_stuck(now)).collect();
        let last = going.iter().filter_map(|entry| entry.seen.next_at()).max().filter(|last| *last > now);
        let all_scheduled = going.iter().all(|entry| entry.seen.next_at().is_some());
        let until = last.map(|last| {
            let least = if all_scheduled { "the last is scheduled for" } else { "at least until" };
            format!("{least} {last:.0} (in {})", long(last.duration_since(now)))
        });
        let held = (!tally.held.is_empty()).then(|| format!("{} held", tally.held.len()));
        let going = (tally.going > 0).then(|| format!("{} going on", tally.going));
        held.into_iter().chain(going).chain(until).collect::<Vec<_>>().join(", ")
    }

    /// What has become of all.
    pub fn tally(&self, now: Timestamp) -> Tally {
        let mut tally = Tally::default();
        let campaigns = |has_ended: fn(&Ended) -> bool| -> BTreeSet<_> {
            let ended = |entry: &&Entry| entry.end.as_ref().is_some_and(has_ended);
            self.entries.values().filter(ended).map(Entry::campaign).collect()
        };
        let gone = campaigns(|end| matches!(end, Ended::Deleted(_) | Ended::Absent));
        let confirmed = campaigns(|end| matches!(end, Ended::Deleted(_)));
        for entry in self.entries.values() {
            let key = entry.seen.key();
            match (&entry.end, &entry.call) {
                (Some(Ended::Deleted(_)), _) => tally.deleted += 1,
                // Another resource of the same campaign has deleted it.
                (Some(Ended::Absent), _) if confirmed.contains(&entry.campaign()) => {}
                (Some(Ended::Absent), _) => tally.absent += 1,
                // Another resource of the same campaign was to delete it, and has.
                (Some(Ended::Orphaned), _) if gone.contains(&entry.campaign()) => {}
                (Some(Ended::Orphaned), _) => tally.orphaned += 1,
                (Some(Ended::Unconfirmed | Ended::OrphanedInDoubt), _) | (None, Call::Gone) => {
                    tally.unconfirmed.push(key);
                }
                (None, Call::Refused(why)) => tally.not_deleted.push(format!("{key}: {why}")),
                (None, Call::NotMade) => tally.not_deleted.push(format!("{key}: its turn had not come")),
                (None, Call::Unknown(why)) => tally.unknown.push(format!("{key}: {why}")),
                (None, Call::Taken) if entry.seen.phase == Phase::Held => {
                    tally.held.push(format!("{key}: {}", entry.seen.reason_in_words()));
                }
                (None, Call::Taken) if entry.seen.is_stuck(now) => {
                    tally.held.push(format!("{key}: the operator should have acted by now: does one run?"));
                }
                (None, Call::Taken) => tally.going += 1,
            }
        }
        for names in [&mut tally.unconfirmed, &mut tally.held, &mut tally.not_deleted, &mut tally.unknown] {
            names.sort_unstable();
        }
        tally
    }
}

impl Entry {
    fn of(seen: Seen) -> Self {
        let call = if seen.phase.is_deletion() { Call::Taken } else { Call::NotMade };
        let announced = seen.announces_a_delete();
        Self { seen, call, end: None, announced }
    }

    /// The campaign that it stands for.
    fn campaign(&self) -> (&str, Option<&str>, Option<&str>) {
        (&self.seen.account, self.seen.stream_id.as_deref(), self.seen.campaign_id.as_deref())
    }

    fn take(&mut self, seen: Seen) {
        self.announced |= seen.announces_a_delete();
        self.seen = seen;
    }

    /// Whether a DELETE may have deleted the campaign that stays: one that nothing has confirmed, or that was
    /// on its way when the operator ended.
    fn is_in_doubt(&self) -> bool {
        self.seen.in_doubt || self.announced && self.seen.attempts.unwrap_or_default() == 0
    }
}

impl Ended {
    fn in_words(&self) -> String {
        match self {
            Self::Deleted(Some(state)) => {
                format!("Kore has confirmed that its campaign is deleted (its last state was {state})")
            }
            Self::Deleted(None) => "Kore has confirmed that its campaign is deleted".to_owned(),
            Self::Absent => "Kore has no such campaign".to_owned(),
            Self::Orphaned => "and leaves its campaign in Kore".to_owned(),
            Self::OrphanedInDoubt => {
                "by the policy Orphan, after a DELETE that was not confirmed: Kore's console shows whether its campaign is there"
                    .to_owned()
            }
            Self::Unconfirmed => {
                "and no status was seen that says what became of its campaign: look at the operator's audit line, or for \
                 the campaign in Kore's console"
                    .to_owned()
            }
        }
    }
}

fn line(seen: &Seen, place: Option<Place>, width: usize, now: Timestamp) -> String {
    let mut parts = vec![format!("{:<width$}  {}", seen.key(), seen.reason_in_words())];
    if let Some(Place { number, of }) = place {
        parts.push(format!("number {number} of {of}"));
    }
    match seen.next_at() {
        Some(next) if next > now => parts.push(format!("next request in {}", long(next.duration_since(now)))),
        Some(next) if seen.is_overdue(now) => {
            parts.push(format!("overdue for {}", long(now.duration_since(next))));
        }
        Some(_) | None => {}
    }
    if let Some(attempts @ 1..) = seen.attempts {
        parts.push(format!("{} so far", count(usize::try_from(attempts).unwrap_or_default(), "attempt")));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use voicecampaign_operator::api::VoiceCampaign;
    use voicecampaign_operator::kube_ext::Dated;

    use super::*;
    use crate::sample::{add, at, condition, deleting, living};

    fn seen(object: &Dated<VoiceCampaign>) -> Seen {
        Seen::of(object)
    }

    fn ended(name: &str, outcome: &str) -> Seen {
        seen(&deleting(name, outcome, |object| object["status"]["deletion"]["outcome"] = json!(outcome)))
    }

    fn suspended(name: &str) -> Seen {
        seen(&deleting(name, "Suspended", |object| {
            add(object, condition("Stalled", "True", "Suspended", "m"))
        }))
    }

    #[test]
    fn each_end_is_counted_as_what_it_is() {
        let names = [
            "deleted", "absent", "orphaned", "forced", "held", "refused", "unknown", "replaced", "going",
            "unsent",
        ];
        let mut board = Board::of(names.map(|name| seen(&living(name, |_| {}))).into(), at(0));
        let uid = |name: &str| format!("uid-{name}");
        board.gone(&uid("deleted"), Some(ended("deleted", "Deleted")), at(1));
        board.gone(&uid("absent"), Some(ended("absent", "Absent")), at(1));
        board.gone(&uid("orphaned"), Some(ended("orphaned", "Orphaned")), at(1));
        // Somebody has removed the finalizer.
        let line = board.gone(&uid("forced"), None, at(1)).unwrap();
        assert!(line.contains("no status was seen"), "{line}");
        board.see(suspended("held"), at(1));
        board.called(&uid("refused"), Call::Refused("it is protected".to_owned()), at(1));
        // An event of a resource that is not deleted changes nothing.
        board.see(seen(&living("refused", |object| object["metadata"]["labels"] = json!({"a": "b"}))), at(1));
        board.called(&uid("unknown"), Call::Unknown("no answer".to_owned()), at(1));
        board.called(&uid("replaced"), Call::Gone, at(1));
        board.called(&uid("going"), Call::Taken, at(1));
        board.see(seen(&deleting("going", "Deleting", |_| {})), at(1));
        let expected = Tally {
            deleted: 1,
            absent: 1,
            orphaned: 1,
            going: 1,
            unconfirmed: vec!["team-a/forced".to_owned(), "team-a/replaced".to_owned()],
            held: vec!["team-a/held: Suspended".to_owned()],
            not_deleted: vec![
                "team-a/refused: it is protected".to_owned(),
                "team-a/unsent: its turn had not come".to_owned(),
            ],
            unknown: vec!["team-a/unknown: no answer".to_owned()],
        };
        assert_eq!(board.tally(at(1)), expected);
        assert!(!expected.is_clean() && !board.is_empty() && !board.is_settled(at(100)));
        let words = "\
1 campaign deleted in Kore, 1 campaign that Kore does not have, 1 campaign left in Kore, 1 campaign whose deletion goes on.
Held, and in Terminating until somebody acts (`kubectl vcamp why NAME` says what to do):
  team-a/held: Suspended
Not deleted:
  team-a/refused: it is protected
  team-a/unsent: its turn had not come
Perhaps being deleted, because the API server gave no answer (`kubectl vcamp status`):
  team-a/unknown: no answer
Gone, and no status says for certain what became of the campaign (look at the operator's audit line, and in Kore's console):
  team-a/forced
  team-a/replaced";
        assert_eq!(expected.in_words(), words);
    }

    #[test]
    fn what_is_left_has_to_be_held_for_a_while() {
        let mut board = Board::of(vec![seen(&living("a", |_| {}))], at(0));
        assert!(board.is_empty() && !board.tally(at(0)).is_clean(), "its deletion has not begun");
        board.called("uid-a", Call::Taken, at(99));
        assert!(!board.is_settled(at(99)));
        assert!(board.see(suspended("a"), at(100)).is_some());
        assert!(board.see(suspended("a"), at(105)).is_none(), "no news");
        assert!(!board.is_settled(at(109)));
        assert!(board.is_settled(at(110)));
        board.gone("uid-a", Some(ended("a", "Deleted")), at(111));
        assert!(board.is_empty() && board.is_settled(at(111)) && board.tally(at(111)).is_clean());
        assert_eq!(board.gone("uid-a", None, at(112)), None, "it goes once");
        assert_eq!(board.tally(at(112)).deleted, 1);
    }

    /// Without an operator nothing ends by itself, and whoever waits is told so.
    #[test]
    fn a_deletion_that_no_operator_answers_is_settled() {
        let unanswered = |object: &mut serde_json::Value| object["status"] = json!({"observedGeneration": 1});
        let mut board = Board::of(vec![seen(&living("a", |_| {}))], at(-60));
        board.see(seen(&deleting("a", "CampaignFound", unanswered)), at(-60));
        assert!(!board.is_settled(at(-45)) && board.is_settled(at(-29)));
        let held = "team-a/a: the operator should have acted by now: does one run?";
        assert_eq!(board.tally(at(-29)).held, [held]);
    }

    #[test]
    fn a_board_grows_only_if_it_is_to_show_all() {
        let mut chosen = Board::of(Vec::new(), at(0));
        let mut all = Board::of_all(at(0));
        for board in [&mut chosen, &mut all] {
            board.see(seen(&living("living", |_| {})), at(1));
            board.see(suspended("held"), at(1));
        }
        assert_eq!((chosen.counts(), all.counts()), ((0, 0), (1, 0)));
    }

    #[test]
    fn what_is_held_is_shown_first_and_the_rest_by_its_time() {
        let waiting = |name: &str, next: i64| {
            seen(&deleting(name, "WaitingForQuota", |object| {
                object["status"]["deletion"]["nextAttemptAt"] = json!(at(next));
                object["status"]["deletion"]["attempts"] = json!(2);
            }))
        };
        let board = Board::of(vec![waiting("late", 190), suspended("held"), waiting("soon", 30)], at(0));
        let lines = [
            "team-a/held  Suspended",
            "team-a/soon  WaitingForQuota, number 1 of 2, next request in 30s, 2 attempts so far",
            "team-a/late  WaitingForQuota, number 2 of 2, next request in 3m10s, 2 attempts so far",
        ];
        assert_eq!(board.lines(3, at(0)), lines);
        assert_eq!(board.lines(2, at(0)), [lines[0], "and 2 more"]);
        let headline = "1 held, 2 going on, the last is scheduled for 2027-01-15T08:03:10Z (in 3m10s)";
        assert_eq!(board.headline(at(0)), headline);
    }

    /// The policy came after a DELETE: whether the campaign is there, only Kore knows.
    #[test]
    fn a_campaign_that_was_orphaned_too_late_is_not_said_to_stay() {
        let lost = json!({"attempts": 1, "mayHaveTakenEffectAt": at(-1)});
        for (before, recorded, clean) in [
            ("WaitingForQuota", json!({"attempts": 0}), true),
            ("RefusedByService", json!({"attempts": 1}), true),
            ("ServiceUnreachable", lost, false),
            // The operator was killed meanwhile.
            ("Deleting", json!({"attempts": 0}), false),
        ] {
            let last = Seen::of(&deleting("late", "Orphaned", |object| {
                let deletion = object["status"]["deletion"].as_object_mut().unwrap();
                deletion.extend(recorded.as_object().unwrap().clone());
                deletion.insert("outcome".to_owned(), json!("Orphaned"));
            }));
            let mut board = Board::of(vec![seen(&deleting("late", before, |_| {}))], at(0));
            board.see(last.clone(), at(1));
            let line = board.gone(&last.uid, Some(last.clone()), at(1)).unwrap();
            assert_eq!(line.contains("and leaves its campaign in Kore"), clean, "{line}");
            assert_eq!(board.tally(at(1)).is_clean(), clean, "{before}");
        }
    }

    /// A campaign that two resources stand for is deleted once, however the other one ends.
    #[test]
    fn a_campaign_is_counted_once_if_another_resource_deletes_it() {
        for other in ["Orphaned", "Absent"] {
            let both = [("one", "Deleted"), ("other", other)].map(|(name, outcome)| {
                seen(&deleting(name, outcome, |object| {
                    object["spec"]["campaignId"] = json!("cd-shared");
                    object["status"]["deletion"]["outcome"] = json!(outcome);
                }))
            });
            let mut board = Board::of(both.clone().into(), at(0));
            for one in both {
                board.gone(&one.uid.clone(), Some(one), at(1));
            }
            let tally = board.tally(at(1));
            assert_eq!((tally.deleted, tally.absent, tally.orphaned), (1, 0, 0), "{other}");
        }
    }

    /// An operator that has ended in the middle of a step says nothing of it.
    #[test]
    fn a_step_that_does_not_end_is_not_waited_for() {
        let ending =
            |object: &mut serde_json::Value| object["status"]["deletion"]["outcome"] = json!("Deleted");
        let unanswered = |object: &mut serde_json::Value| object["metadata"]["generation"] = json!(3);
        for silent in [
            seen(&deleting("a", "Deleting", |_| {})),
            seen(&deleting("a", "Deleted", ending)),
            seen(&deleting("a", "MassDeletion", unanswered)),
        ] {
            let board = Board::of(vec![silent], at(0));
            assert!(!board.is_settled(at(120)) && board.is_settled(at(121)));
        }
        // It waits for its account, however long that takes.
        let waits = seen(&deleting("a", "AccountUnavailable", |_| {}));
        assert!(!Board::of(vec![waits], at(0)).is_settled(at(9999)));
    }
}
