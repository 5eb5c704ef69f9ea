//! Operator that deletes a Kore.ai voice campaign when its `VoiceCampaign` is deleted, and keeps the resource
//! until Kore has confirmed.
//!
//! ```text
//!                           run        settings, wiring, watches, signals, admin server
//!            ┌───────────────┴──────────────┐
//!            ▼                              ▼
//!        campaign  ◀──────────────  uninstall, check
//!        watch ─▶ pass ─▶ decide ─▶ act ─▶ record
//!            │      reads   PURE     one effect
//!            ▼
//!        connection       whose credentials; keeps the connection and its Secret
//!            │
//!            ▼
//!        kube_ext, metrics     finalizers that test the uid, writes, events, the lease
//!            │
//!            ▼
//!        api, pacing           the kinds; when to call (PURE)
//!            │
//!            ▼
//!        kore                  the service: requests, and what answers mean
//! ```
//!
//! An arrow is an import; none runs up, and no two files import each other (`tests/structure`). `api`,
//! `pacing`, `campaign::{decide, evidence, status}` and `kore::wire` name no clock and no client. `kore`
//! knows no Kubernetes. Only `run` reads the environment. `stdout` prints for commands.
//!
//! Who writes: every write to the API server goes through `kube_ext::Kube`. `campaign::act` writes
//! VoiceCampaigns, `connection` writes KoreConnections, their Secrets and the operator's RoleBinding,
//! `uninstall` what remains; each writes events. Only `campaign::act` calls Kore. `ARCHITECTURE.md` follows
//! one deletion through these folders.

#![warn(clippy::print_stdout, missing_docs)]

pub mod api;
pub mod campaign;
pub mod check;
pub mod connection;
pub mod kore;
pub mod kube_ext;
pub mod metrics;
pub mod pacing;
pub mod run;
pub mod stdout;
pub mod uninstall;

/// The name of the operator: in its log and its events, and as the field manager of what it writes.
pub const NAME: &str = env!("CARGO_PKG_NAME");
/// How it presents itself to Kubernetes and to Kore.
pub const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
