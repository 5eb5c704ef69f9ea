use std::time::Duration;

use super::delete::deletion;
use super::denied::DENIED_SUCCESS_PREFIX;
use super::get::single;
use super::list::listing;
use crate::kore::answer::RawAnswer;
use crate::kore::failure::FailureKind::{self, *};
use crate::kore::page::Page;
use crate::kore::retry_after::DEFAULT_THROTTLE_PAUSE;

fn raw(http_status: u16, body: &str) -> RawAnswer {
    RawAnswer { http_status, body: body.as_bytes().to_vec(), ..RawAnswer::default() }
}

fn kind(http_status: u16, body: &str) -> Result<(), FailureKind> {
    deletion(&raw(http_status, body), "cd-1").map(|_| ()).map_err(|failure| failure.kind)
}

const OK: &str = r#"{"status":"success","message":"Campaign x deleted successfully","data":{"_id":"cd-1"}}"#;

/// Only 2xx (not 202) with `success` and this id confirms. Every part is needed.
#[test]
fn only_an_explicit_success_for_this_campaign_confirms() {
    assert_eq!(kind(200, OK), Ok(()));
    assert_eq!(kind(201, OK), Ok(()));
    assert_eq!(kind(200, &OK.replace("success\"", "SUCCESS\"")), Ok(()));
    assert_eq!(kind(202, OK), Err(Accepted));
    assert_eq!(kind(404, OK), Err(MayBeAbsent));
    assert_eq!(kind(500, OK), Err(Unavailable));
    assert_eq!(kind(302, OK), Err(ContractViolation));
    assert_eq!(kind(200, &OK.replace("cd-1", "cd-2")), Err(ContractViolation));
    assert_eq!(kind(200, r#"{"status":"success","id":"cd-1"}"#), Err(Accepted));
    assert_eq!(kind(200, &OK.replace("{\"_id", "{\"status\":\"Failed\",\"_id")), Err(Accepted));
    assert_eq!(kind(200, &OK.replace("{\"status", "{\"errors\":[{\"msg\":\"no\"}],\"status")), Err(Accepted));
    // An error that says nothing is one, too.
    for errors in ["[{\"code\":17}]", "[17]", "{\"code\":17}", "\"0\""] {
        let body = OK.replace("{\"status", &format!("{{\"errors\":{errors},\"status"));
        assert_eq!(kind(200, &body), Err(Accepted), "{body}");
    }
    assert_eq!(kind(200, &OK.replace("{\"status", "{\"errors\":[],\"status")), Ok(()));
    assert_eq!(kind(200, r#"{"status":"failure","message":"no"}"#), Err(MayBeAbsent));
    assert_eq!(kind(200, r#"{"status":"error"}"#), Err(MayBeAbsent));
}

/// R15: broken answers have no meaning, under any status.
#[test]
fn html_empty_cut_and_deep_bodies_are_unreadable() {
    for body in ["<html>ok</html>", &OK[..40], "[]", "null", "success", "{}", &"[".repeat(100_000)] {
        assert_eq!(kind(200, body), Err(Unreadable), "{body:.40}");
    }
    assert_eq!(kind(404, "<html>not found</html>"), Err(Unreadable));
    assert_eq!(kind(400, "Bad Request"), Err(Unreadable));
}

/// JSON permits to repeat a field, and most readers keep the last value: that must hide nothing.
#[test]
fn a_repeated_field_hides_nothing() {
    let whole = r#"{"status":"success","data":{"_id":"cd-1","status":"Ready"}}"#;
    assert_eq!(kind(200, whole), Ok(()));
    for (field, repeated) in [
        (r#""status":"success""#, r#""status":"failure","status":"success""#),
        (r#""status":"success""#, r#""status":"success","error":"x","error":null"#),
        (r#""status":"success""#, r#""status":"success","deleted":false,"deleted":true"#),
        (r#""status":"success""#, r#""status":"success","jobStatus":"failed","jobStatus":"done""#),
        (r#""_id":"cd-1""#, r#""_id":"cd-2","_id":"cd-1""#),
        (r#""_id":"cd-1""#, r#""_id":"cd-2","_id":"cd-3","id":"cd-1""#),
        (r#""data":{"#, r#""data":null,"data":{"#),
    ] {
        let body = whole.replace(field, repeated);
        assert!(kind(200, &body).is_err(), "{body}");
    }
    // The same value twice, and a field that decides nothing.
    for (field, repeated) in [
        (r#""_id":"cd-1""#, r#""_id":"cd-1","_id":"cd-1""#),
        (r#""_id":"cd-1""#, r#""_id":"cd-1","name":"a","name":"b""#),
    ] {
        assert_eq!(kind(200, &whole.replace(field, repeated)), Ok(()));
    }
    let shown = r#"{"status":"success","data":{"_id":"cd-1","status":"Ready"},"data":null}"#;
    assert!(single(&raw(200, shown), "cd-1").is_ok(), "a read has seen the campaign: {shown}");
    let page = r#"{"status":"success","data":{"results":[{"_id":"cd-1"}]},"data":null}"#;
    assert_eq!(listing(&raw(200, page)).unwrap_err().kind, ContractViolation);
    // Rows without an id, with which no listing is complete.
    let page = listing(&raw(200, r#"{"status":"success","data":{"results":[{"_id":"cd-1"}],"results":[]}}"#));
    assert!(page.unwrap().rows.iter().any(|row| row.campaigns.is_empty()));
}

/// A gateway may compress answers although the request accepts no encoding.
#[test]
fn a_compressed_body_is_named() {
    let answer = RawAnswer { body: vec![0x1f, 0x8b, 8, 0], ..raw(200, "") };
    let failure = deletion(&answer, "cd-1").unwrap_err();
    assert_eq!(failure.kind, Unreadable);
    assert_eq!(failure.answer.message, "a compressed body, which was not asked for");
}

/// R23: a success without a campaign means that the DELETE was accepted, and confirms nothing; to a read it
/// means nothing. A success with another campaign contradicts the documentation.
#[test]
fn a_success_that_names_no_campaign_is_accepted() {
    let nameless = [
        (200, ""),
        (200, " \r\n"),
        (201, "\n"),
        (204, ""),
        (205, ""),
        (200, r#"{"status":"success"}"#),
        (200, r#"{"status":"success","data":null}"#),
        (200, r#"{"status":"success","data":{}}"#),
        (200, r#"{"status":"success","data":[]}"#),
        (200, r#"{"status":"success","data":"done"}"#),
        (200, r#"{"status":"Success","data":{"name":"x","_id":null}}"#),
        (200, r#"{"status":"success","data":{"_id":" ","id":""}}"#),
        (202, r#"{"status":"success","data":{}}"#),
    ];
    for (status, body) in nameless {
        assert_eq!(kind(status, body), Err(Accepted), "{status} {body}");
        assert_eq!(single(&raw(status, body), "cd-1").unwrap_err().kind, Unreadable, "{status} {body}");
    }
    for status in [404, 410] {
        assert_eq!(kind(status, " \n"), Err(MayBeAbsent));
    }
    let failure = deletion(&raw(200, r#"{"status":"success","message":"Done"}"#), "cd-1").unwrap_err();
    assert_eq!(failure.answer.message, "the answer says success, but names no campaign: Done");
    let other = r#"{"status":"success","data":{"_id":"cd-2"}}"#;
    assert_eq!(kind(200, other), Err(ContractViolation));
    assert_eq!(single(&raw(200, other), "cd-1").unwrap_err().kind, ContractViolation);
}

/// R24: an answer to a read that says nothing about the campaign means neither "not found" nor "accepted".
#[test]
fn a_read_that_says_nothing_is_unreadable() {
    for (status, body) in [(404, "<html>not found</html>"), (404, "Not Found"), (202, OK), (200, "null")] {
        assert_eq!(single(&raw(status, body), "cd-1").unwrap_err().kind, Unreadable, "{status} {body}");
        assert_eq!(listing(&raw(status, body)).unwrap_err().kind, Unreadable, "{status} {body}");
    }
    assert_eq!(
        single(&raw(404, r#"{"message":"Campaign not found"}"#), "cd-1").unwrap_err().kind,
        MayBeAbsent
    );
}

/// R24: the first version of [delete-voice-campaign] showed `{"status":"Deleted",…}`.
#[test]
fn a_campaign_that_is_returned_as_deleted_is_not_there() {
    let first_version =
        r#"{"status":"Deleted","message":"Campaign Deleted","deletedAt":"2024-05-01T10:00:00.000Z"}"#;
    for state in ["Deleted", "DELETED", "deleted"] {
        let body = OK.replace(r#""_id""#, &format!(r#""status":"{state}","_id""#));
        let first_version = first_version.replace("Deleted", state);
        for body in [&body, &first_version] {
            let failure = single(&raw(200, body), "cd-1").unwrap_err();
            assert_eq!(failure.kind, MayBeAbsent, "{body}");
            assert_eq!(failure.answer.message, "Kore returns the campaign as deleted");
        }
        // An explicit success for this campaign confirms in any state of the campaign.
        assert_eq!(kind(200, &body), Ok(()));
        assert_eq!(kind(200, &first_version), Err(Accepted));
    }
    assert!(single(&raw(200, &OK.replace(r#""_id""#, r#""status":"Ready","_id""#)), "cd-1").is_ok());
}

/// The pages of the documentation disagree whether it is `_id` or `id`.
#[test]
fn either_id_may_be_the_campaigns() {
    for ids in [r#""_id":"cd-1","id":"x""#, r#""_id":"x","id":"cd-1""#, r#""_id":null,"id":"cd-1""#] {
        let body = OK.replace(r#""_id":"cd-1""#, ids);
        assert_eq!(kind(200, &body), Ok(()), "{body}");
        let campaign = single(&raw(200, &body), "cd-1").unwrap();
        assert_eq!(campaign.id.as_deref(), Some("cd-1"));
    }
    assert_eq!(kind(200, &OK.replace(r#""cd-1""#, r#""x","id":"y""#)), Err(ContractViolation));
}

/// R25: a missing right, which [delete-users] documents as 400, is recognized under any status and anywhere
/// in the body.
#[test]
fn a_missing_right_is_no_absence() {
    let documented = r#"{"errors":[{"msg":"Unauthorized to perform this activity","code":400}]}"#;
    let nested = r#"{"statusCode":400,"status":400,"customCode":400,"message":"Bad request","name":"BadRequest",
        "errors":[{"msg":"Unauthorized to perform this activity","code":400}]}"#;
    for body in [
        documented,
        nested,
        r#"{"users":[{"errors":[{"msg":"Unauthorized to perform this activity","code":400}]}]}"#,
        r#"{"status":"failure","message":"You do not have permission to delete this campaign"}"#,
        r#"{"status":"error","error":{"message":"no","code":"ACCESS_DENIED"}}"#,
        r#"{"errors":[{"msg":"nope","code":403}]}"#,
        r#"{"errors":[{"msg":"nope","code":"403"}]}"#,
        r#"{"statusCode":403,"message":"nope"}"#,
        r#"{"status":403}"#,
        r#"{"code":"INSUFFICIENT_SCOPE"}"#,
        r#"{"errors":["Insufficient scope"]}"#,
        r#"{"error":"insufficient_scope","error_description":"the token lacks it"}"#,
    ] {
        for status in [200, 400, 403, 404, 409, 410, 422] {
            let failure = deletion(&raw(status, body), "cd-1").unwrap_err();
            assert_eq!(failure.kind, CredentialsRejected, "{status} {body}");
            assert!(failure.lacks_right(), "{status} {body}: {failure}");
            assert_eq!(single(&raw(status, body), "cd-1").unwrap_err().kind, CredentialsRejected);
        }
    }
    let failure = deletion(&raw(400, nested), "cd-1").unwrap_err();
    assert_eq!(failure.answer.message, "Unauthorized to perform this activity: Bad request");
    for body in [r#"{"errors":[{"msg":"nope","code":401}]}"#, r#"{"errors":[{"msg":"nope","code":4002}]}"#] {
        let failure = deletion(&raw(400, body), "cd-1").unwrap_err();
        assert!(failure.kind == CredentialsRejected && !failure.lacks_right(), "{failure}");
    }
    assert!(!deletion(&raw(401, ""), "cd-1").unwrap_err().lacks_right());
    assert!(deletion(&raw(403, ""), "cd-1").unwrap_err().lacks_right());
    // A campaign may have such a name; a success with it is still a success.
    let named = r#"{"message":"Campaign Permission reminder is running"}"#;
    assert_eq!(kind(409, named), Err(Refused));
    assert_eq!(kind(404, &named.replace("is running", "not found")), Err(MayBeAbsent));
    let deleted = OK.replace("Campaign x", "Campaign Access denied");
    assert_eq!(kind(200, &deleted.replace(r#""_id""#, r#""name":"Access denied","_id""#)), Ok(()));
    assert_eq!(kind(200, &deleted), Err(Accepted), "it may be no name");
}

/// The body may report trouble of the service that the HTTP status does not.
#[test]
fn a_service_in_trouble_is_no_absence() {
    assert_eq!(kind(200, r#"{"errors":[{"msg":"try later","code":503}]}"#), Err(Unavailable));
    assert_eq!(kind(400, r#"{"status":500,"message":"Internal error"}"#), Err(Unavailable));
    assert_eq!(kind(200, r#"{"status":"error","code":"429"}"#), Err(Throttled));
}

/// A body that was not read is not empty.
#[test]
fn a_body_that_is_too_large_says_nothing() {
    let oversized = |http_status| RawAnswer { http_status, oversized: true, ..RawAnswer::default() };
    for status in [200, 204, 404] {
        let failure = deletion(&oversized(status), "cd-1").unwrap_err();
        assert_eq!(failure.kind, Unreadable);
        assert_eq!(failure.answer.message, "the body is larger than 1 MiB");
        assert_eq!(single(&oversized(status), "cd-1").unwrap_err().kind, Unreadable);
    }
    assert_eq!(listing(&oversized(200)), Ok(Page::oversized()));
    assert_eq!(listing(&oversized(404)).unwrap_err().kind, Unreadable);
    assert_eq!(listing(&oversized(503)).unwrap_err().kind, Unavailable);
}

/// R27: a listing has to say that it is one.
#[test]
fn what_is_no_listing_is_not_taken_for_an_empty_one() {
    for body in [
        r#"{"status":"success","data":"none"}"#,
        r#"{"status":"success","data":{"campaigns":[{"_id":"cd-1"}]}}"#,
        r#"{"status":"success","data":[{"_id":"cd-1"}]}"#,
        r#"{"status":"success","data":{"results":{"_id":"cd-1"}}}"#,
    ] {
        assert_eq!(listing(&raw(200, body)).unwrap_err().kind, ContractViolation, "{body}");
    }
    assert_eq!(
        listing(&raw(404, r#"{"status":"success","data":{"results":[]}}"#)).unwrap_err().kind,
        MayBeAbsent
    );
    for body in [
        r#"{"status":"failure","data":{"results":[]}}"#,
        r#"{"status":"success","errors":[{"msg":"no"}],"data":{"results":[]}}"#,
        r#"{"status":"success","data":{"results":[],"error":"try later"}}"#,
    ] {
        assert_eq!(listing(&raw(200, body)).unwrap_err().kind, Unreadable, "{body}");
    }
    let refused = r#"{"status":"success","errors":[{"msg":"Unauthorized to perform this activity"}],"data":{"results":[]}}"#;
    assert_eq!(listing(&raw(200, refused)).unwrap_err().kind, CredentialsRejected);
}

/// A listing with `success` may hold the text of a refusal, or of the rate limit. Rows that it has count all
/// the same.
#[test]
fn a_success_that_refuses_is_a_refusal() {
    let answers = [
        ("Unauthorized to perform this activity", CredentialsRejected),
        ("You've exceeded the per-minute rate limit. Please try again later", Throttled),
    ];
    for ((words, kind), data) in
        answers.iter().flat_map(|answer| ["{}", "null", r#"{"results":[]}"#].map(|data| (answer, data)))
    {
        let body = format!(r#"{{"status":"success","message":"{words}","data":{data}}}"#);
        let told = [
            listing(&raw(200, &body)).unwrap_err(),
            single(&raw(200, &body), "cd-1").unwrap_err(),
            deletion(&raw(200, &body), "cd-1").unwrap_err(),
        ];
        for failure in told {
            let pause = (*kind == Throttled).then_some(DEFAULT_THROTTLE_PAUSE);
            assert_eq!((failure.kind, failure.retry_after), (*kind, pause), "{body}");
        }
        let body =
            format!(r#"{{"status":"success","message":"{words}","data":{{"results":[{{"_id":"cd-1"}}]}}}}"#);
        assert_eq!(listing(&raw(200, &body)).unwrap().rows.len(), 1);
        let body = format!(r#"{{"status":"success","message":"{words}","data":{{"_id":"cd-1"}}}}"#);
        assert!(single(&raw(200, &body), "cd-1").is_ok());
        // Only an answer that does not contradict itself confirms.
        assert_eq!(deletion(&raw(200, &body), "cd-1").unwrap_err().kind, *kind);
    }
}

/// R27: the documentation does not show an empty listing. A bare success counts as one only beside a GET that
/// has a meaning.
#[test]
fn an_answer_that_names_no_rows_may_be_an_empty_listing() {
    for (status, body) in [
        (204, ""),
        (200, " \n"),
        (200, r#"{"status":"success"}"#),
        (200, r#"{"status":"success","data":""}"#),
        (200, r#"{"status":"success","data":{"campaigns":[]}}"#),
        (400, r#"{"errors":[{"msg":"No records found","code":404}]}"#),
        (404, r#"{"errors":[{"msg":"No records found","code":"CAMPAIGN_LIST"}]}"#),
    ] {
        assert_eq!(listing(&raw(status, body)), Ok(Page::without_rows(false)), "{status} {body}");
    }
    for (status, body) in [
        (200, r#"{"status":"success","message":"No campaigns found"}"#),
        (200, r#"{"status":"failure","message":"No campaigns found"}"#),
        (404, r#"{"message":"No campaigns found"}"#),
        (404, r#"{"code":"CAMPAIGNS_NOT_FOUND"}"#),
        (404, "No campaigns found"),
        (400, r#"{"message":"You have no campaigns"}"#),
    ] {
        assert_eq!(listing(&raw(status, body)), Ok(Page::without_rows(true)), "{status} {body}");
    }
    for (status, body) in [
        (404, ""),
        (404, r#"{"message":"Not found"}"#),
        (202, r#"{"status":"success"}"#),
        (500, r#"{"message":"No campaigns found"}"#),
        (404, r#"{"message":"Campaign not found"}"#),
        (404, r#"{"message":"Campaigns endpoint not found"}"#),
        (404, r#"{"message":"No campaigns found","errors":[{"msg":"Stream not found"}]}"#),
        (202, r#"{"status":"success","message":"No campaigns found"}"#),
        (200, r#"{"status":"failure","message":"No campaigns found: access denied"}"#),
        (404, r#"{"status":"success","message":"No campaigns found","data":{"results":[{"_id":"cd-1"}]}}"#),
        (404, r#"{"message":"No campaigns found","data":{"_id":"cd-1"}}"#),
        (404, r#"{"message":"No campaigns found","data":{"results":[{"_id":"cd-1""#),
    ] {
        assert!(listing(&raw(status, body)).is_err(), "{status} {body}");
    }
    let counted = r#"{"message":"No campaigns found","data":{"totalResults":7,"hasMore":true}}"#;
    let page = listing(&raw(404, counted)).unwrap();
    assert_eq!((page.total_results, page.has_more), (Some(7), Some(true)), "the listing may doubt it");
}

/// R24: an answer that says that there is no such campaign, and returns it, says nothing.
#[test]
fn a_read_that_returns_what_it_denies_means_nothing() {
    let read = |status, body: &str| single(&raw(status, body), "cd-1").unwrap_err().kind;
    for data in [
        r#"{"_id":"cd-1","name":"Renewals"}"#,
        r#"{"id":"CD-1","status":"Active"}"#,
        r#"{"campaignId":"cd-1","name":"Renewals"}"#,
        r#"{"campaign":{"_id":"cd-1","status":"Active"}}"#,
        r#"[{"_id":"cd-1","status":"Active"}]"#,
    ] {
        for status in ["404", "\"failure\""] {
            let body = format!(r#"{{"status":{status},"message":"Campaign not found","data":{data}}}"#);
            assert_eq!(read(404, &body), Unreadable, "{body}");
        }
    }
    for body in [
        r#"{"status":"Deleted","data":{"_id":"cd-1","name":"x","status":"Active"}}"#,
        r#"{"_id":"cd-1","name":"Number not found","status":"Active"}"#,
    ] {
        assert_eq!(read(200, body), Unreadable, "{body}");
    }
    for data in
        [r#"{"_id":"cd-1"}"#, r#"{"_id":"cd-2","name":"Renewals"}"#, r#"{"_id":"cd-1","status":"Deleted"}"#]
    {
        let body = format!(r#"{{"message":"Campaign not found","data":{data}}}"#);
        assert_eq!(read(404, &body), MayBeAbsent, "{body}");
    }
    let deleted = r#"{"status":"Deleted","data":{"_id":"cd-1","name":"x"}}"#;
    assert_eq!(read(200, deleted), MayBeAbsent, "as the first version showed it");
}

/// R24: to a read, only words that say that there is no campaign (or 404 and 410) mean that. No list of
/// refusals is complete.
#[test]
fn a_read_needs_words_that_there_is_no_campaign() {
    let read = |status, body: &str| single(&raw(status, body), "cd-1").unwrap_err().kind;
    for (status, body) in [
        (404, ""),
        (410, r#"{"message":"gone"}"#),
        (404, r#"{"statusCode":404,"message":"Cannot GET it"}"#),
        (400, r#"{"errors":[{"msg":"Campaign does not exist","code":400}]}"#),
        (400, r#"{"errors":[{"msg":"nope","code":404}]}"#),
        (200, r#"{"status":"failure","message":"Campaign not found"}"#),
        (422, r#"{"name":"CampaignNotFoundError"}"#),
    ] {
        assert_eq!(read(status, body), MayBeAbsent, "{status} {body}");
    }
    for (status, body) in [
        (400, ""),
        (422, " "),
        (400, r#"{"message":"Bad Request"}"#),
        (400, r#"{"errors":[{"msg":"We do not talk to you","code":400}]}"#),
        (200, r#"{"status":"failure"}"#),
        (404, r#"{"message":"Stream not found"}"#),
        (404, r#"{"message":"no Route matched with those values: path not found"}"#),
        (404, r#"{"message":"no Route matched with those values"}"#),
        (404, r#"{"message":"Campaign not found or access denied"}"#),
        (400, r#"{"message":"You do not have access or the campaign does not exist"}"#),
    ] {
        assert_eq!(read(status, body), Unreadable, "{status} {body}");
        assert_eq!(kind(status, body), Err(MayBeAbsent), "{status} {body}");
    }
}

/// R25: a refusal is recognized in any form.
#[test]
fn a_refusal_is_one_in_any_form() {
    for (status, body) in [
        (400, "Unauthorized to perform this activity"),
        (403, "Forbidden"),
        (400, r#""Unauthorized to perform this activity""#),
        (400, r#"[{"msg":"Unauthorized to perform this activity","code":400}]"#),
        (500, r#"{"errors":[{"msg":"Unauthorized to perform this activity","code":400}]}"#),
        (400, r#"{"status":"FORBIDDEN"}"#),
        (400, r#"{"name":"ForbiddenError"}"#),
        (400, r#"{"errors":[{"title":"Insufficient permissions"}]}"#),
        (200, r#"{"status":"failure","data":"Access denied"}"#),
        (401, r#"{"errors":[{"msg":"Unauthorized to perform this activity","code":401}]}"#),
    ] {
        let failure = deletion(&raw(status, body), "cd-1").unwrap_err();
        assert_eq!(failure.kind, CredentialsRejected, "{status} {body}");
        assert!(failure.lacks_right(), "{status} {body}: {failure}");
    }
    // The texts of a gateway about the servers behind it, and names of campaigns, are not about us.
    for (status, body) in [
        (502, r#"{"message":"Access denied by the upstream"}"#),
        (503, "Access denied"),
        (500, "<html>Forbidden</html>"),
    ] {
        assert_eq!(kind(status, body), Err(Unavailable), "{status} {body}");
    }
    let named =
        r#"{"status":"failure","message":"no","data":{"_id":"cd-1","name":"Access denied follow-up"}}"#;
    assert_eq!(kind(200, named), Err(MayBeAbsent));
}

/// R23: a success with an error confirms nothing; the message quotes the error.
#[test]
fn a_success_with_an_error_confirms_nothing() {
    for error in [
        r#""error":"Campaign is running""#,
        r#""errors":{"msg":"Campaign is running"}"#,
        r#""errors":[{"msg":"Campaign is running"}]"#,
        r#""statusCode":409,"reason":"Campaign is running""#,
    ] {
        let inner = OK.replace(r#""_id""#, &format!(r#"{error},"_id""#));
        let outer = OK.replace(r#""data""#, &format!(r#"{error},"data""#));
        for body in [inner, outer] {
            let failure = deletion(&raw(200, &body), "cd-1").unwrap_err();
            assert_eq!(failure.kind, Accepted, "{body}");
            assert!(failure.answer.message.contains("Campaign is running"), "{failure}");
            // A read that shows the campaign has seen it, in spite of the error.
            assert!(single(&raw(200, &body), "cd-1").is_ok(), "{body}");
        }
    }
    let refused = r#""errors":[{"msg":"Unauthorized to perform this activity","code":400}]"#;
    let body = OK.replace(r#""_id""#, &format!(r#"{refused},"_id""#));
    assert_eq!(kind(200, &body), Err(CredentialsRejected));
    for nothing in
        [r#""error":null"#, r#""errors":[]"#, r#""error":"""#, r#""error":false"#, r#""errors":{}"#]
    {
        assert_eq!(kind(200, &OK.replace(r#""data""#, &format!(r#"{nothing},"data""#))), Ok(()), "{nothing}");
    }
    for state in ["in progress", "QUEUED", "in_progress"] {
        assert_eq!(kind(200, &format!(r#"{{"status":"{state}"}}"#)), Err(Accepted));
    }
}

/// R23: a success that contradicts itself, anywhere and in any words, confirms nothing; Kore's own words
/// confirm, with any name of the campaign.
#[test]
fn a_success_that_denies_itself_confirms_nothing() {
    for field in [
        r#""errorMessage":"Campaign is running""#,
        r#""error_code":409"#,
        r#""Errors":[{"msg":"Campaign is running"}]"#,
        r#""httpStatus":409"#,
        r#""deleted":false"#,
        r#""deletedCount":0"#,
        r#""status":"DELETE_FAILED""#,
        r#""state":"Deletion failed""#,
        r#""status":"Deleting""#,
        r#""status":"not deleted""#,
        r#""status":"Deletion pending""#,
        r#""items":[{"status":"failed","reason":"running"}]"#,
        r#""message":"Campaign is running and cannot be deleted""#,
        r#""reason":"Campaign is running""#,
        r#""Warnings":["Campaign is running"]"#,
        r#""details":[{"msg":"Campaign is running"}]"#,
        r#""jobStatus":"IN_PROGRESS""#,
        r#""deletionState":"queued""#,
        r#""deleted":"false""#,
        r#""failed":["cd-1"]"#,
        r#""notDeleted":["cd-1"]"#,
        r#""notDeleted":"cd-1""#,
        r#""failed":{"cd-1":"is running"}"#,
    ] {
        let body = OK.replace(r#""_id""#, &format!(r#"{field},"_id""#));
        assert_eq!(kind(200, &body), Err(Accepted), "{body}");
        assert!(single(&raw(200, &body), "cd-1").is_ok(), "{body}");
    }
    for message in [r#"["Campaign is running"]"#, r#"{"text":"Campaign is running"}"#, "false"] {
        let body = OK.replace(r#""Campaign x deleted successfully""#, message);
        assert_eq!(kind(200, &body), Err(Accepted), "{body}");
    }
    for field in ["msg", "Reason"] {
        let body = OK.replace(r#""data""#, &format!(r#""{field}":"Campaign is running","data""#));
        assert_eq!(kind(200, &body), Err(Accepted), "{body}");
    }
    let said = |message: &str| OK.replace("Campaign x deleted successfully", message);
    for message in [
        "Campaign x cannot be deleted while it is active",
        "Campaign x could not be deleted",
        "Campaign x was not deleted successfully",
        "Campaign x cannot be deleted successfully",
        "Deletion failed",
        "Campaign x is running",
        "Stop the campaign first",
        "Only stopped campaigns can be deleted",
        "0 campaigns deleted",
        "Nothing to delete",
        "No campaign was deleted",
        "Campaign cannot be deleted",
        "Campaign can't be deleted",
        "Campaign not deleted",
        "Campaign must be paused before it is deleted",
        "Campaign must be paused before it is deleted successfully",
        "The campaign must first be stopped and deleted",
        "Campaign Promo failed to be deleted",
        "Campaign Promo failed to get deleted successfully",
        "Campaign was never deleted",
        "Campaign x wasn’t deleted successfully",
        "Campaign x was not fully deleted successfully",
        "Campaign x could not be stopped and deleted successfully",
        "Campaign deletion failed; 0 records deleted successfully",
        "Campaign x is running; its recordings deleted successfully",
    ] {
        let failure = deletion(&raw(200, &said(message)), "cd-1").unwrap_err();
        assert!(
            failure.kind == Accepted && failure.answer.message.starts_with(DENIED_SUCCESS_PREFIX),
            "{failure}"
        );
    }
    for message in [
        "Campaign x deletion in progress",
        "Campaign x will be deleted",
        "Campaign x will be deleted successfully",
        "Deletion scheduled",
        "Deletion started",
        "Campaign x deletion requested",
        "Delete request received",
        "See your inbox",
        "The campaign will be deleted",
        "Campaign is being deleted",
        "Campaign queued to be deleted",
        "Campaign may be deleted",
        "Campaign can be deleted when it has ended",
        "Campaign would have been deleted",
        "Campaign would have been deleted successfully",
        "Campaign x is to be deleted",
        "Campaign x half deleted",
        "Deleted from the schedule",
        "Success: see details",
        "Campaign x retrieved successfully",
        "Campaign x stopped successfully",
        "Campaign x archived successfully",
        "Campaign deletion triggered successfully",
        "Campaign deletion enqueued successfully",
        "Campaign deletion job created successfully",
        "Campaign delete request successful",
        "Campaign deletion 50% complete",
        "Campaign deletion: step 1 of 3 completed",
        "Campaign x 50% deleted",
        "Campaign getting deleted",
        "Campaign x marked as deleted",
        "Campaign x will be stopped and then deleted successfully",
    ] {
        let failure = deletion(&raw(200, &said(message)), "cd-1").unwrap_err();
        assert!(
            failure.kind == Accepted && !failure.answer.message.starts_with(DENIED_SUCCESS_PREFIX),
            "{failure}"
        );
    }
    for message in [
        "Campaign x deleted successfully",
        "Campaign Summer sale 2026 (US) deleted successfully",
        "Campaign \"Not now\" deleted successfully",
        "Campaign \"Not now\" has been deleted",
        "Deleted",
        "OK",
        "SUCCESS",
        "CAMPAIGN_DELETED",
        "Successfully deleted",
        "The campaign has been deleted",
        "Campaign was successfully removed",
        "Campaign deleted",
        "Deletion completed successfully",
        "Done",
        "",
    ] {
        assert_eq!(kind(200, &said(&message.replace('"', "\\\""))), Ok(()), "{message}");
    }
    // Kore's own words confirm with any name of the campaign, if the answer has that name.
    let named = |name: &str, message: &str| {
        let body = said(&message.replace('"', "\\\""));
        kind(200, &body.replace(r#""_id""#, &format!("\"name\":{name:?},\"_id\"")))
    };
    for name in [
        "Pending calls",
        "Error follow-up",
        "Do not call reminder",
        "Members who do not have access",
        "Policy will expire",
        "Renewals (first wave)",
        "Will you renew?",
        "Not now!",
        "(only) #1 call",
        "#1 first call",
        "- not yet -",
        "Payment has failed - retry",
        "Renewals - US only",
        "To be or not to be",
        "Don’t wait",
        "\"Quoted\" offer",
    ] {
        assert_eq!(named(name, &format!("Campaign {name} deleted successfully.")), Ok(()), "{name}");
        assert_eq!(named(name, &format!("Voice campaign {name} has been deleted")), Ok(()), "{name}");
        for undone in ["retrieved successfully", "cannot be deleted", "50% deleted", "soft deleted"] {
            assert!(named(name, &format!("Campaign {name} {undone}")).is_err(), "{name} {undone}");
        }
    }
    for field in [
        r#""status":"Deleted""#,
        r#""deletedCount":1"#,
        r#""status":"Scheduled""#,
        r#""errorCode":0"#,
        r#""message":"Campaign x deleted successfully""#,
        r#""jobStatus":"COMPLETED""#,
        r#""failed":0"#,
        r#""scheduleStatus":"Scheduled""#,
        r#""failed":[]"#,
        r#""failed":3"#,
        r#""skipped":"0""#,
        r#""reason":null"#,
    ] {
        assert_eq!(kind(200, &OK.replace(r#""_id""#, &format!(r#"{field},"_id""#))), Ok(()), "{field}");
    }
}

/// R25: nobody may delete a running campaign, so such a refusal is not about a missing right.
#[test]
fn a_state_is_no_missing_right() {
    for body in [
        r#"{"message":"Campaign is running"}"#,
        r#"{"statusCode":403,"message":"Campaign x is running","error":"Forbidden"}"#,
        r#"{"message":"You are not allowed to delete a campaign while it is active"}"#,
    ] {
        assert_eq!(kind(403, body), Err(Refused), "{body}");
    }
    let read = single(&raw(403, r#"{"message":"You are not allowed to view campaign status"}"#), "cd-1");
    assert_eq!(read.unwrap_err().kind, CredentialsRejected, "no state keeps anybody from reading");
    for body in [
        r#"{"message":"You do not have permission to delete a running campaign"}"#,
        r#"{"message":"Your account is not active"}"#,
        r#"{"message":"Token expired while the campaign is running"}"#,
        r#"{"message":"Forbidden"}"#,
    ] {
        assert_eq!(kind(403, body), Err(CredentialsRejected), "{body}");
    }
}

/// A read has seen the campaign wherever the answer shows it.
#[test]
fn a_campaign_is_seen_wherever_it_stands() {
    for data in [
        r#"[{"_id":"cd-1"}]"#,
        r#"{"campaign":{"_id":"cd-1"}}"#,
        r#"{"_id":"64f0","campaignId":" CD-1","name":"x"}"#,
        r#"{"_id":"cd-1\u200b"}"#,
    ] {
        let body = format!(r#"{{"status":"success","data":{data}}}"#);
        let seen = single(&raw(200, &body), "cd-1").unwrap();
        assert_eq!(seen.id.as_deref(), Some("cd-1"), "{body}");
    }
    // A GET may name the campaign that it does not find, and a DELETE may only refer to the campaign.
    for (message, data) in [
        ("Campaign not found", r#"{"campaignId":"cd-1"}"#),
        ("Campaign not found", r#"{"campaign":null,"campaignId":"cd-1","status":"x"}"#),
        ("x", r#"[{"_id":"cd-1","status":"Deleted"}]"#),
    ] {
        let body = format!(r#"{{"status":"success","message":"{message}","data":{data}}}"#);
        assert_eq!(single(&raw(200, &body), "cd-1").unwrap_err().kind, Unreadable, "{body}");
    }
    assert_eq!(kind(200, &OK.replace("_id", "campaignId")), Err(Accepted));
    assert_eq!(kind(200, &OK.replace(r#""_id""#, r#""_id":"j-1","campaignId""#)), Err(ContractViolation));
    let rows = r#"{"status":"success","data":{"results":[{"_id":"64f0","campaignId":"cd-1","name":"x"},{"_id":"c\ufffd-2"}]}}"#;
    let page = listing(&raw(200, rows)).unwrap();
    assert_eq!(page.ids().collect::<Vec<_>>(), ["64f0", "cd-1"], "an id that is garbled may be any");
}

/// A number that can't be represented does not make an answer unreadable.
#[test]
fn a_number_that_is_none_hides_nothing() {
    for number in ["1e999", "-1E+999", "NaN", "-Infinity", "1.2.3"] {
        let body = OK.replace(r#""_id""#, &format!(r#""x":{number},"name":"NaN 1e999 \"-Infinity","_id""#));
        assert_eq!(kind(200, &body), Ok(()), "{body}");
        let name = single(&raw(200, &body), "cd-1").unwrap().name;
        assert_eq!(name.as_deref(), Some("NaN 1e999 \"-Infinity"));
    }
}

/// An id in another spelling shows the campaign to a read, and does not confirm a DELETE.
#[test]
fn another_spelling_of_the_id_is_seen_and_confirms_nothing() {
    let body = OK.replace("cd-1", " CD-1");
    assert_eq!(kind(200, &body), Err(ContractViolation));
    assert!(single(&raw(200, &body), "cd-1").is_ok());
}

/// The answers that may mean "no such campaign", and only those.
#[test]
fn what_may_mean_absent() {
    for status in [400, 404, 410, 422] {
        assert_eq!(kind(status, r#"{"message":"no such campaign"}"#), Err(MayBeAbsent), "{status}");
        assert_eq!(kind(status, ""), Err(MayBeAbsent), "{status}");
    }
    for status in [401, 403, 408, 429, 409, 405, 500, 502, 503, 504] {
        assert_ne!(kind(status, r#"{"message":"no such campaign"}"#), Err(MayBeAbsent), "{status}");
    }
    assert_eq!(kind(409, r#"{"message":"campaign is running"}"#), Err(Refused));
}

/// Refused credentials and the rate limit are recognized under any status.
#[test]
fn the_body_may_say_more_than_the_status() {
    let replay = r#"{"errors":[{"msg":"error verifying the jwt: possibly a replay","code":401}]}"#;
    for status in [200, 400, 401, 422] {
        assert_eq!(kind(status, replay), Err(CredentialsRejected), "{status}");
    }
    assert_eq!(
        kind(400, r#"{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}"#),
        Err(CredentialsRejected)
    );
    let limited = r#"{"message":"You've exceeded the per-minute rate limit. Please wait"}"#;
    for status in [200, 400, 403, 404, 429, 503] {
        assert_eq!(kind(status, limited), Err(Throttled), "{status}");
    }
    for limited in [
        r#"{"code":"RATE_LIMIT_EXCEEDED"}"#,
        r#"{"name":"RateLimitExceeded"}"#,
        r#"{"message":"rate-limit exceeded"}"#,
        r#"{"message":"API rate limit exceeded"}"#,
        r#"{"message":"You have hit your rate limit"}"#,
        r#"{"error":"Too Many Requests"}"#,
        r#"{"message":"Your request was throttled"}"#,
    ] {
        for status in [400, 403, 503] {
            assert_eq!(kind(status, limited), Err(Throttled), "{status} {limited}");
        }
    }
    // A campaign may have such a name.
    assert_eq!(kind(409, r#"{"message":"Campaign Rate limit promo is running"}"#), Err(Refused));
    for refused in [
        "Campaign Too many requests is running",
        "Campaign has too many calls in progress",
        "Cannot delete: too many calls are active",
    ] {
        assert_eq!(kind(409, &format!(r#"{{"message":"{refused}"}}"#)), Err(Refused), "{refused}");
    }
    assert_eq!(kind(200, &OK.replace("Campaign x", "Campaign Rate Limit")), Ok(()));
}

/// A refusal because of the rate limit always has a pause.
#[test]
fn throttled_carries_a_pause() {
    let failure = deletion(&raw(429, ""), "cd-1").unwrap_err();
    assert_eq!(failure.retry_after, Some(DEFAULT_THROTTLE_PAUSE));
    let answer = RawAnswer { retry_after: Some(Duration::from_secs(7)), ..raw(429, "") };
    assert_eq!(deletion(&answer, "cd-1").unwrap_err().retry_after, Some(Duration::from_secs(7)));
    let answer = RawAnswer { retry_after: Some(Duration::from_secs(9)), ..raw(503, "") };
    assert_eq!(deletion(&answer, "cd-1").unwrap_err().retry_after, Some(Duration::from_secs(9)));
}
