//! Names, addresses and ports of what runs here.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result};

/// How long a start may take on a loaded machine.
pub(crate) const START: Duration = Duration::from_secs(60);
/// Name of the node.
pub const NODE: &str = "testbed";
/// The bridge that all Pods are at.
pub(crate) const BRIDGE: &str = "testbed0";
/// Kore's own host [api-campaign-v2].
pub const KORE_HOST: &str = "platform.kore.ai";

/// Below the ports that the kernel gives to connections, which come and go by the thousands, and those of
/// Services of the type NodePort.
const PORTS: Range<u16> = 20_000..30_000;

/// A port that was free a moment ago; another one each time, also for other programs.
pub fn free_port() -> Result<u16> {
    let drawn = RandomState::new().hash_one(std::process::id());
    let first = usize::try_from(drawn % u64::from(PORTS.end - PORTS.start))?;
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    PORTS.cycle().skip(first).take(PORTS.len()).find(is_free).context("no port is free")
}

/// Where Pods and Services are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The address of this machine in the network of the Pods.
    pub gateway: Ipv4Addr,
    /// The network of the Pods.
    pub pods: &'static str,
    /// The network of the Services.
    pub services: &'static str,
    /// The Service of the API server: the first address of that network.
    pub api_service: Ipv4Addr,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            gateway: Ipv4Addr::new(10, 88, 0, 1),
            pods: "10.88.0.0/24",
            services: "10.97.0.0/24",
            api_service: Ipv4Addr::new(10, 97, 0, 1),
        }
    }
}
