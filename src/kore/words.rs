//! What the words of a failure are about: a right that is missing, who we are, a campaign that is not there, or neither. Pure.
//!
//! Kore's one documented refusal for lack of permission comes as HTTP 400, "Unauthorized to perform this activity"
//! [delete-users]; other services have other words. A campaign may be called after any of them ("Campaign Permission
//! reminder is running"), so it takes a phrase that says who lacks what, outside of a campaign's name.
//!
//! That there is no campaign is believed of words that say so and nothing else: no list of refusals is ever complete.

use std::sync::LazyLock;

use regex::Regex;

/// What may be lacking.
const RIGHT: &str = "(?:permissions?|privileges?|rights?|scopes?|roles?|access)";

/// What is on the way to a campaign.
const ON_THE_WAY: &str = "routes?|endpoint|path|url|uri|host|service|server|api|upstream|backend|method";

/// "Unauthorized to perform this activity", "You do not have the required scope", "Access denied".
static LACKS: LazyLock<Regex> = LazyLock::new(|| {
    let lacking = "no|insufficient|inadequate|lacks?|lacking|missing|without|not have|not enough|needs?|requires?|denied";
    let denied = "denied|required|missing|insufficient|refused|needed|restricted|revoked|rejected|disabled|failed|\
                  not (?:granted|allowed|permitted|assigned|enabled)";
    any(&[
        r"\bcode 403\b",
        r"\bunauthori[sz]ed (?:to|for|access|action|activity|operation)\b",
        r"(?:\bnot|n't|\bnever) authori[sz]ed\b",
        r"\binsufficient authori[sz]ation\b|\binvalid scope\b|(?:\bnot|n't) (?:a )?member of\b",
        r"\bonly (?:an? |the )?(?:admins?|administrators?|owners?|supervisors?|managers?)\b",
        &format!(r"(?:\b(?:{lacking})|n't have) ?(?:[a-z0-9'.,:/]+ ){{0,4}}?{RIGHT}\b"),
        &format!(r"\b{RIGHT} ?(?:[a-z0-9'.:/]+ ){{0,5}}?(?:{denied})\b"),
    ])
});
/// "You are not allowed to …", "Forbidden": the same, unless it is the campaign's state that forbids it.
static FORBIDS: LazyLock<Regex> = LazyLock::new(|| {
    let who = "you|users?|app|application|client|caller|account|key|member|action|operation|activity|request";
    let may_not =
        "(?:not|[a-z]+n't) (?:allowed|permitted|entitled)|(?:can ?not|can't|may not) (?:access|perform|do)";
    let to = "perform|access|use|view|read|manage|call|delete|remove|modify|do";
    any(&[
        r"\bforbidden|\bprohibited\b",
        r"^(?:code )?not (?:permitted|allowed)$",
        &format!(r"\b(?:{who})(?: [a-z0-9']+){{0,3}}? (?:{may_not})\b"),
        &format!(
            r"(?:\bnot|n't) (?:allowed|permitted|entitled) (?:to (?:{to})|(?:for|by) (?:this|your|the) (?:{who}))\b"
        ),
    ])
});
/// A campaign that runs may not be deleted by anybody.
static STATE: LazyLock<Regex> = LazyLock::new(|| {
    let states = "running|active|paused|preparing|scheduled|stopped|completed|in progress|in use";
    pattern(&format!(r"\b(?:{states}|state|status|while|until)\b"))
});
/// "Campaign not found", "No such campaign", "The campaign has already been deleted", code 404.
static ABSENT: LazyLock<Regex> = LazyLock::new(|| {
    any(&[
        r"\bnot ?found\b|(?:\bnot|n't) exist|\bno longer exists?\b|\bunknown campaign\b|\bcode (?:404|410)\b",
        r"(?:\bnot|n't) (?:be )?(?:found|located)\b|(?:\bcan ?not|n't|\bnot|\bunable to) (?:find|locate)\b",
        r"\bno such [a-z]+|\bno (?:[a-z]+ ){1,4}(?:found|exists?|available)\b",
        r"\b(?:been|already|is|was) (?:deleted|removed)\b|^(?:code )?(?:campaign )?deleted$",
    ])
});
/// What may be missing without the campaign being gone.
static ANOTHER: LazyLock<Regex> = LazyLock::new(|| {
    let ours = "users?|accounts?|app|application|bot|stream|instance|tenant|organi[sz]ation|workspace|client|token|key|scope|role";
    pattern(&format!(
        r"\b(?:{ours}|{ON_THE_WAY}|page|permissions?|privileges?|rights?|access|contact|queue|list)\b"
    ))
});
/// "No campaigns found", "You have no campaigns": a listing without rows. Of one campaign a service says so of whatever it does not know.
static NONE: LazyLock<Regex> = LazyLock::new(|| {
    let rows = r"(?:(?:campaign|record|result)(?:s\b|\(s\)|\b))";
    let many = r"(?:(?:campaign|record|result)(?:s\b|\(s\)))";
    any(&[
        &format!(
            r"\b(?:no|0|zero) (?:[a-z]+ ){{0,2}}?{rows}(?: [a-z]+){{0,2}}? (?:found|exists?|available|present)\b"
        ),
        &format!(r"\b(?:there are|has|have|contains) (?:currently )?(?:no|0|zero) (?:[a-z]+ ){{0,2}}?{many}"),
        &format!(
            r"^(?:no|0|zero) (?:[a-z]+ ){{0,2}}?{many}(?: (?:in|for|of|under|on) (?:[a-z]+ ?){{1,3}})?$"
        ),
        &format!(
            r"\b{many} (?:(?:could|can|were|was|are) )?(?:not|[a-z]+n't) (?:be(?:en)? )?(?:found|located)\b"
        ),
        &format!(r"(?:\bnot|n't|\bunable to) (?:find|locate) (?:any )?(?:[a-z]+ ){{0,2}}?{many}"),
    ])
});
/// "The campaign has been deleted", "Successfully deleted", "Deletion completed", "OK": all that a text without names may say that says that
/// it is done.
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
/// What is no name to believe it, where the answer does not say what the campaign is called: "would have been", "before it is".
static NO_NAME_TO_BELIEVE: LazyLock<Regex> = LazyLock::new(|| {
    let verbs =
        "be|been|is|are|was|were|has|have|had|can|could|may|might|should|shall|would|gets?|got|getting|to";
    let parts = "almost|nearly|half|partly|partially|contacts?|recordings?|lists?|schedules?";
    pattern(&format!(r"\b(?:{verbs}|if|when|once|after|before|yet|and|or|but|{parts})\b|n't|[;:%]"))
});
/// "could not be deleted": what says that it is not.
static DENIED: LazyLock<Regex> = LazyLock::new(|| {
    any(&[
        r"\b(?:no|0|zero|none|nothing|only|first|running|active|stop|not|cannot|never|unable|denied|refused|rejected|declined|ignored|skipped|without|unless|until|while|must|still)\b|n't\b",
        r"\b(?:fail[a-z]*|errors?|invalid|unauthori[sz]ed|forbidden|prohibited|conflict)\b",
    ])
});
/// "deletion in progress": what says that it is not done yet.
static UNDER_WAY: LazyLock<Regex> = LazyLock::new(|| {
    any(&[
        r"\b(?:pending|queued|scheduled|initiated|started|begun|requested|received|submitted|accepted|processing|deleting|being|will|shortly|later|soon)\b",
        r"\bin progress\b|\bmarked for\b|\bunder way\b",
    ])
});
/// What may be about the way to the service.
static WAY: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\b(?:{ON_THE_WAY})\b")));
/// "error verifying the jwt: possibly a replay" [sdk-security], "Invalid SDK credentials", code 4002 (forum).
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    let bad =
        "invalid|expired?|revoked|malformed|bad|wrong|incorrect|mismatch|not valid|verif[a-z]+|decod[a-z]+";
    let it = "token|jwt|credentials?|signature|secret|client id|appid";
    any(&[
        &format!(r"\b(?:{bad}) (?:[a-z0-9]+ ){{0,3}}?(?:{it})\b"),
        &format!(r"\b(?:{it}):? (?:[a-z0-9]+ ){{0,3}}?(?:{bad})\b"),
        r"\breplay\b|\binvalid client\b",
        r"\bcode (?:401|4002)\b",
    ])
});
/// It does not say which of the two it is.
static UNAUTHORIZED: LazyLock<Regex> = LazyLock::new(|| {
    let failed = "failed|required|missing|invalid|error|denied";
    pattern(&format!(
        r"\bunauthori[sz]ed\b|\bunauthenticated\b|\b(?:authentication|authori[sz]ation)(?: header| check)?(?: is| has)? (?:{failed})\b"
    ))
});
/// Under 401, which is about who we are: "Unauthorized to perform this activity", "You do not have permission to …".
static NAMES_THE_RIGHT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\b(?:un|not )authori[sz]ed to\b|\b(?:permissions?|privileges?|scopes?|roles?)\b")
});
/// "This token cannot delete campaigns".
static MAY_NOT_DELETE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:cannot|can not|can't|may not|must not|not able to|unable to) delete\b"));
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
/// "You've exceeded the per-minute rate limit", "RATE_LIMIT_EXCEEDED", "Too Many Requests".
static RATE_LIMIT: LazyLock<Regex> = LazyLock::new(|| {
    any(&[
        r"\brate ?limit(?:s|ed)?\b.*\b(?:exceed(?:ed|s)?|reached|hit)\b",
        r"\b(?:exceed(?:ed|s)?|reached|hit)\b.*\brate ?limits?\b",
        // In a contact centre "calls" are those of campaigns.
        r"\btoo many (?:api )?requests\b|\btoo many api calls\b|\b(?:requests?|api|you)(?: [a-z']+){0,3} throttled\b",
    ])
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
/// the token, nor about client id and secret.
pub fn speaks_of_rights(http_status: Option<i32>, message: &str) -> bool {
    let text = plain(message);
    let named = names_a_right(&text) && (http_status != Some(401) || NAMES_THE_RIGHT.is_match(&text));
    // "This token cannot delete campaigns" is about what we may.
    let of_what_we_may = !WHO.is_match(&text) || MAY_NOT_DELETE.is_match(&text);
    !TOKEN.is_match(&text) && (named || http_status == Some(403) && of_what_we_may)
}

/// Whether this text of an error, or word of a code, refuses us: for lack of a right, or for who we are.
pub fn refuses_us(text: &str) -> bool {
    let text = plain(text);
    TOKEN.is_match(&text)
        || names_a_right(&text)
        || UNAUTHORIZED.is_match(&text) && !speaks_of_absence_of_it(&text)
}

/// What some words say of whether a campaign is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nothing.
    Unsaid,
    /// There is none.
    Said,
    /// There may be none, or something else is missing: "Campaign not found or access denied", "Stream not found".
    Unclear,
}

/// What this text of an error, or word of a code, says of whether a campaign is there.
pub fn absence(text: &str) -> Absence {
    let text = plain(text);
    let of_us = is_of_us(&text);
    match (speaks_of_absence_of_it(&text), ABSENT.is_match(&text)) {
        (true, _) if !of_us => Absence::Said,
        (true, _) | (_, true) => Absence::Unclear,
        // "no Route matched with those values" is a gateway.
        (false, false) if WAY.is_match(&text) && !text.contains("campaign") => Absence::Unclear,
        (false, false) => Absence::Unsaid,
    }
}

/// Whether this text says that there are no campaigns at all, as a service may answer a listing.
pub fn says_there_are_none(text: &str) -> bool {
    let text = plain(text);
    let of_others = WAY.is_match(&text) || !text.contains("campaign") && ANOTHER.is_match(&text);
    NONE.is_match(&text) && !is_of_us(&text) && !of_others
}

/// How a text does not say that a deletion is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It says that it is not.
    Denied,
    /// It says that it is not yet.
    UnderWay,
    /// It says nothing of it.
    Unsaid,
}

