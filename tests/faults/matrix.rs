//! The plans: each effect of a deletion, and what can become of it.

use testbed::faults::{Action, Answer, Fault, Kind, Lasting, Plan, Random, Trigger};

use crate::scenario::Scenario;

/// How long a fault lasts that lasts for a while. Longer than a deadline of the operator's calls to Kore.
const WHILE_MS: u64 = 8000;
/// How long the watch is held while an operator dies and comes back.
const STALE_MS: u64 = 4000;

/// How the names of drawn plans begin, after their scenarios.
const DRAWN: &str = "drawn-";

/// A plan without faults for each scenario: what the others are measured against.
pub fn references() -> Vec<Plan> {
    Scenario::ALL
        .into_iter()
        .map(|scenario| plan(format!("{}/undisturbed", scenario.name()), Vec::new()))
        .collect()
}

/// The watch falls silent with the first DELETE, and stays so.
pub fn silences() -> Vec<Plan> {
    // A hold that counts requests lasts until the plan ends.
    let at = Trigger { kinds: vec![Kind::KoreDelete], from: 1, lasting: Lasting::Times(1) };
    let silence = Fault { at, then: Action::HoldWatch };
    Scenario::ALL
        .into_iter()
        .map(|scenario| plan(format!("{}/silent-watch", scenario.name()), vec![silence.clone()]))
        .collect()
}

/// The operator is killed before or after each effect, with a fresh and with a stale view of the cluster.
pub fn crashes() -> Vec<Plan> {
    let mut plans = Vec::new();
    for (scenario, kind, index) in effects() {
        for (when, action) in [("before", Action::CrashBefore), ("after", Action::CrashAfter)] {
            let crash = Fault::once(kind, index, action);
            let hold = Fault {
                at: Trigger { kinds: vec![kind], from: index, lasting: Lasting::ForMs(STALE_MS) },
                then: Action::HoldWatch,
            };
            let name = format!("{}/crash-{when}-{}-{index}", scenario.name(), text(kind));
            plans.push(plan(name.clone(), vec![crash.clone()]));
            plans.push(plan(format!("{name}-stale"), vec![crash, hold]));
        }
    }
    plans
}

/// Each effect has each outcome: once, twice, and for a while.
pub fn errors() -> Vec<Plan> {
    let mut plans = Vec::new();
    for (scenario, kind, index) in effects().filter(|(scenario, ..)| *scenario != Scenario::Accepted) {
        // What the scenarios have in common is disturbed in the first.
        let first = Scenario::ALL
            .into_iter()
            .find(|other| other.effects().iter().any(|(has, count)| *has == kind && *count >= index));
        if first != Some(scenario) {
            continue;
        }
        for (what, action) in outcomes(kind) {
            let lastings = [
                ("once", Lasting::Times(1)),
                ("twice", Lasting::Times(2)),
                ("while", Lasting::ForMs(WHILE_MS)),
            ];
            for (how_long, lasting) in lastings {
                let at = Trigger { kinds: vec![kind], from: index, lasting };
                let name = format!("{}/{}-{index}-{what}-{how_long}", scenario.name(), text(kind));
                plans.push(plan(name, vec![Fault { at, then: action.clone() }]));
            }
        }
    }
    plans
}

/// Two or three faults at once, drawn from the seed.
pub fn drawn(seed: u64, count: usize) -> Vec<Plan> {
    let mut random = Random::seeded(seed);
    let all: Vec<_> = effects().collect();
    (0..count)
        .map(|number| {
            let scenario = Scenario::ALL[random.below(Scenario::ALL.len())];
            let of_scenario: Vec<_> = all.iter().filter(|(of, ..)| *of == scenario).collect();
            let faults = (0..2 + random.below(2)).map(|_| {
                let (_, kind, index) = of_scenario[random.below(of_scenario.len())];
                let mut actions: Vec<Action> =
                    outcomes(*kind).into_iter().map(|(_, action)| action).collect();
                actions.extend([Action::CrashBefore, Action::CrashAfter]);
                let action = actions.swap_remove(random.below(actions.len()));
                let times = u32::try_from(1 + random.below(3)).unwrap_or(1);
                Fault {
                    at: Trigger { kinds: vec![*kind], from: *index, lasting: Lasting::Times(times) },
                    then: action,
                }
            });
            Plan { seed, ..plan(format!("{}/{DRAWN}{seed}-{number}", scenario.name()), faults.collect()) }
        })
        .collect()
}

/// Whether its faults were drawn.
pub fn is_drawn(plan: &Plan) -> bool {
    plan.name.split('/').nth(1).is_some_and(|name| name.starts_with(DRAWN))
}

/// What can become of an effect.
fn outcomes(kind: Kind) -> Vec<(String, Action)> {
    let mut outcomes: Vec<(String, Action)> = [
        ("lost-request", Action::LoseRequest),
        ("lost-answer", Action::LoseAnswer),
        ("hang", Action::Hang),
        ("hang-after", Action::HangAfter),
        ("reset", Action::Reset),
        ("cut-body", Action::CutBody),
        ("slow", Action::Slow { pause_ms: 20 }),
        ("hold-watch", Action::HoldWatch),
        ("delay", Action::Delay { ms: 3000 }),
    ]
    .into_iter()
    .map(|(name, action)| (name.to_owned(), action))
    .collect();
    for status in Answer::STATUSES {
        outcomes.push((status.to_string(), Action::Answer(Answer::injected(kind, status))));
    }
    // It has taken effect, and what stands in between does not say so.
    for status in [500, 504] {
        outcomes.push((format!("{status}-after"), Action::AnswerAfter(Answer::injected(kind, status))));
    }
    outcomes
}

fn effects() -> impl Iterator<Item = (Scenario, Kind, u32)> {
    Scenario::ALL.into_iter().flat_map(|scenario| {
        let effects = scenario.effects().iter();
        effects.flat_map(move |(kind, count)| (1..=*count).map(move |index| (scenario, *kind, index)))
    })
}

fn plan(name: String, faults: Vec<Fault>) -> Plan {
    Plan { name, seed: 0, faults }
}

/// The name of a kind, as plans spell it.
fn text(kind: Kind) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|value| value.as_str().map(ToOwned::to_owned))
        .unwrap_or_default()
}
