use std::fmt::Debug;
use std::time::Duration;

use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use super::call_error::CallError;
use super::client::Kube;

/// How long an event may delay a reconcile.
const DEADLINE: Duration = Duration::from_secs(2);
/// Longest note that the API server accepts, in bytes.
const MAX_NOTE_BYTES: usize = 1024;

/// Publishes events. A failure to write one is no error: a terminating namespace rejects every create, and
/// the status has everything that a user must act on.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    kube: Kube,
}

/// The content of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Whether its type is `Warning`, and not `Normal`.
    pub warning: bool,
    /// Machine-readable reason; one of those in docs/voicecampaign.md.
    pub reason: &'static str,
    /// What the operator was doing.
    pub action: &'static str,
    /// The message for users.
    pub text: String,
}

impl Events {
    /// A publisher of events that name the operator as their controller, and this instance (Pod).
    pub fn new(kube: Kube, instance: Option<String>) -> Self {
        // Without a name, kube-rs uses the host name.
        let reporter = match instance {
            Some(name) => Reporter { controller: crate::NAME.to_owned(), instance: Some(name) },
            None => Reporter::from(crate::NAME),
        };
        Self { recorder: Recorder::new(kube.client(), reporter), kube }
    }

    /// Publishes one event about an object. A failure is only logged.
    pub async fn publish<K: Resource<DynamicType = ()>>(&self, object: &K, note: Note) {
        let Note { warning, reason, action, text } = note;
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.to_owned(),
            note: Some(truncated(text.clone())),
            action: action.to_owned(),
            secondary: None,
        };
        let reference = object.object_ref(&());
        let written = self.kube.write(object.meta(), self.recorder.publish(&event, &reference));
        let written = tokio::time::timeout(DEADLINE, written).await;
        match written {
            Ok(Ok(())) => {}
            // kube-rs names an event after its object: an object name of more than 236 characters leaves no
            // valid name for the event.
            Ok(Err(CallError::Refused(why))) => {
                tracing::warn!(reason, text, why, "Could not publish an event")
            }
            Ok(Err(error)) => tracing::debug!(reason, %error, "Could not publish an event"),
            Err(_elapsed) => tracing::debug!(reason, "Could not publish an event in time"),
        }
    }
}

/// Truncates a note, on a character boundary, to what the API server accepts.
fn truncated(mut text: String) -> String {
    const ELLIPSIS: char = '…';
    if text.len() > MAX_NOTE_BYTES {
        let mut end = MAX_NOTE_BYTES - ELLIPSIS.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push(ELLIPSIS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_truncated_to_what_the_api_server_accepts() {
        let note = truncated("ö".repeat(2000));
        assert!(note.len() <= MAX_NOTE_BYTES && note.len() > MAX_NOTE_BYTES - 8 && note.ends_with('…'));
        assert_eq!(truncated("short".to_owned()), "short");
    }
}
