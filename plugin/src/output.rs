//! How results are shown: as a table, as JSON or YAML for programs, or as names.

use std::io::{self, IsTerminal, Write};

use anyhow::anyhow;
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use serde_json::Value;
use voicecampaign_operator::kube_ext::without_content;
use voicecampaign_operator::stdout;

/// Format of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
    /// For programs
    Yaml,
    /// Names only, as `voicecampaign.voicecampaign.dev/NAME`
    Name,
}

/// What stands before a name, as `kubectl get --output name` writes it.
const KIND: &str = "voicecampaign.voicecampaign.dev";
/// What may stand before a name on a command line.
const KINDS: [&str; 4] = [KIND, "voicecampaigns.voicecampaign.dev", "voicecampaign", "vcamp"];

/// A table as kubectl writes it: columns, no lines.
pub fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// A name as `kubectl get --output name` writes it.
pub fn name(name: &str) -> String {
    format!("{KIND}/{name}")
}

/// The name of a VoiceCampaign on a command line: alone, or as [`name`] writes it.
///
/// # Errors
/// If it is of another kind, or no name.
pub fn named(text: &str) -> Result<String, String> {
    let name = match text.split_once('/') {
        None => Some(text),
        Some((kind, name)) => Some(name).filter(|_| KINDS.contains(&kind)),
    };
    let name = name.filter(|name| is_name(name)).map(str::to_owned);
    name.ok_or_else(|| format!("must be the name of a VoiceCampaign, as `NAME` or `{KIND}/NAME`"))
}

/// The name of an object on a command line.
///
/// # Errors
/// If it is none.
pub fn object_name(text: &str) -> Result<String, String> {
    Some(text.to_owned())
        .filter(|text| is_name(text))
        .ok_or_else(|| "must be a name: lower-case letters, digits, `-` and `.`".to_owned())
}

/// Whether it can be the name of an object: it goes into the path of a request.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let at_an_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let ends_well = at_an_end(text.chars().next()) && at_an_end(text.chars().last());
    ends_well && text.len() <= 253 && text.chars().all(allowed)
}

/// As JSON.
///
/// # Errors
/// If the value has no JSON.
pub fn json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}

/// As YAML.
///
/// # Errors
/// If the value has no YAML.
pub fn yaml(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_saphyr::to_string(value)?.trim_end().to_owned())
}

/// How the error about a key begins that is there twice.
const DUPLICATE: &str = "duplicate mapping key";

/// The documents of a YAML file.
///
/// # Errors
/// If it is none. The error quotes nothing of it: there may be a Secret in it.
pub fn read_yaml(text: &str) -> anyhow::Result<Vec<Value>> {
    // What stands in the text, however much that is; but not what references make of it.
    let usual = serde_saphyr::Budget::default();
    let (bytes, events) = (text.len(), text.len().saturating_mul(4));
    let budget = serde_saphyr::budget! {
        max_documents: usual.max_documents.max(bytes),
        max_nodes: usual.max_nodes.max(bytes),
        max_events: usual.max_events.max(events),
        max_total_scalar_bytes: usual.max_total_scalar_bytes.max(bytes),
        max_aliases: usual.max_aliases.max(bytes),
        max_anchors: usual.max_anchors.max(bytes),
        max_merge_keys: usual.max_merge_keys.max(bytes),
        enforce_alias_anchor_ratio: false,
    };
    let read = serde_saphyr::from_multiple_with_options(text, serde_saphyr::options! { budget: budget });
    read.map_err(|error| {
        anyhow!("this can't be read as YAML: {}", without_key(&without_content(&error.to_string())))
    })
}

/// An error without the key that it quotes: in a set, that is a value.
fn without_key(error: &str) -> String {
    match error.split_once(DUPLICATE) {
        Some((before, _key)) => format!("{before}{DUPLICATE}"),
        None => error.to_owned(),
    }
}

/// Prints a text. A reader that has gone away, such as `head`, is no failure.
///
/// # Errors
/// If the standard output can't be written to.
pub fn print(text: &str) -> anyhow::Result<()> {
    Ok(stdout::print(text)?)
}

