use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join, select};

use crate::kube_ext::{Kube, Slot};

/// What a status says nothing of yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// That the object waits for others of its account. Thousands may have to say so: few of them at a time,
    /// or those in front of them would wait for their writes.
    InLine,
    /// That a DELETE is under way.
    UnderWay,
}

/// The right to the call that says it.
pub struct Room {
    /// Held until the call has ended.
    pub _patient: Option<Slot>,
    pub call: Slot,
}

impl Silence {
    /// Waits until the call that breaks this silence may be made.
    pub async fn room(self, kube: &Kube, namespace: &str) -> Room {
        let _patient = match self {
            Self::InLine => Some(kube.patient_permit(namespace).await),
            Self::UnderWay => None,
        };
        Room { _patient, call: kube.call_permit(namespace).await }
    }
}

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
    use std::iter::from_fn;

    use futures::FutureExt;
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::kube_ext::Leadership;

    /// However many of a namespace say that they are in line, most of the calls that it may make are left to
    /// those whose DELETE is under way.
    #[tokio::test]
    async fn those_in_line_leave_room_to_those_under_way() {
        let cluster = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let kube = Kube::new(kube::Client::try_from(cluster).unwrap(), Leadership::unlimited());
        let rooms =
            |silence: Silence| from_fn(|| silence.room(&kube, "busy").now_or_never()).collect::<Vec<_>>();
        let in_line = rooms(Silence::InLine);
        assert_eq!((in_line.len(), rooms(Silence::UnderWay).len()), (4, 12), "of half of 32 calls");
    }

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
