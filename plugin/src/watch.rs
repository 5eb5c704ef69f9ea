//! `watch`: what is being deleted, live.

use futures::stream;

use crate::cli::WatchArgs;
use crate::cluster::Cluster;
use crate::end::End;
use crate::live::{Board, Calls, Followed, Request, Until, follow};
use crate::output;

/// Runs the command, until nothing is being deleted or the user ends it.
///
/// # Errors
/// If the resources can't be watched.
pub async fn run(arguments: WatchArgs, cluster: &Cluster) -> anyhow::Result<End> {
    let WatchArgs { selection } = arguments;
    let request = Request {
        scope: selection.scope(cluster.namespace()),
        selected: selection.selector.clone().unwrap_or_default(),
    };
    let mut board = Board::of_all(cluster.now());
    let until = Until { deadline: None, settled: false };
    let followed = follow(cluster, &[request], &mut board, stream::empty(), &Calls::default(), until).await;
    let tally = board.tally(cluster.now());
    let whole = matches!(followed, Followed::ToTheEnd);
    match tally.in_words().as_str() {
        "" if whole => {
            let which = selection.in_words(cluster.namespace());
            output::print(&format!("No VoiceCampaign {which} is being deleted."))?;
        }
        "" => {}
        words => output::print(words)?,
    }
    match followed {
        Followed::Interrupted => Ok(End::Interrupted),
        Followed::Lost(error) => Err(error),
        Followed::ToTheEnd | Followed::TimedOut if tally.is_clean() => Ok(End::Done),
        Followed::ToTheEnd | Followed::TimedOut => Ok(End::Held),
    }
}
