//! What is generated into the repository is what the code generates.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

use std::path::Path;

use voicecampaign_operator::api;

/// `make generate` writes; everybody else compares.
fn settle(path: &Path, generated: &str) {
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(path, generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == generated, "{} is not what the code generates: run `make generate`", path.display());
}

#[test]
fn the_custom_resource_definitions_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    for crd in api::crds() {
        let yaml = serde_saphyr::to_string(&crd).unwrap();
        let text = format!("# Generated from src/api by `make generate`. Do not edit.\n{yaml}");
        settle(&folder.join(format!("{}.yaml", crd.spec.names.plural)), &text);
    }
}

/// Larger ones can't be applied with a plain `kubectl apply`, which keeps a copy in an annotation.
#[test]
fn the_definitions_are_small_enough_for_every_way_to_apply_them() {
    for crd in api::crds() {
        assert!(serde_json::to_string(&crd).unwrap().len() < 262_144 / 2);
    }
}

/// Every field says what it means: `kubectl explain` is the first documentation a user sees.
#[test]
fn every_field_has_a_description() {
    for crd in api::crds() {
        let schema = &crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema;
        let mut missing = Vec::new();
        collect(&serde_json::to_value(schema).unwrap(), &crd.spec.names.kind, &mut missing);
        assert!(missing.is_empty(), "no description: {missing:?}");
    }

    fn collect(schema: &serde_json::Value, path: &str, missing: &mut Vec<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if field["description"].as_str().is_none_or(str::is_empty) && !path.ends_with(".metadata") {
                missing.push(path.clone());
            }
            collect(field, &path, missing);
        }
        if schema["items"].is_object() {
            collect(&schema["items"], &format!("{path}[]"), missing);
        }
    }
}
