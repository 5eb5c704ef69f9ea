mod accepted;
mod pauses;
mod probes;
mod refused;
mod restart;
mod unproven;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::pacing::account_clock::{Holder, Outage, Past, Place, Refusal, Turn};
use crate::pacing::evidence::{Charge, Evidence};

const REFUSED: CallEvidence = CallEvidence {
    account: Evidence::Nothing,
    credentials: Evidence::DeleteFailed { fresh: true },
    pause: None,
    throttled: false,
};
const DELETED: CallEvidence =
    CallEvidence { account: Evidence::Works, credentials: Evidence::Works, pause: None, throttled: false };

/// Shows nothing about the credentials.
const FAILED: CallEvidence = CallEvidence {
    account: Evidence::DeleteFailed { fresh: true },
    credentials: Evidence::Nothing,
    pause: None,
    throttled: false,
};

const READ: CallEvidence =
    CallEvidence { account: Evidence::Readable, credentials: Evidence::Readable, ..DELETED };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn claim(account: &mut Account<u32, &'static str>, caller: u32, credentials: &'static str, now: i64) -> Turn {
    let place = Place::deletion(at(i64::from(caller) - 1000));
    let access = &with(credentials);
    let request = Request { caller: &caller, access, place, promised: None, quota: 60 };
    account.claim(&request, at(now))
}

fn asks(account: &mut Account<u32, &'static str>, caller: u32, iid: &str, place: Place, now: i64) -> Turn {
    let access = &Access { credentials: "dev", iid: iid.into() };
    account.claim(&Request { caller: &caller, access, place, promised: None, quota: 60 }, at(now))
}

fn with(credentials: &'static str) -> Access<&'static str> {
    Access { credentials, iid: "st-1".into() }
}

fn with_credentials(account: &mut Account<u32, &'static str>, caller: u32, credentials: &'static str) {
    assert_eq!(claim(account, caller, credentials, 0), Turn::Go);
    account.record_result(&caller, &with(credentials), DELETED, at(0));
}
