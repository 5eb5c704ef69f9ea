//! What must hold after each round.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kore_simulator::{CampaignKey, Entry, Operation};
use voicecampaign_operator::api::VoiceCampaign;
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
        // meanwhile: the answer may not have come, or an instance may not know of it.
        let failed = |delete: &&&Entry| {
            delete.answer.is_none() || delete.fault.is_some() || delete.violation.is_some()
        };
        let failed = deletes.iter().filter(failed).count() + made.hit(&campaign.campaign_id);
        let restored = if restored.contains(campaign) { 1 + starts } else { 0 };
        let troubles = made.between(*at, until.unwrap_or(Timestamp::MAX));
        let allowed = 1 + restored + failed + troubles;
        if deletes.len() > allowed {
            found.push(format!("O4: {} DELETEs for {campaign:?}, {allowed} allowed", deletes.len()));
        }
    }
    for (entry, violation) in journal.iter().filter_map(|entry| Some((entry, entry.violation.as_ref()?))) {
        let is_of_credentials = violation.contains("jwt") || violation.contains("credentials");
        let is_expected = is_of_credentials && !violation.contains("replay") && made.refuses(entry.at);
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
