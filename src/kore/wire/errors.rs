//! What an answer says of errors.

use serde_json::Value;

use super::fields::{MAX_ENTRIES, integer, raw_scalar};
use super::json::{parse, redact};
use crate::kore::scrub;

/// Longest body, in bytes, that is read as a text of its own. A longer one is a page for people.
const MAX_STRAY_BYTES: usize = 1024;
/// Fields of an error that hold a text, in lower case and without `_`; the documentation shows `message`,
/// `msg` and `reason`.
const ERROR_TEXTS: [&str; 9] =
    ["message", "msg", "error", "errors", "errormessage", "errordescription", "detail", "details", "reason"];
/// The same, read from the frame and its errors only, because campaigns in `data` have fields of these names;
/// the documentation shows `name` [delete-users].
const TEXTS_OF_THE_FRAME: [&str; 5] = ["name", "title", "description", "data", "status"];
/// Fields of an error that hold a code; the documentation shows `code`, `statusCode`, `status` and
/// `customCode` [delete-users].
pub const ERROR_CODES: [&str; 6] =
    ["code", "statuscode", "errorcode", "customcode", "httpstatus", "httpcode"];
/// Fields that report an error, whatever else the answer says.
const ERRORS: [&str; 2] = ["error", "errors"];

/// Texts and codes of errors.
#[derive(Default)]
pub struct Errors {
    pub texts: Vec<String>,
    pub codes: Vec<String>,
}

impl Errors {
    /// Adds the texts and codes of a value, at any depth.
    pub fn gather(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, field)| {
                let name = plain_name(name);
                match field {
                    Value::Array(entries) => entries.iter().for_each(|entry| self.take(&name, entry)),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                        self.take(&name, field);
                    }
                }
            }),
            Value::Array(entries) => entries.iter().for_each(|entry| self.gather(entry)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Adds the texts that are read from the frame and its errors only.
    pub fn gather_of_the_frame(&mut self, body: &Value) {
        let errors = ERRORS.iter().filter_map(|name| body.get(name));
        let entries = errors.flat_map(|errors| match errors {
            Value::Array(entries) => entries.as_slice(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                std::slice::from_ref(errors)
            }
        });
        let texts = std::iter::once(body).chain(entries).flat_map(|frame| {
            TEXTS_OF_THE_FRAME.iter().filter_map(|name| frame.get(name).and_then(Value::as_str))
        });
        let room = MAX_ENTRIES - self.texts.len().min(MAX_ENTRIES);
        self.texts.extend(texts.take(room).map(ToOwned::to_owned));
    }

    fn take(&mut self, name: &str, value: &Value) {
        let found = match value {
            Value::String(_) if ERROR_TEXTS.contains(&name) => &mut self.texts,
            Value::String(_) | Value::Number(_) if ERROR_CODES.contains(&name) => &mut self.codes,
            // A status in words is that of the envelope or of a campaign.
            Value::Number(_) if name == "status" => &mut self.codes,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
            Value::Array(_) | Value::Object(_) => return self.gather(value),
        };
        found.extend(raw_scalar(value).into_iter().take(MAX_ENTRIES - found.len().min(MAX_ENTRIES)));
    }
}

/// The texts of a body that is not a JSON object: the body itself if it is short, or the texts of a JSON text
/// or array. HTML comes from a server on the way.
pub fn stray_texts(body: &[u8], secrets: &[&str]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() || text.len() > MAX_STRAY_BYTES || text.starts_with('<') {
        return Vec::new();
    }
    let Some(mut value) = parse(text) else { return vec![scrub::redact(text, secrets)] };
    redact(&mut value, secrets);
    let mut errors = Errors::default();
    match &value {
        Value::Array(entries) => entries.iter().for_each(|entry| errors.take("errors", entry)),
        Value::String(_) => errors.take("message", &value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
    errors.texts
}

/// Whether an object has an error, or the code of one, whatever else it says.
pub fn names_an_error(value: &Value) -> bool {
    let code = integer(value, "statusCode").or_else(|| integer(value, "code"));
    ERRORS.iter().any(|name| value.get(name).is_some_and(is_something))
        || code.is_some_and(|code| (400..=599).contains(&code))
}

/// Whether a field has a value that is neither empty nor 0 nor `false`.
pub fn is_something(field: &Value) -> bool {
    match field {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(entries) => !entries.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// The name of a field in lower case and without `_`.
pub fn plain_name(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}
