//! The brake of a connection: which deletions may begin, if many do within an hour. Pure.
//!
//! ```text
//!   a deletion that is about to begin ─▶ passage: admitted, held, or nobody has decided yet
//!                                                                        │ it asks
//!   connection's controller ─▶ next: the status with those that it lets through ─▶ API server ─▶ watch
//! ```
//!
//! A deletion begins only once the status of the connection names it. So a restart, or another leader, lets
//! nobody through twice. What counts is when a deletion was requested, by the clock of the API server.

#![warn(clippy::wildcard_enum_match_arm)]

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{
    APPROVE_DELETIONS, AdmittedDeletion, Approval, DeletionBrakeStatus, KoreConnection, bounded,
};
use crate::kube_ext::round_down;
use crate::pacing::CLOCKS_DIFFER;

/// The window in which deletions are counted.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// How far ahead an approval may reach when it is first seen. One that is forgotten must not switch the brake
/// off for ever.
pub const LONGEST_APPROVAL: SignedDuration = SignedDuration::from_hours(24);

/// The brake of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Brake {
    max_per_hour: usize,
    admitted: Vec<AdmittedDeletion>,
    approved_until: Option<Timestamp>,
    holding: Option<Holding>,
}

/// What the brake holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Since when.
    pub since: Timestamp,
    /// How many may begin within an hour.
    pub max_per_hour: usize,
}

/// What the brake says of a deletion that is about to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It may begin, and stays so.
    Admitted,
    /// It may begin as long as a person approves it.
    Approved,
    /// The controller of the connection has to decide.
    Undecided,
    /// A person has to approve it.
    Held(Holding),
}

/// A deletion that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// When it was requested.
    pub requested_at: Timestamp,
    /// The uid of the object.
    pub uid: String,
}

impl Brake {
    /// The brake as spec and status of the connection have it; `None` if the connection has none.
    pub fn of(connection: &KoreConnection) -> Option<Self> {
        let max_per_hour = max_per_hour(connection)?;
        let status = stored(connection);
        let holding = status.holding_since.as_ref().map(|since| Holding { since: since.0, max_per_hour });
        // The annotation may be gone by now, or another one.
        let approval = status.approval.filter(|approval| annotated(connection) == Some(approval.until.0));
        let approved_until = approval.as_ref().and_then(effective);
        Some(Self { max_per_hour, admitted: status.admitted, approved_until, holding })
    }

    /// Until when a person has approved all deletions: those that are requested before begin.
    pub fn approved_until(&self) -> Option<Timestamp> {
        self.approved_until
    }

    /// Whether it has let this object's deletion through.
    fn has_admitted(&self, uid: &str) -> bool {
        self.admitted.iter().any(|admitted| admitted.uid == uid)
    }

    /// Whether a deletion may begin.
    pub fn passage(&self, uid: &str, requested_at: Timestamp) -> Passage {
        if self.has_admitted(uid) {
            return Passage::Admitted;
        }
        if self.approves(requested_at) {
            return Passage::Approved;
        }
        match self.holding {
            Some(holding) if !self.has_room(requested_at) => Passage::Held(holding),
            Some(_) | None => Passage::Undecided,
        }
    }

    /// How many deletions that are requested now may begin; `None` for all, because a person approves them.
    pub fn room(&self, now: Timestamp) -> Option<usize> {
        let counted = self.admitted.iter().filter(|admitted| admitted.requested_at.0 + WINDOW > now).count();
        (!self.approves(now)).then(|| self.max_per_hour.saturating_sub(counted))
    }

    /// What changes for all deletions at once. Those that are admitted are woken one by one.
    pub fn what_matters(&self) -> impl PartialEq + Clone + use<> {
        (self.max_per_hour, self.approved_until, self.holding)
    }

    fn approves(&self, requested_at: Timestamp) -> bool {
        self.approved_until.is_some_and(|until| requested_at < until)
    }

    /// Whether fewer deletions than are allowed were requested in the hour before this one, or since. So the
    /// newest are enough to know, also if this one is late.
    fn has_room(&self, requested_at: Timestamp) -> bool {
        let counts = |admitted: &&AdmittedDeletion| admitted.requested_at.0 + WINDOW > requested_at;
        self.admitted.iter().filter(counts).count() < self.max_per_hour
    }

    fn admit(&mut self, Candidate { requested_at, uid }: Candidate) {
        self.admitted.push(AdmittedDeletion { uid, requested_at: Time(requested_at) });
    }
}

