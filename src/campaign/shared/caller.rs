use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;

use crate::campaign::Watched;
use crate::kore::Target;
use crate::pacing::{Access, Place, Request};

/// What calls about a stream are made with. The hash of the credentials is only valid in this process.
pub fn access(target: &Target, stream_id: &str) -> Access<u64> {
    let iid = target.iid.as_deref().unwrap_or(stream_id).to_owned();
    Access { credentials: target.credentials_hash(), iid }
}

/// Who wants to call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The uid of the object, or the name of a listing, which is read for many objects.
    pub id: String,
    /// Whom to wake.
    pub object: ObjectRef<Watched>,
    /// Whether other objects call under the same `id`, and wait for the same listing.
    pub for_many: bool,
    /// The place in the queue.
    pub place: Place,
    /// The time that the object's status promises, if it waits for the quota.
    pub promised: Option<Timestamp>,
    /// The credentials and the `iid` of the call.
    pub access: Access<u64>,
}

impl Caller {
    /// The request that the clock is asked with; the machine's clock is `ahead` of it.
    pub fn request(&self, quota: usize, ahead: SignedDuration) -> Request<'_, String, u64> {
        let Self { id, object: _, for_many: _, place, promised, access } = self;
        let promised = promised.map(|promised| promised - ahead);
        Request { caller: id, access, place: *place, promised, quota }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::shared::listings;

    /// A refusal for one stream says nothing of another, unless calls for both have the same `iid`.
    #[test]
    fn the_right_to_one_stream_is_none_to_another() {
        let mut target = listings::tests::target();
        assert_ne!(access(&target, "st-1"), access(&target, "st-2"));
        target.iid = Some("iid".into());
        assert_eq!(access(&target, "st-1"), access(&target, "st-2"));
    }
}
