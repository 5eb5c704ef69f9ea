//! Objects put into etcd: to create a hundred thousand through the API server would take a quarter of an
//! hour.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::bench::{Bench, CONNECTION, PATIENCE, Tenant, names};
use crate::contender::Contender;

/// Where the API server keeps VoiceCampaigns in etcd.
const STORED_UNDER: &str = "/registry/voicecampaign.dev/voicecampaigns";
/// Objects that etcd takes in one transaction, unless they are large.
const AT_ONCE: usize = 100;
/// Bytes that it takes in one; its limit is 1.5 MiB.
const BYTES_AT_ONCE: usize = 1_000_000;

impl Bench {
    /// Objects as they are in a cluster that rests: Kore has their campaigns, the operator has found them,
    /// and their statuses have what Kore returned.
    pub async fn settle(&self, tenant: &Tenant, numbers: Range<usize>, operator: &Path) -> Vec<String> {
        let names = names("stays", numbers);
        if names.is_empty() {
            return names;
        }
        let running = self.run(Contender::Ours, operator, &tenant.namespace);
        let first = self.create(tenant, "first", 0..1, CONNECTION).await;
        let stored = self.stored(tenant, &first[0], "\"CampaignFound\"").await;
        self.delete(tenant, &first).await;
        self.until_none(tenant, &first).await;
        drop(running);
        self.put(tenant, &names, &stored, &first[0]).await;
        names
    }

    /// Objects that no operator has seen yet, with their campaigns.
    pub async fn put_new(&self, tenant: &Tenant, numbers: Range<usize>) -> Vec<String> {
        let names = names("new", numbers);
        let first = self.create(tenant, "first", 0..1, CONNECTION).await;
        let stored = self.stored(tenant, &first[0], "\"spec\"").await;
        self.delete(tenant, &first).await;
        self.put(tenant, &names, &stored, &first[0]).await;
        names
    }

    /// Objects that no operator has seen yet, with annotations of nearly 256 KiB: the API server takes no
    /// more.
    pub async fn put_large(&self, tenant: &Tenant, numbers: Range<usize>) {
        let first = self.create(tenant, "first", 0..1, CONNECTION).await;
        let stored = self.stored(tenant, &first[0], "\"spec\"").await;
        self.delete(tenant, &first).await;
        let mut object: Value = serde_json::from_str(&stored).unwrap();
        object["metadata"]["annotations"] = json!({"example.com/large": "x".repeat(250 * 1024)});
        self.put(tenant, &names("large", numbers), &object.to_string(), &first[0]).await;
    }

    /// Removes all objects of a tenant, without a word to anybody.
    pub async fn erase(&self, tenant: &Tenant) {
        // The end of a prefix is the prefix with its last character, a slash, counted up.
        let range = [
            format!("{STORED_UNDER}/{}/", tenant.namespace),
            format!("{STORED_UNDER}/{}0", tenant.namespace),
        ];
        self.etcd("deleterange", &json!({"key": bytes(&range[0]), "range_end": bytes(&range[1])})).await;
    }

    /// Removes some objects of a tenant in the same way.
    pub async fn take_out(&self, tenant: &Tenant, names: &[String]) {
        for name in names {
            self.etcd("deleterange", &json!({"key": bytes(&key(tenant, name))})).await;
        }
    }

    /// Puts copies of an object, and their campaigns.
    async fn put(&self, tenant: &Tenant, names: &[String], stored: &str, first: &str) {
        self.seed(&self.kore, tenant, names).await;
        let object: Value = serde_json::from_str(stored).unwrap();
        let uid = object["metadata"]["uid"].as_str().unwrap();
        for names in names.chunks((BYTES_AT_ONCE / stored.len()).clamp(1, AT_ONCE)) {
            let copy = |name: &String| {
                let object = stored.replace(first, name).replace(uid, &uuid::Uuid::new_v4().to_string());
                json!({"requestPut": {"key": bytes(&key(tenant, name)), "value": bytes(&object)}})
            };
            let copies: Vec<Value> = names.iter().map(copy).collect();
            self.etcd("txn", &json!({"success": copies})).await;
        }
    }

    /// An object as etcd has it, once it contains this.
    async fn stored(&self, tenant: &Tenant, name: &str, containing: &str) -> String {
        let begun = Instant::now();
        loop {
            let found = self.etcd("range", &json!({"key": bytes(&key(tenant, name))})).await;
            let value: ByteString = serde_json::from_value(found["kvs"][0]["value"].clone()).unwrap();
            let object = String::from_utf8(value.0).unwrap();
            if object.contains(containing) {
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

fn key(tenant: &Tenant, name: &str) -> String {
    format!("{STORED_UNDER}/{}/{name}", tenant.namespace)
}

/// As etcd wants keys and values in JSON.
fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}
