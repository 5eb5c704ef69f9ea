use serde_json::Value;

use super::errors::{ERROR_CODES, is_something, plain_name};
use super::state::{is_under_way, undone_state};
use crate::kore::scrub;
use crate::kore::words::Undone;

/// Fields that report an error at any depth of the answer to a DELETE, in lower case and without `_`. To
/// doubt a true success costs a proof of absence, and no safety.
const DENIALS: [&str; 6] = ["error", "errors", "errormessage", "errordescription", "errorcode", "customcode"];
/// Fields that affirm or count what was done: a `false` or a 0 denies it.
const AFFIRMED: [&str; 7] =
    ["deleted", "isdeleted", "success", "ok", "acknowledged", "deletedcount", "affectedrows"];
/// Fields that list what was not done.
const LEFT_OUT: [&str; 4] = ["failed", "failures", "notdeleted", "skipped"];
/// Fields that hold a text for people, beside the `message` of the frame.
const REMARKS: [&str; 8] =
    ["message", "messages", "msg", "reason", "detail", "details", "warning", "warnings"];
/// Beginnings of the names of fields with the state of a deletion, as `jobStatus`; other fields may hold the
/// state of the campaign or of its schedule.
const OF_THE_DELETION: [&str; 5] = ["delet", "job", "task", "operation", "request"];

/// What contradicts the success in the answer to a DELETE, at any depth.
#[derive(Default)]
pub struct Contradiction {
    /// Set if a field says that the deletion is not done, or not yet.
    pub denies: Option<Undone>,
    /// Texts for people other than the `message` of the frame; they may say so, too. Secrets are redacted.
    pub remarks: Vec<String>,
}

impl Contradiction {
    pub fn of(body: &Value, secrets: &[&str]) -> Self {
        let mut found = Self::default();
        for (name, field) in body.as_object().into_iter().flatten() {
            if name == "message" {
                match field {
                    // That is the message of the frame.
                    Value::String(_) | Value::Null => continue,
                    Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                        found.remarks.push("a message that is no text".to_owned());
                    }
                    Value::Array(_) => {}
                }
            }
            found.gather_field(name, field);
        }
        for remark in &mut found.remarks {
            *remark = scrub::redact(remark, secrets);
        }
        found
    }

    fn gather_field(&mut self, name: &str, field: &Value) {
        let name = plain_name(name);
        self.denies = stronger(self.denies, denial(&name, field));
        // A field that is repeated holds all its values.
        for value in field.as_array().into_iter().flatten() {
            self.denies = stronger(self.denies, denial(&name, value));
        }
        self.gather(&name, field);
    }

    fn gather(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) if REMARKS.contains(&name) => self.remarks.push(text.clone()),
            Value::Array(entries) => entries.iter().for_each(|entry| self.gather(name, entry)),
            Value::Object(fields) => fields.iter().for_each(|(name, field)| self.gather_field(name, field)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Whether a field of an answer that says success says the contrary: an error, the state of something that
/// has failed or is under way, or that nothing was deleted.
fn denial(name: &str, field: &Value) -> Option<Undone> {
    let text = field.as_str().map(str::trim);
    let is_zero = field.as_f64() == Some(0.0);
    let code = field.as_i64().or_else(|| text?.parse().ok());
    let reports_error = DENIALS.contains(&name) && is_something(field) && !is_zero && text != Some("0");
    let affirms_nothing =
        AFFIRMED.contains(&name) && (is_zero || field.as_bool() == Some(false) || text.is_some_and(is_no));
    // A number may count the calls of a campaign that have failed.
    let leaves_out =
        LEFT_OUT.contains(&name) && !field.is_number() && is_something(field) && !text.is_some_and(is_no);
    let has_error_code = ERROR_CODES.contains(&name) && code.is_some_and(|code| (400..=599).contains(&code));
    if reports_error || affirms_nothing || leaves_out || has_error_code {
        return Some(Undone::Denied);
    }
    let is_state = ["status", "state", "result"].iter().any(|state| name.ends_with(state));
    let state = field.as_str().filter(|_| is_state)?;
    let of_the_deletion = OF_THE_DELETION.iter().any(|what| name.starts_with(what));
    undone_state(state).or((of_the_deletion && is_under_way(state)).then_some(Undone::UnderWay))
}

fn is_no(text: &str) -> bool {
    ["false", "no", "0"].iter().any(|no| text.eq_ignore_ascii_case(no))
}

/// A denial is stronger than "under way".
fn stronger(one: Option<Undone>, other: Option<Undone>) -> Option<Undone> {
    if one == Some(Undone::Denied) { one } else { other.or(one) }
}
