//! The text of an answer as JSON, forgiving what careless writers leave in it.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use super::repeated::Repeated;
use crate::kore::scrub;

/// The strings and the numbers of a JSON text, and what careless writers put in place of a number.
static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(r#""(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)\b|-?[0-9][0-9.eE+-]*"#).unwrap()
});

/// The value of a JSON text. A careless writer's mistake in one string must not hide a whole page: half of a
/// surrogate pair, which JSON may hold and Rust's strings can't, is read as U+FFFD, a control character as a
/// blank, an invalid escape as it stands, and a number that can't be represented as `null`. A field that is
/// repeated holds all its values ([`Repeated`]).
pub fn parse(text: &str) -> Option<Value> {
    let read = |text: &str| serde_json::from_str(text).ok().map(|Repeated(value)| value);
    read(text).or_else(|| {
        // Between the tokens of a JSON text, a blank means the same as a line break.
        let text = text.replace(|c: char| c.is_ascii_control(), " ");
        read(&with_true_numbers(&with_whole_escapes(&text)))
    })
}

/// The text with `null` in place of each number that is invalid, as `NaN`, or too large, as `1e999`.
fn with_true_numbers(text: &str) -> Cow<'_, str> {
    NUMBERS.replace_all(text, |found: &Captures<'_>| {
        let token = &found[0];
        let is_held = token.parse().is_ok_and(|number: f64| number.is_finite());
        if token.starts_with('"') || is_held { token.to_owned() } else { "null".to_owned() }
    })
}

/// The text with U+FFFD in place of each lone surrogate, and with the backslash of each invalid escape
/// escaped. Pairs, and escaped backslashes before a `u`, stay.
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
            // The backslash and the escaped character, which may be a backslash, too.
            None => escape.split_at(2),
        };
        whole.push_str(written);
        rest = after;
    }
    whole + rest
}

/// Whether a text begins with a valid escape of JSON.
fn is_escape(text: &str) -> bool {
    let hex = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    match text.as_bytes().get(1) {
        Some(b'u') => text.get(2..6).is_some_and(hex),
        Some(escaped) => br#""\/bfnrt"#.contains(escaped),
        None => false,
    }
}

/// Half of the UTF-16 pair of one character.
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

/// Redacts each secret in all strings of a value.
pub fn redact(value: &mut Value, secrets: &[&str]) {
    match value {
        Value::String(text) => *text = scrub::redact(text, secrets),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| redact(entry, secrets)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact(field, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Valid JSON is left as it is.
        #[test]
        fn whole_texts_stay(text in any::<String>()) {
            let json = Value::from(text.clone()).to_string();
            prop_assert_eq!(&with_whole_escapes(&json), &json);
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            prop_assert_eq!(&with_whole_escapes(&escaped), &escaped);
        }

        /// Surrogates in any order are read, and no lone one is left.
        #[test]
        fn halves_in_any_order_are_read(units in prop::collection::vec(any::<u16>(), 0..20)) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(parse(&format!(r#""{escaped}""#)), Some(String::from_utf16_lossy(&units).into()));
        }
    }
}