/// How the message of a success does not say that the deletion of a campaign of this name is done; `None` if there is no message, or it
/// does. No list of refusals is ever complete, so it has to say that, and nothing else: to doubt it costs a proof, and no safety.
pub fn undone(message: &str, name: Option<&str>) -> Option<Undone> {
    // "Campaign cannot be deleted" is about none that is called "cannot be", if the answer does not say so.
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
    // What stands around a name belongs to it: "campaign (not) now! deleted".
    let around = |c: char| !c.is_alphanumeric();
    let behind = name.map(words).filter(|name| !name.is_empty()).and_then(|name| {
        let named = rest.strip_prefix("campaign ")?.trim_start_matches(around);
        Some(named.strip_prefix(name.as_str())?.strip_prefix(around)?.trim_start_matches(around))
    });
    behind.map_or_else(|| words_of_it.to_owned(), |behind| format!("campaign {behind}"))
}

/// Whether a text says that it is done, and nothing else.
fn says_done(words: &str) -> bool {
    let doubtful =
        |name: &str| [&DENIED, &UNDER_WAY, &NO_NAME_TO_BELIEVE].iter().any(|words| words.is_match(name));
    let of_another_name = || KORES_OWN.captures(words).is_some_and(|found| !doubtful(&found[1]));
    words.is_empty() || DONE.is_match(words) || of_another_name()
}

