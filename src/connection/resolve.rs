use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::Mutex;

use super::secret::{self, Found, SecretProblem};
use super::{
    AllowedHosts, Connection, ConnectionKey, Keeper, Problem, Renames, UsableConnection, Verdict, Watched,
    status,
};
use crate::api::{JwtAlgorithm, KoreConnection, KoreConnectionSpec, StreamStatus};
use crate::kore::{Account, Algorithm, Credentials, Target, TokenSettings};
use crate::kube_ext::{CallError, Kube, Selected, Wake, round_down};
use crate::pacing::{LAST_TRY, backoff};

/// How long credentials are kept: long enough that a thousand deletions at once read the Secret once, short enough
/// that a rotation is followed at the next attempt.
pub const CREDENTIALS_LIFE: Duration = Duration::from_secs(5);

/// How long a read that has failed stands for all who have waited for it: each would take as long to fail, one after another. Shorter than
/// any pause before the next try.
const FAILURE_LIFE: Duration = Duration::from_millis(500);

/// As many streams are in the status of a connection at most: some 100 kB of the 1.5 MB that etcd takes.
const MOST_STREAMS: usize = 1000;

/// Looks up connections and their credentials.
pub struct Connections {
    kube: Kube,
    stores: Vec<Store<Watched>>,
    keeper: Arc<Keeper>,
    wake: Wake<Watched>,
    selected: Selected,
    allowed: AllowedHosts,
    verdicts: std::sync::Mutex<HashMap<ConnectionKey, (Verdict, String)>>,
    credentials: Mutex<HashMap<SecretKey, Arc<Mutex<Cached>>>>,
    /// By connection and stream, what the status of the connection is to say of the stream, and may not yet.
    others: std::sync::Mutex<HashMap<ConnectionKey, BTreeMap<String, Option<Time>>>>,
}

/// What can be expected of a connection, without a look at its Secret.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its account, by the host that it calls.
    pub account: Account,
    /// Whether Kore may answer to it: it may be called with it, and has not refused its credentials.
    pub may_answer: bool,
    /// Whether Kore has accepted its credentials, and not refused them since.
    pub accepted: bool,
}

/// Namespace and name.
type SecretKey = (String, String);

/// What a Secret held when it was read; empty before that, and again after [`CREDENTIALS_LIFE`], or [`FAILURE_LIFE`].
type Cached = Option<Result<Result<Found, SecretProblem>, CallError>>;

impl Connections {
    /// Looks up in the given caches of KoreConnections; Secrets are read by name.
    pub fn new(
        kube: Kube,
        stores: Vec<Store<Watched>>,
        keeper: Arc<Keeper>,
        wake: Wake<Watched>,
        selected: Selected,
        allowed: AllowedHosts,
    ) -> Self {
        Self {
            selected,
            allowed,
            kube,
            stores,
            keeper,
            wake,
            verdicts: std::sync::Mutex::default(),
            credentials: Mutex::default(),
            others: std::sync::Mutex::default(),
        }
    }

    /// The account of a connection by the host that it calls, if the cache shows it.
    pub fn called(&self, namespace: &str, name: &str) -> Option<Account> {
        let key = ObjectRef::new(name).within(namespace);
        let connection = self.stores.iter().find_map(|store| store.get(&key))?;
        connection.0.as_ref().ok().map(|connection| account(&connection.spec))
    }

    /// What is believed of renames for the objects of a namespace. What a connection says of former hosts counts in its own namespace only:
    /// anybody may write there that a stranger's account is his. Where the administrator has named the hosts that may be called, it
    /// counts everywhere, as far as it names those.
    pub fn believed_in(&self, namespace: &str) -> Renames {
        self.renames(|connection| {
            connection.namespace().as_deref() == Some(namespace) || self.is_vouched_for(&connection.spec)
        })
    }

    /// The account under which is counted and remembered what is called there: nobody's word but the administrator's joins two.
    pub fn key(&self, account: Account) -> Account {
        self.vouched_for().one(account)
    }

    /// What the administrator vouches for, of renames.
    pub fn vouched_for(&self) -> Renames {
        self.renames(|connection| self.is_vouched_for(&connection.spec))
    }

    fn renames(&self, is_believed: impl Fn(&KoreConnection) -> bool) -> Renames {
        let all: Vec<_> = self.stores.iter().flat_map(Store::state).collect();
        let readable = all.iter().filter_map(|connection| connection.0.as_ref().ok());
        let believed =
            readable.filter(|connection| !connection.spec.former_hosts.is_empty() && is_believed(connection));
        Renames::new(believed.map(|connection| &connection.spec))
    }

    /// Whether the administrator has named all hosts of a connection.
    fn is_vouched_for(&self, spec: &KoreConnectionSpec) -> bool {
        spec.former_hosts.iter().chain([&spec.host]).all(|host| self.allowed.names(host))
    }

