use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use tower::{Layer, Service};

/// A call to the API server that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it does, as roles name it.
    pub verb: &'static str,
    /// The HTTP status of the answer, if one came.
    pub http_status: Option<u16>,
}

/// Is told of each call.
pub type Count = Arc<dyn Fn(Call) + Send + Sync>;

/// Counts the calls of a client.
#[derive(Clone)]
pub struct Counting(pub Count);

/// A client whose calls are counted.
#[derive(Clone)]
pub struct Counted<S> {
    inner: S,
    count: Count,
}

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, count: self.0.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<R>> + 'static,
    S::Future: Send,
    B: 'static,
    R: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut under_way = UnderWay {
            call: Call { verb: verb(request.method(), request.uri()), http_status: None },
            count: self.count.clone(),
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            under_way.is_answered(answer.as_ref().ok());
            answer
        })
    }
}

/// A call that is counted at its end, also if nobody waits for its answer any longer.
struct UnderWay {
    call: Call,
    count: Count,
}

impl UnderWay {
    fn is_answered<R>(&mut self, answer: Option<&Response<R>>) {
        self.call.http_status = answer.map(|answer| answer.status().as_u16());
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        (self.count)(self.call);
    }
}

/// What a call does, as roles name it [k8s: request verbs].
fn verb(method: &Method, uri: &http::Uri) -> &'static str {
    let is_watch = || uri.query().is_some_and(|query| query.split('&').any(|part| part == "watch=true"));
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ if is_watch() => "watch",
        _ if names_an_object(uri.path()) => "get",
        _ => "list",
    }
}

/// Whether a path is of one object, and not of a collection: `/api/v1/…` or `/apis/{group}/{version}/…`, then
/// `namespaces/{namespace}` if there is one, then the resource, and the object's name.
fn names_an_object(path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/');
    let prefix = if parts.next() == Some("api") { 1 } else { 2 };
    let rest: Vec<_> = parts.skip(prefix).collect();
    match rest[..] {
        // A Namespace is an object, too.
        ["namespaces", _] => true,
        ["namespaces", _, _, ref names @ ..] | [_, ref names @ ..] => !names.is_empty(),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn a_call_has_the_verb_of_its_role() {
        let namespaced = "/apis/voicecampaign.dev/v1alpha1/namespaces/n/voicecampaigns";
        for (method, uri, expected) in [
            (Method::GET, format!("{namespaced}?limit=200"), "list"),
            (Method::GET, format!("{namespaced}?watch=true&timeoutSeconds=220"), "watch"),
            (Method::GET, format!("{namespaced}/x"), "get"),
            (Method::PATCH, format!("{namespaced}/x/status"), "patch"),
            (Method::GET, "/apis/voicecampaign.dev/v1alpha1/voicecampaigns".into(), "list"),
            (Method::GET, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a.b".into(), "get"),
            (Method::GET, "/api/v1/namespaces/n/secrets/s".into(), "get"),
            (Method::GET, "/api/v1/namespaces".into(), "list"),
            (Method::GET, "/api/v1/namespaces/n".into(), "get"),
            (Method::GET, "/apis/voicecampaign.dev/v1alpha1".into(), "list"),
            (Method::POST, "/apis/events.k8s.io/v1/namespaces/n/events".into(), "create"),
            (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/n/leases/l".into(), "update"),
            (Method::DELETE, format!("{namespaced}/x"), "delete"),
        ] {
            assert_eq!(verb(&method, &uri.parse().unwrap()), expected, "{method} {uri}");
        }
    }

    /// An answer counts with its status, and a call without one counts, too.
    #[tokio::test]
    async fn each_call_is_counted_once() {
        let counted = Arc::new(Mutex::new(Vec::new()));
        let count = counted.clone();
        let counting = Counting(Arc::new(move |call| count.lock().unwrap().push(call)));
        let request = || Request::get("/api/v1/namespaces/n").body(()).unwrap();
        let refused = tower::service_fn(async |_: Request<()>| {
            Response::builder().status(StatusCode::FORBIDDEN).body(()).map_err(drop)
        });
        assert!(counting.layer(refused).oneshot(request()).await.is_ok());
        let unreachable = tower::service_fn(async |_: Request<()>| Err::<Response<()>, _>("unreachable"));
        assert!(counting.layer(unreachable).oneshot(request()).await.is_err());
        // Nobody waits any longer for an answer that does not come.
        let silent = tower::service_fn(async |_: Request<()>| {
            std::future::pending::<Result<Response<()>, ()>>().await
        });
        let answer = counting.layer(silent).oneshot(request());
        assert!(tokio::time::timeout(Duration::from_millis(10), answer).await.is_err());
        let call = |http_status| Call { verb: "get", http_status };
        assert_eq!(*counted.lock().unwrap(), [call(Some(403)), call(None), call(None)]);
    }
}