/// "You've exceeded the per-minute rate limit." [rate-limit-ccai], "hourly" [rate-limit], "Rate limit for this API has been
/// reached." (forum), and what others say. A campaign may be called after it, so the words alone are not enough.
pub fn speaks_of_the_rate_limit(text: &str) -> bool {
    RATE_LIMIT.is_match(&plain(text))
}

/// Whether the texts of a refusal are about the state of a campaign, and not about us. "Forbidden" says no more than HTTP 403.
pub fn speak_of_a_state(texts: impl Iterator<Item = String>) -> bool {
    let says_more = |text: &String| !matches!(text.as_str(), "forbidden" | "code 403" | "code forbidden");
    let texts: Vec<String> = texts.map(|text| plain(&text)).filter(says_more).collect();
    let of_us = [&*LACKS, &*TOKEN, &*UNAUTHORIZED, &*WHO];
    texts.iter().any(|text| text.contains("campaign") && STATE.is_match(text))
        && !texts.iter().any(|text| of_us.iter().any(|words| words.is_match(text)))
}

fn is_of_us(plain: &str) -> bool {
    [&LACKS, &FORBIDS, &TOKEN, &UNAUTHORIZED].into_iter().any(|words| words.is_match(plain))
}

fn speaks_of_absence_of_it(plain: &str) -> bool {
    ABSENT.is_match(plain) && (plain.contains("campaign") || !ANOTHER.is_match(plain))
}

