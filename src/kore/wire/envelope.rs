use serde_json::Value;

use super::contradiction::Contradiction;
use super::errors::{Errors, names_an_error};
use super::fields::raw_text;
use super::ids::{beside_rows, described_ids, ids, row_ids, shown_ids};
use super::json::{parse, redact};
use super::state::{is_deleted, is_under_way};
use crate::kore::answer::RawAnswer;
use crate::kore::words::Undone;

/// The frame of every answer. `status` is the result of the call in create, get, list and delete [all `*-v2`
/// pages].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// `success`, or the service's word for a failure (`failure`, `error`; the pages disagree).
    pub status: Option<String>,
    /// Text for people.
    pub message: Option<String>,
    /// The campaign, or the listing.
    pub data: Option<Value>,
    /// Texts of errors at any depth ([delete-users] nests them per item). Empty for a success without errors.
    pub error_texts: Vec<String>,
    /// Codes of errors at any depth, as received: numbers, which need not be HTTP statuses, or words.
    pub error_codes: Vec<String>,
    /// `data._id` and `data.id` as received, to be compared and not shown. The pages disagree which one is
    /// the campaign's.
    pub ids: Vec<String>,
    /// The same for each row of `data.results`.
    pub row_ids: Vec<Vec<String>>,
    /// The ids of all campaigns in `data`, at any depth: a read counts as having seen a campaign wherever it
    /// stands.
    pub shown_ids: Vec<String>,
    /// The ids of campaigns that are described as living: in a listing beside its rows, otherwise anywhere.
    pub described_ids: Vec<String>,
    /// Whether the answer reports an error, whatever else it says: [delete-users] has a success with `errors`
    /// in an item.
    pub has_errors: bool,
    /// A field, at any depth, by which the requested operation is not done, or not yet.
    pub denies: Option<Undone>,
    /// Other texts for people, at any depth.
    pub remarks: Vec<String>,
    success: bool,
}

impl Envelope {
    /// The envelope of an answer; `None` if the body is not a JSON object.
    pub fn of(answer: &RawAnswer) -> Option<Self> {
        Self::read(&answer.body, &answer.secrets())
    }

    /// Reads an envelope; `None` if the bytes are not a JSON object. Secrets are redacted in everything that
    /// may be shown.
    ///
    /// They are redacted in the decoded texts: in the bytes a secret could hide behind an escape, and a short
    /// one could change a key or the id.
    pub(super) fn read(body: &[u8], secrets: &[&str]) -> Option<Self> {
        // An invalid byte in a description must not hide that the campaign was deleted.
        let text = String::from_utf8_lossy(body);
        let mut body = parse(text.trim_start_matches('\u{feff}'))?;
        if !body.is_object() {
            return None;
        }
        let described_ids = described(&body);
        let ids = body.get("data").map(ids).unwrap_or_default();
        let rows = body.get("data").and_then(|data| data.get("results")).and_then(Value::as_array);
        let row_ids = rows.map(|rows| rows.iter().map(row_ids).collect()).unwrap_or_default();
        let shown_ids = body.get("data").map(shown_ids).unwrap_or_default();
        let success = raw_text(&body, "status").is_some_and(|status| status.eq_ignore_ascii_case("success"));
        let has_errors = names_an_error(&body) || body.get("data").is_some_and(names_an_error);
        let Contradiction { denies, remarks } = Contradiction::of(&body, secrets);
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
        Some(Self {
            status: raw_text(&body, "status"),
            message,
            error_texts,
            error_codes,
            data: body.get("data").cloned(),
            ids,
            row_ids,
            shown_ids,
            described_ids,
            has_errors,
            denies,
            remarks,
            success,
        })
    }

    /// Whether `status` is `success`, in any case.
    pub fn is_success(&self) -> bool {
        self.success
    }

    /// Whether `status` says that the operation is under way.
    pub fn says_under_way(&self) -> bool {
        self.status.as_deref().is_some_and(is_under_way)
    }

    /// Whether `status` is `Deleted`, as in the first version of [delete-voice-campaign].
    pub fn says_deleted(&self) -> bool {
        self.status.as_deref().is_some_and(is_deleted)
    }
}

/// The ids of campaigns that are described as living: in a listing beside its rows, otherwise anywhere in
/// `data`, or as the body itself.
fn described(body: &Value) -> Vec<String> {
    match body.get("data") {
        Some(data) if data.get("results").is_some_and(Value::is_array) => beside_rows(data),
        data => {
            let itself = if body.get("name").is_some() { ids(body) } else { Vec::new() };
            let in_data = data.map(|data| described_ids(data, &["name", "status"]));
            in_data.into_iter().flatten().chain(itself).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kore::wire::campaign::campaign;

    /// A secret is found behind escapes, and a short secret does not change the id of the campaign.
    #[test]
    fn secrets_are_replaced_in_what_is_shown_and_only_there() {
        let body =
            br#"{"status":"success","message":"bad s3\u0063ret=","data":{"_id":"cd-test-1","name":"test"}}"#;
        let envelope = Envelope::read(body, &["s3cret=", "test"]).unwrap();
        assert_eq!(envelope.message.as_deref(), Some("bad [redacted]"));
        assert_eq!(envelope.ids, ["cd-test-1"]);
        assert_eq!(campaign(&envelope.data.unwrap()).unwrap().name.as_deref(), Some("[redacted]"));
    }

    /// A byte order mark and a name in another encoding are read.
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

    /// R27: nor do a raw line break, a tab, or an invalid escape.
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
