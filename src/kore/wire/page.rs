use serde_json::Value;

use super::campaign::campaign;
use super::envelope::Envelope;
use super::fields::{MAX_TEXT_CHARS, boolean, integer};
use super::ids::row_ids;
use super::state::is_deleted;
use crate::kore::campaign::Campaign;
use crate::kore::page::{Page, Row};
use crate::kore::scrub;

/// Fields of a listing beside its rows [get-all-campaigns-v2].
const PAGING: [&str; 7] = ["results", "skip", "limit", "page", "hasMore", "totalPages", "totalResults"];

/// Reads a page of a listing; `None` if `data` has no `results`, and something else instead.
pub fn page(envelope: &Envelope) -> Option<Page> {
    let data = envelope.data.as_ref().unwrap_or(&Value::Null);
    let rows = match data.get("results") {
        Some(Value::Array(rows)) => rows.as_slice(),
        None | Some(Value::Null) if holds_nothing(data) => &[],
        Some(_) | None => return None,
    };
    let (has_more, total_results, total_pages) =
        (has_more(data), count(data, "totalResults"), count(data, "totalPages"));
    Some(Page {
        rows: rows.iter().zip(&envelope.row_ids).map(|(value, ids)| row(value, ids)).collect(),
        also_shown: envelope.described_ids.clone(),
        has_more,
        total_results,
        total_pages,
        oversized: false,
        names_rows: data.get("results").is_some_and(Value::is_array)
            || total_results.is_some()
            || has_more == Some(false)
            || total_pages == Some(0),
    })
}

/// Whether `data` without `results` is that of an empty listing: it has nothing but the other fields of a
/// page.
fn holds_nothing(data: &Value) -> bool {
    let is_empty = |field: &Value| match field {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    let is_of_a_page = |(name, field): (&String, &Value)| PAGING.contains(&name.as_str()) || is_empty(field);
    is_empty(data) || data.as_object().is_some_and(|fields| fields.iter().all(is_of_a_page))
}

/// A row under each of its ids, which are compared as received. The ids that are shown were redacted with the
/// row.
fn row(value: &Value, ids: &[String]) -> Row {
    let shown = row_ids(value);
    let Some(campaign) = campaign(value) else { return Row::default() };
    let living = !campaign.status.as_deref().is_some_and(is_deleted);
    let named = |(id, shown): (&String, &String)| {
        (id.clone(), Campaign { id: Some(scrub::cut(shown, MAX_TEXT_CHARS)), ..campaign.clone() })
    };
    Row { campaigns: ids.iter().zip(&shown).map(named).collect(), living }
}

/// A number of rows or pages. One that can't be read becomes -1, which never adds up.
fn count(value: &Value, field: &str) -> Option<i64> {
    value.get(field).filter(|count| !count.is_null()).map(|_| integer(value, field).unwrap_or(-1))
}

/// Whether the page says that more pages follow. A value that can't be read does not say that none do.
fn has_more(data: &Value) -> Option<bool> {
    match data.get("hasMore")? {
        Value::Null => None,
        Value::Number(number) => Some(number.as_f64() != Some(0.0)),
        Value::String(text) if matches!(text.trim().to_lowercase().as_str(), "" | "0" | "no" | "false") => {
            Some(false)
        }
        Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Some(boolean(data, "hasMore") != Some(false))
        }
    }
}
