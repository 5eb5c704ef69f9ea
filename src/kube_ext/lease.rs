use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::call_error::{CallError, error_chain};
use super::leadership::Leadership;
use super::selected::Selected;
use super::time::written_at;

/// How long other instances respect a lease after they have observed its renewal; the default of client-go's
/// `LeaseDuration`.
const LEASE_DURATION: Duration = Duration::from_secs(15);
/// How long the leader relies on its lease after it began to renew it; the default of client-go's
/// `RenewDeadline`. The rest of [`LEASE_DURATION`] is for calls that are in flight.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How often the leader renews its lease, and how soon a failed call is retried; the default of client-go's
/// `RetryPeriod`.
const RETRY_PERIOD: Duration = Duration::from_secs(2);
/// Deadline of one call.
const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// The longest that a lease of another instance is respected, whatever `leaseDurationSeconds` it has.
const LONGEST_LEASE: Duration = Duration::from_secs(60);

/// An instance that leads, or waits until it can.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    observed: Option<Observed>,
}

/// A lease, and since when this instance has observed it in this version. The times in the lease are of
/// another machine's clock, and are ignored.
#[derive(Debug)]
struct Observed {
    lease: Lease,
    since: Instant,
}

impl Candidate {
    /// A candidate for the lease of this name, in the namespace of the client. The client should serve
    /// nothing else, so that no renewal waits for the controllers.
    pub fn new(client: Client, name: String, instance: Option<&str>) -> Self {
        // A container that restarts in its Pod is another instance.
        let identity = format!("{}_{}", instance.unwrap_or(crate::NAME), uuid::Uuid::new_v4());
        Self { api: Api::default_namespaced(client), name, identity, observed: None }
    }

    /// Waits until this instance leads. Calls `another_leads` each time it finds that another instance does,
    /// and `failed` when it can't read the lease, or can't take it although it is free.
    pub async fn lead(&mut self, another_leads: impl Fn(), failed: impl Fn(&str)) -> Leadership {
        let (mut logged, mut lost_a_race) = (false, false);
        loop {
            let begun = Instant::now();
            match self.try_to_lead().await {
                Ok(true) => {
                    tracing::info!(lease = self.name, identity = self.identity, "Leading");
                    return Leadership::until(begun + RENEW_DEADLINE);
                }
                Ok(false) => {
                    lost_a_race = false;
                    if !std::mem::replace(&mut logged, true) {
                        let holder = self.observed.as_ref().and_then(Observed::holder);
                        tracing::info!(lease = self.name, holder, "Standing by: another instance leads");
                    }
                    another_leads();
                    self.wait_for_change().await;
                }
                // Another instance was faster. Twice in a row, and nobody holds the lease: a webhook denies
                // it.
                Err(CallError::Changed(_)) if !std::mem::replace(&mut lost_a_race, true) => {}
                Err(error) => {
                    let error = error_chain(&error);
                    tracing::warn!(lease = self.name, error, "Could not read or take the lease; retrying");
                    failed(&error);
                    sleep(RETRY_PERIOD).await;
                }
            }
        }
    }

    /// Renews the lease, and returns when it is lost.
    pub async fn keep(&mut self, leadership: &Leadership) {
        loop {
            let Some(expiry) = leadership.expiry() else { return std::future::pending().await };
            sleep(RETRY_PERIOD).await;
            let begun = Instant::now();
            // The sleep may have taken longer: the whole process may have been suspended.
            if begun >= expiry {
                return;
            }
            match timeout_at(expiry, self.renew()).await {
                Ok(Ok(true)) if leadership.extend(begun + RENEW_DEADLINE) => {}
                Ok(Ok(_)) | Err(_) => return leadership.end(),
                Ok(Err(error)) => {
                    tracing::warn!(
                        lease = self.name,
                        error = error_chain(&error),
                        "Could not renew the lease; retrying"
                    );
                }
            }
        }
    }

