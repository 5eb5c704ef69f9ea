//! One control plane for all tests of this program; a namespace, a Kore and an operator for each test.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::StreamExt;
use kore_simulator::{App, Behaviour, CampaignKey, Entry, Operation, Simulator};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use testbed::operator::{self, Options};
use testbed::{ControlPlane, Kubectl, Operator, binaries, wait};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use voicecampaign_operator::api::{DeletionStatus, GROUP, VoiceCampaign};

pub const ACCOUNT: &str = "67777ce93e25326494exxxxx";
pub const STREAM: &str = "st-0603182c-7ffb-53c3-b307-47ca14bxxxxx";
pub const CLIENT_ID: &str = "cs-1f9b3e2d-test-client";
pub const CLIENT_SECRET: &str = "s3cr3t-that-must-never-show-9f8e7d";

/// The reason of each object, a line each.
pub const REASONS: &str =
    r#"--output=jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].reason}{"\n"}{end}"#;

/// Long enough for a loaded machine; what is waited for takes a fraction of it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The control plane, started by the first test that needs it. A missing part is a failure, never a skipped
/// test.
pub fn plane() -> &'static Arc<ControlPlane> {
    static PLANE: OnceLock<Arc<ControlPlane>> = OnceLock::new();
    PLANE.get_or_init(start_plane)
}

/// A control plane with the definitions and roles.
pub fn start_plane() -> Arc<ControlPlane> {
    let plane = ControlPlane::start().expect("the control plane starts");
    operator::install(&plane).expect("the definitions and roles are installed");
    // The chart's rule names one lease; here each test has another, named after what it works for.
    let kubectl = plane.kubectl().unwrap();
    for create in [
        &["role", "more-leases", "--verb=get,watch,update", "--resource=leases.coordination.k8s.io"][..],
        &[
            "rolebinding",
            "more-leases",
            "--role=more-leases",
            "--serviceaccount=voicecampaign-system:voicecampaign-operator",
        ],
    ] {
        kubectl.try_run(&[&["create", "--namespace=voicecampaign-system"], create].concat()).unwrap();
    }
    Arc::new(plane)
}

/// Whether the control plane mutates by policies: since 1.36.
pub fn serves_mutating_policies() -> bool {
    minor() >= 36
}

/// Whether it selects our kinds by their fields: since 1.31. An older one drops what a definition says of
/// that.
pub fn serves_field_selectors() -> bool {
    minor() >= 31
}

/// Whether a Job that is complete has met its criteria of success before: since 1.32. An older one has them
/// only if it names some.
pub fn wants_success_criteria() -> bool {
    minor() >= 32
}

fn minor() -> u32 {
    binaries::kubernetes_minor(&binaries::kubernetes_version()).unwrap()
}

/// Makes a definition let everything pass, as an older one might.
pub fn loosen(kubectl: &Kubectl, kinds: &str) {
    let crd = format!("crd/{kinds}.voicecampaign.dev");
    let mut anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let mut status = anything.clone();
    status["default"] = json!({"observedGeneration": -1});
    anything["properties"] = json!({"status": status});
    let mut loose =
        vec![json!({"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": anything})];
    if serves_field_selectors() {
        loose.push(json!({"op": "remove", "path": "/spec/versions/0/selectableFields"}));
    }
    let loose = Value::Array(loose);
    kubectl.try_run(&["patch", &crd, "--type=json", "-p", &loose.to_string()]).unwrap();
}

/// The surroundings of one test.
pub struct World {
    /// It ends with the last world on it, unless all share it.
    pub plane: Arc<ControlPlane>,
    pub namespace: String,
    pub kore: Simulator,
    pub kubectl: Kubectl,
    reader: Reader,
}

/// A client for threads, too.
#[derive(Clone)]
struct Reader {
    client: Client,
    runtime: Handle,
}

impl World {
    /// A namespace with a Secret and a connection to a Kore of its own, without rate limit on either side.
    pub async fn new(name: &str) -> Self {
        Self::connected_on(plane(), name).await
    }

    /// The same on a control plane that no other test uses.
    pub async fn alone(name: &str) -> Self {
        Self::connected_on(&start_plane(), name).await
    }

    /// The same on another control plane than the one that all share.
    pub async fn connected_on(plane: &Arc<ControlPlane>, name: &str) -> Self {
        let world = Self::on(plane, name).await;
        world.connect_all();
        world
    }

