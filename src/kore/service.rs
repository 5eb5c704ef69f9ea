use super::campaign::Campaign;
use super::classify::ConfirmedDeletion;
use super::failure::Failure;
use super::page::{Page, PageRequest};
use super::target::{CampaignKey, Target};

/// The calls that the operator makes to Kore. [`KoreClient`](super::KoreClient) and the test doubles
/// implement it.
///
/// Every error is a [`Failure`]: its kind, and the part of the answer that may be shown.
pub trait CampaignService: Send + Sync + 'static {
    /// Requests the deletion of a campaign [delete-voice-campaign-v2].
    fn delete(
        &self,
        target: &Target,
        key: &CampaignKey,
    ) -> impl Future<Output = Result<ConfirmedDeletion, Failure>> + Send;

    /// Reads one campaign [get-voice-campaign-by-id-v2].
    fn get(
        &self,
        target: &Target,
        key: &CampaignKey,
    ) -> impl Future<Output = Result<Campaign, Failure>> + Send;

    /// Reads one page of the voice campaigns of a stream [get-all-campaigns-v2].
    fn list(
        &self,
        target: &Target,
        stream_id: &str,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page, Failure>> + Send;
}
