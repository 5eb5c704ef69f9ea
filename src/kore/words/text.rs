//! Texts as the patterns of this folder expect them.

use std::sync::LazyLock;

use regex::Regex;

/// A name in quotes.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| pattern(r#""[^"]*"|`[^`]*`|“[^”]*”|‘[^’]*’"#));
/// The end of a word in camel case.
static CAMEL: LazyLock<Regex> = LazyLock::new(|| pattern("([a-z])([A-Z])"));
/// "Campaign <name> is running": the form of Kore's messages [delete-voice-campaign-v2]. The first group is
/// the name.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let verbs = "is|isn't|was|has|have|had|does|doesn't|did|can|can't|cannot|could|couldn't|may|must|should|will|not|already";
    let said = "deleted|deletion|retrieved|updated|details|creation|schedule|scheduled";
    pattern(&format!(r"^(?:the )?(?:voice )?campaign (.+?) (?:{verbs}|{said})\b"))
});
/// Words after "campaign" that are no name.
static NO_NAME: LazyLock<Regex> = LazyLock::new(|| {
    let rights = "access|permissions?|privileges?|rights?|scopes?";
    pattern(&format!(r"^(?:(?:{rights}|delet[a-z]+|management|operations?|api|to|for|of|the|this)(?: |$))+$"))
});

pub fn any(patterns: &[&str]) -> Regex {
    pattern(&patterns.join("|"))
}

pub fn pattern(pattern: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests of this folder")]
    Regex::new(pattern).unwrap()
}

/// The text in lower case, as single words, without quoted parts and without the name of a campaign.
pub fn plain(text: &str) -> String {
    let text = words(text);
    match NAMED.captures(&text).and_then(|found| found.get(1)) {
        Some(name) if !NO_NAME.is_match(name.as_str()) => format!("campaign{}", &text[name.end()..]),
        Some(_) | None => text,
    }
}

/// The text in lower case, as single words, without quoted parts.
pub fn words(text: &str) -> String {
    let text = QUOTED.replace_all(text, " ").replace(['_', '-'], " ").replace(['’', 'ʼ', '´', '`'], "'");
    // `AccessDenied` is two words.
    spaced(&CAMEL.replace_all(&text, "$1 $2")).replace("access token", "token")
}

/// The text in lower case, with single blanks, and without marks around it.
fn spaced(text: &str) -> String {
    let text = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    text.trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
}
