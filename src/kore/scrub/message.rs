use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::chars::cut;
use super::telephone;

/// Longest message that is shown, in characters.
pub const MAX_MESSAGE_CHARS: usize = 256;
/// Most characters of a text that are read. It is more than may be shown, because replacements shorten the
/// text.
const MAX_READ_CHARS: usize = 16 * MAX_MESSAGE_CHARS;

/// A JWT: its header is a JSON object, and base64url of `{"` is `eyJ`.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| pattern(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]*"));
/// The query of a URL, which may carry anything.
static QUERY: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\?[^\s"'<>]+"#));
/// A character that is encoded as in a URL or in HTML.
static ENCODED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        "(?i-u)(?P<bytes>(?:%[0-9a-f]{2})+)|&(?:#x(?P<hex>[0-9a-f]{1,6})|#(?P<number>[0-9]{1,7})|(?P<name>[a-z]{3,6}));",
    )
});
/// Names in HTML of characters that telephone numbers may hold.
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

/// A message from or about the service, as one line without tokens, queries and telephone numbers, cut to
/// [`MAX_MESSAGE_CHARS`].
pub fn message(text: &str) -> String {
    let text: String = text.chars().take(MAX_READ_CHARS).collect();
    let text = TOKEN.replace_all(&text, "[token]");
    let text = QUERY.replace_all(&text, "?[query]");
    let text = ENCODED
        .replace_all(&text, |found: &Captures<'_>| decoded(found).unwrap_or_else(|| found[0].to_owned()));
    // Every gap becomes one blank: `telephone` finds numbers with narrow gaps only.
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    cut(&telephone::masked(&words.collect::<Vec<_>>().join(" ")), MAX_MESSAGE_CHARS)
}

/// The decoded characters, if they may be a part of a telephone number.
fn decoded(found: &Captures<'_>) -> Option<String> {
    let code = |name, radix| u32::from_str_radix(found.name(name)?.as_str(), radix).ok();
    let text = if let Some(bytes) = found.name("bytes") {
        let byte = |at: usize| u8::from_str_radix(bytes.as_str().get(at + 1..at + 3)?, 16).ok();
        String::from_utf8((0..bytes.len()).step_by(3).map(byte).collect::<Option<_>>()?).ok()?
    } else if let Some(name) = found.name("name") {
        NAMED.iter().find(|(known, _)| name.as_str().eq_ignore_ascii_case(known))?.1.into()
    } else {
        char::from_u32(code("hex", 16).or_else(|| code("number", 10))?)?.into()
    };
    let may_be_in_a_number = |c: char| !c.is_alphabetic() && !c.is_control() && !"<>&%\"'".contains(c);
    text.chars().all(may_be_in_a_number).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// None of these must get into a status.
    #[test]
    fn a_message_loses_tokens_queries_and_telephone_numbers() {
        let shown = message(
            "GET https://h/x?auth=abc failed for +1 (816) 330-12345, token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln\n",
        );
        assert_eq!(shown, "GET https://h/x?[query] failed for [number], token [token]");
    }

    /// Blanks, control characters and encoded characters do not hide a number.
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
        // Control characters and encoded ones in a query do not end it.
        assert_eq!(message("GET /x?auth=abc\u{1}def%20ghi failed"), "GET /x?[query] failed");
    }

    /// A person needs identifiers and times to find the campaign.
    #[test]
    fn identifiers_and_times_stay() {
        let name = r#"certificate not valid for name "us-platform.kore.ai" nor kore-gateway.marketing.svc"#;
        assert_eq!(message(name), name);
        // Characters that no telephone number has stay encoded.
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
}
