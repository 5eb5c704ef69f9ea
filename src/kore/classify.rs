//! What an answer means. Pure, and exhaustive: each kind of failure is named, and has its own reason.
//!
//! The documents show success samples only. So nothing but an explicit success for the very campaign confirms a
//! deletion; the answers that *may* mean "no such campaign" are a kind of their own that proves nothing by itself; and
//! whatever looks like a gateway, a proxy or a broken body is held against the way there, not against the campaign.

#![warn(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::retry_after::DEFAULT_THROTTLE_PAUSE;
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
    /// The answer may mean that there is no such campaign (404, 410, 400, 422, or 2xx without success): proves nothing.
    MayBeAbsent,
    /// 202: the service has accepted the request, and has confirmed nothing.
    Accepted,
    /// 401, 403, or an error that says so: the token or the app was refused.
    CredentialsRejected,
    /// 429, or the rate-limit text under any status.
    Throttled,
    /// Another 4xx, as 409 for a campaign that is running.
    Refused,
    /// 408, 425 or 5xx: the service or a gateway is in trouble.
    Unavailable,
    /// No answer: name, connection, TLS, deadline, or cut before the end.
    Unreachable,
    /// An answer that is not the documented JSON: HTML, an empty or broken body, more than 1 MiB.
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
            Self::Accepted => "the service has accepted the request but not confirmed it",
            Self::CredentialsRejected => "the service refused the credentials",
            Self::Throttled => "the rate limit of the account is used up",
            Self::Refused => "the service refused the request",
            Self::Unavailable => "the service is unavailable",
            Self::Unreachable => "no answer from the service",
            Self::Unreadable => "the answer is not the documented JSON",
            Self::ContractViolation => "the answer contradicts the documentation",
        })
    }
}

impl Failure {
    /// A call that got no answer.
    pub fn unreachable(message: &str) -> Self {
        Self::without_envelope(FailureKind::Unreachable, None, message)
    }

    /// A body that was larger than what is read.
    pub fn too_large(http_status: u16) -> Self {
        Self::without_envelope(FailureKind::Unreadable, Some(http_status), "the body is larger than 1 MiB")
    }

    fn without_envelope(kind: FailureKind, http_status: Option<u16>, message: &str) -> Self {
        let message = scrub::message(message);
        Self {
            kind,
            retry_after: None,
            sent: true,
            answer: AnswerSummary { http_status, status: None, message },
        }
    }
}

/// Reads the answer to a DELETE of the campaign `id` [delete-voice-campaign-v2].
pub fn deletion(answer: &RawAnswer, id: &str) -> Result<ConfirmedDeletion, Failure> {
    let (campaign, answer) = success_for(answer, id)?;
    Ok(ConfirmedDeletion { campaign, answer })
}

/// Reads the answer to a GET of the campaign `id` [get-voice-campaign-by-id-v2].
pub fn single(answer: &RawAnswer, id: &str) -> Result<Campaign, Failure> {
    success_for(answer, id).map(|(campaign, _)| campaign)
}

/// Reads the answer to a listing [get-all-campaigns-v2].
pub fn listing(answer: &RawAnswer) -> Result<Page, Failure> {
    let envelope = success(answer)?;
    wire::page(&envelope)
        .ok_or_else(|| violation(answer, &envelope, "the answer says success, but has no `data.results`"))
}

fn success_for(answer: &RawAnswer, id: &str) -> Result<(Campaign, AnswerSummary), Failure> {
    let envelope = success(answer)?;
    let Some(campaign) = envelope.data.as_ref().and_then(wire::campaign) else {
        return Err(violation(answer, &envelope, "the answer says success, but has no campaign in `data`"));
    };
    match envelope.id.as_deref() {
        Some(answered) if answered == id => {
            let campaign = Campaign { id: Some(id.to_owned()), ..campaign };
            Ok((campaign, summary(answer, &envelope)))
        }
        Some(_) => {
            let other = campaign.id.as_deref().unwrap_or_default();
            let what = format!("the answer says success for another campaign, {other}");
            Err(violation(answer, &envelope, &what))
        }
        None => Err(violation(answer, &envelope, "the answer says success, but names no campaign id")),
    }
}

