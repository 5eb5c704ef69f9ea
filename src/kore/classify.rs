//! What an answer means. Pure, and exhaustive: each kind of failure is named, and has its own reason.
//!
//! The documents show success samples only. So nothing but an explicit success for the very campaign confirms a
//! deletion; the answers that *may* mean "no such campaign" are a kind of their own that proves nothing by itself; and
//! whatever looks like a gateway, a proxy or a broken body is held against the way there, not against the campaign.

#![warn(clippy::wildcard_enum_match_arm)]

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::retry_after::DEFAULT_THROTTLE_PAUSE;
use super::rights::{refuses_us, speaks_of_rights};
use super::wire::{self, Envelope};
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

/// Proof that Kore has deleted a campaign: an answer 2xx (not 202) with `status: success` for that campaign's id.
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
    /// it as deleted): proves nothing.
    MayBeAbsent,
    /// The service has accepted a DELETE, and has not confirmed that this campaign is gone: 202, 2xx without a body, or a
    /// success that names no campaign (the documented one does, [delete-voice-campaign-v2]).
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
    if answer.oversized && (200..=299).contains(&answer.http_status) {
        return Ok(Page::oversized());
    }
    let envelope = success(answer, Asked::Read)?;
    wire::page(&envelope).ok_or_else(|| {
        let what = "the answer says success, but has no `data.results`";
        because(FailureKind::ContractViolation, what, summary(answer, &envelope))
    })
}

/// The campaign of an explicit success that names it. `_id` and `id` may differ, and either may be the one asked for.
fn success_for(answer: &RawAnswer, id: &str, asked: Asked) -> Result<(Campaign, AnswerSummary), Failure> {
    let envelope = success(answer, asked)?;
    let summary = summary(answer, &envelope);
    let campaign = envelope.data.as_ref().and_then(wire::campaign).unwrap_or_default();
    if envelope.ids.is_empty() {
        let said = if summary.message.is_empty() { String::new() } else { format!(": {}", summary.message) };
        let what = format!("the answer says success, but names no campaign{said}");
        return Err(because(asked.undecided(), &what, summary));
    }
    let failed = |status: &str| ["failed", "failure", "error"].contains(&status.to_lowercase().as_str());
    if envelope.ids.iter().any(|answered| answered == id) {
        // A success may hold an item that has failed [create-call-back-schedule-v2].
        let failed = campaign.status.as_deref().is_some_and(failed) || envelope.has_errors;
        if asked == Asked::Deletion && failed {
            return Err(because(
                asked.undecided(),
                "the answer says success, and that it has failed",
                summary,
            ));
        }
        return Ok((Campaign { id: Some(id.to_owned()), ..campaign }, summary));
    }
    let other = campaign.id.as_deref().unwrap_or_default();
    let what = format!("the answer says success for another campaign, {other}");
    Err(because(FailureKind::ContractViolation, &what, summary))
}

