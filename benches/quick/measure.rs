//! One contender at a time.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use kore_simulator::CampaignKey;
use kube::api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Config, ResourceExt};
use serde_json::json;
use testbed::faults::Relay;
use testbed::process::Process;
use testbed::{ControlPlane, Kore, operator};
use tokio::sync::mpsc;
use voicecampaign_operator::api::VoiceCampaign;

use crate::peers;

pub const CONNECTION: &str = "production";
const STREAM: &str = "st-0603182c-7ffb-53c3-b307-47ca14bxxxxx";
/// Requests of the benchmark itself under way at once.
const AT_ONCE: usize = 32;
/// Nothing takes longer.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// The operator.
    Ours,
    /// `benches/peers/src/bin/stock.rs`.
    Stock,
    /// `benches/peers/controller-runtime/`, with the framework's default: one reconcile at a time.
    ControllerRuntime,
    /// The same, with [`WORKERS`] reconciles at a time.
    ControllerRuntimeWorkers,
    /// `benches/peers/kopf/`.
    Kopf,
    /// `benches/peers/src/bin/floor.rs`.
    Floor,
}

/// As many as the operator makes calls to the API server.
const WORKERS: &str = "32";

/// What was measured of one of them.
#[derive(Debug, Default)]
pub struct Figures {
    /// From the API server's answer to the DELETE of an object to seeing it gone, one at a time.
    pub single: Vec<Duration>,
    /// From sending the first DELETE to seeing the last object gone.
    pub at_once: Vec<Duration>,
    /// Resident memory in bytes, by number of objects.
    pub resident: Vec<(usize, u64)>,
    /// Of the deletions at once: how many there were, the contender's time on a processor, calls to Kore,
    /// writes to the objects, events.
    pub deletions: usize,
    pub cpu: Duration,
    pub calls: usize,
    pub writes: usize,
    pub events: usize,
}

/// As they are reported.
impl Figures {
    /// A percentile of the single deletions.
    pub fn single_milliseconds(&self, part: usize) -> f64 {
        milliseconds(percentile(&self.single, part))
    }

    pub fn at_once_seconds(&self) -> f64 {
        percentile(&self.at_once, 50).as_secs_f64()
    }

    pub fn cpu_milliseconds_each(&self) -> f64 {
        milliseconds(self.cpu) / self.deletions as f64
    }

    pub fn each(&self, count: usize) -> f64 {
        count as f64 / self.deletions as f64
    }

    /// In megabytes, with so many objects; of those that were measured.
    pub fn resident_megabytes(&self, objects: usize) -> f64 {
        let (_, bytes) = self.resident.iter().find(|(count, _)| *count == objects).unwrap();
        *bytes as f64 / 1e6
    }
}

pub fn percentile(durations: &[Duration], part: usize) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * part / 100).min(sorted.len() - 1)]
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A namespace with an account of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub namespace: &'static str,
    pub account: &'static str,
}

/// Who has all objects, unless a figure is about two tenants.
pub const TENANT: Tenant = Tenant { namespace: "bench", account: "67777ce93e25326494exxxxx" };
/// Somebody with few objects.
pub const QUIET: Tenant = Tenant { namespace: "bench-quiet", account: "67777ce93e25326494eyyyyy" };

/// The surroundings.
pub struct Bench {
    pub plane: ControlPlane,
    kore: Kore,
    client: Client,
}

