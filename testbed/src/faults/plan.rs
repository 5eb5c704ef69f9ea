use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Kind;

/// The faults of one run. One line of JSON says it all, so that the run can be repeated from the line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// What a report calls it.
    pub name: String,
    /// What it was drawn from, if it was drawn; and the seed of whatever else in the run is random.
    #[serde(default)]
    pub seed: u64,
    /// The faults. Where several hit one request, the first of them does.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Which requests it hits.
    pub at: Trigger,
    /// What becomes of them.
    pub then: Action,
}

/// Which requests a fault hits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trigger {
    /// Kinds of request that match; every effect if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// Index of the first request hit, counted from 1 among those that match and come after the plan was
    /// armed.
    pub from: u32,
    /// How many are hit, or how long.
    pub lasting: Lasting,
}

/// How many matching requests a fault hits from its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lasting {
    /// So many.
    Times(u32),
    /// Those that come within so many milliseconds of the first.
    ForMs(u64),
}

/// What becomes of a request that a fault hits. "Forwarded" means that the upstream has got it, and has
/// answered in full (with the head of its answer, if it is a watch): it has taken effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// The operator is killed; it is not forwarded.
    CrashBefore,
    /// It is forwarded; then the operator is killed, without an answer.
    CrashAfter,
    /// It is not forwarded; the connection is closed.
    LoseRequest,
    /// It is forwarded; the connection is closed without an answer.
    LoseAnswer,
    /// It is not forwarded, and never answered; the connection stays open until the client closes it. It goes
    /// on hanging when the faults have ended.
    Hang,
    /// It is forwarded, and never answered, as with [`Self::Hang`].
    HangAfter,
    /// It is not forwarded; the connection is reset (TCP RST).
    Reset,
    /// It is forwarded; the answer ends with the connection in the middle of its body. A watch ends in the
    /// middle of the first piece of its stream.
    CutBody,
    /// It is forwarded; the true answer's body comes in pieces of 16 bytes, with a pause before each.
    Slow {
        /// The pause, in milliseconds.
        pause_ms: u64,
    },
    /// It is forwarded after a pause, also if the client has gone meanwhile: the network was slow, and loses
    /// nothing.
    Delay {
        /// The pause, in milliseconds.
        ms: u64,
    },
    /// It is not forwarded; this is the answer.
    Answer(Answer),
    /// It is forwarded; this is the answer, instead of the true one.
    AnswerAfter(Answer),
    /// It is forwarded. From the first such request on, no watch delivers anything, neither one that is open
    /// nor one that begins; all that the upstream sends meanwhile is delivered afterwards. It lasts for the
    /// time of the trigger, or, where that counts requests, until the faults are ended.
    ///
    /// With [`Kind::Watch`] among the trigger's kinds, a watch that is open when the plan is armed counts as
    /// a request that comes at that moment.
    HoldWatch,
}

/// An answer that the upstream has not given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Body. If it is empty, the API server's answer has the object that Kubernetes sends with such a status.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

impl Plan {
    /// As one line of JSON.
    ///
    /// # Errors
    /// Never, in practice: it is plain data.
    pub fn to_line(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// From such a line.
    ///
    /// # Errors
    /// If the line is no plan.
    pub fn from_line(line: &str) -> Result<Self> {
        serde_json::from_str(line).with_context(|| format!("no plan: {line}"))
    }
}

impl Fault {
    /// A fault that hits one request: the one of this index among those of this kind.
    pub fn once(kind: Kind, index: u32, then: Action) -> Self {
        Self { at: Trigger { kinds: vec![kind], from: index, lasting: Lasting::Times(1) }, then }
    }

    /// A fault that hits one request: the one of this index among all effects.
    pub fn at_effect(index: u32, then: Action) -> Self {
        Self { at: Trigger { kinds: Vec::new(), from: index, lasting: Lasting::Times(1) }, then }
    }
}

impl Trigger {
    /// Whether it counts requests of this kind.
    pub(super) fn matches(&self, kind: Kind) -> bool {
        if self.kinds.is_empty() { kind.is_effect() } else { self.kinds.contains(&kind) }
    }
}

impl Answer {
    /// An answer with this status, and nothing else of its own.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// The statuses that a plan tries on a request.
    pub const STATUSES: [u16; 9] = [401, 403, 404, 409, 422, 429, 500, 503, 504];

    /// An answer with this status to a request of this kind, from whoever stands on the way.
    pub fn injected(kind: Kind, status: u16) -> Self {
        // Kore answers in JSON; with none, a body-less 404 is one of its answers, too.
        let body = match kind {
            Kind::KoreDelete | Kind::KoreGet | Kind::KoreList => r#"{"message":"injected"}"#,
            _ => "",
        };
        // A refusal for the rate limit that names no time costs a minute.
        let headers = (status == 429).then(|| ("retry-after".to_owned(), "1".to_owned()));
        Self { status, headers: headers.into_iter().collect(), body: body.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of failed runs are kept, and must stay readable.
    #[test]
    fn a_plan_is_one_line_and_comes_back_from_it() {
        let line = concat!(
            r#"{"name":"lost","seed":7,"faults":["#,
            r#"{"at":{"kinds":["kore-delete","status"],"from":2,"lasting":{"times":3}},"then":"lose-answer"},"#,
            r#"{"at":{"from":1,"lasting":{"forMs":60000}},"then":{"slow":{"pauseMs":5}}},"#,
            r#"{"at":{"kinds":["watch"],"from":1,"lasting":{"times":1}},"then":"hold-watch"},"#,
            r#"{"at":{"kinds":["kore-list"],"from":1,"lasting":{"times":1}},"#,
            r#""then":{"answer-after":{"status":429,"headers":{"retry-after":"0"},"body":"later"}}}]}"#
        );
        let plan = Plan::from_line(line).unwrap();
        assert_eq!(plan.faults[0].at.kinds, [Kind::KoreDelete, Kind::Status]);
        assert_eq!(plan.faults[1].then, Action::Slow { pause_ms: 5 });
        assert_eq!(plan.to_line().unwrap(), line);
    }

    #[test]
    fn a_line_with_an_unknown_field_is_refused() {
        for line in [
            r#"{"name":"x","fault":[]}"#,
            r#"{"name":"x","faults":[{"at":{"from":1,"lasting":{"times":1},"for":9},"then":"hang"}]}"#,
            r#"{"name":"x","faults":[{"at":{"from":1,"lasting":{"times":1}},"then":{"delay":{"ms":1,"s":1}}}]}"#,
            r#"{"name":"x","faults":[{"at":{"from":1,"lasting":{"times":1,"forMs":1}},"then":"hang"}]}"#,
            r#"{"name":"x","faults":[{"at":{"from":1},"then":"hang"}]}"#,
        ] {
            assert!(Plan::from_line(line).is_err(), "{line}");
        }
    }
}
