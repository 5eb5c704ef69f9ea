//! What SECURITY.md says: a Secret is zeroized after use, but for the buffers of the HTTP library.

#![expect(unsafe_code, reason = "an allocator that looks at what is freed")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::core::v1::Secret;
use kube::client::Body;
use kube::{Api, Client};
use voicecampaign_operator::kube_ext::{Kube, Leadership};

/// As the API server writes it.
const ENCODED: &str = "dG9wLXNlY3JldC1jbGllbnQtc2VjcmV0LTAxMjM0NTY3ODk=";

/// Blocks of memory that were freed with the secret in them.
static FREED: AtomicUsize = AtomicUsize::new(0);

struct Watching;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller says. Zeroed, so that each byte may be read when it is freed.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's, and each of its bytes was initialized.
        let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
        if bytes.windows(ENCODED.len()).any(|window| window == ENCODED.as_bytes()) {
            FREED.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: as the caller says.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// An API server that has one Secret.
fn client() -> Client {
    let answer = tower::service_fn(async |_: http::Request<Body>| {
        let secret = format!(
            r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"x"}},"data":{{"clientSecret":"{ENCODED}"}}}}"#
        );
        Ok::<_, Infallible>(http::Response::new(Body::from(secret.into_bytes())))
    });
    Client::new(answer, "default")
}

#[tokio::test]
async fn reading_a_secret_leaves_no_copy_but_in_the_buffers_of_the_http_library() {
    let client = client();
    let kube = Kube::new(client.clone(), Leadership::unlimited());
    let before = FREED.load(Ordering::Relaxed);
    let by_the_library = Api::<Secret>::namespaced(client, "default").get("x").await.unwrap();
    let of_the_library = FREED.load(Ordering::Relaxed) - before;
    assert!(of_the_library > 0, "the allocator sees the buffers");
    let before = FREED.load(Ordering::Relaxed);
    let by_us = kube.find::<Secret>("default", "x").await.unwrap().unwrap();
    assert_eq!(FREED.load(Ordering::Relaxed) - before, of_the_library);
    assert_eq!(by_us, by_the_library);
}
