//! Answers of Kore against what reads them.
//!
//! ```text
//!   recorded.rs: samples ─▶ drawn.rs (tree.rs, words.rs): an answer ─┬─▶ here: classify and listings
//!                                                                   ├─▶ course.rs: deletions, with the proof
//!                                                                   └─▶ wire.rs: through the HTTP client
//!   oracle.rs: what the answer must say at least     shown.rs: what must hold of every text that is shown
//! ```

mod course;
mod drawn;
mod oracle;
mod recorded;
mod shown;
mod wire;
mod words;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::FutureExt;
use jiff::Timestamp;
use proptest::collection::vec;
use secrecy::SecretString;
use tokio::runtime::Runtime;
use voicecampaign_operator::kore::{
    Account, Algorithm, Campaign, CampaignKey, CampaignService, ConfirmedDeletion, Credentials, Failure,
    FailureKind, Listing, Page, PageRequest, Progress, Reading, Target, TokenSettings, answers,
};

use crate::lane::{Class, Lane, Tally};
use crate::tree::Tree;
use drawn::Answer;

const ACCOUNT: &str = "67777ce93e25326494exxxxx";
const STREAM: &str = "st-0603182c-7ffb-53c3-b307-47ca14bxxxxx";
const CAMPAIGN: &str = "cd-a1e45a7-e8ba-4e97-a339-476ebc7xxxxx";
const CLIENT_ID: &str = "cs-fuzz";
const SECRET: &str = "fuzz-secret+with/marks=0123456789";
/// What stands for the token of a request in an answer that echoes it.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmdXp6In0.c2lnbmF0dXJl";
/// Cases that failed once.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/fuzz/answers.txt");
const KEPT_COURSES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/fuzz/courses.txt");
const KEPT_EXCHANGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/fuzz/exchanges.txt");
/// Longest time to read an answer. A machine that is busy with other things takes a fraction of it.
const SLOW: Duration = Duration::from_secs(5);
/// Most pages that are read of one listing.
const MOST_PAGES: usize = 40;

/// The three parts, a third of the time each.
pub fn run(lane: Lane) -> Result<Tally> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = Runtime::new()?;
    let samples = Arc::new(runtime.block_on(recorded::samples())?);
    let classified = classified(lane.part(0.4), &samples);
    let courses = course::run(lane.part(0.3), &samples);
    let exchanges = wire::run(lane.part(0.3), &samples, &runtime)?;
    Ok(classified.and(courses).and(exchanges))
}

/// Each answer as one to a DELETE and to a GET, and a few as the pages of a listing.
fn classified(lane: Lane, samples: &Arc<Vec<Tree>>) -> Tally {
    let strategy = (drawn::answer(samples), vec(drawn::answer(samples), 1..4));
    let classes = ["deleted", "not returned", "returned", "listed as absent", "listed", "nothing confirmed"];
    lane.explore("answers", KEPT, &classes, &strategy, |(answer, pages)| {
        let begun = Instant::now();
        let deleted = deletion(&answer)?;
        let read = single(&answer)?;
        let listed = listing(pages)?;
        if begun.elapsed() > SLOW {
            return Err(format!("reading it took {:?}", begun.elapsed()));
        }
        // The rarest first.
        Ok(match (deleted, read, listed) {
            ("deleted", ..) => "deleted",
            (.., "listed as absent") => "listed as absent",
            (_, "not returned", _) => "not returned",
            (_, "returned", _) => "returned",
            (.., "listed") => "listed",
            _ => "nothing confirmed",
        })
    })
}

fn deletion(answer: &Answer) -> Result<Class, String> {
    match answers::deletion(&answer.raw(), CAMPAIGN) {
        Ok(confirmed) => {
            oracle::says_deleted(answer).map_err(|why| format!("taken as deleted, although {why}"))?;
            shown::campaign(confirmed.campaign(), &[SECRET, TOKEN])?;
            shown::summary(confirmed.answer(), &[SECRET, TOKEN])?;
            Ok("deleted")
        }
        Err(failure) => shown::failure(&failure, &[SECRET, TOKEN]).map(|()| "not deleted"),
    }
}

