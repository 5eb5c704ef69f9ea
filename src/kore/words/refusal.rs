//! Texts that refuse us: for lack of a right, because of the credentials, or because of the rate limit.

use std::sync::LazyLock;

use regex::Regex;

use super::absence::speaks_of_absence_of_it;
use super::phrases::{FORBIDS, LACKS, TOKEN, UNAUTHORIZED};
use super::text::{any, pattern, plain};

/// The state of a campaign. Nobody may delete a running one.
static STATE: LazyLock<Regex> = LazyLock::new(|| {
    let states = "running|active|paused|preparing|scheduled|stopped|completed|in progress|in use";
    pattern(&format!(r"\b(?:{states}|state|status|while|until)\b"))
});
/// The right in a text that comes with 401, which is about the token: "Unauthorized to perform this
/// activity", "You do not have permission to …".
static NAMES_THE_RIGHT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\b(?:un|not )authori[sz]ed to\b|\b(?:permissions?|privileges?|scopes?|roles?)\b")
});
/// "This token cannot delete campaigns".
static MAY_NOT_DELETE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:cannot|can not|can't|may not|must not|not able to|unable to) delete\b"));
/// Words for the credentials, without a word for what is wrong with them.
static CREDENTIALS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:token|jwt|credentials?|signature|client id|unauthenticated|authenticat[a-z]+|log ?in|sign ?in)\b",
    )
});
/// "You've exceeded the per-minute rate limit" [rate-limit-ccai], "hourly" [rate-limit], "Rate limit for this
/// API has been reached." (forum), "RATE_LIMIT_EXCEEDED", "Too Many Requests". A campaign may be called "Rate
/// limit", so these two words alone are not enough.
static RATE_LIMIT: LazyLock<Regex> = LazyLock::new(|| {
    any(&[
        r"\brate ?limit(?:s|ed)?\b.*\b(?:exceed(?:ed|s)?|reached|hit)\b",
        r"\b(?:exceed(?:ed|s)?|reached|hit)\b.*\brate ?limits?\b",
        // In a contact centre, "calls" are those that campaigns make.
        r"\btoo many (?:api )?requests\b|\btoo many api calls\b|\b(?:requests?|api|you)(?: [a-z']+){0,3} throttled\b",
    ])
});

/// Whether a refusal with this HTTP status and message says that the app lacks a right. If it is about the
/// token, or about client ID and secret, it does not.
pub fn speaks_of_rights(http_status: Option<i32>, message: &str) -> bool {
    let text = plain(message);
    let named = names_a_right(&text) && (http_status != Some(401) || NAMES_THE_RIGHT.is_match(&text));
    // "This token cannot delete campaigns" is about a right.
    let may_be_a_right = !CREDENTIALS.is_match(&text) || MAY_NOT_DELETE.is_match(&text);
    !TOKEN.is_match(&text) && (named || http_status == Some(403) && may_be_a_right)
}

/// Whether the text of an error, or an error code, refuses us, for lack of a right or because of the
/// credentials.
pub fn refuses_us(text: &str) -> bool {
    let text = plain(text);
    TOKEN.is_match(&text)
        || names_a_right(&text)
        || UNAUTHORIZED.is_match(&text) && !speaks_of_absence_of_it(&text)
}

/// Whether a text is about the rate limit.
pub fn speaks_of_the_rate_limit(text: &str) -> bool {
    RATE_LIMIT.is_match(&plain(text))
}

/// Whether the texts of a refusal are about the state of a campaign, and not about us. "Forbidden" says no
/// more than HTTP 403.
pub fn speak_of_a_state(texts: impl Iterator<Item = String>) -> bool {
    let says_more = |text: &String| !matches!(text.as_str(), "forbidden" | "code 403" | "code forbidden");
    let texts: Vec<String> = texts.map(|text| plain(&text)).filter(says_more).collect();
    let of_us = [&*LACKS, &*TOKEN, &*UNAUTHORIZED, &*CREDENTIALS];
    texts.iter().any(|text| text.contains("campaign") && STATE.is_match(text))
        && !texts.iter().any(|text| of_us.iter().any(|words| words.is_match(text)))
}

fn names_a_right(plain: &str) -> bool {
    let says_so = LACKS.is_match(plain) || FORBIDS.is_match(plain) && !STATE.is_match(plain);
    // "Campaign not found or access denied" may be either.
    says_so && !speaks_of_absence_of_it(plain)
}
