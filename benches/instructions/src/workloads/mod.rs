//! What is counted. Input is fixed: no clock, no random number, no hash with a seed.

mod account;
mod classify;
mod decide;
mod listing;
mod watch;

use std::hint::black_box;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::callgrind::measured;

/// Something to count.
pub struct Workload {
    pub name: &'static str,
    /// What it does, for people.
    pub what: &'static str,
    /// Runs it in `measured`; returns whether it did what it is to measure.
    pub run: fn() -> bool,
}

/// All of them.
pub const WORKLOADS: &[Workload] = &[
    Workload { name: "decide-found", what: "a living campaign is in a listing of 50", run: decide::found },
    Workload { name: "decide-due", what: "a deletion is due", run: decide::due },
    Workload { name: "decide-waits", what: "a deletion has to wait for its turn", run: decide::waits },
    Workload { name: "decide-confirmed", what: "Kore has confirmed a DELETE", run: decide::confirmed },
    Workload { name: "decide-failed", what: "Kore has answered a DELETE with 503", run: decide::failed },
    Workload {
        name: "decide-absent",
        what: "the second listing, of 1,000 campaigns, proves an absence",
        run: decide::absent,
    },
    Workload {
        name: "classify-confirmed",
        what: "the documented answer to a DELETE",
        run: classify::confirmed,
    },
    Workload { name: "classify-404", what: "a 404 to a GET", run: classify::not_found },
    Workload { name: "classify-html", what: "a proxy's HTML page to a DELETE", run: classify::html },
    Workload { name: "classify-refused", what: "an error to a listing", run: classify::refused_listing },
    Workload { name: "account-enter", what: "10,000 callers take a place in the queue", run: account::enter },
    Workload {
        name: "account-turns",
        what: "of 10,000 that wait, 60 come in their turn and call",
        run: account::turns,
    },
    Workload {
        name: "account-wide",
        what: "60 take the last places of 10,000, under the largest quota",
        run: account::wide,
    },
    Workload {
        name: "account-leave",
        what: "of 10,000 that wait, 60 leave without a call",
        run: account::leave,
    },
    Workload { name: "listing-page", what: "a listing's page of 50 campaigns is read", run: listing::page },
    Workload {
        name: "watch-page",
        what: "a list of 500 VoiceCampaigns with managed fields is decoded",
        run: watch::page,
    },
];

/// Counts one run. Another one goes before, so that what is made on first use (a regular expression, memory
/// of the allocator) does not count; and neither does dropping what comes out.
fn count<Input, Output>(
    prepare: impl Fn() -> Input,
    run: impl Fn(Input) -> Output,
    is_right: impl Fn(&Output) -> bool,
) -> bool {
    drop(run(black_box(prepare())));
    let input = black_box(prepare());
    is_right(&measured(|| run(input)))
}

/// Seconds after some fixed time.
fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000) + SignedDuration::from_secs(seconds)
}

/// The documented answer to a DELETE, which returns the campaign.
const SAMPLE: &str = include_str!("../../../../tests/samples/delete-voice-campaign-v2.json");
/// The campaign of that answer.
const CAMPAIGN: &str = "cd-a1e45a7-e8ba-4e97-a339-476ebc7xxxxx";
/// Its stream.
const STREAM: &str = "st-0603182c-7ffb-53c3-b307-47ca14bxxxxx";

/// The campaign of the documented answer.
fn campaign() -> Value {
    let mut answer: Value = serde_json::from_str(SAMPLE).unwrap_or_default();
    answer["data"].take()
}
