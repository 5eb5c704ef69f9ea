//! How long cases are drawn, from which seed, and what is counted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};

/// Cases between two looks at the clock.
const BATCH: u32 = 16;
/// How much longer it goes on while a class has no case.
const LONGER: Duration = Duration::from_secs(60);
/// Longest search for a smaller case that fails, too.
const SHRINKING: Duration = Duration::from_secs(60);
/// Most cases that are tried meanwhile.
const MOST_SMALLER: u32 = 100_000;

/// How long to run, and what to draw.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    pub seed: u64,
    pub duration: Duration,
}

impl Lane {
    /// A lane that takes this share of the time.
    pub fn part(self, share: f64) -> Self {
        Self { duration: self.duration.mul_f64(share), ..self }
    }

    /// Draws the cases of one batch of a part: always the same ones.
    pub fn runner(self, part: &str, batch: u64, config: Config) -> TestRunner {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&batch.to_le_bytes());
        seed[16..].iter_mut().zip(part.bytes()).for_each(|(to, from)| *to = from);
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }

    /// Checks one case after another until the time is over, or one is violated; that one is made smaller,
    /// and kept in `kept`, from where it runs first the next time. On a slow machine it goes on for
    /// [`LONGER`] until each of the classes has a case; without one it fails.
    pub fn explore<S: Strategy>(
        self,
        part: &str,
        kept: &'static str,
        classes: &[Class],
        strategy: &S,
        check: impl Fn(S::Value) -> Result<Class, String>,
    ) -> Tally {
        let begun = Instant::now();
        let tally = RefCell::new(Tally::default());
        for batch in 0.. {
            let is_whole = tally.borrow().lacks(classes).next().is_none();
            let duration = if is_whole { self.duration } else { self.duration + LONGER };
            if batch > 0 && begun.elapsed() >= duration {
                break;
            }
            let config = Config {
                cases: BATCH,
                failure_persistence: Some(Box::new(FileFailurePersistence::Direct(kept))),
                max_shrink_time: u32::try_from(SHRINKING.as_millis()).unwrap_or(u32::MAX),
                max_shrink_iters: MOST_SMALLER,
                ..Config::default()
            };
            let outcome = self.runner(part, batch, config).run(strategy, |case| {
                let class = check(case).map_err(TestCaseError::fail)?;
                tally.borrow_mut().count(class);
                Ok(())
            });
            match outcome {
                Ok(()) => {}
                Err(TestError::Fail(reason, case)) => {
                    tally.borrow_mut().violations.push(format!("{reason}\n  {case:#?}\n  kept in {kept}"));
                    break;
                }
                Err(TestError::Abort(reason)) => {
                    tally.borrow_mut().violations.push(format!("no case can be drawn: {reason}"));
                    break;
                }
            }
        }
        Tally { elapsed: begun.elapsed(), ..tally.into_inner() }.with_all(classes)
    }
}

/// What became of a case.
pub type Class = &'static str;

/// What was checked.
#[derive(Debug, Default)]
pub struct Tally {
    pub executions: u64,
    pub classes: BTreeMap<Class, u64>,
    pub violations: Vec<String>,
    pub elapsed: Duration,
}

impl Tally {
    pub fn count(&mut self, class: Class) {
        self.count_all([class]);
    }

    /// Counts a case that is of several classes.
    pub fn count_all(&mut self, classes: impl IntoIterator<Item = Class>) {
        self.executions += 1;
        classes.into_iter().for_each(|class| *self.classes.entry(class).or_default() += 1);
    }

    /// Both together, one after the other.
    pub fn and(mut self, other: Self) -> Self {
        self.executions += other.executions;
        other.classes.into_iter().for_each(|(class, cases)| *self.classes.entry(class).or_default() += cases);
        self.violations.extend(other.violations);
        self.elapsed += other.elapsed;
        self
    }

    /// Those of the classes without a case.
    fn lacks(&self, classes: &[Class]) -> impl Iterator<Item = Class> {
        classes.iter().copied().filter(|class| !self.classes.contains_key(class))
    }

    /// Each of these classes must have a case: otherwise the part has compared nothing with nothing.
    pub fn with_all(mut self, classes: &[Class]) -> Self {
        // A case that is violated ends the run early.
        if self.violations.is_empty() {
            let empty: Vec<_> = self.lacks(classes).collect();
            self.violations.extend(empty.iter().map(|class| format!("no case is of the class `{class}`")));
        }
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes: Vec<_> = self.classes.iter().map(|(class, cases)| format!("{cases} {class}")).collect();
        write!(
            f,
            "{} executions ({}) in {:.0} s, {} violations",
            self.executions,
            classes.join(", "),
            self.elapsed.as_secs_f64(),
            self.violations.len()
        )
    }
}
