//! The rules of the definitions, without a server: what is refused, with which words, and what passes.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

use serde_json::{Value, json};
use voicecampaign_operator::api::{KoreConnection, VoiceCampaign};

fn campaign(field: &str, value: Value) -> VoiceCampaign {
    let mut object = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
        "metadata": {"name": "x"}, "spec": {"connectionRef": {"name": "production"},
        "streamId": "st-0603182c-7ffb-53c3-b307-47ca14bxxxxx", "campaignId": "cd-a1e45a7-e8ba-4e97-a339-476ebc7xxxxx"}});
    object["spec"][field] = value;
    serde_json::from_value(object).unwrap()
}

fn connection(field: &str, value: Value) -> KoreConnection {
    let mut object = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "KoreConnection",
        "metadata": {"name": "x"}, "spec": {"host": "https://platform.kore.ai",
        "accountId": "67777ce93e25326494exxxxx", "credentialsSecretRef": {"name": "kore-jwt-app"}}});
    object["spec"][field] = value;
    serde_json::from_value(object).unwrap()
}

fn campaign_refused(field: &str, value: Value) -> String {
    campaign(field, value).validate_cel().unwrap_err().to_string()
}

fn connection_refused(field: &str, value: Value) -> String {
    connection(field, value).validate_cel().unwrap_err().to_string()
}

#[test]
fn the_samples_of_the_documents_pass() {
    campaign("suspend", json!(false)).validate_cel().unwrap();
    connection("timeoutSeconds", json!(10)).validate_cel().unwrap();
}

#[test]
fn identifiers_that_would_change_a_request_are_refused() {
    for bad in ["", " ", ".", "..", "../x", "a/b", "a?b", "a b", "ä", "-a", "a\n"] {
        for field in ["campaignId", "streamId"] {
            let message = campaign_refused(field, json!(bad));
            assert!(
                message.contains(&format!("`{field}` must be 1 to 128 characters")),
                "{bad:?}: {message}"
            );
        }
        let message = connection_refused("accountId", json!(bad));
        assert!(message.contains("`accountId` must be 1 to 128 characters"), "{bad:?}: {message}");
    }
}

#[test]
fn a_token_goes_in_plain_text_only_where_nobody_listens() {
    for good in [
        "https://platform.kore.ai",
        "https://h:8443",
        "https://platform.kore.ai.",
        "https://platform.kore.ai.:443",
        "https://[2001:db8::1]:443",
        "http://localhost",
        "http://localhost:8080",
        "http://127.0.0.1:1",
        "http://127.8.8.8",
        "http://[::1]:80",
        "http://kore.test.svc",
        "http://kore.test.svc.cluster.local:80",
    ] {
        connection("host", json!(good)).validate_cel().unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for bad in [
        "",
        "platform.kore.ai",
        "http://platform.kore.ai",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://1270.0.0.1",
        "http://kore.test.svc.evil.example",
        "http://svc",
        "https://platform.kore.ai/",
        "https://.",
        "https://platform.kore.ai/api",
        "https://user:password@platform.kore.ai",
        "https://platform.kore.ai?x=1",
        "https://PLATFORM.kore.ai",
        "ftp://platform.kore.ai",
        "https://",
    ] {
        let message = connection_refused("host", json!(bad));
        assert!(message.contains("`host` must be `https://`"), "{bad}: {message}");
    }
}

#[test]
fn what_names_the_campaign_is_immutable() {
    let old = campaign("suspend", json!(false));
    for (field, value) in [
        ("campaignId", json!("cd-2")),
        ("streamId", json!("st-2")),
        ("connectionRef", json!({"name": "other"})),
    ] {
        let message = campaign(field, value).validate_cel_update(&old).unwrap_err().to_string();
        assert!(message.contains(&format!("`{field}` is immutable")), "{message}");
    }
    for (field, value) in [("suspend", json!(true)), ("deletionPolicy", json!("Orphan"))] {
        campaign(field, value).validate_cel_update(&old).unwrap();
    }
    let old = connection("timeoutSeconds", json!(10));
    for (field, value) in [("host", "https://other.kore.ai"), ("accountId", "other")] {
        let message = connection(field, json!(value)).validate_cel_update(&old).unwrap_err().to_string();
        assert!(message.contains(&format!("`{field}` is immutable")), "{message}");
    }
    // A renamed environment says under which address it was known.
    let mut renamed = connection("host", json!("https://other.kore.ai"));
    for (former, passes) in [
        (vec!["https://platform.kore.ai"], true),
        (vec!["https://older.kore.ai", "https://platform.kore.ai"], true),
        (vec!["https://older.kore.ai"], false),
        (vec![], false),
    ] {
        renamed.spec.former_hosts = former.iter().map(ToString::to_string).collect();
        assert_eq!(renamed.clone().validate_cel_update(&old).is_ok(), passes, "{former:?}");
    }
    for bad in ["", "platform.kore.ai", "https://h/x", "https://", "https://H"] {
        let message = connection_refused("formerHosts", json!(["https://platform.kore.ai", bad]));
        assert!(message.contains("`formerHosts` must be base addresses"), "{bad}: {message}");
    }
    for (field, value) in [
        ("timeoutSeconds", json!(5)),
        ("credentialsSecretRef", json!({"name": "rotated"})),
        ("iid", json!("app")),
    ] {
        connection(field, value).validate_cel_update(&old).unwrap();
    }
}

#[test]
fn names_and_texts_have_their_form() {
    for bad in ["", "Production", "a b", "-a", "a-", "../a"] {
        let message = campaign_refused("connectionRef", json!({"name": bad}));
        assert!(
            message.contains("`connectionRef.name` must be the name of a KoreConnection"),
            "{bad}: {message}"
        );
        let message = connection_refused("credentialsSecretRef", json!({"name": bad}));
        assert!(
            message.contains("`credentialsSecretRef.name` must be the name of a Secret"),
            "{bad}: {message}"
        );
    }
    let message = connection_refused("iid", json!("a/b"));
    assert!(message.contains("`iid` must be 1 to 128 characters"), "{message}");
    let message = connection_refused("jwt", json!({"subject": ""}));
    assert!(message.contains("`jwt.subject` must be 1 to 128 characters"), "{message}");
}
