//! What an answer means. Pure, and exhaustive: each kind of failure is named, and has its own reason.
//!
//! The documents show success samples only. So nothing but an explicit success for the very campaign confirms a
//! deletion; the answers that *may* mean "no such campaign" are a kind of their own that proves nothing by itself; and
//! whatever looks like a gateway, a proxy or a broken body is held against the way there, not against the campaign.

#![warn(clippy::wildcard_enum_match_arm)]

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::listing::is_spelled;
use super::retry_after::DEFAULT_THROTTLE_PAUSE;
use super::wire::{self, Envelope};
use super::words::{
    Absence, Undone, absence, refuses_us, says_there_are_none, speak_of_a_state, speaks_of_rights,
    speaks_of_the_rate_limit, undone,
};
use super::{Campaign, Page, scrub};

/// An answer as it came over the wire.
#[derive(Clone, Debug, Default)]
pub struct RawAnswer {
    /// HTTP status code.
    pub http_status: u16,
    /// `Retry-After`, read and bounded.
    pub retry_after: Option<Duration>,
    /// Body, at most 1 MiB.
    pub body: Vec<u8>,
    /// The body is larger than that, and was not read.
    pub oversized: bool,
    /// What must not be shown, if the answer echoes it.
    pub secrets: Vec<SecretString>,
}

/// Proof that Kore has deleted a campaign: an answer 2xx (not 202) with `status: success` for that campaign's id, and nothing in it that
/// denies it.
///
/// Only this module can make one, from such an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfirmedDeletion {
    campaign: Campaign,
    answer: AnswerSummary,
}

impl ConfirmedDeletion {
    /// The campaign as the answer returned it.
    pub fn campaign(&self) -> &Campaign {
        &self.campaign
    }

    /// What of the answer may be shown.
    pub fn answer(&self) -> &AnswerSummary {
        &self.answer
    }
}

/// What of an answer may be shown: no credentials, no telephone numbers, bounded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerSummary {
    /// HTTP status code; `None` if no answer came.
    pub http_status: Option<u16>,
    /// `status` of the envelope.
    pub status: Option<String>,
    /// Message of the envelope, or what went wrong.
    pub message: String,
}

/// A call that did not do what was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{kind}: {}", .answer.message)]
pub struct Failure {
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// How long the service wants to be left alone. Always set for [`FailureKind::Throttled`].
    pub retry_after: Option<Duration>,
    /// Whether the request may have reached the service: not, if there was no connection.
    pub sent: bool,
    /// What of the answer may be shown.
    pub answer: AnswerSummary,
}

/// Kinds of failure. Each is told apart because something else follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureKind {
    /// The answer may mean that there is no such campaign (404, 410, 400, 422, or 2xx without success; a GET that returns
    /// it as deleted): proves nothing. To a read, only 404, 410 and words that say so, and nothing else, mean that.
    MayBeAbsent,
    /// The service has accepted a DELETE, and has not confirmed that this campaign is gone: 202, 2xx without a body, or a
    /// success that names no campaign (the documented one does, [delete-voice-campaign-v2]), or denies itself.
    Accepted,
    /// 401, 403, or an error that says so: the token was refused, or the app lacks a right ([`Failure::lacks_right`]).
    CredentialsRejected,
    /// 429, or the rate-limit text under any status.
    Throttled,
    /// Another 4xx, as 409 for a campaign that is running.
    Refused,
    /// 408, 425 or 5xx: the service or a gateway is in trouble.
    Unavailable,
    /// No answer: name, connection, TLS, deadline, or cut before the end.
    Unreachable,
    /// An answer that says nothing: HTML, a broken body, more than 1 MiB; or, to a read, nothing or no campaign.
    Unreadable,
    /// An answer that contradicts the documents: success for another campaign, a redirect.
    ContractViolation,
}

impl FailureKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 9] = [
        Self::MayBeAbsent,
        Self::Accepted,
        Self::CredentialsRejected,
        Self::Throttled,
        Self::Refused,
        Self::Unavailable,
        Self::Unreachable,
        Self::Unreadable,
        Self::ContractViolation,
    ];

    /// The reason under which this kind shows in conditions, events and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::MayBeAbsent => "AwaitingProof",
            Self::Accepted => "DeletionAccepted",
            Self::CredentialsRejected => "CredentialsRejected",
            Self::Throttled => "Throttled",
            Self::Refused => "RefusedByService",
            Self::Unavailable => "ServiceUnavailable",
            Self::Unreachable => "ServiceUnreachable",
            Self::Unreadable => "UnreadableAnswer",
            Self::ContractViolation => "ContractViolation",
        }
    }
}

impl std::fmt::Display for FailureKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::MayBeAbsent => "the service may not know the campaign",
            Self::Accepted => "the service has accepted the request but not confirmed the deletion",
            Self::CredentialsRejected => "the service refused the credentials, or the app lacks a right",
            Self::Throttled => "the rate limit of the account is used up",
            Self::Refused => "the service refused the request",
            Self::Unavailable => "the service is unavailable",
            Self::Unreachable => "no answer from the service",
            Self::Unreadable => "the answer is not what the service documents",
            Self::ContractViolation => "the answer contradicts the documentation",
        })
    }
}

impl Failure {
    /// A call that got no answer.
    pub fn unreachable(message: &str) -> Self {
        Self::without_envelope(FailureKind::Unreachable, message)
    }

    /// A listing of one row per page, and a page that is larger than what is read.
    pub fn oversized_row() -> Self {
        Self::without_envelope(FailureKind::Unreadable, "a single row of the listing is larger than 1 MiB")
    }

    /// Whether the app lacks a right, as far as the answer says so: its credentials are those of an app that Kore knows.
    pub fn lacks_right(&self) -> bool {
        let http_status = self.answer.http_status.map(i32::from);
        self.kind == FailureKind::CredentialsRejected && speaks_of_rights(http_status, &self.answer.message)
    }

    fn without_envelope(kind: FailureKind, message: &str) -> Self {
        let message = scrub::message(message);
        Self {
            kind,
            retry_after: None,
            sent: true,
            answer: AnswerSummary { message, ..AnswerSummary::default() },
        }
    }
}

/// What was asked.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Deletion,
    Read,
}

impl Asked {
    /// The kind of an answer that says neither that it was done nor that it was not.
    fn undecided(self) -> FailureKind {
        match self {
            Self::Deletion => FailureKind::Accepted,
            Self::Read => FailureKind::Unreadable,
        }
    }
}

/// Reads the answer to a DELETE of the campaign `id` [delete-voice-campaign-v2].
pub fn deletion(answer: &RawAnswer, id: &str) -> Result<ConfirmedDeletion, Failure> {
    let (campaign, answer) = success_for(answer, id, Asked::Deletion)?;
    Ok(ConfirmedDeletion { campaign, answer })
}

/// Reads the answer to a GET of the campaign `id` [get-voice-campaign-by-id-v2].
pub fn single(answer: &RawAnswer, id: &str) -> Result<Campaign, Failure> {
    let deleted = |status: Option<&str>| status.is_some_and(wire::is_deleted);
    match success_for(answer, id, Asked::Read) {
        Ok((campaign, summary)) if deleted(campaign.status.as_deref()) => Err(returned_as_deleted(summary)),
        Ok((campaign, _)) => Ok(campaign),
        Err(Failure { kind: FailureKind::MayBeAbsent, answer, .. }) if deleted(answer.status.as_deref()) => {
            Err(returned_as_deleted(answer))
        }
        Err(failure) => Err(failure),
    }
}

