//! Objects to reconcile wait in one line for each namespace.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::stream::{self, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt};
use kube::Resource;
use kube::runtime::reflector::ObjectRef;

use crate::kube_ext::Slots;

/// How long kube-rs takes to begin a reconcile: its scheduler counts in milliseconds.
const BEGIN_RECONCILE: Duration = Duration::from_millis(5);

/// What triggers reconciles.
pub(super) type Triggered<K> = mpsc::UnboundedReceiver<ObjectRef<K>>;

/// Passes on objects to reconcile while their namespace has a slot for a pass. Thousands that are triggered
/// at once wait here as references: kube-rs would begin to reconcile all of them, and keep the memory for it.
pub(super) fn in_lines<K>(
    triggered: Triggered<K>,
    slots: Arc<Slots>,
) -> impl Stream<Item = ObjectRef<K>> + Send
where
    K: Resource<DynamicType = ()> + 'static,
{
    let lines = Lines { triggered, slots, waiting: HashMap::new(), next: FuturesUnordered::new() };
    stream::unfold(lines, async |mut lines| Some((lines.some().await?, lines))).flat_map(stream::iter)
}

struct Lines<K: Resource> {
    triggered: Triggered<K>,
    slots: Arc<Slots>,
    /// The lines that are not empty, by namespace.
    waiting: HashMap<String, VecDeque<ObjectRef<K>>>,
    /// Each brings the namespace of one of the lines, when objects may leave it.
    next: FuturesUnordered<BoxFuture<'static, String>>,
}

impl<K: Resource<DynamicType = ()>> Lines<K> {
    /// Waits until objects may leave a line; `None` if none is left, and none will come.
    async fn some(&mut self) -> Option<Vec<ObjectRef<K>>> {
        loop {
            tokio::select! {
                // All who are there stand in line before the first of them leave: thousands come at once.
                biased;
                Some(object) = self.triggered.next() => self.stand_in_line(object),
                Some(namespace) = self.next.next() => return Some(self.leave(namespace)),
                else => return None,
            }
        }
    }

    fn stand_in_line(&mut self, object: ObjectRef<K>) {
        let namespace = object.namespace.clone().unwrap_or_default();
        let line = self.waiting.entry(namespace.clone()).or_default();
        line.push_back(object);
        if line.len() == 1 {
            self.wait_for_slot(namespace, None);
        }
    }

    /// The first objects of a line: at most as many as the namespace has slots.
    fn leave(&mut self, namespace: String) -> Vec<ObjectRef<K>> {
        let Some(line) = self.waiting.get_mut(&namespace) else { return Vec::new() };
        let objects = line.drain(..line.len().min(self.slots.share())).collect();
        if line.is_empty() {
            self.waiting.remove(&namespace);
        } else {
            // The reconciles of those that have left take their slots meanwhile.
            self.wait_for_slot(namespace, Some(BEGIN_RECONCILE));
        }
        objects
    }

    fn wait_for_slot(&self, namespace: String, pause: Option<Duration>) {
        let slots = self.slots.clone();
        let free = async move {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            // Each reconcile takes a slot of its own.
            drop(slots.take(&namespace).await);
            namespace
        };
        self.next.push(free.boxed());
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(namespace: &str, number: usize) -> ObjectRef<ConfigMap> {
        ObjectRef::new(&number.to_string()).within(namespace)
    }

    /// Objects keep their order within a namespace; nobody waits behind those of a namespace whose slots are
    /// taken; and the stream ends with its triggers.
    #[tokio::test(start_paused = true)]
    async fn a_line_that_waits_holds_up_no_other() {
        let (sender, triggered) = mpsc::unbounded();
        let slots = Arc::new(Slots::new(4));
        let held = [slots.take("busy").await, slots.take("busy").await];
        for number in 0..5 {
            sender.unbounded_send(object("busy", number)).unwrap();
        }
        sender.unbounded_send(object("other", 0)).unwrap();
        drop(sender);
        let mut left = Box::pin(in_lines(triggered, slots));
        assert_eq!(left.next().await, Some(object("other", 0)));
        assert!(left.next().now_or_never().is_none(), "no slot is free");
        drop(held);
        let rest: Vec<_> = left.collect().await;
        assert_eq!(rest, (0..5).map(|number| object("busy", number)).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_behind_nobody_leaves_at_once() {
        let (sender, triggered) = mpsc::unbounded();
        let mut left = Box::pin(in_lines(triggered, Arc::new(Slots::new(4))));
        let begun = tokio::time::Instant::now();
        for number in 0..100 {
            sender.unbounded_send(object("quiet", number)).unwrap();
            assert_eq!(left.next().await, Some(object("quiet", number)));
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    /// Of thousands, kube-rs gets only as many at a time as there are slots.
    #[tokio::test(start_paused = true)]
    async fn those_who_wait_are_references() {
        let (sender, triggered) = mpsc::unbounded();
        for number in 0..1000 {
            sender.unbounded_send(object("busy", number)).unwrap();
        }
        let slots = Arc::new(Slots::new(4));
        let mut left = Box::pin(in_lines(triggered, slots.clone()));
        let begun = [left.next().await, left.next().await];
        let held = [slots.take("busy").await, slots.take("busy").await];
        assert!(tokio::time::timeout(Duration::from_secs(60), left.next()).await.is_err());
        drop((begun, held));
        assert_eq!(left.next().await, Some(object("busy", 2)));
    }
}
