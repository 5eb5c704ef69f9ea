//! A connection that is missing, wrong or slow: it says so, and heals by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use kore_simulator::{App, Behaviour, Fault, Outcome};
use serde_json::json;

use crate::support::*;

/// The name of the missing key is in the message, nothing is sent, and the key alone mends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_stalls_without_a_call_and_heals() {
    let world = World::without_connection("missing-key").await;
    world.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kore-jwt-app"},
        "stringData": {"clientId": CLIENT_ID}}));
    world.create_connection(6000, 10);
    let _operator = world.operator();
    world.create_campaign("renewal", &json!({}));
    world.wait_for_reason("renewal", "CredentialsMissing");
    world.delete("renewal");
    let object = world
        .wait_for("renewal", "the deletion is recorded", |object| object["status"]["deletion"].is_object());
    assert_eq!(ready(&object)["reason"], "CredentialsMissing");
    let stalled = condition(&object, "Stalled");
    assert_eq!(stalled["status"], "True");
    assert_eq!(stalled["reason"], "CredentialsMissing");
    let message = stalled["message"].as_str().unwrap();
    assert!(message.contains("kore-jwt-app") && message.contains("clientSecret"), "{message}");
    assert!(world.kore.journal().is_empty(), "no remote call may be made");
    assert!(world.events("renewal").contains(&"CredentialsMissing".to_owned()));

    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    // The connection looks every 10 s, and wakes it; it looks itself after 30 s at the earliest.
    world.wait_until_gone_within("renewal", Duration::from_secs(28));
    assert!(!world.in_kore("renewal"));
}

/// A key that is spelled otherwise and a value that can't be right are named, without the value; what is only
/// around a value is healed.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_wrong_says_how_and_heals() {
    let world = World::without_connection("wrong-secret").await;
    let apply = |id: &str, value: &str| {
        world.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kore-jwt-app"},
            "stringData": {id: value, "clientSecret": format!("\"{CLIENT_SECRET}\"\r\n")}}));
    };
    apply("client_id", CLIENT_ID);
    world.create_connection(6000, 10);
    let _operator = world.operator();
    world.create_campaign("renewal", &json!({}));
    let object = world.wait_for_reason("renewal", "CredentialsMissing");
    let message = ready(&object)["message"].as_str().unwrap().to_owned();
    assert!(message.contains("has the key client_id; it must be clientId"), "{message}");
    apply("clientId", &format!("clientId: {CLIENT_ID}"));
    let message = testbed::wait::until("the connection tells it", PATIENCE, || {
        let connection = world.kubectl.get("kconn", &world.namespace, "production").unwrap().unwrap();
        let message = ready(&connection)["message"].as_str().unwrap_or_default().to_owned();
        Ok(message.contains("a whole line or file").then_some(message))
    })
    .unwrap();
    assert!(!message.contains(CLIENT_ID), "{message}");
    assert!(world.kore.journal().is_empty(), "no remote call may be made");
    apply("clientId", &format!("\u{feff}{CLIENT_ID}\n"));
    world.wait_for_reason("renewal", "CampaignFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_connection_stalls_and_heals_at_once_when_it_appears() {
    let world = World::without_connection("missing-connection").await;
    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    let _operator = world.operator();
    world.create_campaign("renewal", &json!({}));
    world.wait_for_reason("renewal", "ConnectionNotFound");
    world.delete("renewal");
    world.wait_for("renewal", "the deletion is stalled", |object| {
        object["status"]["deletion"].is_object()
            && condition(object, "Stalled")["reason"] == "ConnectionNotFound"
    });
    let started = std::time::Instant::now();
    world.create_connection(6000, 10);
    world.wait_until_gone("renewal");
    assert!(
        started.elapsed().as_secs() < 20,
        "the connection wakes its campaigns; nobody waits for the next look"
    );
    assert!(!world.in_kore("renewal"));
}

/// R10, K25: refused credentials never confirm anything; a rotation is followed at the next attempt.
#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_stall_and_a_rotation_is_followed() {
    let world = World::new("rotation").await;
    let _operator = world.operator();
    world.create_found("renewal");
    let rotated = "another-secret-0123456789";
    world.kore.set_apps(vec![App { client_id: CLIENT_ID.into(), client_secret: rotated.into() }]);
    world.delete("renewal");
    let object = world.wait_for_reason("renewal", "CredentialsRejected");
    assert_eq!(condition(&object, "Stalled")["status"], "True");
    assert!(world.in_kore("renewal"));
    world.create_secret(CLIENT_ID, rotated);
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
}

