//! Leads whoever asks for Kore's own address, over TLS, to the simulator: so that manifests need not be
//! changed to be tried.
//!
//! ```text
//!   operator ──CONNECT platform.kore.ai:443 (HTTPS_PROXY), TLS──▶ KoreAi ──HTTP──▶ simulator
//! ```

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::certificates;

/// Longest request for a tunnel, in bytes.
const LONGEST: usize = 8 * 1024;

/// A proxy that takes connections for Kore's host, until it is dropped.
#[derive(Debug)]
pub struct KoreAi {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl KoreAi {
    /// Listens at an address, with the certificate for Kore's host that is in a control plane's folder.
    ///
    /// # Errors
    /// If the address can't be bound, or the certificate can't be read.
    pub async fn start(address: SocketAddr, simulator: SocketAddr, folder: &Path) -> Result<Self> {
        let chain = CertificateDer::pem_file_iter(folder.join("kore.crt"))?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(folder.join("kore.key"))?;
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("{address} can't be bound"))?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead(client, acceptor.clone(), simulator));
            }
        });
        Ok(Self { address, serving })
    }

    /// The same with a certificate of its own, whose CA is then in `ca.crt` of the folder.
    ///
    /// # Errors
    /// If the address can't be bound, or the certificate can't be written.
    pub async fn start_alone(address: SocketAddr, simulator: SocketAddr, folder: &Path) -> Result<Self> {
        certificates::write_kore(folder)?;
        Self::start(address, simulator, folder).await
    }

    /// What the environment of an operator has, so that it asks here; `folder` has the CA.
    pub fn variables(&self, folder: &Path) -> Vec<(String, String)> {
        [
            ("HTTPS_PROXY", format!("http://{}", self.address)),
            ("NO_PROXY", "127.0.0.1".to_owned()),
            ("KORE_CA_FILE", folder.join("ca.crt").display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for KoreAi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Leads one connection; whoever breaks off does not matter to others.
async fn lead(mut client: TcpStream, acceptor: TlsAcceptor, simulator: SocketAddr) -> Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        ensure!(request.len() < LONGEST, "no request for a tunnel");
        request.push(client.read_u8().await?);
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(simulator).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