    /// What can be expected of a connection, if the cache shows it.
    pub fn standing(&self, namespace: &str, name: &str) -> Option<Standing> {
        let key = ObjectRef::new(name).within(namespace);
        let cached = self.stores.iter().find_map(|store| store.get(&key))?;
        let connection = cached.0.as_ref().ok()?;
        let verdict = self.verdict(namespace, name, &connection.spec.credentials_secret_ref.name);
        let callable = self.of_this_instance(connection).is_ok() && self.not_allowed(connection).is_none();
        let may_answer = callable && !status::is_refused(connection, verdict.as_ref());
        let accepted = status::is_accepted(connection, verdict.as_ref());
        Some(Standing { account: account(&connection.spec), may_answer, accepted })
    }

    /// The connection of this name.
    ///
    /// # Errors
    /// If the API server can't be asked; that the connection or the Secret is missing is no error.
    pub async fn resolve(&self, namespace: &str, name: &str) -> Result<Connection, CallError> {
        let connection = match self.find(namespace, name).await? {
            Ok(connection) => connection,
            Err(problem) => return Ok(Connection::Unusable(problem)),
        };
        // Nothing is made that could be sent there.
        if let Some(problem) = self.not_allowed(&connection) {
            return Ok(Connection::Unusable(problem));
        }
        let secret = &connection.spec.credentials_secret_ref.name;
        // What was refused may be put right at any moment.
        let read = match self.verdict(namespace, name, secret) {
            Some(Verdict::Refused(_)) => self.read(namespace, secret).await?,
            Some(Verdict::Accepted) | None => self.credentials(namespace, secret).await?,
        };
        Ok(match read {
            Ok(found) => {
                let account = self.key(account(&connection.spec));
                Connection::Usable(Box::new(usable(&connection, account, found.credentials)))
            }
            Err(problem) => Connection::Unusable(problem.of(&connection)),
        })
    }

