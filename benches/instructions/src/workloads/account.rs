//! The clock of an account while 10,000 callers wait for it.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp};
use voicecampaign_operator::pacing::{Access, Account, CallEvidence, Evidence, Place, Request, Turn};

use super::{at, count};

const CALLERS: usize = 10_000;
/// Kore's documented quota, and how many callers come or leave where some of them do.
const PER_MINUTE: usize = 60;

/// The largest quota that the operator takes.
const MOST_PER_MINUTE: usize = 6000;

/// An account, its quota, its credentials, and its callers in their order.
struct Line {
    account: Account<String, u64>,
    quota: usize,
    access: Access<u64>,
    callers: Vec<String>,
}

pub fn enter() -> bool {
    count(
        || Line::empty(PER_MINUTE),
        |mut line| {
            line.enter(0..CALLERS, at(0));
            line
        },
        |line| matches!(line.would_be_told(CALLERS - 1), Turn::At(_)),
    )
}

/// The first minute's calls have been made; the second minute's are due.
pub fn turns() -> bool {
    count(
        Line::full,
        |mut line| {
            let now = at(70);
            let called = (PER_MINUTE..2 * PER_MINUTE).filter(|caller| line.call(*caller, now)).count();
            (line, called)
        },
        |(_, called)| *called == PER_MINUTE,
    )
}

/// The last callers of an account with the largest quota come between two seconds. They are promised a whole
/// second, so there is a moment when each of them might come earlier.
pub fn wide() -> bool {
    let last = CALLERS - PER_MINUTE..CALLERS;
    count(
        || {
            let mut line = Line::empty(MOST_PER_MINUTE);
            line.enter(0..last.start, at(0));
            line
        },
        |mut line| {
            line.enter(last.clone(), at(0) + SignedDuration::from_millis(500));
            line
        },
        |line| matches!(line.would_be_told(CALLERS - 1), Turn::At(_)),
    )
}

pub fn leave() -> bool {
    count(
        Line::full,
        |mut line| {
            let mut moved_up = 0;
            // From places all over the queue.
            for caller in (PER_MINUTE..CALLERS).step_by(CALLERS / PER_MINUTE) {
                line.account.release(&line.callers[caller]);
                moved_up += line.account.moved_up(at(1)).len();
            }
            (line, moved_up)
        },
        |(line, _)| matches!(line.would_be_told(CALLERS - 1), Turn::At(_)),
    )
}

impl Line {
    /// Nobody waits. The service has accepted the credentials.
    fn empty(quota: usize) -> Self {
        let callers =
            (0..CALLERS).map(|number| format!("{number:08x}-7ffb-43c3-b307-47ca14b0c0de")).collect();
        let access = Access { credentials: 1, iid: super::STREAM.to_owned() };
        let mut line = Self { account: Account::default(), quota, access, callers };
        line.call(0, at(-3600));
        line
    }

    /// All but the first wait, and have been promised a time.
    fn full() -> Self {
        let mut line = Self::empty(PER_MINUTE);
        line.enter(0..CALLERS, at(0));
        line
    }

    /// They ask for a call, in the order in which they were deleted. Those within the quota call.
    fn enter(&mut self, callers: Range<usize>, now: Timestamp) {
        for caller in callers {
            self.call(caller, now);
        }
    }

    /// Asks for a call, and makes it if it may be made now.
    fn call(&mut self, caller: usize, now: Timestamp) -> bool {
        let may_call = self.ask(caller, now) == Turn::Go;
        if may_call {
            let works = CallEvidence {
                account: Evidence::Works,
                credentials: Evidence::Works,
                pause: None,
                throttled: false,
            };
            self.account.record_result(&self.callers[caller], &self.access, works, now);
        }
        self.account.moved_up(now);
        may_call
    }

    fn ask(&mut self, caller: usize, now: Timestamp) -> Turn {
        let due = at(i64::try_from(caller / 100).unwrap_or_default() - 100);
        let request = Request {
            caller: &self.callers[caller],
            access: &self.access,
            place: Place::deletion(due),
            promised: None,
            quota: self.quota,
        };
        self.account.claim(&request, now)
    }

    /// The answer that the caller would get a little later.
    fn would_be_told(&self, caller: usize) -> Turn {
        let Self { account, quota, access, callers } = self;
        let (account, access, callers) = (account.clone(), access.clone(), callers.clone());
        Self { account, quota: *quota, access, callers }.ask(caller, at(2))
    }
}
