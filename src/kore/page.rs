//! One page of a listing.

use super::campaign::Campaign;

/// The rows to request from a listing. The sample of [get-all-campaigns-v2] sends all three fields together,
/// and no page of the documentation says which of them counts; so `skip` is `(page - 1) * limit` as long as
/// all pages have one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Number of the page, from 1.
    pub page: u32,
    /// Number of rows received with the pages before this one.
    pub skip: u32,
    /// Largest number of rows to return.
    pub limit: u32,
}

/// One page of a listing. Only `classify` makes one, from an answer that says success.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub(super) rows: Vec<Row>,
    /// The ids of campaigns that are described as living, and are no rows.
    pub(super) also_shown: Vec<String>,
    /// Whether the service says that more pages follow; `None` if it does not say.
    pub(super) has_more: Option<bool>,
    /// Number of campaigns over all pages, as the service counts them.
    pub(super) total_results: Option<i64>,
    /// Number of pages, as the service counts them.
    pub(super) total_pages: Option<i64>,
    /// The body was larger than the client reads: the page has rows, and none of them is known.
    pub(super) oversized: bool,
    /// The answer has rows, or says that there are none; a bare success says neither.
    pub(super) names_rows: bool,
}

/// One row of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// The campaign under each of its ids, as received; empty if the row can't be read.
    pub(super) campaigns: Vec<(String, Campaign)>,
    /// Whether the campaign exists: `false` if its state is `Deleted`.
    pub(super) living: bool,
}

impl Page {
    /// A page whose body was larger than the client reads.
    pub(super) fn oversized() -> Self {
        Self { oversized: true, ..Self::without_rows(false) }
    }

    /// A page without rows; `names_rows` if the answer says that there are no campaigns.
    pub(super) fn without_rows(names_rows: bool) -> Self {
        Self {
            rows: Vec::new(),
            also_shown: Vec::new(),
            has_more: None,
            total_results: None,
            total_pages: None,
            oversized: false,
            names_rows,
        }
    }

    /// The ids of the campaigns on this page.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().flat_map(|row| &row.campaigns).map(|(id, _)| id.as_str())
    }
}
