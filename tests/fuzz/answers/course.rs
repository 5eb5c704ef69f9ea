//! Whole deletions: the operator's own decisions, with drawn answers to each of its calls, until it lets the
//! object go or the script is over.

use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;
use proptest::collection::vec;
use proptest::prelude::*;
use voicecampaign_operator::api::{
    ConnectionReference, DeletionOutcome, DeletionPolicy, VoiceCampaign, VoiceCampaignSpec,
};
use voicecampaign_operator::campaign::{
    Attempt, GetResult, ListingTrouble, Observed, REMOTE_CAMPAIGN, Step, StreamListing, decide,
};
use voicecampaign_operator::connection::{Connection, UsableConnection};
use voicecampaign_operator::kore::{Target, answers};
use voicecampaign_operator::pacing::Charge;

use super::drawn::{self, Answer};
use super::{CAMPAIGN, KEPT_COURSES, Pages, SECRET, SLOW, STREAM, TOKEN, oracle, shown, target};
use crate::lane::{Class, Lane, Tally};
use crate::tree::Tree;

/// More steps than a deletion takes for each of its answers.
const MOST_STEPS: usize = 400;
/// Longest status, in bytes.
const LONGEST_STATUS: usize = 200_000;
/// How far apart two listings must be, and the third from the first, as the promise has it.
const APART: SignedDuration = SignedDuration::from_secs(10);
const FAR_APART: SignedDuration = SignedDuration::from_mins(5);

/// What Kore answers, in this order; then the last one again.
#[derive(Clone, Debug)]
struct Script {
    deletes: Vec<Answer>,
    gets: Vec<Answer>,
    listings: Vec<Vec<Answer>>,
}

pub fn run(lane: Lane, samples: &Arc<Vec<Tree>>) -> Tally {
    let of = |wanted: &dyn Fn(&str) -> bool| {
        Arc::new(samples.iter().filter(|sample| wanted(&sample.to_string())).cloned().collect::<Vec<_>>())
    };
    let missing = of(&|sample| sample.contains("not found") || sample.contains("does not exist"));
    let lists = of(&|sample| sample.contains("\"results\""));
    let without = of(&|sample| sample.contains("\"results\"") && !sample.contains(CAMPAIGN));
    let any = drawn::answer(samples);
    let listing = vec(prop_oneof![1 => drawn::answer(&lists), 4 => drawn::answer(&without)], 1..3);
    let script = (
        vec(any, 1..5),
        vec(prop_oneof![1 => drawn::answer(samples), 2 => drawn::answer(&missing)], 1..5),
        vec(listing, 1..5),
    )
        .prop_map(|(deletes, gets, listings)| Script { deletes, gets, listings });
    let classes = ["let go as deleted", "let go as absent", "held"];
    lane.explore("courses", KEPT_COURSES, &classes, &script, |script| Course::new(script).run())
}

/// A deletion as it goes on.
struct Course {
    script: Script,
    object: VoiceCampaign,
    now: Timestamp,
    attempt: Option<Attempt>,
    get: Option<GetResult>,
    listing: Option<StreamListing>,
    trouble: Option<ListingTrouble>,
    deletes: Vec<(Timestamp, Answer)>,
    gets: Vec<(Timestamp, Answer)>,
    listings: Vec<(Timestamp, Vec<Answer>)>,
    /// Number of listings that were begun.
    begun: usize,
}

impl Course {
    fn new(script: Script) -> Self {
        // A time to begin with; the decisions depend on differences alone.
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let before = |seconds| Some(Time(now - SignedDuration::from_secs(seconds)));
        let object = VoiceCampaign {
            metadata: ObjectMeta {
                name: Some("renewal".into()),
                namespace: Some("fuzz".into()),
                uid: Some("uid-1".into()),
                generation: Some(2),
                creation_timestamp: before(1000),
                deletion_timestamp: before(1),
                finalizers: Some(vec![REMOTE_CAMPAIGN.name().into()]),
                ..ObjectMeta::default()
            },
            spec: VoiceCampaignSpec {
                connection_ref: ConnectionReference { name: "production".into() },
                stream_id: STREAM.into(),
                campaign_id: CAMPAIGN.into(),
                deletion_policy: DeletionPolicy::Delete,
                suspend: false,
            },
            status: None,
        };
        Self {
            script,
            object,
            now,
            attempt: None,
            get: None,
            listing: None,
            trouble: None,
            deletes: Vec::new(),
            gets: Vec::new(),
            listings: Vec::new(),
            begun: 0,
        }
    }

    fn run(mut self) -> Result<Class, String> {
        let calls = self.script.deletes.len() + self.script.gets.len() + self.script.listings.len();
        for _ in 0..MOST_STEPS {
            // Each answer was heard at least once, and the last ones again and again.
            if self.deletes.len() + self.gets.len() + self.begun > 4 * calls + 12 {
                break;
            }
            match self.next() {
                Step::Delete => self.delete()?,
                Step::Get(_) => self.get()?,
                Step::List { .. } => self.list()?,
                Step::Record(status) => {
                    shown_status(&serde_json::to_string(&status).unwrap())?;
                    self.object.status = Some(*status);
                    (self.attempt, self.get) = (None, None);
                }
                Step::Release(permit) => return self.released(permit.outcome()),
                Step::Wait { until, .. } | Step::Stall { until, .. } => {
                    let soonest = self.now + SignedDuration::from_secs(1);
                    self.now = until.unwrap_or(soonest).max(soonest);
                }
                step @ (Step::Done
                | Step::Protect
                | Step::AddFinalizer
                | Step::Resolve
                | Step::AskBrake
                | Step::AwaitTurn) => {
                    return Err(format!("a deletion takes the step {step:?}"));
                }
            }
        }
        Ok("held")
    }

