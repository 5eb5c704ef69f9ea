use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::even_clock::EvenClock;
use crate::api::{DeletionOutcome, VoiceCampaignStatus};
use crate::campaign::evidence::{Attempt, LastGet};

/// What this process knows of each object (by uid) beyond what the cache shows. A restart may lose it: it
/// saves calls and writes, and status holds all that matters. The watch drops what is gone, at the latest
/// when it lists again.
#[derive(Default)]
pub struct Memory {
    objects: Mutex<HashMap<String, Remembered>>,
    /// When the watch first showed each living object whose campaign has not been looked at since. At a start
    /// that may be all of them, so each takes little room.
    met: Mutex<HashMap<String, Instant>>,
    clock: EvenClock,
}

/// What is known of one object.
#[derive(Clone, Default)]
pub struct Remembered {
    /// A DELETE that Kore has answered, but whose result is not written yet.
    pub attempt: Option<Box<Attempt>>,
    /// The status of a terminating object as we wrote it last; the cache may lag behind.
    pub written: Option<Written>,
    /// When a GET last read the living campaign.
    pub last_get: Option<LastGet>,
    /// How far the removal of our finalizer has come; the answer to the patch may be lost.
    pub release: Option<Release>,
    /// Since when the operator has nothing more to do for the object: our finalizer is off, or the object was
    /// gone. The cache may still show it as it was.
    pub over_since: Option<Instant>,
    /// When the watch first showed that the object is being deleted.
    deletion_shown: Option<Instant>,
    /// How many passes failed in a row.
    failures: u32,
}

/// How far the removal of our finalizer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The patch is sent, for this outcome.
    Sent(DeletionOutcome),
    /// The finalizer is off, and the metric has counted it.
    Counted,
}

/// A status of ours.
#[derive(Clone)]
pub struct Written {
    /// What became of it.
    pub taken: Taken,
    /// The generation of the object with this status.
    pub generation: Option<i64>,
    /// The status.
    pub status: Box<VoiceCampaignStatus>,
}

/// How the API server has taken a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The resourceVersion with this number has it.
    Stored(u64),
    /// It is stored, but not as it is: the CRD is older than the operator.
    Changed,
    /// It was refused, last at this time.
    Refused(Instant),
}

impl Taken {
    /// The number of the resourceVersion that has the status, if one has.
    pub fn version(self) -> Option<u64> {
        match self {
            Self::Stored(version) => Some(version),
            Self::Changed | Self::Refused(_) => None,
        }
    }
}

impl Remembered {
    /// Whether nothing is remembered.
    fn is_nothing(&self) -> bool {
        let Self { attempt, written, last_get, release, over_since, deletion_shown, failures } = self;
        attempt.is_none()
            && written.is_none()
            && last_get.is_none()
            && release.is_none()
            && over_since.is_none()
            && deletion_shown.is_none()
            && *failures == 0
    }
}

impl Memory {
    /// When this process began to work, by the machine's clock as it is now.
    pub fn begun_at(&self) -> Timestamp {
        self.clock.started_at()
    }

    /// What is known of an object.
    pub fn recall(&self, uid: &str) -> Remembered {
        self.objects().get(uid).cloned().unwrap_or_default()
    }

    /// The status of an object that the API server does not store.
    pub fn unstored(&self, uid: &str) -> Option<Written> {
        let objects = self.objects();
        objects.get(uid)?.written.as_ref().filter(|written| written.taken.version().is_none()).cloned()
    }

    /// Changes what is known of an object. An object of which nothing is known takes no room: there are
    /// thousands.
    pub fn note(&self, uid: &str, change: impl FnOnce(&mut Remembered)) {
        let mut objects = self.objects();
        let mut known = objects.remove(uid).unwrap_or_default();
        change(&mut known);
        if !known.is_nothing() {
            objects.insert(uid.to_owned(), known);
        }
    }

    /// For how long this process knows the object, as long as that matters: for an object whose campaign it
    /// has not looked at.
    pub fn known_for(&self, uid: &str, is_unseen: bool) -> Option<Duration> {
        let mut met = self.met();
        if is_unseen {
            return Some(met.entry(uid.to_owned()).or_insert_with(Instant::now).elapsed());
        }
        met.remove(uid);
        if met.is_empty() {
            met.shrink_to_fit();
        }
        None
    }

    /// The watch shows that the object is being deleted.
    pub fn deletion_shown(&self, uid: &str) {
        let mut objects = self.objects();
        objects.entry(uid.to_owned()).or_default().deletion_shown.get_or_insert_with(Instant::now);
    }

    /// The time since the watch has shown that, if it has.
    pub fn since_deletion_shown(&self, uid: &str) -> Option<Duration> {
        self.objects().get(uid)?.deletion_shown.map(|shown| shown.elapsed())
    }

    /// The operator has nothing more to do for the object, as far as it knows.
    pub fn over(&self, uid: &str) {
        self.note(uid, |known| {
            let Remembered { attempt, release, .. } = std::mem::take(known);
            *known =
                Remembered { attempt, release, over_since: Some(Instant::now()), ..Remembered::default() };
        });
    }

