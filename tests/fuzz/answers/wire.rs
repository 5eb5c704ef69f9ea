//! Whole HTTP answers, byte for byte, through the operator's HTTP client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use voicecampaign_operator::kore::{
    CampaignService, ClientSettings, Failure, FailureKind, KoreClient, PageRequest,
};

use super::drawn::{self, Answer};
use super::{KEPT_EXCHANGES, SECRET, STREAM, TOKEN, key, oracle, shown, target};
use crate::lane::{Class, Lane, Tally};
use crate::tree::Tree;

/// Deadline of a call.
const DEADLINE: Duration = Duration::from_millis(400);
/// How much longer it may take: the machine may be busy.
const TOLERANCE: Duration = Duration::from_secs(4);
/// Longest body that the client reads.
const LONGEST_BODY: usize = 1024 * 1024;

/// How the body is sent.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    /// Ends with the connection.
    Close,
    Chunked(u8),
    /// The length is too small, or too large.
    Short(Index),
    Long(u16),
    /// The chunks end before the last one, or have a length that is no number.
    BrokenChunks(bool),
    /// Then nothing for a long time.
    Stalled,
    /// Blanks behind the body: more than the client reads.
    Endless,
}

/// What is wrong with the first line.
#[derive(Clone, Copy, Debug)]
enum Head {
    Whole,
    Bytes(&'static str),
}

#[derive(Clone, Debug)]
struct Exchange {
    answer: Answer,
    headers: Vec<(&'static str, String)>,
    framing: Framing,
    head: Head,
    call: usize,
}

pub fn run(lane: Lane, samples: &Arc<Vec<Tree>>, runtime: &Runtime) -> Result<Tally> {
    let client = KoreClient::new(&ClientSettings::default())?;
    let exchange = (drawn::answer(samples), vec(header(), 0..4), framing(), head(), 0..3usize)
        .prop_map(|(answer, headers, framing, head, call)| Exchange { answer, headers, framing, head, call });
    let classes = ["deleted over HTTP", "read over HTTP", "refused over HTTP", "unreachable over HTTP"];
    Ok(lane.explore("exchanges", KEPT_EXCHANGES, &classes, &exchange, |exchange| {
        runtime.block_on(check(&client, exchange))
    }))
}

fn header() -> impl Strategy<Value = (&'static str, String)> {
    let names: &[&str] = &[
        "retry-after",
        "Retry-After",
        "date",
        "content-type",
        "content-encoding",
        "set-cookie",
        "location",
        "x-\u{e9}",
        "connection",
        "upgrade",
        "trailer",
        "content-range",
    ];
    let values: &[&str] = &[
        "7",
        "-1",
        "99999999999999999999",
        "NaN",
        "Mon, 23 Nov 2036 12:00:00 GMT",
        "soon",
        "gzip",
        "br",
        "deflate",
        "application/json; charset=utf-16",
        "text/html",
        "close",
        "keep-alive",
        "http://127.0.0.1:1/",
        "",
        "P9999Y",
        "1e308",
        "2026-11-23T12:00:30Z",
    ];
    let value = prop_oneof![
        8 => select(values).prop_map(ToOwned::to_owned),
        1 => "[ -~]{0,60}",
        1 => (1usize..50_000).prop_map(|length| "x".repeat(length)),
    ];
    (select(names), value)
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        12 => Just(Framing::Length),
        3 => Just(Framing::Close),
        4 => any::<u8>().prop_map(Framing::Chunked),
        2 => any::<Index>().prop_map(Framing::Short),
        2 => (1u16..).prop_map(Framing::Long),
        2 => any::<bool>().prop_map(Framing::BrokenChunks),
        1 => prop::bool::weighted(0.2).prop_map(|stalls| if stalls { Framing::Stalled } else { Framing::Length }),
        1 => prop::bool::weighted(0.1).prop_map(|ends| if ends { Framing::Endless } else { Framing::Close }),
    ]
}

fn head() -> impl Strategy<Value = Head> {
    let broken: &[&str] = &[
        "",
        "HTTP/1.1\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "\0\0\0",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 200 OK\r\nbroken\r\n\r\n",
    ];
    prop_oneof![24 => Just(Head::Whole), 1 => select(broken).prop_map(Head::Bytes)]
}

async fn check(client: &KoreClient, exchange: Exchange) -> Result<Class, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let url = format!("http://{}", listener.local_addr().map_err(|error| error.to_string())?);
    let call = exchange.call;
    let served = tokio::spawn(serve(listener, exchange.clone()));
    let (target, begun) = (target(&url, DEADLINE), Instant::now());
    let first = PageRequest { page: 1, skip: 0, limit: 50 };
    let said: Result<bool, Failure> = match call {
        0 => client.delete(&target, &key()).await.map(|_| true),
        1 => client.get(&target, &key()).await.map(|_| false),
        _ => client.list(&target, STREAM, first).await.map(|_| false),
    };
    let took = begun.elapsed();
    let token = match tokio::time::timeout(Duration::from_millis(50), served).await {
        Ok(Ok(Some(token))) => token,
        // The server still sends, or has nobody to send to.
        _ => TOKEN.to_owned(),
    };
    if took > DEADLINE + TOLERANCE {
        return Err(format!("the call took {took:?}"));
    }
    match said {
        Ok(true) => {
            let received = received(&exchange, &token)?;
            oracle::says_deleted(&received).map_err(|why| format!("taken as deleted, although {why}"))?;
            Ok("deleted over HTTP")
        }
        Ok(false) => Ok("read over HTTP"),
        Err(failure) => {
            shown::failure(&failure, &[SECRET, &token])?;
            if call == 1 && failure.kind == FailureKind::MayBeAbsent {
                let received = received(&exchange, &token)?;
                oracle::says_absent(&received).map_err(|why| format!("taken as absent, although {why}"))?;
            }
            let unreachable = failure.kind == FailureKind::Unreachable;
            Ok(if unreachable { "unreachable over HTTP" } else { "refused over HTTP" })
        }
    }
}

