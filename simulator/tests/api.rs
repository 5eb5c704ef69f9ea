//! The operations that later work stands on, as documented.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

use jsonwebtoken::{EncodingKey, Header, encode};
use kore_simulator::{App, Behaviour, Simulator};
use serde_json::{Value, json};

struct Kore {
    simulator: Simulator,
    http: reqwest::Client,
}

impl Kore {
    async fn start(behaviour: Behaviour) -> Self {
        let app = App { client_id: "cs-1".into(), client_secret: "secret".into() };
        let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), vec![app], behaviour).await.unwrap();
        Self { simulator, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn call(&self, method: &str, path: &str, query: &str, body: Value) -> (u16, Value) {
        self.call_with(method, path, query, body, &token(json!({}))).await
    }

    async fn call_with(
        &self,
        method: &str,
        path: &str,
        query: &str,
        body: Value,
        token: &str,
    ) -> (u16, Value) {
        let url = format!("{}{path}?accountId=acc-1{query}", self.simulator.url());
        let request = self.http.request(method.parse().unwrap(), url).header("auth", token);
        let request = request.header("iid", "st-1").header("accountId", "acc-1").body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }
}

/// A token with other claims; `null` leaves one out.
fn token(claims: Value) -> String {
    let now = jiff::Timestamp::now().as_second();
    let mut all =
        json!({"sub": "s", "appId": "cs-1", "iat": now, "exp": now + 60, "jti": uuid::Uuid::new_v4()});
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    encode(&Header::default(), &all, &EncodingKey::from_secret(b"secret")).unwrap()
}

const BASE: &str = "/campaign/api/v2/public/st-1/campaign";

/// Create, read, update, start, stop, delete: each with its own shape of answer.
#[tokio::test]
async fn a_campaign_lives_as_documented() {
    let kore = Kore::start(Behaviour::default()).await;
    let body = json!({"name": "Renewal", "priority": "3", "campaignType": "voice"});
    let (status, created) = kore.call("POST", BASE, "&campaignType=voice", body).await;
    assert_eq!((status, created["data"]["status"].as_str()), (200, Some("Preparing")));
    assert_eq!(created["message"], "Campaign Renewal creation in progress");
    assert!(created["data"]["_id"].is_null(), "a create answers with `id`");
    let id = created["data"]["id"].as_str().unwrap().to_owned();
    let one = format!("{BASE}/{id}");

    let (_, read) = kore.call("GET", &one, "", Value::Null).await;
    assert_eq!(
        (read["data"]["_id"].as_str(), read["data"]["lname"].as_str()),
        (Some(id.as_str()), Some("renewal"))
    );
    let (_, state) = kore.call("POST", &format!("{one}/status"), "&view=status", json!({})).await;
    assert_eq!(state["data"]["name"], "Renewal");
    assert!(state["message"].is_null(), "the status query has no message");
    let (_, updated) = kore.call("PUT", &one, "&campaignType=voice", json!({"name": "Other"})).await;
    assert_eq!(
        (updated["id"].as_str(), updated["data"]["name"].as_str()),
        (Some(id.as_str()), Some("Other"))
    );

    // Documented without the prefix `/campaign`; everything else has it.
    for prefix in ["", "/campaign"] {
        let trigger = format!("{prefix}/api/v2/public/st-1/campaign/trigger/{id}");
        let (_, started) = kore.call("POST", &trigger, "&campaignType=voice&trigger=play", json!({})).await;
        assert_eq!(
            (started["status"].as_str(), started["message"].as_str()),
            (Some("Active"), Some("Campaign Started"))
        );
        let (_, stopped) = kore.call("POST", &trigger, "&campaignType=voice&trigger=stop", json!({})).await;
        assert_eq!(
            (stopped["status"].as_str(), stopped["message"].as_str()),
            (Some("Stopped"), Some("Campaign Stopped"))
        );
        assert_eq!(started["campaignInstanceId"], stopped["campaignInstanceId"]);
    }
    let (status, deleted) = kore.call("DELETE", &one, "&campaignType=voice", Value::Null).await;
    assert_eq!((status, deleted["status"].as_str()), (200, Some("success")));
    assert_eq!(deleted["data"]["_id"], id);
    assert_eq!(kore.call("GET", &one, "", Value::Null).await.0, 404);
}

/// What the documents say about tokens, and the header and query that every call needs.
#[tokio::test]
async fn bad_tokens_and_requests_are_refused() {
    let kore = Kore::start(Behaviour::default()).await;
    let now = jiff::Timestamp::now().as_second();
    let used = token(json!({}));
    kore.call_with("GET", &format!("{BASE}/cd-1"), "", Value::Null, &used).await;
    for (token, said) in [
        (used, "possibly a replay"),
        (token(json!({"exp": now - 10})), "ExpiredSignature"),
        (token(json!({"exp": now + 7200})), "must be <= 1 hour(s)"),
        (token(json!({"jti": null})), "jti is required"),
        (token(json!({"sub": null})), "sub is required"),
        (token(json!({"appId": "other"})), "Invalid SDK credentials"),
        ("nonsense".to_owned(), "malformed"),
    ] {
        let (status, refused) = kore.call_with("GET", &format!("{BASE}/cd-1"), "", Value::Null, &token).await;
        assert_eq!(status, 401, "{said}");
        let message = refused["errors"][0]["msg"].as_str().unwrap();
        assert!(message.contains(said), "{said}: {message}");
    }
    let (status, refused) = kore.call("DELETE", &format!("{BASE}/cd-1"), "", Value::Null).await;
    assert_eq!((status, refused["errors"][0]["msg"].as_str()), (400, Some("campaignType must be voice")));
}

/// The documented limit and text; a refused call does not count.
#[tokio::test]
async fn the_rate_limit_is_per_account() {
    let kore = Kore::start(Behaviour { requests_per_minute: Some(2), ..Behaviour::default() }).await;
    let path = format!("{BASE}/cd-1");
    for expected in [404, 404, 429, 429] {
        assert_eq!(kore.call("GET", &path, "", Value::Null).await.0, expected);
    }
    let (_, refused) = kore.call("GET", &path, "", Value::Null).await;
    assert!(refused["message"].as_str().unwrap().contains("per-minute rate limit"));
}

/// A benchmark asks often, and the journal is long.
#[tokio::test]
async fn a_part_of_the_journal_can_be_asked_for() {
    let kore = Kore::start(Behaviour::default()).await;
    for campaign in ["cd-1", "cd-2"] {
        kore.call("GET", &format!("{BASE}/{campaign}"), "", Value::Null).await;
    }
    assert_eq!(kore.call("GET", "/_control/journal/length", "", Value::Null).await.1, 2);
    let (_, part) = kore.call("GET", "/_control/journal", "&from=1", Value::Null).await;
    let campaigns: Vec<_> = part.as_array().unwrap().iter().map(|entry| &entry["campaignId"]).collect();
    assert_eq!(campaigns, ["cd-2"]);
    assert_eq!(kore.call("GET", "/_control/journal", "&from=3", Value::Null).await.1, Value::Array(vec![]));
}
