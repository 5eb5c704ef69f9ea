use futures::future::{Either, join, select};

use super::decide::SILENT;

/// Waits for something; if that takes longer than a moment, says meanwhile what goes on, once there is room for that. While others wait
/// for the room, nothing is said: it would stand behind them with a seat that others wait for, and the outcome is written anyway.
pub async fn broken<T, R, W>(
    work: impl Future<Output = T>,
    free_room: impl Fn() -> Option<R>,
    say: impl AsyncFnOnce(R) -> W,
) -> (T, Option<W>) {
    let mut work = Box::pin(work);
    let room = loop {
        let silent = tokio::time::sleep(SILENT.unsigned_abs());
        match select(work, Box::pin(silent)).await {
            Either::Left((result, _)) => return (result, None),
            Either::Right(((), unfinished)) => work = unfinished,
        }
        if let Some(room) = free_room() {
            break room;
        }
    };
    let (result, said) = join(work, say(room)).await;
    (result, Some(said))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    /// What ends in a moment is not told before, nor what others leave no room for; nor does anybody wait for that.
    #[tokio::test(start_paused = true)]
    async fn nothing_is_said_without_room() {
        let room_from = Cell::new(Duration::ZERO);
        let started = Instant::now();
        let free_room = || (started.elapsed() >= room_from.get()).then_some(());
        let moment = SILENT.unsigned_abs();
        let said = async |takes| {
            let begun = Instant::now();
            let say = async |()| {
                let after = begun.elapsed();
                sleep(moment / 2).await;
                after
            };
            let ((), said) = broken(sleep(takes), free_room, say).await;
            (said, begun.elapsed())
        };
        assert_eq!(said(moment / 2).await, (None, moment / 2));
        assert_eq!(said(moment * 3).await, (Some(moment), moment * 3));
        room_from.set(Duration::MAX);
        assert_eq!(said(moment * 9).await, (None, moment * 9));
        room_from.set(started.elapsed() + moment * 4);
        assert_eq!(said(moment * 9).await, (Some(moment * 4), moment * 9));
        room_from.set(Duration::ZERO);
        assert_eq!(said(moment * 5 / 4).await, (Some(moment), moment * 3 / 2), "what was begun is ended");
    }
}
