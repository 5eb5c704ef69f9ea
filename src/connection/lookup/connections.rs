use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::reflector::{ObjectRef, Store};

use super::asking::Asking;
use super::cache::{CachedConnections, account};
use super::credentials::{self, SecretName};
use super::streams::Streams;
use super::verdicts::Verdicts;
use crate::api::{KoreConnection, StreamStatus};
use crate::connection::allowed::AllowedHosts;
use crate::connection::brake::{Brake, Candidate};
use crate::connection::keep::Keeper;
use crate::connection::name::ConnectionName;
use crate::connection::problem::Problem;
use crate::connection::renames::Renames;
use crate::connection::status::{self, Verdict};
use crate::connection::usable::{Connection, UsableConnection, requests_per_minute};
use crate::connection::watched::Watched;
use crate::kore::Account;
use crate::kube_ext::{CallError, Guarded, Kube, Selected, Wake, invalid};

/// Looks up connections and their credentials.
pub struct Connections {
    kube: Kube,
    cache: CachedConnections,
    credentials: credentials::Credentials,
    verdicts: Verdicts,
    streams: Streams,
    asking: Asking,
    keeper: Arc<Keeper>,
    wake: Wake<Watched>,
}

/// What is known of a connection, for people.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Its namespace and name.
    pub name: ConnectionName,
    /// The account under which its calls are counted.
    pub account: Account,
    /// Most calls in any 60 seconds.
    pub requests_per_minute: usize,
    /// Whether Kore refuses its credentials.
    pub refused: bool,
    /// When its deletion was requested, if it is being deleted.
    pub deleted_at: Option<Timestamp>,
}

/// What can be expected of a connection, without reading its Secret.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Account of the connection, by the host that it calls.
    pub account: Account,
    /// Whether a call may succeed: the operator may call the host, and Kore has not refused the credentials.
    pub may_answer: bool,
    /// Whether Kore has accepted the credentials, and not refused them since.
    pub accepted: bool,
}

impl Connections {
    /// Looks up in these caches of KoreConnections; Secrets are read by name.
    pub fn new(
        kube: Kube,
        stores: Vec<Store<Watched>>,
        keeper: Arc<Keeper>,
        wake: Wake<Watched>,
        selected: Selected,
        allowed: AllowedHosts,
    ) -> Self {
        Self {
            cache: CachedConnections { stores, selected, allowed },
            credentials: credentials::Credentials::new(kube.clone()),
            verdicts: Verdicts::default(),
            streams: Streams::default(),
            asking: Asking::default(),
            kube,
            keeper,
            wake,
        }
    }

    /// The account of a connection by the host that it calls, if the cache has the connection.
    pub fn called(&self, name: &ConnectionName) -> Option<Account> {
        let connection = self.cache.get(name)?;
        connection.0.as_ref().ok().map(|connection| account(&connection.spec))
    }

    /// The renames that count for the objects of a namespace. The `formerHosts` of a connection count in its
    /// own namespace only: whoever may write there could claim the account of somebody else. If the
    /// administrator has listed all hosts of a connection in `--allowed-hosts`, its `formerHosts` count
    /// everywhere.
    pub fn believed_in(&self, namespace: &str) -> Renames {
        self.cache.believed_in(namespace)
    }

    /// The renames that count everywhere.
    pub fn vouched_for(&self) -> Renames {
        self.cache.vouched_for()
    }

    /// The account under which calls are counted and listings remembered. Only renames that count everywhere
    /// join two accounts.
    pub fn key(&self, account: Account) -> Account {
        self.vouched_for().one(account)
    }

    /// What can be expected of a connection, if the cache has it.
    pub fn standing(&self, name: &ConnectionName) -> Option<Standing> {
        let cached = self.cache.get(name)?;
        let connection = cached.0.as_ref().ok()?;
        let verdict = self.verdicts.get(name, &connection.spec.credentials_secret_ref.name);
        let callable =
            self.cache.of_this_instance(connection).is_ok() && self.cache.host_problem(connection).is_none();
        let may_answer = callable && !status::is_refused(connection, verdict.as_ref());
        let accepted = status::is_accepted(connection, verdict.as_ref());
        Some(Standing { account: account(&connection.spec), may_answer, accepted })
    }

