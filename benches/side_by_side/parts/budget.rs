//! What each millisecond of a deletion is for, from the API server's audit log and from Kore's journal: they
//! have the clock of the benchmark.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use kore_simulator::Entry;
use kube::api::DeleteParams;
use testbed::audit::Request;
use testbed::operator;

use crate::bench::{Bench, CONNECTION, Tenant, campaign};
use crate::contender::Contender;

/// The steps of a deletion, in their order.
pub const STEPS: [&str; 6] = [
    "from the API server's answer to the DELETE of the object, until Kore gets its DELETE",
    "Kore's answer, and until the API server gets the status",
    "the API server writes the status",
    "until the API server gets the removal of the finalizer",
    "the API server removes the finalizer, and the object",
    "until a watch shows that the object is gone",
];

impl Bench {
    /// Milliseconds of each step, of each of some deletions one after the other: of a contender that writes
    /// the status, and then removes its finalizer.
    pub async fn budget(&self, who: Contender, program: &Path, count: usize) -> Vec<[f64; STEPS.len()]> {
        let tenant = Tenant::usual();
        let _running = self.run(who, program, &tenant.namespace);
        let names = self.create(&tenant, "budget", 0..count, CONNECTION).await;
        self.until_held(&tenant, &names).await;
        let (audited, received) = (self.plane.audited().unwrap(), self.kore.received().await.unwrap());
        let (mut gone, campaigns) = (self.watch_gone(&tenant).await, self.campaigns(&tenant));
        let mut seen = Vec::new();
        for name in &names {
            campaigns.delete(name, &DeleteParams::default()).await.unwrap();
            let (_, at) = gone.next().await;
            seen.push(Timestamp::now() - at.elapsed());
        }
        // The last lines of the audit log.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let requests = self.plane.requests_from(audited).unwrap();
        let calls = self.kore.journal_from(received).await.unwrap();
        names.iter().zip(seen).map(|(name, gone)| steps(name, &requests, &calls, gone)).collect()
    }
}

fn steps(name: &str, requests: &[Request], calls: &[Entry], gone: Timestamp) -> [f64; STEPS.len()] {
    let of = |user: Option<&str>, verbs: &[&str]| -> Vec<&Request> {
        let is_of = |request: &&Request| {
            request.resource == "voicecampaigns"
                && request.name == name
                && request.code < 300
                && verbs.contains(&request.verb.as_str())
                && user.is_none_or(|user| request.user == user)
        };
        requests.iter().filter(is_of).collect()
    };
    let deleted = of(None, &["delete"])[0];
    let writes = of(Some(&operator::user()), &["patch", "update"]);
    let [status, release] = writes[..] else { panic!("its writes are others: {writes:#?}") };
    let id = campaign(name);
    let is_delete = |call: &&Entry| call.method == "DELETE" && call.campaign_id.as_ref() == Some(&id);
    let call = calls.iter().find(is_delete).unwrap();
    let times = [
        deleted.answered_at,
        call.at,
        status.received_at,
        status.answered_at,
        release.received_at,
        release.answered_at,
        gone,
    ];
    std::array::from_fn(|step| times[step + 1].duration_since(times[step]).as_secs_f64() * 1e3)
}
