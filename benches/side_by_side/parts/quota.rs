//! Many deletions under the quota that Kore documents.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::future::join_all;
use kore_simulator::{Behaviour, Entry};
use testbed::Kore;

use crate::bench::{Bench, CONNECTION, Tenant, names};
use crate::contender::Contender;
use crate::results::{Quota, Results};

/// Calls an account may make in any minute, as documented.
const PER_MINUTE: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// Three times as long as the quota takes for them.
const PATIENCE: Duration = Duration::from_secs(600);

impl Bench {
    /// All contenders at the same time: each has an account of its own, and hardly anything to do.
    pub async fn quota(&self, contenders: &[(Contender, PathBuf)], count: usize, results: &mut Results) {
        let kore = Self::kore(&self.plane, &Behaviour::default()).await;
        let each = contenders.iter().map(|(who, program)| self.under_quota(*who, program, count, &kore));
        for ((who, _), quota) in contenders.iter().zip(join_all(each).await) {
            results.of_mut(*who).quota = Some(quota);
        }
    }

    async fn under_quota(&self, who: Contender, program: &Path, count: usize, kore: &Kore) -> Quota {
        let tenant = Tenant::new(&format!("quota-{who:?}").to_lowercase());
        self.settle_in(&tenant, kore.url(), PER_MINUTE);
        let _running = self.run(who, program, &tenant.namespace);
        let names = names("pending", 0..count);
        self.seed(kore, &tenant, &names).await;
        self.apply(&tenant, &names, CONNECTION).await;
        self.until_held(&tenant, &names).await;
        let begun = Instant::now();
        self.delete(&tenant, &names).await;
        let (mut stuck, mut last) = (count, 0.0);
        while stuck > 0 && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_secs(1)).await;
            (stuck, last) = (self.there(&tenant).await.len(), begun.elapsed().as_secs_f64());
        }
        let calls = kore.journal().await.unwrap();
        let calls: Vec<Entry> = calls.into_iter().filter(|call| call.account_id == tenant.account).collect();
        Quota {
            objects: count,
            busiest_minute: busiest_minute(&calls),
            refused: calls.iter().filter(|call| call.answer == Some(429)).count(),
            last,
            stuck,
        }
    }
}

/// The most calls in any minute; they are in the order of their arrival.
fn busiest_minute(calls: &[Entry]) -> usize {
    let until = |begin: &Entry| calls.partition_point(|call| call.at < begin.at + MINUTE);
    calls.iter().enumerate().map(|(index, begin)| until(begin) - index).max().unwrap_or_default()
}