impl Bench {
    pub async fn new(plane: ControlPlane, kore: Kore, (id, secret): (&str, &str)) -> Self {
        let kubectl = plane.kubectl().unwrap();
        for tenant in [TENANT, QUIET] {
            kubectl.try_run(&["create", "namespace", tenant.namespace]).unwrap();
            let credentials = json!({"apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": "kore-jwt-app", "namespace": tenant.namespace},
                "stringData": {"clientId": id, "clientSecret": secret}});
            kubectl.apply(&credentials.to_string()).unwrap();
        }
        let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let bench = Self { plane, kore, client: Client::try_from(config).unwrap() };
        for tenant in [TENANT, QUIET] {
            bench.connect(tenant, CONNECTION, bench.kore.url());
        }
        bench
    }

    pub fn campaigns(&self, tenant: Tenant) -> Api<VoiceCampaign> {
        Api::namespaced(self.client.clone(), tenant.namespace)
    }

    fn connect(&self, tenant: Tenant, name: &str, host: &str) {
        let connection = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": name, "namespace": tenant.namespace},
            "spec": {"host": host, "accountId": tenant.account, "credentialsSecretRef": {"name": "kore-jwt-app"},
                     "rateLimit": {"requestsPerMinute": 6000}}});
        self.plane.kubectl().unwrap().apply(&connection.to_string()).unwrap();
    }

    pub fn start(&self, who: Contender, program: &Path) -> Process {
        static RUNS: AtomicUsize = AtomicUsize::new(1);
        let name = format!("{who:?}-{}", RUNS.fetch_add(1, Ordering::Relaxed)).to_lowercase();
        Process::start(&name, self.command(who, program), self.plane.folder()).unwrap()
    }

    fn command(&self, who: Contender, program: &Path) -> Command {
        let mut command = Command::new(program);
        match who {
            Contender::Ours => command.args(["run", "--admin-address=none"]),
            Contender::ControllerRuntimeWorkers => command.env("CONCURRENCY", WORKERS),
            Contender::Kopf => command.arg(peers::kopf_handlers()),
            Contender::Stock | Contender::ControllerRuntime | Contender::Floor => &mut command,
        };
        command
            .env("KUBECONFIG", operator::kubeconfig(&self.plane).unwrap())
            .env("WATCH_NAMESPACES", TENANT.namespace);
        command
    }

    /// The operator, for both tenants.
    pub fn start_for_both(&self, program: &Path) -> Process {
        let mut command = self.command(Contender::Ours, program);
        command.env("WATCH_NAMESPACES", [TENANT, QUIET].map(|tenant| tenant.namespace).join(","));
        Process::start("ours-for-both", command, self.plane.folder()).unwrap()
    }

    /// How long until the operator knows all objects.
    pub async fn until_ready(&self, process: &Process) -> Duration {
        let begun = Instant::now();
        while !process.output().contains("Watching VoiceCampaigns") {
            assert!(begun.elapsed() < PATIENCE, "{}", process.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        begun.elapsed()
    }

    /// The leader ends, and a deletion is asked for at once: how long until the next leader has done it.
    pub async fn takeover(&self, name: &str, program: &Path, kill: bool) -> Duration {
        let mut instances = ["leader", "next"].map(|instance| {
            let mut command = self.command(Contender::Ours, program);
            let lease = ("LEASE_NAME", "voicecampaign-operator");
            command.env("LEADER_ELECT", "true").envs([lease, ("POD_NAME", instance)]);
            let process =
                Process::start(&format!("{name}-{instance}"), command, self.plane.folder()).unwrap();
            while !process.output().contains(if instance == "leader" { "Leading" } else { "Standing by" }) {
                std::thread::sleep(Duration::from_millis(10));
            }
            process
        });
        let names = self.create(TENANT, name, 0..1, CONNECTION).await;
        self.until_held(TENANT, &names).await;
        let mut gone = self.watch_gone(TENANT).await;
        let begun = Instant::now();
        if kill {
            instances[0].kill();
        } else {
            instances[0].terminate(PATIENCE).unwrap();
        }
        self.campaigns(TENANT).delete(&names[0], &DeleteParams::default()).await.unwrap();
        let (_, at) = tokio::time::timeout(PATIENCE, gone.recv()).await.unwrap().unwrap();
        at - begun
    }

    pub async fn one_after_the_other(&self, tenant: Tenant, count: usize, figures: &mut Figures) {
        let names = self.create(tenant, "single", 0..count, CONNECTION).await;
        self.until_held(tenant, &names).await;
        let mut gone = self.watch_gone(tenant).await;
        let campaigns = self.campaigns(tenant);
        for name in &names {
            campaigns.delete(name, &DeleteParams::default()).await.unwrap();
            let accepted = Instant::now();
            let (seen, at) = tokio::time::timeout(PATIENCE, gone.recv()).await.unwrap().unwrap();
            assert_eq!(&seen, name);
            figures.single.push(at.saturating_duration_since(accepted));
        }
    }

    /// One after the other, alone; and while the calls to another account hang: as many deletions of its own.
    pub async fn beside_a_dead_account(&self, count: usize, rounds: usize) -> [Vec<Duration>; 2] {
        let relay = Relay::start(self.kore.url().trim_start_matches("http://").parse().unwrap()).unwrap();
        self.connect(TENANT, "hanging", &format!("http://{}", relay.address()));
        let mut figures = [Figures::default(), Figures::default()];
        for _ in 0..rounds {
            self.one_after_the_other(TENANT, count, &mut figures[0]).await;
            let dead = self.create(TENANT, "dead", 0..count, "hanging").await;
            self.until_held(TENANT, &dead).await;
            relay.freeze();
            for name in &dead {
                self.campaigns(TENANT).delete(name, &DeleteParams::default()).await.unwrap();
            }
            self.one_after_the_other(TENANT, count, &mut figures[1]).await;
            relay.thaw();
            self.until_none(TENANT, &dead).await;
        }
        figures.map(|figures| figures.single)
    }

    /// One after the other by the quiet tenant, alone; and while the other deletes `burst` campaigns at once.
    pub async fn beside_a_burst(&self, count: usize, burst: usize) -> [Vec<Duration>; 2] {
        let mut figures = [Figures::default(), Figures::default()];
        self.one_after_the_other(QUIET, count, &mut figures[0]).await;
        let [_, beside] = &mut figures;
        let names = self.create(QUIET, "beside", 0..burst, CONNECTION).await;
        self.until_held(QUIET, &names).await;
        let busy = self.create(TENANT, "burst", 0..burst, CONNECTION).await;
        self.until_held(TENANT, &busy).await;
        let mut gone = self.watch_gone(QUIET).await;
        let quiet = self.campaigns(QUIET);
        let some_time = async {
            for name in &names {
                quiet.delete(name, &DeleteParams::default()).await.unwrap();
                let accepted = Instant::now();
                let (_, at) = tokio::time::timeout(PATIENCE, gone.recv()).await.unwrap().unwrap();
                beside.single.push(at.saturating_duration_since(accepted));
            }
        };
        tokio::select! {
            () = some_time => {}
            _ = self.delete_all(TENANT, &busy) => {}
        }
        // Those that the burst has left no time for.
        for name in &names {
            let _ = quiet.delete(name, &DeleteParams::default()).await;
        }
        self.until_none(QUIET, &names).await;
        figures.map(|figures| figures.single)
    }

    pub async fn at_once(&self, count: usize, contender: &Process, figures: &mut Figures) {
        let names = self.create(TENANT, "burst", 0..count, CONNECTION).await;
        self.until_held(TENANT, &names).await;
        let before = self.counts().await;
        let cpu_before = contender.cpu_time().unwrap();
        figures.at_once.push(self.delete_all(TENANT, &names).await);
        // Events may come after the object has gone.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = self.counts().await;
        figures.deletions += count;
        figures.cpu += contender.cpu_time().unwrap() - cpu_before;
        figures.calls += after.0 - before.0;
        figures.writes += after.1 - before.1;
        figures.events += after.2 - before.2;
    }

    /// Deletes all these objects at once, and returns how long it took until all were gone.
    async fn delete_all(&self, tenant: Tenant, names: &[String]) -> Duration {
        let mut gone = self.watch_gone(tenant).await;
        let begun = Instant::now();
        let (campaigns, parameters) = (self.campaigns(tenant), DeleteParams::default());
        let deletes = stream::iter(names).map(|name| campaigns.delete(name, &parameters));
        let deletes = deletes.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(()));
        let all_gone = async {
            let mut last = begun;
            for _ in names {
                last = tokio::time::timeout(PATIENCE, gone.recv()).await.unwrap().unwrap().1;
            }
            last
        };
        let (deleted, last) = tokio::join!(deletes, all_gone);
        deleted.unwrap();
        last - begun
    }

    /// Resident memory once it does not change any more.
    pub async fn resident(&self, process: &Process) -> u64 {
        let begun = Instant::now();
        let mut last: Vec<u64> = Vec::new();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            last.push(process.resident_bytes().unwrap());
            let settled = last.len() > 5 && {
                let recent = &last[last.len() - 4..];
                recent.iter().max().unwrap() - recent.iter().min().unwrap() < 200_000
            };
            if settled || begun.elapsed() > PATIENCE {
                return *last.last().unwrap();
            }
        }
    }

    pub fn finish(self) {
        drop(self.kore);
        self.plane.finish();
    }

    /// Puts the campaigns of objects with these names into Kore.
    pub async fn seed(&self, tenant: Tenant, names: &[String]) {
        let key = |name: &String| CampaignKey {
            account_id: tenant.account.into(),
            stream_id: STREAM.into(),
            campaign_id: format!("cd-{name}"),
        };
        let keys: Vec<CampaignKey> = names.iter().map(key).collect();
        self.kore.seed(&keys, &json!({})).await.unwrap();
    }

    /// Creates objects whose campaigns are in Kore.
    pub async fn create(
        &self,
        tenant: Tenant,
        prefix: &str,
        numbers: Range<usize>,
        connection: &str,
    ) -> Vec<String> {
        let names: Vec<String> = numbers.map(|number| format!("{prefix}-{number:06}")).collect();
        self.seed(tenant, &names).await;
        let object = |name: &String| -> VoiceCampaign {
            serde_json::from_value(
                json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
                "metadata": {"name": name, "namespace": tenant.namespace},
                "spec": {"connectionRef": {"name": connection}, "streamId": STREAM,
                         "campaignId": format!("cd-{name}")}}),
            )
            .unwrap()
        };
        let (campaigns, parameters) = (self.campaigns(tenant), PostParams::default());
        stream::iter(&names)
            .map(async |name| campaigns.create(&parameters, &object(name)).await)
            .buffer_unordered(AT_ONCE)
            .try_for_each(async |_| Ok(()))
            .await
            .unwrap();
        names
    }

    /// Waits until the contender has put its finalizer on all, and has nothing to do any more.
    pub async fn until_held(&self, tenant: Tenant, names: &[String]) {
        let begun = Instant::now();
        let mut versions = HashMap::new();
        let mut quiet = 0;
        while quiet < 3 {
            assert!(begun.elapsed() < PATIENCE, "the contender does not hold the objects");
            tokio::time::sleep(Duration::from_millis(500)).await;
            let list = self.campaigns(tenant).list_metadata(&ListParams::default()).await.unwrap();
            let now: HashMap<String, Option<String>> = list.items.iter().map(version).collect();
            let held = list.items.iter().filter(|object| !object.finalizers().is_empty());
            let held: usize = held.filter(|object| names.contains(&object.name_any())).count();
            quiet = if held == names.len() && now == versions { quiet + 1 } else { 0 };
            versions = now;
        }
    }

    /// Waits until none of these objects is there.
    pub async fn until_none(&self, tenant: Tenant, names: &[String]) {
        let begun = Instant::now();
        let there = async || {
            let list = self.campaigns(tenant).list_metadata(&ListParams::default()).await.unwrap();
            list.items.iter().any(|object| names.contains(&object.name_any()))
        };
        while there().await {
            assert!(begun.elapsed() < PATIENCE, "some stay");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Tells which objects are gone, and when that was seen.
    async fn watch_gone(&self, tenant: Tenant) -> mpsc::UnboundedReceiver<(String, Instant)> {
        let campaigns = self.campaigns(tenant);
        let version = campaigns.list_metadata(&ListParams::default().limit(1)).await.unwrap();
        let version = version.metadata.resource_version.unwrap_or_default();
        let (seen, gone) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let watch = campaigns.watch_metadata(&WatchParams::default(), &version).await.unwrap();
            let mut watch = watch.boxed();
            while let Some(event) = watch.next().await {
                if let WatchEvent::Deleted(object) = event.unwrap()
                    && seen.send((object.name_any(), Instant::now())).is_err()
                {
                    return;
                }
            }
        });
        gone
    }

    /// Calls to Kore, writes to our objects, events: so far.
    async fn counts(&self) -> (usize, usize, usize) {
        let user = operator::user();
        let requests = self.plane.requests().unwrap();
        let writes: Vec<_> = requests
            .iter()
            .filter(|request| {
                request.user == user && ["patch", "update", "create"].contains(&request.verb.as_str())
            })
            .collect();
        let of = |resource: &str| writes.iter().filter(|request| request.resource == resource).count();
        (self.kore.journal().await.unwrap().len(), of("voicecampaigns"), of("events"))
    }
}

fn version(object: &PartialObjectMeta<VoiceCampaign>) -> (String, Option<String>) {
    (object.name_any(), object.resource_version())
}
