use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// After a call has worked, the next ones are expected to work for so long: the window in which Kore counts
/// calls.
const LATELY: Duration = Duration::from_secs(60);

/// Room for calls under way; little of it while no call has worked lately, so that few calls are lost before
/// a failure that concerns all shows. First come, first served.
pub struct Seats {
    room: Room,
    semaphore: Arc<Semaphore>,
    /// Room to prepare for a seat: for as many as there are seats, so that somebody is ready when one becomes
    /// free, and not so long before that what they have read is old by then.
    preparation: Arc<Semaphore>,
    state: Mutex<State>,
}

/// How many calls may be under way.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// While no call has worked lately.
    pub few: usize,
    /// Otherwise.
    pub many: usize,
}

#[derive(Default)]
struct State {
    worked_at: Option<Instant>,
    /// How many of the seats that are taken vanish when they are given back.
    surplus: usize,
}

/// The right to one of the calls under way.
pub struct Seat {
    seats: Arc<Seats>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Seats {
    /// Nothing has worked yet.
    pub fn new(room: Room) -> Arc<Self> {
        let [semaphore, preparation] = [room.few, room.many].map(|room| Arc::new(Semaphore::new(room)));
        Arc::new(Self { room, semaphore, preparation, state: Mutex::default() })
    }

    /// Waits until the caller may prepare for a seat.
    pub async fn preparation(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        self.preparation.clone().acquire_owned().await.ok()
    }

    /// Waits for a seat.
    pub async fn seat(self: Arc<Self>) -> Option<Seat> {
        self.look_back();
        // The semaphore is never closed.
        let permit = self.semaphore.clone().acquire_owned().await.ok()?;
        Some(Seat { seats: self, permit: Some(permit) })
    }

    /// A seat, if one is free and nobody waits for it.
    pub fn free_seat(self: Arc<Self>) -> Option<Seat> {
        self.look_back();
        let permit = self.semaphore.clone().try_acquire_owned().ok()?;
        Some(Seat { seats: self, permit: Some(permit) })
    }

    /// A call has worked.
    pub fn worked(&self) {
        let mut state = self.state();
        if state.worked_at.replace(Instant::now()).is_none() {
            let more = self.room.many - self.room.few;
            let kept = state.surplus.min(more);
            state.surplus -= kept;
            self.semaphore.add_permits(more - kept);
        }
    }

    /// A call has failed for a reason that may concern others, too.
    pub fn failed(&self) {
        self.narrow(&mut self.state());
    }

    fn look_back(&self) {
        let mut state = self.state();
        if state.worked_at.is_some_and(|at| at.elapsed() > LATELY) {
            self.narrow(&mut state);
        }
    }

    fn narrow(&self, state: &mut State) {
        if state.worked_at.take().is_some() {
            let less = self.room.many - self.room.few;
            state.surplus += less - self.semaphore.forget_permits(less);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.seats.state();
        if state.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            state.surplus -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(seats: &Arc<Seats>) -> Vec<Seat> {
        std::iter::from_fn(|| seats.clone().free_seat()).collect()
    }

    /// Few calls are under way until one has worked, and again once one has failed; calls under way are not
    /// cut off.
    #[test]
    fn calls_begin_a_few_at_a_time() {
        let seats = Seats::new(Room { few: 2, many: 5 });
        assert_eq!(taken(&seats).len(), 2);
        seats.worked();
        seats.worked();
        let many = taken(&seats);
        assert_eq!(many.len(), 5);
        seats.failed();
        seats.failed();
        drop(many);
        assert_eq!(taken(&seats).len(), 2);
        let many = {
            seats.worked();
            taken(&seats)
        };
        seats.failed();
        seats.worked();
        assert_eq!((many.len(), taken(&seats).len()), (5, 0), "those under way count");
        drop(many);
        assert_eq!(taken(&seats).len(), 5);
    }
}
