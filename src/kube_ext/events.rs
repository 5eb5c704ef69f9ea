use std::fmt::Debug;
use std::time::Duration;

use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};

/// How long an event may hold up the work.
const DEADLINE: Duration = Duration::from_secs(2);
/// Longest note the API server takes is 1 kB; characters may have up to four bytes.
const MAX_NOTE_CHARS: usize = 250;

/// Writes events. An event that can't be written is no error: a terminating namespace refuses every create, and
/// everything a user must act on is in status, too.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
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
    /// Events reported by the given controller and instance (Pod).
    pub fn new(client: Client, controller: &str, instance: Option<String>) -> Self {
        let reporter = Reporter { controller: controller.to_owned(), instance };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// Writes one event about an object, or gives up.
    pub async fn publish<K: Resource<DynamicType = ()>>(&self, object: &K, note: Note) {
        let Note { warning, reason, action, text } = note;
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.to_owned(),
            note: Some(text.chars().take(MAX_NOTE_CHARS).collect()),
            action: action.to_owned(),
            secondary: None,
        };
        let reference = object.object_ref(&());
        let written = tokio::time::timeout(DEADLINE, self.recorder.publish(&event, &reference)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(reason, %error, "Could not write an event"),
            Err(_elapsed) => tracing::debug!(reason, "Could not write an event in time"),
        }
    }
}