fn single(answer: &Answer) -> Result<Class, String> {
    match answers::single(&answer.raw(), CAMPAIGN) {
        Ok(campaign) => shown::campaign(&campaign, &[SECRET, TOKEN]).map(|()| "returned"),
        Err(failure) => {
            shown::failure(&failure, &[SECRET, TOKEN])?;
            if failure.kind != FailureKind::MayBeAbsent {
                return Ok("nothing said");
            }
            oracle::says_absent(answer).map_err(|why| format!("taken as absent, although {why}"))?;
            Ok("not returned")
        }
    }
}

/// Reads a listing from these pages, and after them nothing but the last one.
fn listing(pages: Vec<Answer>) -> Result<Class, String> {
    let service = Pages::new(pages);
    let read = read(&service, &target("https://h", SLOW), Timestamp::UNIX_EPOCH);
    for ids in service.ids() {
        // The ids of rows are compared, and shown only in part.
        if ids.len() > 100_000 {
            return Err(format!("a page has {} ids", ids.len()));
        }
    }
    match read {
        Err(failure) => shown::failure(&failure, &[SECRET, TOKEN]).map(|()| "not listed"),
        Ok(listing) if listing.is_complete() && !listing.shows(CAMPAIGN) => {
            let read = service.read();
            oracle::lists_all_but_it(&read).map_err(|why| {
                format!("taken as a complete listing without it, although {why}\n  {read:#?}")
            })?;
            Ok("listed as absent")
        }
        Ok(listing) => {
            listing.get(CAMPAIGN).map_or(Ok(()), |campaign| shown::campaign(&campaign, &[SECRET, TOKEN]))?;
            Ok("listed")
        }
    }
}

/// Reads a listing to its end.
fn read(service: &Pages, target: &Target, now: Timestamp) -> Result<Listing, Failure> {
    let mut reading = Reading::begin(target, STREAM, now);
    for _ in 0..MOST_PAGES {
        let next = reading.next(service, target, || now).now_or_never();
        match next.unwrap_or_else(|| unreachable!("the pages are there")) {
            Ok(Progress::Done(listing)) => return Ok(listing),
            Ok(Progress::More(more)) => reading = more,
            Err(interrupted) => return Err(interrupted.failure),
        }
    }
    Err(Failure::unreachable("the listing has no end"))
}

/// A service that answers with the drawn pages.
struct Pages {
    left: Mutex<VecDeque<Answer>>,
    read: Mutex<Vec<Answer>>,
}

impl Pages {
    fn new(pages: Vec<Answer>) -> Self {
        Self { left: Mutex::new(pages.into()), read: Mutex::default() }
    }

    /// The pages of the listing that was read last: one that is begun again is another.
    fn read(&self) -> Vec<Answer> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn ids(&self) -> Vec<Vec<String>> {
        let pages = self.read().into_iter().filter_map(|page| answers::listing(&page.raw()).ok());
        pages.map(|page| page.ids().map(ToOwned::to_owned).collect()).collect()
    }
}

impl CampaignService for Pages {
    async fn delete(&self, _: &Target, _: &CampaignKey) -> Result<ConfirmedDeletion, Failure> {
        unreachable!("not asked for")
    }

    async fn get(&self, _: &Target, _: &CampaignKey) -> Result<Campaign, Failure> {
        unreachable!("not asked for")
    }

    async fn list(&self, _: &Target, _: &str, page: PageRequest) -> Result<Page, Failure> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = if left.len() > 1 { left.pop_front() } else { left.front().cloned() };
        let answer = answer.unwrap_or_else(|| unreachable!("a listing has a page"));
        if page.page == 1 {
            read.clear();
        }
        read.push(answer.clone());
        answers::listing(&answer.raw())
    }
}

fn key() -> CampaignKey {
    CampaignKey { stream_id: STREAM.to_owned(), campaign_id: CAMPAIGN.to_owned() }
}

fn target(host: &str, timeout: Duration) -> Target {
    Target {
        account: Account::new(host, ACCOUNT),
        address: host.to_owned(),
        iid: None,
        timeout,
        token: TokenSettings {
            algorithm: Algorithm::HS256,
            subject: "voicecampaign-operator".to_owned(),
            ttl: Duration::from_secs(300),
        },
        credentials: Credentials {
            client_id: SecretString::from(CLIENT_ID),
            client_secret: SecretString::from(SECRET),
        },
    }
}
