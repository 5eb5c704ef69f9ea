//! JSON of Kore to values of ours, forgiving by design.
//!
//! A campaign that was deleted must not count as "not deleted" because a field of the answer changed its type. So each
//! field is read by itself: a number where a text was documented is taken, anything else is left out, and only the
//! envelope's `status`, the campaign's id and what denies the success decide.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use super::campaign::{CallerId, CallingDay, CallingHours, Campaign, DialingStrategy, DncList, Schedule};
use super::words::Undone;
use super::{Page, Row, scrub};

/// Longest text kept of a campaign, in characters.
const MAX_TEXT_CHARS: usize = 256;
/// Longest list kept of a campaign.
const MAX_ENTRIES: usize = 100;
/// Longest body, in bytes, that is read as a text of its own; one that is longer is a page for people.
const MAX_STRAY: usize = 1024;
/// Fields of an error that hold a text, in lower case and without `_`; the pages show `message`, `msg` and `reason`.
const ERROR_TEXTS: [&str; 9] =
    ["message", "msg", "error", "errors", "errormessage", "errordescription", "detail", "details", "reason"];
/// The same, but for those in `data`, where a campaign has them; the pages show `name` [delete-users].
const TEXTS_OF_THE_FRAME: [&str; 5] = ["name", "title", "description", "data", "status"];
/// Fields of an error that hold a code; the pages show `code`, `statusCode`, `status` and `customCode` [delete-users].
const ERROR_CODES: [&str; 6] = ["code", "statuscode", "errorcode", "customcode", "httpstatus", "httpcode"];
/// What tells that something has failed, whatever else the answer says.
const ERRORS: [&str; 2] = ["error", "errors"];
/// The same anywhere in the answer to a DELETE, in lower case and without `_`: doubting one costs a proof, and no safety.
const DENIALS: [&str; 6] = ["error", "errors", "errormessage", "errordescription", "errorcode", "customcode"];
/// What an answer counts or affirms that did what was asked: a `false` or a 0 denies it.
const AFFIRMED: [&str; 7] =
    ["deleted", "isdeleted", "success", "ok", "acknowledged", "deletedcount", "affectedrows"];
/// What an answer lists that was not done.
const LEFT_OUT: [&str; 4] = ["failed", "failures", "notdeleted", "skipped"];
/// Fields that hold a text for people, beside the `message` of the frame.
const REMARKS: [&str; 8] =
    ["message", "messages", "msg", "reason", "detail", "details", "warning", "warnings"];
/// How the name of the state of a deletion begins, as in `jobStatus`; others may be that of the campaign or its schedule.
const OF_THE_DELETION: [&str; 5] = ["delet", "job", "task", "operation", "request"];
/// Fields with the id of what they stand in. The pages disagree which of them it is.
const IDS: [&str; 2] = ["_id", "id"];
/// A field that may have it, too; it may also be that of what is spoken of.
const REFERENCE: &str = "campaignId";
/// A `status` of something that is being done; no page names one.
const UNDER_WAY: [&str; 8] =
    ["accepted", "deleting", "initiated", "inprogress", "pending", "processing", "queued", "scheduled"];
/// What a listing says beside its rows [get-all-campaigns-v2].
const PAGING: [&str; 7] = ["results", "skip", "limit", "page", "hasMore", "totalPages", "totalResults"];

/// The texts and the numbers of a JSON text, and what careless writers write for a number.
static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(r#""(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)\b|-?[0-9][0-9.eE+-]*"#).unwrap()
});

