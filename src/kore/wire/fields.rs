//! One field of an object.

use serde_json::Value;

use crate::kore::scrub;

/// Longest text kept of a campaign, in characters.
pub const MAX_TEXT_CHARS: usize = 256;
/// Longest list kept of a campaign.
pub const MAX_ENTRIES: usize = 100;

pub fn object<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    value.get(field).filter(|value| value.is_object())
}

pub fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    let entries = value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    &entries[..entries.len().min(MAX_ENTRIES)]
}

/// A text or number, cut to [`MAX_TEXT_CHARS`].
pub fn text(value: &Value, field: &str) -> Option<String> {
    scalar(value.get(field)?)
}

pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(scrub::cut(text, MAX_TEXT_CHARS)),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text or number in full length, to be compared, or to be scrubbed before it is cut.
pub fn raw_text(value: &Value, field: &str) -> Option<String> {
    raw_scalar(value.get(field)?)
}

pub fn raw_scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

pub fn integer(value: &Value, field: &str) -> Option<i64> {
    match value.get(field)? {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `60.0` is 60.
fn whole(number: f64) -> Option<i64> {
    // Below this bound every whole number has a representation of its own.
    let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
    is_whole.then_some(number as i64)
}

pub fn boolean(value: &Value, field: &str) -> Option<bool> {
    match value.get(field)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Null | Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
