//! How long a part may take to become well, and an API server to answer.

use std::cell::Cell;
use std::io::{self, Write};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::page::{Finding, Verdict, shown};

/// How long the API server may take to know a role that was just created.
const RIGHTS: Duration = Duration::from_secs(5);
/// How long a look may take: ten thousand resources are listed in some seconds.
const LOOK: Duration = Duration::from_secs(30);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// The patience for all parts together: what is wrong with several of them at once is not waited for anew.
#[derive(Debug)]
pub(super) struct Patience {
    begun: Instant,
    /// How long an operator that has just been installed may take: to start, to lead, to be reached.
    starting: Duration,
    /// Whether a look had no answer in time. Then no other part is looked at.
    unanswered: Cell<bool>,
}

impl Patience {
    pub(super) fn begin(starting: Duration) -> Self {
        Self { begun: Instant::now(), starting, unanswered: Cell::new(false) }
    }

    /// Looks again while that may help. Says on stderr what it waits for, once.
    pub(super) async fn with(&self, mut look: impl AsyncFnMut() -> Finding) -> Finding {
        let mut told = String::new();
        loop {
            if self.unanswered.get() {
                return Finding::failed("not looked at, because the API server did not answer");
            }
            let Ok(finding) = timeout(LOOK, look()).await else {
                self.unanswered.set(true);
                return Finding::failed(format!("the API server did not answer within {} s", LOOK.as_secs()));
            };
            let patience = match finding.verdict {
                Verdict::Ok | Verdict::Attention => return finding,
                Verdict::NotChecked => RIGHTS.min(self.starting),
                Verdict::Failed => self.starting,
            };
            if self.begun.elapsed() >= patience {
                return finding;
            }
            if finding.said != told {
                let _unheard = writeln!(io::stderr().lock(), "not yet: {}", shown(&finding.said));
                told.clone_from(&finding.said);
            }
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_looked_at_again_for_a_minute_in_all() {
        let patience = Patience::begin(Duration::from_secs(60));
        let mut looks = 0;
        let late = patience
            .with(async || {
                looks += 1;
                if looks > 10 { Finding::ok("well") } else { Finding::failed("starting") }
            })
            .await;
        assert_eq!((late, looks), (Finding::ok("well"), 11));
        // The API server knows a new role by now.
        let hidden = patience.with(async || Finding::not_checked("forbidden")).await;
        assert_eq!((hidden.verdict, patience.begun.elapsed().as_secs()), (Verdict::NotChecked, 10));
        for _ in 0..2 {
            let down = patience.with(async || Finding::failed("down")).await;
            assert_eq!((down.verdict, patience.begun.elapsed().as_secs()), (Verdict::Failed, 60));
        }
        let slow = patience.with(async || Finding::attention("slow")).await;
        assert_eq!(slow, Finding::attention("slow"));
    }

    /// Each part would wait for the same API server.
    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_does_not_answer_is_waited_for_once() {
        let patience = Patience::begin(Duration::from_secs(60));
        for _ in 0..5 {
            let silent = patience.with(async || std::future::pending().await).await;
            assert_eq!((silent.verdict, patience.begun.elapsed()), (Verdict::Failed, LOOK));
        }
    }
}
