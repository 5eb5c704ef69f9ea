//! A term of leadership.

use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{oneshot, watch as signal};
use tokio::time::timeout;

/// How long to wait for the thread to end. It ends at its next await point, which it reaches within
/// milliseconds.
const END_WITHIN: Duration = Duration::from_secs(5);
/// The wait consists of so many parts. While the process is frozen, or its machine is suspended, at most one
/// of them passes: the thread has not run either.
const PARTS: u32 = 50;

/// The controllers of one term of leadership, in a thread and a runtime of their own. When the term ends, all
/// its tasks end, whoever has spawned them: nothing of it runs on into the next term. The lease is renewed
/// outside of the term, and so never waits for it.
pub(super) struct Term {
    stopping: signal::Sender<bool>,
    end: Option<oneshot::Sender<()>>,
    /// `None` once the result was returned.
    done: Option<oneshot::Receiver<anyhow::Result<()>>>,
}

impl Term {
    /// Begins a term with this work, which receives whether to stop.
    ///
    /// # Errors
    /// If the runtime or the thread can't be created.
    pub(super) fn begin<W>(work: W) -> anyhow::Result<Self>
    where
        W: AsyncFnOnce(signal::Receiver<bool>) -> anyhow::Result<()> + Send + 'static,
    {
        let (stopping, stopped) = signal::channel(false);
        let (end, ended) = oneshot::channel();
        let (sender, done) = oneshot::channel();
        // One thread is enough, because the work mostly waits; each thread keeps memory of its own.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the runtime of a term can't be created")?;
        let run = move || {
            let outcome = runtime.block_on(async {
                tokio::select! {
                    outcome = work(stopped) => outcome,
                    _ = ended => Ok(()),
                }
            });
            // Does not wait for a DNS lookup, which can't be cancelled.
            runtime.shutdown_background();
            drop(sender.send(outcome));
        };
        thread::Builder::new()
            .name("term".into())
            .spawn(run)
            .context("the thread of a term can't be created")?;
        Ok(Self { stopping, end: Some(end), done: Some(done) })
    }

    /// Asks the work to stop.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns when the work has ended by itself.
    ///
    /// # Errors
    /// If the work has failed.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        let Some(done) = &mut self.done else { return Ok(()) };
        let outcome = done.await;
        self.done = None;
        outcome.context("the controllers have panicked")?
    }

    /// Ends all tasks of the term, and returns when they have ended.
    ///
    /// # Errors
    /// If the thread is stuck: then only the end of the process ends it.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        drop(self.end.take());
        let Some(done) = self.done.take() else { return Ok(()) };
        // The result does not matter any more.
        in_parts(done).await.map(drop).context("the controllers are stuck and can't be ended")
    }
}

/// Waits for something for [`END_WITHIN`], not counting the time in which the process does not run.
async fn in_parts<T>(mut work: impl Future<Output = T> + Unpin) -> Option<T> {
    for _ in 0..PARTS {
        if let Ok(done) = timeout(END_WITHIN / PARTS, &mut work).await {
            return Some(done);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// K11: a task that was spawned in a term does not outlive the term, though nothing awaits the task.
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

    /// K11: a process that is frozen in this moment has not waited.
    #[tokio::test(start_paused = true)]
    async fn time_in_which_the_process_is_frozen_does_not_count() {
        let (sender, done) = oneshot::channel();
        tokio::spawn(async move {
            tokio::time::advance(END_WITHIN * 2).await;
            let _ = sender.send(());
        });
        assert_eq!(in_parts(done).await, Some(Ok(())));
        let begun = tokio::time::Instant::now();
        assert_eq!(in_parts(std::future::pending::<()>()).await, None);
        assert!(begun.elapsed() >= END_WITHIN, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_term_that_is_asked_to_stop_finishes_its_work() {
        let mut term = Term::begin(async |mut stopping: signal::Receiver<bool>| {
            stopping.wait_for(|stopping| *stopping).await?;
            anyhow::bail!("the result of the work")
        })
        .unwrap();
        term.stop();
        assert!(term.ended().await.unwrap_err().to_string().contains("result of the work"));
        term.end().await.unwrap();
    }
}