/// R6: `Retry-After` is kept to, and holds for the whole account.
#[tokio::test(flavor = "multi_thread")]
async fn retry_after_moves_the_whole_account() {
    let world = World::new("retry-after").await;
    let _operator = world.operator();
    for name in ["first", "second"] {
        world.create_campaign(name, &json!({}));
        world.wait_for_reason(name, "CampaignFound");
    }
    let headers = BTreeMap::from([("retry-after".to_owned(), "6".to_owned())]);
    let then = Outcome::Answer { status: 429, headers, body: String::new() };
    world.kore.add_fault(Fault { then, ..Fault::answer_delete(Some(1), 429, "") });
    world.delete("first");
    world.wait_for_reason("first", "Throttled");
    world.delete("second");
    let object = world.wait_for_reason("second", "WaitingForQuota");
    assert!(object["status"]["deletion"]["nextAttemptAt"].is_string());
    world.wait_until_gone("first");
    world.wait_until_gone("second");
    let refused = world.deletes("first")[0].at;
    for entry in [&world.deletes("first")[1], &world.deletes("second")[0]] {
        assert!(
            entry.at.duration_since(refused).as_millis() >= 5_900,
            "called before the pause was over: {entry:?}"
        );
    }
}

/// R20: the operator keeps to the quota by itself: a service that counts refuses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_quota_is_kept() {
    let world = World::without_connection("quota").await;
    world.kore.set_behaviour(Behaviour { requests_per_minute: Some(6), ..Behaviour::default() });
    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    world.create_connection(6, 10);
    let _operator = world.operator();
    let names: Vec<String> = (0..9).map(|number| format!("c{number}")).collect();
    for name in &names {
        world.create_campaign(name, &json!({}));
    }
    // Observation takes at most half of the quota; it may wait.
    world.run(&["delete", "vcamp", "--all", "--wait=false"]);
    let waiting = names.iter().map(|name| world.get(name)).filter(Option::is_some).count();
    assert!(waiting > 0);
    for name in &names {
        world.wait_until_gone_within(name, Duration::from_secs(150));
    }
    assert!(world.kore.campaigns().is_empty());
    world.assert_no_violations();
}

/// An object that goes otherwise gives its slot back: those behind it do not wait for nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_goes_back_when_its_owner_goes() {
    let world = World::without_connection("slot").await;
    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    world.create_connection(1, 10);
    let _operator = world.operator();
    for name in ["first", "second", "third"] {
        // Suspended: not looked at, so that the deletions have the quota to themselves.
        world.create_campaign(name, &json!({"suspend": true}));
        world.wait_for_reason(name, "Suspended");
        world.delete(name);
    }
    world.patch_spec("first", &json!({"suspend":false}));
    world.wait_until_gone("first");
    let next = |name: &str| -> jiff::Timestamp {
        world.patch_spec(name, &json!({"suspend":false}));
        let object = world.wait_for_reason(name, "WaitingForQuota");
        object["status"]["deletion"]["nextAttemptAt"].as_str().unwrap().parse().unwrap()
    };
    let second = next("second");
    world.patch_spec("second", &json!({"deletionPolicy":"Orphan"}));
    world.wait_until_gone("second");
    let third = next("third");
    assert!(third.duration_since(second).as_secs() < 30, "{second}, {third}");
}

/// `operator:pr0xy-pa55word` in Base64.
const PROXY_AUTHORIZATION: &str = "b3BlcmF0b3I6cHIweHktcGE1NXdvcmQ=";

/// R22: `HTTPS_PROXY` and its kin are honoured, with the credentials in them, which nobody is told; but what
/// is not encrypted never goes through a proxy.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_honoured() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::without_connection("proxy").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://operator:pr0xy-pa55word@{}", listener.local_addr().unwrap());
    // It refuses every request alike, so that the reason stays the same however late it is looked at.
    let (first, mut seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let answer = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            first.send(String::from_utf8_lossy(&request[..read]).into_owned()).unwrap();
        }
    });
    let mut options = world.options();
    options.variables = ["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name.into(), proxy.clone())).to_vec();
    // The API server's address. Kore is called by another, which is not excepted.
    options.variables.push(("NO_PROXY".into(), "127.0.0.1".into()));
    options.arguments.push("--log-level=trace".into());
    let operator = testbed::Operator::start(plane(), &options).unwrap();
    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    world.create_connection_to(&format!("http://localhost:{}", world.kore.address().port()));
    world.create_found("renewal");
    assert!(seen.try_recv().is_err(), "a plain host was reached through the proxy");
    world.apply(&json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
        "metadata": {"name": "encrypted"}, "spec": {"host": "https://platform.kore.ai", "accountId": "another",
        "credentialsSecretRef": {"name": "kore-jwt-app"}}}));
    world.create_campaign("second", &json!({"connectionRef": {"name": "encrypted"}}));
    let told = world.wait_for_reason("second", "ServiceUnreachable").to_string() + &operator.output();
    for secret in ["pr0xy-pa55word", PROXY_AUTHORIZATION] {
        assert!(!told.contains(secret), "{secret}");
    }
    let request = seen.recv().await.unwrap();
    assert!(request.starts_with("CONNECT platform.kore.ai:443 "), "{request}");
    assert!(request.contains(PROXY_AUTHORIZATION), "{request}");
}
