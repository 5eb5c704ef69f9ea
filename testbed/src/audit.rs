//! The audit log of the API server: who has asked for what.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Result, ensure};
use jiff::Timestamp;
use serde_json::Value;

/// One request that the API server has answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Who.
    pub user: String,
    /// How they presented themselves: `kubectl/v1.37.2` and so on.
    pub user_agent: String,
    /// `patch`, `create` and so on.
    pub verb: String,
    /// `voicecampaigns`, `events` and so on.
    pub resource: String,
    /// `status`, or empty.
    pub subresource: String,
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object; empty for an event that is created.
    pub name: String,
    /// HTTP status of the answer.
    pub code: u64,
    /// Whether it is a list, or a watch that begins with one.
    pub lists: bool,
    /// When the API server got it.
    pub received_at: Timestamp,
    /// When it had answered.
    pub answered_at: Timestamp,
}

/// Reads an audit log from a position on.
pub(crate) fn read(path: &Path, position: u64) -> Result<Vec<Request>> {
    let (mut log, mut text) = (File::open(path)?, Vec::new());
    ensure!(position <= log.metadata()?.len(), "the audit log has begun anew");
    log.seek(SeekFrom::Start(position))?;
    log.read_to_end(&mut text)?;
    // The last line may be in the writing, and so may the one have been that ends at the position.
    Ok(String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|event| request(&event))
        .collect())
}

fn request(event: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    let object = &event["objectRef"];
    let begins_with_list = text(&event["requestURI"]).contains("sendInitialEvents=true");
    Request {
        lists: event["verb"] == "list" || begins_with_list,
        user: text(&event["user"]["username"]),
        user_agent: text(&event["userAgent"]),
        verb: text(&event["verb"]),
        resource: text(&object["resource"]),
        subresource: text(&object["subresource"]),
        namespace: text(&object["namespace"]),
        name: text(&object["name"]),
        code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
        received_at: time(&event["requestReceivedTimestamp"]),
        answered_at: time(&event["stageTimestamp"]),
    }
}