    /// Releases the lease, so that another instance can lead at once.
    pub async fn release(&mut self, leadership: &Leadership) {
        if !leadership.is_held() {
            return;
        }
        leadership.end();
        let released = timeout(CALL_DEADLINE, self.write_while_held(None)).await;
        match released.unwrap_or(Err(CallError::Deadline(CALL_DEADLINE))) {
            Ok(true) => tracing::info!(lease = self.name, "Released the lease"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(lease = self.name, %error, "Could not release the lease; it expires");
            }
        }
    }

    async fn try_to_lead(&mut self) -> Result<bool, CallError> {
        self.read().await?;
        if self.observed.as_ref().is_some_and(|observed| observed.free_at(&self.identity) > Instant::now()) {
            return Ok(false);
        }
        self.write(Some(self.identity.clone())).await.map(|()| true)
    }

    /// Renews the lease once. Returns whether this instance still holds it.
    async fn renew(&mut self) -> Result<bool, CallError> {
        self.write_while_held(Some(self.identity.clone())).await
    }

    /// Writes the lease with this holder, if this instance still holds it. Returns whether it does.
    async fn write_while_held(&mut self, holder: Option<String>) -> Result<bool, CallError> {
        match self.write(holder.clone()).await {
            // Another instance holds it; or somebody has only set a label.
            Err(CallError::Changed(_) | CallError::Gone) => {}
            written => return written.map(|()| true),
        }
        self.read().await?;
        if self.observed.as_ref().and_then(Observed::holder) != Some(&self.identity) {
            return Ok(false);
        }
        self.write(holder).await.map(|()| true)
    }

    async fn read(&mut self) -> Result<(), CallError> {
        let found = within_deadline(self.api.get_opt(&self.name)).await?;
        self.observe(found);
        Ok(())
    }

    /// Writes the lease with this holder; fails if it has changed since it was observed.
    async fn write(&mut self, holder: Option<String>) -> Result<(), CallError> {
        let parameters = PostParams { field_manager: Some(crate::NAME.to_owned()), ..PostParams::default() };
        let observed = self.observed.as_ref().map(|observed| &observed.lease);
        let lease = next_lease(observed, &self.name, holder, Timestamp::now());
        let written = match &self.observed {
            Some(_) => within_deadline(self.api.replace(&self.name, &parameters, &lease)).await,
            None => within_deadline(self.api.create(&parameters, &lease)).await,
        }?;
        self.observe(Some(written));
        Ok(())
    }

    fn observe(&mut self, found: Option<Lease>) {
        self.observed = found.map(|lease| {
            let version = &lease.metadata.resource_version;
            let before = self.observed.as_ref();
            let known = before.filter(|observed| observed.lease.metadata.resource_version == *version);
            Observed { since: known.map_or_else(Instant::now, |known| known.since), lease }
        });
    }

    /// Returns when the lease may be free, or should be read again.
    async fn wait_for_change(&mut self) {
        let observed = self.observed.as_ref();
        let version = observed.and_then(|observed| observed.lease.metadata.resource_version.clone());
        let only_it = WatchParams::default().fields(&format!("metadata.name={}", self.name)).timeout(60);
        let watch = self.api.watch(&only_it, version.as_deref().unwrap_or("0"));
        let Ok(Ok(changes)) = timeout(CALL_DEADLINE, watch).await else { return sleep(RETRY_PERIOD).await };
        let mut changes = changes.boxed();
        while let Some(free_at) = self
            .observed
            .as_ref()
            .map(|observed| observed.free_at(&self.identity))
            .filter(|at| *at > Instant::now())
        {
            match timeout_at(free_at, changes.try_next()).await {
                Ok(Ok(Some(WatchEvent::Added(lease) | WatchEvent::Modified(lease)))) => {
                    self.observe(Some(lease));
                }
                Ok(Ok(Some(WatchEvent::Bookmark(_)))) => {}
                Ok(Ok(Some(WatchEvent::Deleted(_)) | None)) | Err(_) => return,
                Ok(Ok(Some(WatchEvent::Error(_))) | Err(_)) => return sleep(RETRY_PERIOD).await,
            }
        }
    }
}

