//! The page: a line for each part of an installation. Pure.

use std::fmt;

use crate::kore::scrub::{cut, plain};
use crate::kube_ext::{NO_DEFINITIONS, error_chain, knows_no_such_kind, without_content};

/// Longest line of a finding, in characters; most lines of one. The texts are those of others: a Lease may
/// name any holder, and a webhook may answer anything.
const LONGEST: usize = 400;
const MOST: usize = 30;

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// The installation works; a person should look at something.
    Attention,
    /// It was not looked at.
    NotChecked,
    /// The installation does not work.
    Failed,
}

/// What is known of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub verdict: Verdict,
    /// In words; each further line is one of a list.
    pub said: String,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Attention => "attention",
            Self::NotChecked => "not checked",
            Self::Failed => "FAILED",
        }
    }
}

impl Finding {
    pub(super) fn ok(said: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, said: said.into() }
    }

    pub(super) fn attention(said: impl Into<String>) -> Self {
        Self { verdict: Verdict::Attention, said: said.into() }
    }

    pub(super) fn not_checked(said: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotChecked, said: said.into() }
    }

    pub(super) fn failed(said: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed, said: said.into() }
    }

    /// What a call to the API server that failed says of what it was to read.
    pub(super) fn refused(error: &kube::Error, what: &str) -> Self {
        match error {
            // Nobody lacks a right: the definition is being deleted, and with it all resources.
            kube::Error::Api(status)
                if status.message.contains("custom resource definition is terminating") =>
            {
                Self::failed(format!("{what}: {}", status.message))
            }
            // The API server names user, verb, kind and namespace.
            kube::Error::Api(status) if status.is_forbidden() => {
                Self::not_checked(format!("{what}: {}", status.message))
            }
            kube::Error::Api(status) if knows_no_such_kind(status) => {
                Self::failed(format!("the {NO_DEFINITIONS}"))
            }
            kube::Error::Api(status) => Self::failed(format!("{what}: {}", status.message)),
            // It may be what a credential plugin has printed.
            error => Self::failed(format!("{what}: {}", without_content(&error_chain(error)))),
        }
    }

    /// The two together: as bad as the worse, with what both say, unless that is that all is well.
    pub(super) fn and(self, other: Self) -> Self {
        let worse = |finding: &Self| match finding.verdict {
            Verdict::Ok => 0,
            Verdict::NotChecked => 1,
            Verdict::Attention => 2,
            Verdict::Failed => 3,
        };
        let (first, second) = if worse(&self) < worse(&other) { (other, self) } else { (self, other) };
        match second.verdict {
            Verdict::Ok if first.verdict != Verdict::Ok => first,
            _ if first.said == second.said => first,
            _ => Self { verdict: first.verdict, said: format!("{}\n{}", first.said, second.said) },
        }
    }
}

/// A text for a terminal, whoever wrote it.
pub(super) fn shown(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().take(MOST).map(|line| cut(&plain(line), LONGEST)).collect();
    lines.extend((text.lines().count() > MOST).then(|| "…".to_owned()));
    lines.join("\n  ")
}

/// The first ones as a list, and how many more there are.
pub(super) fn list(all: &[String], most: usize) -> String {
    let named = all.iter().take(most).map(|one| format!("\n- {one}"));
    let more = all.len().saturating_sub(most);
    named.chain((more > 0).then(|| format!("\n- and {more} more"))).collect()
}

/// What the lines say together.
#[derive(Debug, Default)]
pub(super) struct Page {
    failed: Vec<&'static str>,
    attention: Vec<&'static str>,
    not_checked: Vec<&'static str>,
    /// Whether anything was looked at.
    checked: bool,
}

/// A line of the page.
pub(super) struct Line<'a> {
    pub part: &'a str,
    pub finding: &'a Finding,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, finding: Finding { verdict, said } } = self;
        write!(f, "{:<12} {part:<12} {}", verdict.as_str(), shown(said))
    }
}

impl Page {
    /// Counts a line, and returns it.
    pub(super) fn add<'a>(&mut self, part: &'static str, finding: &'a Finding) -> Line<'a> {
        self.checked |= finding.verdict != Verdict::NotChecked;
        let parts = match finding.verdict {
            Verdict::Ok => None,
            Verdict::Attention => Some(&mut self.attention),
            Verdict::NotChecked => Some(&mut self.not_checked),
            Verdict::Failed => Some(&mut self.failed),
        };
        if let Some(parts) = parts.filter(|parts| !parts.contains(&part)) {
            parts.push(part);
        }
        Line { part, finding }
    }

