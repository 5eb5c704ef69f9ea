use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{oneshot, watch as signal};
use tokio::time::timeout;

/// How long the thread may take to its next pause, in which it is ended: it never blocks for longer than a step takes.
const ENDED: Duration = Duration::from_secs(5);

/// A term of leadership, in a thread and a runtime of its own. When it ends, whatever is going on in it ends, wherever in it that was
/// spawned: nothing of an old term is left in a new one. The lease is renewed outside of it, and so never waits behind the work.
pub(super) struct Term {
    stopping: signal::Sender<bool>,
    end: Option<oneshot::Sender<()>>,
    /// None when it was heard that it is over.
    over: Option<oneshot::Receiver<anyhow::Result<()>>>,
}

impl Term {
    /// Begins a term with this work, which is told when to stop.
    ///
    /// # Errors
    /// If there can't be another thread.
    pub(super) fn begin<W>(work: W) -> anyhow::Result<Self>
    where
        W: AsyncFnOnce(signal::Receiver<bool>) -> anyhow::Result<()> + Send + 'static,
    {
        let (stopping, stopped) = signal::channel(false);
        let (end, ended) = oneshot::channel();
        let (done, over) = oneshot::channel();
        // It mostly waits: one thread is enough, and each more would keep memory of its own.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("there can't be another runtime")?;
        let run = move || {
            let outcome = runtime.block_on(async {
                tokio::select! {
                    outcome = work(stopped) => outcome,
                    _ = ended => Ok(()),
                }
            });
            // Without waiting for a look-up of a name, which nobody can end.
            runtime.shutdown_background();
            drop(done.send(outcome));
        };
        thread::Builder::new().name("term".into()).spawn(run).context("there can't be another thread")?;
        Ok(Self { stopping, end: Some(end), over: Some(over) })
    }

    /// Tells the work to stop.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns when the work has ended by itself.
    ///
    /// # Errors
    /// If the work has failed.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        let Some(over) = &mut self.over else { return Ok(()) };
        let outcome = over.await;
        self.over = None;
        outcome.context("the work has ended in a panic")?
    }

    /// Ends whatever is going on, and returns when nothing is any more.
    ///
    /// # Errors
    /// If it does not end, because the thread is stuck: only the end of the process ends it.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        drop(self.end.take());
        let Some(over) = self.over.take() else { return Ok(()) };
        // What it has come to, nobody asks any more.
        timeout(ENDED, over).await.map(drop).context("the work is stuck, and can't be ended")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// K11: what was spawned in a term does not outlive it, though nobody waits for it.
    #[tokio::test]
    async fn nothing_outlives_a_term() {
        let steps = Arc::new(AtomicU32::new(0));
        let counted = steps.clone();
        let term = Term::begin(async move |_stopping| {
            tokio::spawn(async move {
                loop {
                    counted.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            std::future::pending().await
        })
        .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        term.end().await.unwrap();
        let before = steps.load(Ordering::Relaxed);
        assert!(before > 1);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(steps.load(Ordering::Relaxed), before);
    }

    #[tokio::test]
    async fn a_term_that_is_told_to_stop_finishes_its_work() {
        let mut term = Term::begin(async |mut stopping: signal::Receiver<bool>| {
            stopping.wait_for(|stopping| *stopping).await?;
            anyhow::bail!("it says what it has come to")
        })
        .unwrap();
        term.stop();
        assert!(term.ended().await.unwrap_err().to_string().contains("come to"));
        term.end().await.unwrap();
    }
}
