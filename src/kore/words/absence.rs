//! Texts that say that a campaign, or all of them, does not exist.

use std::sync::LazyLock;

use regex::Regex;

use super::phrases::{FORBIDS, LACKS, TOKEN, UNAUTHORIZED};
use super::text::{any, pattern, plain};

/// Parts of the way to a campaign.
const ON_THE_WAY: &str = "routes?|endpoint|path|url|uri|host|service|server|api|upstream|backend|method";

/// "Campaign not found", "No such campaign", "The campaign has already been deleted", code 404.
static ABSENT: LazyLock<Regex> = LazyLock::new(|| {
    any(&[
        r"\bnot ?found\b|(?:\bnot|n't) exist|\bno longer exists?\b|\bunknown campaign\b|\bcode (?:404|410)\b",
        r"(?:\bnot|n't) (?:be )?(?:found|located)\b|(?:\bcan ?not|n't|\bnot|\bunable to) (?:find|locate)\b",
        r"\bno such [a-z]+|\bno (?:[a-z]+ ){1,4}(?:found|exists?|available)\b",
        r"\b(?:been|already|is|was) (?:deleted|removed)\b|^(?:code )?(?:campaign )?deleted$",
    ])
});
/// Something else that may be missing while the campaign exists.
static ANOTHER: LazyLock<Regex> = LazyLock::new(|| {
    let ours = "users?|accounts?|app|application|bot|stream|instance|tenant|organi[sz]ation|workspace|client|token|key|scope|role";
    pattern(&format!(
        r"\b(?:{ours}|{ON_THE_WAY}|page|permissions?|privileges?|rights?|access|contact|queue|list)\b"
    ))
});
/// "No campaigns found", "You have no campaigns": a listing without rows. The same words in the singular are
/// those of a service that does not know one campaign.
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
/// A part of the way to the service.
static WAY: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\b(?:{ON_THE_WAY})\b")));

/// What a text says about whether a campaign exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nothing.
    Unsaid,
    /// The campaign does not exist.
    Said,
    /// The campaign may not exist, or something else is missing: "Campaign not found or access denied",
    /// "Stream not found".
    Unclear,
}

/// What the text of an error, or an error code, says about whether a campaign exists.
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

/// Whether a text says that there are no campaigns at all, as a service may answer a listing.
pub fn says_there_are_none(text: &str) -> bool {
    let text = plain(text);
    let of_others = WAY.is_match(&text) || !text.contains("campaign") && ANOTHER.is_match(&text);
    NONE.is_match(&text) && !is_of_us(&text) && !of_others
}

/// Whether a text in [`plain`] form says that something is missing, and that this may be the campaign.
pub fn speaks_of_absence_of_it(plain: &str) -> bool {
    ABSENT.is_match(plain) && (plain.contains("campaign") || !ANOTHER.is_match(plain))
}

fn is_of_us(plain: &str) -> bool {
    [&LACKS, &FORBIDS, &TOKEN, &UNAUTHORIZED].into_iter().any(|words| words.is_match(plain))
}