/// The envelope of an explicit success, or the kind of failure. HTTP status first, then error codes, then texts.
fn success(answer: &RawAnswer) -> Result<Envelope, Failure> {
    let secrets: Vec<&str> = answer.secrets.iter().map(ExposeSecret::expose_secret).collect();
    let envelope = Envelope::read(&answer.body, &secrets);
    let kind = match answer.http_status {
        202 => FailureKind::Accepted,
        200..=299 => match &envelope {
            Some(envelope) if envelope.is_success() => return Ok(envelope.clone()),
            Some(envelope) if envelope.status.is_some() || !envelope.error_codes.is_empty() => {
                FailureKind::MayBeAbsent
            }
            Some(_) | None => FailureKind::Unreadable,
        },
        300..=399 => FailureKind::ContractViolation,
        401 | 403 => FailureKind::CredentialsRejected,
        429 => FailureKind::Throttled,
        408 | 425 | 500..=599 => FailureKind::Unavailable,
        // A gateway answers 404 in HTML; the service answers in JSON, or (not documented) with nothing.
        400 | 404 | 410 | 422 if envelope.is_some() || answer.body.is_empty() => FailureKind::MayBeAbsent,
        400 | 404 | 410 | 422 => FailureKind::Unreadable,
        400..=499 => FailureKind::Refused,
        _ => FailureKind::ContractViolation,
    };
    let kind = refined(kind, envelope.as_ref(), &answer.body);
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
        Some(envelope) => summary(answer, envelope),
        None => AnswerSummary {
            http_status: Some(answer.http_status),
            status: None,
            message: without_envelope(answer).to_owned(),
        },
    };
    Err(Failure { kind, retry_after, sent: true, answer })
}

/// A refusal for the rate limit or the credentials may come under another status [rate-limit-ccai, delete-users,
/// sdk-security]: the text and the codes of the body decide then.
fn refined(kind: FailureKind, envelope: Option<&Envelope>, body: &[u8]) -> FailureKind {
    let message = envelope.and_then(|envelope| envelope.message.as_deref());
    if speaks_of_the_rate_limit(&message.map_or_else(|| String::from_utf8_lossy(body), Cow::Borrowed)) {
        return FailureKind::Throttled;
    }
    let refuses_credentials =
        |envelope: &Envelope| envelope.error_codes.iter().any(|code| [401, 403, 4002].contains(code));
    match kind {
        FailureKind::MayBeAbsent | FailureKind::Refused if envelope.is_some_and(refuses_credentials) => {
            FailureKind::CredentialsRejected
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

/// "You've exceeded the per-minute rate limit." [rate-limit-ccai], "hourly" [rate-limit], "Rate limit for this API has been
/// reached." (forum). A campaign may be called after it, so the words alone are not enough.
fn speaks_of_the_rate_limit(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("rate limit") && ["exceeded", "reached"].iter().any(|word| text.contains(word))
}

fn without_envelope(answer: &RawAnswer) -> &'static str {
    match answer.http_status {
        300..=399 => "a redirect; redirects are not followed",
        _ if answer.body.is_empty() => "an empty body",
        _ => "a body that is not a JSON object",
    }
}

fn violation(answer: &RawAnswer, envelope: &Envelope, what: &str) -> Failure {
    let answer = AnswerSummary { message: scrub::message(what), ..summary(answer, envelope) };
    Failure { kind: FailureKind::ContractViolation, retry_after: None, sent: true, answer }
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
        assert_eq!(kind(200, r#"{"status":"success","data":{"name":"x"}}"#), Err(ContractViolation));
        assert_eq!(kind(200, r#"{"status":"success"}"#), Err(ContractViolation));
        assert_eq!(kind(200, r#"{"status":"failure","message":"no"}"#), Err(MayBeAbsent));
        assert_eq!(kind(200, r#"{"status":"error"}"#), Err(MayBeAbsent));
    }

    /// R15: broken answers confirm nothing and hint at nothing, under any status.
    #[test]
    fn html_empty_cut_and_deep_bodies_are_unreadable() {
        for body in ["<html>ok</html>", &OK[..40], "[]", "null", "success", "{}", &"[".repeat(100_000)] {
            assert_eq!(kind(200, body), Err(Unreadable), "{body:.40}");
        }
        assert_eq!(kind(200, ""), Err(Unreadable));
        assert_eq!(kind(404, "<html>not found</html>"), Err(Unreadable));
        assert_eq!(kind(400, "Bad Request"), Err(Unreadable));
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
