//! A plan, for people and for programs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::Serialize;
use voicecampaign_operator::api::Reason;

use super::fate::{Fate, Planned};
use super::known::{Known, Passes};
use super::manifests::Name;
use crate::output;
use crate::seen::Seen;
use crate::words::{count, or_dash, some};

/// What `plan --output json` prints.
#[derive(Serialize, JsonSchema, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// One entry for each VoiceCampaign.
    pub items: Vec<Planned>,
    /// Whether all namespaces could be read. If not, a VoiceCampaign in another namespace may keep a
    /// campaign.
    pub all_namespaces_read: bool,
    /// Whether the KoreConnections could be read. If not, one may be missing.
    pub connections_read: bool,
    /// The connections whose brake would hold some of these deletions.
    pub braked: Vec<Braked>,
    /// The connections whose brake would hold deletions if a person had not approved them.
    pub approved: Vec<Approved>,
    /// Other resources of these manifests, whose controllers may delete what they have applied. The plan does
    /// not know what that is.
    pub appliers: Vec<String>,
}

/// A connection whose brake lets all deletions begin.
#[derive(Serialize, JsonSchema, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Approved {
    /// The connection, as `namespace/name`.
    pub connection: String,
    /// Those that are requested before this time.
    pub until: Time,
}

/// A connection whose brake would hold deletions.
#[derive(Serialize, JsonSchema, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Braked {
    /// The connection, as `namespace/name`.
    pub connection: String,
    /// How many deletions it lets begin now.
    pub room: usize,
    /// How many deletions this plan has.
    pub planned: usize,
}

/// Contact lists of a campaign that a table names.
const LISTS: usize = 3;

impl Plan {
    /// A plan: first what would be deleted.
    pub fn new(mut items: Vec<Planned>, known: &Known, now: Timestamp) -> Self {
        let (mut braked, mut approved) = (Vec::new(), Vec::new());
        for (connection, passes) in known.brakes(now) {
            let asks = |planned: &Planned| {
                planned.fate == Fate::Deleted && of_connection(&planned.seen) == connection
            };
            let planned = items.iter().filter(|planned| asks(planned)).count();
            match passes {
                Passes::So(room) if planned > room => {
                    let held = items.iter_mut().filter(|planned| asks(planned));
                    held.for_each(|planned| brake(planned, room, &connection));
                    braked.push(Braked { connection, room, planned });
                }
                Passes::AllUntil(until) if planned > 0 => {
                    approved.push(Approved { connection, until: Time(until) });
                }
                Passes::So(_) | Passes::AllUntil(_) => {}
            }
        }
        with_their_takers(&mut items, known);
        items.sort_by_cached_key(|planned| (planned.fate, planned.seen.key()));
        Self {
            braked,
            approved,
            all_namespaces_read: known.sees_all(),
            connections_read: known.knows_connections(),
            appliers: Vec::new(),
            items,
        }
    }

    /// Those of a fate.
    pub fn of(&self, fate: Fate) -> impl Iterator<Item = &Planned> {
        self.items.iter().filter(move |planned| planned.fate == fate)
    }

    /// How many campaigns of Kore may be deleted: also those that are held for now.
    pub fn campaigns_at_risk(&self) -> usize {
        let at_risk = [Fate::Deleted, Fate::Braked, Fate::Held];
        campaigns(self.items.iter().filter(|planned| at_risk.contains(&planned.fate)))
    }

    /// For a terminal.
    pub fn table(&self) -> String {
        let head = ["NAMESPACE", "NAME", "CAMPAIGN", "STATE", "CONTACT LISTS", "WOULD BE", "WHY"];
        let all = match self.items.is_empty() {
            true => NONE.to_owned(),
            false => {
                [output::table(head, self.items.iter().map(row)), String::new(), self.in_words()].join("\n")
            }
        };
        [all].into_iter().chain(self.doubts()).collect::<Vec<_>>().join("\n")
    }

    /// For a comment on a pull request.
    pub fn markdown(&self) -> String {
        let line = |cells: [String; 7]| format!("| {} |", cells.map(|cell| escaped(&cell)).join(" | "));
        let head = ["namespace", "name", "campaign", "state", "contact lists", "would be", "why"];
        let mut lines = Vec::new();
        match self.items.is_empty() {
            true => lines.push(NONE.to_owned()),
            false => {
                lines.extend([format!("**{}**", self.in_words()), String::new()]);
                lines.push(format!("| {} |", head.join(" | ")));
                lines.push(format!("|{}", "---|".repeat(head.len())));
                lines.extend(self.items.iter().map(|planned| line(row(planned))));
            }
        }
        lines.extend(self.doubts().flat_map(|doubt| [String::new(), doubt]));
        lines.join("\n")
    }

    /// Names of what would be deleted in Kore, now or once the brake lets it begin.
    pub fn names(&self) -> Vec<String> {
        let deleted = self.of(Fate::Deleted).chain(self.of(Fate::Braked));
        deleted.map(|planned| output::name(&planned.seen.name)).collect()
    }

    fn in_words(&self) -> String {
        let part = |fate: Fate| {
            let (resources, campaigns) = (self.of(fate).count(), campaigns(self.of(fate)));
            let what = first_upper(fate.in_words());
            match resources {
                0 => None,
                // Several resources may stand for one campaign.
                _ if fate == Fate::Deleted && campaigns < resources => {
                    Some(format!("{what}: {campaigns} (of {}).", count(resources, "resource")))
                }
                _ if fate == Fate::Braked => {
                    let room: usize = self.braked.iter().map(|braked| braked.room).sum();
                    Some(format!("{what}: {resources} ({room} may begin)."))
                }
                _ => Some(format!("{what}: {resources}.")),
            }
        };
        Fate::ALL.into_iter().filter_map(part).collect::<Vec<_>>().join(" ")
    }

