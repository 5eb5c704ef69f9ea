//! Manifests for campaigns: their names, and the YAML. Pure.

use std::collections::BTreeMap;

use deunicode::deunicode;
use serde_json::json;
use sha2::{Digest, Sha256};
use voicecampaign_operator::kore::is_spelled;

use crate::words::plain;

/// Most characters of a resource's name that come from the campaign's: with the suffix it stays below the 63
/// that labels allow.
const LONGEST_NAME: usize = 48;

/// A campaign as Kore lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its stream.
    pub stream_id: String,
    /// Its id.
    pub campaign_id: String,
    /// All ids under which Kore lists it.
    pub ids: Vec<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its state.
    pub state: Option<String>,
}

/// Most characters of an id that the schema allows.
const LONGEST_ID: usize = 128;

impl Row {
    /// Whether a VoiceCampaign may name its ids.
    pub fn fits_the_schema(&self) -> bool {
        [&self.stream_id, &self.campaign_id].iter().all(|id| {
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            id.starts_with(|c: char| c.is_ascii_alphanumeric())
                && id.len() <= LONGEST_ID
                && id.chars().all(is_allowed)
        })
    }

    /// Whether this is one of its ids.
    pub fn has(&self, id: &str) -> bool {
        self.ids.iter().any(|own| is_spelled(own, id))
    }

    /// Its name, for people.
    pub fn title(&self) -> String {
        self.name.as_deref().map_or_else(|| "a campaign without a name".to_owned(), plain)
    }
}

/// Where the resources are to be.
#[derive(Clone, Debug)]
pub struct Target {
    /// Their namespace.
    pub namespace: String,
    /// Their connection.
    pub connection: String,
    /// Whether their policy is `Orphan`.
    pub orphan: bool,
}

/// A manifest, and the name of its resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The name.
    pub name: String,
    /// The YAML.
    pub manifest: String,
}

/// The manifests of these campaigns, by stream and name.
pub fn imported(rows: &[Row], target: &Target) -> Vec<Imported> {
    let mut by_name: BTreeMap<(&str, String), &Row> = BTreeMap::new();
    for row in rows {
        by_name.insert((&row.stream_id, resource_name(row)), row);
    }
    let manifest = |((_, name), row): ((&str, String), &Row)| {
        let manifest = manifest(&name, row, target);
        Imported { name, manifest }
    };
    by_name.into_iter().map(manifest).collect()
}

/// All manifests in one text.
pub fn all(imported: &[Imported]) -> String {
    imported.iter().map(|one| one.manifest.as_str()).collect::<Vec<_>>().join("---\n")
}

/// The name of the resource of a campaign: from the campaign's name, and a part of a digest of its ids. So
/// two campaigns of one name have two resources, and each has the same one at every import.
pub fn resource_name(row: &Row) -> String {
    let name = deunicode(row.name.as_deref().unwrap_or_default()).to_lowercase();
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let readable = parts.collect::<Vec<_>>().join("-").chars().take(LONGEST_NAME).collect::<String>();
    let digest = Sha256::digest(format!("{}/{}", row.stream_id, row.campaign_id));
    let suffix: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    match readable.trim_end_matches('-') {
        "" => format!("campaign-{suffix}"),
        readable => format!("{readable}-{suffix}"),
    }
}

fn manifest(name: &str, row: &Row, target: &Target) -> String {
    let object = json!({
        "apiVersion": "voicecampaign.dev/v1alpha1",
        "kind": "VoiceCampaign",
        "metadata": {"name": name, "namespace": target.namespace},
        "spec": {
            "connectionRef": {"name": target.connection},
            "streamId": row.stream_id,
            "campaignId": row.campaign_id,
            "deletionPolicy": if target.orphan { "Orphan" } else { "Delete" },
        },
    });
    let state = row.state.as_deref().map(|state| format!(", {} when it was imported", plain(state)));
    // A map of texts has a YAML.
    let yaml = serde_saphyr::to_string(&object).unwrap_or_default();
    format!("# {}{}\n{}\n", row.title(), state.unwrap_or_default(), yaml.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: Option<&str>, id: &str) -> Row {
        Row {
            stream_id: "st-1".to_owned(),
            campaign_id: id.to_owned(),
            ids: vec![id.to_owned()],
            name: name.map(str::to_owned),
            state: Some("Active".to_owned()),
        }
    }

    #[test]
    fn names_are_unique_and_the_same_at_every_import() {
        let names = ["Win-back Q4", "Win-back Q4", "  ¡Ünïcode! ", "", &"long ".repeat(40)];
        let rows: Vec<_> =
            names.iter().enumerate().map(|(number, name)| row(Some(name), &format!("cd-{number}"))).collect();
        let names: Vec<_> = rows.iter().map(resource_name).collect();
        assert!(names[0].starts_with("win-back-q4-") && names[1].starts_with("win-back-q4-"), "{names:?}");
        assert_ne!(names[0], names[1]);
        assert!(names[2].starts_with("unicode-") && names[3].starts_with("campaign-"), "{names:?}");
        for name in &names {
            assert!(
                name.len() <= 63 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                "{name}"
            );
            assert!(name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !name.contains("--"), "{name}");
        }
        assert_eq!(names, rows.iter().map(resource_name).collect::<Vec<_>>());
        let more = [&rows[..], &[row(Some("Win-back Q4"), "cd-new")]].concat();
        assert_eq!(resource_name(&more[0]), names[0], "others change no name");
    }

    #[test]
    fn an_id_that_the_schema_refuses_is_not_written() {
        for (id, fits) in
            [("cd-1", true), ("c.d_1", true), ("", false), ("-1", false), ("cd 1", false), ("cd/1", false)]
        {
            assert_eq!(row(None, id).fits_the_schema(), fits, "{id}");
        }
        assert!(
            row(None, &"c".repeat(128)).fits_the_schema() && !row(None, &"c".repeat(129)).fits_the_schema()
        );
    }

    #[test]
    fn a_manifest_is_what_a_user_would_write() {
        let target =
            Target { namespace: "team-a".to_owned(), connection: "production".to_owned(), orphan: true };
        let hostile = row(Some("Spring\u{2028}kind: Secret\u{1b}[2J\nkind: Role"), "cd-1");
        let imported = imported(&[hostile], &target);
        let expected = "# Spring kind: Secret [2J kind: Role, Active when it was imported\n";
        assert!(imported[0].manifest.starts_with(expected), "{}", imported[0].manifest);
        let read: serde_json::Value = serde_saphyr::from_str(&imported[0].manifest).unwrap();
        assert_eq!(read["kind"], "VoiceCampaign");
        assert_eq!(read["spec"]["deletionPolicy"], "Orphan");
        assert_eq!(read["spec"]["campaignId"], "cd-1");
        assert_eq!(read["metadata"]["name"], imported[0].name.as_str());
    }
}
