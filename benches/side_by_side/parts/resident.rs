//! Objects that are there and stay.

use std::path::Path;
use std::time::{Duration, Instant};

use kube::ResourceExt;
use testbed::process::Process;

use crate::bench::{Bench, PATIENCE, Tenant, until_it_says};
use crate::contender::Contender;
use crate::results::Idle;

const MINUTE: Duration = Duration::from_secs(60);
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
    pub async fn has_listed(&self, tenant: &Tenant, last: &[String]) -> bool {
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

    /// Resident memory once it does not change any more; if that does not happen, the median of a minute.
    pub async fn resident(&self, process: &Process) -> u64 {
        let begun = Instant::now();
        let mut seen: Vec<u64> = Vec::new();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            seen.push(process.resident_bytes().unwrap());
            let recent = &mut seen.last_chunk::<4>().copied().unwrap_or([0, 0, 0, u64::MAX]);
            recent.sort_unstable();
            if recent[3] - recent[0] < SETTLED {
                return recent[3];
            }
            if begun.elapsed() > MINUTE {
                seen.sort_unstable();
                return seen[seen.len() / 2];
            }
        }
    }

    /// What a minute costs in which nothing happens.
    pub async fn idle(&self, process: &Process, objects: usize) -> Idle {
        let meter = self.meter(process).await;
        tokio::time::sleep(MINUTE).await;
        let cost = meter.read(0).await;
        Idle { objects, cpu: cost.cpu, requests: cost.requests, calls: cost.calls }
    }
}
