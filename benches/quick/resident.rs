//! Objects that are there and stay.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::ByteString;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::measure::{Bench, CONNECTION, Contender, PATIENCE, TENANT};

/// Where the API server keeps VoiceCampaigns in etcd.
const STORED_UNDER: &str = "/registry/voicecampaign.dev/voicecampaigns";
/// Objects that etcd takes in one transaction.
const AT_ONCE: usize = 100;

impl Bench {
    /// Objects as they are in a cluster that rests: Kore has their campaigns, the operator has found them,
    /// and their statuses have what Kore returned.
    ///
    /// The operator finds the first one, and the others are copies of that, put into etcd: to create a
    /// hundred thousand through the API server would take a quarter of an hour.
    pub async fn settle(&self, numbers: Range<usize>, operator: &Path) {
        if numbers.is_empty() {
            return;
        }
        let names: Vec<String> = numbers.map(|number| format!("stays-{number:06}")).collect();
        self.seed(TENANT, &names).await;
        let running = self.start(Contender::Ours, operator);
        let first = self.create(TENANT, "first", 0..1, CONNECTION).await;
        let stored = self.found(&first[0]).await;
        self.campaigns(TENANT).delete(&first[0], &DeleteParams::default()).await.unwrap();
        self.until_none(TENANT, &first).await;
        drop(running);
        let object: Value = serde_json::from_str(&stored).unwrap();
        let uid = object["metadata"]["uid"].as_str().unwrap();
        for names in names.chunks(AT_ONCE) {
            let copy = |name: &String| {
                let object = stored.replace(&first[0], name).replace(uid, &uuid::Uuid::new_v4().to_string());
                json!({"requestPut": {"key": bytes(&key(name)), "value": bytes(&object)}})
            };
            let copies: Vec<Value> = names.iter().map(copy).collect();
            self.etcd("txn", &json!({"success": copies})).await;
        }
    }

    /// An object as etcd has it, once the operator has found its campaign.
    async fn found(&self, name: &str) -> String {
        let begun = Instant::now();
        loop {
            let found = self.etcd("range", &json!({"key": bytes(&key(name))})).await;
            let value: ByteString = serde_json::from_value(found["kvs"][0]["value"].clone()).unwrap();
            let object = String::from_utf8(value.0).unwrap();
            if object.contains("\"CampaignFound\"") {
                return object;
            }
            assert!(begun.elapsed() < PATIENCE, "the operator does not find it: {object}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn etcd(&self, what: &str, request: &Value) -> Value {
        let url = format!("{}/v3/kv/{what}", self.plane.etcd_url());
        let answer =
            reqwest::Client::builder().no_proxy().build().unwrap().post(url).body(request.to_string());
        let answer = answer.send().await.unwrap().error_for_status().unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

fn key(name: &str) -> String {
    format!("{STORED_UNDER}/{}/{name}", TENANT.namespace)
}

/// As etcd wants keys and values in JSON.
fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}
