//! What the tests of the check begin with.

use crate::kube_ext::{Deployed, Election, Pods};

/// An operator of this name that works in all namespaces.
pub fn operator(name: &str) -> Deployed {
    Deployed {
        namespace: "system".to_owned(),
        name: name.to_owned(),
        release: None,
        service_account: name.to_owned(),
        pods: Pods { wanted: 1, ready: 1, updated: Some(1), is_stuck: false },
        watches: Some(Vec::new()),
        selected: "".parse().ok(),
        lease: Election::Lease(name.to_owned()),
        role_binding: None,
    }
}

/// One that works in these namespaces.
pub fn operator_in(watches: &[&str]) -> Deployed {
    let watches = watches.iter().map(|&name| name.to_owned()).collect();
    Deployed { watches: Some(watches), role_binding: Some("rights".to_owned()), ..operator("operator") }
}
