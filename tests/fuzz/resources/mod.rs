//! Custom resources from the schema of their own CRDs, on a real control plane, with the operator under the
//! rights that a user would install.
//!
//! ```text
//!   schema.rs: the CRD ─▶ here: objects at the edges, and objects that break one rule ─▶ life.rs, for each
//!     refused by the API server, which names the field
//!     | taken ─▶ Ready, or a condition that says why ─▶ mended ─▶ CampaignFound ─▶ deleted ─▶ gone
//! ```

mod life;
mod schema;
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context, Result};
use futures::{StreamExt, stream};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::Config;
use tokio::runtime::Runtime;

use crate::lane::{Lane, Tally};
use life::{Case, Kind};
use schema::{Change, Field};
use world::World;

/// Objects of a batch, and how many of them are under way at once.
const BATCH: usize = 48;
const AT_ONCE: usize = 24;

/// The definitions, as they are installed.
const CONNECTIONS: &str = include_str!("../../../crds/koreconnections.yaml");
const CAMPAIGNS: &str = include_str!("../../../crds/voicecampaigns.yaml");

/// Runs one batch of objects after another; at least one.
pub fn run(lane: Lane) -> Result<Tally> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let connections = schema::fields(CONNECTIONS)?;
    let campaigns = schema::fields(CAMPAIGNS)?;
    let drawn = prop_oneof![drawn(Kind::Connection, &connections), drawn(Kind::Campaign, &campaigns),];
    let runtime = Runtime::new()?;
    let world = World::start(&runtime)?;
    let (begun, mut tally) = (Instant::now(), Tally::default());
    for batch in 0.. {
        if batch > 0 && (begun.elapsed() >= lane.duration || !tally.violations.is_empty()) {
            break;
        }
        let mut runner = lane.runner("resources", batch, Config::default());
        let cases = (0..BATCH).map(|number| {
            let drawn = drawn.new_tree(&mut runner).map_err(|why| anyhow::anyhow!("{why}"))?.current();
            Ok(Case { name: name(batch, number), ..drawn })
        });
        let mut cases = cases.collect::<Result<Vec<_>>>()?;
        // Two objects that name one connection would take it away from each other.
        let mut named = BTreeSet::new();
        cases.retain(|case| case.connection().is_none_or(|name| named.insert(name.to_owned())));
        let mut running = stream::iter(cases).map(|case| world.live(case)).buffer_unordered(AT_ONCE);
        runtime.block_on(async {
            while let Some(outcome) = running.next().await {
                match outcome {
                    Ok(classes) => tally.count_all(classes),
                    Err(violation) => tally.violations.push(format!("batch {batch}: {violation}")),
                }
            }
        });
        tally.violations.extend(world.operator_violations());
    }
    tally.elapsed = begun.elapsed();
    world.finish(tally.violations.is_empty()).context("the operator can't be stopped")?;
    Ok(tally.with_all(&["refused", "ready", "condition", "mended", "gone"]))
}

/// A name of this object alone; now and then the longest that there is.
fn name(batch: u64, number: usize) -> String {
    let name = format!("b{batch}-{number}");
    if number.is_multiple_of(8) { format!("{name}-{}", "x".repeat(252 - name.len())) } else { name }
}

/// An object of a kind: with one or two allowed values, or with one that breaks a rule.
fn drawn(kind: Kind, fields: &[Field]) -> BoxedStrategy<Case> {
    let with_values: Vec<Field> = fields.iter().filter(|field| field.has_values()).cloned().collect();
    let immutable: Vec<Field> = with_values.iter().filter(|field| field.immutable).cloned().collect();
    let one = || select(with_values.clone()).prop_flat_map(|field| field.allowed());
    let immutable = select(immutable).prop_flat_map(|field| (Just(field.name().to_owned()), field.allowed()));
    let allowed =
        (proptest::collection::vec(one(), 1..3), immutable).prop_map(move |(changes, immutable)| Case {
            name: String::new(),
            kind,
            changes,
            breaks: None,
            immutable: Some(immutable),
        });
    let breaking =
        select(fields.to_vec()).prop_flat_map(|field| (Just(field.name().to_owned()), field.forbidden()));
    let forbidden = breaking.prop_map(move |(field, change): (String, Change)| Case {
        name: String::new(),
        kind,
        changes: vec![change],
        breaks: Some(field),
        immutable: None,
    });
    prop_oneof![3 => allowed, 2 => forbidden].boxed()
}