    /// What all lines say together.
    ///
    /// # Errors
    /// With the parts that failed, or if nothing was checked.
    pub(super) fn sum(&self) -> Result<String, String> {
        let Self { failed, attention, not_checked, checked } = self;
        if !*checked {
            return Err("nothing could be checked; see above".to_owned());
        }
        if !failed.is_empty() {
            return Err(format!("the installation does not work; see above: {}", failed.join(", ")));
        }
        let looked = match not_checked.as_slice() {
            [] => String::new(),
            parts => format!(", as far as it was checked (not checked: {})", parts.join(", ")),
        };
        Ok(match attention.as_slice() {
            [] => format!("All is well{looked}."),
            parts => {
                let parts = parts.join(", ");
                format!("The installation works{looked}. Somebody should look at: {parts}.")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(findings: &[(&'static str, Finding)]) -> Result<String, String> {
        let mut page = Page::default();
        for (part, finding) in findings {
            let _ = page.add(part, finding);
        }
        page.sum()
    }

    #[test]
    fn the_page_says_whether_all_is_well() {
        let well = ("operator", Finding::ok("runs"));
        let hidden = ("rights", Finding::not_checked("forbidden"));
        let slow = ("deletions", Finding::attention("one is held"));
        let down = ("leader", Finding::failed("nobody leads"));
        assert_eq!(sum(std::slice::from_ref(&hidden)), Err("nothing could be checked; see above".to_owned()));
        assert_eq!(sum(std::slice::from_ref(&well)), Ok("All is well.".to_owned()));
        assert_eq!(
            sum(&[well.clone(), hidden.clone(), hidden.clone()]),
            Ok("All is well, as far as it was checked (not checked: rights).".to_owned())
        );
        assert_eq!(
            sum(&[hidden, slow.clone()]),
            Ok("The installation works, as far as it was checked (not checked: rights). Somebody should look at: deletions."
                .to_owned())
        );
        assert_eq!(
            sum(&[well, slow, down]),
            Err("the installation does not work; see above: leader".to_owned())
        );
    }

    /// A credential plugin may print a token, and have a password among its arguments.
    #[test]
    fn a_failed_call_shows_nothing_of_a_credential_plugin() {
        let printed = r#"auth exec command 'login --password=s3cret' failed with status exit status: 1: Output { stdout: "s3cret", stderr: "" }"#;
        let error = kube::Error::Service(printed.into());
        let said = Finding::refused(&error, "the KoreConnections").said;
        assert!(!said.contains("s3cret") && said.contains("auth exec command"), "{said}");
    }

    #[test]
    fn of_two_findings_the_worse_counts() {
        let (ok, attention) = (Finding::ok("a"), Finding::attention("b"));
        assert_eq!(ok.clone().and(Finding::ok("c")), Finding::ok("a\nc"));
        assert_eq!(ok.clone().and(ok.clone()), ok);
        assert_eq!(ok.clone().and(attention.clone()), attention);
        assert_eq!(attention.clone().and(ok), attention);
        assert_eq!(Finding::not_checked("c").and(attention), Finding::attention("b\nc"));
        assert_eq!(Finding::failed("d").and(Finding::not_checked("c")), Finding::failed("d\nc"));
    }

    #[test]
    fn a_line_has_its_list_below_it() {
        let finding = Finding::failed("two are wrong:\n- one\n- two");
        let line = Line { part: "policies", finding: &finding };
        assert_eq!(line.to_string(), "FAILED       policies     two are wrong:\n  - one\n  - two");
    }

    /// Whoever may write a Lease or answer for a webhook must not write the page.
    #[test]
    fn texts_of_others_are_one_line_and_have_an_end() {
        let forged = Finding::failed("pod\r\u{1b}[2Kok           leader       y leads");
        let line = Line { part: "leader", finding: &forged }.to_string();
        assert_eq!(line, "FAILED       leader       pod  [2Kok           leader       y leads");
        let endless = Finding::failed("x".repeat(10_000) + &"\ny".repeat(1000));
        let line = Line { part: "leader", finding: &endless }.to_string();
        assert!(line.lines().count() == MOST + 1 && line.ends_with("\n  …"), "{line}");
        assert!(line.len() < 1000, "{}", line.len());
    }

    #[test]
    fn a_refusal_is_told_from_a_failure() {
        let api = |code: u16, reason: &str| {
            let status = kube::core::Status::failure("the message", reason).with_code(code);
            Finding::refused(&kube::Error::Api(Box::new(status)), "it").verdict
        };
        assert_eq!(api(403, "Forbidden"), Verdict::NotChecked);
        assert_eq!([api(404, ""), api(500, "InternalError"), api(401, "Unauthorized")], [Verdict::Failed; 3]);
    }
}
