//! The leader ends.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::bench::{Bench, CONNECTION, PATIENCE, Tenant};
use crate::contender::Contender;

impl Bench {
    /// The leader ends, and a deletion is asked for at once: seconds until the next leader has done it.
    pub async fn takeover(&self, name: &str, program: &Path, kill: bool) -> f64 {
        let tenant = Tenant::usual();
        let mut instances = ["leader", "next"].map(|instance| {
            let name = format!("{name}-{instance}");
            let variables =
                [("LEADER_ELECT", "true"), ("LEASE_NAME", "voicecampaign-operator"), ("POD_NAME", &name)];
            let process = self.run_with(Contender::Ours, program, &tenant.namespace, &variables);
            while !process.output().contains(if instance == "leader" { "Leading" } else { "Standing by" }) {
                std::thread::sleep(Duration::from_millis(10));
            }
            process
        });
        let names = self.create(&tenant, name, 0..1, CONNECTION).await;
        self.until_held(&tenant, &names).await;
        let mut gone = self.watch_gone(&tenant).await;
        let begun = Instant::now();
        if kill {
            instances[0].kill();
        } else {
            instances[0].terminate(PATIENCE).unwrap();
        }
        self.delete(&tenant, &names).await;
        let (_, at) = gone.next().await;
        (at - begun).as_secs_f64()
    }
}
