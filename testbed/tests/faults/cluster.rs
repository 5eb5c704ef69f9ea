//! The proxy before a real API server, and a second API server behind a relay.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use testbed::faults::{Action, Fault, Kind, Lasting, Nemesis, Proxy, Trigger, Upstream};
use testbed::{ControlPlane, Kubectl, SecondApiServer};

use crate::support::{PATIENCE, SILENCE, plan};

/// Cached by the API server, and in its audit log.
const SECRETS: &str = "/api/v1/namespaces/default/secrets";

/// A ServiceAccount's view of the cluster, through the proxy.
struct View {
    url: String,
    token: String,
    http: Client,
}

impl View {
    async fn get(&self, query: &str) -> Response {
        let request = self.http.get(format!("{}{SECRETS}?{query}", self.url)).bearer_auth(&self.token);
        request.send().await.unwrap().error_for_status().unwrap()
    }

    /// Names of the Secrets in the server's cache.
    async fn cached(&self) -> Vec<String> {
        let text = self.get("resourceVersion=0").await.text().await.unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        let items = list["items"].as_array().unwrap();
        items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    async fn wait_until_cached(&self, name: &str) {
        let look = async {
            while !self.cached().await.iter().any(|known| known == name) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.unwrap();
    }
}

/// The next events of a watch, up to the one that names this object.
async fn hear_of(watch: &mut Response, name: &str) {
    let mut heard = String::new();
    while !heard.contains(&format!(r#""name":"{name}""#)) {
        let piece = tokio::time::timeout(PATIENCE, watch.chunk()).await.unwrap().unwrap().unwrap();
        heard.push_str(&String::from_utf8_lossy(&piece));
    }
}

fn create(kubectl: &Kubectl, secret: &str) -> Result<String> {
    kubectl.try_run(&["create", "secret", "generic", secret])
}

/// All that the named tests build on: a token through plain HTTP, watches through the proxy, a view of the
/// past.
#[tokio::test(flavor = "multi_thread")]
async fn lists_and_watches_pass_to_a_real_api_server_and_to_a_second_one_whose_view_can_freeze() {
    let plane = ControlPlane::start().unwrap();
    let kubectl = plane.kubectl().unwrap();
    let account = ["--clusterrole=cluster-admin", "--serviceaccount=default:default"];
    kubectl.try_run(&["create", "clusterrolebinding", "viewer", account[0], account[1]]).unwrap();
    let token = kubectl.try_run(&["create", "token", "default"]).unwrap().trim().to_owned();

    let nemesis = Nemesis::new();
    let upstream = Upstream::Kubernetes { url: plane.api_url(), ca_pem: plane.ca_pem().unwrap() };
    let proxy = Proxy::start(upstream, nemesis.clone()).unwrap();
    let kubeconfig = plane.kubeconfig_for_token("viewer", "default", &token, Some(&proxy.url())).unwrap();
    let kubeconfig: Value = serde_json::from_slice(&fs::read(kubeconfig).unwrap()).unwrap();
    let cluster = &kubeconfig["clusters"][0]["cluster"];
    assert_eq!(cluster, &json!({"server": proxy.url()}), "a proxy has no certificate");
    let view = View { url: proxy.url(), token, http: Client::builder().no_proxy().build().unwrap() };

    create(&kubectl, "one").unwrap();
    view.wait_until_cached("one").await;
    let mut watch = view.get("watch=true&resourceVersion=0").await;
    hear_of(&mut watch, "one").await;
    let at = Trigger { kinds: vec![Kind::Watch], from: 1, lasting: Lasting::Times(1) };
    nemesis.arm(plan(vec![Fault { at, then: Action::HoldWatch }]));
    create(&kubectl, "two").unwrap();
    assert!(tokio::time::timeout(SILENCE, watch.chunk()).await.is_err(), "the watch is held");
    nemesis.disarm();
    hear_of(&mut watch, "two").await;

    let second = SecondApiServer::beside(&plane).unwrap();
    proxy.switch_to(second.url());
    view.wait_until_cached("two").await;
    let asked = second.requests().unwrap();
    let ours = |user: &str| user == "system:serviceaccount:default:default";
    assert!(asked.iter().any(|request| request.verb == "list" && ours(&request.user)), "{asked:#?}");

    second.relay().freeze();
    create(&kubectl, "three").unwrap();
    tokio::time::sleep(SILENCE).await;
    assert!(!view.cached().await.contains(&"three".to_owned()), "a view of the past");
    second.relay().thaw();
    view.wait_until_cached("three").await;
    drop(second);
    plane.finish();
}
