//! The brake of a connection: objects that ask, an instance or two that count, and a person who approves.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use stateright::{Model, Property};
use voicecampaign_operator::api::{APPROVE_DELETIONS, KoreConnection, Reason};
use voicecampaign_operator::campaign::{Observed, Step, decide};
use voicecampaign_operator::connection::{Brake, Candidate, Connection, next_brake_status};

use crate::shell::usable;
use crate::world::{Second, Status, Stored, at, checked};

/// Objects, one more than may begin, and one more.
const OBJECTS: usize = MAX + 2;
/// Deletions that may begin within an hour.
const MAX: usize = 1;
const HOUR: Second = 3600;
/// How far the clock goes at once.
const STEP: Second = 1200;
/// How far ahead an approval reaches.
const APPROVAL: Second = 1800;

/// What is explored.
pub struct Brakes {
    pub instances: usize,
    /// Processes that are killed.
    pub crashes: u8,
    /// Changes of the annotation.
    pub approvals: u8,
    /// Nothing is looked at that is later.
    pub until: Second,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    now: Second,
    /// The versions of the connection, the newest last.
    connection: Vec<Version>,
    objects: [Object; OBJECTS],
    instances: Vec<Instance>,
    crashes: u8,
    approvals: u8,
}

/// A version of the connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Version {
    approved_until: Option<Second>,
    /// The status of the brake, as JSON.
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Object {
    stored: Stored,
    sent: bool,
    /// Whether a person had approved it when the operator last read the connection for it.
    approved: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Instance {
    /// The version of the connection that its watch has shown.
    view: usize,
    /// Since when each object asks.
    asked: [Option<Second>; OBJECTS],
    /// The version of the connection that was read when its turn came, as long as the pass goes on.
    turn: [Option<usize>; OBJECTS],
    /// A status that is on its way, and the version from which it was decided.
    writes: Option<(usize, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Somebody deletes an object.
    Delete(usize),
    /// An instance does one step for an object.
    Step(usize, usize),
    /// It reads the connection, and decides who may begin.
    Decide(usize),
    /// What it has decided arrives at the API server.
    Write(usize),
    /// Its watch shows the next version of the connection.
    Show(usize),
    Crash(usize),
    Approve,
    Withdraw,
    Sleep,
}

const KEPT: &str = "no hour has more deletions than the brake lets through, but for those that are approved";
const TOLD: &str = "whoever does not begin is told that the brake holds it";
const RELEASED: &str = "what is approved begins";

impl Model for Brakes {
    type State = Account;
    type Action = Action;

    fn init_states(&self) -> Vec<Account> {
        let object = |uid: usize| Object {
            stored: Stored::new(u8::try_from(uid).unwrap()),
            sent: false,
            approved: false,
        };
        let instance = Instance { view: 0, asked: [None; OBJECTS], turn: [None; OBJECTS], writes: None };
        let living = Account {
            now: 0,
            connection: vec![Version { approved_until: None, status: "null".to_owned() }],
            objects: std::array::from_fn(object),
            instances: vec![instance; self.instances],
            crashes: self.crashes,
            approvals: self.approvals,
        };
        // All at once: what follows lies deeper than is explored.
        let mut deleted = living.clone();
        (0..OBJECTS).for_each(|object| deleted.apply(Action::Delete(object)));
        vec![living, deleted]
    }

    fn actions(&self, account: &Account, actions: &mut Vec<Action>) {
        checked();
        for (number, object) in account.objects.iter().enumerate() {
            if object.stored.deleted_at.is_none() {
                actions.push(Action::Delete(number));
            } else if !object.sent {
                actions.extend((0..account.instances.len()).map(|instance| Action::Step(instance, number)));
            }
        }
        for (number, instance) in account.instances.iter().enumerate() {
            match instance.writes {
                None => actions.push(Action::Decide(number)),
                Some(_) => actions.push(Action::Write(number)),
            }
            if instance.view + 1 < account.connection.len() {
                actions.push(Action::Show(number));
            }
            if account.crashes > 0 {
                actions.push(Action::Crash(number));
            }
        }
        if account.approvals > 0 {
            let approved = account.newest().approved_until.is_some();
            actions.push(if approved { Action::Withdraw } else { Action::Approve });
        }
        actions.push(Action::Sleep);
    }

    fn next_state(&self, account: &Account, action: Action) -> Option<Account> {
        let mut next = account.clone();
        next.apply(action);
        (next != *account).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(KEPT, |_, account: &Account| account.keeps_the_number()),
            Property::always(TOLD, |_, account: &Account| account.comes_to_rest().are_told()),
            Property::always(RELEASED, |_, account: &Account| account.is_released()),
            // Otherwise nothing was shown.
            Property::sometimes("one is held", |_, account: &Account| {
                account.objects.iter().any(Object::is_held)
            }),
            Property::sometimes("as many as may are sent", |_, account: &Account| {
                account.objects.iter().filter(|object| object.sent && !object.approved).count() == MAX
            }),
        ]
    }

    fn within_boundary(&self, account: &Account) -> bool {
        account.now <= self.until
    }
}

impl Object {
    fn is_held(&self) -> bool {
        let status = self.stored.status.known.as_ref();
        status.is_some_and(|status| {
            status.conditions.iter().any(|condition| condition.reason == Reason::MassDeletion.as_str())
        })
    }
}

impl Version {
    fn object(&self) -> KoreConnection {
        let status: serde_json::Value = serde_json::from_str(&self.status).unwrap();
        let annotations: serde_json::Map<_, _> = self
            .approved_until
            .map(|until| (APPROVE_DELETIONS.to_owned(), json!(at(until))))
            .into_iter()
            .collect();
        let object = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": "production", "namespace": "n", "annotations": annotations},
            "spec": {"host": "https://h", "accountId": "a", "credentialsSecretRef": {"name": "s"},
                "deletionBrake": {"maxPerHour": MAX}},
            "status": {"campaigns": 0, "deletionBrake": status}});
        serde_json::from_value(object).unwrap()
    }

    fn brake(&self) -> Arc<Brake> {
        thread_local! {
            static READ: RefCell<HashMap<Version, Arc<Brake>>> = RefCell::default();
        }
        let read = || Arc::new(Brake::of(&self.object()).unwrap());
        READ.with_borrow_mut(|known| known.entry(self.clone()).or_insert_with(read).clone())
    }
}