/// Prints names; nothing if there are none, as kubectl does: a script takes each line for a name.
///
/// # Errors
/// If the standard output can't be written to.
pub fn print_names(names: &[String]) -> anyhow::Result<()> {
    names.iter().try_for_each(|name| print(name))
}

/// Says something beside the result, on the standard error. What can't be said there ends nothing: a deletion
/// may be under way.
pub fn say(text: &str) {
    let _unheard = writeln!(io::stderr().lock(), "{text}");
}

/// Whether to use colours on the standard error, where the live view is.
pub fn colours() -> bool {
    io::stderr().is_terminal() && wants_colours()
}

/// A text in bold, if the standard output is a terminal.
pub fn bold_if(text: &str) -> String {
    let shows = io::stdout().is_terminal() && wants_colours();
    console::style(text).bold().force_styling(shows).to_string()
}

/// Not if `NO_COLOR` is set (no-color.org).
fn wants_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_columns_and_no_lines() {
        let rows = [["winback", "Active"], ["a-rather-long-name", "-"]].map(|row| row.map(str::to_owned));
        assert_eq!(
            table(["NAME", "STATE"], rows),
            "NAME                 STATE\nwinback              Active\na-rather-long-name   -"
        );
    }

    #[test]
    fn a_mistake_in_a_manifest_shows_no_secret_beside_it() {
        for text in [
            "stringData:\n  clientId: s3cret\n  clientSecret: s3cret\n   extra: x\n",
            "data: {clientSecret: \"s3cret\" x}\n",
            "clientSecret: *s3cret\n",
            "a: s3cret\na: s3cret\n",
            "clientSecret: !s3cret s3cret\n  b: c\n",
            "clientSecret: {s3cret, s3cret}\n",
        ] {
            let said = match read_yaml(text) {
                Err(error) => format!("{error:#}"),
                Ok(read) => panic!("{text} is {read:?}"),
            };
            assert!(!said.contains("s3cret") && said.contains("line "), "{said}");
        }
    }

    /// The user's own manifests may be long; references that multiply are not followed.
    #[test]
    fn long_manifests_are_read() {
        let many = "---\n{kind: VoiceCampaign, metadata: {name: a}, spec: {streamId: st}}\n".repeat(3000);
        assert_eq!(read_yaml(&many).unwrap().len(), 3000);
        let list = "- {kind: VoiceCampaign, metadata: {name: a}, spec: {streamId: st, campaignId: cd}}\n";
        let items = read_yaml(&format!("items:\n{}", list.repeat(25_000))).unwrap();
        assert_eq!(items[0]["items"].as_array().unwrap().len(), 25_000);
        // As many references as somebody likes.
        let base = "base: &base {connectionRef: &c {name: production}}\nitems:\n";
        let items = read_yaml(&(base.to_owned() + &"- {<<: *base, also: *c}\n".repeat(300))).unwrap();
        assert_eq!(items[0]["items"][299]["connectionRef"]["name"], "production");
        let bomb: String =
            (1..9).map(|n| format!("a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(9))).collect();
        let said = read_yaml(&format!("a0: &a0 [x, x, x]\n{bomb}")).unwrap_err().to_string();
        assert!(said.contains("this can't be read as YAML"), "{said}");
    }

    /// A name goes into the path of a request.
    #[test]
    fn a_name_is_taken_as_it_is_printed_and_nothing_else() {
        for text in ["winback", &name("winback"), "vcamp/winback"] {
            assert_eq!(named(text).as_deref(), Ok("winback"));
        }
        for text in [
            "",
            ".",
            "..",
            "-x",
            "a-",
            "winback/status",
            "kconn/production",
            "vcamp/",
            "vcamp/a/b",
            "winback#x",
            "a b",
            "a?b",
            "A",
        ] {
            assert!(named(text).is_err_and(|said| said.contains("`NAME`")), "{text}");
        }
    }
}