/// A GET that returns the campaign as one that lives no longer: in `data.status`, or in the envelope's `status` as the first
/// version of [delete-voice-campaign] has it.
fn returned_as_deleted(summary: AnswerSummary) -> Failure {
    because(FailureKind::MayBeAbsent, "Kore returns the campaign as deleted", summary)
}

/// Reads the answer to a listing [get-all-campaigns-v2].
pub fn listing(answer: &RawAnswer) -> Result<Page, Failure> {
    let is_2xx = (200..=299).contains(&answer.http_status) && answer.http_status != 202;
    if answer.oversized && is_2xx {
        return Ok(Page::oversized());
    }
    // How an empty listing looks is not documented. One that says nothing counts only beside a GET that says something.
    if has_no_body(answer) && is_2xx {
        return Ok(Page::without_rows(false));
    }
    let read = envelope_of(answer);
    let said = Said::of(answer, read.as_ref());
    let envelope = match success(answer, read.as_ref(), Asked::Read) {
        Ok(envelope) if envelope.has_errors => return Err(failed(answer, envelope, Asked::Read)),
        Err(Failure { kind: FailureKind::MayBeAbsent | FailureKind::Unreadable, .. })
            if answer.http_status != 202 && said.that_there_are_none() =>
        {
            return Ok(Page::without_rows(said.that_there_are_no_campaigns()));
        }
        read => read?,
    };
    let says_so = |page: &Page| page.names_rows || said.that_there_are_no_campaigns();
    let page = wire::page(envelope).map(|page| Page { names_rows: says_so(&page), ..page });
    // A refusal, or a pause that is asked for, may come under `success`, too. A page with rows is one, whatever else it says.
    if page.as_ref().is_none_or(|page| page.rows.is_empty())
        && let Some(refused) = refused_all_the_same(answer, envelope, Asked::Read)
    {
        return Err(refused);
    }
    page.ok_or_else(|| {
        let what = "the answer says success, but has no `data.results`";
        because(FailureKind::ContractViolation, what, summary(answer, envelope))
    })
}

/// The campaign of an explicit success that names it. `_id` and `id` may differ, and either may be the one asked for.
fn success_for(answer: &RawAnswer, id: &str, asked: Asked) -> Result<(Campaign, AnswerSummary), Failure> {
    let read = envelope_of(answer);
    let envelope = success(answer, read.as_ref(), asked)?;
    let summary = summary(answer, envelope);
    let campaign = envelope.data.as_ref().and_then(wire::campaign).unwrap_or_default();
    let is_named = match asked {
        Asked::Deletion => envelope.ids.iter().any(|answered| answered == id),
        // Whatever shows it is there, counts as seen; but a GET may name what it does not find.
        Asked::Read => {
            let shows_it = |ids: &[String]| ids.iter().any(|shown| is_spelled(shown, id));
            let finds_none = || envelope.message.as_deref().map(absence) == Some(Absence::Said);
            shows_it(&envelope.ids) || shows_it(&envelope.shown_ids) && !finds_none()
        }
    };
    if envelope.has_errors && !(is_named && asked == Asked::Read) {
        return Err(failed(answer, envelope, asked));
    }
    if envelope.ids.is_empty() && !is_named {
        if let Some(refused) = refused_all_the_same(answer, envelope, asked) {
            return Err(refused);
        }
        let said = if summary.message.is_empty() { String::new() } else { format!(": {}", summary.message) };
        let what = format!("the answer says success, but names no campaign{said}");
        return Err(because(asked.undecided(), &what, summary));
    }
    if is_named {
        // A success may hold an item that has failed [create-call-back-schedule-v2]. To doubt it costs a proof, and no safety.
        if asked == Asked::Deletion && (envelope.denies.is_some() || doubt(envelope).is_some()) {
            return Err(failed(answer, envelope, asked));
        }
        return Ok((Campaign { id: Some(id.to_owned()), ..campaign }, summary));
    }
    let other = campaign.id.as_deref().unwrap_or_default();
    let what = format!("the answer says success for another campaign, {other}");
    Err(because(FailureKind::ContractViolation, &what, summary))
}

/// How a message begins of an answer to a DELETE that says success, and that it has failed.
pub const DENIED: &str = "the answer says success, and that it has failed";

/// What an answer says in words that is not that the campaign is deleted, and how.
fn doubt(envelope: &Envelope) -> Option<(Undone, &str)> {
    let name = envelope.data.as_ref().and_then(|data| data.get("name")?.as_str());
    let mut said = envelope.message.iter().chain(&envelope.remarks).map(String::as_str);
    said.find_map(|text| Some((undone(text, name)?, text)))
}

/// An answer that says success, and the contrary.
fn failed(answer: &RawAnswer, envelope: &Envelope, asked: Asked) -> Failure {
    if let Some(refused) = refused_all_the_same(answer, envelope, asked) {
        return refused;
    }
    let (how, doubtful) = doubt(envelope).unzip();
    let what = match envelope.denies.or(how) {
        Some(Undone::UnderWay) => "the answer says success, and that it is under way",
        Some(Undone::Unsaid) => "the answer says success, and not that the campaign is deleted",
        Some(Undone::Denied) | None => DENIED,
    };
    let error = envelope.error_texts.iter().find(|text| Some(*text) != envelope.message.as_ref());
    let words = error.map(String::as_str).or(doubtful).or(envelope.message.as_deref()).unwrap_or_default();
    let text = if words.is_empty() { what.to_owned() } else { format!("{what}: {words}") };
    because(asked.undecided(), &text, summary(answer, envelope))
}

/// What the words of an answer say, whatever its status: that we are refused, that it is too much, or that the service is in trouble.
fn refused_all_the_same(answer: &RawAnswer, envelope: &Envelope, asked: Asked) -> Option<Failure> {
    let said = Said { http_status: answer.http_status, envelope: Some(envelope), stray: Vec::new() };
    let kind = refined(asked.undecided(), &said);
    (kind != asked.undecided()).then(|| Failure {
        kind,
        retry_after: pause_after(kind, answer),
        sent: true,
        answer: refusal(answer, &said),
    })
}

/// How long the service wants to be left alone.
fn pause_after(kind: FailureKind, answer: &RawAnswer) -> Option<Duration> {
    answer.retry_after.or_else(|| (kind == FailureKind::Throttled).then_some(DEFAULT_THROTTLE_PAUSE))
}

/// What an answer says in words.
struct Said<'a> {
    http_status: u16,
    envelope: Option<&'a Envelope>,
    /// Of a body that is not a JSON object.
    stray: Vec<String>,
}

impl<'a> Said<'a> {
    fn of(answer: &RawAnswer, envelope: Option<&'a Envelope>) -> Self {
        let stray = match envelope {
            Some(_) => Vec::new(),
            None => wire::stray_words(&answer.body, &secrets_of(answer)),
        };
        Self { http_status: answer.http_status, envelope, stray }
    }

    /// Its texts, and its codes as words.
    fn words(&self) -> impl Iterator<Item = String> {
        let envelope = self.envelope.into_iter();
        let texts = envelope
            .clone()
            .flat_map(|envelope| envelope.error_texts.iter().chain(&envelope.message))
            .cloned();
        let codes = envelope.flat_map(|envelope| &envelope.error_codes).map(|code| format!("code {code}"));
        texts.chain(codes).chain(self.stray.iter().cloned())
    }