    /// Why a connection can't be used: its host, or that there are no credentials for it; otherwise the keys whose values
    /// look like base64. They are read anew, and not kept; if there are some now, nobody is told any more that there were
    /// none.
    ///
    /// # Errors
    /// If the API server can't be asked.
    pub async fn examine(
        &self,
        connection: &KoreConnection,
    ) -> Result<Result<Vec<&'static str>, Problem>, CallError> {
        if let Some(problem) = self.not_allowed(connection) {
            return Ok(Err(problem));
        }
        let namespace = connection.namespace().unwrap_or_default();
        let secret = &connection.spec.credentials_secret_ref.name;
        let read = self.read(&namespace, secret).await?;
        if read.is_ok() {
            let kept = self.credentials.lock().await.get(&(namespace, secret.clone())).cloned();
            if let Some(kept) = kept {
                // Whoever has found none waits for the status that says that there are some, and reads again then.
                kept.lock().await.take_if(|kept| !matches!(kept, Ok(Ok(_))));
            }
        }
        Ok(read.map(|found| found.encoded).map_err(|problem| problem.of(connection)))
    }

    /// Forgets the credentials of a connection, so that the next attempt reads them anew.
    pub async fn forget(&self, namespace: &str, name: &str) {
        if let Ok(Ok(connection)) = self.find(namespace, name).await {
            let key = (namespace.to_owned(), connection.spec.credentials_secret_ref.name);
            self.credentials.lock().await.remove(&key);
        }
    }

    /// Keeps a connection and its Secret for a campaign that is about to need them, and the rights to them. Whether there was a connection
    /// to keep.
    ///
    /// # Errors
    /// If the API server can't be asked or written to.
    pub async fn keep(&self, namespace: &str, name: &str) -> Result<bool, CallError> {
        self.keep_rights(namespace).await?;
        let Ok(cached) = self.find(namespace, name).await? else { return Ok(false) };
        let mut kept = self.keeper.namespace(namespace).await;
        if !kept.keeps(&cached)
            && let Some(fresh) = self.kube.read_again(&cached).await?
        {
            kept.keep(fresh).await?;
        }
        Ok(true)
    }

    /// Keeps the rights of the operator in a namespace as long as there are VoiceCampaigns in it.
    ///
    /// # Errors
    /// If the API server can't be asked or written to.
    pub async fn keep_rights(&self, namespace: &str) -> Result<(), CallError> {
        match self.keeper.namespace(namespace).await.keep_rights().await {
            Err(CallError::Forbidden(why)) => {
                tracing::warn!(
                    why,
                    namespace,
                    "The operator can't keep its rights in the namespace until its campaigns are gone"
                );
                Ok(())
            }
            kept => kept,
        }
    }

    /// The same, whatever was known of it before.
    ///
    /// # Errors
    /// If the API server can't be asked or written to.
    pub async fn keep_rights_anew(&self, namespace: &str) -> Result<(), CallError> {
        self.keeper.namespace(namespace).await.doubt_rights();
        self.keep_rights(namespace).await
    }

    /// Lets the rights in a namespace go when nothing there needs them any more. It is tried for some 20 minutes.
    pub async fn release_rights(&self, namespace: &str) {
        for failures in 1..=LAST_TRY {
            // Nobody waits for the namespace while this does.
            let released = self.keeper.namespace(namespace).await.release_rights().await;
            match released {
                // With the last of its finalizers the namespace may be gone, and the rights with it.
                Ok(()) | Err(CallError::Forbidden(_) | CallError::Gone) => return,
                Err(error) => {
                    tracing::warn!(%error, namespace, "The RoleBinding of the operator still carries our finalizer");
                    tokio::time::sleep(backoff(namespace, failures)).await;
                }
            }
        }
    }

    /// Kore has said something of the credentials of a connection, which were in this Secret.
    pub fn record_verdict(&self, namespace: &str, name: &str, secret: &str, verdict: Verdict) {
        let key = (namespace.to_owned(), name.to_owned());
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        // The words may differ each time.
        let told = verdicts.get(&key).is_some_and(|(known, of)| {
            of == secret && std::mem::discriminant(known) == std::mem::discriminant(&verdict)
        });
        if !told {
            verdicts.insert(key, (verdict, secret.to_owned()));
            self.wake.wake(ObjectRef::new(name).within(namespace));
        }
    }

    /// What Kore has said of the credentials of a connection, if they were in this Secret.
    pub fn verdict(&self, namespace: &str, name: &str, secret: &str) -> Option<Verdict> {
        let key = (namespace.to_owned(), name.to_owned());
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.get(&key).filter(|(_, of)| of == secret).map(|(verdict, _)| verdict.clone())
    }

    /// A listing of a stream that was read over a connection has campaigns; among them others than VoiceCampaigns name, or none. It
    /// is written when that changes, so that it outlives this process.
    pub fn note_others(
        &self,
        (namespace, name): (&str, &str),
        account: &Account,
        stream_id: &str,
        others: bool,
    ) {
        for connection in self.of_account(account) {
            let key = (connection.namespace().unwrap_or_default(), connection.name_any());
            let known = self.streams_of(&connection).iter().any(|stream| stream.stream_id == stream_id);
            let reader = key.0 == namespace && key.1 == name;
            // What another connection has seen holds until a listing shows that it is so no more.
            if known != others && (reader || !others) {
                let since = others.then(|| round_down(Timestamp::now()));
                self.others().entry(key.clone()).or_default().insert(stream_id.to_owned(), since);
                self.wake(&key.0, &key.1);
            }
        }
    }

    /// Whether the last listing of a stream that had campaigns had others than VoiceCampaigns name, over whatever connection of the
    /// account.
    pub fn others_were_seen(&self, account: &Account, stream_id: &str) -> bool {
        let mut connections = self.of_account(account);
        connections
            .any(|connection| self.streams_of(&connection).iter().any(|stream| stream.stream_id == stream_id))
    }

    /// What the status of a connection is to say of its streams: those that it says, but for what was seen since.
    pub fn streams_of(&self, connection: &KoreConnection) -> Vec<StreamStatus> {
        let key = (connection.namespace().unwrap_or_default(), connection.name_any());
        let mut streams = connection.status.as_ref().map(|status| status.streams.clone()).unwrap_or_default();
        for (stream_id, since) in self.others().get(&key).into_iter().flatten() {
            let known = streams.iter().any(|stream| stream.stream_id == *stream_id);
            match since {
                None => streams.retain(|stream| stream.stream_id != *stream_id),
                Some(_) if known => {}
                Some(since) => {
                    streams.push(StreamStatus { stream_id: stream_id.clone(), others_seen_at: since.clone() })
                }
            }
        }
        // The oldest go.
        let too_many = streams.len().saturating_sub(MOST_STREAMS);
        streams.drain(..too_many);
        streams
    }

    fn of_account(&self, of: &Account) -> impl Iterator<Item = KoreConnection> {
        let connections = self.stores.iter().flat_map(Store::state);
        let readable = connections.filter_map(|connection| connection.0.as_ref().ok().cloned());
        let renames = self.vouched_for();
        readable.filter(move |connection| renames.one(account(&connection.spec)) == *of)
    }

    fn others(&self) -> MutexGuard<'_, HashMap<ConnectionKey, BTreeMap<String, Option<Time>>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a connection looked at.
    pub fn wake(&self, namespace: &str, name: &str) {
        self.wake.wake(ObjectRef::new(name).within(namespace));
    }

    /// A connection is gone, or is another one now.
    pub fn unheard(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.others().remove(&key);
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    async fn find(&self, namespace: &str, name: &str) -> Result<Result<KoreConnection, Problem>, CallError> {
        let key = ObjectRef::new(name).within(namespace);
        let cached = self.stores.iter().find_map(|store| store.get(&key));
        // The cache may lag behind: a connection that was applied together with its campaigns is no missing one.
        let found = match cached {
            Some(found) => Some(found),
            None => {
                let found = self.kube.find::<Watched>(namespace, name).await?;
                found.map(Arc::new)
            }
        };
        Ok(match found.as_deref() {
            None => Err(Problem::ConnectionNotFound { name: name.to_owned() }),
            Some(DeserializeGuard(Ok(connection))) => self.of_this_instance(connection).cloned(),
            Some(DeserializeGuard(Err(invalid))) => {
                Err(Problem::ConnectionInvalid { name: name.to_owned(), why: invalid.error.clone() })
            }
        })
    }

    fn not_allowed(&self, connection: &KoreConnection) -> Option<Problem> {
        let host = &connection.spec.host;
        (!self.allowed.allows(host))
            .then(|| Problem::HostNotAllowed { connection: connection.name_any(), host: host.clone() })
    }

    /// The connection, if it and all others of its account are this instance's: it alone keeps the quota.
    fn of_this_instance<'a>(&self, connection: &'a KoreConnection) -> Result<&'a KoreConnection, Problem> {
        let not_selected = |name| Problem::NotSelected { name, selector: self.selected.to_string() };
        if !self.selected.selects(connection) {
            return Err(not_selected(connection.name_any()));
        }
        if self.selected.selects_all() {
            return Ok(connection);
        }
        let all: Vec<_> = self.stores.iter().flat_map(Store::state).collect();
        let readable = all.iter().filter_map(|other| other.0.as_ref().ok());
        let renames = Renames::new(readable.map(|other| &other.spec));
        let one = |connection: &KoreConnection| renames.one(account(&connection.spec));
        let others_of_the_account =
            all.iter().filter(|other| other.0.as_ref().is_ok_and(|other| one(other) == one(connection)));
        match others_of_the_account.into_iter().find(|other| !self.selected.selects(other.as_ref())) {
            Some(other) => {
                let namespace = other.namespace().unwrap_or_default();
                Err(not_selected(format!("{namespace}/{}", other.name_any())))
            }
            None => Ok(connection),
        }
    }

    /// The credentials in a Secret; concurrent callers share one read.
    async fn credentials(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Result<Found, SecretProblem>, CallError> {
        let entry = {
            let mut entries = self.credentials.lock().await;
            // Expired: nobody waits for it, and nothing is going to empty it.
            entries.retain(|_, entry| Arc::strong_count(entry) > 1);
            entries.entry((namespace.to_owned(), name.to_owned())).or_default().clone()
        };
        let mut cached = entry.lock().await;
        if let Some(read) = cached.as_ref() {
            return read.clone();
        }
        let read = self.read(namespace, name).await;
        *cached = Some(read.clone());
        // They do not stay in memory longer than they are used.
        let (expiring, life) = (entry.clone(), if read.is_ok() { CREDENTIALS_LIFE } else { FAILURE_LIFE });
        tokio::spawn(async move {
            tokio::time::sleep(life).await;
            *expiring.lock().await = None;
        });
        read
    }

    async fn read(&self, namespace: &str, name: &str) -> Result<Result<Found, SecretProblem>, CallError> {
        match self.kube.find::<Secret>(namespace, name).await {
            Ok(Some(secret)) => Ok(secret::read(secret)),
            Ok(None) => Ok(Err(SecretProblem::NotFound)),
            Err(CallError::Forbidden(_)) => Ok(Err(SecretProblem::Forbidden)),
            Err(error) => Err(error),
        }
    }
}

fn account(spec: &KoreConnectionSpec) -> Account {
    Account::new(&spec.host, &spec.account_id)
}

fn usable(connection: &KoreConnection, account: Account, credentials: Credentials) -> UsableConnection {
    let spec = &connection.spec;
    let seconds = |number: i32| Duration::from_secs(u64::try_from(number).unwrap_or(1).max(1));
    UsableConnection {
        requests_per_minute: usize::try_from(spec.rate_limit.requests_per_minute).unwrap_or(1).max(1),
        secret: spec.credentials_secret_ref.name.clone(),
        former_hosts: spec.former_hosts.clone(),
        target: Target {
            account,
            address: spec.host.clone(),
            iid: spec.iid.clone(),
            timeout: seconds(spec.timeout_seconds),
            token: TokenSettings {
                algorithm: match spec.jwt.algorithm {
                    JwtAlgorithm::HS256 => Algorithm::HS256,
                    JwtAlgorithm::HS512 => Algorithm::HS512,
                },
                subject: spec.jwt.subject.clone(),
                ttl: seconds(spec.jwt.ttl_seconds),
            },
            credentials,
        },
    }
}
