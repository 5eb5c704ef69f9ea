//! The model: the operator's own decisions and pacing, in the orders of events that a small world has.
//!
//! `--full` takes the first four million steps of each part (`make model`, in release mode); `make test`
//! takes ten thousand.
//! The last line is a count, which `--record` keeps for docs/reliability.md. A violation is printed with the
//! actions that lead to it.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

mod account;
mod brake;
mod deletion;
mod shell;
mod world;

use std::fmt::Debug;
use std::hash::Hash;
use std::process::ExitCode;
use std::time::Instant;

use account::Calls;
use anyhow::{Result, ensure};
use brake::Brakes;
use deletion::Deletions;
use stateright::{Checker, Expectation, Model, Property};
use testbed::record::{self, Record};
use world::Budget;

/// So many steps of each model are taken, those near the beginning first.
const LARGE: usize = 4_000_000;
const SMALL: usize = 10_000;

fn main() -> Result<ExitCode> {
    let told = |option: &str| std::env::args().any(|argument| argument == option);
    let (full, record) = (told("--full"), told("--record"));
    ensure!(full || !record, "--record is for --full");
    let commit = record::commit(record)?;
    let none = Budget { faults: 0, crashes: 0, backs: 0, policies: 0, strips: 0, recreations: 0, masks: 0 };
    let failures = Budget { faults: 2, crashes: 1, backs: 1, ..none };
    let people = Budget { faults: 1, policies: 2, strips: 1, recreations: 1, ..none };
    let both = Budget { faults: 2, crashes: 1, backs: 1, policies: 1, recreations: 1, ..none };
    let masked = Budget { faults: 1, crashes: 1, masks: 3, ..none };
    let overlap = Budget { faults: 1, crashes: 1, policies: 1, ..none };
    let mut total = Total { full, ..Total::default() };
    let until = 40;
    total.add(
        "one object after the other, to the end",
        Deletions { names: 1, instances: 1, may: both, until },
    );
    total.add("two objects, whatever fails", Deletions { names: 2, instances: 1, may: failures, until });
    total.add("two objects, whatever people do", Deletions { names: 2, instances: 1, may: people, until });
    total.add("an app that loses its access", Deletions { names: 1, instances: 1, may: masked, until });
    total.add("two instances at once", Deletions { names: 1, instances: 2, may: overlap, until });
    total.add("the calls of an account", Calls { faults: 4, until: 400 });
    let alone = Brakes { instances: 1, crashes: 2, approvals: 2, until: 4800 };
    let overlap = Brakes { instances: 2, crashes: 1, approvals: 1, ..alone };
    total.add("the brake of a connection", alone);
    total.add("the brake, and two instances at once", overlap);
    let figures =
        [(total.states, "states"), (total.properties.len(), "properties"), (total.violations, "violations")];
    let result = Record::new("make model", figures);
    println!("{result}");
    result.conclude(total.violations, "model", commit)
}

#[derive(Default)]
struct Total {
    full: bool,
    states: usize,
    properties: std::collections::BTreeSet<&'static str>,
    violations: usize,
}

impl Total {
    fn add<M>(&mut self, name: &str, model: M)
    where
        M: Model + Send + Sync + 'static,
        M::State: Debug + Hash + Send + Sync + Clone + PartialEq,
        M::Action: Debug + Send + Sync + Clone + PartialEq,
    {
        let begun = Instant::now();
        let promised = |property: &&Property<M>| property.expectation == Expectation::Always;
        self.properties.extend(model.properties().iter().filter(promised).map(|property| property.name));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let checker = model.checker().threads(threads);
        let checker = checker.target_state_count(if self.full { LARGE } else { SMALL });
        let checker = checker.spawn_bfs().join();
        // Those at the edge are known, and not checked.
        let states = world::take_checked();
        println!(
            "{name}: {states} states, to a depth of {}, in {:.1?}",
            checker.max_depth(),
            begun.elapsed()
        );
        let found = checker.discoveries();
        for property in checker.model().properties() {
            let name = property.name;
            match (property.expectation, found.get(name)) {
                (Expectation::Always, Some(path)) => {
                    println!("VIOLATED: {name}\n{:#?}\n{path}", path.last_state())
                }
                // A part may be too small for it.
                (Expectation::Sometimes, None) if self.full => println!("NOT REACHED: {name}"),
                (Expectation::Always | Expectation::Eventually | Expectation::Sometimes, _) => continue,
            }
            self.violations += 1;
        }
        self.states += states;
    }
}
