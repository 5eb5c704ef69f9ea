//! What Kore's answers mean.

use secrecy::SecretString;
use voicecampaign_operator::kore::{Failure, FailureKind, RawAnswer, answers};

use super::{CAMPAIGN, SAMPLE, count};

pub fn confirmed() -> bool {
    count(|| raw(200, SAMPLE), |answer| answers::deletion(&answer, CAMPAIGN), Result::is_ok)
}

pub fn not_found() -> bool {
    let body = r#"{"status":"failure","errors":[{"msg":"Campaign not found","code":4004}]}"#;
    count(|| raw(404, body), |answer| answers::single(&answer, CAMPAIGN), is(FailureKind::MayBeAbsent))
}

pub fn html() -> bool {
    let row = "<tr><td>request</td><td>could not be forwarded to the server</td></tr>\n";
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><table>\n{}</table></body></html>\n",
        row.repeat(50)
    );
    count(|| raw(502, &page), |answer| answers::deletion(&answer, CAMPAIGN), is(FailureKind::Unavailable))
}

pub fn refused_listing() -> bool {
    let body = r#"{"errors":[{"msg":"Unauthorized to perform this activity","code":400}]}"#;
    count(|| raw(400, body), |answer| answers::listing(&answer), is(FailureKind::CredentialsRejected))
}

fn is<T>(kind: FailureKind) -> impl Fn(&Result<T, Failure>) -> bool {
    move |answered| answered.as_ref().is_err_and(|failure| failure.kind == kind)
}

/// An answer, with the secrets that are redacted in each.
fn raw(http_status: u16, body: &str) -> RawAnswer {
    let secrets = [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcGVyYXRvciIsImFwcElkIjoiY3MtMDAwMCJ9.c2lnbmF0dXJlb2Z0aGlzdG9rZW4",
        "cs-00000000-0000-0000-0000-000000000000",
        "8Ck1nRcmAPmOdt8EcOBpjAnoQxnqBlwLUzRmJWDKZpo=",
    ];
    RawAnswer {
        http_status,
        body: body.into(),
        secrets: secrets.map(SecretString::from).into(),
        ..RawAnswer::default()
    }
}
