//! What a reason means for its reader: what happens next, and what to do. Pure.
//!
//! The words are those of docs/troubleshooting.md, with the commands for this very resource.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use voicecampaign_operator::api::{Reason, VoiceCampaign};
use voicecampaign_operator::kore::FailureKind;

use super::facts::Facts;
use super::todo::Todo;
use crate::seen::{self, Seen};
use crate::words::long;

/// What happens next, and what to do.
pub struct Advice {
    /// What happens next.
    pub next: String,
    /// What would change that.
    pub todo: Vec<Todo>,
}

/// The resource, for commands about it.
pub struct Subject {
    namespace: String,
    name: String,
    campaign: String,
    connection: String,
    secret: Option<String>,
    deleting: bool,
    /// Whether it is being deleted, and no DELETE was sent: its campaign can be saved.
    unsent: bool,
    lacks_right: bool,
    options: String,
    now: Timestamp,
}

impl Subject {
    /// From what is known.
    pub fn new(seen: &Seen, facts: &Facts) -> Self {
        let connection = facts.connection.read().and_then(Option::as_ref);
        let unknown = || "(unknown)".to_owned();
        let [campaign, stream] =
            [&seen.campaign_id, &seen.stream_id].map(|id| id.clone().unwrap_or_else(unknown));
        Self {
            namespace: seen.namespace.clone(),
            name: seen.name.clone(),
            campaign: format!("{campaign} of the stream {stream}"),
            connection: seen.connection.clone().unwrap_or_else(unknown),
            secret: connection.map(|connection| connection.spec.credentials_secret_ref.name.clone()),
            deleting: seen.phase.is_deletion(),
            unsent: seen.kept && seen.has_not_begun(),
            lacks_right: seen
                .message
                .as_deref()
                .is_some_and(|message| message.contains("the JWT app may not")),
            options: facts.options.clone(),
            now: facts.now,
        }
    }

    fn vcamp(&self, command: &str) -> String {
        format!("kubectl vcamp {command} {} -n {}{}", self.name, self.namespace, self.options)
    }

    fn kubectl(&self, command: &str, what: &str) -> String {
        format!("kubectl {command} {what} -n {}{}", self.namespace, self.options)
    }

    fn of_connection(&self, command: &str) -> String {
        self.kubectl(command, &format!("kconn {}", self.connection))
    }

    fn orphan(&self) -> Todo {
        let what = if self.deleting {
            "To remove the resource and leave the campaign in Kore, where it may go on calling people"
        } else {
            "To leave the campaign in Kore when the resource is deleted"
        };
        Todo::says(what, &self.vcamp("orphan"))
    }

    fn look_at_connection(&self, what: &str) -> Todo {
        Todo::says(what, &self.of_connection("describe"))
    }

    fn look_at_secret(&self, what: &str) -> Todo {
        match &self.secret {
            Some(secret) => Todo::says(what, &self.kubectl("describe", &format!("secret {secret}"))),
            None => Todo::only(what),
        }
    }
}

/// How to stop the calls, while a deletion waits.
pub fn console(deleting: bool) -> Option<Todo> {
    let what = "If the calls must stop now, stop the campaign in Kore's console; if you delete it there, the deletion ends as Absent";
    deleting.then(|| Todo::only(what))
}

/// What to say about a resource.
pub fn of(seen: &Seen, subject: &Subject, object: Option<&VoiceCampaign>, metadata: &ObjectMeta) -> Advice {
    if seen.phase.is_deletion() && !seen.kept {
        return not_kept_by_the_operator(seen, subject, object, metadata);
    }
    if object.and_then(seen::obstructed).is_some() {
        let what = "Mend what the condition Obstructed names: a policy of the cluster, or a missing right of the operator";
        return Advice {
            next: "The operator tries again, every 30 s or so.".to_owned(),
            todo: vec![Todo::only(what)],
        };
    }
    match seen.reason.as_deref().and_then(Reason::parse) {
        Some(reason) => Advice { next: next(reason, seen, subject), todo: todo(reason, subject) },
        None if subject.deleting => Advice {
            next: "The operator is about to send the first request; that takes a second.".to_owned(),
            todo: Vec::new(),
        },
        None => Advice { next: "The operator is about to read the campaign.".to_owned(), todo: Vec::new() },
    }
}

