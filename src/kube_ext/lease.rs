use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::CallError;
use super::client::{classify, in_full};

/// How long the others respect a lease, since they have seen it renewed; the same as client-go's.
const DURATION: Duration = Duration::from_secs(15);
/// How long its holder relies on it, since it began to renew it. What is left until [`DURATION`] is for what is under way.
const RELIED_ON: Duration = Duration::from_secs(10);
/// How often it is renewed, and how soon something that failed is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Deadline of one call.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest that a lease of somebody else is respected, whatever it says of itself.
const LONGEST: Duration = Duration::from_secs(60);

/// Whether this instance may act: a value with an expiry by the clock of this process, which nobody puts forward or back.
/// Checked before each call to Kore and each write.
#[derive(Clone, Debug)]
pub struct Leadership(Arc<Mutex<Term>>);

#[derive(Clone, Copy, Debug)]
enum Term {
    /// There is no other instance.
    Unlimited,
    Until(Instant),
}

impl Leadership {
    /// Of an instance that needs no lease, because there is no other.
    pub fn unlimited() -> Self {
        Self(Arc::new(Mutex::new(Term::Unlimited)))
    }

    /// Whether this instance may act now.
    pub fn is_held(&self) -> bool {
        match *self.term() {
            Term::Unlimited => true,
            Term::Until(expiry) => Instant::now() < expiry,
        }
    }

    fn until(expiry: Instant) -> Self {
        Self(Arc::new(Mutex::new(Term::Until(expiry))))
    }

    fn extend(&self, expiry: Instant) {
        *self.term() = Term::Until(expiry);
    }

    fn end(&self) {
        *self.term() = Term::Until(Instant::now());
    }

    fn term(&self) -> MutexGuard<'_, Term> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An instance that leads, or waits for its turn to.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    seen: Option<Seen>,
}

/// A lease, and since when it is known to be as it is. The times in it are of another's clock, and are not looked at.
#[derive(Debug)]
struct Seen {
    lease: Lease,
    since: Instant,
}

impl Candidate {
    /// A candidate for the lease of this name, in the client's own namespace. The client should serve nothing else, so that
    /// no renewal waits behind the work.
    pub fn new(client: Client, name: String, instance: Option<&str>) -> Self {
        // A container that is started anew in its Pod is another instance.
        let identity = format!("{}_{}", instance.unwrap_or(crate::NAME), uuid::Uuid::new_v4());
        Self { api: Api::default_namespaced(client), name, identity, seen: None }
    }

