//! Listings of a stream. A complete one is evidence that a campaign does not exist. Pure, except
//! [`Reading::next`].
//!
//! ```text
//!   Reading::begin ─▶ next ─▶ Progress::More(Reading) ─▶ next ─▶ … ─▶ Progress::Done(Listing)
//!                      │ one page each
//!                      └─▶ Interrupted: the same page is requested again
//! ```
//!
//! A listing is complete if its pages agree with one another, however long reading takes: at one call a
//! minute, a long listing takes an hour.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::campaign::Campaign;
use super::campaign_id::is_spelled;
use super::failure::Failure;
use super::page::{Page, PageRequest};
use super::service::CampaignService;
use super::target::{Account, Identity, Target};

/// Rows requested per page, as in the sample of [get-all-campaigns-v2]. No maximum is documented.
const PAGE_ROWS: u32 = 50;
/// Most rows of one listing, so that reading ends even if the service always says `hasMore`.
const MAX_ROWS: usize = 50_000;

/// All voice campaigns of a stream, as the service listed them.
///
/// Only [`Reading`] makes one, from pages that only `classify` makes, from answers. So it cannot be made up.
#[derive(Clone, Debug)]
pub struct Listing {
    begun_at: Timestamp,
    ended_at: Timestamp,
    identity: Identity,
    stream_id: String,
    campaigns: BTreeMap<String, Packed>,
    /// The ids of each row, except rows of deleted campaigns: `_id` and `id`, if these differ.
    rows: BTreeSet<Vec<String>>,
    /// The ids of campaigns that the pages describe as living, and that are no rows.
    also_shown: BTreeSet<String>,
    /// Whether there is a row of a deleted campaign.
    shows_deleted: bool,
    complete: bool,
    names_its_rows: bool,
}

impl Listing {
    /// When the first page was requested.
    pub fn begun_at(&self) -> Timestamp {
        self.begun_at
    }

    /// When the last page was received.
    pub fn ended_at(&self) -> Timestamp {
        self.ended_at
    }

    /// The identity under which the listing was read.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Identifier of the stream.
    pub fn stream_id(&self) -> &str {
        &self.stream_id
    }

    /// The campaign with this id, if it was listed: under `_id` or `id`, in any spelling ([`is_spelled`]), so
    /// that every row that may show the campaign counts. `None` means nothing if the listing is not complete.
    pub fn get(&self, campaign_id: &str) -> Option<Campaign> {
        self.find(campaign_id).map(Packed::unpacked)
    }

    /// Whether [`Self::get`] returns a campaign, or a page describes the campaign as living elsewhere than in
    /// a row.
    pub fn shows(&self, campaign_id: &str) -> bool {
        self.find(campaign_id).is_some() || self.also_shown.iter().any(|id| is_spelled(id, campaign_id))
    }

    fn find(&self, campaign_id: &str) -> Option<&Packed> {
        self.campaigns.get(campaign_id).or_else(|| {
            self.campaigns.iter().find(|(id, _)| is_spelled(id, campaign_id)).map(|(_, campaign)| campaign)
        })
    }

    /// The ids of each listed campaign. Which of them a VoiceCampaign names is not known.
    pub fn rows(&self) -> impl Iterator<Item = &[String]> {
        self.rows.iter().map(Vec::as_slice)
    }

    /// The ids of all listed campaigns.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.campaigns.keys().map(String::as_str)
    }

    /// Number of listed campaigns, without those that the service lists as `Deleted`.
    pub fn campaigns(&self) -> usize {
        self.rows.len()
    }

    /// Whether the listing has no row at all. A row of a `Deleted` campaign shows that we may read the
    /// stream.
    pub fn shows_nothing(&self) -> bool {
        self.rows.is_empty() && !self.shows_deleted
    }

    /// Whether the pages agree: all totals are the same, and there are as many rows, each with an id of its
    /// own. A single page without a total has to say that it is the last one; if it has no rows either, it
    /// need not.
    ///
    /// If rows are added or removed while the pages are read, the others shift, and one may be missed.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether each page has rows, or says that there are none. A bare success may come from any server on
    /// the way.
    pub fn names_its_rows(&self) -> bool {
        self.names_its_rows
    }
}

