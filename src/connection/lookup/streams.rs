use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{KoreConnection, StreamStatus};
use crate::connection::name::ConnectionName;
use crate::kube_ext::round_down;

/// Most streams in the status of a connection: about 100 kB of the 1.5 MB that etcd accepts.
const MAX_STREAMS: usize = 1000;

/// Which streams have campaigns that no VoiceCampaign names, as far as the statuses of the connections may
/// not say so yet.
#[derive(Default)]
pub struct Streams {
    /// By connection and stream: since when such campaigns are seen; `None` if they are not seen any more.
    changes: Mutex<HashMap<ConnectionName, BTreeMap<String, Option<Time>>>>,
}

impl Streams {
    /// Records whether a stream of a connection has such campaigns.
    pub fn record(&self, connection: &ConnectionName, stream_id: &str, seen: bool) {
        let since = seen.then(|| round_down(Timestamp::now()));
        self.changes().entry(connection.clone()).or_default().insert(stream_id.to_owned(), since);
    }

    /// The streams with such campaigns, for the status of a connection: those in its status, with the changes
    /// since.
    pub fn of(&self, connection: &KoreConnection) -> Vec<StreamStatus> {
        let name = ConnectionName::of(connection);
        let mut streams = connection.status.as_ref().map(|status| status.streams.clone()).unwrap_or_default();
        for (stream_id, since) in self.changes().get(&name).into_iter().flatten() {
            let known = streams.iter().any(|stream| stream.stream_id == *stream_id);
            match since {
                None => streams.retain(|stream| stream.stream_id != *stream_id),
                Some(_) if known => {}
                Some(since) => {
                    streams.push(StreamStatus { stream_id: stream_id.clone(), others_seen_at: since.clone() })
                }
            }
        }
        // The oldest are dropped.
        let too_many = streams.len().saturating_sub(MAX_STREAMS);
        streams.drain(..too_many);
        streams
    }

    pub fn forget(&self, connection: &ConnectionName) {
        self.changes().remove(connection);
    }

    fn changes(&self) -> MutexGuard<'_, HashMap<ConnectionName, BTreeMap<String, Option<Time>>>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
