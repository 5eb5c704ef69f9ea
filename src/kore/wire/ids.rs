//! The ids of campaigns in an answer, as received: to be compared, not to be shown.

use serde_json::Value;

use super::fields::{raw_text, text};
use super::state::is_deleted;

/// Fields with the id of the object that they are in. The pages of the documentation disagree which one.
const IDS: [&str; 2] = ["_id", "id"];
/// A field that may hold the id of the object, too, or refer to another one.
const REFERENCE: &str = "campaignId";

/// `_id` and `id`, as far as present. Empty if a byte of one was invalid, or one is several: it could be any
/// id.
pub fn ids(value: &Value) -> Vec<String> {
    valid_ids(value, &IDS)
}

/// The same for an object that may be a campaign: with `campaignId`, if it has other fields of a campaign.
pub fn row_ids(value: &Value) -> Vec<String> {
    let has_more = value.get("name").or(value.get("status")).is_some();
    if has_more { valid_ids(value, &[IDS.as_slice(), &[REFERENCE]].concat()) } else { ids(value) }
}

/// The ids of campaigns that exist, anywhere in a value.
pub fn shown_ids(value: &Value) -> Vec<String> {
    living_ids(value, &|_| true)
}

/// The same, of those that are described with one of these fields.
pub fn described_ids(value: &Value, fields: &[&str]) -> Vec<String> {
    living_ids(value, &|value| fields.iter().any(|field| value.get(field).is_some()))
}

/// The same beside the rows of a listing, with a name or a state; in a row, which may refer to other
/// campaigns by their names, only those with a state.
pub fn beside_rows(data: &Value) -> Vec<String> {
    let fields = data.as_object().into_iter().flatten();
    let others = fields.filter(|(name, _)| *name != "results");
    let others = others.flat_map(|(_, value)| described_ids(value, &["name", "status"]));
    let rows = data.get("results").and_then(Value::as_array).into_iter().flatten();
    let in_rows = rows.filter_map(Value::as_object).flat_map(serde_json::Map::values);
    others.chain(in_rows.flat_map(|value| described_ids(value, &["status"]))).collect()
}

/// The ids of what counts, anywhere in a value, and is not in the state of a campaign that does not exist any
/// more.
fn living_ids(value: &Value, counts: &impl Fn(&Value) -> bool) -> Vec<String> {
    let lives = !text(value, "status").is_some_and(|status| is_deleted(&status));
    let mut living = if lives && counts(value) { row_ids(value) } else { Vec::new() };
    match value {
        Value::Object(fields) => living.extend(fields.values().flat_map(|value| living_ids(value, counts))),
        Value::Array(entries) => living.extend(entries.iter().flat_map(|value| living_ids(value, counts))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    living
}

fn valid_ids(value: &Value, fields: &[&str]) -> Vec<String> {
    if fields.iter().any(|field| value.get(*field).is_some_and(Value::is_array)) {
        return Vec::new();
    }
    let id = |field: &&str| raw_text(value, field).filter(|id| !id.trim().is_empty());
    let ids: Vec<String> = fields.iter().filter_map(id).collect();
    if ids.iter().any(|id| id.contains(char::REPLACEMENT_CHARACTER)) { Vec::new() } else { ids }
}