/// The status of the brake, with those that it lets through now: the oldest first. `None` if the connection
/// has no brake.
pub fn next(
    connection: &KoreConnection,
    mut asking: Vec<Candidate>,
    now: Timestamp,
) -> Option<DeletionBrakeStatus> {
    let max_per_hour = max_per_hour(connection)?;
    let stored = stored(connection);
    let counted = stored.admitted.len();
    let approval = annotated(connection).map(|until| match &stored.approval {
        Some(known) if known.until.0 == until => known.clone(),
        Some(_) | None => Approval { until: Time(until), seen_at: round_down(now) },
    });
    let approved_until = approval.as_ref().and_then(effective);
    let mut brake = Brake { max_per_hour, admitted: stored.admitted, approved_until, holding: None };
    asking.sort_unstable();
    let mut held = 0_usize;
    for candidate in asking {
        match brake.passage(&candidate.uid, candidate.requested_at) {
            Passage::Admitted | Passage::Approved => {}
            Passage::Undecided | Passage::Held(_) if brake.has_room(candidate.requested_at) => {
                brake.admit(candidate);
            }
            Passage::Undecided | Passage::Held(_) => held += 1,
        }
    }
    // What holds a deletion now holds it also once the number is lowered, and raised again.
    let most = if held > 0 { counted.max(max_per_hour) } else { max_per_hour };
    let since = stored.holding_since.unwrap_or_else(|| round_down(now));
    Some(DeletionBrakeStatus {
        admitted: newest(brake.admitted, most),
        holding_since: (held > 0).then_some(since),
        held: i32::try_from(held).unwrap_or(i32::MAX),
        approval,
    })
}

/// The newest of them: older ones can't fill an hour any more that the newest do not fill. Those of the last
/// hour stay also if the number was lowered: it may be raised again.
fn newest(mut admitted: Vec<AdmittedDeletion>, most: usize) -> Vec<AdmittedDeletion> {
    admitted.sort_by_key(|admitted| admitted.requested_at.0);
    let Some(last) = admitted.last().map(|last| last.requested_at.0) else { return admitted };
    let too_many = admitted.len().saturating_sub(most);
    let old = admitted.partition_point(|admitted| admitted.requested_at.0 + WINDOW <= last);
    admitted.drain(..too_many.min(old));
    admitted
}

/// Until when an approval approves, if it counts.
fn effective(approval: &Approval) -> Option<Timestamp> {
    let (until, seen_at) = (approval.until.0, approval.seen_at.0);
    (until.duration_since(seen_at) <= LONGEST_APPROVAL + CLOCKS_DIFFER).then_some(until)
}

/// Whether the annotation of the connection approves nothing, because it can't be read or reaches too far.
pub fn is_void(connection: &KoreConnection) -> bool {
    if annotation(connection).is_none() {
        return false;
    }
    let Some(until) = annotated(connection) else { return true };
    let known = stored(connection).approval.filter(|approval| approval.until.0 == until);
    known.is_some_and(|approval| effective(&approval).is_none())
}

/// The time that the annotation names, as the status records it: in whole seconds, and within the years that
/// the status can hold.
pub fn annotated(connection: &KoreConnection) -> Option<Timestamp> {
    let until = bounded(Time(annotation(connection)?.parse().ok()?));
    Some(round_down(until.0).0)
}

fn annotation(connection: &KoreConnection) -> Option<&str> {
    connection.metadata.annotations.as_ref()?.get(APPROVE_DELETIONS).map(String::as_str)
}

fn max_per_hour(connection: &KoreConnection) -> Option<usize> {
    let brake = connection.spec.deletion_brake.as_ref()?;
    Some(usize::try_from(brake.max_per_hour).unwrap_or(1).max(1))
}

