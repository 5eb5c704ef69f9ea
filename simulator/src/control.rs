//! What a test may ask of the simulator itself, under `/_control/`.

use axum::Json;
use axum::Router;
use axum::extract::{Query, State as Extract};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::api::Shared;
use crate::behaviour::Behaviour;
use crate::campaigns::CampaignKey;
use crate::faults::Fault;
use crate::journal::Entry;

/// A campaign to put there.
#[derive(Debug, Deserialize)]
struct Seed {
    #[serde(flatten)]
    key: CampaignKey,
    /// Fields that differ from the sample.
    #[serde(default)]
    fields: Value,
}

/// A part of the journal.
#[derive(Debug, Deserialize)]
struct Part {
    /// How many entries to leave out.
    #[serde(default)]
    from: usize,
}

pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/_control/journal", get(journal))
        .route("/_control/journal/length", get(length))
        .route("/_control/campaigns", get(campaigns).post(seed))
        .route("/_control/faults", post(add_fault).delete(clear_faults))
        .route("/_control/behaviour", get(behaviour).put(set_behaviour))
        .with_state(shared)
}

async fn journal(Extract(shared): Extract<Shared>, Query(part): Query<Part>) -> Json<Vec<Entry>> {
    Json(shared.state().journal_since(part.from))
}

async fn length(Extract(shared): Extract<Shared>) -> Json<usize> {
    Json(shared.state().journal.len())
}

async fn campaigns(Extract(shared): Extract<Shared>) -> Json<Vec<CampaignKey>> {
    Json(shared.state().campaigns.keys(Timestamp::now()))
}

async fn seed(Extract(shared): Extract<Shared>, Json(seeds): Json<Vec<Seed>>) {
    let mut state = shared.state();
    for Seed { key, fields } in seeds {
        state.campaigns.seed(key, &fields);
    }
}

async fn add_fault(Extract(shared): Extract<Shared>, Json(fault): Json<Fault>) {
    shared.state().faults.set(fault);
}

async fn clear_faults(Extract(shared): Extract<Shared>) {
    shared.state().faults.clear();
}

async fn behaviour(Extract(shared): Extract<Shared>) -> Json<Behaviour> {
    Json(shared.state().behaviour.clone())
}

async fn set_behaviour(Extract(shared): Extract<Shared>, Json(behaviour): Json<Behaviour>) {
    shared.state().behaviour = behaviour;
}