    /// All connections of this instance that fit their schema.
    pub fn all(&self) -> Vec<Overview> {
        let renames = self.vouched_for();
        let overview = |connection: &KoreConnection| {
            let name = ConnectionName::of(connection);
            let verdict = self.verdicts.get(&name, &connection.spec.credentials_secret_ref.name);
            Overview {
                account: renames.one(account(&connection.spec)),
                requests_per_minute: requests_per_minute(connection),
                refused: status::is_rejected(connection, verdict.as_ref()),
                deleted_at: connection.metadata.deletion_timestamp.as_ref().map(|time| time.0),
                name,
            }
        };
        self.cache.all_of_this_instance().iter().map(overview).collect()
    }

    /// The connection of this name, with its credentials.
    ///
    /// # Errors
    /// If a call to the API server fails. A missing connection or Secret is no error, but a [`Problem`].
    pub async fn resolve(&self, name: &ConnectionName) -> Result<Connection, CallError> {
        let connection = match self.find(name).await? {
            Ok(connection) => connection,
            Err(problem) => return Ok(Connection::Unusable(problem)),
        };
        // Before anything exists that could be sent to the host.
        if let Some(problem) = self.cache.host_problem(&connection) {
            return Ok(Connection::Unusable(problem));
        }
        let secret = SecretName::of(&connection);
        let read = match self.verdict(name, &connection.spec.credentials_secret_ref.name) {
            // Somebody may correct refused credentials at any moment.
            Some(Verdict::Refused(_)) => self.credentials.read(&secret).await?,
            Some(Verdict::Accepted) | None => self.credentials.get(&secret).await?,
        };
        Ok(match read {
            Ok(found) => {
                let account = self.key(account(&connection.spec));
                Connection::Usable(Box::new(UsableConnection::new(&connection, account, found.credentials)))
            }
            Err(problem) => Connection::Unusable(Problem::of_secret(problem, &connection)),
        })
    }

