//! What must hold of every text that results from an answer.

use serde_json::Value;
use voicecampaign_operator::kore::{AnswerSummary, Campaign, Failure};

/// Longest message, in characters.
const LONGEST_MESSAGE: usize = 256;
/// Longest text of a failure: its kind, and a message.
const LONGEST_FAILURE: usize = 400;
/// Longest text of a campaign, and its longest list.
const LONGEST_TEXT: usize = 256;
const LONGEST_LIST: usize = 100;

/// Checks a failure: each of its texts is bounded, and has none of the secrets.
pub fn failure(failure: &Failure, secrets: &[&str]) -> Result<(), String> {
    bounded("a failure", &failure.to_string(), LONGEST_FAILURE, secrets)?;
    summary(&failure.answer, secrets)?;
    if failure.answer.message.is_empty() && failure.answer.http_status.is_none() {
        return Err("a failure says nothing".to_owned());
    }
    Ok(())
}

/// The same for the part of an answer that is shown.
pub fn summary(summary: &AnswerSummary, secrets: &[&str]) -> Result<(), String> {
    bounded("a message", &summary.message, LONGEST_MESSAGE, secrets)?;
    bounded("a status", summary.status.as_deref().unwrap_or_default(), LONGEST_MESSAGE, secrets)
}

/// The same for a campaign, which goes into a status.
pub fn campaign(campaign: &Campaign, secrets: &[&str]) -> Result<(), String> {
    let written = serde_json::to_value(campaign).map_err(|error| error.to_string())?;
    value(&written, secrets)
}

fn value(written: &Value, secrets: &[&str]) -> Result<(), String> {
    match written {
        Value::String(text) => bounded("a field of a campaign", text, LONGEST_TEXT, secrets),
        Value::Array(entries) if entries.len() > LONGEST_LIST => Err(format!("{} entries", entries.len())),
        Value::Array(entries) => entries.iter().try_for_each(|entry| value(entry, secrets)),
        Value::Object(fields) => fields.values().try_for_each(|field| value(field, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Checks a text: no longer than that, of one line, and without a secret, also if that is encoded as in a
/// URL.
pub fn bounded(what: &str, text: &str, longest: usize, secrets: &[&str]) -> Result<(), String> {
    if text.chars().count() > longest {
        return Err(format!("{what} has {} characters: {text}", text.chars().count()));
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(format!("{what} has the control character {control:?}: {text:?}"));
    }
    let decoded = ["%2B", "%2b", "&#43;"].iter().fold(text.to_owned(), |text, plus| text.replace(plus, "+"));
    let decoded = ["%2F", "%2f", "&#x2F;"].iter().fold(decoded, |text, slash| text.replace(slash, "/"));
    let decoded = ["%3D", "%3d", "&#61;"].iter().fold(decoded, |text, is| text.replace(is, "="));
    match secrets.iter().find(|secret| text.contains(**secret) || decoded.contains(**secret)) {
        Some(_) => Err(format!("{what} shows a secret: {text}")),
        None => Ok(()),
    }
}