impl Account {
    fn newest(&self) -> &Version {
        self.connection.last().unwrap()
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::Delete(object) => self.objects[object].stored.deleted_at = Some(self.now),
            Action::Step(instance, object) => self.step(instance, object),
            Action::Decide(instance) => {
                let asked = self.instances[instance].asked.iter().zip(&self.objects);
                let asking =
                    asked.filter(|(asked, object)| asked.is_some() && !object.sent).map(|(_, object)| {
                        Candidate {
                            requested_at: at(object.stored.deleted_at.unwrap_or_default()),
                            uid: format!("uid-{}", object.stored.uid),
                        }
                    });
                let status = next_brake_status(&self.newest().object(), asking.collect(), at(self.now));
                let status = serde_json::to_string(&status).unwrap();
                if status != self.newest().status {
                    self.instances[instance].writes = Some((self.connection.len(), status));
                }
            }
            Action::Write(instance) => {
                // The patch tests the version.
                if let Some((version, status)) = self.instances[instance].writes.take()
                    && version == self.connection.len()
                {
                    self.connection.push(Version { status, ..self.newest().clone() });
                }
            }
            Action::Show(instance) => self.instances[instance].view += 1,
            Action::Crash(instance) => {
                self.crashes -= 1;
                let view = self.connection.len() - 1;
                // What was under way may arrive nevertheless.
                let writes = self.instances[instance].writes.take();
                let asked = std::array::from_fn(|object| self.objects[object].is_held().then_some(self.now));
                self.instances[instance] = Instance { view, asked, turn: [None; OBJECTS], writes };
            }
            Action::Approve => {
                self.approvals -= 1;
                let until = self.now + APPROVAL;
                self.connection.push(Version { approved_until: Some(until), ..self.newest().clone() });
            }
            Action::Withdraw => {
                self.approvals -= 1;
                self.connection.push(Version { approved_until: None, ..self.newest().clone() });
            }
            Action::Sleep => self.now += STEP,
        }
    }

    fn is_approved(&self, object: &Object) -> bool {
        let until = self.newest().approved_until;
        until.zip(object.stored.deleted_at).is_some_and(|(until, at)| at < until)
    }

    fn step(&mut self, instance: usize, number: usize) {
        let Instance { view, asked, turn, .. } = &self.instances[instance];
        let object = self.objects[number].stored.object(number);
        let mut usable = usable();
        usable.brake = Some(self.connection[turn[number].unwrap_or(*view)].brake());
        let connection = Connection::Usable(Box::new(usable));
        let (asked_brake_at, has_turn) = (asked[number].map(at), turn[number].is_some());
        let observed = Observed { asked_brake_at, has_turn, ..Observed::new(&object, &connection) };
        match decide(&observed, at(self.now)) {
            Step::AskBrake => self.instances[instance].asked[number] = Some(self.now),
            Step::AwaitTurn => {
                self.instances[instance].turn[number] = Some(self.connection.len() - 1);
                self.objects[number].approved = self.is_approved(&self.objects[number]);
            }
            Step::Delete => {
                self.objects[number].sent = true;
                self.instances.iter_mut().for_each(|instance| instance.asked[number] = None);
            }
            Step::Record(status) => {
                self.objects[number].stored.status = Status::of(*status);
                self.instances[instance].turn[number] = None;
            }
            Step::Wait { .. } | Step::Stall { .. } => self.instances[instance].turn[number] = None,
            step @ (Step::Done
            | Step::Protect
            | Step::AddFinalizer
            | Step::Resolve
            | Step::Get(_)
            | Step::List { .. }
            | Step::Release(_)) => unreachable!("{step:?} of a deletion that has not begun"),
        }
    }

    fn keeps_the_number(&self) -> bool {
        let unasked = self.objects.iter().filter(|object| object.sent && !object.approved);
        let times: Vec<Second> = unasked.filter_map(|object| object.stored.deleted_at).collect();
        let within_an_hour =
            |from: &Second| times.iter().filter(|at| (*from..from + HOUR).contains(at)).count();
        times.iter().all(|from| within_an_hour(from) <= MAX)
    }

    /// The same when the first instance has done everything that it can.
    fn comes_to_rest(&self) -> Self {
        let mut account = self.clone();
        for _ in 0..4 * OBJECTS {
            let before = account.clone();
            for number in 0..OBJECTS {
                let is_deleted = account.objects[number].stored.deleted_at.is_some();
                for _ in 0..4 {
                    if is_deleted && !account.objects[number].sent {
                        account.apply(Action::Step(0, number));
                    }
                }
            }
            account.apply(Action::Write(0));
            account.apply(Action::Decide(0));
            account.apply(Action::Write(0));
            account.instances[0].view = account.connection.len() - 1;
            if account == before {
                break;
            }
        }
        account
    }

    fn are_told(&self) -> bool {
        let mut waiting =
            self.objects.iter().filter(|object| object.stored.deleted_at.is_some() && !object.sent);
        waiting.all(Object::is_held)
    }

    fn is_released(&self) -> bool {
        let mut account = self.clone();
        account.connection.push(Version { approved_until: Some(self.now + 1), ..self.newest().clone() });
        let rested = account.comes_to_rest();
        rested.objects.iter().all(|object| object.sent || object.stored.deleted_at.is_none())
    }
}
