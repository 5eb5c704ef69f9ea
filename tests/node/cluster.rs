//! The cluster: a node of our own; or one that is there, named by `TEST_CLUSTER_KUBECONFIG` (an
//! administrator's), `TEST_CLUSTER_LOAD` (a command that loads an image archive, as in `kind load
//! image-archive`) and `TEST_CLUSTER_HOST` (the address at which its Pods reach this machine).

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use kore_simulator::{App, Behaviour, CampaignKey, Entry, Operation, Simulator};
use serde_json::{Value, json};
use testbed::documents;
use testbed::helm::{Helm, chart};
use testbed::kore_ai::KoreAi;
use testbed::node::Node;
use testbed::samples::Samples;
use testbed::{Kubectl, image, wait};

/// The release, and where it is.
pub const RELEASE: &str = "voicecampaign-operator";
pub const SYSTEM: &str = "voicecampaign-system";
/// Where the campaigns are.
pub const CAMPAIGNS: &str = "campaigns";
/// The tag of the image as the next version.
pub const NEXT: &str = "next";
/// Long enough for a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A cluster, with the means to use it.
pub struct Cluster {
    node: Option<Node>,
    kubectl: Kubectl,
    helm: Helm,
    /// The service, outside of the cluster.
    pub kore: Simulator,
    /// Where Pods reach it.
    kore_at: SocketAddr,
    _kore_ai: KoreAi,
    /// Where Pods reach the proxy that leads Kore's own address to the service.
    pub proxy_at: SocketAddr,
    /// The CA of that.
    pub kore_ca: String,
    /// What `deploy/samples` names.
    pub samples: Samples,
}

impl Cluster {
    /// Whether one is named.
    pub fn is_given() -> bool {
        std::env::var_os("TEST_CLUSTER_KUBECONFIG").is_some()
    }

    /// Starts it, or finds the one that is named; and loads the image, as this version and as the next.
    pub async fn start() -> Result<Self> {
        let [archive, next] = image::archives(NEXT)?;
        let samples = Samples::read()?;
        let (client_id, client_secret) = samples.client.clone();
        let apps = vec![App { client_id, client_secret }];
        let behaviour = Behaviour { requests_per_minute: None, ..Behaviour::default() };
        let kore = Simulator::start(([0, 0, 0, 0], 0).into(), apps, behaviour).await?;
        let folder = tempfile::tempdir()?;
        let (node, host, kubeconfig) = match std::env::var_os("TEST_CLUSTER_KUBECONFIG") {
            None => {
                let node = Node::start()?;
                node.load(&archive)?;
                node.load(&next)?;
                let (gateway, kubeconfig) = (node.network.gateway.into(), node.plane.kubeconfig());
                (Some(node), gateway, kubeconfig)
            }
            Some(kubeconfig) => {
                let given =
                    |name: &str| std::env::var(name).with_context(|| format!("{name} must be set, too"));
                let (load, host) = (given("TEST_CLUSTER_LOAD")?, given("TEST_CLUSTER_HOST")?);
                let mut words = load.split_whitespace();
                let program = words.next().context("TEST_CLUSTER_LOAD must be a command")?;
                let words: Vec<&str> = words.collect();
                for archive in [&archive, &next] {
                    let loaded = Command::new(program).args(&words).arg(archive).status()?;
                    ensure!(loaded.success(), "{load} has failed");
                }
                let host: IpAddr = host.parse().context("TEST_CLUSTER_HOST must be an IP address")?;
                (None, host, PathBuf::from(kubeconfig))
            }
        };
        let simulator = SocketAddr::from(([127, 0, 0, 1], kore.address().port()));
        let kore_ai = KoreAi::start_alone(([0, 0, 0, 0], 0).into(), simulator, folder.path()).await?;
        Ok(Self {
            kubectl: Kubectl::new(kubeconfig.clone())?,
            helm: Helm::with(kubeconfig, 4)?,
            kore_at: SocketAddr::new(host, kore.address().port()),
            proxy_at: SocketAddr::new(host, kore_ai.address().port()),
            kore_ca: std::fs::read_to_string(folder.path().join("ca.crt"))?,
            kore,
            _kore_ai: kore_ai,
            samples,
            node,
        })
    }

    /// Ends it; the logs are kept if something has failed.
    pub fn finish(self, well: bool) {
        if let Some(node) = self.node
            && well
        {
            node.finish();
        }
    }

    /// Shows what may explain a failure.
    pub fn tell(&self) {
        for arguments in [
            &["get", "pods,vcamp,kconn", "--all-namespaces", "--output=wide"][..],
            &["get", "kustomizations,helmreleases", "--all-namespaces", "--output=wide"],
            &["get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"],
            &[
                "logs",
                "--namespace",
                SYSTEM,
                "--selector=app.kubernetes.io/component=operator",
                "--prefix",
                "--tail=60",
            ],
        ] {
            println!("{}", self.kubectl.try_run(arguments).unwrap_or_else(|error| format!("{error:#}")));
        }
        if let Some(node) = &self.node {
            println!("logs: {}", node.plane.folder().display());
        }
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        self.kubectl.try_run(arguments).unwrap()
    }

