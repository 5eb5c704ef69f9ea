use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Slots for work of which only so much may go on at once. The objects of one namespace take at most half of
/// them, so that however much work there is in one namespace, another's finds a slot.
pub struct Slots {
    all: Arc<Semaphore>,
    share: usize,
    /// The share of each namespace that works or waits.
    shares: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// One of the [`Slots`], until it is dropped.
pub struct Slot {
    /// One of all, and one of the namespace's share. The semaphores are never closed, so both are there.
    _permits: [Option<OwnedSemaphorePermit>; 2],
}

impl Slots {
    /// So many, all of them free.
    pub fn new(slots: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(slots)), share: slots.div_ceil(2), shares: Mutex::default() }
    }

    /// Waits for a slot, first within the namespace, then among all: at most a namespace's share of it stands
    /// in line among all.
    pub async fn take(&self, namespace: &str) -> Slot {
        let own = self.share_of(namespace).acquire_owned().await.ok();
        Slot { _permits: [self.all.clone().acquire_owned().await.ok(), own] }
    }

    /// How many the objects of one namespace may take.
    pub fn share(&self) -> usize {
        self.share
    }

    fn share_of(&self, namespace: &str) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(namespace).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.share));
        shares.insert(namespace.to_owned(), Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::future::poll_immediate;

    use super::*;

    #[tokio::test]
    async fn a_busy_namespace_leaves_half_of_the_slots_to_others() {
        let slots = Slots::new(4);
        let busy = [slots.take("busy").await, slots.take("busy").await];
        let mut third = pin!(slots.take("busy"));
        assert!(poll_immediate(&mut third).await.is_none(), "its share is taken");
        let other = slots.take("other").await;
        drop(busy);
        assert!(poll_immediate(&mut third).await.is_some(), "and free again");
        drop(other);
    }

    /// Of a namespace that waits among all, only its share stands before others.
    #[tokio::test]
    async fn a_line_within_a_namespace_is_not_a_line_for_others() {
        let slots = Slots::new(2);
        let held = [slots.take("a").await, slots.take("b").await];
        let mut busy: Vec<_> = (0..10).map(|_| Box::pin(slots.take("c"))).collect();
        for waiting in &mut busy {
            assert!(poll_immediate(waiting).await.is_none());
        }
        let mut other = pin!(slots.take("d"));
        assert!(poll_immediate(&mut other).await.is_none());
        drop(held);
        assert!(poll_immediate(&mut busy[0]).await.is_some(), "first come, first served");
        assert!(poll_immediate(&mut other).await.is_some(), "behind one of c, not behind ten");
    }

    #[tokio::test]
    async fn a_namespace_without_work_takes_no_room() {
        let slots = Slots::new(2);
        for number in 0..10 {
            drop(slots.take(&number.to_string()).await);
        }
        assert_eq!(slots.shares.lock().unwrap().len(), 1);
    }
}
