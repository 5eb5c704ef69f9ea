//! Objects that are there and stay.

use std::path::Path;
use std::time::{Duration, Instant};

use kube::ResourceExt;
use testbed::audit::Request;
use testbed::process::Process;

use crate::bench::{Bench, PATIENCE, Tenant, until_it_says};
use crate::contender::Contender;
use crate::results::Idle;

const MINUTE: Duration = Duration::from_secs(60);
/// Longer than what any contender waits before it lists again: two minutes, after many short watches.
const UNTIL_LISTED: Duration = Duration::from_secs(180);
/// A list is complete if no other page follows for so long.
const BETWEEN_PAGES: Duration = Duration::from_secs(3);
/// Memory that differs by less in four seconds does not change: 50 pages.
const SETTLED: u64 = 200_000;

impl Bench {
    /// How many seconds from the start of the operator until it knows all objects.
    pub async fn until_ready(&self, program: &Path, tenant: &Tenant) -> f64 {
        let process = self.run(Contender::Ours, program, &tenant.namespace);
        let begun = Instant::now();
        until_it_says(&process, "Watching VoiceCampaigns").await;
        begun.elapsed().as_secs_f64()
    }

    /// The most memory that the operator takes until it knows many objects of the largest size.
    pub async fn large(&self, program: &Path, count: usize) -> u64 {
        let tenant = self.tenant("bench-large");
        self.put_large(&tenant, 0..count).await;
        let running = self.run(Contender::Ours, program, &tenant.namespace);
        until_it_says(&running, "Watching VoiceCampaigns").await;
        running.most_resident_bytes().unwrap()
    }

    /// Whether a contender gets to work on the objects that are the last in its first list: so it has all.
    async fn has_listed(&self, tenant: &Tenant, last: &[String]) -> bool {
        let campaigns = self.campaigns(tenant);
        let begun = Instant::now();
        for name in last {
            while campaigns.get_metadata(name).await.unwrap().finalizers().is_empty() {
                if begun.elapsed() > PATIENCE {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        true
    }

    /// Resident memory, once the contender has all objects; these are the last in its list.
    pub async fn resident_with(&self, tenant: &Tenant, last: &[String], process: &Process) -> Option<u64> {
        if self.has_listed(tenant, last).await { self.resident(process).await } else { None }
    }

    /// The same after more lists.
    pub async fn resident_after(&self, lists: usize, process: &Process) -> Option<u64> {
        if self.list_again(lists).await { self.resident(process).await } else { None }
    }

    /// Resident memory once it does not change any more; if that does not happen, the median of a minute.
    /// `None` if the process has ended.
    async fn resident(&self, process: &Process) -> Option<u64> {
        let begun = Instant::now();
        let mut seen: Vec<u64> = Vec::new();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            seen.push(process.resident_bytes().ok()?);
            let recent = &mut seen.last_chunk::<4>().copied().unwrap_or([0, 0, 0, u64::MAX]);
            recent.sort_unstable();
            if recent[3] - recent[0] < SETTLED {
                return Some(recent[3]);
            }
            if begun.elapsed() > MINUTE {
                seen.sort_unstable();
                return Some(seen[seen.len() / 2]);
            }
        }
    }

    /// Makes a contender list all objects again, so many times: an API server that starts has no history that
    /// its watches could go on with. Returns whether it did.
    async fn list_again(&self, times: usize) -> bool {
        for _ in 0..times {
            self.plane.stop_api_server();
            let audited = self.plane.audited().unwrap();
            self.plane.start_api_server().unwrap();
            let begun = Instant::now();
            let (mut pages, mut changed) = (0, begun);
            while pages == 0 || changed.elapsed() < BETWEEN_PAGES {
                if begun.elapsed() > UNTIL_LISTED {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
                let now = self.pages_from(audited);
                if now != pages {
                    (pages, changed) = (now, Instant::now());
                }
            }
        }
        true
    }

    /// How many pages of a list of campaigns a contender has got since then.
    fn pages_from(&self, audited: u64) -> usize {
        let is_page =
            |request: &&Request| request.lists && request.resource == "voicecampaigns" && request.code == 200;
        self.requests_from(audited).iter().filter(is_page).count()
    }

    /// What a minute costs in which nobody changes anything: the mean of so many.
    pub async fn idle(&self, process: &Process, objects: usize, minutes: u32) -> Idle {
        let meter = self.meter(process).await;
        tokio::time::sleep(minutes * MINUTE).await;
        let cost = meter.read(0).await;
        let mean = |total: f64| total / f64::from(minutes);
        Idle {
            objects,
            minutes,
            cpu: mean(cost.cpu),
            requests: mean(cost.requests as f64),
            calls: mean(cost.calls as f64),
        }
    }
}
