//! What of a text from outside may be shown in a status, an event, a log or an error.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::telephone;

/// Longest message that is shown, in characters.
pub const MAX_MESSAGE_CHARS: usize = 256;
/// Most characters that are looked at for what may be shown: what is left out shrinks a text.
const MAX_READ_CHARS: usize = 16 * MAX_MESSAGE_CHARS;

/// A JWT: its header is a JSON object, and base64url of `{"` is `eyJ`.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| pattern(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]*"));
/// The query of a URL: may carry anything.
static QUERY: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\?[^\s"'<>]+"#));
/// What stands in a path or in HTML for a character.
static WRITTEN_OUT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        "(?i-u)(?P<bytes>(?:%[0-9a-f]{2})+)|&(?:#x(?P<hex>[0-9a-f]{1,6})|#(?P<number>[0-9]{1,7})|(?P<name>[a-z]{3,6}));",
    )
});
/// The names of HTML for what may stand in a telephone number.
const NAMED: [(&str, char); 13] = [
    ("nbsp", ' '),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("hyphen", '-'),
    ("dash", '-'),
    ("ndash", '-'),
    ("mdash", '-'),
    ("minus", '-'),
    ("plus", '+'),
    ("period", '.'),
    ("lpar", '('),
    ("rpar", ')'),
];

fn pattern(pattern: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(pattern).unwrap()
}

/// A message of the service, or about it: one line, without tokens, queries and telephone numbers, cut.
pub fn message(text: &str) -> String {
    let text: String = text.chars().take(MAX_READ_CHARS).collect();
    let text = TOKEN.replace_all(&text, "[token]");
    let text = QUERY.replace_all(&text, "?[query]");
    let text = WRITTEN_OUT
        .replace_all(&text, |written: &Captures<'_>| meant(written).unwrap_or_else(|| written[0].to_owned()));
    // However wide the gaps in a number are, they are narrow when it is looked for.
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    cut(&telephone::masked(&words.collect::<Vec<_>>().join(" ")), MAX_MESSAGE_CHARS)
}

/// What is written out, if it may be a part of a telephone number.
fn meant(written: &Captures<'_>) -> Option<String> {
    let code = |name, radix| u32::from_str_radix(written.name(name)?.as_str(), radix).ok();
    let text = if let Some(bytes) = written.name("bytes") {
        let byte = |at: usize| u8::from_str_radix(bytes.as_str().get(at + 1..at + 3)?, 16).ok();
        String::from_utf8((0..bytes.len()).step_by(3).map(byte).collect::<Option<_>>()?).ok()?
    } else if let Some(name) = written.name("name") {
        NAMED.iter().find(|(known, _)| name.as_str().eq_ignore_ascii_case(known))?.1.into()
    } else {
        char::from_u32(code("hex", 16).or_else(|| code("number", 10))?)?.into()
    };
    let may_be_of_one = |c: char| !c.is_alphabetic() && !c.is_control() && !"<>&%\"'".contains(c);
    text.chars().all(may_be_of_one).then_some(text)
}

/// A control character, or a mark of no width: byte order, joiners, directions, variations, soft hyphen.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fffe}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}')
}

/// At most `max` characters, without control characters.
pub fn cut(text: &str, max: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().nth(max).is_none() {
        return text.chars().map(clean).collect();
    }
    text.chars().take(max - 1).map(clean).chain(['…']).collect()
}

/// Replaces each secret in a text that came from outside. One that is shorter than four characters is none.
///
/// A service that echoes the token or the client secret in an error is not unheard of: as it is, or as a part of an address, of HTML or of JSON
/// within a text.
pub fn redact(text: &str, secrets: &[&str]) -> String {
    let secrets = secrets.iter().filter(|secret| secret.len() >= 4);
    secrets.fold(text.to_owned(), |text, secret| {
        let text = text.replace(secret, "[redacted]");
        if !may_be_written_out(secret, &text) {
            return text;
        }
        match written_out(secret) {
            Ok(pattern) => pattern.replace_all(&text, "[redacted]").into_owned(),
            // It is too long for a pattern.
            Err(_) => "[redacted]".to_owned(),
        }
    })
}

/// Whether a text may have a secret in which some characters are written out: letters and digits need not be. (Most texts have none, and are
/// not searched for it.)
fn may_be_written_out(secret: &str, text: &str) -> bool {
    let pieces = secret.split(|c: char| !c.is_ascii_alphanumeric());
    let mut pieces = pieces.filter(|piece| piece.len() >= 3).peekable();
    text.contains(['%', '&', '\\']) && (pieces.peek().is_none() || pieces.any(|piece| text.contains(piece)))
}