/// Its finalizer is not on the resource: either the operator is done, or it never had a part in the deletion.
fn not_kept_by_the_operator(
    seen: &Seen,
    subject: &Subject,
    object: Option<&VoiceCampaign>,
    metadata: &ObjectMeta,
) -> Advice {
    let names = seen::foreign_finalizers(metadata).collect::<Vec<_>>().join(", ");
    let what = format!("Ask those who have set {names}; remove one by hand only with their consent");
    let ask = Todo::says(&what, &subject.kubectl("edit", &format!("vcamp {}", subject.name)));
    if seen.outcome.is_some() {
        let next =
            "The operator is done with the resource. It goes when the finalizers of others are removed.";
        return Advice { next: next.to_owned(), todo: vec![ask] };
    }
    if object.is_some() && !seen.deletes() {
        let next = "The campaign stays in Kore, as the policy Orphan says. The resource goes when the finalizers of others are removed.";
        return Advice { next: next.to_owned(), todo: vec![ask] };
    }
    let shared = object.and_then(|object| seen::holds(object, "Shared"));
    let unless =
        shared.map(|shared| format!(", unless another resource keeps it ({})", seen::said_by(shared)));
    let look = format!(
        "Look for the campaign {} in Kore's console, and delete it there{}",
        subject.campaign,
        unless.unwrap_or_default()
    );
    Advice {
        next: "Nobody deletes the campaign: the operator's finalizer is not on the resource, and no outcome is recorded. The campaign \
               may go on calling people."
            .to_owned(),
        todo: vec![Todo::only(&look), ask],
    }
}

/// What happens next.
fn next(reason: Reason, seen: &Seen, subject: &Subject) -> String {
    let nothing = |until: &str| {
        format!("Nothing, until {until}. The operator notices that by itself, within a minute.")
    };
    match reason {
        Reason::Service(kind) => next_after_answer(kind, seen, subject),
        Reason::CampaignFound | Reason::CampaignNotFound | Reason::Pending if subject.deleting => {
            about_to_begin(seen).to_owned()
        }
        Reason::CampaignFound => "The operator reads the campaign again every 10 minutes or so.".to_owned(),
        Reason::CampaignNotFound => {
            "The operator looks for the campaign again every 10 minutes or so.".to_owned()
        }
        Reason::Pending => {
            "The operator reads the campaign once the quota of the account allows it; deletions come first."
                .to_owned()
        }
        Reason::Suspended if subject.deleting => nothing("`spec.suspend` is false, or the policy is Orphan"),
        Reason::Suspended => "Nothing, until `spec.suspend` is false.".to_owned(),
        Reason::Invalid => nothing("the resource fits its schema"),
        Reason::ConnectionNotFound => nothing("the KoreConnection exists"),
        Reason::ConnectionInvalid => nothing("the KoreConnection fits its schema"),
        Reason::NotSelected => {
            nothing("one operator selects the resource and all connections of its account")
        }
        Reason::HostNotAllowed => nothing("the operator may call the host"),
        Reason::AccountChanged => nothing("the connection leads to the account of the campaign"),
        Reason::CredentialsMissing => nothing("the Secret has both keys, and the operator may read it"),
        Reason::MassDeletion => nothing("somebody approves the deletions, or sets the policy Orphan"),
        Reason::CampaignShared => SHARED.to_owned(),
        Reason::StreamSuddenlyEmpty => EMPTY.to_owned(),
        Reason::AccountUnavailable => DOWN.to_owned(),
        Reason::Deleting => {
            "Kore's answer, or the end of the request's time (timeoutSeconds of the connection).".to_owned()
        }
        Reason::WaitingForQuota => scheduled("sends the next request", seen, subject),
        Reason::ListingIncomplete if subject.deleting => scheduled(PROVES, seen, subject),
        Reason::ListingIncomplete => scheduled("reads again", seen, subject),
        Reason::Deleted | Reason::Absent | Reason::Orphaned => {
            "The operator removes its finalizer, and the resource goes.".to_owned()
        }
        Reason::CampaignLeftBehind => "Nothing: the resource is gone.".to_owned(),
    }
}