    fn doubts(&self) -> impl Iterator<Item = String> {
        let of_namespaces = "You may not read all namespaces: a VoiceCampaign in another one may name the same campaign and keep it.";
        let of_connections =
            "You may not read the KoreConnections: one may be missing, or have a brake, and hold deletions.";
        let doubts = [(self.all_namespaces_read, of_namespaces), (self.connections_read, of_connections)];
        let of_brakes = self.braked.iter().map(|Braked { connection, room, planned }| {
            let begin = match room {
                0 => format!("holds {}", count(*planned, "deletion")),
                _ => format!("lets {room} of {planned} deletions begin, and holds the others"),
            };
            let (namespace, name) = connection.split_once('/').unwrap_or_default();
            format!(
                "The brake of the KoreConnection {connection} {begin} until somebody approves them (`kubectl vcamp approve {name} -n \
                 {namespace}`)."
            )
        });
        let of_approvals = self.approved.iter().map(|Approved { connection, until }| {
            format!("The brake of the KoreConnection {connection} holds none that is requested before {:.0}: a person has approved that.", until.0)
        });
        let of_appliers = self.appliers.iter().map(|applier| {
            format!("If {applier} is deleted, its controller may delete what it has applied, VoiceCampaigns too: the plan does not know them.")
        });
        let doubts = doubts.into_iter().filter(|(known, _)| !known && !self.items.is_empty());
        let doubts = doubts.map(|(_, doubt)| doubt.to_owned());
        doubts.chain(of_brakes).chain(of_approvals).chain(of_appliers)
    }
}

/// The connection of a resource, as `namespace/name`.
fn of_connection(seen: &Seen) -> String {
    format!("{}/{}", seen.namespace, seen.connection.as_deref().unwrap_or_default())
}

/// A campaign does not stay because one of its resources has the policy `Orphan`, if another one deletes it.
fn with_their_takers(items: &mut [Planned], known: &Known) {
    let of_plan: BTreeMap<String, Fate> =
        items.iter().map(|planned| (planned.seen.key(), planned.fate)).collect();
    let fate_by = |taker: &Name| match of_plan.get(&taker.to_string()) {
        Some(fate @ (Fate::Deleted | Fate::Braked)) => *fate,
        // It may have been requested long ago, and wait for somebody.
        Some(Fate::Deleting) | None if known.goes_on(taker) => Fate::Deleted,
        Some(_) | None => Fate::Held,
    };
    for planned in items.iter_mut().filter(|planned| matches!(planned.fate, Fate::Orphaned | Fate::Left)) {
        let goes = |taker: &&Name| of_plan.get(&taker.to_string()) != Some(&Fate::Protected);
        let takers = planned.takers.iter().filter(goes).map(|taker| (fate_by(taker), taker));
        let Some((fate, taker)) = takers.min() else { continue };
        let why = format!("{taker} goes, too, and has the policy Delete");
        (planned.fate, planned.why) = match fate {
            Fate::Held => {
                (planned.fate, Some(format!("{why}; what holds that deletion holds the campaign's")))
            }
            fate => (fate, Some(why)),
        };
    }
}

/// Says that the brake of the connection, which lets so many deletions begin, may hold this one.
fn brake(planned: &mut Planned, room: usize, connection: &str) {
    let reason = Reason::MassDeletion.as_str();
    let number = if room == 0 { "no more deletions".to_owned() } else { room.to_string() };
    planned.fate = Fate::Braked;
    planned.why = Some(format!("{reason}: the brake of {connection} lets {number} begin now"));
}

/// How many campaigns these resources stand for.
fn campaigns<'a>(planned: impl Iterator<Item = &'a Planned>) -> usize {
    let ids = planned.map(|Planned { seen, .. }| match (&seen.stream_id, &seen.campaign_id) {
        (Some(stream), Some(campaign)) => (seen.account.as_str(), stream.as_str(), campaign.as_str()),
        // One of its own, as far as is known.
        _ => ("", "", seen.uid.as_str()),
    });
    ids.collect::<BTreeSet<_>>().len()
}

const NONE: &str = "There is no VoiceCampaign to delete.";

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn row(planned: &Planned) -> [String; 7] {
    let Planned { fate, why, shared_with, seen, takers: _, in_doubt: _ } = planned;
    let shared = (!shared_with.is_empty()).then(|| format!("shared with {}", shared_with.join(", ")));
    let why: Vec<_> = why.clone().into_iter().chain(shared).collect();
    [
        seen.namespace.clone(),
        seen.name.clone(),
        or_dash(seen.campaign_name.as_deref().or(seen.campaign_id.as_deref())),
        or_dash(seen.state.as_deref()),
        or_dash(Some(&some(&seen.contact_lists, LISTS))),
        fate.in_words().to_owned(),
        why.join("; "),
    ]
}

/// A text in a cell of a Markdown table.
fn escaped(text: &str) -> String {
    let special = |c: char| matches!(c, '|' | '\\' | '`' | '*' | '_' | '<' | '[' | ']' | '#' | '@');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}