    fn next(&self) -> Step {
        let observed = Observed {
            attempt: self.attempt.as_ref(),
            get: self.get.as_ref(),
            listing: self.listing.as_ref(),
            listing_trouble: self.trouble.as_ref(),
            ..Observed::new(&self.object, connection())
        };
        decide(&observed, self.now)
    }

    fn delete(&mut self) -> Result<(), String> {
        let answer = nth(&self.script.deletes, self.deletes.len());
        let result = answers::deletion(&answer.raw(), CAMPAIGN);
        let sent_at = self.tick();
        let number = self.object.status.as_ref().and_then(|status| Some(status.deletion.as_ref()?.attempts));
        self.attempt = Some(Attempt {
            number: number.unwrap_or_default() + 1,
            sent_at,
            ended_at: self.tick(),
            identity: a_target().identity(),
            result,
            charge: Charge::Campaign,
        });
        self.deletes.push((self.now, answer));
        Ok(())
    }

    fn get(&mut self) -> Result<(), String> {
        let answer = nth(&self.script.gets, self.gets.len());
        let result = answers::single(&answer.raw(), CAMPAIGN);
        let asked_at = self.tick();
        let identity = a_target().identity();
        self.get = Some(GetResult { asked_at, identity, refresh: None, result, charge: Charge::Campaign });
        self.gets.push((asked_at, answer));
        Ok(())
    }

    fn list(&mut self) -> Result<(), String> {
        let pages = Pages::new(nth(&self.script.listings, self.begun));
        self.begun += 1;
        let begun_at = self.tick();
        match super::read(&pages, a_target(), begun_at) {
            Ok(listing) if listing.is_complete() => {
                self.listing = Some(StreamListing {
                    listing: Arc::new(listing),
                    suddenly_empty: false,
                    to_a_stranger: false,
                    unseen_namespaces: Vec::new(),
                    listed_at: None,
                });
                self.listings.push((begun_at, pages.read()));
                self.trouble = None;
            }
            failed => {
                let failures = self.trouble.as_ref().map_or(0, |trouble| trouble.failures) + 1;
                let retry_at = self.now + SignedDuration::from_secs(30);
                self.trouble = Some(ListingTrouble { failure: failed.err(), failures, retry_at });
            }
        }
        self.tick();
        Ok(())
    }

    /// The object was let go: what Kore said must permit it.
    fn released(&self, outcome: DeletionOutcome) -> Result<Class, String> {
        let Some((deleted_at, deleted)) = self.deletes.last() else {
            return Err(format!("let go as {outcome:?} without a DELETE"));
        };
        match outcome {
            DeletionOutcome::Deleted => {
                oracle::says_deleted(deleted).map_err(|why| format!("let go as deleted, although {why}"))?;
                Ok("let go as deleted")
            }
            DeletionOutcome::Absent => {
                let since = self.listings.iter().filter(|(at, _)| at >= deleted_at);
                let listed: Vec<Timestamp> = since
                    .filter(|(_, pages)| oracle::lists_all_but_it(pages).is_ok())
                    .map(|(at, _)| *at)
                    .collect();
                let within =
                    listed.last().zip(listed.first()).map(|(last, first)| last.duration_since(*first));
                let within = within.unwrap_or_default();
                let mut gets = self.gets.iter().filter(|(at, _)| at >= deleted_at);
                let asked = gets.any(|(_, answer)| oracle::says_absent(answer).is_ok());
                let is_proven = listed.len() >= 2 && within >= APART && asked;
                let is_proven_by_listings = listed.len() >= 3 && within >= FAR_APART;
                if !is_proven && !is_proven_by_listings {
                    let listings = listed.len();
                    return Err(format!(
                        "let go as absent after {listings} listings without it within {within:#}; a GET said so: {asked}"
                    ));
                }
                Ok("let go as absent")
            }
            DeletionOutcome::Orphaned => Err("let go as orphaned, which nobody asked for".to_owned()),
        }
    }

    /// A tenth of a second later.
    fn tick(&mut self) -> Timestamp {
        self.now += SignedDuration::from_millis(100);
        self.now
    }
}

fn nth<T: Clone>(answers: &[T], number: usize) -> T {
    answers[number.min(answers.len() - 1)].clone()
}

/// Whatever is written must be small, and without secrets.
fn shown_status(status: &str) -> Result<(), String> {
    if status.len() > LONGEST_STATUS {
        return Err(format!("a status of {} bytes", status.len()));
    }
    shown::bounded("a status", status, LONGEST_STATUS, &[SECRET, TOKEN])
}

fn a_target() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| target("https://h", SLOW))
}

fn connection() -> &'static Connection {
    static CONNECTION: OnceLock<Connection> = OnceLock::new();
    CONNECTION.get_or_init(|| {
        Connection::Usable(Box::new(UsableConnection {
            target: a_target().clone(),
            secret: "kore-jwt-app".into(),
            requests_per_minute: 60,
            former_hosts: Vec::new(),
            brake: None,
        }))
    })
}
