//! Faults between the operator and the two services it talks to, at exactly the request that a plan names.
//!
//! ```text
//!   operator ──http──▶ Proxy ──https──▶ kube-apiserver ──▶ Relay ──▶ etcd
//!      └───────http──▶ Proxy ──http───▶ Kore
//!                        │ kind.rs: what is this request?
//!                        ▼
//!                     Nemesis: numbers the effects ──▶ armed.rs: which fault of the plan hits it, if any
//!                        │
//!                        ▼
//!                     inject.rs: the request dies, hangs, is answered otherwise … or goes on (forward.rs)
//! ```
//!
//! A [`Plan`] is one line of JSON, and says by index, never by time, where its faults hit; so a run that
//! failed can be run again from its line. Everything runs on threads of its own: a test may block, and may
//! share a proxy with others.

mod answer;
mod armed;
mod body;
mod forward;
mod inject;
mod kind;
mod listening;
mod nemesis;
mod plan;
mod proxy;
mod random;
mod relay;
mod upstream;

pub use kind::Kind;
pub use nemesis::{Nemesis, Seen};
pub use plan::{Action, Answer, Fault, Lasting, Plan, Trigger};
pub use proxy::Proxy;
pub use random::Random;
pub use relay::Relay;
pub use upstream::Upstream;
