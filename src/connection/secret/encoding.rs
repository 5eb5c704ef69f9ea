//! Encodings that a value may have by mistake.

use k8s_openapi::ByteString;
use secrecy::zeroize::{Zeroize, Zeroizing};

use super::flaw::Flaw;
use super::id::ID_PREFIX;
use super::problem::{CLIENT_SECRET, SecretProblem};
use super::text::{Text, text};

/// Fewest characters of a value that is taken for base64.
const SHORTEST_ENCODED: usize = 8;

/// A way to write a text in other characters.
pub struct Encoding {
    /// Continues "that of clientId is ".
    name: &'static str,
    /// The decoded text, if the value may have this encoding.
    pub decode: fn(&str) -> Option<Text>,
    /// Hint for a client secret that looks encoded and may be right; `None` if many true secrets look so.
    pub hint: Option<&'static str>,
}

pub const ENCODINGS: [Encoding; 5] = [
    Encoding {
        name: "base64-encoded twice",
        decode: from_base64,
        hint: Some(
            "The value of clientSecret looks base64-encoded twice: `data` takes it encoded once, `stringData` without encoding.",
        ),
    },
    // Many true secrets consist of such digits.
    Encoding { name: "written in hexadecimal digits", decode: from_hexadecimal, hint: None },
    Encoding {
        name: "percent-encoded",
        decode: from_percent,
        hint: Some(
            "The value of clientSecret looks percent-encoded (as `%2B` for `+`): store it without encoding.",
        ),
    },
    Encoding {
        name: "written with HTML entities",
        decode: from_entities,
        hint: Some(
            "The value of clientSecret has HTML entities in it (as `&amp;` for `&`): store it without encoding.",
        ),
    },
    Encoding {
        name: "written with JSON escapes",
        decode: from_json,
        hint: Some(
            "The value of clientSecret has JSON escapes in it (as `\\u003d` for `=`): store it without encoding.",
        ),
    },
];

/// Both values, decoded if the id proves that it is encoded: only an encoded id decodes to the prefix of ids.
///
/// # Errors
/// If the id is encoded, and the secret is not.
pub fn decoded(id: Text, secret: Text) -> Result<(Text, Text), SecretProblem> {
    let proven = |encoding: &Encoding| {
        let decoded = (encoding.decode)(&id)?;
        (decoded.starts_with(ID_PREFIX) && !id.starts_with(ID_PREFIX)).then_some((decoded, encoding.name))
    };
    for encoding in &ENCODINGS {
        if let Some((id, name)) = proven(encoding) {
            let not_encoded = SecretProblem::Unusable(CLIENT_SECRET, Flaw::NotEncoded(name));
            return Ok((id, (encoding.decode)(&secret).ok_or(not_encoded)?));
        }
    }
    Ok((id, secret))
}

/// The text of a base64 value, if that text is printable ASCII without blanks. Lines may be wrapped.
fn from_base64(value: &str) -> Option<Text> {
    let value = without_blanks(value);
    if value.len() < SHORTEST_ENCODED {
        return None;
    }
    let digits = value.trim_end_matches('=');
    let standard = digits.chars().map(|c| {
        if c == '-' {
            '+'
        } else if c == '_' {
            '/'
        } else {
            c
        }
    });
    let padding = digits.len().next_multiple_of(4) - digits.len();
    let padded = Zeroizing::new(standard.chain(std::iter::repeat_n('=', padding)).collect::<String>());
    let quoted = Zeroizing::new(format!("\"{}\"", *padded));
    let ByteString(bytes) = serde_json::from_str(&quoted).ok()?;
    printable(bytes)
}

fn from_hexadecimal(value: &str) -> Option<Text> {
    let value = without_blanks(value);
    let (pairs, rest) = value.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<_>>()?;
    if rest.is_empty() { printable(bytes) } else { None }
}

/// As in URLs: letters, digits and the unreserved marks as they are, and all other characters as `%` and two
/// digits.
fn from_percent(value: &str) -> Option<Text> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "%-_.!~*'()".contains(c);
    let text = unescaped(value, '%', |escape| {
        let (digits, rest) = escape.split_at_checked(2)?;
        let c = char::from(u8::from_str_radix(digits, 16).ok()?);
        c.is_ascii_punctuation().then_some((c, rest))
    });
    text.filter(|_| value.chars().all(is_plain))
}

fn from_entities(value: &str) -> Option<Text> {
    unescaped(value, '&', |escape| {
        let (name, rest) = escape.split_once(';')?;
        let numbered = |name: &str| match name.strip_prefix(['x', 'X']) {
            Some(digits) => u8::from_str_radix(digits, 16).ok(),
            None => name.parse().ok(),
        };
        let c = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => name.strip_prefix('#').and_then(numbered).map(char::from).filter(char::is_ascii_graphic)?,
        };
        Some((c, rest))
    })
}

/// The escapes that some writers of JSON use for `=`, `&`, `<`, `>` and `/`.
fn from_json(value: &str) -> Option<Text> {
    unescaped(value, '\\', |escape| {
        if let Some(rest) = escape.strip_prefix('/') {
            return Some(('/', rest));
        }
        let (digits, rest) = escape.strip_prefix('u')?.split_at_checked(4)?;
        let c = char::from(u8::try_from(u16::from_str_radix(digits, 16).ok()?).ok()?);
        c.is_ascii_graphic().then_some((c, rest))
    })
}

/// The text with each escape replaced by its character. `escape` gets what follows the `mark`, and returns
/// the character and the rest.
fn unescaped(value: &str, mark: char, escape: fn(&str) -> Option<(char, &str)>) -> Option<Text> {
    let mut parts = value.split(mark);
    let mut text = Zeroizing::new(parts.next()?.to_owned());
    for part in parts {
        let (c, rest) = escape(part)?;
        text.push(c);
        text.push_str(rest);
    }
    Some(text)
}

fn without_blanks(value: &str) -> Text {
    Zeroizing::new(value.split_whitespace().collect())
}

/// The text of decoded bytes, if that may be a value.
fn printable(mut bytes: Vec<u8>) -> Option<Text> {
    let text =
        text(&bytes).filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
    bytes.zeroize();
    text
}
