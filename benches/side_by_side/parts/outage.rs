//! Kore is down while campaigns are deleted, and comes back.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::bench::{Bench, CONNECTION, answers};
use crate::contender::Contender;
use crate::results::Outage;

const LASTS: Duration = Duration::from_secs(60);
/// How long the deletions are waited for after its end.
const PATIENCE: Duration = Duration::from_secs(300);

impl Bench {
    pub async fn outage(&self, who: Contender, program: &Path, count: usize) -> Outage {
        let tenant = self.tenant(&format!("outage-{who:?}").to_lowercase());
        let _running = self.run(who, program, &tenant.namespace);
        let names = self.create(&tenant, "held", 0..count, CONNECTION).await;
        self.until_held(&tenant, &names).await;
        self.kore.add_fault(&answers(&tenant, 503, "")).await.unwrap();
        let before = self.kore.received().await.unwrap();
        let begun = Instant::now();
        let mut gone = self.watch_gone(&tenant).await;
        self.delete(&tenant, &names).await;
        tokio::time::sleep(LASTS.saturating_sub(begun.elapsed())).await;
        let calls = self.kore.received().await.unwrap() - before;
        self.kore.clear_faults().await.unwrap();
        let ended = Instant::now();
        let mut at = Vec::new();
        while at.len() < count
            && let Some((_, seen)) = gone.within(PATIENCE.saturating_sub(ended.elapsed())).await
        {
            at.push((seen - ended).as_secs_f64());
        }
        let (first, last) = (at.first().copied(), at.last().copied());
        Outage { objects: count, lasts: LASTS.as_secs_f64(), calls, first, last, stuck: count - at.len() }
    }
}
