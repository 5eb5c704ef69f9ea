//! JSON of Kore to values of ours, forgiving by design.
//!
//! A campaign that was deleted must not count as "not deleted" because a field of the answer changed its type. So each
//! field is read by itself: a number where a text was documented is taken, anything else is left out, and only the
//! envelope's `status` and the campaign's id decide.

use serde_json::Value;

use super::Page;
use super::campaign::{CallerId, CallingDay, CallingHours, Campaign, DialingStrategy, DncList, Schedule};
use super::scrub;

/// Longest text kept of a campaign, in characters.
const MAX_TEXT_CHARS: usize = 256;
/// Longest list kept of a campaign.
const MAX_ENTRIES: usize = 100;

/// The frame around every answer. `status` is the API's result in create, get, list and delete [all `*-v2` pages].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// `success`, or what the service calls a failure (`failure`, `error`; the pages disagree).
    pub status: Option<String>,
    /// Text for people.
    pub message: Option<String>,
    /// The campaign, or the listing.
    pub data: Option<Value>,
    /// `errors[].code`, which need not be an HTTP status.
    pub error_codes: Vec<i64>,
    /// `data._id` or `data.id` as it came: for comparison, not to be shown.
    pub id: Option<String>,
    /// The same of each row of `data.results`.
    pub row_ids: Vec<Option<String>>,
    success: bool,
}

impl Envelope {
    /// Reads an envelope; `None` if the bytes are not a JSON object. What is shown of it does not hold the secrets.
    ///
    /// They are replaced in the decoded texts: in the bytes one could hide behind an escape, and a short one could
    /// change a key or the id.
    pub fn read(body: &[u8], secrets: &[&str]) -> Option<Self> {
        // A stray byte in a description must not hide that the campaign was deleted.
        let text = String::from_utf8_lossy(body);
        let mut body: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
        if !body.is_object() {
            return None;
        }
        let id = body.get("data").and_then(raw_id);
        let rows = body.get("data").and_then(|data| data.get("results")).and_then(Value::as_array);
        let row_ids = rows.map(|rows| rows.iter().map(raw_id).collect()).unwrap_or_default();
        let success = raw_text(&body, "status").is_some_and(|status| status.eq_ignore_ascii_case("success"));
        redact(&mut body, secrets);
        let errors = body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let first_error = errors.iter().find_map(|error| raw_text(error, "msg"));
        Some(Self {
            status: raw_text(&body, "status"),
            message: raw_text(&body, "message").or(first_error),
            error_codes: errors.iter().take(MAX_ENTRIES).filter_map(|error| integer(error, "code")).collect(),
            data: body.get("data").cloned(),
            id,
            row_ids,
            success,
        })
    }

    /// Whether the service says that it did what was asked. Compared without regard to case.
    pub fn is_success(&self) -> bool {
        self.success
    }
}

