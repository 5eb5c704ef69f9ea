//! The text of a value.

use secrecy::zeroize::Zeroizing;

use crate::kore::scrub::is_invisible;

/// A text that is wiped from memory when it is dropped.
pub type Text = Zeroizing<String>;

/// Quotes that a shell, an editor or a list may leave around a value: opening, closing.
const QUOTES: [[&str; 2]; 16] = [
    ["b'", "'"],
    ["b\"", "\""],
    ["\"", "\""],
    ["\"", "\","],
    ["\"", "\";"],
    ["'", "'"],
    ["'", "',"],
    ["'", "';"],
    ["$'", "'"],
    ["\\\"", "\\\""],
    ["\\'", "\\'"],
    ["&quot;", "&quot;"],
    ["`", "`"],
    ["“", "”"],
    ["‘", "’"],
    ["„", "“"],
];
/// Line ends that were escaped, as by `--from-literal='x\n'`, or encoded.
const ESCAPED_LINE_ENDS: [&str; 14] = [
    "\\n", "\\r", "\\x0a", "\\x0d", "\\u000a", "\\u000d", "%0A", "%0D", "%0a", "%0d", "&#10;", "&#13;",
    "&#xA;", "&#xD;",
];

/// The text of a value, without what editors, shells and encoders leave around it; `None` if it is no text.
pub fn text(bytes: &[u8]) -> Option<Text> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let text = char::decode_utf16(pairs.iter().copied().map(unit)).collect::<Result<String, _>>();
        text.ok().filter(|_| rest.is_empty()).map(Zeroizing::new)
    };
    let is_zero_at = |at: usize| !bytes.is_empty() && bytes.iter().skip(at).step_by(2).all(|byte| *byte == 0);
    let whole = match bytes {
        // PowerShell's `>` and `Out-File` write UTF-16 with a byte order mark; other tools leave the mark
        // out.
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        [_, _, ..] if is_zero_at(1) => utf16(bytes, u16::from_le_bytes)?,
        [_, _, ..] if is_zero_at(0) => utf16(bytes, u16::from_be_bytes)?,
        _ => Zeroizing::new(std::str::from_utf8(bytes).ok()?.to_owned()),
    };
    Some(Zeroizing::new(bare(&whole).to_owned()))
}

/// The text without blanks, line ends (escaped ones, too) and invisible characters around it, and without
/// quotes if there are quotes at both ends: a lone quote may belong to a secret, and Kore issues no secret
/// that begins and ends with one.
fn bare(mut text: &str) -> &str {
    loop {
        text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
        let unquoted = QUOTES.iter().find_map(|quotes| within(text, quotes));
        let inner = unquoted.or_else(|| ESCAPED_LINE_ENDS.iter().find_map(|end| text.strip_suffix(end)));
        let Some(inner) = inner else { return text };
        text = inner;
    }
}

/// The text between `open` and `close`, if the value begins and ends with them.
pub fn within<'a>(value: &'a str, [open, close]: &[&str; 2]) -> Option<&'a str> {
    value.strip_prefix(open)?.strip_suffix(close)
}

/// The letters and digits of a text, in lower case.
pub fn letters(text: &str) -> Text {
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    Zeroizing::new(letters.map(|c| c.to_ascii_lowercase()).collect())
}