/// What an operator does that has not said anything of the deletion yet.
fn about_to_begin(seen: &Seen) -> &'static str {
    match () {
        () if !seen.deletes() => "The operator is about to remove its finalizer; the campaign stays in Kore.",
        () if seen.suspend => "Nothing, until `spec.suspend` is false: the operator is about to say so.",
        () => "The operator is about to begin the deletion, unless the brake of its connection holds it.",
    }
}

const SHARED: &str = "Nothing, until the other resource is deleted, too, or has the policy Orphan. If Kore has never returned the campaign for the \
     other one, it keeps the campaign until Kore answers without it, or for some 10 minutes after its creation if the operator can't ask \
     Kore; then the operator deletes the campaign.";
const EMPTY: &str =
    "The operator lists the stream again every 5 minutes or so; it goes on when campaigns are there again.";
const DOWN: &str = "The operator tries at least once a minute whether Kore answers again, with one request for the whole account. Then it goes on \
     with all deletions, oldest first.";
const REFUSED: &str = "The operator tries again at least once a minute, with one request for all resources of these credentials, and reads the Secret \
     again for each.";
const PROVES: &str = "goes on proving that Kore has no such campaign, with the next read,";

/// The same after an answer of Kore's.
fn next_after_answer(kind: FailureKind, seen: &Seen, subject: &Subject) -> String {
    match kind {
        FailureKind::CredentialsRejected if !subject.lacks_right => REFUSED.to_owned(),
        FailureKind::MayBeAbsent if subject.deleting => scheduled(PROVES, seen, subject),
        // How often, the message of the status says.
        FailureKind::CredentialsRejected
        | FailureKind::MayBeAbsent
        | FailureKind::Accepted
        | FailureKind::Throttled
        | FailureKind::Refused
        | FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => scheduled("tries again", seen, subject),
    }
}

/// What the operator does at the time that the status names.
fn scheduled(what: &str, seen: &Seen, subject: &Subject) -> String {
    match when(seen, subject.now) {
        Some(at) => format!("The operator {what} {at}."),
        // The message of the status names the time of a read.
        None if subject.deleting => format!("The operator {what} as soon as it is due."),
        None => format!("The operator {what} in a minute or so."),
    }
}

/// What to do.
fn todo(reason: Reason, subject: &Subject) -> Vec<Todo> {
    let (own, console) = match reason {
        Reason::Service(kind) => (todo_about_service(kind, subject), true),
        Reason::AccountUnavailable => (todo_about_outage(subject), true),
        Reason::WaitingForQuota => (todo_about_quota(subject), true),
        Reason::CampaignNotFound | Reason::Invalid | Reason::Suspended | Reason::CampaignShared => {
            (todo_about_resource(reason, subject), false)
        }
        Reason::MassDeletion => (
            vec![
                Todo::says(
                    "If the deletions are meant, let them begin",
                    &format!(
                        "kubectl vcamp approve {} -n {}{}",
                        subject.connection, subject.namespace, subject.options
                    ),
                ),
                subject.orphan(),
            ],
            true,
        ),
        Reason::StreamSuddenlyEmpty => (
            vec![
                Todo::only("Restore the JWT app's scope, and its access to the stream"),
                Todo::says(
                    "If the campaigns are really gone, release the resource",
                    &subject.vcamp("orphan"),
                ),
            ],
            false,
        ),
        Reason::ListingIncomplete => (todo_about_proof(), true),
        Reason::ConnectionNotFound
        | Reason::ConnectionInvalid
        | Reason::NotSelected
        | Reason::HostNotAllowed
        | Reason::AccountChanged
        | Reason::CredentialsMissing => (todo_about_connection(reason, subject), true),
        Reason::Pending if subject.deleting => {
            let what = "If that takes longer than a minute, look whether the connection is Obstructed";
            (vec![subject.look_at_connection(what)], true)
        }
        Reason::CampaignFound
        | Reason::Pending
        | Reason::Deleting
        | Reason::Deleted
        | Reason::Absent
        | Reason::Orphaned
        | Reason::CampaignLeftBehind => (Vec::new(), false),
    };
    let saved = subject.unsent.then(|| subject.orphan()).filter(|orphan| !own.contains(orphan));
    own.into_iter().chain(saved).chain(self::console(console && subject.deleting)).collect()
}