    /// Whether the operator has nothing more to do for the object, as far as it knows.
    pub fn is_over(&self, uid: &str) -> bool {
        self.objects().get(uid).is_some_and(|remembered| remembered.over_since.is_some())
    }

    /// The object is still there after all. An answer that is not written yet stays; and no release counts
    /// twice.
    pub fn still_there(&self, uid: &str) {
        self.note(uid, |known| {
            let Remembered { attempt, release, .. } = std::mem::take(known);
            let release = release.filter(|release| *release == Release::Counted);
            *known = Remembered { attempt, release, ..Remembered::default() };
        });
    }

    /// The patch that removes our finalizer is about to be sent. Returns whether that is for the first time,
    /// or with another outcome than before.
    pub fn releasing(&self, uid: &str, outcome: DeletionOutcome) -> bool {
        let mut is_new = false;
        self.note(uid, |known| {
            if known.release != Some(Release::Counted) {
                is_new = known.release != Some(Release::Sent(outcome));
                known.release = Some(Release::Sent(outcome));
            }
        });
        is_new
    }

    /// An object with the policy `Delete` is gone. A patch that was sent for `Orphan` has done nothing then:
    /// it removes our finalizer only while the object says `Orphan`.
    pub fn orphan_was_taken_back(&self, uid: &str) {
        self.note(uid, |known| {
            if known.release == Some(Release::Sent(DeletionOutcome::Orphaned)) {
                known.release = None;
            }
        });
    }

    /// Our finalizer is off, whether or not the answer to the patch came. Returns the outcome, if it is not
    /// counted yet.
    pub fn released(&self, uid: &str) -> Option<DeletionOutcome> {
        let mut objects = self.objects();
        let release = &mut objects.get_mut(uid)?.release;
        let Some(Release::Sent(outcome)) = *release else { return None };
        *release = Some(Release::Counted);
        Some(outcome)
    }

    /// Counts a failed pass, and returns how many failed in a row.
    pub fn failed(&self, uid: &str) -> u32 {
        self.note(uid, |remembered| remembered.failures = remembered.failures.saturating_add(1));
        self.failures(uid)
    }

    /// How many passes failed in a row.
    pub fn failures(&self, uid: &str) -> u32 {
        self.objects().get(uid).map_or(0, |remembered| remembered.failures)
    }

    /// A pass succeeded.
    pub fn succeeded(&self, uid: &str) {
        self.note(uid, |remembered| remembered.failures = 0);
    }

    /// Drops an object that is gone, and returns what was known of it.
    pub fn forget(&self, uid: &str) -> Remembered {
        self.met().remove(uid);
        self.objects().remove(uid).unwrap_or_default()
    }

    /// Drops all objects but these.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.objects().retain(|uid, _| keep(uid));
        self.met().retain(|uid, _| keep(uid));
    }

    fn met(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_which_nothing_is_known_takes_no_room() {
        let memory = Memory::default();
        assert!(memory.releasing("u", DeletionOutcome::Deleted));
        assert!(!memory.releasing("u", DeletionOutcome::Deleted), "it is repeated");
        assert_eq!((memory.failed("u"), memory.failed("v"), memory.objects().len()), (1, 1, 2));
        memory.succeeded("u");
        memory.succeeded("v");
        assert_eq!(memory.recall("u").release, Some(Release::Sent(DeletionOutcome::Deleted)));
        assert_eq!(memory.objects().len(), 1);
        memory.note("u", |remembered| remembered.release = None);
        assert!(memory.objects().is_empty());
    }

    #[test]
    fn an_object_is_known_until_its_campaign_was_looked_at() {
        let memory = Memory::default();
        let first = memory.known_for("u", true).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert!(memory.known_for("u", true).unwrap() >= first + Duration::from_millis(20));
        assert_eq!(memory.known_for("u", false), None);
        for uid in ["forgotten", "dropped"] {
            memory.known_for(uid, true);
        }
        memory.forget("forgotten");
        memory.retain(|uid| uid != "dropped");
        assert_eq!(memory.known_for("u", false), None);
        assert_eq!(memory.met().capacity(), 0, "there are thousands");
    }

    /// The first sign that our finalizer is off counts the release: the answer to the patch, a read, or the
    /// watch.
    #[test]
    fn a_release_is_counted_once() {
        let memory = Memory::default();
        assert_eq!(memory.released("u"), None, "nobody has taken it off");
        memory.releasing("u", DeletionOutcome::Absent);
        memory.releasing("u", DeletionOutcome::Deleted);
        assert_eq!((memory.released("u"), memory.released("u")), (Some(DeletionOutcome::Deleted), None));
        memory.over("u");
        memory.still_there("u");
        memory.releasing("u", DeletionOutcome::Deleted);
        assert_eq!(memory.released("u"), None);
        memory.releasing("w", DeletionOutcome::Orphaned);
        memory.orphan_was_taken_back("w");
        assert_eq!(memory.released("w"), None, "it was stripped by somebody else");
        memory.releasing("v", DeletionOutcome::Deleted);
        memory.orphan_was_taken_back("v");
        memory.over("v");
        memory.still_there("v");
        assert_eq!(memory.released("v"), None, "it was not off");
    }
}
