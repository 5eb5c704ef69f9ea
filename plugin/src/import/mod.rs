//! `import`: a VoiceCampaign for each campaign that Kore has in an account.
//!
//! ```text
//!   account.rs    the connection, its Secret ─▶ whom to call
//!   resources.rs  the VoiceCampaigns that there are
//!   kore.rs       the listings of the streams, within the quota
//!     └─▶ manifest.rs  names and YAML (PURE) ─▶ folder.rs
//! ```

mod account;
mod folder;
mod kore;
mod manifest;
mod resources;

use std::path::Path;

use anyhow::ensure;

use crate::cli::{ImportArgs, Policy};
use crate::cluster::Cluster;
use crate::end::End;
use crate::output;
use crate::words::count;
use account::Reader;
use kore::Listed;
use manifest::{Row, Target};
use resources::{Key, Resources};

/// Runs the command.
///
/// # Errors
/// If the connection, its Secret or a listing can't be read, or the folder can't be written.
pub async fn run(arguments: ImportArgs, cluster: &Cluster) -> anyhow::Result<End> {
    let ImportArgs { connection, stream, delete_policy, kustomization, kore_ca_file } = arguments;
    let mut known = Resources::read(cluster).await?;
    let written = kustomization.as_deref().map(folder::resources).transpose()?.unwrap_or_default();
    written.iter().cloned().for_each(|(key, file)| known.add(key, file));
    let reader = Reader::of(&connection, kore_ca_file, cluster).await?;
    let mut streams = stream;
    if streams.is_empty() {
        streams = known.streams(&connection, cluster.namespace());
        streams.extend(reader.streams());
    }
    streams.sort_unstable();
    streams.dedup();
    ensure!(
        !streams.is_empty(),
        "name a stream with --stream: no VoiceCampaign uses the connection {connection} yet, and Kore has no call that lists the \
         streams of an account. The stream ID is on the general settings page of the app in Kore"
    );
    let deleting = known.deleting(&connection, cluster.namespace());
    let listed = kore::list(&reader, &streams, deleting).await?;
    for (Key { campaign_id, .. }, file) in gone(&written, &streams, &listed) {
        output::say(&format!(
            "warning: {file} names the campaign {campaign_id}, which Kore does not list any more: if it was deleted, remove the \
             manifest, and its line from `resources`"
        ));
    }
    let target = Target {
        namespace: cluster.namespace().to_owned(),
        connection,
        orphan: delete_policy == Policy::Orphan,
    };
    let (usable, unusable): (Vec<_>, Vec<_>) = listed.rows.into_iter().partition(Row::fits_the_schema);
    let (named, new): (Vec<_>, Vec<_>) = usable.into_iter().partition(|row| known.names(row).is_some());
    let imported = manifest::imported(&new, &target);
    match &kustomization {
        Some(folder) => folder::write(folder, &imported)?,
        None if imported.is_empty() => {}
        None => output::print(manifest::all(&imported).trim_end())?,
    }
    report(&named, &unusable, &known);
    say_how_many(imported.len(), streams.len(), named.len(), kustomization.as_deref());
    for stream in &listed.incomplete {
        output::say(&format!(
            "warning: the pages of Kore's listing of the stream {stream} do not add up: a campaign may be missing. Run the command again"
        ));
    }
    for stream in &listed.empty {
        output::say(&format!(
            "warning: Kore shows no campaign of the stream {stream}, as it does to an app that may not read the stream: look in Kore's \
             console. No manifest of it is said to be out of date"
        ));
    }
    let complete = listed.incomplete.is_empty() && listed.empty.is_empty() && unusable.is_empty();
    Ok(if complete { End::Done } else { End::Held })
}

/// The manifests of the folder whose campaigns Kore does not list any more.
fn gone<'a>(
    written: &'a [(Key, String)],
    streams: &'a [String],
    listed: &'a Listed,
) -> impl Iterator<Item = &'a (Key, String)> {
    written.iter().filter(|(key, _)| {
        let stream = &key.stream_id;
        let is_doubtful = listed.incomplete.contains(stream) || listed.empty.contains(stream);
        let is_read = streams.contains(stream) && !is_doubtful;
        let shows_it = |row: &Row| row.stream_id == *stream && row.has(&key.campaign_id);
        is_read && !listed.rows.iter().any(shows_it)
    })
}

/// Says what was not written, and why.
fn report(named: &[Row], unusable: &[Row], known: &Resources) {
    for row in named {
        if let Some(resource) = known.names(row) {
            output::say(&format!("skipped: {} ({}): {resource} names it", row.title(), row.campaign_id));
        }
    }
    for row in unusable {
        output::say(&format!(
            "warning: {} ({:?}): its id, or that of its stream, is not what a VoiceCampaign may name, so it can't be managed here",
            row.title(),
            row.campaign_id
        ));
    }
}

fn say_how_many(written: usize, streams: usize, named: usize, folder: Option<&Path>) {
    let place = folder.map(|folder| format!(" in {}", folder.display())).unwrap_or_default();
    let (written, streams) = (count(written, "campaign"), count(streams, "stream"));
    output::say(&format!(
        "{written} of {streams} written{place}, {named} skipped because something names them."
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was not read, or not as a whole, says nothing of what is missing.
    #[test]
    fn a_manifest_whose_campaign_is_gone_is_named() {
        let row = |id: &str| Row {
            stream_id: "st-1".to_owned(),
            campaign_id: id.to_owned(),
            ids: vec![id.to_owned(), format!("{id}-internal")],
            name: None,
            state: None,
        };
        let written = [("st-1", "cd-1"), ("st-1", "cd-2-internal"), ("st-1", "cd-3"), ("st-2", "cd-4")].map(
            |(stream_id, campaign_id)| {
                let key = Key { stream_id: stream_id.to_owned(), campaign_id: campaign_id.to_owned() };
                (key, format!("{campaign_id}.yaml"))
            },
        );
        let found = |streams: &[&str], incomplete: &[&str], empty: &[&str]| {
            let owned = |some: &[&str]| some.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
            let rows = vec![row("cd-1"), row("cd-2")];
            let listed = Listed { rows, incomplete: owned(incomplete), empty: owned(empty) };
            gone(&written, &owned(streams), &listed).map(|(_, file)| file.clone()).collect::<Vec<_>>()
        };
        assert_eq!(found(&["st-1"], &[], &[]), ["cd-3.yaml"]);
        assert_eq!(found(&["st-1", "st-2"], &[], &[]), ["cd-3.yaml", "cd-4.yaml"]);
        assert!(found(&["st-1"], &["st-1"], &[]).is_empty() && found(&[], &[], &[]).is_empty());
        // Kore shows nothing to an app that may not read a stream.
        assert_eq!(found(&["st-1", "st-2"], &[], &["st-2"]), ["cd-3.yaml"]);
    }
}