fn todo_about_resource(reason: Reason, subject: &Subject) -> Vec<Todo> {
    match reason {
        Reason::CampaignNotFound if subject.deleting => Vec::new(),
        Reason::CampaignNotFound => vec![
            Todo::only("Compare campaignId and streamId with Kore's console"),
            Todo::says("To have the operator look again now", &subject.vcamp("refresh")),
        ],
        Reason::Suspended if subject.deleting => vec![
            Todo::says("To delete the campaign in Kore after all", &subject.vcamp("resume")),
            subject.orphan(),
        ],
        Reason::Suspended => vec![Todo::says("To go on", &subject.vcamp("resume"))],
        Reason::CampaignShared => {
            vec![subject.orphan(), Todo::only("To delete the campaign, delete the other resource, too")]
        }
        _ => vec![Todo::says(
            "Apply the resource again with the current definition, and correct what the message names",
            &subject.kubectl("edit", &format!("vcamp {}", subject.name)),
        )],
    }
}

fn todo_about_connection(reason: Reason, subject: &Subject) -> Vec<Todo> {
    let connection = &subject.connection;
    let first = match reason {
        Reason::ConnectionNotFound => {
            Todo::only(&format!("Create the KoreConnection {connection} (docs/koreconnection.md)"))
        }
        Reason::ConnectionInvalid => Todo::says("Correct the KoreConnection", &subject.of_connection("edit")),
        Reason::NotSelected => Todo::says(
            "Give the KoreConnections of the account the labels that the campaign's operator selects",
            &format!("kubectl get kconn -A --show-labels{}", subject.options),
        ),
        Reason::HostNotAllowed => subject.look_at_connection(
            "Ask the operator's administrator to allow the host of the connection (allowedHosts of the chart)",
        ),
        Reason::AccountChanged => subject.look_at_connection(
            "Create the connection again with its former host and account (docs/koreconnection.md says how), or list the former host in \
             formerHosts",
        ),
        _ => subject.look_at_secret("Create the Secret, or correct the key that the message names"),
    };
    vec![first, subject.orphan()]
}

fn todo_about_service(kind: FailureKind, subject: &Subject) -> Vec<Todo> {
    match kind {
        FailureKind::CredentialsRejected if subject.lacks_right => {
            vec![Todo::only("In Kore, give the JWT app the right that the message names"), subject.orphan()]
        }
        FailureKind::CredentialsRejected => {
            let what = "Correct clientId and clientSecret; in Kore, publish the JWT app with the scope Campaign Management";
            vec![subject.look_at_secret(what), subject.orphan()]
        }
        FailureKind::Throttled => todo_about_quota(subject),
        FailureKind::Refused => vec![
            Todo::only(
                "Follow Kore's answer: a campaign that is running has to be stopped first, in Kore's console",
            ),
            subject.orphan(),
        ],
        FailureKind::MayBeAbsent | FailureKind::Accepted => todo_about_proof(),
        FailureKind::Unavailable
        | FailureKind::Unreachable
        | FailureKind::Unreadable
        | FailureKind::ContractViolation => todo_about_outage(subject),
    }
}

fn todo_about_outage(subject: &Subject) -> Vec<Todo> {
    let what = "If it lasts, check the host of the connection, the network, and what stands between the operator and Kore";
    vec![Todo::only("Wait, if Kore is known to be down"), subject.look_at_connection(what)]
}

fn todo_about_quota(subject: &Subject) -> Vec<Todo> {
    let what = "If Kore grants the account more requests, raise rateLimit.requestsPerMinute; if others use the account, lower it";
    vec![Todo::says(what, &subject.of_connection("edit"))]
}

fn todo_about_proof() -> Vec<Todo> {
    let what =
        "Wait: the proof takes some 15 s if Kore answers reads, and some 5 min if its answers say nothing";
    vec![Todo::only(what)]
}

/// When the operator goes on, in words.
fn when(seen: &Seen, now: Timestamp) -> Option<String> {
    let next = seen.next_at()?;
    Some(match next > now {
        true => format!("at {next:.0} (in {})", long(next.duration_since(now))),
        false => "now".to_owned(),
    })
}
