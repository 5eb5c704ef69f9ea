use hyper::StatusCode;
use serde_json::{Value, json};

/// The object that the API server sends with a status of failure.
pub(super) fn kubernetes_failure(status: StatusCode) -> Value {
    let reason = match status.as_u16() {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("an injected fault: {status}"), "reason": reason, "code": status.as_u16(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_reason_that_kubernetes_gives_for_its_status() {
        let failure = kubernetes_failure(StatusCode::CONFLICT);
        assert_eq!((&failure["kind"], &failure["apiVersion"]), (&json!("Status"), &json!("v1")));
        assert_eq!((&failure["status"], &failure["code"]), (&json!("Failure"), &json!(409)));
        assert_eq!(failure["reason"], "Conflict");
        assert_eq!(kubernetes_failure(StatusCode::GATEWAY_TIMEOUT)["reason"], "Timeout");
        assert_eq!(kubernetes_failure(StatusCode::UNPROCESSABLE_ENTITY)["reason"], "Invalid");
    }
}