/// A campaign as JSON. The operator keeps thousands of them until the next listing, and looks at each once;
/// as a [`Campaign`] they would take three times the memory.
#[derive(Clone, Debug, PartialEq)]
struct Packed(Box<str>);

impl From<Campaign> for Packed {
    fn from(campaign: Campaign) -> Self {
        // A struct of texts and numbers has a JSON.
        Self(serde_json::to_string(&campaign).unwrap_or_default().into())
    }
}

impl Packed {
    fn unpacked(&self) -> Campaign {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// A listing of which some pages have been read.
#[derive(Clone, Debug)]
pub struct Reading {
    account: Account,
    listing: Box<Listing>,
    /// Rows requested per page.
    limit: u32,
    pages: u32,
    rows: usize,
    total: Option<i64>,
    /// The ids of each row received so far, of deleted campaigns, too.
    seen: BTreeSet<Vec<String>>,
}

/// The state of a listing after a page.
#[derive(Clone, Debug)]
pub enum Progress {
    /// More pages follow.
    More(Reading),
    /// That was the last page.
    Done(Listing),
}

/// A page could not be read. The pages before it stay valid.
#[derive(Clone, Debug)]
pub struct Interrupted {
    /// The failure of the call.
    pub failure: Failure,
    /// The listing without that page.
    pub reading: Reading,
}

impl Reading {
    /// Begins a listing. Requests no page yet.
    pub fn begin(target: &Target, stream_id: &str, now: Timestamp) -> Self {
        let listing = Box::new(Listing {
            begun_at: now,
            ended_at: now,
            identity: target.identity(),
            stream_id: stream_id.to_owned(),
            campaigns: BTreeMap::new(),
            rows: BTreeSet::new(),
            also_shown: BTreeSet::new(),
            shows_deleted: false,
            complete: true,
            names_its_rows: true,
        });
        Self {
            account: target.account.clone(),
            listing,
            limit: PAGE_ROWS,
            pages: 0,
            rows: 0,
            total: None,
            seen: BTreeSet::new(),
        }
    }

    /// When the first page was requested, or the listing was begun.
    pub fn begun_at(&self) -> Timestamp {
        self.listing.begun_at
    }

    /// Requests the next page. The clock is read before the first page, and after each.
    ///
    /// A target of another identity or account begins the listing again.
    ///
    /// # Errors
    /// If the call fails. The next call of [`Interrupted::reading`] requests the same page.
    pub async fn next<S: CampaignService>(
        mut self,
        service: &S,
        target: &Target,
        clock: impl Fn() -> Timestamp,
    ) -> Result<Progress, Box<Interrupted>> {
        // Pages that were read under another identity are no evidence under this one.
        if target.identity() != self.listing.identity || target.account != self.account {
            self = Self::begin(target, &self.listing.stream_id, clock());
        }
        if self.pages == 0 {
            self.listing.begun_at = clock();
        }
        let page = match service.list(target, &self.listing.stream_id, self.request()).await {
            Ok(page) if page.oversized => {
                let smaller = self.with_smaller_pages(target, clock()).map(Progress::More);
                return smaller.map_err(|failure| Box::new(Interrupted { failure, reading: self }));
            }
            Ok(page) => page,
            Err(failure) => return Err(Box::new(Interrupted { failure, reading: self })),
        };
        Ok(self.take(page, clock()))
    }

    /// The next request. `skip` counts the received rows, not the requested ones.
    fn request(&self) -> PageRequest {
        let skip = u32::try_from(self.rows).unwrap_or(u32::MAX);
        PageRequest { page: self.pages + 1, skip, limit: self.limit }
    }

    /// The same listing, begun again with half as many rows per page.
    fn with_smaller_pages(&self, target: &Target, now: Timestamp) -> Result<Self, Failure> {
        match self.limit / 2 {
            0 => Err(Failure::oversized_row()),
            limit => Ok(Self { limit, ..Self::begin(target, &self.listing.stream_id, now) }),
        }
    }

    /// Adds a page, and decides whether to read another.
    fn take(mut self, page: Page, ended_at: Timestamp) -> Progress {
        let Page { rows, also_shown, has_more, total_results, total_pages, oversized: _, names_rows } = page;
        self.listing.names_its_rows &= names_rows;
        self.listing.also_shown.extend(also_shown);
        let (says_last, says_nothing) =
            (has_more == Some(false), has_more.is_none() && total_pages.is_none());
        let (received, has_more) = (rows.len(), has_more == Some(true));
        self.pages += 1;
        self.rows += received;
        // It is enough if one page has a total.
        let same_total = self.total.is_none() || total_results.is_none_or(|total| self.total == Some(total));
        self.total = self.total.or(total_results);
        let mut new = 0;
        for row in rows {
            let ids: Vec<String> = row.campaigns.iter().map(|(id, _)| id.clone()).collect();
            if ids.is_empty() || !self.seen.insert(ids.clone()) {
                continue;
            }
            new += 1;
            if row.living {
                self.listing.rows.insert(ids);
                let packed = row.campaigns.into_iter().map(|(id, campaign)| (id, campaign.into()));
                self.listing.campaigns.extend(packed);
            } else {
                self.listing.shows_deleted = true;
            }
        }
        self.listing.ended_at = ended_at;
        // Each row must have an id, and must be new.
        self.listing.complete &= same_total && new == received;
        let total = self.total.map(|total| usize::try_from(total).unwrap_or(usize::MAX));
        let names_more = total_pages.is_some_and(|pages| pages > i64::from(self.pages));
        // A full page that says nothing about more may be followed by another; a total may be that of the
        // page alone.
        let may_go_on = says_nothing && received >= usize::try_from(self.limit).unwrap_or(usize::MAX);
        // Rows that are counted and were not shown may follow, even if `hasMore` is false. After a page
        // without a new row, reading on is pointless.
        let more = has_more || names_more || may_go_on || total.is_some_and(|total| total > self.rows);
        if more && new > 0 && self.rows < MAX_ROWS {
            if self.pages == 1 && received < usize::try_from(self.limit).unwrap_or(usize::MAX) {
                // The service limits its pages to this size. With this `limit`, `skip` and `page` mean the
                // same row.
                self.limit = u32::try_from(received).unwrap_or(self.limit);
            }
            return Progress::More(self);
        }
        let none =
            self.pages == 1 && self.rows == 0 && total_pages.is_none_or(|pages| (0..=1).contains(&pages));
        // The rows of a single page can't have shifted.
        let adds_up = total.map_or(none || says_last && self.pages == 1, |total| total == self.rows);
        // The service may count pages of another size; an empty page shows that there are no further rows.
        let is_last = !names_more || self.pages > 1 && received == 0;
        // An empty page after all counted rows is the end, even if `hasMore` is true.
        let is_end = self.pages > 1 && received == 0 && total.is_some();
        self.listing.complete &= adds_up && is_last && (is_end || !has_more);
        Progress::Done(*self.listing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kore::{
        Algorithm, CampaignKey, ConfirmedDeletion, Credentials, FailureKind, RawAnswer, TokenSettings,
        answers,
    };
    use futures::FutureExt;
    use proptest::prelude::*;
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
        let none = page(&[], false, &json!(null));
        for page in pages.iter().chain([&none]) {
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
    fn a_listed_campaign_is_returned_as_it_was_read() {
        let row = json!({"_id": "cd-1", "name": "Renewals \"Q1\" ü", "lname": "renewals", "priority": 5,
            "status": "Active", "contactLists": ["a", "b"], "isFiltersEnabled": true,
            "dialingStrategy": {"callerId": {"phoneNumber": "+18005550100"}, "maxAttemptsPerRecord": 3},
            "schedule": {"timeZone": "UTC"}, "createdAt": "2025-01-01T10:00:00.000Z"});
        let page = answered(&json!({"results": [row], "hasMore": false, "totalResults": 1}));
        let (_, read_as) = page.rows[0].campaigns[0].clone();
        assert!(read_as.dialing_strategy.is_some() && read_as.contact_lists.len() == 2, "{read_as:?}");
        let listing = read(&[page]);
        assert_eq!((listing.get("cd-1"), listing.shows("cd-1")), (Some(read_as), true));
        assert_eq!((listing.get("cd-2"), listing.shows("cd-2")), (None, false));
    }

    /// A page with this `data`.
    fn answered(data: &Value) -> Page {
        let body = json!({"status": "success", "data": data}).to_string().into();
        answers::listing(&RawAnswer { http_status: 200, body, ..RawAnswer::default() }).unwrap()
    }

    /// A service with a number of rows, and the requests it received.
    struct Service<F> {
        rows: usize,
        page: F,
        asked: std::sync::Mutex<Vec<PageRequest>>,
    }

    impl<F: Fn(PageRequest) -> Result<Page, Failure> + Send + Sync + 'static> CampaignService for Service<F> {
        async fn delete(&self, _: &Target, _: &CampaignKey) -> Result<ConfirmedDeletion, Failure> {
            panic!("not asked for")
        }

        async fn get(&self, _: &Target, _: &CampaignKey) -> Result<Campaign, Failure> {
            panic!("not asked for")
        }

        async fn list(&self, _: &Target, _: &str, request: PageRequest) -> Result<Page, Failure> {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request);
            assert!(asked.len() <= self.rows + 20, "the reading does not end");
            (self.page)(request)
        }
    }

    /// Reads a listing to its end.
    fn read_all<F: Fn(PageRequest) -> Page + Send + Sync + 'static>(
        rows: usize,
        page: F,
    ) -> (Result<Listing, Failure>, Vec<PageRequest>) {
        let page = move |request| Ok(page(request));
        let service = Service { rows, page, asked: std::sync::Mutex::default() };
        let mut reading = Reading::begin(&target(), "st-1", Timestamp::now());
        let read = loop {
            match reading.next(&service, &target(), Timestamp::now).now_or_never().unwrap() {
                Ok(Progress::More(more)) => reading = more,
                Ok(Progress::Done(listing)) => break Ok(listing),
                Err(interrupted) => break Err(interrupted.failure),
            }
        };
        (read, service.asked.into_inner().unwrap())
    }

    /// A page of at most `limit` rows after the first `skip`, of `rows` in all.
    fn rows_of(rows: usize, skip: usize, limit: usize) -> Page {
        let end = (skip + limit).min(rows);
        page(&ids(skip.min(end), end), end < rows, &json!(rows))
    }

    fn number(asked: u32) -> usize {
        usize::try_from(asked).unwrap()
    }

    /// 45 campaigns, 50 requested per page and 20 returned: the service may go by `skip` or by `page`.
    #[test]
    fn a_service_that_gives_fewer_rows_than_asked_is_read_whole() {
        let (by_skip, asked) =
            read_all(45, |PageRequest { skip, limit, .. }| rows_of(45, number(skip), number(limit).min(20)));
        assert!(by_skip.is_ok_and(|listing| listing.is_complete() && listing.campaigns() == 45));
        let requests = [(1, 0, 50), (2, 20, 20), (3, 40, 20)];
        assert_eq!(asked, requests.map(|(page, skip, limit)| PageRequest { page, skip, limit }));
        let (by_page, _) = read_all(45, |PageRequest { page, limit, .. }| {
            rows_of(45, number(page - 1) * number(limit), number(limit).min(20))
        });
        assert!(by_page.is_ok_and(|listing| listing.is_complete() && listing.campaigns() == 45));
        // A service that computes `hasMore` as if it had returned all requested rows.
        let (unaware, _) = read_all(45, |PageRequest { skip, limit, .. }| {
            let page = rows_of(45, number(skip), number(limit).min(20));
            Page { has_more: Some(number(skip) + number(limit) < 45), ..page }
        });
        assert!(unaware.is_ok_and(|listing| listing.is_complete() && listing.campaigns() == 45));
    }

    /// Many pages of one row each.
    #[test]
    fn a_stream_of_small_pages_is_read_to_its_end() {
        let (read, asked) = read_all(2500, |PageRequest { skip, .. }| rows_of(2500, number(skip), 1));
        assert!(read.is_ok_and(|listing| listing.is_complete() && listing.campaigns() == 2500));
        assert_eq!(asked.len(), 2500);
    }

    /// R26: a service that always returns the first page, or always says `hasMore`: reading ends, and the
    /// listing is not complete.
    #[test]
    fn a_service_that_repeats_itself_is_no_complete_listing() {
        let (repeats, asked) = read_all(45, |_| rows_of(45, 0, 20));
        assert!(repeats.is_ok_and(|listing| !listing.is_complete() && listing.campaigns() == 20));
        assert_eq!(asked.len(), 2);
        let (endless, _) = read_all(MAX_ROWS, |PageRequest { skip, limit, .. }| {
            page(&ids(number(skip), number(skip + limit)), true, &json!(null))
        });
        assert!(endless.is_ok_and(|listing| !listing.is_complete() && listing.campaigns() == MAX_ROWS));
    }

    /// A page that is too large is no failure: the listing begins again with fewer rows per page.
    #[test]
    fn a_page_that_is_too_large_is_asked_for_with_fewer_rows() {
        // With row 30, no page of more than seven rows fits.
        let (read, asked) = read_all(60, |PageRequest { skip, limit, .. }| {
            let (skip, limit) = (number(skip), number(limit));
            if (skip..skip + limit).contains(&30) && limit > 7 {
                return Page::oversized();
            }
            rows_of(60, skip, limit)
        });
        let listing = read.unwrap();
        assert!(listing.is_complete() && listing.campaigns() == 60);
        let limits: BTreeSet<u32> = asked.iter().map(|request| request.limit).collect();
        assert_eq!(limits, [6, 12, 25, 50].into());
        assert_eq!(asked.last().unwrap(), &PageRequest { page: 10, skip: 54, limit: 6 });
        let (row, asked) = read_all(1, |_| Page::oversized());
        let failure = row.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreadable);
        assert!(failure.answer.message.contains("single row"), "{failure}");
        assert_eq!(asked.last().unwrap(), &PageRequest { page: 1, skip: 0, limit: 1 });
    }

    /// R27: an answer without rows need not say that there are none, but must not contradict that.
    #[test]
    fn an_empty_listing_needs_no_total() {
        for data in [
            json!({"results": [], "hasMore": false}),
            json!({"results": []}),
            json!({"results": null, "totalResults": 0}),
            json!({"results": [], "totalResults": null, "totalPages": 0, "hasMore": "false"}),
            json!({"skip": 0, "limit": 50, "hasMore": false}),
            json!({}),
            json!([]),
            json!(null),
        ] {
            let listing = read(&[answered(&data)]);
            assert!(listing.is_complete() && listing.shows_nothing(), "{data}");
        }
        for data in [
            json!({"results": [], "totalResults": 7}),
            json!({"results": [], "totalResults": "7"}),
            json!({"results": [], "totalResults": -1}),
            json!({"results": [], "totalResults": "some"}),
            json!({"results": [], "hasMore": true}),
            json!({"hasMore": true}),
            json!({"results": [], "totalPages": 2}),
            json!({"totalResults": 7}),
        ] {
            assert!(!read(&[answered(&data)]).is_complete(), "{data}");
        }
        let first = page(&ids(0, 50), true, &json!(null));
        assert!(!read(&[first, answered(&json!({"results": []}))]).is_complete());
    }

    /// An answer without rows says so by a field of a listing, or in words about campaigns. A bare success,
    /// or words about something else, may come from a server that answers every request alike.
    #[test]
    fn an_answer_without_rows_says_so() {
        let says_so = |data: Value| read(&[answered(&data)]).names_its_rows();
        assert!(says_so(json!({"results": null, "hasMore": false, "totalPages": 0})));
        assert!(says_so(json!({"totalPages": 0})) && says_so(json!({"totalResults": 0})));
        assert!(says_so(json!({"results": []})) && says_so(json!({"hasMore": "false"})));
        assert!(!says_so(json!({})) && !says_so(json!({"skip": 0, "limit": 50})) && !says_so(json!(null)));
        let said = |text: &str| {
            let body = json!({"message": text}).to_string().into();
            let page =
                answers::listing(&RawAnswer { http_status: 404, body, ..RawAnswer::default() }).unwrap();
            read(&[page]).names_its_rows()
        };
        assert!(said("No campaigns found") && said("There are no campaigns in this stream"));
        assert!(!said("No results found"));
        let page = page(&ids(0, 50), true, &json!(50));
        let end = json!({"message": "No campaigns found"}).to_string().into();
        let end =
            answers::listing(&RawAnswer { http_status: 404, body: end, ..RawAnswer::default() }).unwrap();
        let listing = read(&[page, end]);
        assert!(listing.is_complete() && listing.names_its_rows());
    }

    /// R24: the first version of [delete-voice-campaign] showed the state `Deleted`. Such a row counts, and
    /// is no campaign.
    #[test]
    fn a_row_that_is_deleted_is_no_campaign() {
        for state in ["Deleted", "deleted", "DELETED"] {
            let rows = json!([{"_id": "cd-1", "status": state}, {"_id": "cd-2", "status": "Ready"}]);
            let listing = read(&[answered(&json!({"results": rows, "totalResults": 2}))]);
            assert!(listing.is_complete(), "{state}");
            assert_eq!(
                (listing.campaigns(), listing.get("cd-1"), listing.ids().count()),
                (1, None, 1),
                "{state}"
            );
        }
        let gone = json!([{"_id": "cd-1", "status": "Deleted"}]);
        let listing = read(&[answered(&json!({"results": gone, "totalResults": 1}))]);
        assert!(
            listing.is_complete() && !listing.shows_nothing(),
            "whoever lost its access would not see that"
        );
        assert_eq!(listing.campaigns(), 0);
        let state = json!([{"_id": "cd-1", "status": "Deleting"}]);
        assert_eq!(read(&[answered(&json!({"results": state, "totalResults": 1}))]).campaigns(), 1);
    }

    /// A campaign counts as seen wherever a listing describes it; what only refers to it does not show it.
    #[test]
    fn a_campaign_beside_the_rows_is_seen() {
        let row = |field: Value| json!({"results": [{"_id": "row", "of": field}], "totalResults": 1});
        for data in [
            row(json!({"_id": "cd-1", "name": "Renewals", "status": "Active"})),
            row(json!([{"campaignId": "CD-1", "status": "Ready"}])),
            json!({"results": [], "totalResults": 0, "campaigns": [{"_id": "cd-1", "name": "x"}]}),
        ] {
            let listing = read(&[answered(&data)]);
            assert_eq!((listing.shows("cd-1"), listing.get("cd-1")), (true, None), "{data}");
        }
        for data in [
            row(json!({"_id": "cd-1", "name": "Renewals"})),
            row(json!({"_id": "cd-1", "status": "Deleted"})),
            row(json!("cd-1")),
        ] {
            let listing = read(&[answered(&data)]);
            assert!(listing.is_complete() && !listing.shows("cd-1"), "{data}");
        }
    }

    /// R27: the pages of the documentation disagree whether it is `_id` or `id`.
    #[test]
    fn a_row_with_two_ids_is_found_under_both_and_counted_once() {
        let rows = json!([{"_id": "row-1", "id": "cd-1"}, {"_id": "cd-2", "id": "row-2"}, {"_id": "same", "id": "same"}]);
        let listing = read(&[answered(&json!({"results": rows, "totalResults": 3}))]);
        assert!(listing.is_complete());
        assert_eq!(listing.campaigns(), 3);
        for id in ["row-1", "cd-1", "cd-2", "row-2", "same"] {
            assert_eq!(listing.get(id).and_then(|campaign| campaign.id).as_deref(), Some(id));
        }
    }

    proptest! {
        /// R26: all rows are read, in pages of any sizes.
        #[test]
        fn rows_in_pages_of_any_sizes_are_read_whole(
            rows in 0_usize..200,
            sizes in prop::collection::vec(1_usize..60, 1..20),
        ) {
            let (read, _) = read_all(rows, move |PageRequest { page, skip, limit }| {
                let size = sizes[number(page) % sizes.len()];
                rows_of(rows, number(skip), size.min(number(limit)))
            });
            let listing = read.unwrap();
            prop_assert!(listing.is_complete());
            prop_assert_eq!(listing.campaigns(), rows);
        }
    }

    /// Q10: every second page is refused; the listing continues where it was.
    #[test]
    fn a_page_that_did_not_come_is_asked_for_again() {
        let asked = std::sync::atomic::AtomicU32::new(0);
        let page =
            move |request: PageRequest| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2 {
                1 => Err(Failure::unreachable("not now")),
                _ => Ok(rows_of(120, number(request.skip), number(request.limit))),
            };
        let service = Service { rows: 120, page, asked: std::sync::Mutex::default() };
        let mut reading = Reading::begin(&target(), "st-1", Timestamp::UNIX_EPOCH);
        let listing = loop {
            match reading.next(&service, &target(), || Timestamp::UNIX_EPOCH).now_or_never().unwrap() {
                Ok(Progress::More(more)) => reading = more,
                Ok(Progress::Done(listing)) => break listing,
                Err(interrupted) => reading = interrupted.reading,
            }
        };
        assert!(listing.is_complete() && listing.campaigns() == 120);
        assert_eq!(service.asked.into_inner().unwrap().len(), 5);
    }

    #[test]
    fn pages_that_add_up_are_a_complete_listing() {
        let listing = read(&[page(&ids(0, 50), true, &json!(60)), page(&ids(50, 60), false, &json!("60"))]);
        assert!(listing.is_complete());
        assert_eq!(listing.campaigns(), 60);
        assert!(listing.get("cd-59").is_some() && listing.get("cd-60").is_none());
        assert!(read(&[page(&[], false, &json!(0))]).is_complete());
    }

    /// R19: a row was removed or added between two requests, so that another moved from one page to the
    /// other.
    #[test]
    fn pages_that_have_shifted_are_no_complete_listing() {
        let first = page(&ids(0, 50), true, &json!(60));
        for (what, second) in [
            ("the total changed", page(&ids(50, 59), false, &json!(59))),
            ("a row is missing", page(&ids(51, 60), false, &json!(60))),
            ("a row came twice", page(&ids(49, 59), false, &json!(60))),
            ("a row has no id", page(&[ids(50, 59), vec![json!(null)]].concat(), false, &json!(60))),
            ("no rows, but more to come", page(&[], true, &json!(60))),
        ] {
            assert!(!read(&[first.clone(), second]).is_complete(), "{what}");
        }
        let uncounted = [page(&ids(0, 50), true, &json!(null)), page(&ids(50, 60), false, &json!(null))];
        assert!(!read(&uncounted).is_complete());
    }

    /// R26: more pages are requested as long as any field names more; a value that can't be read does not say
    /// that none follow.
    #[test]
    fn a_page_is_the_last_only_if_nothing_names_another() {
        let rows = |from, to| json!(ids(from, to).iter().map(|id| json!({"_id": id})).collect::<Vec<_>>());
        let of = move |from, to, more: Value| {
            let mut data = more;
            data["results"] = rows(from, to);
            answered(&data)
        };
        for more in [
            json!({"totalResults": 50, "totalPages": 2}),
            json!({"totalResults": 50}),
            json!({"totalResults": 50, "hasMore": 1}),
            json!({"totalResults": 50, "hasMore": "yes"}),
            json!({"totalPages": 3, "hasMore": false}),
        ] {
            let read = read(&[of(0, 50, more.clone()), of(50, 60, more.clone())]);
            assert!(!read.is_complete() && read.campaigns() == 60, "{more}");
        }
        assert!(
            !read(&[answered(&json!({"results": [], "totalResults": 0, "totalPages": 3}))]).is_complete()
        );
        for more in [json!("yes"), json!({}), json!(1), json!(true)] {
            let data = json!({"totalResults": 20, "hasMore": more});
            let of_the_page = read(&[of(0, 20, data.clone()), of(20, 25, data)]);
            assert!(!of_the_page.is_complete() && of_the_page.campaigns() == 25, "{more}");
            let data = json!({"totalResults": 5, "hasMore": more});
            let (read, asked) =
                read_all(5, move |PageRequest { skip, .. }| of(number(skip).min(5), 5, data.clone()));
            assert!(read.is_ok_and(|listing| listing.is_complete()) && asked.len() == 2, "{more}");
        }
        for more in [json!(0), json!("no"), json!("0"), json!(""), json!("False"), json!(null)] {
            let read = read_all(5, move |_| of(0, 5, json!({"totalResults": 5, "hasMore": more})));
            assert!(read.0.is_ok_and(|listing| listing.is_complete()) && read.1.len() == 1);
        }
        // An empty page shows that there are no further rows, even if `totalPages` counts more.
        for more in [json!({"totalResults": 50}), json!({"totalResults": 50, "totalPages": 5})] {
            let (read, asked) = read_all(50, move |PageRequest { skip, limit, .. }| {
                of(number(skip).min(50), (number(skip) + number(limit)).min(50), more.clone())
            });
            assert!(read.is_ok_and(|listing| listing.is_complete() && listing.campaigns() == 50));
            assert_eq!(asked.len(), 2);
        }
        // It is enough if one page has a total.
        let counted = json!({"totalResults": 60, "hasMore": true});
        assert!(read(&[of(0, 50, counted.clone()), of(50, 60, json!({"hasMore": false}))]).is_complete());
        assert!(!read(&[of(0, 50, counted), of(50, 59, json!({"hasMore": false}))]).is_complete());
    }

    /// R27: a single page that says that it is the last needs no total; a total may be written as a fraction.
    #[test]
    fn a_single_page_needs_no_total() {
        assert!(read(&[page(&ids(0, 5), false, &json!(null))]).is_complete());
        assert!(read(&[page(&ids(0, 5), false, &json!(5.0))]).is_complete());
        assert!(!read(&[page(&ids(0, 5), false, &json!(5.5))]).is_complete());
        let silent = json!({"status": "success", "data": {"results": [{"_id": "cd-1"}]}});
        let answer = RawAnswer { http_status: 200, body: silent.to_string().into(), ..RawAnswer::default() };
        assert!(!read(&[answers::listing(&answer).unwrap()]).is_complete());
    }

    /// Case and characters that do not show are ignored.
    #[test]
    fn an_id_is_found_however_it_is_spelled() {
        let listing = read(&[page(&[json!(" CD-1 ")], false, &json!(1))]);
        assert!(listing.get("cd-1").is_some() && listing.get("cd-2").is_none());
    }
}
