//! The VoiceCampaigns that there are: their campaigns need no other.

use std::collections::BTreeMap;

use kube::ResourceExt;
use voicecampaign_operator::api::VoiceCampaign;
use voicecampaign_operator::kube_ext::Dated;

use super::manifest::Row;
use crate::cluster::{Cluster, Scope, is_denied};
use crate::output;
use crate::words::some;

/// How many resources are named that do not fit their schema; the others are counted.
const NAMED: usize = 5;

/// A campaign as a resource or a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its stream.
    pub stream_id: String,
    /// Its id.
    pub campaign_id: String,
}

/// The VoiceCampaigns that there are.
#[derive(Default)]
pub struct Resources {
    /// Stream, and campaign ids in it with what names each.
    by_stream: BTreeMap<String, Vec<(String, String)>>,
    /// Those that do not fit their schema, as `namespace/name`: which campaigns they name is not known.
    misfits: Vec<String>,
    /// By connection, as `namespace/name`.
    of_connection: BTreeMap<String, Used>,
}

/// What the resources of a connection say.
#[derive(Default)]
struct Used {
    streams: Vec<String>,
    deleting: bool,
}

impl Resources {
    /// Those of all namespaces, or, without the right to that, of the one.
    ///
    /// # Errors
    /// If these can't be read either.
    pub async fn read(cluster: &Cluster) -> anyhow::Result<Self> {
        let mut all = Self::default();
        match cluster.each(&Scope::All, None, |object| all.take(&object)).await {
            Err(error) if is_denied(&error) => {
                output::say(
                    "You may not list VoiceCampaigns in all namespaces: campaigns that a resource of another namespace names are \
                     written, too.",
                );
                all = Self::default();
                let own = Scope::Namespace(cluster.namespace().to_owned());
                cluster.each(&own, None, |object| all.take(&object)).await?;
            }
            other => other?,
        }
        if !all.misfits.is_empty() {
            output::say(&format!(
                "warning: these VoiceCampaigns do not fit their schema, and a campaign that one of them names is written, too: {}",
                some(&all.misfits, NAMED)
            ));
        }
        Ok(all)
    }

    fn take(&mut self, object: &Dated<VoiceCampaign>) {
        let namespace = object.namespace().unwrap_or_default();
        let Ok(campaign) = &object.0 else {
            self.misfits.push(format!("{namespace}/{}", object.name_any()));
            return;
        };
        let spec = &campaign.spec;
        let key = Key { stream_id: spec.stream_id.clone(), campaign_id: spec.campaign_id.clone() };
        self.add(key, format!("{namespace}/{}", campaign.name_any()));
        let used = self.of_connection.entry(format!("{namespace}/{}", spec.connection_ref.name)).or_default();
        used.streams.push(spec.stream_id.clone());
        used.deleting |= campaign.metadata.deletion_timestamp.is_some();
    }

    /// A campaign that something names.
    pub fn add(&mut self, key: Key, named_by: String) {
        self.by_stream.entry(key.stream_id).or_default().push((key.campaign_id, named_by));
    }

    /// The streams of a connection.
    pub fn streams(&self, connection: &str, namespace: &str) -> Vec<String> {
        self.of(connection, namespace).map(|used| used.streams.clone()).unwrap_or_default()
    }

    /// Whether resources of a connection are being deleted: that goes before an import.
    pub fn deleting(&self, connection: &str, namespace: &str) -> bool {
        self.of(connection, namespace).is_some_and(|used| used.deleting)
    }

    fn of(&self, connection: &str, namespace: &str) -> Option<&Used> {
        self.of_connection.get(&format!("{namespace}/{connection}"))
    }

    /// What names a campaign.
    pub fn names(&self, row: &Row) -> Option<&str> {
        let mut named = self.by_stream.get(&row.stream_id)?.iter();
        let named = named.find(|(id, _)| row.has(id));
        named.map(|(_, named_by)| named_by.as_str())
    }
}
