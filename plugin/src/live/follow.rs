//! Watches the resources of a board until they are gone, or held, or the user ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::{BoxStream, SelectAll};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::time::Instant;
use voicecampaign_operator::api::VoiceCampaign;
use voicecampaign_operator::kube_ext::{Dated, Selected};

use super::board::{Board, Call};
use super::calls::Calls;
use super::screen::Screen;
use crate::cluster::{Cluster, Scope, explain};
use crate::seen::Seen;

/// How often the view is drawn again: times in it count down by seconds.
const REDRAW: Duration = Duration::from_millis(500);

/// What to watch. Labels are matched here, and not by the API server, which shows a resource whose labels
/// change as one that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where.
    pub scope: Scope,
    /// The resources to begin to follow.
    pub selected: Selected,
}

/// When to end.
#[derive(Clone, Copy, Debug)]
pub struct Until {
    /// At this time.
    pub deadline: Option<Instant>,
    /// When all that is left is held.
    pub settled: bool,
}

/// How the view ended.
#[derive(Debug)]
pub enum Followed {
    /// All are gone, or all that is left is held.
    ToTheEnd,
    /// The time was over.
    TimedOut,
    /// The user has ended it.
    Interrupted,
    /// The resources can't be watched any more.
    Lost(anyhow::Error),
}

/// Follows the board. `deleting` are the calls that delete, each with the uid of its resource; they begin
/// when the resources have been listed. However the view ends, no call is left without its answer, unless the
/// user ends that wait, too.
pub async fn follow(
    cluster: &Cluster,
    requests: &[Request],
    board: &mut Board,
    mut deleting: impl Stream<Item = (String, Call)> + Unpin,
    calls: &Calls,
    until: Until,
) -> Followed {
    let mut screen = Screen::new();
    let followed = watch(cluster, requests, board, &mut deleting, until, &mut screen).await;
    if matches!(followed, Followed::Interrupted) {
        screen.leave();
    }
    calls.stop();
    if calls.under_way() > 0 {
        screen.say("Waiting for the answers of the API server; Ctrl-C ends that, too.", true);
    }
    let say = |line: String| screen.say(&line, true);
    let interrupted = calls.end(deleting, tokio::signal::ctrl_c(), board, || cluster.now(), say).await;
    if interrupted {
        screen.leave();
    }
    screen.end();
    if interrupted && !matches!(followed, Followed::Lost(_)) { Followed::Interrupted } else { followed }
}

async fn watch(
    cluster: &Cluster,
    requests: &[Request],
    board: &mut Board,
    deleting: &mut (impl Stream<Item = (String, Call)> + Unpin),
    until: Until,
    screen: &mut Screen,
) -> Followed {
    let mut events = SelectAll::new();
    for (number, request) in requests.iter().enumerate() {
        events.push(watch_of(cluster, request, number));
    }
    let mut lists = Lists::default();
    let mut deletes = true;
    let mut redraw = tokio::time::interval(REDRAW);
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let listed = lists.are_complete(requests.len());
        tokio::select! {
            called = deleting.next(), if deletes && listed => match called {
                Some((uid, call)) => say(screen, board.called(&uid, call, cluster.now()), true),
                None => deletes = false,
            },
            Some((number, event)) = events.next() => match event {
                Ok(event) => lists.take(number, &requests[number], event, &mut View { board, screen, now: cluster.now() }),
                Err(error) => if let Some(lost) = failed(error, &requests[number], listed, screen) {
                    return Followed::Lost(lost);
                },
            },
            _ = redraw.tick() => {
                let now = cluster.now();
                screen.draw(board, now);
                if listed && !deletes && (board.is_empty() || until.settled && board.is_settled(now)) {
                    return Followed::ToTheEnd;
                }
                if until.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    return Followed::TimedOut;
                }
            }
            _ = &mut interrupt => return Followed::Interrupted,
        }
    }
}

type Seeing = (usize, watcher::Result<Event<Dated<VoiceCampaign>>>);

fn watch_of(cluster: &Cluster, request: &Request, number: usize) -> BoxStream<'static, Seeing> {
    let api = cluster.api::<Dated<VoiceCampaign>>(&request.scope);
    watcher(api, watcher::Config::default()).default_backoff().map(move |event| (number, event)).boxed()
}

/// Why the view can't go on, if it can't: before the first list is complete the API server may refuse it for
/// good; later only if a right is missing. After other failures the watch is tried again.
fn failed(error: watcher::Error, request: &Request, listed: bool, screen: &Screen) -> Option<anyhow::Error> {
    let cause = match error {
        watcher::Error::InitialListFailed(cause)
        | watcher::Error::WatchStartFailed(cause)
        | watcher::Error::WatchFailed(cause) => cause,
        watcher::Error::WatchError(status) => kube::Error::Api(status),
        watcher::Error::NoResourceVersion => return None,
    };
    let for_good = match &cause {
        kube::Error::Api(status) if listed => matches!(status.code, 401 | 403),
        kube::Error::Api(status) => {
            (400..500).contains(&status.code) && !matches!(status.code, 408 | 410 | 429)
        }
        _ => false,
    };
    let error = explain(&cause, &format!("can't watch VoiceCampaigns {}", request.scope.in_words()));
    if for_good {
        return Some(error);
    }
    screen.say(&format!("{error:#}; trying again"), true);
    None
}

/// What the watches have listed.
#[derive(Default)]
struct Lists {
    complete: BTreeSet<usize>,
    /// The uids that a list has shown so far.
    listed: BTreeMap<usize, BTreeSet<String>>,
}

impl Lists {
    fn are_complete(&self, watches: usize) -> bool {
        self.complete.len() == watches
    }

    fn take(
        &mut self,
        number: usize,
        request: &Request,
        event: Event<Dated<VoiceCampaign>>,
        view: &mut View<'_>,
    ) {
        match event {
            Event::Init => drop(self.listed.insert(number, BTreeSet::new())),
            Event::InitApply(object) => {
                self.listed.entry(number).or_default().insert(object.uid().unwrap_or_default());
                view.see(&object, request);
            }
            // Those that the list does not show went before it, or while the watch was away.
            Event::InitDone => {
                let listed = self.listed.remove(&number).unwrap_or_default();
                for (namespace, uid) in view.board.remaining() {
                    if request.scope.has(&namespace) && !listed.contains(&uid) {
                        view.gone(&uid, None);
                    }
                }
                self.complete.insert(number);
            }
            Event::Apply(object) => view.see(&object, request),
            Event::Delete(object) => {
                let uid = object.uid().unwrap_or_default();
                view.gone(&uid, Some(Seen::of(&object)));
            }
        }
    }
}

/// Where an event shows.
struct View<'a> {
    board: &'a mut Board,
    screen: &'a Screen,
    now: Timestamp,
}

impl View<'_> {
    fn see(&mut self, object: &Dated<VoiceCampaign>, request: &Request) {
        if self.board.follows(&object.uid().unwrap_or_default()) || request.selected.selects(object) {
            say(self.screen, self.board.see(Seen::of(object), self.now), false);
        }
    }

    fn gone(&mut self, uid: &str, last: Option<Seen>) {
        say(self.screen, self.board.gone(uid, last, self.now), true);
    }
}

fn say(screen: &Screen, line: Option<String>, matters: bool) {
    if let Some(line) = line {
        screen.say(&line, matters);
    }
}