    /// A namespace with a Kore, and nothing in it.
    pub async fn without_connection(name: &str) -> Self {
        Self::on(plane(), name).await
    }

    /// The same on another control plane, which may have no definitions yet.
    pub async fn on(plane: &Arc<ControlPlane>, name: &str) -> Self {
        let behaviour = Behaviour { requests_per_minute: None, ..Behaviour::default() };
        let apps = vec![App { client_id: CLIENT_ID.into(), client_secret: CLIENT_SECRET.into() }];
        let kore = Simulator::start(([127, 0, 0, 1], 0).into(), apps, behaviour).await.unwrap();
        let kubectl = plane.kubectl().unwrap();
        kubectl.try_run(&["create", "namespace", name]).unwrap();
        let reader = Reader { client: client(&plane.kubeconfig()).await, runtime: Handle::current() };
        Self { plane: Arc::clone(plane), namespace: name.to_owned(), kore, kubectl, reader }
    }

    /// Another namespace with the same Kore.
    pub fn beside(&self, name: &str) -> Self {
        self.kubectl.try_run(&["create", "namespace", name]).unwrap();
        let (plane, kubectl) = (Arc::clone(&self.plane), self.kubectl.clone());
        let (kore, reader) = (self.kore.clone(), self.reader.clone());
        Self { plane, namespace: name.to_owned(), kore, kubectl, reader }
    }

    /// The Secret and the connection.
    pub fn connect_all(&self) {
        self.create_secret(CLIENT_ID, CLIENT_SECRET);
        self.create_connection(6000, 10);
    }

