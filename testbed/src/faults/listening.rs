use std::net::SocketAddr;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// A listener on 127.0.0.1. Dropping it ends it and closes its connections.
#[derive(Debug)]
pub(super) struct Listening {
    address: SocketAddr,
    cuts: watch::Sender<()>,
}

impl Listening {
    /// Serves each connection until it ends by itself or is cut.
    pub fn start<F, C>(serve: F) -> Result<Self>
    where
        F: Fn(TcpStream) -> C + Send + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        let runtime = runtime()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (cuts, cut) = watch::channel(());
        let _entered = runtime.enter();
        tokio::spawn(accept(TcpListener::from_std(listener)?, serve, cut));
        Ok(Self { address, cuts })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every open connection.
    pub fn cut(&self) {
        self.cuts.send_replace(());
    }
}

async fn accept<F, C>(listener: TcpListener, serve: F, mut cut: watch::Receiver<()>)
where
    F: Fn(TcpStream) -> C + Send + 'static,
    C: Future<Output = ()> + Send + 'static,
{
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // A piece of a watch must not wait for the next one.
                let _ = stream.set_nodelay(true);
                let served = serve(stream);
                let mut cut = cut.clone();
                cut.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        () = served => {}
                        // Cut, or dropped.
                        _ = cut.changed() => {}
                    }
                });
            }
            changed = cut.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

/// What proxies and relays run on: of their own, so that they serve while a test blocks its thread, and
/// outlive the test that has started one for all.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let build = || Builder::new_multi_thread().worker_threads(2).thread_name("faults").enable_all().build();
    RUNTIME.get_or_init(build).as_ref().map_err(|error| anyhow!("no runtime for the proxies: {error}"))
}
