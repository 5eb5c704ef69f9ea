//! What the words of a refusal are about: a right that is missing, who we are, or neither. Pure.
//!
//! Kore's one documented refusal for lack of permission comes as HTTP 400, "Unauthorized to perform this activity"
//! [delete-users]; other services have other words. A campaign may be called after any of them ("Campaign Permission
//! reminder is running"), so it takes a phrase that says who lacks what, outside of a campaign's name.

use std::sync::LazyLock;

use regex::Regex;

/// What may be lacking.
const RIGHT: &str = "(?:permissions?|privileges?|rights?|scopes?|roles?|access)";

/// "Unauthorized to perform this activity", "You do not have the required scope", "Access denied".
static LACKS: LazyLock<Regex> = LazyLock::new(|| {
    let lacking = "no|insufficient|inadequate|lacks?|lacking|missing|without|not have|not enough|needs?|requires?|denied";
    let denied = "denied|required|missing|insufficient|refused|needed|restricted|not granted";
    any(&[
        r"\bcode 403\b",
        r"\bunauthori[sz]ed (?:to|access|action|activity|operation)\b",
        r"(?:\bnot|n't|\bnever) authori[sz]ed\b",
        &format!(r"(?:\b(?:{lacking})|n't have) ?(?:[a-z0-9'.,:/]+ ){{0,4}}?{RIGHT}\b"),
        &format!(r"\b{RIGHT} ?(?:[a-z0-9'.:/]+ ){{0,5}}?(?:{denied})\b"),
    ])
});
/// "You are not allowed to …", "Forbidden": the same, unless it is the campaign's state that forbids it.
static FORBIDS: LazyLock<Regex> = LazyLock::new(|| {
    let who = "you|users?|app|application|client|caller|account|key|member|action|operation|activity|request";
    let may_not = "not (?:allowed|permitted|entitled)|can ?not access|can't access";
    any(&[
        r"\bforbidden",
        r"^(?:code )?not permitted$",
        &format!(r"\b(?:{who})(?: [a-z0-9']+){{0,3}}? (?:{may_not})\b"),
        r"\bnot (?:allowed|permitted|entitled) to (?:perform|access|use|view|read|manage|call)\b",
    ])
});
/// A campaign that runs may not be deleted by anybody.
static STATE: LazyLock<Regex> = LazyLock::new(|| {
    let states = "running|active|paused|preparing|scheduled|stopped|completed|in progress|in use";
    pattern(&format!(r"\b(?:{states}|state|status|while|until)\b"))
});
/// "Campaign not found or access denied": it may be either.
static OR_ABSENT: LazyLock<Regex> = LazyLock::new(|| {
    let absent = "(?:not found|not exist|n't exist|unknown|no such [a-z]+|no longer exists?|(?:not|n't) be found|been deleted|been removed|\
                  no [a-z]+ found)";
    pattern(&format!(r"{absent},?(?: [a-z]+){{0,2}} or\b|\bor (?:[a-z]+ ){{0,4}}?(?:[a-z]+)?{absent}"))
});
/// "error verifying the jwt: possibly a replay" [sdk-security], "Invalid SDK credentials", code 4002 (forum).
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    let bad =
        "invalid|expired?|revoked|malformed|bad|wrong|incorrect|mismatch|not valid|verif[a-z]+|decod[a-z]+";
    let it = "token|jwt|credentials?|signature|secret|client id|appid";
    any(&[
        &format!(r"\b(?:{bad}) (?:[a-z0-9]+ ){{0,3}}?(?:{it})\b"),
        &format!(r"\b(?:{it}):? (?:[a-z0-9]+ ){{0,3}}?(?:{bad})\b"),
        r"\breplay\b",
        r"\bcode (?:401|4002)\b",
    ])
});
/// All that is said, and it does not say which of the two it is.
static UNAUTHORIZED: LazyLock<Regex> = LazyLock::new(|| {
    let alone = "unauthori[sz]ed(?: user| request| client)?|unauthenticated|(?:authentication|authori[sz]ation)(?: header)?";
    pattern(&format!(r"^(?:code )?(?:{alone})(?: is)?(?: failed| required| missing| invalid| error)?$"))
});
/// Words about who we are, whatever is wrong with it.
static WHO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:token|jwt|credentials?|signature|client id|unauthenticated|authenticat[a-z]+|log ?in|sign ?in)\b",
    )
});
/// "Campaign <name> is running": the form of Kore's messages [delete-voice-campaign-v2]. The first group is the name.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let verbs = "is|isn't|was|has|have|had|does|doesn't|did|can|can't|cannot|could|couldn't|may|must|should|will|not|already";
    let said = "deleted|deletion|retrieved|updated|details|creation|schedule|scheduled";
    pattern(&format!(r"^(?:the )?(?:voice )?campaign (.+?) (?:{verbs}|{said})\b"))
});
/// What stands after "campaign" without being a name.
static NO_NAME: LazyLock<Regex> = LazyLock::new(|| {
    let rights = "access|permissions?|privileges?|rights?|scopes?";
    pattern(&format!(r"^(?:(?:{rights}|delet[a-z]+|management|operations?|api|to|for|of|the|this)(?: |$))+$"))
});
/// A name in quotes.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| pattern(r#""[^"]*"|`[^`]*`|“[^”]*”|‘[^’]*’"#));

/// Where a word of a name in camel case ends.
static CAMEL: LazyLock<Regex> = LazyLock::new(|| pattern("([a-z])([A-Z])"));

