//! Operator that removes Kore.ai voice campaigns, for certain, when their `VoiceCampaign` is deleted.
//!
//! ```text
//!             watch VoiceCampaign
//!                     │
//!  api ──▶ campaign:  fetch ─▶ decide ─▶ act ─▶ record        run: wiring, settings, signals,
//!   types             reads    PURE      one    status,            admin server, telemetry
//!                                        effect event, metric
//!            │           │         │       │
//!            ▼           ▼         ▼       ▼
//!        connection   kore      pacing   kube_ext
//!        whose        the       when     finalizer, events,
//!        credentials  service   to call  pruning
//! ```
//!
//! `api`, `campaign::decide`, `campaign::status`, `pacing` and `kore::wire` import neither a Kubernetes client nor an
//! HTTP client nor a clock. `kore` knows no Kubernetes. Only `run` reads the environment. Only `campaign::act`, `kube_ext` and
//! `uninstall` write to the API server. `ARCHITECTURE.md` follows one deletion through these folders.

#![warn(missing_docs)]

pub mod api;
pub mod campaign;
pub mod connection;
pub mod kore;
pub mod kube_ext;
pub mod metrics;
pub mod pacing;
pub mod run;
pub mod uninstall;

/// The name of the operator: in its log and its events, and as the field manager of what it writes.
pub const NAME: &str = env!("CARGO_PKG_NAME");
/// How it presents itself to Kubernetes and to Kore.
pub const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
