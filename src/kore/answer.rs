use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

/// An answer as received.
#[derive(Clone, Debug, Default)]
pub struct RawAnswer {
    /// HTTP status code.
    pub http_status: u16,
    /// `Retry-After`, parsed and bounded.
    pub retry_after: Option<Duration>,
    /// Body, at most 1 MiB.
    pub body: Vec<u8>,
    /// Whether the body was larger than 1 MiB, and was not read.
    pub oversized: bool,
    /// Secrets to redact, in case the answer echoes them.
    pub secrets: Vec<SecretString>,
}

impl RawAnswer {
    /// Whether the body has no bytes but white space.
    pub(super) fn has_no_body(&self) -> bool {
        !self.oversized && self.body.trim_ascii().is_empty()
    }

    pub(super) fn secrets(&self) -> Vec<&str> {
        self.secrets.iter().map(ExposeSecret::expose_secret).collect()
    }
}

/// The part of an answer that may be shown: no credentials, no telephone numbers, bounded in length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerSummary {
    /// HTTP status code; `None` if there was no answer.
    pub http_status: Option<u16>,
    /// `status` of the envelope.
    pub status: Option<String>,
    /// Message of the envelope, or a description of what went wrong.
    pub message: String,
}
