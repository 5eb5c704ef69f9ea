use futures::channel::mpsc;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};

/// Has objects reconciled, in whichever controller they belong to.
pub struct Wake<K: Resource> {
    /// By the namespace that the controller works in; `None` for all.
    controllers: Vec<(Option<String>, mpsc::UnboundedSender<ObjectRef<K>>)>,
}

impl<K: Resource> Wake<K>
where
    K::DynamicType: Clone,
{
    /// Wakers of the controllers of these namespaces, and what each controller is to listen to.
    pub fn of(scopes: &[Option<String>]) -> (Self, Vec<mpsc::UnboundedReceiver<ObjectRef<K>>>) {
        let (controllers, receivers) = scopes
            .iter()
            .map(|scope| {
                let (sender, receiver) = mpsc::unbounded();
                ((scope.clone(), sender), receiver)
            })
            .unzip();
        (Self { controllers }, receivers)
    }

    /// Has an object reconciled soon.
    pub fn wake(&self, object: ObjectRef<K>) {
        let covers = |scope: &Option<String>| scope.is_none() || *scope == object.namespace;
        if let Some((_, sender)) = self.controllers.iter().find(|(scope, _)| covers(scope)) {
            // Fails only when the controller has ended.
            let _ = sender.unbounded_send(object);
        }
    }
}

/// The name of an object, as it is watched, and no more: thousands wait for their turn.
pub fn reference<K>(object: &impl ResourceExt) -> ObjectRef<K>
where
    K: Resource<DynamicType = ()>,
{
    ObjectRef::new(&object.name_any()).within(&object.namespace().unwrap_or_default())
}
