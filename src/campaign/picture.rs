//! The picture of the states in docs/deletion.md, drawn from what the code says of each reason.

use std::path::Path;
use std::time::Duration;

use testbed::generated::settle_between;

use super::evidence::proof::{FEW, Hint, hint};
use crate::api::Reason;
use crate::kore::{AnswerSummary, Failure, FailureKind};

/// A DELETE that failed so, in each way that makes a difference: whether it was sent, and what was answered.
fn failures(kind: FailureKind) -> impl Iterator<Item = Failure> {
    let answers = [(401, "invalid token"), (403, "no permission to delete campaigns")];
    let each = [true, false].map(|sent| {
        answers.map(|(http_status, message)| Failure {
            kind,
            retry_after: Some(Duration::from_secs(1)),
            sent,
            answer: AnswerSummary {
                http_status: Some(http_status),
                message: message.to_owned(),
                ..AnswerSummary::default()
            },
        })
    });
    each.into_iter().flatten()
}

/// The reasons of answers to a DELETE that give this hint, in whatever case.
fn answers(wanted: Hint) -> String {
    let kinds = FailureKind::ALL.into_iter();
    let found = kinds.filter(|kind| failures(*kind).any(|failure| hint(&failure) == wanted));
    lines(found.map(|kind| Reason::Service(kind).as_str()))
}

/// The reasons with which a deletion waits for a person before any request.
fn people() -> String {
    let is_before = |reason: &Reason| match reason {
        Reason::Service(_) | Reason::StreamSuddenlyEmpty => false,
        other => other.needs_a_person(),
    };
    lines(Reason::all().filter(is_before).map(Reason::as_str))
}

/// Two names in each line of a label.
fn lines(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<_> = names.collect();
    assert!(!names.is_empty(), "an arrow without a reason");
    names.chunks(2).map(|names| names.join(", ")).collect::<Vec<_>>().join("<br/>")
}

#[test]
fn the_picture_shows_the_states_of_a_deletion() {
    let (deleted, absent, orphaned) = (Reason::Deleted, Reason::Absent, Reason::Orphaned);
    let [deleted, absent, orphaned] = [deleted, absent, orphaned].map(Reason::as_str);
    let picture = format!(
        "```mermaid
flowchart TD
    requested([kubectl delete]) --> request[the operator sends the DELETE<br/>{deleting}]
    request -- Kore confirms --> deleted([{deleted}])
    request -- \"{gone}\" --> proof[the operator reads whether the campaign exists]
    request -- \"{nothing}\" --> open[it may be deleted or not: a pause]
    request -- \"{turned_away}\" --> away[Kore refused the request, or was not reached: a pause]
    open -- \"the time in NEXT\" --> request
    open -- \"{FEW} such answers in a row\" --> proof
    away -- \"the time in NEXT\" --> request
    proof -- Kore returns the campaign --> request
    proof -- proven --> absent([{absent}])
    proof -- \"a read fails, with the same reasons\" --> proof
    proof -. \"{doubted}\" .-> access[somebody has to restore the app's access: Stalled]
    access -. fixed .-> proof
    requested -. \"{people}\" .-> person[somebody has to act: Stalled]
    requested -. \"{queue}\" .-> wait[the account has to wait]
    person -. fixed .-> request
    wait -. \"the rate limit allows it, Kore works\" .-> request
    policy([policy Orphan, at any time]) --> orphaned([{orphaned}])
```
",
        deleting = Reason::Deleting.as_str(),
        gone = answers(Hint::Gone),
        nothing = answers(Hint::None),
        turned_away = answers(Hint::TurnedAway),
        doubted = Reason::StreamSuddenlyEmpty.as_str(),
        people = people(),
        queue = lines([Reason::WaitingForQuota, Reason::AccountUnavailable].map(Reason::as_str).into_iter()),
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    settle_between(&root.join("docs/deletion.md"), "states", &picture);
}