impl Observed {
    fn holder(&self) -> Option<&String> {
        self.lease.spec.as_ref()?.holder_identity.as_ref().filter(|holder| !holder.is_empty())
    }

    /// When this instance may take the lease. It may always take one that it holds itself: its term under
    /// that lease has ended.
    fn free_at(&self, identity: &str) -> Instant {
        if self.holder().filter(|holder| *holder != identity).is_none() {
            return self.since;
        }
        let seconds = self.lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let duration = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        // Its holder relies on it for RENEW_DEADLINE, whatever somebody has written into it.
        self.since + duration.unwrap_or(LEASE_DURATION).clamp(LEASE_DURATION, LONGEST_LEASE)
    }
}

/// The leader, as a Lease names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The instance; `None` if nobody holds the Lease.
    pub holder: Option<String>,
    /// When it renewed the Lease last, by the clock of the API server; by its own if the API server does not
    /// say.
    pub renewed_at: Option<Timestamp>,
}

impl Leader {
    /// A leader renews its Lease every [`RETRY_PERIOD`]; one that has not for so long does not lead.
    const AWAY: SignedDuration = SignedDuration::from_secs(30);

    /// Reads it from the Lease.
    pub fn of(lease: &Lease) -> Self {
        let spec = lease.spec.as_ref();
        let holder = spec.and_then(|spec| spec.holder_identity.clone());
        Self {
            holder: holder.filter(|holder| !holder.is_empty()),
            renewed_at: written_at(&lease.metadata)
                .or_else(|| spec.and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0)),
        }
    }

    /// For how long the holder has not renewed the Lease, if that is too long for a leader.
    pub fn away_for(&self, now: Timestamp) -> Option<SignedDuration> {
        let since = now.duration_since(self.renewed_at?);
        (since > Self::AWAY).then_some(since)
    }
}

/// Instances with other namespaces or another selector have a lease of their own: they do not wait for
/// each other. The namespaces are sorted.
pub fn lease_name(namespaces: &[String], selected: &Selected) -> String {
    if namespaces.is_empty() && selected.selects_all() {
        return crate::NAME.to_owned();
    }
    let digest = Sha256::digest(format!("{};{selected}", namespaces.join(",")));
    let part: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{part}", crate::NAME)
}

/// The lease as it is to be written: taken, renewed, or released (without a holder).
fn next_lease(observed: Option<&Lease>, name: &str, holder: Option<String>, now: Timestamp) -> Lease {
    let before = observed.and_then(|lease| lease.spec.clone()).unwrap_or_default();
    let metadata = observed.map_or_else(
        || ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        |lease| lease.metadata.clone(),
    );
    let stays = before.holder_identity == holder;
    let transitions = before.lease_transitions.unwrap_or_default();
    let spec = LeaseSpec {
        lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
        acquire_time: if stays { before.acquire_time } else { Some(MicroTime(now)) },
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(if stays || holder.is_none() {
            transitions
        } else {
            transitions.saturating_add(1)
        }),
        holder_identity: holder,
        ..before
    };
    Lease { metadata, spec: Some(spec) }
}

async fn within_deadline<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    match timeout(CALL_DEADLINE, call).await {
        Ok(answer) => Ok(answer?),
        Err(_elapsed) => Err(CallError::Deadline(CALL_DEADLINE)),
    }
}

#[cfg(test)]
mod tests {
    use kube::client::Body;

    use super::*;

    fn lease(holder: &str, version: &str) -> Lease {
        let mut lease = next_lease(None, "x", Some(holder.to_owned()), Timestamp::UNIX_EPOCH);
        lease.metadata.resource_version = Some(version.to_owned());
        lease
    }

