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

const NAMESPACE: &str = "bench";
const ACCOUNT: &str = "67777ce93e25326494exxxxx";
const CONNECTION: &str = "production";
const STREAM: &str = "st-0603182c-7ffb-53c3-b307-47ca14bxxxxx";
const FINALIZER: &str = "voicecampaign.dev/remote-campaign";
/// Requests of the benchmark itself under way at once.
const AT_ONCE: usize = 32;
/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(180);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// The operator.
    Ours,
    /// `benches/peers/src/bin/stock.rs`.
    Stock,
    /// `benches/peers/src/bin/floor.rs`.
    Floor,
}

/// What objects are created for.
#[derive(Clone, Copy)]
enum Purpose {
    /// Their campaigns are in Kore, and will be deleted by way of this connection.
    Deleted { connection: &'static str },
    /// To be there.
    Stays,
}

const DELETED: Purpose = Purpose::Deleted { connection: CONNECTION };

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

/// The surroundings.
pub struct Bench {
    plane: ControlPlane,
    kore: Kore,
    campaigns: Api<VoiceCampaign>,
}

impl Bench {
    pub async fn new(plane: ControlPlane, kore: Kore, (id, secret): (&str, &str)) -> Self {
        let kubectl = plane.kubectl().unwrap();
        kubectl.try_run(&["create", "namespace", NAMESPACE]).unwrap();
        let credentials = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "kore-jwt-app", "namespace": NAMESPACE},
            "stringData": {"clientId": id, "clientSecret": secret}});
        kubectl.apply(&credentials.to_string()).unwrap();
        let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let campaigns = Api::namespaced(Client::try_from(config).unwrap(), NAMESPACE);
        let bench = Self { plane, kore, campaigns };
        bench.connect(CONNECTION, bench.kore.url());
        bench
    }

    fn connect(&self, name: &str, host: &str) {
        let connection = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"host": host, "accountId": ACCOUNT, "credentialsSecretRef": {"name": "kore-jwt-app"},
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
        if who == Contender::Ours {
            command.args(["run", "--admin-address=none"]);
        }
        command
            .env("KUBECONFIG", operator::kubeconfig(&self.plane).unwrap())
            .env("WATCH_NAMESPACES", NAMESPACE);
        command
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
        let names = self.create(name, 0..1, DELETED).await;
        self.until_held(&names).await;
        let mut gone = self.watch_gone().await;
        let begun = Instant::now();
        if kill {
            instances[0].kill();
        } else {
            instances[0].terminate(PATIENCE).unwrap();
        }
        self.campaigns.delete(&names[0], &DeleteParams::default()).await.unwrap();
        let (_, at) = tokio::time::timeout(PATIENCE, gone.recv()).await.unwrap().unwrap();
        at - begun
    }

    pub async fn one_after_the_other(&self, count: usize, figures: &mut Figures) {
        let names = self.create("single", 0..count, DELETED).await;
        self.until_held(&names).await;
        let mut gone = self.watch_gone().await;
        for name in &names {
            self.campaigns.delete(name, &DeleteParams::default()).await.unwrap();
            let accepted = Instant::now();
            let (seen, at) = tokio::time::timeout(PATIENCE, gone.recv()).await.unwrap().unwrap();
            assert_eq!(&seen, name);
            figures.single.push(at.saturating_duration_since(accepted));
        }
    }

    /// One after the other, alone; and while the calls to another account hang: as many deletions of its own.
    pub async fn beside_a_dead_account(&self, count: usize, rounds: usize) -> [Vec<Duration>; 2] {
        let relay = Relay::start(self.kore.url().trim_start_matches("http://").parse().unwrap()).unwrap();
        self.connect("hanging", &format!("http://{}", relay.address()));
        let mut figures = [Figures::default(), Figures::default()];
        for _ in 0..rounds {
            self.one_after_the_other(count, &mut figures[0]).await;
            let dead = self.create("dead", 0..count, Purpose::Deleted { connection: "hanging" }).await;
            self.until_held(&dead).await;
            relay.freeze();
            for name in &dead {
                self.campaigns.delete(name, &DeleteParams::default()).await.unwrap();
            }
            self.one_after_the_other(count, &mut figures[1]).await;
            relay.thaw();
            self.until_none().await;
        }
        figures.map(|figures| figures.single)
    }

    pub async fn at_once(&self, count: usize, contender: &Process, figures: &mut Figures) {
        let names = self.create("burst", 0..count, DELETED).await;
        self.until_held(&names).await;
        let mut gone = self.watch_gone().await;
        let before = self.counts().await;
        let cpu_before = contender.cpu_time().unwrap();
        let begun = Instant::now();
        let parameters = DeleteParams::default();
        let deletes = stream::iter(&names).map(|name| self.campaigns.delete(name, &parameters));
        let deletes = deletes.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(()));
        let all_gone = async {
            let mut last = begun;
            for _ in &names {
                last = tokio::time::timeout(PATIENCE, gone.recv()).await.unwrap().unwrap().1;
            }
            last
        };
        let (deleted, last) = tokio::join!(deletes, all_gone);
        deleted.unwrap();
        figures.at_once.push(last - begun);
        // Events may come after the object has gone.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = self.counts().await;
        figures.deletions += count;
        figures.cpu += contender.cpu_time().unwrap() - cpu_before;
        figures.calls += after.0 - before.0;
        figures.writes += after.1 - before.1;
        figures.events += after.2 - before.2;
    }

    /// Objects that stay: nobody is asked for them.
    pub async fn settle(&self, numbers: Range<usize>) {
        self.create("stays", numbers, Purpose::Stays).await;
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

    async fn create(&self, prefix: &str, numbers: Range<usize>, purpose: Purpose) -> Vec<String> {
        let names: Vec<String> = numbers.map(|number| format!("{prefix}-{number:05}")).collect();
        let keys: Vec<CampaignKey> = names
            .iter()
            .map(|name| CampaignKey {
                account_id: ACCOUNT.into(),
                stream_id: STREAM.into(),
                campaign_id: format!("cd-{name}"),
            })
            .collect();
        let (stays, finalizers, connection) = match purpose {
            Purpose::Deleted { connection } => (false, Vec::new(), connection),
            Purpose::Stays => (true, vec![FINALIZER], CONNECTION),
        };
        if !stays {
            self.kore.seed(&keys, &json!({})).await.unwrap();
        }
        let object = |name: &String| -> VoiceCampaign {
            serde_json::from_value(
                json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
                "metadata": {"name": name, "namespace": NAMESPACE, "finalizers": finalizers},
                "spec": {"connectionRef": {"name": connection}, "streamId": STREAM, "suspend": stays,
                         "campaignId": format!("cd-{name}")}}),
            )
            .unwrap()
        };
        let parameters = PostParams::default();
        stream::iter(&names)
            .map(async |name| self.campaigns.create(&parameters, &object(name)).await)
            .buffer_unordered(AT_ONCE)
            .try_for_each(async |_| Ok(()))
            .await
            .unwrap();
        names
    }

    /// Waits until the contender has put its finalizer on all, and has nothing to do any more.
    async fn until_held(&self, names: &[String]) {
        let begun = Instant::now();
        let mut versions = HashMap::new();
        let mut quiet = 0;
        while quiet < 3 {
            assert!(begun.elapsed() < PATIENCE, "the contender does not hold the objects");
            tokio::time::sleep(Duration::from_millis(500)).await;
            let list = self.campaigns.list_metadata(&ListParams::default()).await.unwrap();
            let now: HashMap<String, Option<String>> = list.items.iter().map(version).collect();
            let held = list.items.iter().filter(|object| !object.finalizers().is_empty());
            let held: usize = held.filter(|object| names.contains(&object.name_any())).count();
            quiet = if held == names.len() && now == versions { quiet + 1 } else { 0 };
            versions = now;
        }
    }

    /// Waits until there is no object.
    async fn until_none(&self) {
        let begun = Instant::now();
        while !self.campaigns.list_metadata(&ListParams::default()).await.unwrap().items.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "some stay");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Tells which objects are gone, and when that was seen.
    async fn watch_gone(&self) -> mpsc::UnboundedReceiver<(String, Instant)> {
        let version = self.campaigns.list_metadata(&ListParams::default().limit(1)).await.unwrap();
        let version = version.metadata.resource_version.unwrap_or_default();
        let (seen, gone) = mpsc::unbounded_channel();
        let watch = self.campaigns.watch_metadata(&WatchParams::default(), &version).await.unwrap();
        tokio::spawn(async move {
            let mut watch = watch.boxed();
            while let Some(Ok(event)) = watch.next().await {
                if let WatchEvent::Deleted(object) = event
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
