//! The schema of what the commands print as JSON and YAML.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use crate::plan::Plan;
use crate::status::Status;
use crate::why::Why;

/// What a command prints with `--output json`.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "its schema is what counts")]
enum Output {
    /// `kubectl vcamp status`.
    Status(Status),
    /// `kubectl vcamp plan`.
    Plan(Plan),
    /// `kubectl vcamp why`.
    Why(Box<Why>),
}

#[test]
fn the_schema_of_the_output_is_the_published_one() {
    // What is left out when it is empty is not required.
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<Output>();
    let schema = serde_json::to_string_pretty(&schema).unwrap();
    testbed::generated::settle(
        &testbed::repository().join("docs/kubectl-vcamp.schema.json"),
        &format!("{schema}\n"),
    );
}
