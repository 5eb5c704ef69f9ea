//! Start, end and everything between: kill -9, SIGTERM, missing definitions, objects that do not fit.

use std::collections::BTreeMap;
use std::time::Duration;

use kore_simulator::{Fault, Outcome};
use serde_json::{Value, json};
use testbed::operator::{self, Options};
use testbed::{ControlPlane, Operator, wait};
use voicecampaign_operator::connection::AllowedHosts;
use voicecampaign_operator::kore::ClientSettings;
use voicecampaign_operator::kube_ext::Selected;
use voicecampaign_operator::run::{self, Settings};

use crate::support::*;

/// The schedule is in status: after kill -9 it goes on where it was, and nothing is sent early.
#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_survives_kill_9() {
    let world = World::new("killed").await;
    let mut operator = world.operator();
    world.create_found("renewal");
    let headers = BTreeMap::from([("retry-after".to_owned(), "10".to_owned())]);
    let then = Outcome::Answer { status: 503, headers, body: r#"{"message":"later"}"#.to_owned() };
    world.kore.add_fault(Fault { then, ..Fault::answer_delete(Some(1), 503, "") });
    world.delete("renewal");
    let before = world.wait_for_reason("renewal", "ServiceUnavailable");
    operator.kill();

    let _restarted = world.operator();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = world.get("renewal").unwrap();
    assert_eq!(after["status"], before["status"], "a restart changes nothing");
    world.wait_until_gone("renewal");
    let deletes = world.deletes("renewal");
    assert_eq!(deletes.len(), 2);
    let promised: jiff::Timestamp =
        before["status"]["deletion"]["nextAttemptAt"].as_str().unwrap().parse().unwrap();
    assert!(deletes[1].at >= promised, "sent at {}, promised {promised}", deletes[1].at);
}

/// K7: Kore confirms while the API server is silent. The answer is kept until it can be written; nothing is
/// sent again.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_a_silent_api_server() {
    // The others' control plane must not fall silent.
    let world = World::alone("silent").await;
    let _operator = world.operator();
    world.create_found("renewal");
    world.kore.add_fault(Fault::delay_delete(Some(1), 3000));
    world.delete("renewal");
    world.wait_for_reason("renewal", "Deleting");
    world.plane.pause_api_server().unwrap();
    // The answer comes after 3 s; the write of its status gives up after 10 s.
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert!(!world.in_kore("renewal"));
    world.plane.resume_api_server().unwrap();
    world.wait_until_gone("renewal");
    assert_eq!(world.deletes("renewal").len(), 1, "the answer was forgotten, and the DELETE repeated");
}

/// K32: SIGTERM: the DELETE in flight is finished, recorded and released; then the process ends with 0.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_what_is_in_flight() {
    let world = World::new("sigterm").await;
    let mut operator = world.operator();
    world.create_campaign("renewal", &json!({}));
    world.create_campaign("idle", &json!({}));
    world.wait_for_reason("renewal", "CampaignFound");
    world.kore.add_fault(Fault::delay_delete(Some(1), 2500));
    world.delete("renewal");
    world.wait_for_reason("renewal", "Deleting");
    let status = operator.terminate().unwrap();
    assert!(status.success(), "{status}");
    assert!(world.get("renewal").is_none(), "the step in flight was not finished");
    assert_eq!(world.deletes("renewal").len(), 1);
}

/// K32: a call that outlasts the grace period does not hold the process: it ends, and the next start looks
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_does_not_wait_for_ever() {
    let world = World::without_connection("sigterm-hang").await;
    world.create_secret(CLIENT_ID, CLIENT_SECRET);
    world.create_connection(6000, 30);
    let mut operator = world.operator();
    world.create_found("renewal");
    world.kore.add_fault(Fault { then: Outcome::Hang, ..Fault::answer_delete(Some(1), 200, "") });
    world.delete("renewal");
    world.wait_for_reason("renewal", "Deleting");
    // `terminate` waits for half of the time that the call may take.
    assert!(operator.terminate().unwrap().success());
    let _restarted = world.operator();
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
}