    /// Reads the Secret of a connection again. Returns why the connection can't be used, because of its host
    /// or its Secret; otherwise hints at what looks wrong with the credentials.
    ///
    /// If there are credentials, campaigns that found none before read the Secret again.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn examine(
        &self,
        connection: &KoreConnection,
    ) -> Result<Result<Vec<&'static str>, Problem>, CallError> {
        if let Some(problem) = self.cache.host_problem(connection) {
            return Ok(Err(problem));
        }
        let secret = SecretName::of(connection);
        let read = self.credentials.read(&secret).await?;
        if read.is_ok() {
            // The status that follows wakes the campaigns, which must not find the old problem in the cache.
            self.credentials.forget_problem(&secret).await;
        }
        Ok(read.map(|found| found.hints).map_err(|problem| Problem::of_secret(problem, connection)))
    }

    /// Forgets the credentials of a connection, so that the next attempt reads them again.
    pub async fn forget(&self, name: &ConnectionName) {
        if let Ok(Ok(connection)) = self.find(name).await {
            self.credentials.forget(&SecretName::of(&connection)).await;
        }
    }

    /// Keeps a connection, its Secret, and the rights to them, for a campaign that is about to need them.
    /// Returns whether the connection exists.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn keep(&self, name: &ConnectionName) -> Result<bool, CallError> {
        self.keeper.keep_rights(&name.namespace).await?;
        let Ok(cached) = self.find(name).await? else { return Ok(false) };
        let mut guard = self.keeper.lock(&name.namespace).await;
        if !guard.keeps(&cached)
            && let Some(mut fresh) = self.kube.read_again(&cached).await?
        {
            guard.keep(&mut fresh).await?;
        }
        Ok(true)
    }

    /// Keeps the rights of the operator in a namespace as long as there are VoiceCampaigns in it, without
    /// relying on what an earlier call has found.
    ///
    /// # Errors
    /// If a call to the API server fails.
    pub async fn keep_rights_anew(&self, namespace: &str) -> Result<(), CallError> {
        self.keeper.keep_rights_anew(namespace).await
    }

    /// Releases the rights in a namespace once nothing there needs them. Retries for about 20 minutes.
    pub async fn release_rights(&self, namespace: &str) {
        self.keeper.release_rights(namespace).await;
    }

    /// Records whether Kore accepted the credentials of a connection, which were in this Secret.
    pub fn record_verdict(&self, name: &ConnectionName, secret: &str, verdict: Verdict) {
        if self.verdicts.record(name, secret, verdict) {
            self.wake(name);
        }
    }

    /// Whether Kore accepted the credentials of a connection, if they were in this Secret.
    pub fn verdict(&self, name: &ConnectionName, secret: &str) -> Option<Verdict> {
        self.verdicts.get(name, secret)
    }

    /// Records whether a stream has campaigns that no VoiceCampaign names, as a listing over the connection
    /// `reader` shows. A change is written to the statuses of the account's connections, so that it survives
    /// a restart.
    pub fn note_others(&self, reader: &ConnectionName, account: &Account, stream_id: &str, others: bool) {
        for connection in self.cache.of_account(account) {
            let name = ConnectionName::of(&connection);
            let known = self.streams_of(&connection).iter().any(|stream| stream.stream_id == stream_id);
            // What another connection has seen stands until a listing shows that it has changed.
            if known != others && (name == *reader || !others) {
                self.streams.record(&name, stream_id, others);
                self.wake(&name);
            }
        }
    }

    /// Whether the last listing of a stream with campaigns had some that no VoiceCampaign names, over any
    /// connection of the account.
    pub fn others_were_seen(&self, account: &Account, stream_id: &str) -> bool {
        let mut connections = self.cache.of_account(account);
        connections
            .any(|connection| self.streams_of(&connection).iter().any(|stream| stream.stream_id == stream_id))
    }

    /// The streams with campaigns that no VoiceCampaign names, for the status of a connection.
    pub fn streams_of(&self, connection: &KoreConnection) -> Vec<StreamStatus> {
        self.streams.of(connection)
    }

    /// The brake of a connection as the API server has it, if it has one; `None` if there is no such
    /// connection that fits its schema.
    ///
    /// # Errors
    /// If the API server could not be asked.
    pub async fn brake_now(&self, name: &ConnectionName) -> Result<Option<Option<Brake>>, CallError> {
        let found = self.kube.find::<Watched>(&name.namespace, &name.name).await?;
        Ok(found.and_then(|found| found.0.ok()).map(|connection| Brake::of(&connection)))
    }

    /// The deletion of an object waits for the brake of its connection; its status may say so. Returns for
    /// how long it has.
    pub fn waits_for_brake(
        &self,
        connection: &ConnectionName,
        candidate: Candidate,
        name: &str,
        told: bool,
    ) -> Duration {
        let (new, since) = self.asking.note(connection, candidate, name, told);
        if new {
            self.wake(connection);
        }
        since.elapsed()
    }

    /// A deletion does not wait for a brake any more.
    pub fn waits_for_no_brake(&self, uid: &str) {
        if let Some(name) = self.asking.forget(uid) {
            self.wake(&name);
        }
    }

    /// The names of the VoiceCampaigns that do not know yet what the brake of their connection says.
    pub fn answered(&self, connection: &Watched) -> Vec<String> {
        let brake = connection.0.as_ref().ok().and_then(Brake::of);
        brake.map(|brake| self.asking.answered(&ConnectionName::of(connection), &brake)).unwrap_or_default()
    }

    /// The deletions that wait for the brake of a connection.
    pub fn waiting_for_brake(&self, name: &ConnectionName) -> Vec<Candidate> {
        self.asking.at(name)
    }

    /// Has a connection reconciled.
    pub fn wake(&self, name: &ConnectionName) {
        self.wake.wake(ObjectRef::new(&name.name).within(&name.namespace));
    }

    /// Forgets a connection that is gone, or was replaced by another of its name.
    pub fn forget_gone(&self, name: &ConnectionName) {
        self.streams.forget(name);
        self.verdicts.forget(name);
    }

    async fn find(&self, name: &ConnectionName) -> Result<Result<KoreConnection, Problem>, CallError> {
        let found = match self.cache.get(name) {
            Some(cached) => Some(cached),
            // The cache may lag behind: a connection that was applied together with its campaigns is not
            // missing.
            None => self.kube.find::<Watched>(&name.namespace, &name.name).await?.map(Arc::new),
        };
        Ok(match found.as_deref() {
            None => Err(Problem::ConnectionNotFound { name: name.name.clone() }),
            Some(Guarded(Ok(connection))) => self.cache.of_this_instance(connection).cloned(),
            Some(Guarded(Err(misfit))) => {
                Err(Problem::ConnectionInvalid { name: name.name.clone(), why: invalid::why(misfit) })
            }
        })
    }
}
