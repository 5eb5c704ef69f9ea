//! The Pods of the chart: the operator's, the uninstall's and that of `helm test`.

use serde_json::Value;

use crate::support::*;

/// The Pods of the Deployment, of the uninstall and of `helm test`, as objects with metadata and spec.
fn pods(values: &[&str]) -> [Value; 3] {
    let chart = chart().display().to_string();
    let mut arguments = vec!["template", RELEASE, &chart, "--namespace", NAMESPACE];
    arguments.extend(values);
    let rendered = Helm::new(4).unwrap().run(&arguments).unwrap();
    let test = objects(&rendered).into_iter().find(|object| object["kind"] == "Pod").unwrap();
    let [replica, uninstall] = pods_of(&rendered);
    [replica, uninstall, test]
}

/// All Pods run on Linux nodes, and follow the values for scheduling.
#[test]
fn every_pod_is_placed_by_the_values() {
    for pod in pods(&[]) {
        assert_eq!(pod["spec"]["nodeSelector"], serde_json::json!({"kubernetes.io/os": "linux"}));
    }
    let everything = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/everything.yaml");
    let pods = pods(&["--values", everything, "--set", "nodeSelector.disk=ssd"]);
    let [replica, others @ ..] = &pods;
    assert_eq!(
        replica["spec"]["nodeSelector"],
        serde_json::json!({"kubernetes.io/os": "linux", "disk": "ssd"})
    );
    for other in others {
        for field in ["nodeSelector", "tolerations", "priorityClassName", "dnsConfig", "imagePullSecrets"] {
            assert!(!replica["spec"][field].is_null(), "{field}");
            assert_eq!(other["spec"][field], replica["spec"][field], "{field}");
        }
        let placed = &other["spec"]["affinity"];
        assert_eq!(placed["nodeAffinity"], replica["spec"]["affinity"]["nodeAffinity"]);
        assert_eq!(placed.as_object().unwrap().len(), 1, "it is no replica: {placed}");
        assert_eq!(other["metadata"]["annotations"]["example.com/note"], "yes");
        assert_eq!(other["metadata"]["labels"]["example.com/part"], "operator");
    }
}

/// A sidecar that does not exit would keep the uninstall's Pod running.
#[test]
fn the_uninstall_has_no_sidecar() {
    let annotations = |values: &[&str]| pods(values)[1]["metadata"]["annotations"].clone();
    let by_default = annotations(&["--set", "podAnnotations.a=b"]);
    assert_eq!(
        by_default,
        serde_json::json!({"a": "b", "linkerd.io/inject": "disabled", "sidecar.istio.io/inject": "false"})
    );
    let test = pods(&["--set", "podAnnotations.a=b"])[2]["metadata"]["annotations"].clone();
    for (name, value) in by_default.as_object().unwrap() {
        assert_eq!(&test[name], value, "{name}");
    }
    let own = annotations(&["--set-string", r"uninstall.podAnnotations.sidecar\.istio\.io/inject=true"]);
    assert_eq!(own["sidecar.istio.io/inject"], "true");
}

/// The NetworkPolicy selects the Pod of `helm test`, too, and allows its requests to the operator.
#[test]
fn helm_test_reaches_what_it_asks() {
    let values = ["--set", "networkPolicy.enabled=true,metrics.service.port=9090"];
    let rendered = render(4, &[&values[..], &["--show-only=templates/networkpolicy.yaml"]].concat()).unwrap();
    let policy = objects(&rendered).remove(0);
    let [replica, _, test] = pods(&values);
    let matches = |selector: &Value, pod: &Value| {
        let labels = selector["matchLabels"].as_object().unwrap();
        labels.iter().all(|(name, value)| pod["metadata"]["labels"][name] == *value)
    };
    assert!(matches(&policy["spec"]["podSelector"], &test));
    let port = &replica["spec"]["containers"][0]["ports"][0]["containerPort"];
    let lets = |rule: &&Value| {
        let to =
            rule["to"].as_array().is_some_and(|to| to.iter().any(|to| matches(&to["podSelector"], &replica)));
        to && rule["ports"].as_array().unwrap().iter().any(|allowed| allowed["port"] == *port)
    };
    assert!(policy["spec"]["egress"].as_array().unwrap().iter().any(|rule| lets(&rule)), "{policy:#}");
    let service =
        objects(&render(4, &[&values[..], &["--show-only=templates/service.yaml"]].concat()).unwrap());
    assert_eq!(service[0]["spec"]["ports"][0]["targetPort"], "admin");
    assert!(policy["spec"]["ingress"].to_string().contains(r#""port":"admin""#), "{policy:#}");
}

/// The address of a proxy can come from a Secret, because it may have a password in it.
#[test]
fn a_proxy_comes_from_a_secret() {
    let values = "proxy.httpsProxyFromSecret.name=proxy,proxy.httpsProxyFromSecret.key=address,proxy.noProxy=example.com";
    let [replica, ..] = pods(&["--set", values]);
    let env = replica["spec"]["containers"][0]["env"].as_array().unwrap();
    let of = |name: &str| env.iter().find(|variable| variable["name"] == name);
    let reference = serde_json::json!({"secretKeyRef": {"name": "proxy", "key": "address"}});
    assert_eq!(of("HTTPS_PROXY").unwrap()["valueFrom"], reference);
    assert_eq!(of("NO_PROXY").unwrap()["value"], ".svc,.cluster.local,example.com");
    assert_eq!(of("HTTP_PROXY"), None);
}