    fn observed(holder: &str) -> Observed {
        Observed { lease: lease(holder, "1"), since: Instant::now() }
    }

    /// What counts is when this instance observed the renewal, not what the holder's clock says.
    #[test]
    fn a_lease_is_respected_since_it_was_observed() {
        let mut observed = observed("a");
        for renewed in [Timestamp::MIN, Timestamp::MAX] {
            observed.lease.spec.as_mut().unwrap().renew_time = Some(MicroTime(renewed));
            assert_eq!(observed.free_at("b"), observed.since + LEASE_DURATION);
            assert_eq!(observed.free_at("a"), observed.since, "its own");
        }
        observed.lease.spec.as_mut().unwrap().lease_duration_seconds = Some(i32::MAX);
        assert_eq!(observed.free_at("b"), observed.since + LONGEST_LEASE);
        for short in [1, 0, -1] {
            observed.lease.spec.as_mut().unwrap().lease_duration_seconds = Some(short);
            assert_eq!(observed.free_at("b"), observed.since + LEASE_DURATION, "{short}");
        }
        for nobody in [Some(String::new()), None] {
            observed.lease.spec.as_mut().unwrap().holder_identity = nobody;
            assert_eq!(observed.free_at("b"), observed.since);
        }
    }

    #[test]
    fn a_lease_is_taken_renewed_and_released() {
        let spec = |lease: &Lease| lease.spec.clone().unwrap();
        let (early, late) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let mut others = lease("a", "7");
        others.metadata.labels = Some([("theirs".to_owned(), "stays".to_owned())].into());
        let taken = next_lease(Some(&others), "x", Some("b".to_owned()), early);
        assert_eq!(taken.metadata, others.metadata, "with the observed version, so that a stale write fails");
        assert_eq!(
            (spec(&taken).lease_transitions, spec(&taken).acquire_time),
            (Some(2), Some(MicroTime(early)))
        );
        let renewed = next_lease(Some(&taken), "x", Some("b".to_owned()), late);
        assert_eq!(
            (spec(&renewed).lease_transitions, spec(&renewed).acquire_time),
            (Some(2), Some(MicroTime(early)))
        );
        assert_eq!(spec(&renewed).renew_time, Some(MicroTime(late)));
        let free = next_lease(Some(&renewed), "x", None, late);
        assert_eq!((spec(&free).lease_transitions, spec(&free).holder_identity), (Some(2), None));
    }

    /// A webhook may answer each write with a conflict, although nobody holds the lease. That is reported,
    /// and retried after a pause.
    #[tokio::test(start_paused = true)]
    async fn a_lease_that_cannot_be_taken_is_retried_after_a_pause() {
        let service = tower::service_fn(async |request: http::Request<Body>| {
            let code = if request.method() == http::Method::GET { 404 } else { 409 };
            let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                "reason": if code == 404 { "NotFound" } else { "Conflict" }, "message": "denied by a webhook"});
            let body = Body::from(status.to_string().into_bytes());
            Ok::<_, std::convert::Infallible>(http::Response::builder().status(code).body(body).unwrap())
        });
        let mut candidate = Candidate::new(Client::new(service, "n"), "x".to_owned(), None);
        let failures = std::cell::Cell::new(0);
        let leads = candidate.lead(|| {}, |_| failures.set(failures.get() + 1));
        assert!(timeout(Duration::from_secs(20), leads).await.is_err(), "it must not lead");
        assert!((9..=11).contains(&failures.get()), "{} reports in 20 s", failures.get());
    }

    /// The holder stops before another may begin.
    #[test]
    fn the_holder_relies_on_less_than_the_others_respect() {
        assert!(RENEW_DEADLINE + CALL_DEADLINE <= LEASE_DURATION);
        assert!(RETRY_PERIOD + CALL_DEADLINE < RENEW_DEADLINE);
    }
}