/// The status of the brake as it is stored.
pub fn stored(connection: &KoreConnection) -> DeletionBrakeStatus {
    let status = connection.status.as_ref().and_then(|status| status.deletion_brake.as_deref());
    status.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn connection(max: usize, approve: Option<&str>, status: Option<&DeletionBrakeStatus>) -> KoreConnection {
        let mut object = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": "production", "namespace": "n", "annotations": {}},
            "spec": {"host": "https://h", "accountId": "a", "credentialsSecretRef": {"name": "s"},
                "deletionBrake": {"maxPerHour": max}},
            "status": {"campaigns": 0, "deletionBrake": status}});
        if let Some(until) = approve {
            object["metadata"]["annotations"][APPROVE_DELETIONS] = json!(until);
        }
        serde_json::from_value(object).unwrap()
    }

    fn candidates(minutes: &[i64]) -> Vec<Candidate> {
        let candidate = |(number, minute): (usize, &i64)| Candidate {
            requested_at: at(*minute),
            uid: format!("{minute}-{number}"),
        };
        minutes.iter().enumerate().map(candidate).collect()
    }

    fn admitted(status: &DeletionBrakeStatus) -> Vec<&str> {
        status.admitted.iter().map(|admitted| admitted.uid.as_str()).collect()
    }

    #[test]
    fn those_within_the_number_go_on_and_the_others_are_held() {
        let before = connection(2, None, None);
        assert_eq!(Brake::of(&before).unwrap().passage("x", at(0)), Passage::Undecided);
        let status = next(&before, candidates(&[0, 0, 0, 0]), at(1)).unwrap();
        assert_eq!(admitted(&status), ["0-0", "0-1"]);
        assert_eq!((status.held, status.holding_since.as_ref()), (2, Some(&Time(at(1)))));
        let after = connection(2, None, Some(&status));
        let brake = Brake::of(&after).unwrap();
        assert_eq!(brake.passage("0-1", at(0)), Passage::Admitted);
        let holding = Holding { since: at(1), max_per_hour: 2 };
        assert_eq!(brake.passage("0-2", at(0)), Passage::Held(holding));
        // Also much later: no hour lets more of them through.
        let later = next(&after, candidates(&[0, 0, 0, 0]), at(600)).unwrap();
        assert_eq!(later, status);
        // A deletion of another hour is none of them.
        assert_eq!(brake.passage("x", at(60)), Passage::Undecided);
        let other = next(&after, candidates(&[60]), at(60)).unwrap();
        assert_eq!((admitted(&other), other.held), (vec!["0-1", "60-0"], 0));
        let none = next(&after, Vec::new(), at(90)).unwrap();
        assert_eq!((none.held, none.holding_since), (0, None));
    }

    #[test]
    fn an_approval_is_of_what_was_requested_before_its_end() {
        let held = next(&connection(1, None, None), candidates(&[0, 0]), at(1)).unwrap();
        let until = at(30).to_string();
        let asked = connection(1, Some(&until), Some(&held));
        assert_ne!(
            Brake::of(&asked).unwrap().passage("0-1", at(0)),
            Passage::Approved,
            "nobody has seen it yet"
        );
        let status = next(&asked, candidates(&[0, 0]), at(10)).unwrap();
        assert_eq!((admitted(&status), status.held), (vec!["0-0"], 0), "it counts nothing that was approved");
        let approved = connection(1, Some(&until), Some(&status));
        let passage =
            |connection: &KoreConnection, minute| Brake::of(connection).unwrap().passage("x", at(minute));
        assert_eq!(passage(&approved, 29), Passage::Approved);
        assert_ne!(passage(&approved, 30), Passage::Approved);
        let taken_back = connection(1, None, Some(&status));
        assert_ne!(passage(&taken_back, 0), Passage::Approved);
    }

    /// An approval that reaches too far does not begin to count when its end comes near.
    #[test]
    fn an_approval_is_for_a_day_at_most() {
        let passage_after = |hours: i64| {
            let until = (at(0) + SignedDuration::from_hours(hours)).to_string();
            let status = next(&connection(1, Some(&until), None), Vec::new(), at(0)).unwrap();
            let later = connection(1, Some(&until), Some(&status));
            let status = next(&later, Vec::new(), at(0) + SignedDuration::from_hours(hours - 1)).unwrap();
            let connection = connection(1, Some(&until), Some(&status));
            (Brake::of(&connection).unwrap().passage("x", at(5)), is_void(&connection))
        };
        assert_eq!(passage_after(24), (Passage::Approved, false));
        assert_eq!(passage_after(25), (Passage::Undecided, true));
        assert!(is_void(&connection(1, Some("tomorrow"), None)));
        assert!(!is_void(&connection(1, None, None)));
    }

    /// A number that is lowered and raised again lets nobody through anew.
    #[test]
    fn a_number_that_was_lowered_forgets_nothing_of_the_last_hour() {
        let begun = next(&connection(3, None, None), candidates(&[0, 1, 2]), at(3)).unwrap();
        let lowered = next(&connection(1, None, Some(&begun)), candidates(&[3]), at(3)).unwrap();
        assert_eq!((lowered.admitted.len(), lowered.held), (3, 1));
        let raised = next(&connection(3, None, Some(&lowered)), candidates(&[3]), at(4)).unwrap();
        assert_eq!((raised.admitted.len(), raised.held), (3, 1));
        let later = next(&connection(1, None, Some(&raised)), candidates(&[90]), at(90)).unwrap();
        assert_eq!(admitted(&later), ["90-0"]);
    }

    /// Neither does one that is lowered for hours, while it goes on to hold them.
    #[test]
    fn a_number_that_was_lowered_for_long_forgets_nobody_that_holds() {
        let asking = candidates(&[0, 0, 0, 0, 0]);
        let begun = next(&connection(3, None, None), asking.clone(), at(1)).unwrap();
        assert_eq!((begun.admitted.len(), begun.held), (3, 2));
        let held = &asking[3..];
        let later = [held, &candidates(&[120])].concat();
        let lowered = next(&connection(1, None, Some(&begun)), later, at(120)).unwrap();
        assert_eq!((lowered.admitted.len(), lowered.held), (3, 2), "one of another hour was admitted");
        let raised = next(&connection(3, None, Some(&lowered)), held.to_vec(), at(121)).unwrap();
        assert_eq!((raised.admitted, raised.held), (lowered.admitted, 2));
    }

    /// What is written is what is read back, whatever the annotation says: otherwise each pass would write.
    #[test]
    fn an_approval_is_seen_once() {
        for until in
            [at(30).to_string().replace('Z', ".123Z"), "9999-12-30T00:00:00Z".to_owned(), at(0).to_string()]
        {
            let first = next(&connection(1, Some(&until), None), Vec::new(), at(0)).unwrap();
            let text = serde_json::to_string(&first).unwrap();
            let read: DeletionBrakeStatus = serde_json::from_str(&text).unwrap();
            let object = connection(1, Some(&until), Some(&read));
            assert_eq!(next(&object, Vec::new(), at(1)).unwrap(), first, "{until}");
            assert_eq!(is_void(&object), until.starts_with('9'), "{until}");
        }
    }

    #[test]
    fn a_plan_knows_how_many_may_begin() {
        let begun = next(&connection(3, None, None), candidates(&[0, 1]), at(3)).unwrap();
        let room = |minute| Brake::of(&connection(3, None, Some(&begun))).unwrap().room(at(minute));
        assert_eq!([room(3), room(60), room(61)], [Some(1), Some(2), Some(3)]);
        let until = at(30).to_string();
        let approved = next(&connection(3, Some(&until), Some(&begun)), Vec::new(), at(3)).unwrap();
        assert_eq!(Brake::of(&connection(3, Some(&until), Some(&approved))).unwrap().room(at(3)), None);
    }

    #[test]
    fn a_connection_without_a_brake_has_none() {
        let mut without = connection(1, None, None);
        without.spec.deletion_brake = None;
        assert_eq!(Brake::of(&without), None);
        assert_eq!(next(&without, candidates(&[0]), at(0)), None);
    }

    proptest! {
        /// Whatever is asked for, in whichever order, with restarts between: of those that are let through,
        /// no more than the number were requested within any hour.
        #[test]
        fn no_hour_has_more_than_the_number(
            max in 1..5_usize,
            asked in prop::collection::vec((0..300_i64, 0..20_u8), 1..40),
            batch in 1..6_usize,
        ) {
            let mut status = None;
            let mut ever: Vec<AdmittedDeletion> = Vec::new();
            for some in asked.chunks(batch) {
                let candidates = some.iter().map(|(minute, number)| Candidate {
                    requested_at: at(*minute),
                    uid: format!("{minute}-{number}"),
                });
                let read = connection(max, None, status.as_ref());
                let written = next(&read, candidates.collect(), at(0)).unwrap();
                let brake = Brake::of(&connection(max, None, Some(&written))).unwrap();
                for one in &written.admitted {
                    prop_assert_eq!(brake.passage(&one.uid, one.requested_at.0), Passage::Admitted);
                    if !ever.contains(one) {
                        ever.push(one.clone());
                    }
                }
                // As it is read back.
                let text = serde_json::to_value(&written).unwrap();
                status = Some(serde_json::from_value::<DeletionBrakeStatus>(text).unwrap());
            }
            for one in &ever {
                let near = ever.iter().filter(|other| {
                    let apart = other.requested_at.0.duration_since(one.requested_at.0);
                    !apart.is_negative() && apart < WINDOW
                });
                prop_assert!(near.count() <= max, "{:?}", ever);
            }
        }
    }
}
