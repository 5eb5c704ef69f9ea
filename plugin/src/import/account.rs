//! Whom to call, and with which credentials: those of a KoreConnection and its Secret, read with the user's
//! own rights; or, without the right to the Secret, the values that the user gives.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use console::Term;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use voicecampaign_operator::api::{KoreConnection, KoreConnectionSpec};
use voicecampaign_operator::connection::UsableConnection;
use voicecampaign_operator::kore::{ClientSettings, KoreClient, Target};
use voicecampaign_operator::kube_ext::{Guarded, invalid};

use crate::cluster::{Cluster, Scope, explain, is_missing};
use crate::output;

/// The keys of the Secret, and the variables that replace it.
const KEYS: [(&str, &str); 2] = [("clientId", "KORE_CLIENT_ID"), ("clientSecret", "KORE_CLIENT_SECRET")];

/// Who reads the listings.
pub struct Reader {
    /// The client.
    pub client: KoreClient,
    /// Whom to call.
    pub target: Target,
    /// Most calls in any 60 seconds, of the operator and of this command together.
    pub requests_per_minute: usize,
    connection: KoreConnection,
}

impl Reader {
    /// The reader of a connection.
    ///
    /// # Errors
    /// If there is no such connection, or no usable credentials.
    pub async fn of(name: &str, ca_file: Option<PathBuf>, cluster: &Cluster) -> anyhow::Result<Self> {
        let namespace = cluster.namespace();
        let Some(found) = cluster.find::<Guarded<KoreConnection>>(namespace, name).await? else {
            bail!(
                "there is no KoreConnection {name} in the namespace {namespace}; `kubectl get kconn -A` lists them"
            );
        };
        let connection = found.0.map_err(|misfit| {
            anyhow::anyhow!("the KoreConnection {name} does not fit its schema: {}", invalid::why(&misfit))
        })?;
        let usable = UsableConnection::with_secret(&connection, secret(&connection, cluster).await?)?;
        Ok(Self {
            client: KoreClient::new(&ClientSettings { extra_ca_file: ca_file })?,
            requests_per_minute: usable.requests_per_minute,
            target: usable.target,
            connection,
        })
    }

    /// The streams that the status of the connection names: they have campaigns that no VoiceCampaign names.
    pub fn streams(&self) -> impl Iterator<Item = String> {
        let streams = self.connection.status.iter().flat_map(|status| &status.streams);
        streams.map(|stream| stream.stream_id.clone())
    }
}

/// The Secret of a connection, or what the user gives in its place; `None` if there is none.
async fn secret(connection: &KoreConnection, cluster: &Cluster) -> anyhow::Result<Option<Secret>> {
    let name = &connection.spec.credentials_secret_ref.name;
    let namespace = connection.namespace().unwrap_or_default();
    let secrets = cluster.api::<Secret>(&Scope::Namespace(namespace.clone()));
    match secrets.get(name).await {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(Some(given(connection)?)),
        Err(error) => Err(explain(&error, &format!("can't read the Secret {namespace}/{name}"))),
    }
}

/// What the user gives in place of a Secret that they may not read: variables, or answers on a terminal,
/// which does not show them.
fn given(connection: &KoreConnection) -> anyhow::Result<Secret> {
    let KoreConnectionSpec { host, account_id, credentials_secret_ref, .. } = &connection.spec;
    let name = &credentials_secret_ref.name;
    let terminal = Term::stderr();
    let mut data = BTreeMap::new();
    for (key, variable) in KEYS {
        let value = match std::env::var(variable) {
            Ok(value) => value,
            Err(_) if terminal.is_term() => {
                // Whoever may change the connection decides where the token goes.
                output::say(&format!(
                    "You may not read the Secret {name}. For the account {account_id} at {host}:"
                ));
                terminal.write_str(&format!("{key} of the JWT app (not shown): "))?;
                terminal.read_secure_line().context("can't read the answer")?
            }
            Err(_) => bail!(
                "you may not read the Secret {name} (verb get on secrets). Set {} and {} to the values of the JWT app, or run the command on \
                 a terminal, which asks for them",
                KEYS[0].1,
                KEYS[1].1
            ),
        };
        data.insert(key.to_owned(), ByteString(value.into_bytes()));
    }
    Ok(Secret { data: Some(data), ..Secret::default() })
}