    fn has_code(&self, range: std::ops::RangeInclusive<i64>) -> bool {
        let codes = self.envelope.map(|envelope| envelope.error_codes.as_slice()).unwrap_or_default();
        codes.iter().any(|code| code.parse().is_ok_and(|code| range.contains(&code)))
    }

    /// The words that refuse us: those about a right before those about who we are.
    fn refusal(&self) -> Option<String> {
        let words: Vec<String> = self.words().filter(|words| refuses_us(words)).collect();
        words.iter().find(|words| speaks_of_rights(None, words)).or(words.first()).cloned()
    }

    /// Whether a listing was told that there are no campaigns, and nothing else that may be meant.
    fn that_there_are_none(&self) -> bool {
        let words: Vec<String> = self.words().collect();
        words.iter().any(|words| says_there_are_none(words))
            && !words.iter().any(|words| absence(words) == Absence::Unclear && !says_there_are_none(words))
    }

    /// The same, and one and the same text says it, and of campaigns: "No results found" may be said of anything.
    fn that_there_are_no_campaigns(&self) -> bool {
        let of_campaigns =
            |words: String| says_there_are_none(&words) && words.to_lowercase().contains("campaign");
        self.that_there_are_none() && self.words().any(of_campaigns)
    }

    /// Whether a read was told that there is no campaign. A gateway answers 404 with words of its own.
    fn is_absence(&self) -> bool {
        let absences: Vec<Absence> = self.words().map(|words| absence(&words)).collect();
        !absences.contains(&Absence::Unclear)
            && (absences.contains(&Absence::Said) || matches!(self.http_status, 404 | 410))
    }
}

fn secrets_of(answer: &RawAnswer) -> Vec<&str> {
    answer.secrets.iter().map(ExposeSecret::expose_secret).collect()
}

fn envelope_of(answer: &RawAnswer) -> Option<Envelope> {
    Envelope::read(&answer.body, &secrets_of(answer))
}

/// The envelope, if it is that of an explicit success, or the kind of failure. HTTP status first, then error codes, then texts.
fn success<'a>(
    answer: &RawAnswer,
    envelope: Option<&'a Envelope>,
    asked: Asked,
) -> Result<&'a Envelope, Failure> {
    let kind = match answer.http_status {
        202 => asked.undecided(),
        200..=299 => match envelope {
            Some(envelope) if envelope.is_success() => return Ok(envelope),
            // The first version of [delete-voice-campaign] showed this, and names no campaign.
            Some(envelope) if envelope.says_deleted() && asked == Asked::Deletion => FailureKind::Accepted,
            Some(envelope) if envelope.says_under_way() => asked.undecided(),
            Some(envelope) if envelope.status.is_some() || !envelope.error_codes.is_empty() => {
                FailureKind::MayBeAbsent
            }
            None if has_no_body(answer) => asked.undecided(),
            Some(_) | None => FailureKind::Unreadable,
        },
        300..=399 => FailureKind::ContractViolation,
        401 | 403 => FailureKind::CredentialsRejected,
        429 => FailureKind::Throttled,
        408 | 425 | 500..=599 => FailureKind::Unavailable,
        // A gateway answers 404 in HTML; the service answers in JSON, or (not documented) with nothing.
        400 | 404 | 410 | 422 if envelope.is_some() || has_no_body(answer) => FailureKind::MayBeAbsent,
        400 | 404 | 410 | 422 => FailureKind::Unreadable,
        400..=499 => FailureKind::Refused,
        _ => FailureKind::ContractViolation,
    };
    let said = Said::of(answer, envelope);
    let kind = refined(kind, &said);
    // A campaign that is running may be deleted by nobody: that is no right of ours. To read it nobody is kept by its state.
    let is_of_a_state = kind == FailureKind::CredentialsRejected
        && asked == Asked::Deletion
        && answer.http_status == 403
        && speak_of_a_state(said.words());
    let kind = if is_of_a_state { FailureKind::Refused } else { kind };
    let is_unclear = kind == FailureKind::MayBeAbsent && asked == Asked::Read && !said.is_absence();
    let kind = if is_unclear { FailureKind::Unreadable } else { kind };
    let retry_after = pause_after(kind, answer);
    let answer = match envelope {
        _ if kind == FailureKind::CredentialsRejected => refusal(answer, &said),
        Some(envelope) => summary(answer, envelope),
        None => without_envelope(answer),
    };
    Err(Failure { kind, retry_after, sent: true, answer })
}

/// Whether there is nothing in the body, or nothing but white space.
fn has_no_body(answer: &RawAnswer) -> bool {
    !answer.oversized && answer.body.trim_ascii().is_empty()
}

/// A refusal for the rate limit, for the credentials or for a right may come under another status [rate-limit-ccai,
/// delete-users, sdk-security]: the texts and the codes of the body decide then.
fn refined(kind: FailureKind, said: &Said<'_>) -> FailureKind {
    if said.words().any(|words| speaks_of_the_rate_limit(&words)) {
        return FailureKind::Throttled;
    }
    match kind {
        FailureKind::MayBeAbsent | FailureKind::Accepted | FailureKind::Refused | FailureKind::Unreadable
            if said.refusal().is_some() =>
        {
            FailureKind::CredentialsRejected
        }
        // The service itself says so in JSON; what a gateway says of those behind it is not about us.
        FailureKind::Unavailable
            if said.http_status == 500 && said.envelope.is_some() && said.refusal().is_some() =>
        {
            FailureKind::CredentialsRejected
        }
        // A service in trouble says nothing about the campaign, under whatever status it tells of it.
        FailureKind::MayBeAbsent if said.has_code(429..=429) => FailureKind::Throttled,
        FailureKind::MayBeAbsent if said.has_code(408..=408) || said.has_code(500..=599) => {
            FailureKind::Unavailable
        }
        FailureKind::MayBeAbsent
        | FailureKind::Accepted
        | FailureKind::CredentialsRejected
        | FailureKind::Throttled
        | FailureKind::Refused
        | FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => kind,
    }
}

/// What of a refusal of us may be shown: first the words that make it one, wherever in the answer they stand.
fn refusal(answer: &RawAnswer, said: &Said<'_>) -> AnswerSummary {
    let summary =
        said.envelope.map_or_else(|| without_envelope(answer), |envelope| summary(answer, envelope));
    let Some(words) = said.refusal() else { return summary };
    let message = said.envelope.and_then(|envelope| envelope.message.as_deref()).unwrap_or_default();
    let says_so = refuses_us(message) && speaks_of_rights(None, message) == speaks_of_rights(None, &words);
    let message = match message {
        _ if says_so => return summary,
        "" => words,
        message => format!("{words}: {message}"),
    };
    AnswerSummary { message: scrub::message(&message), ..summary }
}

/// How a body that is compressed with gzip begins [RFC 1952].
const GZIP: [u8; 2] = [0x1f, 0x8b];

fn without_envelope(answer: &RawAnswer) -> AnswerSummary {
    let message = match answer.http_status {
        300..=399 => "a redirect; redirects are not followed",
        _ if answer.oversized => "the body is larger than 1 MiB",
        _ if has_no_body(answer) => "an empty body",
        _ if answer.body.starts_with(&GZIP) => "a compressed body, which was not asked for",
        _ => "a body that is not a JSON object",
    };
    AnswerSummary { http_status: Some(answer.http_status), status: None, message: message.to_owned() }
}

