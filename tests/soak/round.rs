//! What a round consists of. Pure: the same seed and number draw the same round for ever.

use std::fmt;

use serde::Serialize;
use testbed::faults::{Action, Answer, Fault, Kind, Lasting, Random, Trigger};

/// How long a round of [`MANY`] objects goes on until nothing new happens; one of more, so much longer.
const ROUND_MS: usize = 40_000;
/// How long an object lives at most before it is deleted: not so long that others do not come and go
/// meanwhile.
const LIFE_MS: usize = 3000;
/// How many lives an object has at most, under the same name, each with a campaign of its own.
const AGAIN: usize = 8;
/// Troubles in that time.
const TROUBLES: usize = 24;
/// As many as two cores delete in that time, and create again: with more, most would wait for the API server.
const MANY: usize = 400;
/// Who applies objects.
const APPLIERS: [&str; 3] = ["argocd-controller", "kustomize-controller", "kubectl"];
/// Every so many rounds, etcd is restored from a backup at the end.
const RESTORED_EVERY: u64 = 5;

/// When the backup is made, in such a round: most objects live by then.
const BACKED_UP_MS: u64 = 5000;

/// One round.
#[derive(Clone, Debug)]
pub struct Round {
    pub seed: u64,
    pub number: u64,
    pub lives: Vec<Life>,
    pub troubles: Vec<Timed>,
    /// Whether etcd is restored in the end from a backup of the middle.
    pub restored: bool,
}

/// What becomes of an object.
#[derive(Clone, Debug)]
pub struct Life {
    pub name: String,
    /// Which namespace.
    pub tenant: usize,
    /// Whether the campaign is left in Kore.
    pub orphan: bool,
    /// Whether the object has its finalizer from birth, as manifests in Git may. Otherwise it is deleted once
    /// the operator has put it there.
    pub with_finalizer: bool,
    /// Whether it lives until the operator has found its campaign.
    pub until_found: bool,
    /// Who applies it.
    pub applier: &'static str,
    /// When it is deleted, in milliseconds after that.
    pub delete_after_ms: u64,
    /// How often it is applied again under the same name once it is gone.
    pub again: usize,
}

/// A trouble, and when it begins.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timed {
    pub after_ms: u64,
    pub what: Trouble,
}

/// What goes wrong.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Trouble {
    /// An instance is killed.
    Kill { instance: usize },
    /// An instance is stopped, and goes on after a while.
    Freeze { instance: usize, ms: u64 },
    /// Requests of an instance to the API server, or what they kill, within a while.
    Kubernetes { instance: usize, fault: Fault, ms: u64 },
    /// Requests to Kore.
    Kore { fault: Fault, ms: u64 },
    /// The clock of an instance is wrong for a while, by so many seconds.
    Clock { instance: usize, seconds: i64, ms: u64 },
    /// All connections of an instance are closed.
    Cut { instance: usize },
    /// Every request to Kore is answered so for a while.
    KoreAnswers { status: u16, ms: u64 },
    /// Kore refuses the credentials for a while.
    Revoked { ms: u64 },
    /// The API server is stopped, and goes on after a while.
    ApiServerFrozen { ms: u64 },
    /// The API server is killed and started again.
    ApiServerKilled,
    /// etcd is killed and started again.
    EtcdKilled,
    /// The API server and etcd are stopped for a moment, and what etcd has is copied.
    BackedUp,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calm = if self.is_calm() { "calm " } else { "" };
        write!(f, "{calm}round {}", self.number)
    }
}

impl Trouble {
    /// Whether it may keep the answer to a DELETE from coming, or from being recorded. Faults that hit a
    /// DELETE are counted one by one.
    pub fn may_repeat_a_delete(&self) -> bool {
        match self {
            Self::Kill { .. }
            | Self::Freeze { .. }
            | Self::Cut { .. }
            | Self::Clock { .. }
            | Self::KoreAnswers { .. }
            | Self::ApiServerFrozen { .. }
            | Self::ApiServerKilled
            | Self::EtcdKilled
            | Self::BackedUp => true,
            Self::Kubernetes { fault, .. } => {
                let writes = [Kind::Status, Kind::Finalizer];
                crashes(fault) || fault.at.kinds.iter().any(|kind| writes.contains(kind))
            }
            Self::Kore { fault, .. } => crashes(fault),
            Self::Revoked { .. } => false,
        }
    }

    /// What it is done to: two troubles of the same wait for each other.
    pub fn concerns(&self) -> Concerned {
        match self {
            // It dies in whatever state it is.
            Self::Kill { instance } | Self::Cut { instance } => Concerned::Life(*instance),
            Self::Freeze { instance, .. } => Concerned::Process(*instance),
            Self::Clock { instance, .. } => Concerned::Clock(*instance),
            Self::Kubernetes { instance, .. } => Concerned::Requests(*instance),
            Self::Kore { .. } => Concerned::Calls,
            Self::KoreAnswers { .. } => Concerned::Answers,
            Self::Revoked { .. } => Concerned::Credentials,
            Self::ApiServerFrozen { .. } | Self::ApiServerKilled | Self::EtcdKilled | Self::BackedUp => {
                Concerned::ControlPlane
            }
        }
    }
}

/// See [`Trouble::concerns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Concerned {
    Life(usize),
    Process(usize),
    Clock(usize),
    Requests(usize),
    Calls,
    Answers,
    Credentials,
    ControlPlane,
}

