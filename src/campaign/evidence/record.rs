use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{AccountReference, DeletionStatus, VoiceCampaign};
use crate::kore::Account;

/// The account in which Kore has the campaign, as status says.
pub fn recorded_account(object: &VoiceCampaign) -> Option<Account> {
    let AccountReference { host, account_id } = object.status.as_ref()?.account.as_ref()?;
    Some(Account::new(host, account_id))
}

/// The record of a deletion of which nothing has happened yet.
pub fn new_record(object: &VoiceCampaign) -> DeletionStatus {
    DeletionStatus {
        uid: object.metadata.uid.clone().unwrap_or_default(),
        requested_at: object.metadata.deletion_timestamp.clone().unwrap_or(Time(Timestamp::UNIX_EPOCH)),
        admitted_at: None,
        attempts: 0,
        failures: 0,
        last_attempt_at: None,
        next_attempt_at: None,
        held_since: None,
        last_answer: None,
        may_have_taken_effect_at: None,
        unconfirmed_in_a_row: 0,
        seen_at: None,
        proof: None,
        confirmed_at: None,
        outcome: None,
    }
}
