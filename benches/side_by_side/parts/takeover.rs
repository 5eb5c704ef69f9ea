//! The leader ends.

use std::path::Path;
use std::time::Instant;

use crate::bench::{Bench, CONNECTION, PATIENCE, Tenant, until_it_says};
use crate::contender::Contender;

impl Bench {
    /// The leader ends, and a deletion is asked for at once: seconds until the next leader has done it.
    pub async fn takeover(&self, name: &str, program: &Path, kill: bool) -> f64 {
        let tenant = Tenant::usual();
        let run = async |instance: &str, says: &str| {
            let name = format!("{name}-{instance}");
            let variables =
                [("LEADER_ELECT", "true"), ("LEASE_NAME", "voicecampaign-operator"), ("POD_NAME", &name)];
            let process = self.run_with(Contender::Ours, program, &tenant.namespace, &variables);
            until_it_says(&process, says).await;
            process
        };
        let mut leader = run("leader", "Leading").await;
        let _next = run("next", "Standing by").await;
        let names = self.create(&tenant, name, 0..1, CONNECTION).await;
        self.until_held(&tenant, &names).await;
        let mut gone = self.watch_gone(&tenant).await;
        let begun = Instant::now();
        if kill {
            leader.kill();
        } else {
            leader.terminate(PATIENCE).unwrap();
        }
        self.delete(&tenant, &names).await;
        let (_, at) = gone.next().await;
        (at - begun).as_secs_f64()
    }
}