/// What a client may have received: nothing, if the answer is broken.
fn received(exchange: &Exchange, token: &str) -> Result<Answer, String> {
    let Exchange { answer, framing, head, .. } = exchange;
    if matches!(head, Head::Bytes(_)) {
        return Err("an answer without a head counts".to_owned());
    }
    let whole = echoed(&answer.body, token);
    let body = match framing {
        Framing::Length | Framing::Close | Framing::Chunked(_) => whole,
        Framing::Short(at) => whole[..at.index(whole.len() + 1)].to_vec(),
        // There may be nothing to cut off: a chunk without bytes is the last one.
        Framing::BrokenChunks(true) if whole.is_empty() => whole,
        Framing::Long(_) | Framing::BrokenChunks(_) | Framing::Stalled | Framing::Endless
            if !matches!(answer.http_status, 204 | 304) =>
        {
            return Err(format!("an answer that was cut off counts: {framing:?}"));
        }
        Framing::Long(_) | Framing::BrokenChunks(_) | Framing::Stalled | Framing::Endless => Vec::new(),
    };
    let has_body = !matches!(answer.http_status, 100..=199 | 204 | 304);
    Ok(Answer { body: if has_body { body } else { Vec::new() }, ..answer.clone() })
}

/// The body with the token of the request where a service echoes it.
fn echoed(body: &[u8], token: &str) -> Vec<u8> {
    let Some(at) = body.windows(TOKEN.len()).position(|bytes| bytes == TOKEN.as_bytes()) else {
        return body.to_vec();
    };
    [&body[..at], token.as_bytes(), &body[at + TOKEN.len()..]].concat()
}

/// Answers one request; the token of it.
async fn serve(listener: TcpListener, exchange: Exchange) -> Option<String> {
    let (mut stream, _) = listener.accept().await.ok()?;
    let request = request(&mut stream).await?;
    let token = request.lines().find_map(|line| line.strip_prefix("auth: "))?.to_owned();
    let sent = stream.write_all(&bytes(&exchange, &token)).await;
    match exchange.framing {
        Framing::Stalled => tokio::time::sleep(2 * DEADLINE).await,
        Framing::Endless if sent.is_ok() => {
            let blanks = vec![b' '; 64 * 1024];
            for _ in 0..=LONGEST_BODY / blanks.len() {
                // The client may have seen enough.
                if stream.write_all(&blanks).await.is_err() {
                    break;
                }
            }
        }
        _ => {}
    }
    let _ = stream.shutdown().await;
    Some(token)
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if body.len() >= length.parse().ok()? {
            return Some(text.into_owned());
        }
    }
}

fn bytes(exchange: &Exchange, token: &str) -> Vec<u8> {
    let Exchange { answer, headers, framing, head, .. } = exchange;
    if let Head::Bytes(broken) = head {
        return broken.as_bytes().to_vec();
    }
    let body = echoed(&answer.body, token);
    let mut sent = format!("HTTP/1.1 {} Drawn\r\n", answer.http_status).into_bytes();
    for (name, value) in headers {
        sent.extend(format!("{name}: {value}\r\n").bytes());
    }
    let length = |length: usize| format!("content-length: {length}\r\n\r\n").into_bytes();
    match framing {
        Framing::Length => [sent, length(body.len()), body].concat(),
        Framing::Close | Framing::Endless => [sent, b"connection: close\r\n\r\n".to_vec(), body].concat(),
        Framing::Short(at) => [sent, length(at.index(body.len() + 1)), body].concat(),
        Framing::Long(more) => [sent, length(body.len() + usize::from(*more)), body].concat(),
        Framing::Stalled => [sent, length(body.len() + 1), body].concat(),
        Framing::Chunked(size) => {
            sent.extend(b"transfer-encoding: chunked\r\n\r\n");
            for chunk in body.chunks(usize::from(*size).max(1)) {
                sent.extend(format!("{:x}\r\n", chunk.len()).bytes());
                sent.extend([chunk, b"\r\n"].concat());
            }
            [sent, b"0\r\n\r\n".to_vec()].concat()
        }
        Framing::BrokenChunks(numbered) => {
            sent.extend(b"transfer-encoding: chunked\r\n\r\n");
            let length = if *numbered { format!("{:x}", body.len()) } else { "zz".to_owned() };
            [sent, format!("{length}\r\n").into_bytes(), body, b"\r\n".to_vec()].concat()
        }
    }
}
