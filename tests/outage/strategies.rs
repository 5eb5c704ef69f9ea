//! When to call again: ours, which is the operator's own clock, and what others do.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use voicecampaign_operator::pacing::{AccountClock, Charge, Evidence, Place, Turn, backoff, fraction};

/// Milliseconds since the outage began.
pub type Time = u64;

/// What Kore says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is gone.
    Deleted,
    /// 503.
    Down,
    /// 429; the quota has room again then.
    Refused(Time),
}

/// What a campaign does when its time has come.
pub enum Turned {
    Call,
    Wait(Time),
}

/// A way to decide when each campaign is asked to be deleted.
pub trait Strategy {
    fn name(&self) -> &'static str;

    /// A campaign's time has come.
    fn turn(&mut self, campaign: usize, now: Time) -> Turned;

    /// When it comes again, after this answer to its call number `attempts`; and who else has reason to come
    /// now.
    fn record_result(
        &mut self,
        campaign: usize,
        attempts: u32,
        answer: Answer,
        now: Time,
    ) -> (Time, Vec<usize>);
}

/// The pause after a failure, whoever's it is.
pub struct Pauses {
    pub name: &'static str,
    pub pause: fn(campaign: usize, attempts: u32) -> Duration,
    /// A refused campaign waits for as long as it is told.
    pub retry_after: bool,
    /// All share one bucket of calls.
    pub bucket: Option<Bucket>,
}

/// A token bucket: so many calls a minute, one after the other.
pub struct Bucket {
    pub per_minute: u64,
    pub next: Time,
}

impl Strategy for Pauses {
    fn name(&self) -> &'static str {
        self.name
    }

    fn turn(&mut self, _: usize, now: Time) -> Turned {
        let Some(bucket) = &mut self.bucket else { return Turned::Call };
        if bucket.next > now {
            return Turned::Wait(bucket.next);
        }
        bucket.next = now + 60_000 / bucket.per_minute;
        Turned::Call
    }

    fn record_result(
        &mut self,
        campaign: usize,
        attempts: u32,
        answer: Answer,
        now: Time,
    ) -> (Time, Vec<usize>) {
        let own = now + milliseconds((self.pause)(campaign, attempts));
        match answer {
            Answer::Refused(until) if self.retry_after => (until, Vec::new()),
            Answer::Refused(_) | Answer::Down | Answer::Deleted => (own, Vec::new()),
        }
    }
}

fn milliseconds(duration: Duration) -> Time {
    u64::try_from(duration.as_millis()).unwrap_or(Time::MAX)
}

/// `base` seconds, doubled with each attempt, to `cap` seconds.
pub fn exponential(attempts: u32, cap: u64) -> Duration {
    Duration::from_secs(2u64.saturating_pow(attempts.saturating_sub(1)).min(cap))
}

/// A part of it: each time another.
pub fn jitter(campaign: usize, attempts: u32, least: f64, pause: Duration) -> Duration {
    pause.mul_f64(least + (1.0 - least) * fraction(format!("{campaign}/{attempts}")))
}

/// The operator's own clock of an account.
pub struct Ours {
    clock: AccountClock<usize>,
    per_minute: usize,
    failures: Vec<i32>,
    last: Vec<Time>,
}

impl Ours {
    pub fn new(campaigns: usize, per_minute: usize) -> Self {
        let clock = AccountClock::default();
        Self { clock, per_minute, failures: vec![0; campaigns], last: vec![0; campaigns] }
    }

    fn place(&self, campaign: usize) -> Place {
        let last = at(self.last[campaign]);
        if self.failures[campaign] == 0 { Place::deletion(last) } else { Place::retry(last) }
    }
}

impl Strategy for Ours {
    fn name(&self) -> &'static str {
        "**voicecampaign-operator**"
    }

    fn turn(&mut self, campaign: usize, now: Time) -> Turned {
        match self.clock.claim(&campaign, self.place(campaign), at(now), self.per_minute) {
            Turn::Go => {
                self.last[campaign] = now;
                Turned::Call
            }
            Turn::At(until) | Turn::Held { until, .. } => Turned::Wait(since(until)),
        }
    }

    fn record_result(&mut self, campaign: usize, _: u32, answer: Answer, now: Time) -> (Time, Vec<usize>) {
        let evidence = match answer {
            Answer::Deleted | Answer::Refused(_) => Evidence::Works,
            Answer::Down => Evidence::DeleteFailed { fresh: self.failures[campaign] == 0 },
        };
        if let Answer::Refused(until) = answer {
            self.clock.refused(at(now));
            self.clock.cool_down(at(until));
        }
        let (charge, woken) = self.clock.record_result(&campaign, evidence, at(now));
        let pause = match (answer, charge) {
            (Answer::Down, Charge::Campaign) => {
                self.failures[campaign] += 1;
                backoff(&campaign.to_string(), self.failures[campaign])
            }
            (Answer::Deleted | Answer::Refused(_) | Answer::Down, _) => Duration::ZERO,
        };
        (now + milliseconds(pause), woken)
    }
}

fn at(time: Time) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_millis(i64::try_from(time).unwrap_or(i64::MAX))
}

fn since(timestamp: Timestamp) -> Time {
    u64::try_from(timestamp.as_millisecond()).unwrap_or_default()
}

/// Kore: down until `up_at`, then with a quota in any minute.
pub struct Kore {
    pub up_at: Time,
    pub per_minute: usize,
    accepted: VecDeque<Time>,
}

impl Kore {
    pub fn new(up_at: Time, per_minute: usize) -> Self {
        Self { up_at, per_minute, accepted: VecDeque::new() }
    }

    pub fn call(&mut self, now: Time) -> Answer {
        if now < self.up_at {
            return Answer::Down;
        }
        while self.accepted.front().is_some_and(|at| at + 60_000 <= now) {
            self.accepted.pop_front();
        }
        match self.accepted.front() {
            Some(first) if self.accepted.len() >= self.per_minute => Answer::Refused(first + 60_000),
            Some(_) | None => {
                self.accepted.push_back(now);
                Answer::Deleted
            }
        }
    }
}
