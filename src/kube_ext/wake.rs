use futures::channel::mpsc;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};

/// Triggers reconciles of objects, in the controller that watches their namespace.
pub struct Wake<K: Resource> {
    /// By the namespace that the controller watches; `None` for all.
    controllers: Vec<(Option<String>, mpsc::UnboundedSender<ObjectRef<K>>)>,
}

impl<K: Resource> Wake<K>
where
    K::DynamicType: Clone,
{
    /// A trigger for the controllers of these namespaces, and the receiver of each controller.
    pub fn of(namespaces: &[Option<String>]) -> (Self, Vec<mpsc::UnboundedReceiver<ObjectRef<K>>>) {
        let (controllers, receivers) = namespaces
            .iter()
            .map(|namespace| {
                let (sender, receiver) = mpsc::unbounded();
                ((namespace.clone(), sender), receiver)
            })
            .unzip();
        (Self { controllers }, receivers)
    }

    /// Triggers a reconcile of this object.
    pub fn wake(&self, object: ObjectRef<K>) {
        let covers = |watched: &Option<String>| watched.is_none() || *watched == object.namespace;
        if let Some((_, sender)) = self.controllers.iter().find(|(watched, _)| covers(watched)) {
            // Fails only when the controller has ended.
            let _ = sender.unbounded_send(object);
        }
    }
}

/// A reference of namespace and name alone: thousands of them wait in memory.
pub fn reference<K>(object: &impl ResourceExt) -> ObjectRef<K>
where
    K: Resource<DynamicType = ()>,
{
    ObjectRef::new(&object.name_any()).within(&object.namespace().unwrap_or_default())
}
