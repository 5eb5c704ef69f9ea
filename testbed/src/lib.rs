//! A real etcd, kube-apiserver and kube-controller-manager, the simulated Kore and the operator, as local
//! processes. For the tests, the demonstration and the benchmarks alike.
//!
//! ```text
//!   Testbed ──▶ binaries.rs    finds or builds: etcd, kube-apiserver, … (Go), operator, simulator (Cargo)
//!      ├──────▶ process.rs     starts them; they die with this process, and leave a log
//!      ├──────▶ control_plane.rs  etcd + kube-apiserver + kube-controller-manager, certificates.rs
//!      ├──────▶ second_api_server.rs  another kube-apiserver on the same etcd
//!      ├──────▶ kubectl.rs     the real kubectl
//!      ├──────▶ helm.rs        the real helm, of both major versions
//!      ├──────▶ readers.rs     what kstatus, Flux and Argo CD make of an object
//!      ├──────▶ flux.rs        the controllers of Flux that apply things
//!      ├──────▶ kore.rs        the simulator, as a process
//!      ├──────▶ kore_ai.rs     leads whoever asks for Kore's own address to the simulator
//!      ├──────▶ image.rs       the operator's image, without Docker
//!      ├──────▶ node/          a node with Pods: kubelet, containerd, DNS; in an enclosure of its own
//!      ├──────▶ record.rs      what a long run has shown, kept for the documents
//!      ├──────▶ generated.rs   files that are generated: written, or compared
//!      ├──────▶ prometheus.rs  a real Prometheus that scrapes the operator
//!      ├──────▶ documents.rs   the code blocks of the documents
//!      ├──────▶ operator.rs    the operator, as a process, under its ServiceAccount
//!      └──────▶ faults/        what comes between the operator, the API server, etcd and Kore, as planned
//! ```

pub mod addresses;
pub mod audit;
pub mod binaries;
mod certificates;
pub mod control_plane;
pub mod documents;
pub mod faults;
pub mod flux;
pub mod generated;
pub mod helm;
pub mod image;
pub mod kore;
pub mod kore_ai;
pub mod kubectl;
pub mod node;
pub mod operator;
pub mod process;
pub mod prometheus;
pub mod readers;
pub mod record;
pub mod samples;
pub mod second_api_server;
pub mod showcase;
pub mod test_arguments;
pub mod wait;

pub use control_plane::ControlPlane;
pub use kore::Kore;
pub use kubectl::Kubectl;
pub use operator::Operator;
pub use second_api_server::SecondApiServer;

use std::path::PathBuf;

/// The folder of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
