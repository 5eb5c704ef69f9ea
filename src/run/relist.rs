//! A stream of watch events that relists from time to time, and after every interruption.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use tokio::time::Instant;

/// A watch can lose an event; so the stream relists after this time, or up to twice as long.
const RELIST: Duration = Duration::from_secs(12 * 60);
/// Longest pause before a list that failed is retried. A list that an API server fails or forbids costs it
/// little, and the operator should be back within seconds of the API server.
const LONGEST_OUTAGE_PAUSE: Duration = Duration::from_secs(5);
/// Longest pause before a relist after a watch that ended within [`LASTING`]: a list of thousands is
/// expensive.
const LONGEST_WATCH_PAUSE: Duration = Duration::from_secs(120);
/// A watch that has lasted for so long does not add to the pause.
const LASTING: Duration = Duration::from_secs(60);

/// Watches that each begin with a list: a new one from time to time, at random so that not all relist at
/// once, and one after every interruption, after a pause.
///
/// kube-rs would resume from the last resource version; but etcd may have been restored from a backup
/// meanwhile, and a watch from a future version brings no events.
pub(super) fn relisting<T, E, S>(
    begin: impl FnMut() -> S + Send,
    is_end_of_list: fn(&T) -> bool,
) -> impl Stream<Item = Result<T, E>> + Send
where
    T: Send,
    E: Send,
    S: Stream<Item = Result<T, E>> + Send,
{
    let state = Relisting { begin, watch: None, pauses: Pauses::default(), pause: None };
    stream::unfold(state, move |mut state| async move {
        // A sleep of nothing would take a millisecond, for each event.
        if let Some(pause) = state.pause.take() {
            tokio::time::sleep(pause).await;
        }
        loop {
            let (events, relist_at) = state.watch.get_or_insert_with(|| {
                (Box::pin((state.begin)()), Instant::now() + random_between(RELIST, 2 * RELIST))
            });
            match tokio::time::timeout_at(*relist_at, events.next()).await {
                Ok(Some(Ok(event))) => {
                    if is_end_of_list(&event) {
                        state.pauses.listed(Instant::now());
                    }
                    return Some((Ok(event), state));
                }
                Ok(Some(Err(error))) => {
                    let longest = state.pauses.interrupted(Instant::now());
                    state.pause = Some(random_between(longest / 2, longest));
                    state.watch = None;
                    return Some((Err(error), state));
                }
                Ok(None) | Err(_) => state.watch = None,
            }
        }
    })
}

struct Relisting<F, S> {
    begin: F,
    /// The current watch, and when to relist.
    watch: Option<(Pin<Box<S>>, Instant)>,
    pauses: Pauses,
    /// The pause before the next watch, after an interruption.
    pause: Option<Duration>,
}

/// The pauses after interruptions. Pure.
#[derive(Debug, Default)]
struct Pauses {
    /// When the list of the current watch was complete.
    listed_at: Option<Instant>,
    /// Interruptions in a row before the list was complete.
    failed_lists: u32,
    /// Interruptions in a row of watches that listed everything, and did not last.
    short_watches: u32,
}

impl Pauses {
    fn listed(&mut self, now: Instant) {
        (self.listed_at, self.failed_lists) = (Some(now), 0);
    }

    /// The longest pause to make after an interruption.
    fn interrupted(&mut self, now: Instant) -> Duration {
        let doubled = |times: u32| Duration::from_secs(1) * 2_u32.saturating_pow(times);
        match self.listed_at.take() {
            Some(listed_at) if now - listed_at >= LASTING => {
                self.short_watches = 0;
                doubled(0)
            }
            Some(_) => {
                self.short_watches = self.short_watches.saturating_add(1);
                doubled(self.short_watches - 1).min(LONGEST_WATCH_PAUSE)
            }
            None => {
                self.failed_lists = self.failed_lists.saturating_add(1);
                doubled(self.failed_lists - 1).min(LONGEST_OUTAGE_PAUSE)
            }
        }
    }
}

/// A random duration between two, from the standard library's seeds of hash maps.
fn random_between(least: Duration, most: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    least + (most - least).mul_f64(random as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The cache misses an event that the watch has lost for at most 24 minutes.
    #[tokio::test(start_paused = true)]
    async fn a_watch_begins_anew_between_12_and_24_minutes() {
        let begun = Instant::now();
        // Each watch brings the time at which it began, and then nothing.
        let watches = || stream::once(async { Ok::<_, ()>(begun.elapsed()) }).chain(stream::pending());
        let mut watch = Box::pin(relisting(watches, |_| true).map(Result::unwrap));
        let mut last = watch.next().await.unwrap();
        let mut pauses = HashSet::new();
        for _ in 0..20 {
            let next = watch.next().await.unwrap();
            let pause = next - last;
            assert!((RELIST..=2 * RELIST + Duration::from_millis(2)).contains(&pause), "{pause:?}");
            pauses.insert(pause);
            last = next;
        }
        assert!(pauses.len() > 10, "each after a random time");
    }

    /// K6: a watch that was interrupted is not resumed.
    #[tokio::test(start_paused = true)]
    async fn an_interrupted_watch_begins_anew() {
        let mut begun = 0;
        let watch = relisting(
            || {
                begun += 1;
                stream::iter([Ok(begun), Ok(begun), Err(begun)]).chain(stream::pending())
            },
            |_| false,
        );
        let items: Vec<_> = watch.take(6).collect().await;
        let one = |number| [Ok(number), Ok(number), Err(number)];
        assert_eq!(items, [one(1), one(2)].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_passed_on_at_once() {
        let begun = Instant::now();
        let watch =
            relisting(|| stream::iter((0..1000).map(Ok::<_, ()>)).chain(stream::pending()), |_| false);
        assert_eq!(watch.take(1000).count().await, 1000);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    /// K35: watches that do not last cause no list every second; while lists fail, the stream retries every
    /// few seconds; and a watch that has lasted is replaced at once.
    #[test]
    fn a_watch_in_vain_is_begun_less_and_less_often() {
        let mut pauses = Pauses::default();
        let begun = Instant::now();
        let seconds = |pauses: &mut Pauses, lasted: Option<u64>| {
            if lasted.is_some() {
                pauses.listed(begun);
            }
            pauses.interrupted(begun + Duration::from_secs(lasted.unwrap_or_default())).as_secs()
        };
        let short: Vec<_> = (0..9).map(|_| seconds(&mut pauses, Some(1))).collect();
        assert_eq!(short, [1, 2, 4, 8, 16, 32, 64, 120, 120]);
        let away: Vec<_> = (0..5).map(|_| seconds(&mut pauses, None)).collect();
        assert_eq!(away, [1, 2, 4, 5, 5]);
        assert_eq!(seconds(&mut pauses, Some(1)), 120, "the watches before the outage did not last");
        assert_eq!((seconds(&mut pauses, Some(60)), seconds(&mut pauses, Some(59))), (1, 1));
        pauses.failed_lists = u32::MAX;
        pauses.short_watches = u32::MAX;
        assert_eq!((seconds(&mut pauses, None), seconds(&mut pauses, Some(0))), (5, 120));
    }
}