    pub fn create_secret(&self, client_id: &str, client_secret: &str) {
        self.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kore-jwt-app"},
            "stringData": {"clientId": client_id, "clientSecret": client_secret}}));
    }

    pub fn create_connection(&self, requests_per_minute: u32, timeout_seconds: u32) {
        self.connect(&self.kore.url(), requests_per_minute, timeout_seconds);
    }

    /// A connection to Kore by another address.
    pub fn create_connection_to(&self, host: &str) {
        self.connect(host, 6000, 10);
    }

    /// Removes the connection by force, as the operator holds it and puts its finalizer on again as long as
    /// it lives; and creates it for another account.
    pub fn replace_connection(&self, account: &str) {
        self.run(&["delete", "kconn", "production", "--wait=false"]);
        let none = r#"{"metadata":{"finalizers":null}}"#;
        drop(self.try_run(&["patch", "kconn", "production", "--type=merge", "-p", none]));
        self.apply(&json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": "production"}, "spec": {"host": self.kore.url(), "accountId": account,
            "credentialsSecretRef": {"name": "kore-jwt-app"}}}));
    }

    /// How many deletions may begin within an hour.
    pub fn set_brake(&self, max_per_hour: u32) {
        let patch = json!({"spec": {"deletionBrake": {"maxPerHour": max_per_hour}}}).to_string();
        self.run(&["patch", "kconn", "production", "--type=merge", "-p", &patch]);
    }

    fn connect(&self, host: &str, requests_per_minute: u32, timeout_seconds: u32) {
        self.apply(&json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
            "metadata": {"name": "production"}, "spec": {"host": host, "accountId": ACCOUNT,
            "credentialsSecretRef": {"name": "kore-jwt-app"}, "timeoutSeconds": timeout_seconds,
            "rateLimit": {"requestsPerMinute": requests_per_minute}}}));
    }

    pub fn apply(&self, manifest: &Value) {
        let mut manifest = manifest.clone();
        manifest["metadata"]["namespace"] = json!(self.namespace);
        // A policy that is new to the API server may not know the kind yet, also after another one did.
        wait::until("the API server takes it", PATIENCE, || {
            match self.kubectl.apply(&manifest.to_string()) {
                Err(error) if format!("{error:#}").contains("There can be a delay") => Ok(None),
                applied => applied.map(Some),
            }
        })
        .unwrap();
    }

    /// Waits until VoiceCampaigns can be created. For some seconds after a CRD and its policies are new, the
    /// API server answers 503, because the policies do not know the kind yet.
    pub fn wait_until_creatable(&self) {
        let mut manifest = self.campaign("dry-run", &json!({}));
        manifest["metadata"]["namespace"] = json!(self.namespace);
        let dry_run = ["apply", "--server-side", "--dry-run=server", "--filename", "-"];
        wait::until("a VoiceCampaign can be created", PATIENCE, || {
            Ok(self.kubectl.pipe(&dry_run, &manifest.to_string()).ok())
        })
        .unwrap();
    }

    /// A campaign in Kore and the VoiceCampaign that stands for it, with other fields of its spec.
    pub fn create_campaign(&self, name: &str, spec: &Value) {
        self.kore.seed(self.key(name), &json!({}));
        self.apply(&self.campaign(name, spec));
    }

    /// Campaigns in Kore, and VoiceCampaigns of them, all at once. Returns their names.
    pub fn create_campaigns(&self, prefix: &str, count: usize) -> Vec<String> {
        let names: Vec<String> = (0..count).map(|number| format!("{prefix}{number:03}")).collect();
        names.iter().for_each(|name| self.kore.seed(self.key(name), &json!({})));
        let manifests: Vec<_> = names.iter().map(|name| self.campaign(name, &json!({}))).collect();
        self.kubectl
            .apply(&json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string())
            .unwrap();
        names
    }

    /// A campaign that the operator has found in Kore.
    pub fn create_found(&self, name: &str) -> Value {
        self.create_campaign(name, &json!({}));
        self.wait_for_reason(name, "CampaignFound")
    }

    /// Changes fields of a spec.
    pub fn patch_spec(&self, name: &str, fields: &Value) {
        let patch = json!({"spec": fields}).to_string();
        self.run(&["patch", "vcamp", name, "--type=merge", "-p", &patch]);
    }

    pub fn campaign(&self, name: &str, spec: &Value) -> Value {
        let mut manifest = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"connectionRef": {"name": "production"}, "streamId": STREAM, "campaignId": id(name)}});
        for (field, value) in spec.as_object().into_iter().flatten() {
            manifest["spec"][field] = value.clone();
        }
        manifest
    }

    pub fn key(&self, name: &str) -> CampaignKey {
        CampaignKey { account_id: ACCOUNT.into(), stream_id: STREAM.into(), campaign_id: id(name) }
    }

    /// Whether Kore has the campaign.
    pub fn in_kore(&self, name: &str) -> bool {
        self.kore.campaigns().contains(&self.key(name))
    }

    /// The DELETE requests for a campaign that Kore has received.
    pub fn deletes(&self, name: &str) -> Vec<Entry> {
        let wanted = |entry: &Entry| {
            entry.operation == Operation::Delete && entry.campaign_id.as_deref() == Some(id(name).as_str())
        };
        self.kore.journal().into_iter().filter(wanted).collect()
    }

    /// Kore would have refused none of the requests: every token was fresh and good, the quota was kept.
    pub fn assert_no_violations(&self) {
        let violations: Vec<_> =
            self.kore.journal().into_iter().filter_map(|entry| entry.violation).collect();
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// How often the status of a campaign of this namespace was written.
    pub fn status_writes(&self) -> usize {
        let requests = self.plane.requests().unwrap();
        let wanted = |request: &&testbed::audit::Request| {
            request.resource == "voicecampaigns"
                && request.subresource == "status"
                && request.verb == "patch"
                && request.namespace == self.namespace
        };
        requests.iter().filter(wanted).count()
    }

    /// The operator as a process that works in this namespace.
    pub fn operator(&self) -> Operator {
        Operator::start(&self.plane, &self.options()).expect("the operator starts")
    }

    pub fn options(&self) -> Options {
        let mut options = Options::new(env!("CARGO_BIN_EXE_voicecampaign-operator").into());
        options.arguments = vec![format!("--watch-namespaces={}", self.namespace)];
        options.name = format!("operator-{}", self.namespace);
        options
    }

    /// A client of an administrator.
    pub async fn client(&self) -> Client {
        client(&self.plane.kubeconfig()).await
    }

    pub async fn campaigns(&self) -> Api<VoiceCampaign> {
        Api::namespaced(self.client().await, &self.namespace)
    }

    /// The last record of the deletion that a watcher has seen when the object was gone.
    pub async fn last_record(&self) -> tokio::task::JoinHandle<Box<DeletionStatus>> {
        let mut events =
            Box::pin(watcher(self.campaigns().await, watcher::Config::default()).default_backoff());
        let (listed, ready) = tokio::sync::oneshot::channel();
        let mut listed = Some(listed);
        let task = tokio::spawn(async move {
            let mut last: Option<VoiceCampaign> = None;
            while let Some(event) = events.next().await {
                match event.unwrap() {
                    watcher::Event::Apply(object) => last = Some(object),
                    watcher::Event::Delete(_) => break,
                    watcher::Event::InitDone => drop(listed.take().map(|listed| listed.send(()))),
                    watcher::Event::Init | watcher::Event::InitApply(_) => {}
                }
            }
            last.unwrap().status.unwrap().deletion.unwrap()
        });
        ready.await.unwrap();
        task
    }

    pub fn delete(&self, name: &str) {
        self.run(&["delete", "voicecampaign", name, "--wait=false"]);
    }

    /// kubectl in this namespace.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.try_run(arguments).unwrap()
    }

    pub fn try_run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut all = vec!["--namespace", self.namespace.as_str()];
        all.extend(arguments);
        self.kubectl.try_run(&all)
    }

    /// The object, if there is one. Tests ask for it again and again, and each kubectl takes a tenth of a
    /// second of a processor: so it is read without one.
    pub fn get(&self, name: &str) -> Option<Value> {
        let campaigns = format!("/apis/{GROUP}/v1alpha1/namespaces/{}/voicecampaigns", self.namespace);
        let request = http::Request::get(format!("{campaigns}/{name}")).body(Vec::new()).unwrap();
        let Reader { client, runtime } = &self.reader;
        match block_in_place(|| runtime.block_on(client.request::<Value>(request))) {
            Err(kube::Error::Api(status)) if status.reason == "NotFound" => None,
            read => Some(read.unwrap()),
        }
    }

    /// Waits until the object is as wanted.
    pub fn wait_for(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = None;
        wait::until(what, PATIENCE, || {
            last = self.get(name);
            Ok(last.clone().filter(|object| wanted(object)))
        })
        .unwrap_or_else(|error| {
            panic!("{error}; logs: {}; the object: {}", self.plane.folder().display(), pretty(last.as_ref()))
        })
    }

    pub fn wait_for_reason(&self, name: &str, reason: &str) -> Value {
        self.wait_for(name, reason, |object| ready(object)["reason"] == reason)
    }

    /// Waits until the object is as wanted, or gone.
    pub fn wait_for_gone_or(&self, name: &str, wanted: impl Fn(&Value) -> bool) {
        wait::until(&format!("{name} is as wanted, or gone"), PATIENCE, || {
            Ok(self.get(name).is_none_or(|object| wanted(&object)).then_some(()))
        })
        .unwrap();
    }

    pub fn wait_until_gone(&self, name: &str) {
        self.wait_until_gone_within(name, PATIENCE);
    }

    pub fn wait_until_gone_within(&self, name: &str, patience: Duration) {
        let mut last = None;
        wait::until(&format!("{name} is gone"), patience, || {
            last = self.get(name);
            Ok(last.is_none().then_some(()))
        })
        .unwrap_or_else(|error| {
            panic!("{error}; logs: {}; the object: {}", self.plane.folder().display(), pretty(last.as_ref()))
        });
    }

    /// Reasons of the events about an object.
    pub fn events(&self, name: &str) -> Vec<String> {
        let list: Value = serde_json::from_str(&self.run(&["get", "events", "--output=json"])).unwrap();
        let about = |event: &&Value| event["involvedObject"]["name"] == name;
        let items = list["items"].as_array().unwrap();
        items.iter().filter(about).map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
    }
}

pub async fn client(kubeconfig: &std::path::Path) -> Client {
    Client::try_from(config(kubeconfig).await).unwrap()
}

pub async fn config(kubeconfig: &std::path::Path) -> Config {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

/// Campaign id of the VoiceCampaign of this name.
pub fn id(name: &str) -> String {
    format!("cd-{name}")
}

pub fn ready(object: &Value) -> &Value {
    condition(object, "Ready")
}

pub fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().find(|condition| condition["type"] == type_).unwrap_or(&Value::Null)
}

fn pretty(object: Option<&Value>) -> String {
    object.map_or_else(|| "none".to_owned(), |object| format!("{object:#}"))
}
