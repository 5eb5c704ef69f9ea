use std::fmt::Debug;
use std::time::Duration;

use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use super::{CallError, Kube};

/// How long an event may hold up the work.
const DEADLINE: Duration = Duration::from_secs(2);
/// Longest note the API server takes, in bytes.
const MAX_NOTE_BYTES: usize = 1024;

/// Writes events. An event that can't be written is no error: a terminating namespace refuses every create, and
/// everything a user must act on is in status, too.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    kube: Kube,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Whether somebody should look.
    pub warning: bool,
    /// Why; one of the reasons of docs/voicecampaign.md.
    pub reason: &'static str,
    /// What was being done.
    pub action: &'static str,
    /// In words.
    pub text: String,
}

impl Events {
    /// Events reported by the operator, as this instance (Pod).
    pub fn new(kube: Kube, instance: Option<String>) -> Self {
        // Without a name of its own, the instance is the host.
        let reporter = match instance {
            Some(name) => Reporter { controller: crate::NAME.to_owned(), instance: Some(name) },
            None => Reporter::from(crate::NAME),
        };
        Self { recorder: Recorder::new(kube.client(), reporter), kube }
    }

    /// Writes one event about an object, or gives up.
    pub async fn publish<K: Resource<DynamicType = ()>>(&self, object: &K, note: Note) {
        let Note { warning, reason, action, text } = note;
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.to_owned(),
            note: Some(cut(text.clone())),
            action: action.to_owned(),
            secondary: None,
        };
        let reference = object.object_ref(&());
        let written = self.kube.write(self.recorder.publish(&event, &reference));
        let written = tokio::time::timeout(DEADLINE, written).await;
        match written {
            Ok(Ok(())) => {}
            // An event is named after its object, by kube-rs: with a name of more than 236 characters it has none.
            Ok(Err(CallError::Refused(why))) => tracing::warn!(reason, text, why, "Could not write an event"),
            Ok(Err(error)) => tracing::debug!(reason, %error, "Could not write an event"),
            Err(_elapsed) => tracing::debug!(reason, "Could not write an event in time"),
        }
    }
}

/// At most as long as the API server takes, cut on a character boundary.
fn cut(mut text: String) -> String {
    const SIGN: char = '…';
    if text.len() > MAX_NOTE_BYTES {
        let mut end = MAX_NOTE_BYTES - SIGN.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push(SIGN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_cut_to_what_the_api_server_takes() {
        let note = cut("ö".repeat(2000));
        assert!(note.len() <= MAX_NOTE_BYTES && note.len() > MAX_NOTE_BYTES - 8 && note.ends_with('…'));
        assert_eq!(cut("short".to_owned()), "short");
    }
}
