//! The command `check`: whether an installation works, in one page. Changes nothing.
//!
//! ```text
//!   mod.rs     one line per part, with some patience (patience.rs); page.rs: what they say together (PURE)
//!     ├─ operator.rs     its Deployment, and its admin address
//!     ├─ definitions.rs  the CustomResourceDefinitions, as published and by dry runs
//!     ├─ rights.rs       its ServiceAccount
//!     ├─ policies.rs     the admission policies
//!     ├─ leader.rs       its Lease
//!     └─ objects.rs      the connections, the campaigns and their deletions; seen.rs: what one says (PURE),
//!                        progress.rs: how far its deletion is, overdue.rs: whether an operator should have
//!                        acted (PURE)
//! ```
//!
//! `kubectl vcamp` has the same command, and shares seen.rs.

mod definitions;
mod leader;
mod objects;
mod operator;
mod overdue;
mod page;
mod patience;
mod policies;
mod progress;
mod rights;
#[cfg(test)]
mod sample;
pub mod seen;

pub use operator::DeploymentName;
pub use rights::{LEASE, NEW_LEASE, ROLE_BINDING, RULES, Rule};

use std::time::Duration;

use anyhow::anyhow;
use kube::Client;

use self::objects::Places;
use self::operator::Operators;
use self::page::{Finding, Page};
use self::patience::Patience;
use crate::stdout::print;

/// What to check.
#[derive(Clone, Debug)]
pub struct Check {
    /// Where an operator serves `/readyz` and `/metrics`, if that is to be checked.
    pub admin_url: Option<String>,
    /// Namespace of the dry runs; if not set, one that an operator watches.
    pub namespace: Option<String>,
    /// Policies that must exist; all that belong to an operator if not set.
    pub policies: Option<Vec<String>>,
    /// Deployment of the operator; all of the cluster if not set.
    pub deployment: Option<DeploymentName>,
    /// How long what does not work may take to become well.
    pub timeout: Duration,
}

/// Checks an installation, and prints a line for each part of it.
///
/// # Errors
/// If a part of the installation does not work, or the page can't be printed.
pub async fn check(check: Check, client: Client) -> anyhow::Result<()> {
    let mut printed = Printed { patience: Patience::begin(check.timeout), page: Page::default() };

    let mut operators = Operators::Unknown;
    let look = async || match operator::found(check.deployment.as_ref(), &client).await {
        Ok(found) => {
            operators = found;
            operator::running(&operators, check.admin_url.is_some())
        }
        Err(finding) => finding,
    };
    printed.part("operator", look).await?;
    if let Some(address) = &check.admin_url {
        printed.part("operator", async || operator::reached(address).await).await?;
    }
    let watched = operators.known().iter().flat_map(|operator| operator.watches.iter().flatten()).next();
    let namespace = check.namespace.as_ref().or(watched).cloned();
    let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
    printed.part("definitions", async || definitions::in_effect(&namespace, &client).await).await?;
    for operator in operators.known() {
        printed.part("rights", async || rights::of(operator, &client).await).await?;
    }
    let policies =
        async || policies::in_effect(check.policies.as_deref(), &operators, &namespace, &client).await;
    printed.part("policies", policies).await?;
    // One that is scaled to 0 has let its Lease go; the line of the operator says so.
    for operator in operators.known().iter().filter(|operator| operator.pods.wanted > 0) {
        printed.part("leader", async || leader::of(operator, &client).await).await?;
    }
    if operators.known().is_empty() {
        for part in ["rights", "leader"] {
            printed.line(part, &Finding::not_checked("no operator is known"))?;
        }
    }
    let places = Places::found(&operators, &namespace, &client).await;
    printed.part("connections", async || objects::connections(&places, &client).await).await?;
    let mut living = None;
    let look = async || {
        let [deletions, campaigns] = objects::campaigns(&places, &client).await;
        living = Some(campaigns);
        deletions
    };
    printed.part("deletions", look).await?;
    if let Some(living) = living {
        printed.line("campaigns", &living)?;
    }
    let sum = printed.page.sum().map_err(|failed| anyhow!(failed))?;
    Ok(print(&sum)?)
}

/// The page as it is printed.
struct Printed {
    patience: Patience,
    page: Page,
}

impl Printed {
    /// Looks at a part, and prints its line.
    async fn part(&mut self, part: &'static str, look: impl AsyncFnMut() -> Finding) -> std::io::Result<()> {
        let finding = self.patience.with(look).await;
        self.line(part, &finding)
    }

    fn line(&mut self, part: &'static str, finding: &Finding) -> std::io::Result<()> {
        print(&self.page.add(part, finding).to_string())
    }
}
