//! What is deleted, and how Kore answers it, before any fault.

use kore_simulator::{Behaviour, DeletionMode};
use testbed::faults::Kind;

/// How an undisturbed deletion goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Kore confirms the DELETE.
    Confirmed,
    /// The campaign was deleted elsewhere.
    Absent,
    /// Kore answers 202, and deletes a moment later.
    Accepted,
    /// The campaign, its connection and the Secret are deleted together.
    Everything,
}

impl Scenario {
    pub const ALL: [Self; 4] = [Self::Confirmed, Self::Absent, Self::Accepted, Self::Everything];

    /// The first part of the names of its plans.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Absent => "absent",
            Self::Accepted => "accepted",
            Self::Everything => "everything",
        }
    }

    /// The scenario of a plan, by its name.
    pub fn of_plan(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| name.split('/').next() == Some(scenario.name()))
    }

    pub fn behaviour(self) -> Behaviour {
        let deletion = match self {
            Self::Accepted => DeletionMode::Accepted { after_ms: Some(500) },
            Self::Confirmed | Self::Absent | Self::Everything => DeletionMode::Synchronous,
        };
        Behaviour { requests_per_minute: None, deletion, ..Behaviour::default() }
    }

    /// The effects of an undisturbed run by kind, and how many there are of each; the run itself is held
    /// against it.
    pub fn effects(self) -> &'static [(Kind, u32)] {
        match self {
            Self::Confirmed => &[(Kind::KoreDelete, 1), (Kind::Status, 1), (Kind::Finalizer, 1)],
            // 202: a look after a pause that is longer than Kore takes; from there on the same.
            Self::Absent | Self::Accepted => &[
                (Kind::KoreDelete, 1),
                (Kind::Status, 4),
                (Kind::KoreGet, 1),
                (Kind::KoreList, 2),
                (Kind::Finalizer, 1),
            ],
            Self::Everything => &[
                (Kind::KoreDelete, 1),
                (Kind::Status, 1),
                (Kind::Finalizer, 1),
                (Kind::SecretFinalizer, 1),
                (Kind::ConnectionFinalizer, 1),
            ],
        }
    }
}
