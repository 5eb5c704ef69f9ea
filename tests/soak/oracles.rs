//! What must hold after each round.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use kore_simulator::{CampaignKey, Entry, Operation};
use kube::ResourceExt;
use voicecampaign_operator::api::{DeletionOutcome, DeletionPolicy, VoiceCampaign};
use voicecampaign_operator::campaign::REMOTE_CAMPAIGN;

use crate::trouble::Made;
use crate::world::Asked;

/// What is known of a round when it is over. (Whether each object came to its end, and what Kore had then,
/// its life has checked.)
pub struct Evidence<'a> {
    /// What its troubles have done.
    pub made: &'a Made,
    /// How often an instance was started.
    pub starts: usize,
    /// Campaigns that were to be deleted.
    pub asked: BTreeMap<CampaignKey, Asked>,
    /// Campaigns whose objects came back from a backup.
    pub restored: BTreeSet<CampaignKey>,
    /// Campaigns that nobody asked to delete, and that are gone.
    pub lost: Vec<CampaignKey>,
    /// The VoiceCampaigns that nobody deletes.
    pub bystanders: Vec<Option<VoiceCampaign>>,
    /// The requests to Kore.
    pub journal: Vec<Entry>,
    /// What the instances have logged.
    pub texts: String,
    /// What must show nowhere.
    pub secret: &'static str,
}

/// A request may arrive so late after its time ran out, if the network holds it.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(8);

/// What shows in a status and must not.
pub fn shown(object: &VoiceCampaign, secret: &str) -> Option<String> {
    let status = serde_json::to_string(&object.status).unwrap_or_default();
    let word = [secret, "eyJ"].into_iter().find(|word| status.contains(word))?;
    Some(format!("O7: the status of {} has {word}", object.name_any()))
}

/// What is wrong with the last state of an object that is gone; `has_campaign` is whether Kore has its
/// campaign then.
pub fn ended(object: &VoiceCampaign, has_campaign: bool) -> Option<String> {
    let outcome = object.deletion().and_then(|deletion| deletion.outcome);
    let said = match (object.spec.deletion_policy, outcome) {
        (DeletionPolicy::Delete, Some(DeletionOutcome::Absent)) if !is_proven(object) => {
            Some("as Absent, without a proof".to_owned())
        }
        (DeletionPolicy::Delete, Some(DeletionOutcome::Deleted | DeletionOutcome::Absent)) => {
            has_campaign.then(|| "and Kore has its campaign".to_owned())
        }
        (DeletionPolicy::Orphan, Some(DeletionOutcome::Orphaned)) => None,
        (policy, outcome) => Some(format!("with the policy {policy:?} and the outcome {outcome:?}")),
    };
    said.map(|said| format!("O1: {} went {said}", object.name_any()))
}

/// Whether its status has the reads that prove the absence.
fn is_proven(object: &VoiceCampaign) -> bool {
    let proof = object.deletion().and_then(|deletion| deletion.proof.as_ref());
    proof.is_some_and(|proof| {
        let last = if proof.not_returned_at.is_some() { &proof.second_listing } else { &proof.third_listing };
        proof.first_listing.is_some() && last.is_some()
    })
}

/// Every violation, in words.
pub fn violations(evidence: &Evidence<'_>) -> Vec<String> {
    let Evidence { made, starts, asked, restored, lost, bystanders, journal, texts, secret } = evidence;
    let mut found: Vec<String> = lost.iter().map(|lost| format!("O2: {lost:?} is gone")).collect();
    let mut deletes: BTreeMap<CampaignKey, Vec<&Entry>> = BTreeMap::new();
    for entry in journal.iter().filter(|entry| entry.operation == Operation::Delete) {
        deletes.entry(campaign(entry)).or_default().push(entry);
    }
    for (campaign, deletes) in &deletes {
        let Some(Asked { at, until }) = asked.get(campaign) else {
            found.push(format!("O2: a DELETE for {campaign:?}, which nobody asked for"));
            continue;
        };
        if deletes.iter().any(|delete| delete.at < *at) {
            found.push(format!("O2: a DELETE for {campaign:?} before anybody asked for it"));
        }
        // One; one more for an object from the backup, for each that a fault has hit, and for each trouble
        // meanwhile that may have kept an answer from coming, or from being recorded.
        let failed = |delete: &&&Entry| {
            delete.answer.is_none() || delete.fault.is_some() || delete.violation.is_some()
        };
        let failed = deletes.iter().filter(failed).count() + made.hit(&campaign.campaign_id);
        let restored = if restored.contains(campaign) { 1 + starts } else { 0 };
        let troubles = made.repeating(*at, until.unwrap_or(Timestamp::MAX));
        if restored == 0
            && let Some(until) = until
            && deletes.iter().any(|delete| delete.at > *until + ON_ITS_WAY && !made.holds_back(delete.at))
        {
            found.push(format!("O4: a DELETE for {campaign:?} after its object was gone"));
        }
        let allowed = 1 + restored + failed + troubles;
        if deletes.len() > allowed {
            found.push(format!("O4: {} DELETEs for {campaign:?}, {allowed} allowed", deletes.len()));
        }
    }
    for (entry, violation) in journal.iter().filter_map(|entry| Some((entry, entry.violation.as_ref()?))) {
        let is_of_credentials = violation.contains("jwt") || violation.contains("credentials");
        // A frozen instance may send what it has signed by a clock that was wrong before.
        let was_refused = made.refuses(entry.at) || made.holds_back(entry.at);
        let is_expected = is_of_credentials && !violation.contains("replay") && was_refused;
        if !is_expected {
            found.push(format!("Kore would have refused a request: {violation}"));
        }
    }
    for bystander in bystanders {
        let kept = bystander.as_ref().is_some_and(|object| {
            object.metadata.deletion_timestamp.is_none() && REMOTE_CAMPAIGN.is_on(&object.metadata)
        });
        if !kept {
            found.push(format!("O2: a bystander has not kept its finalizer: {bystander:?}"));
        }
    }
    for word in ["panicked at", r#""level":"ERROR""#, secret, "eyJ"] {
        if let Some(line) = texts.lines().find(|line| line.contains(word)) {
            found.push(format!("O7: the log has {word}: {line}"));
        }
    }
    found
}

fn campaign(entry: &Entry) -> CampaignKey {
    let stream = entry.path.split('/').rev().nth(2).unwrap_or_default();
    CampaignKey {
        account_id: entry.account_id.clone(),
        stream_id: stream.to_owned(),
        campaign_id: entry.campaign_id.clone().unwrap_or_default(),
    }
}