    /// kubectl with an input.
    pub fn pipe(&self, arguments: &[&str], input: &str) -> Result<String> {
        self.kubectl.pipe(arguments, input)
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--output=json");
        serde_json::from_str(&self.run(&all)).unwrap()
    }

    pub fn helm(&self, arguments: &[&str]) -> String {
        self.helm.run(arguments).unwrap()
    }

    /// kubectl as an administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// An object as JSON, if there is one.
    pub fn json_if_any(&self, arguments: &[&str]) -> Option<Value> {
        let said = self.run(&[arguments, &["--output=json", "--ignore-not-found"]].concat());
        serde_json::from_str(&said).ok()
    }

    /// Puts the campaign of this name into the service.
    pub fn seed(&self, name: &str) {
        self.kore.seed(self.key(name), &json!({}));
    }

    /// Uninstalls the release; what was said.
    pub fn try_uninstall(&self) -> Result<String> {
        self.helm.run(&["uninstall", RELEASE, "--namespace", SYSTEM, "--timeout", "120s"])
    }

    /// Nothing of the release is left but the definitions.
    pub fn assert_uninstalled(&self) {
        let kinds = "deployments,serviceaccounts,roles,rolebindings,jobs,pods";
        let in_system = || self.run(&["get", kinds, "--namespace", SYSTEM, "--output=name"]);
        self.until("what was in its namespace is gone", || !in_system().contains(RELEASE));
        let cluster = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,\
                       mutatingadmissionpolicies,mutatingadmissionpolicybindings";
        let all = self.run(&["get", cluster, "--output=name"]);
        assert!(!all.contains(RELEASE), "{all}");
        assert_eq!(self.run(&["get", "crds", "--output=name"]).matches("voicecampaign.dev").count(), 2);
    }

    /// Whether the service has the campaign.
    pub fn in_kore(&self, name: &str) -> bool {
        self.kore.campaigns().contains(&self.key(name))
    }

    /// Installs or upgrades the chart, and waits until its Pods are ready.
    pub fn install(&self, values: &[&str]) {
        let chart = chart().display().to_string();
        let mut arguments =
            vec!["upgrade", "--install", RELEASE, &chart, "--namespace", SYSTEM, "--wait", "--timeout=3m"];
        arguments.extend(values.iter().flat_map(|value| ["--set", value]));
        self.helm(&arguments);
    }

    pub fn uninstall(&self) {
        self.helm(&["uninstall", RELEASE, "--namespace", SYSTEM, "--wait"]);
    }

    /// The namespaces of the operator and of the campaigns.
    pub fn prepare(&self) {
        self.create_namespace(SYSTEM);
        self.create_namespace(CAMPAIGNS);
    }

    /// A namespace that lets only restricted Pods in.
    pub fn create_namespace(&self, name: &str) {
        self.run(&["create", "namespace", name]);
        self.run(&["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"]);
    }

