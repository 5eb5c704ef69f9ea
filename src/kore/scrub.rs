//! What of a text from outside may be shown in a status, an event, a log or an error.

use std::sync::LazyLock;

use regex::Regex;

use super::telephone;

/// Longest message that is shown, in characters.
pub const MAX_MESSAGE_CHARS: usize = 256;
/// Most characters that are looked at for what may be shown: what is left out shrinks a text.
const MAX_READ_CHARS: usize = 16 * MAX_MESSAGE_CHARS;

/// A JWT: its header is a JSON object, and base64url of `{"` is `eyJ`.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| pattern(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]*"));
/// The query of a URL: may carry anything.
static QUERY: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\?[^\s"'<>]+"#));

fn pattern(pattern: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(pattern).unwrap()
}

/// A message of the service, or about it: one line, without tokens, queries and telephone numbers, cut.
pub fn message(text: &str) -> String {
    let text: String = text.chars().take(MAX_READ_CHARS).collect();
    let text = TOKEN.replace_all(&text, "[token]");
    let text = QUERY.replace_all(&text, "?[query]");
    // A number in a path has its blanks written out.
    let text = ["%20", "&nbsp;"].iter().fold(text.into_owned(), |text, blank| text.replace(blank, " "));
    let text = telephone::masked(&text.replace("%2B", "+").replace("%2D", "-"));
    cut(text.split_whitespace().collect::<Vec<_>>().join(" ").as_str(), MAX_MESSAGE_CHARS)
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
/// A service that echoes the token or the client secret in an error is not unheard of.
pub fn redact(text: &str, secrets: &[&str]) -> String {
    let secrets = secrets.iter().filter(|secret| secret.len() >= 4);
    secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"))
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

    /// What helps a person to find the campaign stays.
    #[test]
    fn identifiers_and_times_stay() {
        let name = r#"certificate not valid for name "us-platform.kore.ai" nor kore-gateway.marketing.svc"#;
        assert_eq!(message(name), name);
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
    }
}