/// The envelope of an explicit success, or the kind of failure. HTTP status first, then error codes, then texts.
fn success(answer: &RawAnswer, asked: Asked) -> Result<Envelope, Failure> {
    let secrets: Vec<&str> = answer.secrets.iter().map(ExposeSecret::expose_secret).collect();
    let envelope = Envelope::read(&answer.body, &secrets);
    let kind = match answer.http_status {
        202 => asked.undecided(),
        200..=299 => match &envelope {
            Some(envelope) if envelope.is_success() => return Ok(envelope.clone()),
            // The first version of [delete-voice-campaign] showed this, and names no campaign.
            Some(envelope) if envelope.says_deleted() && asked == Asked::Deletion => FailureKind::Accepted,
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
    let kind = refined(kind, envelope.as_ref(), answer);
    let retry_after = match kind {
        FailureKind::Throttled => Some(answer.retry_after.unwrap_or(DEFAULT_THROTTLE_PAUSE)),
        FailureKind::MayBeAbsent
        | FailureKind::Accepted
        | FailureKind::CredentialsRejected
        | FailureKind::Refused
        | FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => answer.retry_after,
    };
    let answer = match &envelope {
        Some(envelope) if kind == FailureKind::CredentialsRejected => refusal(answer, envelope),
        Some(envelope) => summary(answer, envelope),
        None => AnswerSummary {
            http_status: Some(answer.http_status),
            status: None,
            message: without_envelope(answer).to_owned(),
        },
    };
    Err(Failure { kind, retry_after, sent: true, answer })
}

/// Whether there is nothing in the body, or nothing but white space.
fn has_no_body(answer: &RawAnswer) -> bool {
    !answer.oversized && answer.body.trim_ascii().is_empty()
}

/// A refusal for the rate limit, for the credentials or for a right may come under another status [rate-limit-ccai,
/// delete-users, sdk-security]: the texts and the codes of the body decide then.
fn refined(kind: FailureKind, envelope: Option<&Envelope>, answer: &RawAnswer) -> FailureKind {
    let has_code = |range: std::ops::RangeInclusive<i64>| {
        let codes = envelope.map(|envelope| envelope.error_codes.as_slice()).unwrap_or_default();
        codes.iter().any(|code| code.parse().is_ok_and(|code| range.contains(&code)))
    };
    let throttled = match envelope {
        Some(envelope) => {
            envelope.error_texts.iter().chain(&envelope.message).any(|text| speaks_of_the_rate_limit(text))
        }
        None => speaks_of_the_rate_limit(&String::from_utf8_lossy(&answer.body)),
    };
    if throttled {
        return FailureKind::Throttled;
    }
    match kind {
        FailureKind::MayBeAbsent | FailureKind::Refused | FailureKind::Unreadable
            if envelope.and_then(refused_for).is_some() =>
        {
            FailureKind::CredentialsRejected
        }
        // A service in trouble says nothing about the campaign, under whatever status it tells of it.
        FailureKind::MayBeAbsent if has_code(429..=429) => FailureKind::Throttled,
        FailureKind::MayBeAbsent if has_code(408..=408) || has_code(500..=599) => FailureKind::Unavailable,
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

/// The words of an answer that refuse us, texts and codes alike: those about a right before those about who we are.
fn refused_for(envelope: &Envelope) -> Option<String> {
    let codes = envelope.error_codes.iter().map(|code| format!("code {code}"));
    let words = envelope.error_texts.iter().cloned().chain(codes).filter(|words| refuses_us(words));
    let words: Vec<String> = words.collect();
    words.iter().find(|words| speaks_of_rights(None, words)).or(words.first()).cloned()
}

/// What of a refusal of us may be shown: first the words that make it one, wherever in the answer they stand.
fn refusal(answer: &RawAnswer, envelope: &Envelope) -> AnswerSummary {
    let summary = summary(answer, envelope);
    let Some(words) = refused_for(envelope) else { return summary };
    let message = envelope.message.as_deref().unwrap_or_default();
    let says_so = refuses_us(message) && speaks_of_rights(None, message) == speaks_of_rights(None, &words);
    let message = if says_so { return summary } else { format!("{words}: {message}") };
    AnswerSummary { message: scrub::message(&message), ..summary }
}

/// "You've exceeded the per-minute rate limit." [rate-limit-ccai], "hourly" [rate-limit], "Rate limit for this API has been
/// reached." (forum). A campaign may be called after it, so the words alone are not enough.
fn speaks_of_the_rate_limit(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("rate limit") && ["exceeded", "reached"].iter().any(|word| text.contains(word))
}

fn without_envelope(answer: &RawAnswer) -> &'static str {
    match answer.http_status {
        300..=399 => "a redirect; redirects are not followed",
        _ if answer.oversized => "the body is larger than 1 MiB",
        _ if has_no_body(answer) => "an empty body",
        _ => "a body that is not a JSON object",
    }
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
        assert!(!deletion(&raw(401, documented), "cd-1").unwrap_err().lacks_right());
        assert!(deletion(&raw(403, ""), "cd-1").unwrap_err().lacks_right());
        // A campaign may be called so, and a success is one.
        let named = r#"{"message":"Campaign Permission reminder is running"}"#;
        assert_eq!(kind(409, named), Err(Refused));
        assert_eq!(kind(404, &named.replace("is running", "not found")), Err(MayBeAbsent));
        assert_eq!(kind(200, &OK.replace("Campaign x", "Campaign Access denied")), Ok(()));
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
            r#"{"status":"success"}"#,
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
        assert_eq!(
            listing(&raw(200, r#"{"status":"failure","data":{"results":[]}}"#)).unwrap_err().kind,
            MayBeAbsent
        );
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
        // A campaign may be called so.
        assert_eq!(kind(409, r#"{"message":"Campaign Rate limit promo is running"}"#), Err(Refused));
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
