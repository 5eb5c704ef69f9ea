use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join, select};

/// Waits for `work`; if that takes longer than `silent`, calls `report` meanwhile, once there is `room` for
/// the call. If the work ends before, nothing is said: the write would wait in line with a seat in hand that
/// others need, and the result is written anyway.
pub async fn report_if_slow<T, R, W>(
    silent: Duration,
    work: impl Future<Output = T>,
    room: impl Future<Output = R>,
    report: impl AsyncFnOnce(R) -> W,
) -> (T, Option<W>) {
    let room = pin!(async {
        tokio::time::sleep(silent).await;
        room.await
    });
    match select(Box::pin(work), room).await {
        Either::Left((result, _)) => (result, None),
        Either::Right((room, work)) => {
            let (result, said) = join(work, report(room)).await;
            (result, Some(said))
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Nothing is said of work that ends in silence, nor of work that ends before there is room; nor
    /// does the work wait for room.
    #[tokio::test(start_paused = true)]
    async fn nothing_is_said_without_room() {
        let moment = Duration::from_millis(250);
        let said = async |takes, room| {
            let begun = Instant::now();
            let report = async |()| {
                let after = begun.elapsed();
                sleep(moment / 2).await;
                after
            };
            let ((), said) = report_if_slow(moment, sleep(takes), sleep(room), report).await;
            (said, begun.elapsed())
        };
        assert_eq!(said(moment / 2, Duration::ZERO).await, (None, moment / 2));
        assert_eq!(said(moment * 3, Duration::ZERO).await, (Some(moment), moment * 3));
        assert_eq!(said(moment * 9, Duration::MAX).await, (None, moment * 9));
        assert_eq!(said(moment * 9, moment * 3).await, (Some(moment * 3), moment * 9));
        let begun_is_ended = said(moment * 5 / 4, Duration::ZERO).await;
        assert_eq!(begun_is_ended, (Some(moment), moment * 3 / 2));
    }
}