/// Replaces each secret in all texts of a value.
fn redact(value: &mut Value, secrets: &[&str]) {
    match value {
        Value::String(text) => *text = scrub::redact(text, secrets),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| redact(entry, secrets)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact(field, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Reads a campaign; `None` if the value is not an object.
pub fn campaign(value: &Value) -> Option<Campaign> {
    value.is_object().then(|| Campaign {
        id: text(value, "_id").or_else(|| text(value, "id")),
        name: text(value, "name"),
        lname: text(value, "lname"),
        description: text(value, "description"),
        status: text(value, "status"),
        priority: text(value, "priority"),
        dialing_mode: text(value, "dialingMode"),
        format: text(value, "format"),
        dialing_strategy: object(value, "dialingStrategy").map(dialing_strategy),
        dnc_lists: object(value, "dncLists").map(|list| DncList {
            id: text(list, "id").or_else(|| text(list, "_id")),
            name: text(list, "name"),
        }),
        contact_lists: list(value, "contactLists").iter().filter_map(scalar).collect(),
        experience_flow: text(value, "experienceFlow"),
        campaign_instance_id: text(value, "campaignInstanceId"),
        schedule: object(value, "schedule").map(|schedule| Schedule {
            is_scheduling_enabled: boolean(schedule, "isSchedulingEnabled"),
            is_recurrence_enabled: boolean(schedule, "isRecurrenceEnabled"),
        }),
        is_filters_enabled: boolean(value, "isFiltersEnabled"),
        created_at: text(value, "createdAt"),
        updated_at: text(value, "updatedAt"),
    })
}

/// Reads a listing; `None` if it has no `data.results`. A row without an id, or that is no object, is counted, and left
/// out.
pub fn page(envelope: &Envelope) -> Option<Page> {
    let data = envelope.data.as_ref()?;
    let rows = data.get("results")?.as_array()?;
    let read = |(row, id): (&Value, &Option<String>)| Some((id.clone()?, campaign(row)?));
    Some(Page {
        campaigns: rows.iter().zip(&envelope.row_ids).filter_map(read).collect(),
        rows: rows.len(),
        has_more: boolean(data, "hasMore").unwrap_or(false),
        total_results: integer(data, "totalResults"),
    })
}

fn dialing_strategy(value: &Value) -> DialingStrategy {
    DialingStrategy {
        caller_id: object(value, "callerId")
            .map(|caller| CallerId { phone_number: text(caller, "phoneNumber") }),
        calling_hours: object(value, "callingHours").map(|hours| CallingHours {
            frequency: text(hours, "frequency"),
            days: list(hours, "days")
                .iter()
                .filter(|day| day.is_object())
                .map(|day| CallingDay {
                    day: text(day, "day"),
                    start: text(day, "start"),
                    end: text(day, "end"),
                })
                .collect(),
            timezone: text(hours, "timezone"),
        }),
        dialing_order: text(value, "dialingOrder"),
        max_attempts_per_record: integer(value, "maxAttemptsPerRecord"),
        default_retry_period: integer(value, "defaultRetryPeriod"),
        max_ring_time: integer(value, "maxRingTime"),
        use_system_mappings: boolean(value, "useSystemMappings"),
    }
}

fn object<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    value.get(field).filter(|value| value.is_object())
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    let entries = value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    &entries[..entries.len().min(MAX_ENTRIES)]
}

fn text(value: &Value, field: &str) -> Option<String> {
    scalar(value.get(field)?)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(scrub::cut(text, MAX_TEXT_CHARS)),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn raw_id(value: &Value) -> Option<String> {
    raw_text(value, "_id").or_else(|| raw_text(value, "id"))
}

/// Like [`text`], but whole: for what is compared or scrubbed before it is cut.
fn raw_text(value: &Value, field: &str) -> Option<String> {
    match value.get(field)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn integer(value: &Value, field: &str) -> Option<i64> {
    match value.get(field)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn boolean(value: &Value, field: &str) -> Option<bool> {
    match value.get(field)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Null | Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A field of another type than documented must not hide that the campaign was deleted.
    #[test]
    fn a_field_of_the_wrong_type_is_left_out_and_the_rest_is_read() {
        let campaign = campaign(&json!({"_id": "cd-1", "id": 7, "priority": 5, "schedule": "none",
            "contactLists": ["a", 2, {"x": 1}], "dialingStrategy": {"maxRingTime": "30", "callingHours": []}}))
        .unwrap();
        assert_eq!(campaign.id.as_deref(), Some("cd-1"));
        assert_eq!(campaign.priority.as_deref(), Some("5"));
        assert_eq!(campaign.schedule, None);
        assert_eq!(campaign.contact_lists, ["a", "2"]);
        let strategy = campaign.dialing_strategy.unwrap();
        assert_eq!(strategy.max_ring_time, Some(30));
        assert_eq!(strategy.calling_hours, None);
    }

    /// The voice rows of a listing carry `_id`, its table says `id`.
    #[test]
    fn the_id_is_read_from_either_spelling() {
        assert_eq!(campaign(&json!({"id": "cd-2"})).unwrap().id.as_deref(), Some("cd-2"));
        assert_eq!(campaign(&json!({"_id": "cd-3"})).unwrap().id.as_deref(), Some("cd-3"));
    }

    /// Status is not the place for a megabyte of description.
    #[test]
    fn long_texts_and_lists_are_cut() {
        let lists: Vec<_> = (0..500).map(|n| n.to_string()).collect();
        let campaign = campaign(&json!({"description": "ü".repeat(10_000), "contactLists": lists})).unwrap();
        assert_eq!(campaign.description.unwrap().chars().count(), MAX_TEXT_CHARS);
        assert_eq!(campaign.contact_lists.len(), MAX_ENTRIES);
    }

    /// Escapes do not hide a secret, and a short one does not change which campaign is meant.
    #[test]
    fn secrets_are_replaced_in_what_is_shown_and_only_there() {
        let body =
            br#"{"status":"success","message":"bad s3\u0063ret=","data":{"_id":"cd-test-1","name":"test"}}"#;
        let envelope = Envelope::read(body, &["s3cret=", "test"]).unwrap();
        assert_eq!(envelope.message.as_deref(), Some("bad [redacted]"));
        assert_eq!(envelope.id.as_deref(), Some("cd-test-1"));
        assert_eq!(campaign(&envelope.data.unwrap()).unwrap().name.as_deref(), Some("[redacted]"));
    }

    /// A byte order mark, and a name in another encoding.
    #[test]
    fn stray_bytes_do_not_hide_an_answer() {
        let body = b"\xef\xbb\xbf{\"status\":\"success\",\"data\":{\"_id\":\"cd-1\",\"name\":\"M\xfcller\"}}";
        let envelope = Envelope::read(body, &[]).unwrap();
        assert!(envelope.is_success());
        assert_eq!(envelope.id.as_deref(), Some("cd-1"));
    }

    /// Errors of the platform come as `errors[].msg` and a code that need not be an HTTP status.
    #[test]
    fn an_error_body_yields_its_message_and_codes() {
        let body = br#"{"errors":[{"msg":"error verifying the jwt: possibly a replay","code":401}]}"#;
        let envelope = Envelope::read(body, &[]).unwrap();
        assert_eq!(envelope.message.as_deref(), Some("error verifying the jwt: possibly a replay"));
        assert_eq!(envelope.error_codes, [401]);
        assert!(!envelope.is_success());
    }
}
