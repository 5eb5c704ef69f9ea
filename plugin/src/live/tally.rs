//! What has become of all resources of a board. Pure.

use std::collections::BTreeMap;

use voicecampaign_operator::api::Reason;

use crate::words::{NAMED, count, some};

/// What has become of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Kore has confirmed.
    pub deleted: usize,
    /// Kore has no such campaign.
    pub absent: usize,
    /// Left in Kore.
    pub orphaned: usize,
    /// Those that the operator goes on with.
    pub going: usize,
    /// Gone, and no status was seen that says how.
    pub unconfirmed: Vec<String>,
    /// Those that are held, each with its reason.
    pub held: Vec<String>,
    /// Those that are not deleted, each with its reason.
    pub not_deleted: Vec<String>,
    /// Those of which nobody knows whether they are being deleted, each with its reason.
    pub unknown: Vec<String>,
}

/// Resources with their reasons, those of the same reason together if there are many.
fn grouped(held: &[String]) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, reason) in held.iter().filter_map(|one| one.split_once(": ")) {
        by_reason.entry(reason).or_default().push(key.to_owned());
    }
    let lines = by_reason.into_iter().flat_map(|(reason, keys)| {
        let advice = if reason == Reason::MassDeletion.as_str() { BRAKED } else { "" };
        match keys.len() {
            0..=NAMED => keys.iter().map(|key| format!("{key}: {reason}{advice}")).collect(),
            number => vec![format!("{number} of {reason}{advice}: {}", some(&keys, NAMED))],
        }
    });
    lines.collect()
}

const BRAKED: &str = " (`kubectl vcamp orphan --not-begun CONNECTION -n NAMESPACE` saves their campaigns, `kubectl vcamp approve CONNECTION -n \
                      NAMESPACE` lets them begin)";

impl Tally {
    /// Whether all are gone, and it is known how.
    pub fn is_clean(&self) -> bool {
        let Self { deleted: _, absent: _, orphaned: _, going, unconfirmed, held, not_deleted, unknown } =
            self;
        *going == 0 && [unconfirmed, held, not_deleted, unknown].iter().all(|names| names.is_empty())
    }

    /// In words, some lines.
    pub fn in_words(&self) -> String {
        let Self { deleted, absent, orphaned, going, unconfirmed, held, not_deleted, unknown } = self;
        let numbers = [
            (*deleted, "deleted in Kore"),
            (*absent, "that Kore does not have"),
            (*orphaned, "left in Kore"),
            (*going, "whose deletion goes on"),
        ];
        let parts = numbers.into_iter().filter(|(number, _)| *number > 0);
        let parts: Vec<_> =
            parts.map(|(number, what)| format!("{} {what}", count(number, "campaign"))).collect();
        let mut lines = Vec::new();
        if !parts.is_empty() {
            lines.push(format!("{}.", parts.join(", ")));
        }
        for (what, names) in [
            (
                "Held, and in Terminating until somebody acts (`kubectl vcamp why NAME` says what to do):",
                &grouped(held),
            ),
            ("Not deleted:", not_deleted),
            (
                "Perhaps being deleted, because the API server gave no answer (`kubectl vcamp status`):",
                unknown,
            ),
            (
                "Gone, and no status says for certain what became of the campaign (look at the operator's audit line, and in \
                 Kore's console):",
                unconfirmed,
            ),
        ] {
            if !names.is_empty() {
                lines.push(what.to_owned());
                lines.extend(names.iter().map(|name| format!("  {name}")));
            }
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_of_one_reason_are_told_together() {
        let all: Vec<_> = (0..7).map(|number| format!("a/c{number}: MassDeletion")).collect();
        let told = grouped(&[all, vec!["a/x: Suspended".to_owned()]].concat());
        assert_eq!(told.len(), 2);
        assert!(
            told[0].starts_with("7 of MassDeletion (`kubectl vcamp orphan --not-begun CONNECTION"),
            "{}",
            told[0]
        );
        assert!(told[0].ends_with(": a/c0, a/c1, a/c2, a/c3, a/c4 and 2 more"), "{}", told[0]);
        assert_eq!(told[1], "a/x: Suspended");
    }
}
