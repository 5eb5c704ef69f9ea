//! What must hold at the end of every trial, whatever was done to it (O1 to O8).

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kore_simulator::{CampaignKey, Entry, Operation};
use kube::ResourceExt;
use testbed::faults::{Action, Kind, Lasting, Plan, Seen};
use voicecampaign_operator::api::{DeletionOutcome, DeletionPolicy, Reason, VoiceCampaign};
use voicecampaign_operator::campaign::REMOTE_CAMPAIGN;
use voicecampaign_operator::kube_ext::obstacle;

use crate::matrix;
use crate::scenario::Scenario;

/// Two listings that prove an absence are so far apart at least.
const PROOF_DISTANCE: SignedDuration = SignedDuration::from_secs(10);

/// Later than this (`timeoutSeconds` of the connection), nobody waits for Kore's answer.
const TIMEOUT_MS: u64 = 2000;

/// For how long an object that is being deleted may say nothing: what the operator is asked, it has answered
/// by then, or said that it waits.
const SILENT: SignedDuration = SignedDuration::from_secs(5);
/// For how much longer, for each request that a fault hits, and for each start: a request to the API server
/// ends after as long at most, and is made again after a pause.
const PER_FAULT: SignedDuration = SignedDuration::from_secs(15);

/// Everything that is known of a trial when it is over.
pub struct Evidence {
    pub scenario: Scenario,
    pub plan: Plan,
    /// The campaign that is deleted.
    pub target: CampaignKey,
    /// Campaigns that must stay.
    pub others: Vec<CampaignKey>,
    /// Whether the object, and all that is deleted with it, is gone.
    pub gone: bool,
    /// Whether Kore had the campaign when the object went.
    pub had_campaign: bool,
    /// The campaigns in Kore at the end.
    pub campaigns: Vec<CampaignKey>,
    /// Every request to Kore.
    pub journal: Vec<Entry>,
    /// The object as a watcher saw it, in order.
    pub seen: Vec<Sighting>,
    /// The other object of the stream, which lives.
    pub bystander: Option<VoiceCampaign>,
    /// Effects that came by, from the deletion on.
    pub effects: Vec<Seen>,
    /// How often the operator was started again.
    pub restarts: usize,
    /// How it has ended, or did not come up.
    pub deaths: Vec<String>,
    /// How many faults of the plan have hit nothing.
    pub missed: usize,
    /// Its logs, and the events.
    pub texts: String,
    /// What must show nowhere.
    pub secrets: Vec<String>,
}

/// The object as a watcher saw it.
#[derive(Clone)]
pub struct Sighting {
    pub at: Timestamp,
    pub object: VoiceCampaign,
}

impl Sighting {
    /// It is seen now.
    pub fn now(object: VoiceCampaign) -> Self {
        Self { at: Timestamp::now(), object }
    }
}

/// Every violation, in words.
pub fn violations(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            found.push(what.to_owned());
        }
    };
    check(evidence.gone, "O3, O5: it did not come to its end in time");
    check(!evidence.gone || !evidence.had_campaign, "O1: the object went while Kore had the campaign");
    check(
        !evidence.gone || !evidence.campaigns.contains(&evidence.target),
        "O3: the campaign is still there",
    );
    check(
        evidence.others.iter().all(|other| evidence.campaigns.contains(other)),
        "O2: a campaign of another object, stream or account is gone",
    );
    let deletes = |entry: &&Entry| entry.operation == Operation::Delete;
    check(
        evidence.journal.iter().filter(deletes).all(|entry| is_about(entry, &evidence.target)),
        "O2: a DELETE for another campaign",
    );
    check(
        evidence.journal.iter().all(|entry| entry.violation.is_none()),
        "Kore would have refused a request",
    );
    let sent = evidence.journal.iter().filter(deletes).count();
    check(
        sent <= allowed_deletes(evidence),
        &format!("O4: {sent} DELETEs, {} allowed", allowed_deletes(evidence)),
    );
    let kept = evidence.bystander.as_ref().is_some_and(|object| {
        object.metadata.deletion_timestamp.is_none() && REMOTE_CAMPAIGN.is_on(&object.metadata)
    });
    check(
        kept || evidence.scenario == Scenario::Everything,
        "O2: the other object has not kept its finalizer",
    );
    let writes = evidence.effects.iter().filter(|seen| !is_kore(seen.kind)).count();
    let bound = 16 + 10 * (evidence.restarts + faults(&evidence.plan)) + lasting_seconds(&evidence.plan) * 3;
    check(writes <= bound, &format!("O6: {writes} writes, {bound} allowed"));
    if evidence.plan.faults.is_empty() {
        for (kind, count) in evidence.scenario.effects() {
            let seen = evidence.effects.iter().filter(|seen| seen.kind == *kind).count();
            check(
                u32::try_from(seen) == Ok(*count),
                &format!("O6: {seen} times {kind:?} undisturbed, not {count}"),
            );
        }
    }
    // Only the plan kills it.
    for death in evidence.deaths.iter().filter(|death| !death.contains("SIGKILL")) {
        check(false, &format!("O7: {death}"));
    }
    // Of faults that were drawn, one may make another impossible.
    let all = evidence.plan.faults.len();
    let may_miss = if matrix::is_drawn(&evidence.plan) { all.saturating_sub(1) } else { 0 };
    let missed = evidence.missed;
    check(missed <= may_miss, &format!("{missed} of {all} faults hit nothing, {may_miss} may"));
    for word in ["panicked at", r#""level":"ERROR""#] {
        check(!evidence.texts.contains(word), &format!("O7: the log has {word}"));
    }
    let shown = objects(evidence).filter_map(|object| serde_json::to_string(object).ok());
    let shown: Vec<String> = shown.chain([evidence.texts.clone()]).collect();
    for secret in &evidence.secrets {
        check(!shown.iter().any(|text| text.contains(secret)), "O7: a secret shows");
    }
    check(!shown.iter().any(|text| text.contains("eyJ")), "O7: a token shows");
    found.extend(silence(evidence));
    found.extend(path(evidence));
    found.extend(outcome(evidence));
    found
}