fn any(patterns: &[&str]) -> Regex {
    pattern(&patterns.join("|"))
}

fn pattern(pattern: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, compiled by the tests below")]
    Regex::new(pattern).unwrap()
}

/// Whether a refusal with this HTTP status and message is about a right that the app lacks, as far as it says so: not about
/// the token, nor about client id and secret. 401 never is.
pub fn speaks_of_rights(http_status: Option<i32>, message: &str) -> bool {
    let text = plain(message);
    http_status != Some(401)
        && !TOKEN.is_match(&text)
        && (names_a_right(&text) || http_status == Some(403) && !WHO.is_match(&text))
}

/// Whether this text of an error, or word of a code, refuses us: for lack of a right, or for who we are.
pub fn refuses_us(text: &str) -> bool {
    let text = plain(text);
    TOKEN.is_match(&text) || names_a_right(&text) || UNAUTHORIZED.is_match(&text)
}

fn names_a_right(plain: &str) -> bool {
    let lacks = LACKS.is_match(plain) && !OR_ABSENT.is_match(plain);
    lacks || FORBIDS.is_match(plain) && !STATE.is_match(plain) && !OR_ABSENT.is_match(plain)
}

/// The text in lower case, words apart, without names of campaigns.
fn plain(text: &str) -> String {
    let text = QUOTED.replace_all(text, " ").replace(['_', '-'], " ").replace('’', "'");
    // `AccessDenied` is two words.
    let text = CAMEL.replace_all(&text, "$1 $2").to_lowercase();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("access token", "token");
    let text = text.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    match NAMED.captures(&text).and_then(|found| found.get(1)) {
        Some(name) if !NO_NAME.is_match(name.as_str()) => format!("campaign{}", &text[name.end()..]),
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R25: the documented words, and those of others, as sentences and as codes.
    #[test]
    fn a_missing_right_is_told_from_the_rest() {
        for text in [
            "Unauthorized to perform this activity",
            "You are not authorized to perform this action",
            "You're not authorised to delete campaigns",
            "User isn't authorized to access this resource",
            "You do not have permission to delete this campaign",
            "You don't have the required permissions",
            "The app doesn't have access to the stream",
            "Insufficient privileges",
            "insufficient_scope: campaign:delete",
            "INSUFFICIENT_PERMISSIONS",
            "Missing required scope \"Campaign Management\"",
            "The JWT app lacks the scope Campaign Management",
            "The token does not have the required scope",
            "JWT app has no permission to delete campaigns",
            "Access denied",
            "AccessDenied",
            "ACCESS_DENIED",
            "Permission denied.",
            "PermissionDenied",
            "access to this resource is denied",
            "This operation requires the role Admin",
            "Campaign access is denied",
            "Campaign deletion is forbidden for this app",
            "Campaign Promo can't be deleted: permission denied",
            "Forbidden",
            "FORBIDDEN",
            "ForbiddenError",
            "You are not allowed to perform this operation",
            "Operation not permitted",
            "NOT_PERMITTED",
            "NotAuthorizedError",
            "code 403: nope",
            "No access to this account",
            "Required permission not found",
            "The client is not permitted to delete campaigns",
        ] {
            assert!(speaks_of_rights(Some(400), text), "{text}");
            assert!(speaks_of_rights(None, text) && refuses_us(text), "{text}");
            assert!(!speaks_of_rights(Some(401), text), "{text}");
        }
    }

    /// Names of campaigns, states of campaigns, and what may mean that there is none.
    #[test]
    fn other_refusals_are_not_about_rights() {
        for text in [
            "",
            "Campaign not found",
            "Campaign is running",
            "Bad Request",
            "Campaign Permission reminder is running",
            "Campaign Access denied is running",
            "Campaign Access denied follow-up not found",
            "Campaign Forbidden City tours not found",
            "Campaign \"Access denied\" not found",
            "Campaign No permission slips deleted successfully",
            "Campaign Insufficient rights campaign can't be deleted",
            "Campaign Token refresh is running",
            "Deleting a running campaign is not allowed",
            "You are not allowed to delete a campaign while it is active",
            "Deletion of an active campaign is forbidden",
            "Operation not permitted in this state",
            "Method Not Allowed",
            "Campaign not found or access denied",
            "You do not have access or the campaign does not exist",
            "Access number is in use",
        ] {
            assert!(!speaks_of_rights(Some(400), text) && !refuses_us(text), "{text}");
        }
    }

    /// Who we are is another matter than what we may, under 403, too.
    #[test]
    fn words_about_the_token_are_about_credentials() {
        for text in [
            "error verifying the jwt: possibly a replay",
            "Invalid SDK credentials",
            "code 4002: refused",
            "Invalid token",
            "The token has expired",
            "Access denied: invalid token",
            "JWT signature mismatch",
            "Unauthorized: token expired",
            "Unauthorized.",
            "UNAUTHORIZED_CLIENT",
            "authorization header is missing",
            "Authentication required",
        ] {
            assert!(!speaks_of_rights(Some(400), text) && refuses_us(text), "{text}");
        }
        for text in
            ["Access denied: invalid token", "Invalid SDK credentials", "possibly a replay", "Please log in"]
        {
            assert!(!speaks_of_rights(Some(403), text), "{text}");
        }
        assert!(speaks_of_rights(Some(403), "") && speaks_of_rights(Some(403), "nope"));
        assert!(speaks_of_rights(Some(403), "Unauthorized"));
        assert!(!speaks_of_rights(Some(400), "nope") && !refuses_us("nope"));
    }
}
