//! Deletions one after the other, and many at once.

use std::time::{Duration, Instant};

use kore_simulator::{Fault, Outcome};
use kube::api::DeleteParams;
use testbed::process::Process;

use crate::bench::{Bench, CONNECTION, Tenant, answers};
use crate::results::Figures;

impl Bench {
    /// How long each deletion takes, one at a time: from the API server's answer to the DELETE.
    pub async fn one_after_the_other(&self, tenant: &Tenant, count: usize) -> Vec<f64> {
        let names = self.create(tenant, "single", 0..count, CONNECTION).await;
        self.until_held(tenant, &names).await;
        self.delete_each(tenant, &names, || true).await
    }

    /// Deletes one object after the other while the condition holds, and returns how long each took.
    pub async fn delete_each(
        &self,
        tenant: &Tenant,
        names: &[String],
        condition: impl Fn() -> bool,
    ) -> Vec<f64> {
        let mut gone = self.watch_gone(tenant).await;
        let campaigns = self.campaigns(tenant);
        let mut took = Vec::new();
        for name in names.iter().take_while(|_| condition()) {
            campaigns.delete(name, &DeleteParams::default()).await.unwrap();
            let accepted = Instant::now();
            let (seen, at) = gone.next().await;
            assert_eq!(&seen, name);
            took.push(at.saturating_duration_since(accepted).as_secs_f64());
        }
        took
    }

    /// The same while Kore takes its time for each answer; that time is taken off.
    pub async fn delayed(&self, tenant: &Tenant, count: usize, delay: u64) -> Vec<f64> {
        let slow = Fault { delay_ms: delay, then: Outcome::Normal, ..answers(tenant, 200, "") };
        self.kore.add_fault(&slow).await.unwrap();
        let took = self.one_after_the_other(tenant, count).await;
        self.kore.clear_faults().await.unwrap();
        let delay = Duration::from_millis(delay).as_secs_f64();
        took.into_iter().map(|took| took - delay).collect()
    }

    /// How long `kubectl delete` takes, one at a time.
    pub async fn with_kubectl(&self, tenant: &Tenant, count: usize) -> Vec<f64> {
        let names = self.create(tenant, "kubectl", 0..count, CONNECTION).await;
        self.until_held(tenant, &names).await;
        let kubectl = self.plane.kubectl().unwrap();
        let delete = |name: &String| {
            let begun = Instant::now();
            kubectl.try_run(&["delete", "voicecampaign", name, "--namespace", &tenant.namespace]).unwrap();
            begun.elapsed().as_secs_f64()
        };
        names.iter().map(delete).collect()
    }

    pub async fn at_once(&self, tenant: &Tenant, count: usize, contender: &Process, figures: &mut Figures) {
        let names = self.create(tenant, "burst", 0..count, CONNECTION).await;
        self.until_held(tenant, &names).await;
        let meter = self.meter(contender).await;
        figures.at_once.push(self.delete_all(tenant, &names).await);
        // Events may come after the object has gone.
        tokio::time::sleep(Duration::from_secs(2)).await;
        figures.cost += meter.read(count).await;
    }

    /// Deletes all these objects at once, and returns how many seconds it took until all were gone.
    pub async fn delete_all(&self, tenant: &Tenant, names: &[String]) -> f64 {
        let mut gone = self.watch_gone(tenant).await;
        let begun = Instant::now();
        let all_gone = async {
            let mut last = begun;
            for _ in names {
                last = gone.next().await.1;
            }
            last
        };
        let ((), last) = tokio::join!(self.delete(tenant, names), all_gone);
        (last - begun).as_secs_f64()
    }
}
