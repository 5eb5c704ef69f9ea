//! Reading a listing of Kore.

use futures::FutureExt;
use serde_json::{Value, json};
use voicecampaign_operator::kore::{
    Campaign, CampaignKey, CampaignService, ConfirmedDeletion, Failure, Listing, Page, PageRequest, Progress,
    RawAnswer, Reading, Target, answers,
};

use super::decide::target;
use super::{STREAM, at, campaign, count};

/// As many as the operator requests.
const ROWS: usize = 50;

pub fn page() -> bool {
    count(
        || (Kore::with(ROWS), target()),
        |(kore, target)| read(&kore, &target, 0),
        |listing| {
            listing.as_ref().is_some_and(|listing| listing.is_complete() && listing.campaigns() == ROWS)
        },
    )
}

/// The listing of a stream with so many campaigns, as read at this time; without that of the samples.
pub fn of(campaigns: usize, target: &Target, seconds: i64) -> Option<Listing> {
    read(&Kore::with(campaigns), target, seconds)
}

/// The id of a campaign in the listing.
pub fn id(number: usize) -> String {
    format!("cd-{number:07x}-e8ba-4e97-a339-476ebc70000")
}

fn read(kore: &Kore, target: &Target, seconds: i64) -> Option<Listing> {
    let reading = Reading::begin(target, STREAM, at(seconds));
    match reading.next(kore, target, || at(seconds)).now_or_never()?.ok()? {
        Progress::Done(listing) => Some(listing),
        Progress::More(_) => None,
    }
}

/// Answers each listing with the same page.
struct Kore(RawAnswer);

impl Kore {
    /// A stream whose campaigns are all like the documented one.
    fn with(campaigns: usize) -> Self {
        let rows: Vec<Value> = (0..campaigns)
            .map(|number| {
                let mut row = campaign();
                row["_id"] = json!(id(number));
                row["name"] = json!(format!("Service Renewal Outreach Campaign{number}"));
                row
            })
            .collect();
        let data = json!({"results": rows, "skip": 0, "limit": campaigns, "page": 1, "hasMore": false,
            "totalPages": 1, "totalResults": campaigns});
        let page = json!({"status": "success", "message": "Campaigns fetched successfully", "data": data});
        Self(RawAnswer { http_status: 200, body: page.to_string().into(), ..RawAnswer::default() })
    }
}

impl CampaignService for Kore {
    async fn delete(&self, _: &Target, _: &CampaignKey) -> Result<ConfirmedDeletion, Failure> {
        Err(Failure::unreachable("only listings are answered"))
    }

    async fn get(&self, _: &Target, _: &CampaignKey) -> Result<Campaign, Failure> {
        Err(Failure::unreachable("only listings are answered"))
    }

    async fn list(&self, _: &Target, _: &str, _: PageRequest) -> Result<Page, Failure> {
        answers::listing(&self.0)
    }
}