/// The frame around every answer. `status` is the API's result in create, get, list and delete [all `*-v2` pages].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// `success`, or what the service calls a failure (`failure`, `error`; the pages disagree).
    pub status: Option<String>,
    /// Text for people.
    pub message: Option<String>,
    /// The campaign, or the listing.
    pub data: Option<Value>,
    /// What it says of errors, at any depth [delete-users nests it per item]. Empty for a success without errors.
    pub error_texts: Vec<String>,
    /// The codes of errors, at any depth, as they came: a number, which need not be an HTTP status, or a word.
    pub error_codes: Vec<String>,
    /// `data._id` and `data.id` as they came: for comparison, not to be shown. The pages disagree which of them it is.
    pub ids: Vec<String>,
    /// The same of each row of `data.results`.
    pub row_ids: Vec<Vec<String>>,
    /// All ids of campaigns in `data`, at any depth: whatever may show a campaign counts as seen.
    pub shown_ids: Vec<String>,
    /// Whether it says that something has failed, whatever else it says: [delete-users] has a success with `errors` in an item.
    pub has_errors: bool,
    /// How it says somewhere that what was asked for was not done, or not yet.
    pub denies: Option<Undone>,
    /// What else it says to people, at any depth.
    pub remarks: Vec<String>,
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
        let mut body = parse(text.trim_start_matches('\u{feff}'))?;
        if !body.is_object() {
            return None;
        }
        let ids = body.get("data").map(ids).unwrap_or_default();
        let rows = body.get("data").and_then(|data| data.get("results")).and_then(Value::as_array);
        let row_ids = rows.map(|rows| rows.iter().map(row_ids).collect()).unwrap_or_default();
        let success = raw_text(&body, "status").is_some_and(|status| status.eq_ignore_ascii_case("success"));
        let has_errors = says_failed(&body) || body.get("data").is_some_and(says_failed);
        let denies = denies(&body);
        let shown_ids = body.get("data").map(shown_ids).unwrap_or_default();
        redact(&mut body, secrets);
        let mut errors = Errors::default();
        if !success || has_errors || denies.is_some() {
            errors.gather(&body);
        }
        let message = raw_text(&body, "message").or_else(|| errors.texts.first().cloned());
        if !success || has_errors {
            errors.gather_of_the_frame(&body);
        }
        let Errors { texts: error_texts, codes: error_codes } = errors;
        let fields = body.as_object().into_iter().flatten();
        let remarks = fields.flat_map(|(name, field)| remarks(name, field, name == "message")).collect();
        Some(Self {
            status: raw_text(&body, "status"),
            message,
            error_texts,
            error_codes,
            data: body.get("data").cloned(),
            ids,
            row_ids,
            shown_ids,
            has_errors,
            denies,
            remarks,
            success,
        })
    }

    /// Whether the service says that it did what was asked. Compared without regard to case.
    pub fn is_success(&self) -> bool {
        self.success
    }

    /// Whether the answer itself says that it is being done.
    pub fn says_under_way(&self) -> bool {
        self.status.as_deref().is_some_and(|status| UNDER_WAY.contains(&letters(status).as_str()))
    }

    /// Whether the answer itself says `Deleted`, as Kore's first version of [delete-voice-campaign] showed it.
    pub fn says_deleted(&self) -> bool {
        self.status.as_deref().is_some_and(is_deleted)
    }
}

/// Whether this is the state of a campaign that lives no longer. No page of today names it; the first version of
/// [delete-voice-campaign] did.
pub fn is_deleted(status: &str) -> bool {
    status.trim().eq_ignore_ascii_case("deleted")
}