fn names_a_right(plain: &str) -> bool {
    let says_so = LACKS.is_match(plain) || FORBIDS.is_match(plain) && !STATE.is_match(plain);
    // "Campaign not found or access denied" may be either.
    says_so && !speaks_of_absence_of_it(plain)
}

/// The text in lower case, with single blanks, and nothing around it.
fn spaced(text: &str) -> String {
    let text = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    text.trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
}

/// The text in lower case, words apart, without what is in quotes.
fn words(text: &str) -> String {
    let text = QUOTED.replace_all(text, " ").replace(['_', '-'], " ").replace(['’', 'ʼ', '´', '`'], "'");
    // `AccessDenied` is two words.
    spaced(&CAMEL.replace_all(&text, "$1 $2")).replace("access token", "token")
}

/// The same without names of campaigns.
fn plain(text: &str) -> String {
    let text = words(text);
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
            "Unauthorized for this stream",
            "Insufficient authorization",
            "Permission check failed",
            "NOT_ALLOWED",
            "not allowed to delete campaigns",
            "App isn't allowed to delete campaigns",
            "You aren't allowed",
            "Deleting campaigns is not allowed for this app",
            "You cannot perform this action",
            "Operation is prohibited",
            "Only admins can delete campaigns",
            "Access is not allowed",
            "Access rejected",
            "Access has been revoked",
            "API access is disabled",
            "Scope \"Campaign Management\" is not assigned to the app",
            "invalid_scope",
            "You are not a member of this account",
        ] {
            assert!(speaks_of_rights(Some(400), text), "{text}");
            assert!(speaks_of_rights(None, text) && refuses_us(text), "{text}");
            assert_ne!(absence(text), Absence::Said, "{text}");
        }
        for (text, right) in [
            ("This token cannot delete campaigns", true),
            ("The JWT is not what is expected", false),
            ("The client app of this token has been deleted", false),
        ] {
            assert_eq!(speaks_of_rights(Some(403), text), right, "{text}");
        }
        // Under 401 it has to name the right.
        for text in
            ["Unauthorized to perform this activity", "You do not have permission to delete campaigns"]
        {
            assert!(speaks_of_rights(Some(401), text), "{text}");
        }
        for text in
            ["Unauthorized", "Access denied", "Forbidden", "Insufficient authorization", "code 403: nope"]
        {
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
            "No campaign found for this role",
            "No such campaign in this scope",
            "Campaign not found. Requires access to the stream",
        ] {
            assert!(!speaks_of_rights(Some(400), text) && !refuses_us(text), "{text}");
        }
    }

    /// R24: that there is no campaign is believed of words that say so, and nothing else.
    #[test]
    fn an_absence_is_said_in_words_of_its_own() {
        for text in [
            "Campaign not found",
            "Not Found",
            "NOT_FOUND",
            "CampaignNotFound",
            "CampaignNotFoundError",
            "campaign does not exist",
            "The campaign doesn't exist any more",
            "no such campaign",
            "Unknown campaign",
            "The voice campaign has already been deleted",
            "Campaign Stream promo not found",
            "Campaign Permission reminder could not be found",
            "Unable to find the campaign in this stream",
            "No campaign found",
            "No record found",
            "Resource not found",
            "code 404",
            "Deleted",
        ] {
            assert_eq!(absence(text), Absence::Said, "{text}");
            assert!(!refuses_us(text), "{text}");
        }
        for text in [
            "Campaign not found or access denied",
            "You do not have access or the campaign does not exist",
            "No campaign found for this role, which lacks permission",
            "Campaign not found. Requires access to the stream",
            "Stream not found",
            "Account not found",
            "The app does not exist",
            "no Route matched: path not found",
            "Contact list not found",
            "Required permission not found",
        ] {
            assert_eq!(absence(text), Absence::Unclear, "{text}");
        }
        for text in [
            "",
            "Bad Request",
            "Unauthorized to perform this activity",
            "User is unauthorized",
            "Deletion is not permitted",
            "We are sorry",
            "Campaign is running",
            "Campaign Not found yet is running",
        ] {
            assert_eq!(absence(text), Absence::Unsaid, "{text}");
        }
    }

    /// R27: a stream without campaigns, and what is said of one campaign alone, of something else, or of us.
    #[test]
    fn a_stream_without_campaigns_is_said_to_have_none() {
        for text in [
            "No campaigns found",
            "No campaign found",
            "No Campaign(s) found.",
            "No voice campaigns are available",
            "0 results found",
            "No campaigns",
            "No voice campaigns in this stream",
            "There are no campaigns in this stream",
            "You have no campaigns",
            "Campaigns not found",
            "CAMPAIGNS_NOT_FOUND",
            "Campaigns could not be found",
            "Could not find any campaigns",
            "Unable to find campaigns",
        ] {
            assert!(says_there_are_none(text), "{text}");
        }
        for text in [
            "Not found",
            "Campaign not found",
            "There is no campaign with this id",
            "No campaigns found: access denied",
            "You have no campaigns you are authorized to see: permission denied",
            "no Route found",
            "No results found in this queue",
            "No data",
            "Campaigns could not be loaded",
            "Could not find the campaign",
        ] {
            assert!(!says_there_are_none(text), "{text}");
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
            "User is unauthorized",
            "Request unauthorized",
            "Unauthorized app",
            "Authorization failed for app",
            "invalid_client",
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
