use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use crate::connection::brake::{Brake, Candidate, Passage};
use crate::connection::name::ConnectionName;

/// The deletions that wait for the brake of their connection: those that ask to begin, and those whose status
/// says that the brake holds them.
#[derive(Default)]
pub struct Asking {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By connection and uid.
    waiting: HashMap<ConnectionName, BTreeMap<String, Asked>>,
    /// The connection of each uid.
    of: HashMap<String, ConnectionName>,
}

struct Asked {
    requested_at: Timestamp,
    since: Instant,
    /// The name of the object.
    name: String,
    /// Whether its status says that it is held.
    told: bool,
}

impl Asking {
    /// The deletion of the object of this name waits for the brake; its status may say so. Returns whether
    /// that is new, and since when it waits.
    pub fn note(
        &self,
        connection: &ConnectionName,
        Candidate { requested_at, uid }: Candidate,
        name: &str,
        told: bool,
    ) -> (bool, Instant) {
        let mut known = self.known();
        if known.of.get(&uid).is_some_and(|before| before != connection) {
            known.forget(&uid);
        }
        let new = known.of.insert(uid.clone(), connection.clone()).is_none();
        let waiting = known.waiting.entry(connection.clone()).or_default();
        let asked = waiting.entry(uid).or_insert_with(|| Asked {
            requested_at,
            since: Instant::now(),
            name: name.to_owned(),
            told,
        });
        asked.told |= told;
        (new, asked.since)
    }

    /// The names of the objects that do not know yet what the brake says of their deletion.
    pub fn answered(&self, connection: &ConnectionName, brake: &Brake) -> Vec<String> {
        let known = self.known();
        let waiting = known.waiting.get(connection).into_iter().flatten();
        let answered = waiting.filter(|(uid, asked)| match brake.passage(uid, asked.requested_at) {
            Passage::Admitted | Passage::Approved => true,
            Passage::Held(_) => !asked.told,
            Passage::Undecided => false,
        });
        answered.map(|(_, asked)| asked.name.clone()).collect()
    }

    /// A deletion waits no more. Returns the connection whose brake it waited for.
    pub fn forget(&self, uid: &str) -> Option<ConnectionName> {
        self.known().forget(uid)
    }

    /// All that wait for the brake of a connection.
    pub fn at(&self, connection: &ConnectionName) -> Vec<Candidate> {
        let known = self.known();
        let waiting = known.waiting.get(connection).into_iter().flatten();
        waiting.map(|(uid, asked)| Candidate { requested_at: asked.requested_at, uid: uid.clone() }).collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget(&mut self, uid: &str) -> Option<ConnectionName> {
        let connection = self.of.remove(uid)?;
        if let Some(waiting) = self.waiting.get_mut(&connection) {
            waiting.remove(uid);
            if waiting.is_empty() {
                self.waiting.remove(&connection);
            }
        }
        Some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_waits_for_one_brake_and_once() {
        let asking = Asking::default();
        let [one, other] = ["c", "d"].map(|name| ConnectionName::new("n", name));
        let candidate = |uid: &str| Candidate { requested_at: Timestamp::UNIX_EPOCH, uid: uid.to_owned() };
        let note =
            |connection: &ConnectionName, uid: &str| asking.note(connection, candidate(uid), uid, false);
        let (new, since) = note(&one, "a");
        assert!(new);
        assert_eq!(note(&one, "a"), (false, since));
        note(&one, "b");
        assert_eq!(asking.at(&one), [candidate("a"), candidate("b")]);
        assert!(note(&other, "a").0);
        assert_eq!((asking.at(&one), asking.at(&other)), (vec![candidate("b")], vec![candidate("a")]));
        assert_eq!(asking.forget("a"), Some(other.clone()));
        assert_eq!((asking.forget("a"), asking.at(&other)), (None, Vec::new()));
    }

    /// Who knows that it is held is not woken for others that are let through.
    #[test]
    fn who_does_not_know_the_answer_is_woken() {
        let (asking, name) = (Asking::default(), ConnectionName::new("n", "c"));
        for (uid, told) in [("admitted", false), ("held", false), ("told", true)] {
            let candidate = Candidate { requested_at: Timestamp::UNIX_EPOCH, uid: uid.to_owned() };
            asking.note(&name, candidate, uid, told);
        }
        let brake = |status: &serde_json::Value| {
            let object = serde_json::json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
                "metadata": {"name": "c", "namespace": "n"},
                "spec": {"host": "https://h", "accountId": "a", "credentialsSecretRef": {"name": "s"},
                    "deletionBrake": {"maxPerHour": 1}},
                "status": {"campaigns": 0, "deletionBrake": status}});
            Brake::of(&serde_json::from_value(object).unwrap()).unwrap()
        };
        assert!(asking.answered(&name, &brake(&serde_json::json!({}))).is_empty());
        let admitted = serde_json::json!([{"uid": "admitted", "requestedAt": "1970-01-01T00:00:00Z"}]);
        let holding =
            brake(&serde_json::json!({"admitted": admitted, "holdingSince": "1970-01-01T00:00:00Z"}));
        assert_eq!(asking.answered(&name, &holding), ["admitted", "held"]);
    }
}
