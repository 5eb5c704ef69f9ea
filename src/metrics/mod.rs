//! What `/metrics` shows. docs/metrics.md is generated from it.
//!
//! ```text
//!   counters.rs    what has happened since the start; counted where it happens
//!   gauges.rs      what is the case now: each scrape asks the controllers that run
//!   process.rs     processor, memory and files of the process, under the names that all clients use
//!     ▼
//!   exposition.rs  the formats: OpenMetrics, and the text format of Prometheus
//! ```
//!
//! No label is the name of an object, an id, or a text from outside: 10,000 objects have as many series as
//! ten. Labels are namespaces, connections and words from fixed sets.

mod counters;
mod exposition;
mod gauges;
mod process;

pub use counters::{Counters, ReconcileResult, Write};
pub use exposition::{Format, Rendered};
pub use gauges::{Account, Current, Deletions, Living, Observe, Terminating, Waiting, Watch};

use std::sync::{Arc, Weak};

use prometheus_client::registry::Registry;

use self::gauges::Gauges;
use self::process::Process;

/// What the names of the operator's own metrics begin with.
const PREFIX: &str = "voicecampaign_operator";

/// The metrics of the process.
pub struct Metrics {
    registry: Registry,
    /// What has happened since the start.
    pub counters: Counters,
    gauges: Arc<Gauges>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let gauges = Arc::<Gauges>::default();
        let counters = Counters::default();
        let own = registry.sub_registry_with_prefix(PREFIX);
        counters.register(own);
        own.register_collector(Box::new(gauges.clone()));
        counters.register_as_controller_runtime(registry.sub_registry_with_prefix("controller_runtime"));
        registry.sub_registry_with_prefix("process").register_collector(Box::new(Process));
        Self { registry, counters, gauges }
    }
}

impl Metrics {
    /// Asks these controllers at each scrape what is the case now, until they are dropped.
    pub fn ask(&self, controllers: Weak<dyn Observe>) {
        self.gauges.ask(controllers);
    }

    /// All metrics, in this format.
    pub fn encode(&self, format: Format) -> Rendered {
        exposition::encode(&self.registry, format)
    }
}