/// O1: what status gives as the outcome is what Kore has seen.
fn outcome(evidence: &Evidence) -> Option<String> {
    let of = |operation| evidence.journal.iter().filter(move |entry: &&Entry| entry.operation == operation);
    let deletes = || of(Operation::Delete).filter(|entry| is_about(entry, &evidence.target));
    let last = objects(evidence).rev().find_map(|object| object.status.as_ref()?.deletion.as_ref()?.outcome);
    match last? {
        DeletionOutcome::Deleted if !deletes().any(|entry| entry.effect) => {
            Some("O1: Deleted, and no DELETE has deleted it".to_owned())
        }
        DeletionOutcome::Absent => {
            let deleted = evidence.effects.iter().rposition(|seen| seen.kind == Kind::KoreDelete);
            let later = &evidence.effects[deleted.map_or(0, |deleted| deleted + 1)..];
            let is_read = |seen: &&Seen| {
                seen.kind == Kind::KoreGet && seen.path.ends_with(&evidence.target.campaign_id)
            };
            let read = later.iter().filter(is_read).any(has_said);
            let listed = later.iter().filter(|seen| seen.kind == Kind::KoreList && has_said(seen));
            let listed: Vec<_> = listed.filter_map(|seen| seen.answered_at).collect();
            let apart = listed.last().zip(listed.first()).map(|(last, first)| last.duration_since(*first));
            let is_proof = read && apart >= Some(PROOF_DISTANCE);
            (!is_proof).then(|| format!("O1: Absent, but it had read Kore: {read}, and listed at {listed:?}"))
        }
        DeletionOutcome::Orphaned => {
            let keeps = |object: &VoiceCampaign| object.spec.deletion_policy == DeletionPolicy::Orphan;
            let kept = objects(evidence).last().is_some_and(keeps);
            (!kept).then(|| "O1: Orphaned, and the policy is Delete".to_owned())
        }
        DeletionOutcome::Deleted => None,
    }
}

/// Whether the operator has got an answer that says something of the campaign. A gateway's 404 to a GET looks
/// like Kore's, and never reaches Kore: the listings are the proof.
fn has_said(seen: &Seen) -> bool {
    match &seen.injected {
        Some(Action::Delay { ms }) if *ms >= TIMEOUT_MS => false,
        None | Some(Action::Slow { .. } | Action::Delay { .. } | Action::HoldWatch) => {
            matches!((seen.kind, seen.answer), (_, Some(200)) | (Kind::KoreGet, Some(400..=499)))
        }
        Some(Action::Answer(answer) | Action::AnswerAfter(answer)) => {
            seen.kind == Kind::KoreGet && answer.status == 404
        }
        Some(_) => false,
    }
}

/// One, and one more for each whose answer may not have come: those that a fault hit, those of an operator
/// that died, and one for each time that Kore still showed the campaign.
fn allowed_deletes(evidence: &Evidence) -> usize {
    let hit = evidence
        .effects
        .iter()
        .filter(|seen| seen.kind == Kind::KoreDelete)
        // A watch that is held takes no answer away.
        .filter(|seen| seen.injected.as_ref().is_some_and(|injected| *injected != Action::HoldWatch))
        .count();
    let sightings = evidence.journal.iter().filter(|entry| {
        entry.operation == Operation::Get && is_about(entry, &evidence.target) && entry.answer == Some(200)
    });
    1 + evidence.restarts + hit + sightings.count()
}

/// The object as it was seen, in order.
fn objects(evidence: &Evidence) -> impl DoubleEndedIterator<Item = &VoiceCampaign> {
    evidence.seen.iter().map(|sighting| &sighting.object)
}