/// A failure of this kind, with what is the matter in the place of the service's own words.
fn because(kind: FailureKind, what: &str, summary: AnswerSummary) -> Failure {
    let answer = AnswerSummary { message: scrub::message(what), ..summary };
    Failure { kind, retry_after: None, sent: true, answer }
}

fn summary(answer: &RawAnswer, envelope: &Envelope) -> AnswerSummary {
    AnswerSummary {
        http_status: Some(answer.http_status),
        status: envelope.status.as_deref().map(|status| scrub::cut(&scrub::message(status), 64)),
        message: scrub::message(envelope.message.as_deref().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureKind::*;

    fn raw(http_status: u16, body: &str) -> RawAnswer {
        RawAnswer { http_status, body: body.as_bytes().to_vec(), ..RawAnswer::default() }
    }

    fn kind(http_status: u16, body: &str) -> Result<(), FailureKind> {
        deletion(&raw(http_status, body), "cd-1").map(|_| ()).map_err(|failure| failure.kind)
    }

    const OK: &str =
        r#"{"status":"success","message":"Campaign x deleted successfully","data":{"_id":"cd-1"}}"#;

    /// The one answer that confirms: 2xx but not 202, success, for this id. Every part is needed.
    #[test]
    fn only_an_explicit_success_for_this_campaign_confirms() {
        assert_eq!(kind(200, OK), Ok(()));
        assert_eq!(kind(201, OK), Ok(()));
        assert_eq!(kind(200, &OK.replace("success\"", "SUCCESS\"")), Ok(()));
        assert_eq!(kind(202, OK), Err(Accepted));
        assert_eq!(kind(404, OK), Err(MayBeAbsent));
        assert_eq!(kind(500, OK), Err(Unavailable));
        assert_eq!(kind(302, OK), Err(ContractViolation));
        assert_eq!(kind(200, &OK.replace("cd-1", "cd-2")), Err(ContractViolation));
        assert_eq!(kind(200, r#"{"status":"success","id":"cd-1"}"#), Err(Accepted));
        assert_eq!(kind(200, &OK.replace("{\"_id", "{\"status\":\"Failed\",\"_id")), Err(Accepted));
        assert_eq!(
            kind(200, &OK.replace("{\"status", "{\"errors\":[{\"msg\":\"no\"}],\"status")),
            Err(Accepted)
        );
        assert_eq!(kind(200, &OK.replace("{\"status", "{\"errors\":[],\"status")), Ok(()));
        assert_eq!(kind(200, r#"{"status":"failure","message":"no"}"#), Err(MayBeAbsent));
        assert_eq!(kind(200, r#"{"status":"error"}"#), Err(MayBeAbsent));
    }

    /// R15: broken answers confirm nothing and hint at nothing, under any status.
    #[test]
    fn html_empty_cut_and_deep_bodies_are_unreadable() {
        for body in ["<html>ok</html>", &OK[..40], "[]", "null", "success", "{}", &"[".repeat(100_000)] {
            assert_eq!(kind(200, body), Err(Unreadable), "{body:.40}");
        }
        assert_eq!(kind(404, "<html>not found</html>"), Err(Unreadable));
        assert_eq!(kind(400, "Bad Request"), Err(Unreadable));
    }

    /// A gateway that compresses whatever it is asked for is named.
    #[test]
    fn a_compressed_body_is_named() {
        let answer = RawAnswer { body: vec![0x1f, 0x8b, 8, 0], ..raw(200, "") };
        let failure = deletion(&answer, "cd-1").unwrap_err();
        assert_eq!(failure.kind, Unreadable);
        assert_eq!(failure.answer.message, "a compressed body, which was not asked for");
    }

    /// R23: a success that names no campaign is accepted, and confirms nothing; to a read it says nothing. One that names
    /// another contradicts.
    #[test]
    fn a_success_that_names_no_campaign_is_accepted() {
        let nameless = [
            (200, ""),
            (200, " \r\n"),
            (201, "\n"),
            (204, ""),
            (205, ""),
            (200, r#"{"status":"success"}"#),
            (200, r#"{"status":"success","data":null}"#),
            (200, r#"{"status":"success","data":{}}"#),
            (200, r#"{"status":"success","data":[]}"#),
            (200, r#"{"status":"success","data":"done"}"#),
            (200, r#"{"status":"Success","data":{"name":"x","_id":null}}"#),
            (200, r#"{"status":"success","data":{"_id":" ","id":""}}"#),
            (202, r#"{"status":"success","data":{}}"#),
        ];
        for (status, body) in nameless {
            assert_eq!(kind(status, body), Err(Accepted), "{status} {body}");
            assert_eq!(single(&raw(status, body), "cd-1").unwrap_err().kind, Unreadable, "{status} {body}");
        }
        for status in [404, 410] {
            assert_eq!(kind(status, " \n"), Err(MayBeAbsent));
        }
        let failure = deletion(&raw(200, r#"{"status":"success","message":"Done"}"#), "cd-1").unwrap_err();
        assert_eq!(failure.answer.message, "the answer says success, but names no campaign: Done");
        let other = r#"{"status":"success","data":{"_id":"cd-2"}}"#;
        assert_eq!(kind(200, other), Err(ContractViolation));
        assert_eq!(single(&raw(200, other), "cd-1").unwrap_err().kind, ContractViolation);
    }

    /// R24: what says nothing about the campaign is no "not there" of a GET, nor an "accepted".
    #[test]
    fn a_read_that_says_nothing_is_unreadable() {
        for (status, body) in [(404, "<html>not found</html>"), (404, "Not Found"), (202, OK), (200, "null")]
        {
            assert_eq!(single(&raw(status, body), "cd-1").unwrap_err().kind, Unreadable, "{status} {body}");
            assert_eq!(listing(&raw(status, body)).unwrap_err().kind, Unreadable, "{status} {body}");
        }
        assert_eq!(
            single(&raw(404, r#"{"message":"Campaign not found"}"#), "cd-1").unwrap_err().kind,
            MayBeAbsent
        );
    }

    /// R24: kore's first page on deletions showed `{"status":"Deleted",…}`.
    #[test]
    fn a_campaign_that_is_returned_as_deleted_is_not_there() {
        let first_version =
            r#"{"status":"Deleted","message":"Campaign Deleted","deletedAt":"2024-05-01T10:00:00.000Z"}"#;
        for state in ["Deleted", "DELETED", "deleted"] {
            let body = OK.replace(r#""_id""#, &format!(r#""status":"{state}","_id""#));
            let first_version = first_version.replace("Deleted", state);
            for body in [&body, &first_version] {
                let failure = single(&raw(200, body), "cd-1").unwrap_err();
                assert_eq!(failure.kind, MayBeAbsent, "{body}");
                assert_eq!(failure.answer.message, "Kore returns the campaign as deleted");
            }
            // An explicit success for this campaign is one, whatever state it had.
            assert_eq!(kind(200, &body), Ok(()));
            assert_eq!(kind(200, &first_version), Err(Accepted));
        }
        assert!(single(&raw(200, &OK.replace(r#""_id""#, r#""status":"Ready","_id""#)), "cd-1").is_ok());
    }

    /// The documents disagree whether it is `_id` or `id`.
    #[test]
    fn either_id_may_be_the_campaigns() {
        for ids in [r#""_id":"cd-1","id":"x""#, r#""_id":"x","id":"cd-1""#, r#""_id":null,"id":"cd-1""#] {
            let body = OK.replace(r#""_id":"cd-1""#, ids);
            assert_eq!(kind(200, &body), Ok(()), "{body}");
            let campaign = single(&raw(200, &body), "cd-1").unwrap();
            assert_eq!(campaign.id.as_deref(), Some("cd-1"));
        }
        assert_eq!(kind(200, &OK.replace(r#""cd-1""#, r#""x","id":"y""#)), Err(ContractViolation));
    }

    /// R25: delete-users documents it as 400; whatever the status, and wherever in the body it stands.
    #[test]
    fn a_missing_right_is_no_absence() {
        let documented = r#"{"errors":[{"msg":"Unauthorized to perform this activity","code":400}]}"#;
        let nested = r#"{"statusCode":400,"status":400,"customCode":400,"message":"Bad request","name":"BadRequest",
            "errors":[{"msg":"Unauthorized to perform this activity","code":400}]}"#;
        for body in [
            documented,
            nested,
            r#"{"users":[{"errors":[{"msg":"Unauthorized to perform this activity","code":400}]}]}"#,
            r#"{"status":"failure","message":"You do not have permission to delete this campaign"}"#,
            r#"{"status":"error","error":{"message":"no","code":"ACCESS_DENIED"}}"#,
            r#"{"errors":[{"msg":"nope","code":403}]}"#,
            r#"{"errors":[{"msg":"nope","code":"403"}]}"#,
            r#"{"statusCode":403,"message":"nope"}"#,
            r#"{"status":403}"#,
            r#"{"code":"INSUFFICIENT_SCOPE"}"#,
            r#"{"errors":["Insufficient scope"]}"#,
            r#"{"error":"insufficient_scope","error_description":"the token lacks it"}"#,
        ] {
            for status in [200, 400, 403, 404, 409, 410, 422] {
                let failure = deletion(&raw(status, body), "cd-1").unwrap_err();
                assert_eq!(failure.kind, CredentialsRejected, "{status} {body}");
                assert!(failure.lacks_right(), "{status} {body}: {failure}");
                assert_eq!(single(&raw(status, body), "cd-1").unwrap_err().kind, CredentialsRejected);
            }
        }
        let failure = deletion(&raw(400, nested), "cd-1").unwrap_err();
        assert_eq!(failure.answer.message, "Unauthorized to perform this activity: Bad request");
        for body in
            [r#"{"errors":[{"msg":"nope","code":401}]}"#, r#"{"errors":[{"msg":"nope","code":4002}]}"#]
        {
            let failure = deletion(&raw(400, body), "cd-1").unwrap_err();
            assert!(failure.kind == CredentialsRejected && !failure.lacks_right(), "{failure}");
        }
        assert!(!deletion(&raw(401, ""), "cd-1").unwrap_err().lacks_right());
        assert!(deletion(&raw(403, ""), "cd-1").unwrap_err().lacks_right());
        // A campaign may be called so, and a success is one.
        let named = r#"{"message":"Campaign Permission reminder is running"}"#;
        assert_eq!(kind(409, named), Err(Refused));
        assert_eq!(kind(404, &named.replace("is running", "not found")), Err(MayBeAbsent));
        let deleted = OK.replace("Campaign x", "Campaign Access denied");
        assert_eq!(kind(200, &deleted.replace(r#""_id""#, r#""name":"Access denied","_id""#)), Ok(()));
        assert_eq!(kind(200, &deleted), Err(Accepted), "it may be no name");
    }

    /// The body of a gateway may say of the service what its status does not.
    #[test]
    fn a_service_in_trouble_is_no_absence() {
        assert_eq!(kind(200, r#"{"errors":[{"msg":"try later","code":503}]}"#), Err(Unavailable));
        assert_eq!(kind(400, r#"{"status":500,"message":"Internal error"}"#), Err(Unavailable));
        assert_eq!(kind(200, r#"{"status":"error","code":"429"}"#), Err(Throttled));
    }

    /// A body that was not read is not an empty one.
    #[test]
    fn a_body_that_is_too_large_says_nothing() {
        let oversized = |http_status| RawAnswer { http_status, oversized: true, ..RawAnswer::default() };
        for status in [200, 204, 404] {
            let failure = deletion(&oversized(status), "cd-1").unwrap_err();
            assert_eq!(failure.kind, Unreadable);
            assert_eq!(failure.answer.message, "the body is larger than 1 MiB");
            assert_eq!(single(&oversized(status), "cd-1").unwrap_err().kind, Unreadable);
        }
        assert_eq!(listing(&oversized(200)), Ok(Page::oversized()));
        assert_eq!(listing(&oversized(404)).unwrap_err().kind, Unreadable);
        assert_eq!(listing(&oversized(503)).unwrap_err().kind, Unavailable);
    }

    /// R27: a listing has to say that it is one.
    #[test]
    fn what_is_no_listing_is_not_taken_for_an_empty_one() {
        for body in [
            r#"{"status":"success","data":"none"}"#,
            r#"{"status":"success","data":{"campaigns":[{"_id":"cd-1"}]}}"#,
            r#"{"status":"success","data":[{"_id":"cd-1"}]}"#,
            r#"{"status":"success","data":{"results":{"_id":"cd-1"}}}"#,
        ] {
            assert_eq!(listing(&raw(200, body)).unwrap_err().kind, ContractViolation, "{body}");
        }
        assert_eq!(
            listing(&raw(404, r#"{"status":"success","data":{"results":[]}}"#)).unwrap_err().kind,
            MayBeAbsent
        );
        for body in [
            r#"{"status":"failure","data":{"results":[]}}"#,
            r#"{"status":"success","errors":[{"msg":"no"}],"data":{"results":[]}}"#,
            r#"{"status":"success","data":{"results":[],"error":"try later"}}"#,
        ] {
            assert_eq!(listing(&raw(200, body)).unwrap_err().kind, Unreadable, "{body}");
        }
        let refused = r#"{"status":"success","errors":[{"msg":"Unauthorized to perform this activity"}],"data":{"results":[]}}"#;
        assert_eq!(listing(&raw(200, refused)).unwrap_err().kind, CredentialsRejected);
    }

    /// A refusal, or a pause that is asked for, under `success`: it is in the words. What the service shows all the same, counts.
    #[test]
    fn a_success_that_refuses_is_a_refusal() {
        let answers = [
            ("Unauthorized to perform this activity", CredentialsRejected),
            ("You've exceeded the per-minute rate limit. Please try again later", Throttled),
        ];
        for ((words, kind), data) in
            answers.iter().flat_map(|answer| ["{}", "null", r#"{"results":[]}"#].map(|data| (answer, data)))
        {
            let body = format!(r#"{{"status":"success","message":"{words}","data":{data}}}"#);
            let told = [
                listing(&raw(200, &body)).unwrap_err(),
                single(&raw(200, &body), "cd-1").unwrap_err(),
                deletion(&raw(200, &body), "cd-1").unwrap_err(),
            ];
            for failure in told {
                let pause = (*kind == Throttled).then_some(DEFAULT_THROTTLE_PAUSE);
                assert_eq!((failure.kind, failure.retry_after), (*kind, pause), "{body}");
            }
            let body = format!(
                r#"{{"status":"success","message":"{words}","data":{{"results":[{{"_id":"cd-1"}}]}}}}"#
            );
            assert_eq!(listing(&raw(200, &body)).unwrap().rows.len(), 1);
            let body = format!(r#"{{"status":"success","message":"{words}","data":{{"_id":"cd-1"}}}}"#);
            assert!(single(&raw(200, &body), "cd-1").is_ok());
            // Only an answer that does not deny itself confirms.
            assert_eq!(deletion(&raw(200, &body), "cd-1").unwrap_err().kind, *kind);
        }
    }

    /// R27: how an empty listing looks is not documented. What does not say so counts only beside a GET that says something.
    #[test]
    fn an_answer_that_names_no_rows_may_be_an_empty_listing() {
        for (status, body) in [
            (204, ""),
            (200, " \n"),
            (200, r#"{"status":"success"}"#),
            (200, r#"{"status":"success","data":""}"#),
            (200, r#"{"status":"success","data":{"campaigns":[]}}"#),
            (400, r#"{"errors":[{"msg":"No records found","code":404}]}"#),
            (404, r#"{"errors":[{"msg":"No records found","code":"CAMPAIGN_LIST"}]}"#),
        ] {
            assert_eq!(listing(&raw(status, body)), Ok(Page::without_rows(false)), "{status} {body}");
        }
        for (status, body) in [
            (200, r#"{"status":"success","message":"No campaigns found"}"#),
            (200, r#"{"status":"failure","message":"No campaigns found"}"#),
            (404, r#"{"message":"No campaigns found"}"#),
            (404, r#"{"code":"CAMPAIGNS_NOT_FOUND"}"#),
            (404, "No campaigns found"),
            (400, r#"{"message":"You have no campaigns"}"#),
        ] {
            assert_eq!(listing(&raw(status, body)), Ok(Page::without_rows(true)), "{status} {body}");
        }
        for (status, body) in [
            (404, ""),
            (404, r#"{"message":"Not found"}"#),
            (202, r#"{"status":"success"}"#),
            (500, r#"{"message":"No campaigns found"}"#),
            (404, r#"{"message":"Campaign not found"}"#),
            (404, r#"{"message":"Campaigns endpoint not found"}"#),
            (404, r#"{"message":"No campaigns found","errors":[{"msg":"Stream not found"}]}"#),
            (202, r#"{"status":"success","message":"No campaigns found"}"#),
            (200, r#"{"status":"failure","message":"No campaigns found: access denied"}"#),
        ] {
            assert!(listing(&raw(status, body)).is_err(), "{status} {body}");
        }
    }

    /// R24: to a read, only words that say so (or 404 and 410) mean that there is no campaign. No list of refusals is complete.
    #[test]
    fn a_read_is_told_in_words_that_there_is_no_campaign() {
        let read = |status, body: &str| single(&raw(status, body), "cd-1").unwrap_err().kind;
        for (status, body) in [
            (404, ""),
            (410, r#"{"message":"gone"}"#),
            (404, r#"{"statusCode":404,"message":"Cannot GET it"}"#),
            (400, r#"{"errors":[{"msg":"Campaign does not exist","code":400}]}"#),
            (400, r#"{"errors":[{"msg":"nope","code":404}]}"#),
            (200, r#"{"status":"failure","message":"Campaign not found"}"#),
            (422, r#"{"name":"CampaignNotFoundError"}"#),
        ] {
            assert_eq!(read(status, body), MayBeAbsent, "{status} {body}");
        }
        for (status, body) in [
            (400, ""),
            (422, " "),
            (400, r#"{"message":"Bad Request"}"#),
            (400, r#"{"errors":[{"msg":"We do not talk to you","code":400}]}"#),
            (200, r#"{"status":"failure"}"#),
            (404, r#"{"message":"Stream not found"}"#),
            (404, r#"{"message":"no Route matched with those values: path not found"}"#),
            (404, r#"{"message":"no Route matched with those values"}"#),
            (404, r#"{"message":"Campaign not found or access denied"}"#),
            (400, r#"{"message":"You do not have access or the campaign does not exist"}"#),
        ] {
            assert_eq!(read(status, body), Unreadable, "{status} {body}");
            assert_eq!(kind(status, body), Err(MayBeAbsent), "{status} {body}");
        }
    }

    /// R25: whatever form the refusal has.
    #[test]
    fn a_refusal_is_one_in_any_form() {
        for (status, body) in [
            (400, "Unauthorized to perform this activity"),
            (403, "Forbidden"),
            (400, r#""Unauthorized to perform this activity""#),
            (400, r#"[{"msg":"Unauthorized to perform this activity","code":400}]"#),
            (500, r#"{"errors":[{"msg":"Unauthorized to perform this activity","code":400}]}"#),
            (400, r#"{"status":"FORBIDDEN"}"#),
            (400, r#"{"name":"ForbiddenError"}"#),
            (400, r#"{"errors":[{"title":"Insufficient permissions"}]}"#),
            (200, r#"{"status":"failure","data":"Access denied"}"#),
            (401, r#"{"errors":[{"msg":"Unauthorized to perform this activity","code":401}]}"#),
        ] {
            let failure = deletion(&raw(status, body), "cd-1").unwrap_err();
            assert_eq!(failure.kind, CredentialsRejected, "{status} {body}");
            assert!(failure.lacks_right(), "{status} {body}: {failure}");
        }
        // What a gateway says of those behind it, and what a campaign is called, is not about us.
        for (status, body) in [
            (502, r#"{"message":"Access denied by the upstream"}"#),
            (503, "Access denied"),
            (500, "<html>Forbidden</html>"),
        ] {
            assert_eq!(kind(status, body), Err(Unavailable), "{status} {body}");
        }
        let named =
            r#"{"status":"failure","message":"no","data":{"_id":"cd-1","name":"Access denied follow-up"}}"#;
        assert_eq!(kind(200, named), Err(MayBeAbsent));
    }

    /// R23: a success that names an error confirms nothing, and says which.
    #[test]
    fn a_success_with_an_error_confirms_nothing() {
        for error in [
            r#""error":"Campaign is running""#,
            r#""errors":{"msg":"Campaign is running"}"#,
            r#""errors":[{"msg":"Campaign is running"}]"#,
            r#""statusCode":409,"reason":"Campaign is running""#,
        ] {
            let inner = OK.replace(r#""_id""#, &format!(r#"{error},"_id""#));
            let outer = OK.replace(r#""data""#, &format!(r#"{error},"data""#));
            for body in [inner, outer] {
                let failure = deletion(&raw(200, &body), "cd-1").unwrap_err();
                assert_eq!(failure.kind, Accepted, "{body}");
                assert!(failure.answer.message.contains("Campaign is running"), "{failure}");
                // Whatever shows the campaign shows it.
                assert!(single(&raw(200, &body), "cd-1").is_ok(), "{body}");
            }
        }
        let refused = r#""errors":[{"msg":"Unauthorized to perform this activity","code":400}]"#;
        let body = OK.replace(r#""_id""#, &format!(r#"{refused},"_id""#));
        assert_eq!(kind(200, &body), Err(CredentialsRejected));
        for nothing in
            [r#""error":null"#, r#""errors":[]"#, r#""error":"""#, r#""error":false"#, r#""errors":{}"#]
        {
            assert_eq!(
                kind(200, &OK.replace(r#""data""#, &format!(r#"{nothing},"data""#))),
                Ok(()),
                "{nothing}"
            );
        }
        for state in ["in progress", "QUEUED", "in_progress"] {
            assert_eq!(kind(200, &format!(r#"{{"status":"{state}"}}"#)), Err(Accepted));
        }
    }

    /// R23: a success that denies itself, wherever and in whatever words, confirms nothing; Kore's own words confirm, whatever the
    /// campaign is called.
    #[test]
    fn a_success_that_denies_itself_confirms_nothing() {
        for field in [
            r#""errorMessage":"Campaign is running""#,
            r#""error_code":409"#,
            r#""Errors":[{"msg":"Campaign is running"}]"#,
            r#""httpStatus":409"#,
            r#""deleted":false"#,
            r#""deletedCount":0"#,
            r#""status":"DELETE_FAILED""#,
            r#""state":"Deletion failed""#,
            r#""status":"Deleting""#,
            r#""status":"not deleted""#,
            r#""status":"Deletion pending""#,
            r#""items":[{"status":"failed","reason":"running"}]"#,
            r#""message":"Campaign is running and cannot be deleted""#,
            r#""reason":"Campaign is running""#,
            r#""Warnings":["Campaign is running"]"#,
            r#""details":[{"msg":"Campaign is running"}]"#,
            r#""jobStatus":"IN_PROGRESS""#,
            r#""deletionState":"queued""#,
            r#""deleted":"false""#,
            r#""failed":["cd-1"]"#,
            r#""notDeleted":["cd-1"]"#,
        ] {
            let body = OK.replace(r#""_id""#, &format!(r#"{field},"_id""#));
            assert_eq!(kind(200, &body), Err(Accepted), "{body}");
            assert!(single(&raw(200, &body), "cd-1").is_ok(), "{body}");
        }
        for message in [r#"["Campaign is running"]"#, r#"{"text":"Campaign is running"}"#, "false"] {
            let body = OK.replace(r#""Campaign x deleted successfully""#, message);
            assert_eq!(kind(200, &body), Err(Accepted), "{body}");
        }
        for field in ["msg", "Reason"] {
            let body = OK.replace(r#""data""#, &format!(r#""{field}":"Campaign is running","data""#));
            assert_eq!(kind(200, &body), Err(Accepted), "{body}");
        }
        let said = |message: &str| OK.replace("Campaign x deleted successfully", message);
        for message in [
            "Campaign x cannot be deleted while it is active",
            "Campaign x could not be deleted",
            "Campaign x was not deleted successfully",
            "Campaign x cannot be deleted successfully",
            "Deletion failed",
            "Campaign x is running",
            "Stop the campaign first",
            "Only stopped campaigns can be deleted",
            "0 campaigns deleted",
            "Nothing to delete",
            "No campaign was deleted",
            "Campaign cannot be deleted",
            "Campaign can't be deleted",
            "Campaign not deleted",
            "Campaign must be paused before it is deleted",
            "Campaign must be paused before it is deleted successfully",
            "The campaign must first be stopped and deleted",
            "Campaign Promo failed to be deleted",
            "Campaign Promo failed to get deleted successfully",
            "Campaign was never deleted",
            "Campaign x wasn’t deleted successfully",
            "Campaign x was not fully deleted successfully",
            "Campaign x could not be stopped and deleted successfully",
            "Campaign deletion failed; 0 records deleted successfully",
            "Campaign x is running; its recordings deleted successfully",
        ] {
            let failure = deletion(&raw(200, &said(message)), "cd-1").unwrap_err();
            assert!(failure.kind == Accepted && failure.answer.message.starts_with(DENIED), "{failure}");
        }
        for message in [
            "Campaign x deletion in progress",
            "Campaign x will be deleted",
            "Campaign x will be deleted successfully",
            "Deletion scheduled",
            "Deletion started",
            "Campaign x deletion requested",
            "Delete request received",
            "See your inbox",
            "The campaign will be deleted",
            "Campaign is being deleted",
            "Campaign queued to be deleted",
            "Campaign may be deleted",
            "Campaign can be deleted when it has ended",
            "Campaign would have been deleted",
            "Campaign would have been deleted successfully",
            "Campaign x is to be deleted",
            "Campaign x half deleted",
            "Deleted from the schedule",
            "Success: see details",
            "Campaign x retrieved successfully",
            "Campaign x stopped successfully",
            "Campaign x archived successfully",
            "Campaign deletion triggered successfully",
            "Campaign deletion enqueued successfully",
            "Campaign deletion job created successfully",
            "Campaign delete request successful",
            "Campaign deletion 50% complete",
            "Campaign deletion: step 1 of 3 completed",
            "Campaign x 50% deleted",
            "Campaign getting deleted",
            "Campaign x marked as deleted",
            "Campaign x will be stopped and then deleted successfully",
        ] {
            let failure = deletion(&raw(200, &said(message)), "cd-1").unwrap_err();
            assert!(failure.kind == Accepted && !failure.answer.message.starts_with(DENIED), "{failure}");
        }
        for message in [
            "Campaign x deleted successfully",
            "Campaign Summer sale 2026 (US) deleted successfully",
            "Campaign \"Not now\" deleted successfully",
            "Campaign \"Not now\" has been deleted",
            "Deleted",
            "OK",
            "SUCCESS",
            "CAMPAIGN_DELETED",
            "Successfully deleted",
            "The campaign has been deleted",
            "Campaign was successfully removed",
            "Campaign deleted",
            "Deletion completed successfully",
            "Done",
            "",
        ] {
            assert_eq!(kind(200, &said(&message.replace('"', "\\\""))), Ok(()), "{message}");
        }
        // Kore's own words, whatever the campaign is called, if the answer says how.
        let named = |name: &str, message: &str| {
            let body = said(&message.replace('"', "\\\""));
            kind(200, &body.replace(r#""_id""#, &format!("\"name\":{name:?},\"_id\"")))
        };
        for name in [
            "Pending calls",
            "Error follow-up",
            "Do not call reminder",
            "Members who do not have access",
            "Policy will expire",
            "Renewals (first wave)",
            "Will you renew?",
            "Not now!",
            "(only) #1 call",
            "#1 first call",
            "- not yet -",
            "Payment has failed - retry",
            "Renewals - US only",
            "To be or not to be",
            "Don’t wait",
            "\"Quoted\" offer",
        ] {
            assert_eq!(named(name, &format!("Campaign {name} deleted successfully.")), Ok(()), "{name}");
            assert_eq!(named(name, &format!("Voice campaign {name} has been deleted")), Ok(()), "{name}");
            for undone in ["retrieved successfully", "cannot be deleted", "50% deleted", "soft deleted"] {
                assert!(named(name, &format!("Campaign {name} {undone}")).is_err(), "{name} {undone}");
            }
        }
        for field in [
            r#""status":"Deleted""#,
            r#""deletedCount":1"#,
            r#""status":"Scheduled""#,
            r#""errorCode":0"#,
            r#""message":"Campaign x deleted successfully""#,
            r#""jobStatus":"COMPLETED""#,
            r#""failed":0"#,
            r#""scheduleStatus":"Scheduled""#,
            r#""failed":[]"#,
            r#""reason":null"#,
        ] {
            assert_eq!(kind(200, &OK.replace(r#""_id""#, &format!(r#"{field},"_id""#))), Ok(()), "{field}");
        }
    }

    /// R25: a campaign that is running may be deleted by nobody: that is no right that the app lacks.
    #[test]
    fn a_state_is_no_missing_right() {
        for body in [
            r#"{"message":"Campaign is running"}"#,
            r#"{"statusCode":403,"message":"Campaign x is running","error":"Forbidden"}"#,
            r#"{"message":"You are not allowed to delete a campaign while it is active"}"#,
        ] {
            assert_eq!(kind(403, body), Err(Refused), "{body}");
        }
        let read = single(&raw(403, r#"{"message":"You are not allowed to view campaign status"}"#), "cd-1");
        assert_eq!(read.unwrap_err().kind, CredentialsRejected, "no state keeps anybody from reading");
        for body in [
            r#"{"message":"You do not have permission to delete a running campaign"}"#,
            r#"{"message":"Your account is not active"}"#,
            r#"{"message":"Token expired while the campaign is running"}"#,
            r#"{"message":"Forbidden"}"#,
        ] {
            assert_eq!(kind(403, body), Err(CredentialsRejected), "{body}");
        }
    }

    /// Whatever shows the campaign counts as seen, in whatever form.
    #[test]
    fn a_campaign_is_seen_wherever_it_stands() {
        for data in [
            r#"[{"_id":"cd-1"}]"#,
            r#"{"campaign":{"_id":"cd-1"}}"#,
            r#"{"_id":"64f0","campaignId":" CD-1","name":"x"}"#,
            r#"{"_id":"cd-1\u200b"}"#,
        ] {
            let body = format!(r#"{{"status":"success","data":{data}}}"#);
            let seen = single(&raw(200, &body), "cd-1").unwrap();
            assert_eq!(seen.id.as_deref(), Some("cd-1"), "{body}");
        }
        // A GET that names what it does not find, and a DELETE that speaks of the campaign.
        for (message, data) in [
            ("Campaign not found", r#"{"campaignId":"cd-1"}"#),
            ("Campaign not found", r#"{"campaign":null,"campaignId":"cd-1","status":"x"}"#),
            ("x", r#"[{"_id":"cd-1","status":"Deleted"}]"#),
        ] {
            let body = format!(r#"{{"status":"success","message":"{message}","data":{data}}}"#);
            assert_eq!(single(&raw(200, &body), "cd-1").unwrap_err().kind, Unreadable, "{body}");
        }
        assert_eq!(kind(200, &OK.replace("_id", "campaignId")), Err(Accepted));
        assert_eq!(kind(200, &OK.replace(r#""_id""#, r#""_id":"j-1","campaignId""#)), Err(ContractViolation));
        let rows = r#"{"status":"success","data":{"results":[{"_id":"64f0","campaignId":"cd-1","name":"x"},{"_id":"c\ufffd-2"}]}}"#;
        let page = listing(&raw(200, rows)).unwrap();
        assert_eq!(page.ids().collect::<Vec<_>>(), ["64f0", "cd-1"], "an id that is garbled may be any");
    }

    /// A number that nobody can hold does not hide a page.
    #[test]
    fn a_number_that_is_none_hides_nothing() {
        for number in ["1e999", "-1E+999", "NaN", "-Infinity", "1.2.3"] {
            let body =
                OK.replace(r#""_id""#, &format!(r#""x":{number},"name":"NaN 1e999 \"-Infinity","_id""#));
            assert_eq!(kind(200, &body), Ok(()), "{body}");
            let name = single(&raw(200, &body), "cd-1").unwrap().name;
            assert_eq!(name.as_deref(), Some("NaN 1e999 \"-Infinity"));
        }
    }

    /// An id that is spelled otherwise shows the campaign, and confirms nothing.
    #[test]
    fn another_spelling_of_the_id_is_seen_and_confirms_nothing() {
        let body = OK.replace("cd-1", " CD-1");
        assert_eq!(kind(200, &body), Err(ContractViolation));
        assert!(single(&raw(200, &body), "cd-1").is_ok());
    }

    /// The answers that may mean "no such campaign", and only those.
    #[test]
    fn what_may_mean_absent() {
        for status in [400, 404, 410, 422] {
            assert_eq!(kind(status, r#"{"message":"no such campaign"}"#), Err(MayBeAbsent), "{status}");
            assert_eq!(kind(status, ""), Err(MayBeAbsent), "{status}");
        }
        for status in [401, 403, 408, 429, 409, 405, 500, 502, 503, 504] {
            assert_ne!(kind(status, r#"{"message":"no such campaign"}"#), Err(MayBeAbsent), "{status}");
        }
        assert_eq!(kind(409, r#"{"message":"campaign is running"}"#), Err(Refused));
    }

    /// Credentials and rate limit are recognised under any status.
    #[test]
    fn the_body_may_say_more_than_the_status() {
        let replay = r#"{"errors":[{"msg":"error verifying the jwt: possibly a replay","code":401}]}"#;
        for status in [200, 400, 401, 422] {
            assert_eq!(kind(status, replay), Err(CredentialsRejected), "{status}");
        }
        assert_eq!(
            kind(400, r#"{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}"#),
            Err(CredentialsRejected)
        );
        let limited = r#"{"message":"You've exceeded the per-minute rate limit. Please wait"}"#;
        for status in [200, 400, 403, 404, 429, 503] {
            assert_eq!(kind(status, limited), Err(Throttled), "{status}");
        }
        for limited in [
            r#"{"code":"RATE_LIMIT_EXCEEDED"}"#,
            r#"{"name":"RateLimitExceeded"}"#,
            r#"{"message":"rate-limit exceeded"}"#,
            r#"{"message":"API rate limit exceeded"}"#,
            r#"{"message":"You have hit your rate limit"}"#,
            r#"{"error":"Too Many Requests"}"#,
            r#"{"message":"Your request was throttled"}"#,
        ] {
            for status in [400, 403, 503] {
                assert_eq!(kind(status, limited), Err(Throttled), "{status} {limited}");
            }
        }
        // A campaign may be called so.
        assert_eq!(kind(409, r#"{"message":"Campaign Rate limit promo is running"}"#), Err(Refused));
        for refused in [
            "Campaign Too many requests is running",
            "Campaign has too many calls in progress",
            "Cannot delete: too many calls are active",
        ] {
            assert_eq!(kind(409, &format!(r#"{{"message":"{refused}"}}"#)), Err(Refused), "{refused}");
        }
        assert_eq!(kind(200, &OK.replace("Campaign x", "Campaign Rate Limit")), Ok(()));
    }

    /// A refusal for the rate limit always says how long to wait.
    #[test]
    fn throttled_carries_a_pause() {
        let failure = deletion(&raw(429, ""), "cd-1").unwrap_err();
        assert_eq!(failure.retry_after, Some(DEFAULT_THROTTLE_PAUSE));
        let answer = RawAnswer { retry_after: Some(Duration::from_secs(7)), ..raw(429, "") };
        assert_eq!(deletion(&answer, "cd-1").unwrap_err().retry_after, Some(Duration::from_secs(7)));
        let answer = RawAnswer { retry_after: Some(Duration::from_secs(9)), ..raw(503, "") };
        assert_eq!(deletion(&answer, "cd-1").unwrap_err().retry_after, Some(Duration::from_secs(9)));
    }

    /// Each kind has a reason of its own, in the form that Kubernetes asks of one.
    #[test]
    fn reasons_are_distinct_and_camel_case() {
        let mut reasons: Vec<_> = FailureKind::ALL.iter().map(|kind| kind.reason()).collect();
        assert!(reasons.iter().all(|reason| reason.chars().all(|c| c.is_ascii_alphabetic())));
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), FailureKind::ALL.len());
    }
}
