use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, StreamExt};
use jiff::Timestamp;

use super::board::{Board, Call};

/// The calls that delete: which of them are under way, and whether more may begin.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    /// The uids of their resources.
    under_way: BTreeSet<String>,
}

impl Calls {
    /// Makes a call for the resource of this uid, unless the calls were stopped.
    pub async fn make(&self, uid: &str, call: impl Future<Output = Call>) -> Call {
        let begins = self.with(|state| !state.stopped && state.under_way.insert(uid.to_owned()));
        if !begins {
            return Call::NotMade;
        }
        let answered = call.await;
        self.with(|state| state.under_way.remove(uid));
        answered
    }

    /// Has no more calls begin.
    pub fn stop(&self) {
        self.with(|state| state.stopped = true);
    }

    /// Waits for the answers to the calls that are under way, once they were stopped, and says what each
    /// tells the board. An interrupt ends that, too: then nobody knows whether those are deleted. Returns
    /// whether there was one.
    pub async fn end<T>(
        &self,
        mut deleting: impl Stream<Item = (String, Call)> + Unpin,
        interrupt: impl Future<Output = T>,
        board: &mut Board,
        now: impl Fn() -> Timestamp,
        say: impl Fn(String),
    ) -> bool {
        let mut interrupt = std::pin::pin!(interrupt);
        loop {
            let called = tokio::select! {
                called = deleting.next() => called,
                _ = &mut interrupt => {
                    for uid in self.with(|state| state.under_way.clone()) {
                        let why = "this command was ended before the API server had answered".to_owned();
                        board.called(&uid, Call::Unknown(why), now()).into_iter().for_each(&say);
                    }
                    return true;
                }
            };
            let Some((uid, call)) = called else { return false };
            board.called(&uid, call, now()).into_iter().for_each(&say);
        }
    }

    /// How many are under way.
    pub fn under_way(&self) -> usize {
        self.with(|state| state.under_way.len())
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, stream};

    use super::*;
    use crate::sample::{at, living};
    use crate::seen::Seen;

    #[tokio::test]
    async fn no_call_begins_once_they_are_stopped() {
        let calls = Calls::default();
        let seen = async {
            assert_eq!(calls.under_way(), 1);
            Call::Taken
        };
        assert_eq!(calls.make("a", seen).await, Call::Taken);
        assert_eq!(calls.under_way(), 0);
        calls.stop();
        let never = async { panic!("it must not be made") };
        assert_eq!(calls.make("b", never).await, Call::NotMade);
    }

    #[tokio::test]
    async fn what_is_not_answered_is_perhaps_deleted() {
        let of = |name: &str| Seen::of(&living(name, |_| {}));
        let mut board = Board::of(["silent", "answered", "waiting"].map(of).into(), at(0));
        let calls = Calls::default();
        let call = |name: &str, call: futures::future::BoxFuture<'static, Call>| {
            let (calls, uid) = (calls.clone(), of(name).uid);
            async move { (uid.clone(), calls.make(&uid, call).await) }
        };
        let each = [
            call("silent", std::future::pending().boxed()),
            call("answered", std::future::ready(Call::Taken).boxed()),
            call("waiting", std::future::ready(Call::Taken).boxed()),
        ];
        // The third one is not begun.
        let mut deleting = stream::iter(each).buffer_unordered(1).boxed();
        assert!(deleting.next().now_or_never().is_none());
        assert_eq!(calls.under_way(), 1);
        calls.stop();
        assert!(calls.end(deleting, std::future::ready(()), &mut board, || at(0), drop).await);
        let tally = board.tally(at(0));
        assert_eq!((tally.unknown.len(), tally.not_deleted.len()), (1, 2), "{tally:?}");
        assert!(tally.unknown[0].starts_with("team-a/silent: "), "{tally:?}");
    }
}
