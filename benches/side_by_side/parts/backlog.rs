//! Many objects are there when a contender starts: new ones, and ones whose deletion was asked for.

use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt, watcher};

use crate::bench::{Bench, PATIENCE, Tenant};
use crate::contender::Contender;
use crate::results::Backlog;

const SAMPLED_EACH: Duration = Duration::from_millis(500);

impl Bench {
    /// Deletions of many objects, asked for while nobody is there.
    pub async fn backlog(&self, who: Contender, program: &Path, count: usize, ours: &Path) -> Backlog {
        let tenant = self.tenant(&format!("backlog-{who:?}").to_lowercase());
        let names = self.settle(&tenant, 0..count, ours).await;
        self.delete(&tenant, &names).await;
        let running = self.run(who, program, &tenant.namespace);
        let begun = Instant::now();
        let mut left = vec![(0.0, count)];
        let (mut peak, mut changed) = (0, begun);
        while left.last().unwrap().1 > 0 && changed.elapsed() < PATIENCE {
            tokio::time::sleep(SAMPLED_EACH).await;
            // It may have died of it.
            peak = peak.max(running.resident_bytes().unwrap_or_default());
            let now = self.how_many(&tenant).await;
            if now != left.last().unwrap().1 {
                changed = Instant::now();
            }
            left.push((begun.elapsed().as_secs_f64(), now));
        }
        Backlog { objects: count, left, peak }
    }

    /// Seconds until the operator has found the campaigns of many new objects.
    pub async fn found(&self, program: &Path, count: usize) -> f64 {
        let tenant = self.tenant("bench-new");
        let names = self.put_new(&tenant, 0..count).await;
        let watch = watcher(self.campaigns(&tenant), watcher::Config::default()).default_backoff();
        let mut objects = pin!(watch.applied_objects());
        let mut next =
            async || tokio::time::timeout(PATIENCE, objects.next()).await.unwrap().unwrap().unwrap();
        for _ in &names {
            next().await;
        }
        let _running = self.run(Contender::Ours, program, &tenant.namespace);
        let begun = Instant::now();
        let mut found = std::collections::HashSet::new();
        while found.len() < names.len() {
            let object = next().await;
            if let Some(status) = &object.status
                && status.conditions.iter().any(|condition| condition.reason == "CampaignFound")
            {
                found.insert(object.name_any());
            }
        }
        begun.elapsed().as_secs_f64()
    }

    /// How many objects are there: one page and how many remain, so that the question costs little.
    async fn how_many(&self, tenant: &Tenant) -> usize {
        let list = self.campaigns(tenant).list_metadata(&ListParams::default().limit(1)).await.unwrap();
        let remaining = list.metadata.remaining_item_count.unwrap_or_default();
        list.items.len() + usize::try_from(remaining).unwrap()
    }
}