    /// A Secret and a connection, to a Service of the cluster that leads to the service outside.
    pub fn connect(&self) {
        let (address, port) = (self.kore_at.ip(), self.kore_at.port());
        let items = json!([
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kore", "namespace": CAMPAIGNS},
             "spec": {"ports": [{"name": "http", "port": 80, "targetPort": port}]}},
            {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
             "metadata": {"name": "kore", "namespace": CAMPAIGNS, "labels": {"kubernetes.io/service-name": "kore"}},
             "ports": [{"name": "http", "port": port}], "endpoints": [{"addresses": [address]}]},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kore-jwt-app", "namespace": CAMPAIGNS},
             "stringData": {"clientId": self.samples.client.0, "clientSecret": self.samples.client.1}},
            {"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
             "metadata": {"name": "production", "namespace": CAMPAIGNS},
             "spec": {"host": format!("http://kore.{CAMPAIGNS}.svc"), "accountId": self.samples.campaign.account_id, "credentialsSecretRef": {"name": "kore-jwt-app"},
                      "rateLimit": {"requestsPerMinute": 6000}}}]);
        self.kubectl.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).unwrap();
    }

    /// Removes all that [`Self::prepare`] and the scenario have made, and the operator last.
    pub fn clear(&self) {
        self.kore.clear_faults();
        // A hundred objects of a megabyte that name one campaign wake each other: each is read a hundred
        // times.
        self.run(&["delete", "namespace", CAMPAIGNS, "--timeout=300s"]);
        self.uninstall();
        self.run(&["delete", "namespace", SYSTEM, "--timeout=60s"]);
    }

    /// The VoiceCampaign of this name.
    pub fn campaign(&self, name: &str) -> Value {
        let stream = &self.samples.campaign.stream_id;
        json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
            "metadata": {"name": name, "namespace": CAMPAIGNS},
            "spec": {"connectionRef": {"name": "production"}, "streamId": stream, "campaignId": id(name)}})
    }

    /// Campaigns in Kore with their objects; waits until the operator has found them.
    pub fn create_found(&self, prefix: &str, count: usize) -> Vec<String> {
        let names: Vec<String> = (0..count).map(|number| format!("{prefix}-{number:04}")).collect();
        let items: Vec<Value> = names
            .iter()
            .map(|name| {
                self.seed(name);
                self.campaign(name)
            })
            .collect();
        let items = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        // For up to 5 s after a definition is new, the API server answers 503 where a policy would mutate.
        self.until("they are taken", || self.kubectl.apply(&items).is_ok());
        self.until("the campaigns are found", || {
            let found = self.run(&["get", "vcamp", "--namespace", CAMPAIGNS, "--no-headers"]);
            let found =
                found.lines().filter(|line| line.starts_with(prefix) && line.contains("CampaignFound"));
            found.count() == count
        });
        names
    }

    /// Objects with so much in their annotations that a list of them is large.
    pub fn create_fat(&self, count: usize) {
        for numbers in (0..count).collect::<Vec<_>>().chunks(20) {
            let items: Vec<Value> = numbers
                .iter()
                .map(|number| {
                    json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
                        "metadata": {"name": format!("fat-{number}"), "namespace": CAMPAIGNS,
                            "annotations": {"example.com/long": "x".repeat(200_000)}},
                        "spec": {"connectionRef": {"name": "production"}, "streamId": self.samples.campaign.stream_id, "suspend": true,
                            "campaignId": id("fat"), "deletionPolicy": "Orphan"}})
                })
                .collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
            self.kubectl.pipe(&["create", "--filename", "-"], &list).unwrap();
        }
    }

    /// Deletes objects, and does not wait.
    pub fn delete(&self, names: &[String]) {
        let mut arguments = vec!["delete", "vcamp", "--wait=false", "--namespace", CAMPAIGNS];
        arguments.extend(names.iter().map(String::as_str));
        self.run(&arguments);
    }

    pub fn until(&self, what: &str, holds: impl Fn() -> bool) {
        self.until_within(what, PATIENCE, holds);
    }

    pub fn until_within(&self, what: &str, patience: Duration, holds: impl Fn() -> bool) {
        wait::until(what, patience, || Ok(holds().then_some(()))).unwrap();
    }

    /// A command as a user types it, in the repository; `helm` and `kubectl` are those of the test.
    pub fn shell(&self, line: &str) -> String {
        let programs = [self.kubectl.program(), self.helm.program()];
        let mut command = documents::shell(line, &programs, self.kubectl.kubeconfig()).unwrap();
        let output = command.current_dir(testbed::repository()).output().unwrap();
        let [said, failed] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{line}: {said}{failed}");
        said
    }

    /// Waits until all of these are gone in the cluster; they are gone in Kore then.
    pub fn until_gone(&self, names: &[String]) {
        self.until_within("the objects are gone", 3 * PATIENCE, || {
            let left = self.run(&["get", "vcamp", "--namespace", CAMPAIGNS, "--output=name"]);
            !names.iter().any(|name| left.contains(name))
        });
        let left = self.kore.campaigns();
        assert!(
            !names.iter().any(|name| left.contains(&self.key(name))),
            "an object went before its campaign"
        );
    }

    /// The DELETE requests for these, in their order.
    pub fn deletes(&self, names: &[String]) -> Vec<Entry> {
        let ids: Vec<String> = names.iter().map(|name| id(name)).collect();
        let of_them = |entry: &Entry| {
            entry.operation == Operation::Delete
                && entry.campaign_id.as_ref().is_some_and(|id| ids.contains(id))
        };
        self.kore.journal().into_iter().filter(of_them).collect()
    }

    fn key(&self, name: &str) -> CampaignKey {
        CampaignKey { campaign_id: id(name), ..self.samples.campaign.clone() }
    }

    /// Since when the Pod that holds the lease has held it.
    pub fn leading_since(&self) -> Timestamp {
        let lease = self.json(&["get", "lease", RELEASE, "--namespace", SYSTEM]);
        lease["spec"]["acquireTime"].as_str().unwrap().parse().unwrap()
    }

    /// Pods of the operator: name and the object.
    pub fn pods(&self) -> Vec<(String, Value)> {
        let selector = "--selector=app.kubernetes.io/component=operator";
        let pods = self.json(&["get", "pods", "--namespace", SYSTEM, selector]);
        let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap().to_owned();
        pods["items"].as_array().unwrap().iter().map(|pod| (name(pod), pod.clone())).collect()
    }

    /// The Pod that holds the lease.
    pub fn leader(&self) -> String {
        let lease = self.json(&["get", "lease", RELEASE, "--namespace", SYSTEM]);
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned();
        holder.split('_').next().unwrap().to_owned()
    }
}

fn id(name: &str) -> String {
    format!("cd-{name}")
}

/// The longest pause between two of these requests.
pub fn longest_gap(entries: &[Entry]) -> Duration {
    let times: Vec<Timestamp> = entries.iter().map(|entry| entry.at).collect();
    let gaps = times.windows(2).map(|pair| pair[1].duration_since(pair[0]));
    gaps.max().map_or(Duration::ZERO, |gap| Duration::try_from(gap).unwrap())
}