/// What an answer that is not a JSON object says of errors: a short text, or the texts of a JSON text or array. HTML is a page of
/// somebody on the way.
pub fn stray_words(body: &[u8], secrets: &[&str]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() || text.len() > MAX_STRAY || text.starts_with('<') {
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

/// Whether an object names an error, whatever else it says.
fn says_failed(value: &Value) -> bool {
    let code = integer(value, "statusCode").or_else(|| integer(value, "code"));
    ERRORS.iter().any(|name| value.get(name).is_some_and(is_something))
        || code.is_some_and(|code| (400..=599).contains(&code))
}

/// Whether a field holds more than nothing.
fn is_something(field: &Value) -> bool {
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
fn plain_name(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// The letters of a state, in lower case.
fn letters(state: &str) -> String {
    state.chars().filter(|c| c.is_alphabetic()).collect::<String>().to_lowercase()
}

/// How an answer that says success says the contrary, at any depth: an error, a state of what has failed or is under way, or that
/// nothing was deleted.
fn denies(value: &Value) -> Option<Undone> {
    let of_field = |(name, field): (&String, &Value)| {
        let name = plain_name(name);
        let name = name.as_str();
        let text = field.as_str().map(str::trim);
        let is_zero = field.as_f64() == Some(0.0);
        let code = field.as_i64().or_else(|| text?.parse().ok());
        let denied = DENIALS.contains(&name) && is_something(field) && !is_zero && text != Some("0")
            || AFFIRMED.contains(&name)
                && (is_zero || field.as_bool() == Some(false) || text.is_some_and(is_no))
            || LEFT_OUT.contains(&name)
                && (field.as_bool() == Some(true) || field.is_array() && is_something(field))
            || ERROR_CODES.contains(&name) && code.is_some_and(|code| (400..=599).contains(&code));
        let is_state = ["status", "state", "result"].iter().any(|state| name.ends_with(state));
        let of_the_deletion = is_state && OF_THE_DELETION.iter().any(|what| name.starts_with(what));
        let is_under_way = |state: &&str| of_the_deletion && UNDER_WAY.contains(&letters(state).as_str());
        let state = field.as_str().filter(|_| is_state);
        let state = state.and_then(undone_state).or(state.filter(is_under_way).map(|_| Undone::UnderWay));
        first_of(denied.then_some(Undone::Denied).or(state), denies(field))
    };
    match value {
        Value::Object(fields) => fields.iter().map(of_field).fold(None, first_of),
        Value::Array(entries) => entries.iter().map(denies).fold(None, first_of),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn is_no(text: &str) -> bool {
    ["false", "no", "0"].iter().any(|no| text.eq_ignore_ascii_case(no))
}

/// What a field says to people, at any depth; but not, if it `is_the_message` of the frame, the text that this is.
fn remarks(name: &str, field: &Value, is_the_message: bool) -> Vec<String> {
    match field {
        Value::String(text) if !is_the_message && REMARKS.contains(&plain_name(name).as_str()) => {
            vec![text.clone()]
        }
        Value::Array(entries) => entries.iter().flat_map(|entry| remarks(name, entry, false)).collect(),
        Value::Object(_) | Value::Bool(_) | Value::Number(_) if is_the_message => {
            vec!["a message that is no text".to_owned()]
        }
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, field)| remarks(name, field, false)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// What says that it is not done goes before what says that it is under way.
fn first_of(one: Option<Undone>, other: Option<Undone>) -> Option<Undone> {
    if one == Some(Undone::Denied) { one } else { other.or(one) }
}

/// How this is the state of something that has failed, or of a deletion that is not done.
fn undone_state(state: &str) -> Option<Undone> {
    let letters = letters(state);
    let has = |part| letters.contains(part);
    if has("fail") || has("error") || has("delet") && (has("not") || has("undeleted")) {
        return Some(Undone::Denied);
    }
    (has("delet") && (!has("deleted") || has("tobe"))).then_some(Undone::UnderWay)
}

/// The ids of campaigns that live, anywhere in a value.
fn shown_ids(value: &Value) -> Vec<String> {
    let lives = !text(value, "status").is_some_and(|status| is_deleted(&status));
    let mut shown = if lives { row_ids(value) } else { Vec::new() };
    match value {
        Value::Object(fields) => shown.extend(fields.values().flat_map(shown_ids)),
        Value::Array(entries) => shown.extend(entries.iter().flat_map(shown_ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    shown
}

/// The value of a JSON text. What a careless writer leaves in one text must not hide a whole page: half of a surrogate pair,
/// which JSON may hold and no text can, is read as U+FFFD, a control character as a blank, an escape that is none as it stands, and
/// a number that can't be held as `null`.
fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| {
        // Between the texts of a JSON text a blank is as good as a line break.
        let text = text.replace(|c: char| c.is_ascii_control(), " ");
        serde_json::from_str(&with_true_numbers(&with_whole_escapes(&text))).ok()
    })
}

/// The text with `null` for each number that is none, as `NaN`, or that no number can hold, as `1e999`.
fn with_true_numbers(text: &str) -> Cow<'_, str> {
    NUMBERS.replace_all(text, |found: &Captures<'_>| {
        let token = &found[0];
        let is_held = token.parse().is_ok_and(|number: f64| number.is_finite());
        if token.starts_with('"') || is_held { token.to_owned() } else { "null".to_owned() }
    })
}

/// The text with each escape of a lone surrogate replaced, and each that is none escaped. Pairs, and what only looks like an
/// escape, stay.
fn with_whole_escapes(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        whole.push_str(before);
        let (written, after) = match surrogate(escape) {
            Some((Surrogate::High, after)) if matches!(surrogate(after), Some((Surrogate::Low, _))) => {
                escape.split_at(12)
            }
            Some((Surrogate::High | Surrogate::Low, after)) => ("\\ufffd", after),
            None if !is_escape(escape) => ("\\\\", &escape[1..]),
            // The backslash and what it escapes, which may be another one.
            None => escape.split_at(2),
        };
        whole.push_str(written);
        rest = after;
    }
    whole + rest
}

/// Whether a text begins with an escape as JSON has them.
fn is_escape(text: &str) -> bool {
    let hex = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    match text.as_bytes().get(1) {
        Some(b'u') => text.get(2..6).is_some_and(hex),
        Some(escaped) => br#""\/bfnrt"#.contains(escaped),
        None => false,
    }
}

/// Half of a pair that stands for one character.
#[derive(Clone, Copy)]
enum Surrogate {
    High,
    Low,
}

/// The surrogate whose escape the text begins with, and what follows it.
fn surrogate(text: &str) -> Option<(Surrogate, &str)> {
    let (digits, after) = text.strip_prefix("\\u")?.split_at_checked(4)?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some((Surrogate::High, after)),
        0xdc00..=0xdfff => Some((Surrogate::Low, after)),
        0..=0xd7ff | 0xe000..=0xffff => None,
    }
}

/// What an answer says of errors.
#[derive(Default)]
struct Errors {
    texts: Vec<String>,
    codes: Vec<String>,
}

impl Errors {
    /// Takes in what a value says of them, at any depth.
    fn gather(&mut self, value: &Value) {
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

    /// Takes in the texts that only the frame and its errors have.
    fn gather_of_the_frame(&mut self, body: &Value) {
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
            // A status in words is the envelope's, or a campaign's.
            Value::Number(_) if name == "status" => &mut self.codes,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
            Value::Array(_) | Value::Object(_) => return self.gather(value),
        };
        found.extend(raw_scalar(value).into_iter().take(MAX_ENTRIES - found.len().min(MAX_ENTRIES)));
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

/// Reads a listing; `None` if it has no `data.results`, and something else where they should be.
pub fn page(envelope: &Envelope) -> Option<Page> {
    let data = envelope.data.as_ref().unwrap_or(&Value::Null);
    let rows = match data.get("results") {
        Some(Value::Array(rows)) => rows.as_slice(),
        None | Some(Value::Null) if holds_nothing(data) => &[],
        Some(_) | None => return None,
    };
    let (has_more, total_results, total_pages) =
        (more(data), count(data, "totalResults"), count(data, "totalPages"));
    Some(Page {
        rows: rows.iter().zip(&envelope.row_ids).map(|(value, ids)| row(value, ids)).collect(),
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

/// Whether `data` without `results` is that of an empty listing: nothing but what belongs to its pages is there.
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

/// A row under each of its ids. What of an id is shown went through [`redact`], as the rest of the row did.
fn row(value: &Value, ids: &[String]) -> Row {
    let shown = row_ids(value);
    let Some(campaign) = campaign(value) else { return Row::default() };
    let living = !campaign.status.as_deref().is_some_and(is_deleted);
    let named = |(id, shown): (&String, &String)| {
        (id.clone(), Campaign { id: Some(scrub::cut(shown, MAX_TEXT_CHARS)), ..campaign.clone() })
    };
    Row { campaigns: ids.iter().zip(&shown).map(named).collect(), living }
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

/// `_id` and `id`, whichever are there. None, if a byte of one was no text: it may be any.
fn ids(value: &Value) -> Vec<String> {
    whole_ids(value, &IDS)
}

/// The same of what may be a campaign: `campaignId`, too, where it has more of one.
fn row_ids(value: &Value) -> Vec<String> {
    let has_more = value.get("name").or(value.get("status")).is_some();
    if has_more { whole_ids(value, &[IDS.as_slice(), &[REFERENCE]].concat()) } else { ids(value) }
}

fn whole_ids(value: &Value, fields: &[&str]) -> Vec<String> {
    let id = |field: &&str| raw_text(value, field).filter(|id| !id.trim().is_empty());
    let ids: Vec<String> = fields.iter().filter_map(id).collect();
    if ids.iter().any(|id| id.contains(char::REPLACEMENT_CHARACTER)) { Vec::new() } else { ids }
}

/// Like [`text`], but whole: for what is compared or scrubbed before it is cut.
fn raw_text(value: &Value, field: &str) -> Option<String> {
    raw_scalar(value.get(field)?)
}

fn raw_scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn integer(value: &Value, field: &str) -> Option<i64> {
    match value.get(field)? {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `60.0` is 60.
fn whole(number: f64) -> Option<i64> {
    // Up to here each whole number is one of its own.
    let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
    is_whole.then_some(number as i64)
}

/// A number of rows or pages; one that can't be read is none that adds up.
fn count(value: &Value, field: &str) -> Option<i64> {
    value.get(field).filter(|count| !count.is_null()).map(|_| integer(value, field).unwrap_or(-1))
}

/// Whether a page says that more follow. What can't be read does not say that none do.
fn more(data: &Value) -> Option<bool> {
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
    use proptest::prelude::*;
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
        assert_eq!(envelope.ids, ["cd-test-1"]);
        assert_eq!(campaign(&envelope.data.unwrap()).unwrap().name.as_deref(), Some("[redacted]"));
    }

    /// A byte order mark, and a name in another encoding.
    #[test]
    fn stray_bytes_do_not_hide_an_answer() {
        let body = b"\xef\xbb\xbf{\"status\":\"success\",\"data\":{\"_id\":\"cd-1\",\"name\":\"M\xfcller\"}}";
        let envelope = Envelope::read(body, &[]).unwrap();
        assert!(envelope.is_success());
        assert_eq!(envelope.ids, ["cd-1"]);
    }

    /// R27: half a pair of surrogates in one description must not hide the campaigns of a whole page.
    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        for (escaped, read) in [
            (r"a\ud83d", "a\u{fffd}"),
            (r"\uDC00b", "\u{fffd}b"),
            (r"\ud83d\uD83D\ud83d", "\u{fffd}\u{fffd}\u{fffd}"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
            (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (r"\ud83d\ude00\ud83d", "\u{1f600}\u{fffd}"),
            (r"\ud83d\n\ude00", "\u{fffd}\n\u{fffd}"),
            (r"\ud83dx\u00fc", "\u{fffd}x\u{fc}"),
            (r"\\ud83d \ud83d", "\\ud83d \u{fffd}"),
            (r"\\\ud83d", "\\\u{fffd}"),
            (r"\\\\ud83d\ude00", "\\\\ud83d\u{fffd}"),
            (r"ü\ud83dü", "ü\u{fffd}ü"),
        ] {
            let body = format!(r#"{{"status":"success","data":{{"_id":"cd-1","description":"{escaped}"}}}}"#);
            let envelope = Envelope::read(body.as_bytes(), &[]).unwrap();
            assert_eq!(envelope.ids, ["cd-1"]);
            assert_eq!(envelope.data.unwrap()["description"], *read, "{escaped}");
        }
        for broken in [r#"{"a":"\ud83"#, r#"{"a":"\ud83d"#, r#"{"a":"\"#] {
            assert_eq!(Envelope::read(broken.as_bytes(), &[]), None, "{broken}");
        }
    }

    /// R27: nor do a raw line break, a tab, or an escape that is none.
    #[test]
    fn a_careless_writer_does_not_hide_a_page() {
        for (written, read) in [
            ("a\tb\nc\u{1}", "a b c "),
            (r"C:\x\temp", "C:\\x\temp"),
            (r"it\'s", "it\\'s"),
            (r"\ü \ud8", "\\ü \\ud8"),
            (r"\u12", "\\u12"),
        ] {
            let body = format!(
                "{{\n\"status\":\"success\",\r\n\"data\":{{\"_id\":\"cd-1\",\"description\":\"{written}\"}}}}"
            );
            let envelope = Envelope::read(body.as_bytes(), &[]).unwrap();
            assert_eq!((envelope.is_success(), &envelope.ids), (true, &vec!["cd-1".to_owned()]));
            assert_eq!(envelope.data.unwrap()["description"], *read, "{written}");
        }
    }

    proptest! {
        /// What parses as it is stays as it is.
        #[test]
        fn whole_texts_stay(text in any::<String>()) {
            let json = Value::from(text.clone()).to_string();
            prop_assert_eq!(&with_whole_escapes(&json), &json);
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            prop_assert_eq!(&with_whole_escapes(&escaped), &escaped);
        }

        /// Any halves in any order are read, and none is left.
        #[test]
        fn halves_in_any_order_are_read(units in prop::collection::vec(any::<u16>(), 0..20)) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(parse(&format!(r#""{escaped}""#)), Some(String::from_utf16_lossy(&units).into()));
        }
    }

    /// Errors of the platform come as `errors[].msg` and a code that need not be an HTTP status.
    #[test]
    fn an_error_body_yields_its_message_and_codes() {
        let body = br#"{"errors":[{"msg":"error verifying the jwt: possibly a replay","code":401}]}"#;
        let envelope = Envelope::read(body, &[]).unwrap();
        assert_eq!(envelope.message.as_deref(), Some("error verifying the jwt: possibly a replay"));
        assert_eq!(envelope.error_codes, ["401"]);
        assert!(!envelope.is_success());
    }
}
