//! The clock of the API server, for commands: the machine of a user may have another time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::client::Body;

/// How long to wait for the time of the API server.
const ANSWERS: Duration = Duration::from_secs(5);
/// A smaller difference between two clocks is none: an answer has whole seconds, and takes a while.
const SAME: SignedDuration = SignedDuration::from_secs(3);

/// The clock of the API server, which writes down when an object was created and when its deletion was
/// requested.
#[derive(Clone, Copy, Debug)]
pub struct ServerClock {
    /// How far it is ahead of this machine's.
    ahead: SignedDuration,
}

impl ServerClock {
    /// Compares it with this machine's. If the API server does not say its time, the two count as the same:
    /// the command's own calls will tell why.
    pub async fn read(client: &Client) -> Self {
        let ahead = ahead(client).await.filter(|ahead| ahead.abs() > SAME);
        Self { ahead: ahead.unwrap_or_default() }
    }

    /// The time by this clock.
    pub fn now(self) -> Timestamp {
        Timestamp::now() + self.ahead
    }
}

async fn ahead(client: &Client) -> Option<SignedDuration> {
    let request = http::Request::get("/version").body(Body::empty()).ok()?;
    let answer = tokio::time::timeout(ANSWERS, client.send(request)).await.ok()?.ok()?;
    let date = answer.headers().get(http::header::DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(date.timestamp().duration_since(Timestamp::now()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use jiff::fmt::rfc2822::DateTimePrinter;
    use kube::Config;

    use super::*;
    use crate::kube_ext::client_of;

    /// How far ahead a server is whose answers have this date.
    async fn ahead_of(date: Timestamp) -> SignedDuration {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
        let server = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let _request = connection.read(&mut [0; 4096]).unwrap();
            write!(connection, "HTTP/1.1 401 Unauthorized\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
        });
        let clock = ServerClock::read(&client_of(Config::new(url.parse().unwrap())).unwrap()).await;
        server.join().unwrap();
        clock.ahead
    }

    #[tokio::test]
    async fn the_time_is_that_of_the_api_server() {
        let hour = SignedDuration::from_hours(1);
        for expected in [hour, -hour] {
            let ahead = ahead_of(Timestamp::now() + expected).await;
            assert!((ahead - expected).abs() <= SAME, "{ahead:?}");
        }
        assert_eq!(ahead_of(Timestamp::now()).await, SignedDuration::ZERO);
    }
}
