//! Phrases of a refusal, by which a text is about us and not about the campaign.

use std::sync::LazyLock;

use regex::Regex;

use super::text::{any, pattern};

/// What an app may lack.
const RIGHT: &str = "(?:permissions?|privileges?|rights?|scopes?|roles?|access)";

/// "Unauthorized to perform this activity", "You do not have the required scope", "Access denied".
pub static LACKS: LazyLock<Regex> = LazyLock::new(|| {
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
/// "You are not allowed to …", "Forbidden": a missing right, unless the state of the campaign is the reason.
pub static FORBIDS: LazyLock<Regex> = LazyLock::new(|| {
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
/// "error verifying the jwt: possibly a replay" [sdk-security], "Invalid SDK credentials", code 4002 (forum).
pub static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
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
/// "Unauthorized": the token or a right.
pub static UNAUTHORIZED: LazyLock<Regex> = LazyLock::new(|| {
    let failed = "failed|required|missing|invalid|error|denied";
    pattern(&format!(
        r"\bunauthori[sz]ed\b|\bunauthenticated\b|\b(?:authentication|authori[sz]ation)(?: header| check)?(?: is| has)? (?:{failed})\b"
    ))
});
