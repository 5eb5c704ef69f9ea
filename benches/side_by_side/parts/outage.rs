//! Kore is down while campaigns are deleted, and comes back.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::bench::{Bench, CONNECTION, PATIENCE, answers};
use crate::contender::Contender;
use crate::results::Outage;

const LASTS: Duration = Duration::from_secs(60);

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
        for _ in &names {
            assert!(ended.elapsed() < PATIENCE, "{who:?}: some stay");
            at.push((gone.next().await.1 - ended).as_secs_f64());
        }
        Outage { objects: count, lasts: LASTS.as_secs_f64(), calls, first: at[0], last: at[count - 1] }
    }
}
