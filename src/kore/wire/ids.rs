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

/// The ids of campaigns that are described as living, with one of these fields, anywhere in a value.
pub fn described_ids(value: &Value, fields: &[&str]) -> Vec<String> {
    let is_described = lives(value) && fields.iter().any(|field| value.get(field).is_some());
    let mut described = if is_described { row_ids(value) } else { Vec::new() };
    match value {
        Value::Object(all) => described.extend(all.values().flat_map(|value| described_ids(value, fields))),
        Value::Array(all) => described.extend(all.iter().flat_map(|value| described_ids(value, fields))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    described
}

/// The same beside the rows of a listing; in a row, which may refer to other campaigns by their names, only
/// those with a state.
pub fn beside_rows(data: &Value) -> Vec<String> {
    let fields = data.as_object().into_iter().flatten();
    let others = fields.filter(|(name, _)| *name != "results");
    let others = others.flat_map(|(_, value)| described_ids(value, &["name", "status"]));
    let rows = data.get("results").and_then(Value::as_array).into_iter().flatten();
    let in_rows = rows.filter_map(Value::as_object).flat_map(serde_json::Map::values);
    others.chain(in_rows.flat_map(|value| described_ids(value, &["status"]))).collect()
}

/// Whether the state of an object is not that of a campaign that does not exist any more.
fn lives(value: &Value) -> bool {
    !text(value, "status").is_some_and(|status| is_deleted(&status))
}

/// The ids of campaigns that exist, anywhere in a value.
pub fn shown_ids(value: &Value) -> Vec<String> {
    let mut shown = if lives(value) { row_ids(value) } else { Vec::new() };
    match value {
        Value::Object(fields) => shown.extend(fields.values().flat_map(shown_ids)),
        Value::Array(entries) => shown.extend(entries.iter().flat_map(shown_ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    shown
}

fn valid_ids(value: &Value, fields: &[&str]) -> Vec<String> {
    if fields.iter().any(|field| value.get(*field).is_some_and(Value::is_array)) {
        return Vec::new();
    }
    let id = |field: &&str| raw_text(value, field).filter(|id| !id.trim().is_empty());
    let ids: Vec<String> = fields.iter().filter_map(id).collect();
    if ids.iter().any(|id| id.contains(char::REPLACEMENT_CHARACTER)) { Vec::new() } else { ids }
}
