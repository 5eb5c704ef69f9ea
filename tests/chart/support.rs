use serde_json::Value;
pub use testbed::generated::settle;
pub use testbed::helm::{Helm, chart};

/// The release's name and namespace in generated files and snapshots.
pub const RELEASE: &str = "voicecampaign-operator";
pub const NAMESPACE: &str = "voicecampaign-system";

/// Renders the chart, without its tests, with these values and helm of this major version.
pub fn render(major: u8, more: &[&str]) -> Result<String, String> {
    let chart = chart().display().to_string();
    let mut arguments = vec!["template", RELEASE, &chart, "--namespace", NAMESPACE, "--skip-tests"];
    arguments.extend(more);
    Helm::new(major).unwrap().run(&arguments).map_err(|error| error.to_string())
}

/// The objects of some manifests.
pub fn objects(manifests: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifests).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// Sets of values, and the names of their snapshots.
pub const SETS: [(&str, &[&str]); 3] = [
    ("default", &[]),
    ("namespaced", &["--set", "watchNamespaces={team-a,team-b}", "--set", "rbac.aggregateRoles=false"]),
    ("everything", &["--values", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/everything.yaml")]),
];

/// The Pods of the Deployment and of the uninstall in rendered manifests.
pub fn pods_of(rendered: &str) -> [Value; 2] {
    let all = objects(rendered);
    ["Deployment", "Job"].map(|kind| {
        let object = all.iter().find(|object| object["kind"] == kind);
        object.unwrap()["spec"]["template"].clone()
    })
}
