use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use super::listening::Listening;

/// A TCP relay to one address: a link that can freeze or lose its connections without a word. Dropping it
/// closes them.
///
/// The relay's own system still acknowledges what is sent into a frozen connection, as far as its buffers
/// reach.
#[derive(Debug)]
pub struct Relay {
    listening: Listening,
    opened: Arc<AtomicU64>,
    flow: watch::Sender<Flow>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    frozen: bool,
    /// Connections with a lower number are dead for good.
    buried: u64,
}

/// One connection's look at the flow.
#[derive(Clone)]
struct Gate {
    number: u64,
    flow: watch::Receiver<Flow>,
}

impl Relay {
    /// Starts one to this address.
    ///
    /// # Errors
    /// If there is no port for it.
    pub fn start(to: SocketAddr) -> Result<Self> {
        let opened = Arc::new(AtomicU64::new(0));
        let (flow, gate) = watch::channel(Flow::default());
        let numbers = opened.clone();
        let listening = Listening::start(move |client| {
            let gate = Gate { number: numbers.fetch_add(1, Ordering::SeqCst), flow: gate.clone() };
            async move {
                // The end of a connection, whatever it is, is passed on by closing both sides.
                let _ = carry(client, to, gate).await;
            }
        })?;
        Ok(Self { listening, opened, flow })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Nothing goes through any more, in both directions; connections stay open, new ones are accepted and
    /// hang.
    pub fn freeze(&self) {
        self.flow.send_modify(|flow| flow.frozen = true);
    }

    /// All goes on, from where it stopped.
    pub fn thaw(&self) {
        self.flow.send_modify(|flow| flow.frozen = false);
    }

    /// The connections that are open now stay open, but carry nothing for ever, also not after
    /// [`Self::thaw`]; as when a load balancer has forgotten them. New ones work.
    pub fn blackhole(&self) {
        let opened = self.opened.load(Ordering::SeqCst);
        self.flow.send_modify(|flow| flow.buried = opened);
    }

    /// Closes every connection.
    pub fn cut(&self) {
        self.listening.cut();
    }
}

impl Gate {
    /// Returns when bytes may pass.
    async fn pass(&mut self) {
        let number = self.number;
        if self.flow.wait_for(|flow| !flow.frozen && number >= flow.buried).await.is_err() {
            // The relay is gone, and this connection is about to be.
            std::future::pending().await
        }
    }
}

async fn carry(client: TcpStream, to: SocketAddr, mut gate: Gate) -> io::Result<()> {
    gate.pass().await;
    let server = TcpStream::connect(to).await?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(pump(from_client, to_server, gate.clone()), pump(from_server, to_client, gate))?;
    Ok(())
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: Gate) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        gate.pass().await;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}
