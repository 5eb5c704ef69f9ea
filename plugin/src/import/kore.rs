//! The listings of streams, within the quota of the account.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use tokio::time::Instant;
use voicecampaign_operator::kore::{FailureKind, Listing, Progress, Reading};

use super::account::Reader;
use super::manifest::Row;
use crate::words::count;

/// The window of Kore's quota.
const WINDOW: Duration = Duration::from_secs(60);
/// Longest pause after a failure; then the command gives up after [`ATTEMPTS`].
const PAUSE: Duration = Duration::from_secs(5);
/// How often a page is asked for.
const ATTEMPTS: u32 = 4;

/// What the listings contain.
#[derive(Debug, Default)]
pub struct Listed {
    /// One row for each campaign.
    pub rows: Vec<Row>,
    /// The streams whose pages do not add up.
    pub incomplete: Vec<String>,
    /// The streams of which Kore shows no campaign: as it does to an app that may not read them.
    pub empty: Vec<String>,
}

/// Reads the listings of these streams. `deleting` is whether the operator deletes campaigns of the account.
///
/// # Errors
/// If Kore refuses the credentials, or a page can't be read.
pub async fn list(reader: &Reader, streams: &[String], deleting: bool) -> anyhow::Result<Listed> {
    let bar = bar(streams.len());
    let mut quota = Quota::of(reader.requests_per_minute, deleting);
    let mut listed = Listed::default();
    for stream in streams {
        bar.set_message(format!(
            "{} found; reading the stream {stream}",
            count(listed.rows.len(), "campaign")
        ));
        let listing = read(reader, stream, &mut quota, &bar).await?;
        if !listing.is_complete() {
            listed.incomplete.push(stream.clone());
        } else if listing.shows_nothing() || !listing.names_its_rows() {
            listed.empty.push(stream.clone());
        }
        listed.rows.extend(rows(&listing));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(listed)
}

async fn read(
    reader: &Reader,
    stream: &str,
    quota: &mut Quota,
    bar: &ProgressBar,
) -> anyhow::Result<Listing> {
    let mut reading = Reading::begin(&reader.target, stream, Timestamp::now());
    let mut failures = 0;
    loop {
        quota.wait(bar).await;
        match reading.next(&reader.client, &reader.target, Timestamp::now).await {
            Ok(Progress::Done(listing)) => return Ok(listing),
            Ok(Progress::More(more)) => {
                reading = more;
                failures = 0;
            }
            Err(interrupted) => {
                let failure = interrupted.failure;
                failures += 1;
                if failures >= ATTEMPTS || failure.kind == FailureKind::CredentialsRejected {
                    bail!("Kore does not list the stream {stream}: {failure}");
                }
                let pause = failure.retry_after.unwrap_or(PAUSE);
                bar.set_message(format!("{failure}; trying again in {} s", pause.as_secs()));
                tokio::time::sleep(pause).await;
                reading = interrupted.reading;
            }
        }
    }
}

/// The campaigns of a listing.
fn rows(listing: &Listing) -> Vec<Row> {
    let row = |ids: &[String]| {
        // The pages of the documentation disagree which field has the id; all samples begin so.
        let campaign_id = ids.iter().find(|id| id.starts_with("cd-")).or(ids.first())?.clone();
        let campaign = listing.get(&campaign_id).unwrap_or_default();
        Some(Row {
            stream_id: listing.stream_id().to_owned(),
            ids: ids.to_vec(),
            campaign_id,
            name: campaign.name,
            state: campaign.status,
        })
    };
    listing.rows().filter_map(row).collect()
}

/// A part of the account's quota: the rest stays for the operator, which does not know of these calls.
struct Quota {
    calls: usize,
    made: VecDeque<Instant>,
}

impl Quota {
    /// Half of it, or a tenth while the operator deletes campaigns: these go first.
    fn of(requests_per_minute: usize, deleting: bool) -> Self {
        let part = if deleting { 10 } else { 2 };
        Self { calls: (requests_per_minute / part).max(1), made: VecDeque::new() }
    }

    async fn wait(&mut self, bar: &ProgressBar) {
        let now = Instant::now();
        if let Some(pause) = self.pause(now) {
            bar.set_message(format!("waiting {} s for the rate limit of the account", pause.as_secs() + 1));
            tokio::time::sleep(pause).await;
        }
        self.made.push_back(Instant::now());
    }

    /// How long to wait, so that there are no more calls in any window.
    fn pause(&mut self, now: Instant) -> Option<Duration> {
        while self.made.front().is_some_and(|made| now.duration_since(*made) >= WINDOW) {
            self.made.pop_front();
        }
        let first = self.made.front().filter(|_| self.made.len() >= self.calls)?;
        Some(WINDOW.saturating_sub(now.duration_since(*first)))
    }
}

fn bar(streams: usize) -> ProgressBar {
    let length = u64::try_from(streams).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {pos} of {len} streams  {wide_msg}")
            .unwrap_or_else(|_error| ProgressStyle::default_bar()),
    );
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In no window of a minute are there more calls than half of the quota.
    #[tokio::test(start_paused = true)]
    async fn half_of_the_quota_is_left_to_the_operator() {
        assert_eq!((Quota::of(60, true).calls, Quota::of(1, false).calls), (6, 1));
        let mut quota = Quota::of(7, false);
        let bar = ProgressBar::hidden();
        let mut made = Vec::new();
        for _ in 0..10 {
            quota.wait(&bar).await;
            made.push(Instant::now());
        }
        for window in made.windows(4) {
            assert!(window[3] - window[0] >= WINDOW, "{made:?}");
        }
        assert!(made[9] - made[0] <= WINDOW * 3, "{made:?}");
    }
}