/// The library runs in any process: the same as the binary, without one.
#[tokio::test(flavor = "multi_thread")]
async fn the_operator_runs_in_process() {
    let world = World::new("in-process").await;
    let cluster = config(&operator::kubeconfig(plane()).unwrap()).await;
    let settings = Settings {
        namespaces: vec![world.namespace.clone()],
        admin_address: None,
        kore: ClientSettings::default(),
        instance: Some("in-process".to_owned()),
        lease: None,
        selected: Selected::default(),
        allowed_hosts: AllowedHosts::default(),
        role_binding: None,
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(run::run(settings, cluster, async {
        let _ = stopped.await;
    }));
    world.create_found("renewal");
    world.delete("renewal");
    world.wait_until_gone("renewal");
    assert!(!world.in_kore("renewal"));
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

/// No token, secret or `auth` header gets out, whatever is logged, written and told while things go wrong.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_gets_out() {
    let world = World::new("secrets").await;
    let mut options = world.options();
    options.arguments.extend(["--log-level=trace", "--log-format=json"].map(Into::into));
    options.variables = vec![("RUST_LOG".into(), "trace".into())];
    let mut operator = Operator::start(plane(), &options).unwrap();
    world.create_found("renewal");
    let echo = format!(r#"{{"message":"secret {CLIENT_SECRET} of {CLIENT_ID} was refused"}}"#);
    world.kore.add_fault(Fault::answer_delete(Some(1), 401, &echo));
    world.kore.add_fault(Fault::answer_delete(Some(1), 500, &echo));
    world.delete("renewal");
    let mut seen = String::new();
    wait::until("the deletion is over", PATIENCE, || {
        let object = world.get("renewal");
        seen.push_str(&object.as_ref().map(Value::to_string).unwrap_or_default());
        Ok(object.is_none().then_some(()))
    })
    .unwrap();
    seen.push_str(&world.run(&["get", "events", "--output=json"]));
    seen.push_str(&operator.ask("/metrics").unwrap().1);
    assert!(operator.terminate().unwrap().success());
    seen.push_str(&operator.output());
    assert!(operator.output().contains("Deleted campaign in Kore"), "the log was read");
    assert!(seen.contains("[redacted]"), "the echo was read, and told without the secret");
    assert!(!seen.contains(CLIENT_SECRET), "the secret got out");
    let encoded = world.run(&["get", "secret", "kore-jwt-app", "-o", "jsonpath={.data.clientSecret}"]);
    assert!(encoded.len() > 20 && !seen.contains(&encoded), "the secret got out in base64");
    // Every token begins with the same header, base64url of {"typ":"JWT","alg":"HS256"} in either order.
    assert!(!seen.contains("eyJ0eXAiOiJKV1Qi") && !seen.contains("eyJhbGciOiJIUzI1NiI"), "a token got out");
    assert!(!seen.to_lowercase().contains(r#""auth":"#), "an auth header got out");
    // The operator's own token for the API server neither.
    let kubeconfig = std::fs::read_to_string(operator::kubeconfig(plane()).unwrap()).unwrap();
    let token = serde_json::from_str::<Value>(&kubeconfig).unwrap()["users"][0]["user"]["token"].clone();
    assert!(!seen.contains(token.as_str().unwrap()), "the operator's token got out");
}

/// A line of the JSON log names the object, and each key once: tools keep one of two.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_line_names_its_object_and_no_key_twice() {
    let world = World::new("logs").await;
    let mut operator = world.operator();
    world.create_found("renewal");
    world.kore.add_fault(Fault::answer_delete(Some(1), 503, ""));
    world.delete("renewal");
    world.wait_until_gone("renewal");
    assert!(operator.terminate().unwrap().success());
    let output = operator.output();
    for line in output.lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in value.as_object().unwrap().keys() {
            assert_eq!(line.matches(&format!("\"{key}\":")).count(), 1, "{key} twice in {line}");
        }
    }
    for message in ["The deletion was not confirmed", "Deleted campaign in Kore", "Released VoiceCampaign"] {
        let line = output
            .lines()
            .find(|line| line.contains(message))
            .unwrap_or_else(|| panic!("{message}: {output}"));
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["span"]["voicecampaign"], "logs/renewal");
    }
}

/// K17: a namespace that goes as a whole refuses events: nothing hangs on them.
#[tokio::test(flavor = "multi_thread")]
async fn a_terminating_namespace_does_not_hang_on_events() {
    let world = World::new("terminating").await;
    let _operator = world.operator();
    world.create_campaign("renewal", &json!({"deletionPolicy": "Orphan"}));
    world.wait_for_reason("renewal", "CampaignFound");
    world.kubectl.try_run(&["delete", "namespace", "terminating", "--timeout=60s"]).unwrap();
    assert!(world.in_kore("renewal"));
}

/// The admin endpoints answer, and count what has happened.
#[tokio::test(flavor = "multi_thread")]
async fn the_admin_server_tells_health_and_metrics() {
    let world = World::new("admin").await;
    let operator = world.operator();
    assert_eq!(operator.ask("/livez").unwrap().0, 200);
    world.create_found("renewal");
    world.delete("renewal");
    world.wait_until_gone("renewal");
    // What is held shows while it is held.
    world.create_found("held");
    world.patch_spec("held", &json!({"suspend": true}));
    world.wait_for_reason("held", "Suspended");
    world.delete("held");
    let held = r#"voicecampaign_operator_terminating{namespace="admin",connection="admin/production",reason="Suspended"} 1"#;
    let metrics = wait::until("the metrics show what is held", PATIENCE, || {
        Ok(Some(operator.ask("/metrics")?.1).filter(|metrics| metrics.contains(held)))
    })
    .unwrap();
    for line in [
        r#"voicecampaign_operator_oldest_terminating_age_seconds{namespace="admin",connection="admin/production",reason="Suspended"}"#,
        r#"voicecampaign_operator_remote_requests_total{operation="delete",result="Success"} 1"#,
        r#"voicecampaign_operator_deletions_total{outcome="Deleted"} 1"#,
        "voicecampaign_operator_deletion_duration_seconds_count 1",
        r#"voicecampaign_operator_kubernetes_writes_total{target="finalizer"} 3"#,
        r#"voicecampaign_operator_account_quota{connection="admin/production"}"#,
        r#"voicecampaign_operator_credentials_refused{connection="admin/production"} 0"#,
        r#"voicecampaign_operator_watch_works{kind="VoiceCampaigns",watched="admin"} 1"#,
        "voicecampaign_operator_leader 1",
        "process_resident_memory_bytes",
    ] {
        assert!(metrics.contains(line), "{line} is missing in:\n{metrics}");
    }
    for line in metrics.lines().filter(|line| line.starts_with("# TYPE")) {
        let name = line.split(' ').nth(2).unwrap();
        let documented = include_str!("../../docs/metrics.md").contains(&format!("`{name}`"));
        assert!(documented, "{name} is not documented in docs/metrics.md");
    }
    for (line, least) in [
        (r#"voicecampaign_operator_kubernetes_requests_total{verb="patch",result="Success"} "#, 5),
        (r#"voicecampaign_operator_kubernetes_requests_total{verb="watch",result="Success"} "#, 2),
        (r#"controller_runtime_reconcile_total{controller="voicecampaign",result="success"} "#, 1),
        (r#"controller_runtime_reconcile_time_seconds_count{controller="koreconnection"} "#, 1),
    ] {
        let value = metrics.lines().find_map(|shown| shown.strip_prefix(line)?.parse::<u32>().ok());
        assert!(value.is_some_and(|value| value >= least), "{line}{value:?} in:\n{metrics}");
    }
    world.patch_spec("held", &json!({"suspend": false}));
    world.wait_until_gone("held");
    wait::until("nothing is held", PATIENCE, || {
        Ok((!operator.ask("/metrics")?.1.contains("voicecampaign_operator_terminating{")).then_some(()))
    })
    .unwrap();
}

/// K20: a cluster without the definitions: the operator says how to install them, lives, and begins when they
/// are there. And one object that does not fit is told so, while the others go on.
#[tokio::test(flavor = "multi_thread")]
async fn missing_definitions_and_misfit_objects_stop_nothing() {
    let own = ControlPlane::start().unwrap();
    let kubectl = own.kubectl().unwrap();
    for path in ["base/namespace.yaml", "base/operator.yaml", "overlays/cluster-wide/rbac.yaml"] {
        let path = testbed::repository().join("deploy").join(path).display().to_string();
        kubectl.try_run(&["apply", "--server-side", "--filename", &path]).unwrap();
    }
    let mut operator =
        Operator::launch(&own, &Options::new(env!("CARGO_BIN_EXE_voicecampaign-operator").into())).unwrap();
    let says = |level: &str| {
        let output = operator.output();
        let mut lines = output.lines().filter(|line| line.contains("kubectl apply --server-side -f crds/"));
        lines.any(|line| line.contains(level))
    };
    wait::until("the operator says what is missing", PATIENCE, || {
        Ok(says(r#""level":"ERROR""#).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error}: {}", operator.output()));
    // An API server that has just started does not serve them, either.
    assert!(says(r#""level":"WARN""#), "{}", operator.output());
    assert_eq!(operator.ask("/livez").unwrap().0, 200);
    let (code, why) = operator.ask("/readyz").unwrap();
    assert_eq!(code, 503);
    assert!(why.contains("CustomResourceDefinitions are not installed"), "{why}");
    operator::install(&own).unwrap();
    operator.wait_until_ready().unwrap();

    let check = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_voicecampaign-operator"));
        command.args([
            "check",
            "--namespace=default",
            "--timeout-seconds=1",
            "--admin-url",
            &operator.admin_url(),
        ]);
        let output = command.env("KUBECONFIG", own.kubeconfig()).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (holds, fails) = check();
    // Its Deployment has no Pod here; the process is reached elsewhere.
    assert!(
        holds.contains("ok           definitions ") && holds.contains("ok           rights "),
        "{holds}{fails}"
    );
    assert!(
        holds.contains("is ready, and serves metrics") && holds.contains("has no ready Pod"),
        "{holds}{fails}"
    );
    assert!(kubectl.try_run(&["get", "vcamp", "--namespace=default", "--output=name"]).unwrap().is_empty());

    loosen(&kubectl, "voicecampaigns");
    wait::until("`check` notices", PATIENCE, || {
        Ok(check().0.contains("are not this operator's").then_some(()))
    })
    .unwrap();
    let misfit = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
        "metadata": {"name": "misfit", "namespace": "default"}, "spec": {"campaignId": 7, "deletionPolicy": "Keep"}});
    wait::until("the loose definition is served", PATIENCE, || Ok(kubectl.apply(&misfit.to_string()).ok()))
        .unwrap();
    let fit = json!({"apiVersion": "voicecampaign.dev/v1alpha1", "kind": "VoiceCampaign",
        "metadata": {"name": "fit", "namespace": "default"},
        "spec": {"connectionRef": {"name": "none"}, "streamId": "st-1", "campaignId": "cd-1"}});
    kubectl.apply(&fit.to_string()).unwrap();
    for (name, reason) in [("misfit", "Invalid"), ("fit", "ConnectionNotFound")] {
        let mut last = None;
        wait::until(reason, PATIENCE, || {
            last = kubectl.get("vcamp", "default", name)?;
            Ok(last.as_ref().filter(|object| ready(object)["reason"] == reason).map(|_| ()))
        })
        .unwrap_or_else(|error| panic!("{error}: {last:?}\n{}", operator.output()));
    }
    // A definition that knows nothing of `deletion` prunes it from the status: what fits is let go all the
    // same. And all namespaces are watched without --watch-namespaces.
    let condition = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let old = json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": {"type": "object",
        "properties": {"spec": condition, "status": {"type": "object", "properties": {
            "observedGeneration": {"type": "integer"}, "conditions": {"type": "array", "items": condition}}}}}}]);
    kubectl
        .try_run(&["patch", "crd", "voicecampaigns.voicecampaign.dev", "--type=json", "-p", &old.to_string()])
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    kubectl
        .try_run(&["patch", "vcamp", "fit", "--type=merge", "-p", r#"{"spec":{"deletionPolicy":"Orphan"}}"#])
        .unwrap();
    kubectl.try_run(&["delete", "vcamp", "fit", "--timeout=60s"]).unwrap();
    assert!(
        operator.output().contains("The API server does not store the status as it is"),
        "{}",
        operator.output()
    );
    let fit = |write: &&testbed::audit::Request| write.name == "fit" && write.subresource == "status";
    let writes = own.requests().unwrap();
    assert!(writes.iter().filter(fit).count() < 8, "it is written again and again");
    assert!(operator.terminate().unwrap().success());
    own.finish();
}