    /// Waits until this instance leads. While another does, `standing_by` is called, at each look; and `in_trouble` with whatever keeps it from
    /// finding out, or from taking a lease that is free.
    pub async fn lead(&mut self, standing_by: impl Fn(), in_trouble: impl Fn(&str)) -> Leadership {
        let mut told = false;
        loop {
            let begun = Instant::now();
            match self.try_to_lead().await {
                Ok(true) => {
                    tracing::info!(lease = self.name, identity = self.identity, "Leading");
                    return Leadership::until(begun + RELIED_ON);
                }
                Ok(false) => {
                    if !std::mem::replace(&mut told, true) {
                        let holder = self.seen.as_ref().and_then(Seen::holder);
                        tracing::info!(lease = self.name, holder, "Standing by: another instance leads");
                    }
                    standing_by();
                    self.wait_for_change().await;
                }
                // Another was quicker.
                Err(CallError::Changed(_)) => {}
                Err(error) => {
                    let error = in_full(&error);
                    tracing::warn!(lease = self.name, error, "Can't tell who leads; asking again");
                    in_trouble(&error);
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Renews the lease that is held, and returns when it is lost.
    pub async fn keep(&mut self, leadership: &Leadership) {
        loop {
            let Term::Until(expiry) = *leadership.term() else { return std::future::pending().await };
            sleep(RETRY).await;
            let begun = Instant::now();
            // It may have slept for longer: the whole process, perhaps.
            if begun >= expiry {
                return;
            }
            match timeout_at(expiry, self.renew()).await {
                Ok(Ok(true)) => leadership.extend(begun + RELIED_ON),
                Ok(Ok(false)) | Err(_) => return leadership.end(),
                Ok(Err(error)) => {
                    tracing::warn!(
                        lease = self.name,
                        error = in_full(&error),
                        "The lease is not renewed; trying again"
                    );
                }
            }
        }
    }

    /// Ends the leadership, so that another can lead at once.
    pub async fn release(&mut self, leadership: &Leadership) {
        if !leadership.is_held() {
            return;
        }
        leadership.end();
        match self.write(None).await {
            Ok(()) => tracing::info!(lease = self.name, "The lease is released"),
            Err(error) => {
                tracing::warn!(lease = self.name, %error, "The lease is not released, and runs out")
            }
        }
    }

    async fn try_to_lead(&mut self) -> Result<bool, CallError> {
        self.look().await?;
        if self.seen.as_ref().is_some_and(|seen| seen.free_for(&self.identity) > Instant::now()) {
            return Ok(false);
        }
        self.write(Some(self.identity.clone())).await.map(|()| true)
    }

    /// Whether it is still ours, and renewed.
    async fn renew(&mut self) -> Result<bool, CallError> {
        match self.write(Some(self.identity.clone())).await {
            // Somebody put a label on it, or it is another's.
            Err(CallError::Changed(_) | CallError::Gone) => {}
            written => return written.map(|()| true),
        }
        self.look().await?;
        if self.seen.as_ref().and_then(Seen::holder) != Some(&self.identity) {
            return Ok(false);
        }
        self.write(Some(self.identity.clone())).await.map(|()| true)
    }

    async fn look(&mut self) -> Result<(), CallError> {
        let found = bounded(self.api.get_opt(&self.name)).await?;
        self.see(found);
        Ok(())
    }

    /// Writes the lease as of this holder, if it is still as it was seen.
    async fn write(&mut self, holder: Option<String>) -> Result<(), CallError> {
        let parameters = PostParams { field_manager: Some(crate::NAME.to_owned()), ..PostParams::default() };
        let lease =
            next_lease(self.seen.as_ref().map(|seen| &seen.lease), &self.name, holder, Timestamp::now());
        let written = match &self.seen {
            Some(_) => bounded(self.api.replace(&self.name, &parameters, &lease)).await,
            None => bounded(self.api.create(&parameters, &lease)).await,
        }?;
        self.see(Some(written));
        Ok(())
    }

    fn see(&mut self, found: Option<Lease>) {
        self.seen = found.map(|lease| {
            let version = &lease.metadata.resource_version;
            let known = self.seen.as_ref().filter(|seen| seen.lease.metadata.resource_version == *version);
            Seen { since: known.map_or_else(Instant::now, |known| known.since), lease }
        });
    }

    /// Returns when the lease may be free, or should be looked at.
    async fn wait_for_change(&mut self) {
        let version = self.seen.as_ref().and_then(|seen| seen.lease.metadata.resource_version.clone());
        let only_it = WatchParams::default().fields(&format!("metadata.name={}", self.name)).timeout(60);
        let watch = self.api.watch(&only_it, version.as_deref().unwrap_or("0"));
        let Ok(Ok(changes)) = timeout(DEADLINE, watch).await else { return sleep(RETRY).await };
        let mut changes = changes.boxed();
        while let Some(free_at) =
            self.seen.as_ref().map(|seen| seen.free_for(&self.identity)).filter(|at| *at > Instant::now())
        {
            match timeout_at(free_at, changes.try_next()).await {
                Ok(Ok(Some(WatchEvent::Added(lease) | WatchEvent::Modified(lease)))) => self.see(Some(lease)),
                Ok(Ok(Some(WatchEvent::Bookmark(_)))) => {}
                Ok(Ok(Some(WatchEvent::Deleted(_)) | None)) | Err(_) => return,
                Ok(Ok(Some(WatchEvent::Error(_))) | Err(_)) => return sleep(RETRY).await,
            }
        }
    }
}

impl Seen {
    fn holder(&self) -> Option<&String> {
        self.lease.spec.as_ref()?.holder_identity.as_ref().filter(|holder| !holder.is_empty())
    }

    /// When this instance may take it. One that is still its own nobody works with: whatever this process did under it has ended.
    fn free_for(&self, identity: &str) -> Instant {
        if self.holder().filter(|holder| *holder != identity).is_none() {
            return self.since;
        }
        let seconds = self.lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let duration = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        self.since + duration.unwrap_or(DURATION).min(LONGEST)
    }
}

/// The lease, taken, renewed or let go.
fn next_lease(seen: Option<&Lease>, name: &str, holder: Option<String>, now: Timestamp) -> Lease {
    let before = seen.and_then(|lease| lease.spec.clone()).unwrap_or_default();
    let metadata = seen.map_or_else(
        || ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        |lease| lease.metadata.clone(),
    );
    let stays = before.holder_identity == holder;
    let transitions = before.lease_transitions.unwrap_or_default();
    let spec = LeaseSpec {
        lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
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

async fn bounded<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    match timeout(DEADLINE, call).await {
        Ok(answer) => answer.map_err(classify),
        Err(_elapsed) => Err(CallError::Deadline),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, version: &str) -> Lease {
        let mut lease = next_lease(None, "x", Some(holder.to_owned()), Timestamp::UNIX_EPOCH);
        lease.metadata.resource_version = Some(version.to_owned());
        lease
    }

    fn seen(holder: &str) -> Seen {
        Seen { lease: lease(holder, "1"), since: Instant::now() }
    }

    /// What counts is when the renewal was seen, not what the other's clock says.
    #[test]
    fn a_lease_is_respected_since_it_was_seen() {
        let mut seen = seen("a");
        for renewed in [Timestamp::MIN, Timestamp::MAX] {
            seen.lease.spec.as_mut().unwrap().renew_time = Some(MicroTime(renewed));
            assert_eq!(seen.free_for("b"), seen.since + DURATION);
            assert_eq!(seen.free_for("a"), seen.since, "its own");
        }
        seen.lease.spec.as_mut().unwrap().lease_duration_seconds = Some(i32::MAX);
        assert_eq!(seen.free_for("b"), seen.since + LONGEST);
        for nobody in [Some(String::new()), None] {
            seen.lease.spec.as_mut().unwrap().holder_identity = nobody;
            assert_eq!(seen.free_for("b"), seen.since);
        }
    }

    #[test]
    fn a_lease_is_taken_renewed_and_let_go() {
        let spec = |lease: &Lease| lease.spec.clone().unwrap();
        let (early, late) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let mut others = lease("a", "7");
        others.metadata.labels = Some([("theirs".to_owned(), "stays".to_owned())].into());
        let taken = next_lease(Some(&others), "x", Some("b".to_owned()), early);
        assert_eq!(taken.metadata, others.metadata, "the version that was seen, or the write is refused");
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

    #[tokio::test(start_paused = true)]
    async fn leadership_ends_by_itself() {
        let leadership = Leadership::until(Instant::now() + RELIED_ON);
        assert!(leadership.is_held() && Leadership::unlimited().is_held());
        sleep(RELIED_ON).await;
        assert!(!leadership.is_held());
        leadership.extend(Instant::now() + RELIED_ON);
        assert!(leadership.is_held());
        leadership.end();
        assert!(!leadership.is_held());
    }

    /// The holder stops before another may begin.
    #[test]
    fn the_holder_relies_on_less_than_the_others_respect() {
        assert!(RELIED_ON + DEADLINE <= DURATION && RETRY + DEADLINE < RELIED_ON);
    }
}
