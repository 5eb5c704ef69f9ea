//! Complete listings of a stream: the evidence that a campaign is not there. Pure but for [`Reading::next`].
//!
//! ```text
//!   Reading::begin ─▶ next ─▶ Progress::More(Reading) ─▶ next ─▶ … ─▶ Progress::Done(Listing)
//!                      │ one page each
//!                      └─▶ Failure: what was read so far is given up
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Account, Campaign, CampaignService, Failure, Identity, Page, Target};

/// Most pages of one listing. A service that always says `hasMore` must not keep us for ever.
const MAX_PAGES: u32 = 1000;

/// All voice campaigns of a stream, as the service listed them.
///
/// Only [`Reading`] makes one, from pages that only `classify` makes from answers. So whoever holds one has read it.
#[derive(Clone, Debug)]
pub struct Listing {
    begun_at: Timestamp,
    ended_at: Timestamp,
    identity: Identity,
    stream_id: String,
    campaigns: BTreeMap<String, Campaign>,
    complete: bool,
}

impl Listing {
    /// When the first page was asked for.
    pub fn begun_at(&self) -> Timestamp {
        self.begun_at
    }

    /// When the last page was there.
    pub fn ended_at(&self) -> Timestamp {
        self.ended_at
    }

    /// As whom it was read.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The stream.
    pub fn stream_id(&self) -> &str {
        &self.stream_id
    }

    /// The campaign of this id, if it was listed. From a listing that is not complete nothing follows if it was not.
    pub fn get(&self, campaign_id: &str) -> Option<&Campaign> {
        self.campaigns.get(campaign_id)
    }

    /// The ids of the campaigns that were listed.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.campaigns.keys().map(String::as_str)
    }

    /// How many campaigns were listed.
    pub fn len(&self) -> usize {
        self.campaigns.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.campaigns.is_empty()
    }

    /// Whether the pages add up: each said the same total, and the rows are that many, each with an id of its own.
    ///
    /// Rows that are added or removed while the pages are read shift the others; one may be missed then.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

/// A listing that is being read.
#[derive(Clone, Debug)]
pub struct Reading {
    account: Account,
    listing: Listing,
    pages: u32,
    rows: usize,
    total: Option<i64>,
}

/// How far a listing has come.
#[derive(Clone, Debug)]
pub enum Progress {
    /// There are more pages.
    More(Reading),
    /// That was the last page.
    Done(Listing),
}

impl Reading {
    /// Begins a listing: no page has been asked for yet.
    pub fn begin(target: &Target, stream_id: &str, now: Timestamp) -> Self {
        let listing = Listing {
            begun_at: now,
            ended_at: now,
            identity: target.identity(),
            stream_id: stream_id.to_owned(),
            campaigns: BTreeMap::new(),
            complete: true,
        };
        Self { account: target.account.clone(), listing, pages: 0, rows: 0, total: None }
    }

    /// When it was begun.
    pub fn begun_at(&self) -> Timestamp {
        self.listing.begun_at
    }

    /// Asks for the next page. The clock is asked before and after.
    ///
    /// # Errors
    /// If the service does not answer with one; then the listing has to begin anew.
    pub async fn next<S: CampaignService>(
        mut self,
        service: &S,
        target: &Target,
        clock: impl Fn() -> Timestamp,
    ) -> Result<Progress, Failure> {
        // Somebody else's pages prove nothing.
        if target.identity() != self.listing.identity || target.account != self.account {
            self = Self::begin(target, &self.listing.stream_id, clock());
        }
        if self.pages == 0 {
            self.listing.begun_at = clock();
        }
        let page = service.list(target, &self.listing.stream_id, self.pages + 1).await?;
        Ok(self.take(page, clock()))
    }

    /// Takes in a page.
    fn take(mut self, page: Page, ended_at: Timestamp) -> Progress {
        let Page { campaigns, rows, has_more, total_results } = page;
        self.pages += 1;
        self.rows += rows;
        let same_total = self.pages == 1 || self.total == total_results;
        self.total = total_results;
        let readable = campaigns.len() == rows;
        let mut distinct = true;
        for (id, campaign) in campaigns {
            distinct &= self.listing.campaigns.insert(id, campaign).is_none();
        }
        self.listing.ended_at = ended_at;
        self.listing.complete &= same_total && readable && distinct;
        // A page without rows does not lead anywhere, whatever it says.
        if has_more && rows > 0 && self.pages < MAX_PAGES {
            return Progress::More(self);
        }
        let adds_up = self.total.is_some_and(|total| usize::try_from(total) == Ok(self.rows));
        self.listing.complete &= adds_up && !has_more;
        Progress::Done(self.listing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kore::answers;
    use crate::kore::{Algorithm, Credentials, RawAnswer, TokenSettings};
    use serde_json::{Value, json};
    use std::time::Duration;

    fn target() -> Target {
        Target {
            account: Account::new("https://h", "a"),
            address: "https://h".into(),
            iid: None,
            timeout: Duration::from_secs(10),
            token: TokenSettings {
                algorithm: Algorithm::HS256,
                subject: "s".into(),
                ttl: Duration::from_secs(300),
            },
            credentials: Credentials { client_id: "id".into(), client_secret: "secret".into() },
        }
    }

    fn page(ids: &[Value], has_more: bool, total: &Value) -> Page {
        let rows: Vec<Value> = ids.iter().map(|id| json!({"_id": id, "name": "n"})).collect();
        let body = json!({"status": "success", "data":
            {"results": rows, "hasMore": has_more, "totalResults": total}});
        let answer = RawAnswer { http_status: 200, body: body.to_string().into(), ..RawAnswer::default() };
        answers::listing(&answer).unwrap()
    }

    fn read(pages: &[Page]) -> Listing {
        let mut reading = Reading::begin(&target(), "st-1", Timestamp::now());
        for page in pages {
            match reading.take(page.clone(), Timestamp::now()) {
                Progress::More(more) => reading = more,
                Progress::Done(listing) => return listing,
            }
        }
        panic!("there should be more pages");
    }

    fn ids(from: usize, to: usize) -> Vec<Value> {
        (from..to).map(|number| json!(format!("cd-{number}"))).collect()
    }

    #[test]
    fn pages_that_add_up_are_a_complete_listing() {
        let listing = read(&[page(&ids(0, 50), true, &json!(60)), page(&ids(50, 60), false, &json!("60"))]);
        assert!(listing.is_complete());
        assert_eq!(listing.len(), 60);
        assert!(listing.get("cd-59").is_some() && listing.get("cd-60").is_none());
        assert!(read(&[page(&[], false, &json!(0))]).is_complete());
    }

    /// R19: a row was removed or added between two pages, so that another moved from one page to the other.
    #[test]
    fn pages_that_have_shifted_are_no_complete_listing() {
        let first = page(&ids(0, 50), true, &json!(60));
        for (what, second) in [
            ("the total changed", page(&ids(50, 59), false, &json!(59))),
            ("a row is missing", page(&ids(51, 60), false, &json!(60))),
            ("a row came twice", page(&ids(49, 59), false, &json!(60))),
            ("a row has no id", page(&[ids(50, 59), vec![json!(null)]].concat(), false, &json!(60))),
            ("there is no total", page(&ids(50, 60), false, &json!(null))),
            ("no rows, but more to come", page(&[], true, &json!(60))),
        ] {
            assert!(!read(&[first.clone(), second]).is_complete(), "{what}");
        }
        assert!(!read(&[page(&ids(0, 5), false, &json!(null))]).is_complete());
    }
}
