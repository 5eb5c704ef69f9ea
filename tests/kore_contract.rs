//! The client for Kore against the documents: what it sends, byte for byte, and what it makes of the answers.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kore_simulator::{App, Behaviour, Fault, Operation, Outcome, Simulator, UnknownCampaign, When};
use secrecy::SecretString;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use voicecampaign_operator::kore::{
    Account, Algorithm, CampaignKey, CampaignService, ClientSettings, Credentials, Failure, FailureKind,
    KoreClient, Listing, PageRequest, Progress, RawAnswer, Reading, Target, TokenSettings, answers,
};

const ACCOUNT: &str = "67777ce93e25326494exxxxx";
const STREAM: &str = "st-0603182c-7ffb-53c3-b307-47ca14bxxxxx";
const CAMPAIGN: &str = "cd-a1e45a7-e8ba-4e97-a339-476ebc7xxxxx";
const CLIENT_ID: &str = "cs-contract";
const CLIENT_SECRET: &str = "contract-secret-0123456789";

/// The sample answer of the document the project starts from, whole.
const DELETE_SAMPLE: &str = include_str!("samples/delete-voice-campaign-v2.json");

fn client() -> KoreClient {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    KoreClient::new(&ClientSettings::default()).unwrap()
}

fn target(host: &str) -> Target {
    Target {
        account: Account::new(host, ACCOUNT),
        address: host.to_owned(),
        iid: None,
        timeout: Duration::from_secs(10),
        token: TokenSettings {
            algorithm: Algorithm::HS256,
            subject: "voicecampaign-operator".to_owned(),
            ttl: Duration::from_secs(300),
        },
        credentials: Credentials {
            client_id: SecretString::from(CLIENT_ID),
            client_secret: SecretString::from(CLIENT_SECRET),
        },
    }
}

fn key() -> CampaignKey {
    CampaignKey { stream_id: STREAM.to_owned(), campaign_id: CAMPAIGN.to_owned() }
}

/// Serves one connection: reads one request, and answers with these bytes.
async fn serve_once(answer: Vec<u8>) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        exchange(stream, &answer).await
    });
    (url, served)
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                break;
            }
        }
    }
    // The client may have seen enough.
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
    String::from_utf8(request).unwrap()
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The request with its token replaced; the token.
fn without_token(request: &str) -> (String, String) {
    let token = request.lines().find_map(|line| line.strip_prefix("auth: ")).unwrap().to_owned();
    (request.replace(&token, "<token>"), token)
}

async fn delete_answered(answer: Vec<u8>) -> Result<(), Failure> {
    let (url, _) = serve_once(answer).await;
    client().delete(&target(&url), &key()).await.map(|_| ())
}

async fn kind(answer: Vec<u8>) -> FailureKind {
    delete_answered(answer).await.unwrap_err().kind
}