/// A secret in which any character may be written out.
fn written_out(secret: &str) -> Result<Regex, regex::Error> {
    let either = |c: char| {
        let bytes: String = c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (itself, code) = (regex::escape(&c.to_string()), u32::from(c));
        // Each mark, and each letter of another alphabet, has a name in HTML, or two.
        let name = if c.is_ascii_alphanumeric() { "" } else { "|&[a-z]{2,8};" };
        format!(r"(?:{itself}|(?i-u:{bytes}|&#0*{code};|&#x0*{code:x};|\\u{code:04x}{name})|\\{itself})")
    };
    Regex::new(&secret.chars().map(either).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens, queries and telephone numbers do not get into a status.
    #[test]
    fn a_message_loses_tokens_queries_and_telephone_numbers() {
        let shown = message(
            "GET https://h/x?auth=abc failed for +1 (816) 330-12345, token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln\n",
        );
        assert_eq!(shown, "GET https://h/x?[query] failed for [number], token [token]");
    }

    /// However many blanks and control characters stand in a number.
    #[test]
    fn a_number_with_wide_gaps_is_masked() {
        for number in [
            "816     330     1234",
            "816\u{1}330\u{1}1234",
            "816\u{1b}\u{7f}\u{1}\u{2}\u{3}330\r\n\t\u{0}\u{2028}1234",
            "816&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;330%20%20%20%20%201234",
            "%2b1%20816%2d330%2D1234",
            "816&#45;330&#x2D;1234",
            "816&ndash;330&period;1234",
            "816%2E330%2F1234",
            "816%E2%80%93330&#160;1234",
            "%28816%29330-1234",
            "&#56;16 330 1234",
        ] {
            assert_eq!(message(&format!("call to {number}:\u{1} refused")), "call to [number]: refused");
        }
        // What stands in a query stays a part of it.
        assert_eq!(message("GET /x?auth=abc\u{1}def%20ghi failed"), "GET /x?[query] failed");
    }

    /// What helps a person to find the campaign stays.
    #[test]
    fn identifiers_and_times_stay() {
        let name = r#"certificate not valid for name "us-platform.kore.ai" nor kore-gateway.marketing.svc"#;
        assert_eq!(message(name), name);
        // Nor is what is written out for something else read as that.
        for text in [
            "&lt;b&gt; &#60;i&#62; &amp; %3Cb%3E 100%25",
            "Ren&eacute;e, &#233; and %C3%A9",
            "5%10 &#12354; &x;",
        ] {
            assert_eq!(message(text), text);
        }
        let text = "Campaign61 cd-a1e45a7-e8ba-4e97-a339-476ebc7 of 2025-12-04 10:50:56 and 2025-12-05T06:31:23.308Z";
        assert_eq!(message(text), text);
    }

    #[test]
    fn a_long_text_is_cut_on_a_character_boundary() {
        let shown = message(&"ö".repeat(1000));
        assert_eq!(shown.chars().count(), MAX_MESSAGE_CHARS);
        assert!(shown.ends_with('…'));
    }

    #[test]
    fn an_echoed_secret_is_redacted() {
        assert_eq!(
            redact("bad secret hunter2hunter2", &["hunter2hunter2", "", "bad"]),
            "bad secret [redacted]"
        );
        let secret = "s3cr3t+with/marks=and==\u{e9}";
        for spelled in [
            "s3cr3t%2Bwith%2Fmarks%3Dand%3D%3D%C3%A9",
            "s3cr3t%2bwith/marks%3dand==\u{e9}",
            "s3cr3t&#43;with&#x2F;marks&#061;and&equals;&#x3d;&#233;",
            r"s3cr3t\u002bwith\/marks\u003Dand==\u00e9",
            "%73%33cr3t&plus;with&sol;marks=and==&#xe9;",
        ] {
            let said = message(&redact(&format!("Invalid secret {spelled}."), &[secret]));
            assert_eq!(said, "Invalid secret [redacted].", "{spelled}");
        }
        let long = format!("{}+end", "key+".repeat(2_500));
        assert_eq!(redact("a key%2Bkey", &[&long]), "[redacted]");
        assert_eq!(redact("a+b%2Fc=d is it", &["a+b/c=d"]), "[redacted] is it");
        assert_eq!(
            redact("secretgr%C3%BCn or secretgr&uuml;n", &["secretgr\u{fc}n"]),
            "[redacted] or [redacted]"
        );
        let other = "Invalid secret s3cr3t%2Bwithout marks";
        assert_eq!(redact(other, &[secret]), other);
    }
}
