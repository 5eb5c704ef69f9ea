//! Bad input is refused at the door, with a message that says what is allowed.

use serde_json::{Value, json};

use crate::support::*;

/// What the API server says to a manifest that it refuses.
fn refused(world: &World, manifest: &Value) -> String {
    let error = world.kubectl.apply(&manifest.to_string()).expect_err("should be refused");
    format!("{error:#}")
}

fn connection(world: &World, field: &str, value: Value) -> Value {
    let mut manifest = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
        "metadata": {"name": "c", "namespace": world.namespace}, "spec": {"host": "https://platform.kore.ai",
        "accountId": ACCOUNT, "credentialsSecretRef": {"name": "kore-jwt-app"}}});
    manifest["spec"][field] = value;
    manifest
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_refuses_bad_input_and_says_what_is_allowed() {
    let world = World::without_connection("admission").await;
    let cases = [
        (
            connection(&world, "host", json!("http://platform.kore.ai")),
            "`http://` is allowed only for `localhost`",
        ),
        // No Service can have this name, and no former host, either.
        (
            connection(&world, "host", json!("http://-kore.a-.svc")),
            "`http://` is allowed only for `localhost`",
        ),
        (connection(&world, "host", json!("https://platform.kore.ai/api")), "without a path"),
        (connection(&world, "accountId", json!("../admin")), "letters, digits"),
        (connection(&world, "timeoutSeconds", json!(0)), "greater than or equal to 1"),
        (connection(&world, "timeoutSeconds", json!(31)), "less than or equal to 30"),
        (connection(&world, "rateLimit", json!({"requestsPerMinute": 0})), "greater than or equal to 1"),
        (connection(&world, "jwt", json!({"ttlSeconds": 7200})), "less than or equal to 3600"),
        (connection(&world, "jwt", json!({"algorithm": "none"})), r#"supported values: "HS256", "HS512""#),
        (world.campaign("c", &json!({"campaignId": ""})), "`campaignId` must be 1 to 128 characters"),
        (world.campaign("c", &json!({"streamId": "../x"})), "`streamId` must be 1 to 128 characters"),
        (world.campaign("c", &json!({"campaignId": "x".repeat(129)})), "128"),
        (
            world.campaign("c", &json!({"connectionRef": {"name": "Production"}})),
            "`connectionRef.name` must be",
        ),
        // No object can have these names.
        (world.campaign("c", &json!({"connectionRef": {"name": "a..b"}})), "`connectionRef.name` must be"),
        (
            connection(&world, "credentialsSecretRef", json!({"name": "a.-b"})),
            "`credentialsSecretRef.name` must be",
        ),
        (world.campaign("c", &json!({"deletionPolicy": "Keep"})), r#"supported values: "Delete", "Orphan""#),
    ];
    for (manifest, expected) in cases {
        let message = refused(&world, &manifest);
        assert!(message.contains(expected), "expected {expected:?} in: {message}");
    }
    // A loopback and a cluster-local service may be called without TLS.
    let hosts = [
        "http://127.0.0.1:8080",
        "http://localhost:1",
        "http://[::1]:1",
        "http://kore.test.svc:80",
        "https://h:8443",
    ];
    for (number, host) in hosts.into_iter().enumerate() {
        let mut manifest = connection(&world, "host", json!(host));
        manifest["metadata"]["name"] = json!(format!("c-{number}"));
        world.kubectl.apply(&manifest.to_string()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_the_campaign_is_immutable() {
    let world = World::without_connection("immutable").await;
    world.apply(&world.campaign("c", &json!({})));
    world.apply(&connection(&world, "timeoutSeconds", json!(5)));
    for (field, value) in [
        ("campaignId", json!("cd-other")),
        ("streamId", json!("st-other")),
        ("connectionRef", json!({"name": "other"})),
    ] {
        let message = refused(&world, &world.campaign("c", &json!({field: value})));
        assert!(message.contains(&format!("`{field}` is immutable")), "{message}");
    }
    for (field, value) in [("host", "https://other.kore.ai"), ("accountId", "other")] {
        let message = refused(&world, &connection(&world, field, json!(value)));
        assert!(message.contains(&format!("`{field}` is immutable")), "{message}");
    }
    // What may be changed, can be.
    world.apply(&world.campaign("c", &json!({"suspend": true, "deletionPolicy": "Orphan"})));
}

/// Short names, category, columns and field selectors work as a user expects.
#[tokio::test(flavor = "multi_thread")]
async fn kubectl_shows_and_selects() {
    let world = World::without_connection("kubectl").await;
    world.apply(&world.campaign("one", &json!({})));
    world.apply(&world.campaign("two", &json!({})));
    world.create_connection(60, 10);
    let wide = world.run(&["get", "vcamp", "one", "-o", "wide"]);
    for column in [
        "READY",
        "STATUS",
        "REASON",
        "ATTEMPTS",
        "NEXT",
        "AGE",
        "CAMPAIGN",
        "CAMPAIGN ID",
        "CONNECTION",
        "cd-one",
        "production",
    ] {
        assert!(wide.contains(column), "{column} is missing in:\n{wide}");
    }
    assert!(world.run(&["get", "kconn"]).contains(ACCOUNT));
    let both = world.run(&["get", "kore"]);
    assert!(both.contains("voicecampaign") && both.contains("koreconnection"), "{both}");
    if serves_field_selectors() {
        let selected = world.run(&["get", "vcamp", "--field-selector=spec.campaignId=cd-two", "-o", "name"]);
        assert_eq!(selected.trim(), "voicecampaign.voicecampaign.dev/two");
    }
    let explained = world.kubectl.try_run(&["explain", "voicecampaign.spec.deletionPolicy"]).unwrap();
    assert!(explained.contains("Orphan"), "{explained}");
}