impl Round {
    /// Whether nothing goes wrong.
    pub fn is_calm(&self) -> bool {
        self.troubles.is_empty()
    }

    /// A round with troubles.
    pub fn drawn(seed: u64, number: u64, objects: usize) -> Self {
        let mut random = Random::seeded(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let times = objects.div_ceil(MANY);
        let mut troubles: Vec<Timed> = (0..times * TROUBLES)
            .map(|_| Timed { after_ms: below(&mut random, times * ROUND_MS), what: trouble(&mut random) })
            .collect();
        let lives = lives(&mut random, objects, &format!("r{number}"));
        let restored = number.is_multiple_of(RESTORED_EVERY);
        if restored {
            troubles.push(Timed { after_ms: BACKED_UP_MS, what: Trouble::BackedUp });
        }
        troubles.sort_by_key(|trouble| trouble.after_ms);
        Self { seed, number, lives, troubles, restored }
    }

    /// A round without.
    pub fn calm(seed: u64, number: u64, objects: usize) -> Self {
        let mut random = Random::seeded(seed);
        let lives = lives(&mut random, objects, &format!("calm{number}"));
        Self { seed, number, lives, troubles: Vec::new(), restored: false }
    }
}

fn lives(random: &mut Random, objects: usize, prefix: &str) -> Vec<Life> {
    let one = |number: usize| Life {
        name: format!("{prefix}-{number:03}"),
        tenant: random.below(3),
        orphan: random.below(10) == 0,
        with_finalizer: random.below(2) == 0,
        until_found: random.below(2) == 0,
        applier: APPLIERS[random.below(APPLIERS.len())],
        delete_after_ms: below(random, LIFE_MS),
        again: random.below(AGAIN),
    };
    (0..objects).map(one).collect()
}

fn trouble(random: &mut Random) -> Trouble {
    let instance = random.below(2);
    match random.below(18) {
        0 => Trouble::Kill { instance },
        1 | 2 => Trouble::Freeze { instance, ms: 500 + below(random, 14_000) },
        3..=6 => {
            let fault = fault(random, &KUBERNETES);
            Trouble::Kubernetes { instance, fault, ms: 1000 + below(random, 5000) }
        }
        7..=9 => Trouble::Kore { fault: fault(random, &KORE), ms: 1000 + below(random, 5000) },
        10 => Trouble::Cut { instance },
        11 | 12 => {
            Trouble::KoreAnswers { status: *random.one_of(&[404, 500, 503]), ms: 500 + below(random, 6000) }
        }
        13 => Trouble::Revoked { ms: 500 + below(random, 4000) },
        14 => Trouble::ApiServerFrozen { ms: 500 + below(random, 4000) },
        15 | 16 => {
            Trouble::Clock { instance, seconds: *random.one_of(&WRONG), ms: 2000 + below(random, 10_000) }
        }
        _ => random.one_of(&[Trouble::ApiServerKilled, Trouble::EtcdKilled]).clone(),
    }
}

fn crashes(fault: &Fault) -> bool {
    matches!(fault.then, Action::CrashBefore | Action::CrashAfter)
}

/// By how many seconds a clock is wrong: less and more than the pauses of the operator, and by a day.
const WRONG: [i64; 7] = [-86_400, -3600, -90, -8, 20, 400, 86_400];
const KUBERNETES: [Kind; 6] =
    [Kind::Status, Kind::Finalizer, Kind::Read, Kind::Watch, Kind::ConnectionStatus, Kind::Event];
const KORE: [Kind; 3] = [Kind::KoreDelete, Kind::KoreGet, Kind::KoreList];

fn fault(random: &mut Random, kinds: &[Kind]) -> Fault {
    let kind = *random.one_of(kinds);
    let times = |random: &mut Random| Lasting::Times(u32::try_from(1 + random.below(20)).unwrap_or(1));
    let lasting = if random.below(2) == 0 { times(random) } else { Lasting::ForMs(below(random, 6000)) };
    Fault { at: Trigger { kinds: vec![kind], from: 1, lasting }, then: action(random, kind) }
}

fn action(random: &mut Random, kind: Kind) -> Action {
    let mut actions = vec![
        Action::CrashBefore,
        Action::CrashAfter,
        Action::LoseRequest,
        Action::LoseAnswer,
        Action::Hang,
        Action::HangAfter,
        Action::Reset,
        Action::CutBody,
        Action::Slow { pause_ms: 20 },
        Action::Delay { ms: 1500 },
        Action::HoldWatch,
    ];
    if KORE.contains(&kind) {
        actions.retain(|action| !matches!(action, Action::HoldWatch));
    }
    // As often an answer as one of these.
    let drawn = random.below(2 * actions.len());
    let is_of_a_list = matches!(kind, Kind::Read | Kind::Watch);
    match actions.get(drawn) {
        // A watch that has become slow would stay so until the next list, long after the trouble.
        Some(Action::Slow { .. }) if is_of_a_list => return Action::Delay { ms: 1500 },
        Some(action) => return action.clone(),
        None => {}
    }
    // No API server says of an object that is there that it is not; the operator would believe it for a
    // minute.
    let status = match *random.one_of(&Answer::STATUSES) {
        404 if kind == Kind::Read => 500,
        status => status,
    };
    Action::Answer(Answer::injected(kind, status))
}

fn below(random: &mut Random, bound: usize) -> u64 {
    random.below(bound) as u64
}