/// The whole request: what is the same in each, and what is the operation's own.
fn whole(url: &str, first_line: &str, more_headers: &str, body: &str) -> String {
    let host = url.strip_prefix("http://").unwrap();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{first_line} HTTP/1.1\r\nauth: <token>\r\naccountid: {ACCOUNT}\r\niid: {STREAM}\r\naccept-encoding: identity\r\n{more_headers}accept: */*\r\n\
         user-agent: voicecampaign-operator/{version}\r\nhost: {host}\r\n{}\r\n{body}",
        if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) }
    )
}

#[tokio::test]
async fn the_delete_request_is_the_documented_one() {
    let (url, served) = serve_once(http("200 OK", "", DELETE_SAMPLE)).await;
    client().delete(&target(&url), &key()).await.unwrap();
    let (request, token) = without_token(&served.await.unwrap());
    let first = format!(
        "DELETE /campaign/api/v2/public/{STREAM}/campaign/{CAMPAIGN}?accountId={ACCOUNT}&campaignType=voice"
    );
    assert_eq!(request, whole(&url, &first, "", ""));
    assert_eq!(token.split('.').count(), 3, "a raw JWT, without `Bearer`");
}

#[tokio::test]
async fn the_get_request_is_the_documented_one() {
    let (url, served) = serve_once(http("200 OK", "", DELETE_SAMPLE)).await;
    client().get(&target(&url), &key()).await.unwrap();
    let (request, _) = without_token(&served.await.unwrap());
    let first = format!("GET /campaign/api/v2/public/{STREAM}/campaign/{CAMPAIGN}?accountId={ACCOUNT}");
    assert_eq!(request, whole(&url, &first, "", ""));
}

#[tokio::test]
async fn the_list_request_is_the_documented_one() {
    let body = r#"{"status":"success","message":"ok","data":{"results":[{"_id":"cd-1","status":"Ready"}],"skip":50,"limit":50,"hasMore":false,"totalPages":2,"totalResults":51}}"#;
    let (url, served) = serve_once(http("200 OK", "", body)).await;
    let request = PageRequest { page: 2, skip: 50, limit: 50 };
    let page = client().list(&target(&url), STREAM, request).await.unwrap();
    assert_eq!(page.ids().next(), Some("cd-1"));
    let (request, _) = without_token(&served.await.unwrap());
    let first =
        format!("POST /campaign/api/v2/public/{STREAM}/campaign/getAllCampaignDetails?accountId={ACCOUNT}");
    let body = r#"{"limit":50,"page":2,"skip":50,"type":"voice"}"#;
    assert_eq!(request, whole(&url, &first, "content-type: application/json\r\n", body));
}

/// `spec.iid` of the connection takes the place of the stream in the header, and only there.
#[tokio::test]
async fn an_application_id_of_its_own_goes_into_the_header() {
    let (url, served) = serve_once(http("200 OK", "", DELETE_SAMPLE)).await;
    let target = Target { iid: Some("app-7".to_owned()), ..target(&url) };
    client().delete(&target, &key()).await.unwrap();
    let request = served.await.unwrap();
    assert!(request.contains("\r\niid: app-7\r\n"));
    assert!(request.starts_with(&format!("DELETE /campaign/api/v2/public/{STREAM}/")));
}

/// Every documented field of the sample is kept; the one that is not in the parameter table, too.
#[test]
fn the_documented_answer_is_read_whole() {
    let answer =
        RawAnswer { http_status: 200, body: DELETE_SAMPLE.as_bytes().to_vec(), ..RawAnswer::default() };
    let confirmed = answers::deletion(&answer, CAMPAIGN).unwrap();
    let sample: serde_json::Value = serde_json::from_str(DELETE_SAMPLE).unwrap();
    let mut expected = sample["data"].clone();
    let id = expected.as_object_mut().unwrap().remove("_id").unwrap();
    expected["id"] = id;
    assert_eq!(serde_json::to_value(confirmed.campaign()).unwrap(), expected);
    assert_eq!(confirmed.answer().message, sample["message"]);
    assert_eq!(confirmed.answer().status.as_deref(), Some("success"));
}

/// The fields that the document's table lists, but not its sample.
#[test]
fn the_fields_that_only_the_table_lists_are_read() {
    let mut sample: serde_json::Value = serde_json::from_str(DELETE_SAMPLE).unwrap();
    sample["data"]["format"] = json!("advanced");
    sample["data"]["experienceFlow"] = json!("cf-1");
    sample["data"]["campaignInstanceId"] = json!("cid-1");
    sample["data"]["priority"] = json!(5);
    let answer =
        RawAnswer { http_status: 200, body: sample.to_string().into_bytes(), ..RawAnswer::default() };
    let campaign = answers::deletion(&answer, CAMPAIGN).unwrap().campaign().clone();
    assert_eq!(campaign.format.as_deref(), Some("advanced"));
    assert_eq!(campaign.experience_flow.as_deref(), Some("cf-1"));
    assert_eq!(campaign.campaign_instance_id.as_deref(), Some("cid-1"));
    assert_eq!(campaign.priority.as_deref(), Some("5"));
}

async fn simulator(behaviour: Behaviour) -> Simulator {
    let app = App { client_id: CLIENT_ID.to_owned(), client_secret: CLIENT_SECRET.to_owned() };
    let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), vec![app], behaviour).await.unwrap();
    let key = kore_simulator::CampaignKey {
        account_id: ACCOUNT.to_owned(),
        stream_id: STREAM.to_owned(),
        campaign_id: CAMPAIGN.to_owned(),
    };
    simulator.seed(key, &json!({}));
    simulator
}

/// R18: the simulator refuses a token that was used, is signed otherwise, or lacks a claim: every request has
/// its own.
#[tokio::test]
async fn every_request_has_a_token_of_its_own_with_all_claims() {
    let kore = simulator(Behaviour::default()).await;
    let (client, target) = (client(), target(&kore.url()));
    for _ in 0..3 {
        client.get(&target, &key()).await.unwrap();
    }
    let first = PageRequest { page: 1, skip: 0, limit: 50 };
    client.list(&target, STREAM, first).await.unwrap();
    client.delete(&target, &key()).await.unwrap();
    for algorithm in [Algorithm::HS256, Algorithm::HS512] {
        let mut target = target.clone();
        target.token.algorithm = algorithm;
        client.list(&target, STREAM, first).await.unwrap();
    }
    let shown = &kore.journal()[0].headers["auth"];
    assert_eq!(shown, &format!("<JWT sub=voicecampaign-operator appId={CLIENT_ID} exp-iat=420s jti=yes>"));
}

#[tokio::test]
async fn refused_credentials_are_told_from_everything_else() {
    let kore = simulator(Behaviour::default()).await;
    let mut target = target(&kore.url());
    target.credentials.client_secret = SecretString::from("another");
    let failure = client().delete(&target, &key()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::CredentialsRejected);
    assert!(failure.answer.message.contains("error verifying the jwt"), "{failure}");
}

/// Whatever the service answers for a campaign it does not know, it may mean absence, and proves nothing.
#[tokio::test]
async fn an_unknown_campaign_may_be_absent() {
    for unknown in [UnknownCampaign::NotFound, UnknownCampaign::BadRequest, UnknownCampaign::Failure] {
        let kore = simulator(Behaviour { unknown_campaign: unknown, ..Behaviour::default() }).await;
        let (client, target) = (client(), target(&kore.url()));
        client.delete(&target, &key()).await.unwrap();
        assert_eq!(
            client.delete(&target, &key()).await.unwrap_err().kind,
            FailureKind::MayBeAbsent,
            "{unknown:?}"
        );
        assert_eq!(
            client.get(&target, &key()).await.unwrap_err().kind,
            FailureKind::MayBeAbsent,
            "{unknown:?}"
        );
    }
}

/// R2: the campaign is deleted, and the answer is lost.
#[tokio::test]
async fn a_lost_answer_is_no_confirmation() {
    for then in [Outcome::Cut, Outcome::CutBody] {
        let kore = simulator(Behaviour::default()).await;
        let fault = Fault { when: When::AfterEffect, then, ..Fault::answer_delete(Some(1), 200, "") };
        kore.add_fault(fault);
        let failure = client().delete(&target(&kore.url()), &key()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable);
        assert!(kore.campaigns().is_empty());
    }
}

/// R8, R9: a service that hangs, or sends a byte now and then, costs the deadline and no more.
#[tokio::test]
async fn the_deadline_covers_the_whole_call() {
    for then in [Outcome::Hang, Outcome::Drip(100)] {
        let kore = simulator(Behaviour::default()).await;
        kore.add_fault(Fault { then, ..Fault::answer_delete(None, 200, "") });
        let target = Target { timeout: Duration::from_secs(1), ..target(&kore.url()) };
        let started = Instant::now();
        let failure = client().delete(&target, &key()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable);
        assert!(failure.answer.message.contains("within 1 s"), "{failure}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}

/// R6: the documented text, whatever the status; the pause that is asked for, or a minute.
#[tokio::test]
async fn a_refusal_for_the_rate_limit_carries_a_pause() {
    for (throttled_status, throttled_retry_after, pause) in
        [(429, Some(7), 7), (400, None, 60), (200, None, 60)]
    {
        let behaviour = Behaviour {
            requests_per_minute: Some(1),
            throttled_status,
            throttled_retry_after,
            ..Behaviour::default()
        };
        let kore = simulator(behaviour).await;
        let (client, target) = (client(), target(&kore.url()));
        client.get(&target, &key()).await.unwrap();
        let failure = client.delete(&target, &key()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Throttled);
        assert_eq!(failure.retry_after, Some(Duration::from_secs(pause)));
    }
}

/// A date counts by the clock of the service, and of several pauses the longest does.
#[tokio::test]
async fn a_date_counts_by_the_clock_of_the_answer() {
    let headers =
        "date: Mon, 23 Nov 2026 12:00:00 GMT\r\nretry-after: 2\r\nretry-after: \"2026-11-23T12:00:30Z\"\r\n";
    let failure = delete_answered(http("503 Service Unavailable", headers, "")).await.unwrap_err();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(30)));
}

/// R1: nothing listens there.
#[tokio::test]
async fn a_refused_connection_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure = client().delete(&target(&url), &key()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.answer.message.contains("connection failed"), "{failure}");
    assert!(!failure.to_string().contains(ACCOUNT), "the URL with its query is not shown: {failure}");
}

/// R13: the token goes nowhere else.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, visited) = serve_once(http("200 OK", "", DELETE_SAMPLE)).await;
    let answer = http("307 Temporary Redirect", &format!("location: {elsewhere}/\r\n"), "");
    assert_eq!(kind(answer).await, FailureKind::ContractViolation);
    assert!(!visited.is_finished(), "the redirect was followed");
}

/// R15: 50 MB are not read.
#[tokio::test]
async fn a_huge_body_is_given_up() {
    let huge = http("200 OK", "", &"x".repeat(50 * 1024 * 1024));
    let failure = delete_answered(huge).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreadable);
    assert!(failure.answer.message.contains("larger than 1 MiB"), "{failure}");
}

/// R15, R16, R17 over the wire.
#[tokio::test]
async fn broken_and_foreign_answers_confirm_nothing() {
    assert_eq!(kind(http("200 OK", "", "<html>ok</html>")).await, FailureKind::Unreadable);
    assert_eq!(kind(http("200 OK", "", "")).await, FailureKind::Accepted);
    assert_eq!(kind(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await, FailureKind::Accepted);
    assert_eq!(
        kind(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"status\":".to_vec()).await,
        FailureKind::Unreachable
    );
    assert_eq!(kind(b"SSH-2.0-OpenSSH_9\r\n".to_vec()).await, FailureKind::Unreachable);
    assert_eq!(kind(http("202 Accepted", "", DELETE_SAMPLE)).await, FailureKind::Accepted);
    assert_eq!(
        kind(http("200 OK", "", &DELETE_SAMPLE.replace(CAMPAIGN, "cd-another"))).await,
        FailureKind::ContractViolation
    );
}

/// A service that echoes what it was sent does not get it into a status.
#[tokio::test]
async fn an_echoed_token_or_secret_is_not_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        let text = String::from_utf8_lossy(&request[..read]).into_owned();
        let token = without_token(&text).1;
        let body = json!({"message": format!("bad token {token} or secret {CLIENT_SECRET}")}).to_string();
        stream.write_all(&http("401 Unauthorized", "", &body)).await.unwrap();
        token
    });
    let failure = client().delete(&target(&url), &key()).await.unwrap_err();
    let token = served.await.unwrap();
    let shown = format!("{failure} {failure:?} {:?}", target(&url));
    assert!(!shown.contains(&token) && !shown.contains(CLIENT_SECRET), "{shown}");
    assert_eq!(failure.answer.message, "bad token [redacted] or secret [redacted]");
}

/// R14, R22: a certificate of a private CA is refused, and accepted once the CA is given.
#[tokio::test]
async fn a_private_ca_is_honoured() {
    let (url, ca) = serve_tls(2).await;
    let failure = client().delete(&target(&url), &key()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.answer.message.to_lowercase().contains("certificate"), "{failure}");

    let mut file = tempfile();
    file.0.write_all(ca.as_bytes()).unwrap();
    let settings = ClientSettings { extra_ca_file: Some(file.1.clone()) };
    KoreClient::new(&settings).unwrap().delete(&target(&url), &key()).await.unwrap();
    std::fs::remove_file(file.1).unwrap();
}

/// A CA is replaced while the operator runs, as the kubelet does it: the path leads elsewhere from one moment
/// to the next.
#[tokio::test]
async fn a_rotated_ca_is_trusted_without_a_restart() {
    let ((before, old_ca), (after, new_ca)) = (serve_tls(10).await, serve_tls(100).await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.crt");
    let bring = |name: &str, ca: &str| {
        let (content, link) = (folder.path().join(name), folder.path().join("..link"));
        std::fs::write(&content, ca).unwrap();
        std::os::unix::fs::symlink(&content, &link).unwrap();
        std::fs::rename(&link, &path).unwrap();
    };
    bring("..1", &old_ca);
    let client = KoreClient::new(&ClientSettings { extra_ca_file: Some(path.clone()) }).unwrap();
    client.delete(&target(&before), &key()).await.unwrap();
    assert_eq!(client.delete(&target(&after), &key()).await.unwrap_err().kind, FailureKind::Unreachable);
    bring("..2", &new_ca);
    let begun = Instant::now();
    while let Err(failure) = client.delete(&target(&after), &key()).await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{failure}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let failure = client.delete(&target(&before), &key()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable, "what is not trusted any more");
}

/// The token would cross the proxy in the open. What is encrypted goes through it, and a name that only it
/// can resolve does.
#[test]
fn a_plain_host_is_never_reached_through_a_proxy() {
    const TEST: &str = "a_plain_host_is_never_reached_through_a_proxy";
    const IS_CHILD: &str = "CONTRACT_TEST_BEHIND_A_PROXY";
    // The environment is the process's: a process of its own has one.
    if std::env::var_os(IS_CHILD).is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (url, served) = serve_once(http("200 OK", "", DELETE_SAMPLE)).await;
            client().delete(&target(&url), &key()).await.unwrap();
            assert!(
                served.await.unwrap().starts_with("DELETE /campaign/"),
                "asked as itself, not as a proxy"
            );
            let failure = client().delete(&target("https://kore.invalid"), &key()).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Unreachable);
        });
        return;
    }
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let mut heard = Vec::new();
        loop {
            let (mut stream, _) = proxy.accept().unwrap();
            let mut request = vec![0; 4096];
            let read = std::io::Read::read(&mut stream, &mut request).unwrap();
            if request.starts_with(b"END") {
                return heard;
            }
            heard.push(String::from_utf8_lossy(&request[..read]).into_owned());
            stream.write_all(&http("502 Bad Gateway", "", "")).unwrap();
        }
    });
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", TEST, "--nocapture"])
        .env(IS_CHILD, "1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(variable, &address).env(variable.to_lowercase(), &address);
    }
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    std::net::TcpStream::connect(address.trim_start_matches("http://")).unwrap().write_all(b"END").unwrap();
    let heard = heard.join().unwrap();
    assert!(matches!(&heard[..], [one] if one.starts_with("CONNECT kore.invalid:443 ")), "{heard:#?}");
}

/// A trailing dot is for whoever resolves the name, here a proxy; the certificate is for the name without.
#[test]
fn a_trailing_dot_is_for_the_resolver_alone() {
    const TEST: &str = "a_trailing_dot_is_for_the_resolver_alone";
    const IS_CHILD: &str = "CONTRACT_TEST_TRAILING_DOT";
    if std::env::var_os(IS_CHILD).is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (url, ca) = serve_tls(1).await;
            let mut file = tempfile();
            file.0.write_all(ca.as_bytes()).unwrap();
            let client = KoreClient::new(&ClientSettings { extra_ca_file: Some(file.1.clone()) }).unwrap();
            std::fs::remove_file(file.1).unwrap();
            client.delete(&target(&url.replace("localhost", "localhost.")), &key()).await.unwrap();
        });
        return;
    }
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut client, _) = proxy.accept().unwrap();
        let mut request = vec![0; 4096];
        let read = std::io::Read::read(&mut client, &mut request).unwrap();
        let request = String::from_utf8_lossy(&request[..read]).into_owned();
        let authority = request.split(' ').nth(1).unwrap();
        let (name, port) = authority.rsplit_once(':').unwrap();
        let server = std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        for (mut from, mut to) in [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))]
            .map(|(from, to)| (from.unwrap(), to.unwrap()))
        {
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
        name.to_owned()
    });
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", TEST, "--nocapture"]).env(IS_CHILD, "1").env("HTTPS_PROXY", address);
    let output =
        child.env_remove("https_proxy").env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(asked.join().unwrap(), "localhost.");
}

#[test]
fn a_ca_file_that_is_none_is_refused_with_its_name() {
    let mut file = tempfile();
    file.0.write_all(b"no certificate").unwrap();
    let settings = ClientSettings { extra_ca_file: Some(file.1.clone()) };
    let error = KoreClient::new(&settings).err().unwrap().to_string();
    assert!(error.contains(file.1.to_str().unwrap()), "{error}");
    std::fs::remove_file(&file.1).unwrap();
    let error = KoreClient::new(&settings).err().unwrap().to_string();
    assert!(error.contains("can't be read"), "{error}");
}

fn tempfile() -> (std::fs::File, std::path::PathBuf) {
    let path = std::env::temp_dir().join(format!("voicecampaign-ca-{}.pem", uuid::Uuid::new_v4()));
    (std::fs::File::create(&path).unwrap(), path)
}

/// Serves some connections with a certificate of a CA of its own, for `localhost`; the CA as PEM.
async fn serve_tls(connections: usize) -> (String, String) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let ca = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        for _ in 0..connections {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                exchange(stream, &http("200 OK", "", DELETE_SAMPLE)).await;
            }
        }
    });
    (url, ca)
}

/// Reads all pages of the stream.
async fn read_all(client: &KoreClient, target: &Target) -> Result<Listing, Failure> {
    let mut reading = Reading::begin(target, STREAM, jiff::Timestamp::now());
    loop {
        let read = reading.next(client, target, jiff::Timestamp::now).await;
        match read.map_err(|interrupted| interrupted.failure)? {
            Progress::More(more) => reading = more,
            Progress::Done(listing) => return Ok(listing),
        }
    }
}

/// A simulator with so many campaigns in the stream, each with these fields.
async fn stream_of(rows: usize, behaviour: Behaviour, fields: &serde_json::Value) -> Simulator {
    let kore = simulator(Behaviour { requests_per_minute: None, ..behaviour }).await;
    for number in 0..rows - 1 {
        let campaign_id = format!("cd-{number:03}");
        let key =
            kore_simulator::CampaignKey { account_id: ACCOUNT.into(), stream_id: STREAM.into(), campaign_id };
        kore.seed(key, fields);
    }
    kore
}

/// What was asked of the listing, page by page: `page`, `skip` and `limit`.
fn pages_asked(kore: &Simulator) -> Vec<[u64; 3]> {
    let listings = kore.journal().into_iter().filter(|entry| entry.operation == Operation::List);
    let bodies = listings.map(|entry| serde_json::from_str::<serde_json::Value>(&entry.body).unwrap());
    bodies.map(|body| ["page", "skip", "limit"].map(|field| body[field].as_u64().unwrap())).collect()
}

#[tokio::test]
async fn a_stream_is_listed_page_by_page() {
    let kore = stream_of(120, Behaviour::default(), &json!({})).await;
    let listing = read_all(&client(), &target(&kore.url())).await.unwrap();
    assert!(listing.is_complete());
    assert_eq!(listing.campaigns(), 120);
    assert!(listing.get("cd-007").is_some_and(|row| row.dialing_strategy.is_none()));
    assert_eq!(listing.get("cd-119"), None);
    assert_eq!(pages_asked(&kore), [[1, 0, 50], [2, 50, 50], [3, 100, 50]]);
}

/// R26: the largest page that the service gives is not documented. The next rows follow from those that came.
#[tokio::test]
async fn a_service_with_smaller_pages_is_listed_whole() {
    let behaviour = Behaviour { most_rows: Some(20), ..Behaviour::default() };
    let kore = stream_of(45, behaviour, &json!({})).await;
    let listing = read_all(&client(), &target(&kore.url())).await.unwrap();
    assert!(listing.is_complete());
    assert_eq!(listing.campaigns(), 45);
    assert_eq!(pages_asked(&kore), [[1, 0, 50], [2, 20, 20], [3, 40, 20]]);
}

/// R26: a page of more than 1 MiB is asked for again with fewer rows; a single row of that size is the end of
/// it.
#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_parts() {
    let description = json!({"description": "x".repeat(60 * 1024)});
    let kore = stream_of(45, Behaviour::default(), &description).await;
    let listing = read_all(&client(), &target(&kore.url())).await.unwrap();
    assert!(listing.is_complete());
    assert_eq!(listing.campaigns(), 45);
    let asked = pages_asked(&kore);
    assert_eq!(asked[..4], [[1, 0, 50], [1, 0, 25], [1, 0, 12], [2, 12, 12]]);
    assert_eq!(asked.len(), 6);

    let description = json!({"description": "x".repeat(1024 * 1024)});
    let kore = stream_of(2, Behaviour::default(), &description).await;
    let failure = read_all(&client(), &target(&kore.url())).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreadable);
    assert!(failure.answer.message.contains("single row"), "{failure}");
    assert_eq!(pages_asked(&kore).last(), Some(&[1, 0, 1]));
}
