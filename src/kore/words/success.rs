//! Whether the message of a success says that a deletion is done.

use std::sync::LazyLock;

use regex::Regex;

use super::text::{any, pattern, words};

/// "The campaign has been deleted", "Successfully deleted", "Deletion completed", "OK": everything that a
/// message without a name may say if the deletion is done.
static DONE: LazyLock<Regex> = LazyLock::new(|| {
    let what = "(?:(?:the|your|this|1) )?(?:(?:voice )?campaign|record|resource|item)";
    let doing = "(?:(?:the|your|this) )?(?:(?:campaign )?deletion|operation|request)";
    let is = "(?:has been|have been|was|were|is)";
    let deleted = "(?:successfully )?(?:deleted|removed)(?: successfully)?";
    let done = "(?:success|successful|successfully|done|ok|okay|completed?)(?: successfully)?";
    pattern(&format!("^(?:(?:{what} )?(?:{is} )?{deleted}|(?:{doing} )?(?:{is} )?{done})$"))
});
/// "Campaign <name> deleted successfully" [delete-voice-campaign-v2]. The first group is the name.
static KORES_OWN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:the )?(?:voice )?campaign (.+) (?:deleted successfully|successfully deleted)$")
});
/// Words that no name is believed to have if the answer has no `name`: "would have been", "before it is".
static NO_NAME_TO_BELIEVE: LazyLock<Regex> = LazyLock::new(|| {
    let verbs =
        "be|been|is|are|was|were|has|have|had|can|could|may|might|should|shall|would|gets?|got|getting|to";
    let parts = "almost|nearly|half|partly|partially|contacts?|recordings?|lists?|schedules?";
    pattern(&format!(r"\b(?:{verbs}|if|when|once|after|before|yet|and|or|but|{parts})\b|n't|[;:%]"))
});
/// "could not be deleted": the deletion is not done.
static DENIED: LazyLock<Regex> = LazyLock::new(|| {
    any(&[
        r"\b(?:no|0|zero|none|nothing|only|first|running|active|stop|not|cannot|never|unable|denied|refused|rejected|declined|ignored|skipped|without|unless|until|while|must|still)\b|n't\b",
        r"\b(?:fail[a-z]*|errors?|invalid|unauthori[sz]ed|forbidden|prohibited|conflict)\b",
    ])
});
/// "deletion in progress": the deletion is not done yet.
static UNDER_WAY: LazyLock<Regex> = LazyLock::new(|| {
    any(&[
        r"\b(?:pending|queued|scheduled|initiated|started|begun|requested|received|submitted|accepted|processing|deleting|being|will|shortly|later|soon)\b",
        r"\bin progress\b|\bmarked for\b|\bunder way\b",
    ])
});

/// What a text says of a deletion, if not that it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// The deletion is not done.
    Denied,
    /// The deletion is not done yet.
    UnderWay,
    /// Nothing about the deletion.
    Unsaid,
}

/// What the message of a success says of the deletion of a campaign with this name; `None` if it says that
/// the deletion is done, or if the message is empty. No list of refusals is ever complete, so the message has
/// to say "done" and nothing else: to doubt a true success costs a proof of absence, and no safety.
pub fn undone(message: &str, name: Option<&str>) -> Option<Undone> {
    // "Campaign cannot be deleted" is not about a campaign called "cannot be", unless the answer has that
    // `name`.
    let text = without_name(&words(message), name);
    match (says_done(&text), DENIED.is_match(&text), UNDER_WAY.is_match(&text)) {
        (true, ..) => None,
        (false, true, _) => Some(Undone::Denied),
        (false, false, true) => Some(Undone::UnderWay),
        (false, false, false) => Some(Undone::Unsaid),
    }
}

/// "campaign deleted successfully" of "campaign <name> deleted successfully".
fn without_name(words_of_it: &str, name: Option<&str>) -> String {
    let rest = words_of_it.strip_prefix("the ").unwrap_or(words_of_it);
    let rest = rest.strip_prefix("voice ").unwrap_or(rest);
    // Marks around a name belong to the name: "campaign (not) now! deleted".
    let around = |c: char| !c.is_alphanumeric();
    let behind = name.map(words).filter(|name| !name.is_empty()).and_then(|name| {
        let named = rest.strip_prefix("campaign ")?.trim_start_matches(around);
        Some(named.strip_prefix(name.as_str())?.strip_prefix(around)?.trim_start_matches(around))
    });
    behind.map_or_else(|| words_of_it.to_owned(), |behind| format!("campaign {behind}"))
}

/// Whether a text says that the deletion is done, and nothing else.
fn says_done(words: &str) -> bool {
    let doubtful =
        |name: &str| [&DENIED, &UNDER_WAY, &NO_NAME_TO_BELIEVE].iter().any(|words| words.is_match(name));
    let of_another_name = || KORES_OWN.captures(words).is_some_and(|found| !doubtful(&found[1]));
    words.is_empty() || DONE.is_match(words) || of_another_name()
}