/// O8: while it is being deleted, it says why it is there.
fn silence(evidence: &Evidence) -> Option<String> {
    let ended = evidence.seen.last()?.at;
    let until = evidence.seen.iter().skip(1).map(|next| next.at).chain([ended]);
    let (mut silent, mut longest) = (SignedDuration::ZERO, SignedDuration::ZERO);
    for (sighting, until) in evidence.seen.iter().zip(until) {
        silent = if is_silent(&sighting.object) {
            silent + until.duration_since(sighting.at)
        } else {
            SignedDuration::ZERO
        };
        longest = longest.max(silent);
    }
    let faults = i32::try_from(faults(&evidence.plan) + evidence.restarts).unwrap_or(i32::MAX);
    let lasting = i64::try_from(lasting_seconds(&evidence.plan)).unwrap_or(i64::MAX);
    let most = SILENT + PER_FAULT * faults + SignedDuration::from_secs(lasting);
    (longest > most).then(|| format!("O8: for {longest:#} it did not say why it was there; {most:#} allowed"))
}

/// Whether it is being deleted, and its status says no more than what was so before.
fn is_silent(object: &VoiceCampaign) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    let says_why = |condition: &Condition| {
        let waits =
            condition.type_ == "Ready" && condition.status == "False" && condition.reason != "Pending";
        waits || obstacle::is_obstacle(condition)
    };
    object.metadata.deletion_timestamp.is_some() && !conditions.into_iter().any(says_why)
}

/// O8: the statuses are a path of the published state machine (docs/voicecampaign.md), and each is sound.
fn path(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    for object in objects(evidence) {
        let Some(status) = &object.status else { continue };
        let of_type =
            |type_: &str| status.conditions.iter().filter(|condition| condition.type_ == type_).count();
        if of_type("Ready") != 1 || of_type("Reconciling") + of_type("Stalled") > 1 {
            found.push(format!("O8: conditions {:?}", status.conditions));
        }
        if status.observed_generation > object.metadata.generation {
            found.push("O8: observedGeneration is ahead".to_owned());
        }
        let is_documented = |condition: &Condition| match obstacle::is_obstacle(condition) {
            true => condition.reason == obstacle::API_SERVER_ERROR,
            false => Reason::parse(&condition.reason).is_some(),
        };
        if let Some(unknown) = status.conditions.iter().find(|condition| !is_documented(condition)) {
            found.push(format!("O8: the reason {} is not documented", unknown.reason));
        }
    }
    for (before, after) in objects(evidence).zip(objects(evidence).skip(1)) {
        let deletion =
            |object: &VoiceCampaign| object.status.as_ref().and_then(|status| status.deletion.clone());
        let (Some(before), Some(now)) = (deletion(before), deletion(after)) else { continue };
        if now.attempts < before.attempts || now.uid != before.uid || now.requested_at != before.requested_at
        {
            found.push(format!("O8: the record went back: {before:?} to {now:?}"));
        }
        if before.outcome.is_some() && now.outcome != before.outcome {
            found.push(format!("O8: a outcome was taken back: {:?} to {:?}", before.outcome, now.outcome));
        }
        let proven = now.proof.as_ref().is_some_and(|proof| {
            proof.not_returned_at.is_some() && proof.first_listing.is_some() && proof.second_listing.is_some()
        });
        if now.outcome == Some(DeletionOutcome::Absent) && !proven {
            found.push("O8: absent without a proof".to_owned());
        }
    }
    let last = objects(evidence).last();
    let outcome = last.and_then(|object| object.status.as_ref()?.deletion.as_ref()?.outcome);
    let policy = last.map(|object| object.spec.deletion_policy);
    if evidence.gone && policy == Some(DeletionPolicy::Delete) && outcome.is_none() {
        found.push(format!("O8: {:?} went, and a watcher saw no outcome", last.map(ResourceExt::name_any)));
    }
    found
}

fn is_about(entry: &Entry, campaign: &CampaignKey) -> bool {
    entry.campaign_id.as_deref() == Some(campaign.campaign_id.as_str())
        && entry.account_id == campaign.account_id
}

fn is_kore(kind: Kind) -> bool {
    matches!(kind, Kind::KoreDelete | Kind::KoreGet | Kind::KoreList)
}

/// How many requests the faults of a plan can hit.
fn faults(plan: &Plan) -> usize {
    let times = |lasting: Lasting| match lasting {
        Lasting::Times(times) => usize::try_from(times).unwrap_or(usize::MAX),
        Lasting::ForMs(_) => 1,
    };
    plan.faults.iter().map(|fault| times(fault.at.lasting)).sum()
}

fn lasting_seconds(plan: &Plan) -> usize {
    let seconds = |lasting: Lasting| match lasting {
        Lasting::Times(_) => 0,
        Lasting::ForMs(ms) => usize::try_from(ms / 1000).unwrap_or_default(),
    };
    plan.faults.iter().map(|fault| seconds(fault.at.lasting)).sum()
}
