use regex::Regex;

/// Fewest bytes of a secret. A shorter one would redact parts of ordinary words.
const SHORTEST_SECRET: usize = 4;

/// Replaces each secret in a text that came from outside with `[redacted]`.
///
/// Services do echo the token or the client secret in an error: as it is, or encoded as in a URL, HTML or
/// JSON.
pub fn redact(text: &str, secrets: &[&str]) -> String {
    // No way to encode a character makes it shorter: most texts are too short for a token.
    let secrets = secrets.iter().filter(|secret| (SHORTEST_SECRET..=text.len()).contains(&secret.len()));
    secrets.fold(text.to_owned(), |text, secret| {
        let text = text.replace(secret, "[redacted]");
        if !may_be_encoded(secret, &text) {
            return text;
        }
        match encoded(secret) {
            Ok(pattern) => pattern.replace_all(&text, "[redacted]").into_owned(),
            // The secret is too long for a regular expression.
            Err(_) => "[redacted]".to_owned(),
        }
    })
}

/// Whether a text may hold a secret with some characters encoded: letters and digits usually are not. Most
/// texts hold none, and are spared the search with a regular expression.
fn may_be_encoded(secret: &str, text: &str) -> bool {
    let pieces = secret.split(|c: char| !c.is_ascii_alphanumeric());
    let mut pieces = pieces.filter(|piece| piece.len() >= 3).peekable();
    text.contains(['%', '&', '\\']) && (pieces.peek().is_none() || pieces.any(|piece| text.contains(piece)))
}

/// A pattern of the secret in which any character may be encoded.
fn encoded(secret: &str) -> Result<Regex, regex::Error> {
    let either = |c: char| {
        let bytes: String = c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (itself, code) = (regex::escape(&c.to_string()), u32::from(c));
        // Each mark, and each letter of another alphabet, has one or two names in HTML.
        let name = if c.is_ascii_alphanumeric() { "" } else { "|&[a-z]{2,8};" };
        format!(r"(?:{itself}|(?i-u:{bytes}|&#0*{code};|&#x0*{code:x};|\\u{code:04x}{name})|\\{itself})")
    };
    Regex::new(&secret.chars().map(either).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kore::scrub::message;

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
        assert_eq!(redact(&"a key%2Bkey".repeat(1_000), &[&long]), "[redacted]");
        assert_eq!(redact("hunter2", &["hunter2"]), "[redacted]");
        assert_eq!(redact("a+b%2Fc=d is it", &["a+b/c=d"]), "[redacted] is it");
        assert_eq!(
            redact("secretgr%C3%BCn or secretgr&uuml;n", &["secretgr\u{fc}n"]),
            "[redacted] or [redacted]"
        );
        let other = "Invalid secret s3cr3t%2Bwithout marks";
        assert_eq!(redact(other, &[secret]), other);
    }
}
