use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Who knows what is the case now: the controllers of a term.
pub trait Observe: Send + Sync {
    /// What is the case now.
    fn observe(&self) -> Current;
}

/// What is the case at one moment.
#[derive(Clone, Debug, Default)]
pub struct Current {
    /// How many VoiceCampaigns that are not being deleted there are of each sort.
    pub living: BTreeMap<Living, usize>,
    /// The VoiceCampaigns of each sort that are being deleted.
    pub terminating: BTreeMap<Terminating, Deletions>,
    /// Seconds since the deletion of a connection was requested, by the connection's namespace and name; only
    /// those that are being deleted.
    pub leaving: BTreeMap<String, f64>,
    /// The account of each connection, by the connection's namespace and name.
    pub accounts: BTreeMap<String, Account>,
    /// The watches that the controllers rely on.
    pub watches: BTreeMap<Watch, bool>,
}

/// A sort of VoiceCampaigns that are not being deleted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Living {
    /// Their namespace.
    pub namespace: String,
    /// Namespace and name of their connection; empty if there is none of that name.
    pub connection: String,
    /// The status of their condition `Ready`.
    pub ready: &'static str,
    /// Its reason.
    pub reason: &'static str,
}

/// A sort of VoiceCampaigns that are being deleted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Terminating {
    /// Their namespace.
    pub namespace: String,
    /// Namespace and name of their connection; empty if there is none of that name.
    pub connection: String,
    /// What holds them: the reason of the condition `Obstructed`, or of `Ready`.
    pub reason: &'static str,
}

/// VoiceCampaigns of one sort that are being deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Deletions {
    /// How many.
    pub objects: usize,
    /// Seconds since the deletion of the oldest of them was requested.
    pub oldest_seconds: f64,
    /// The longest time, in seconds, for which one of them has been held by anything but its turn within the
    /// quota.
    pub held_seconds: f64,
}

/// How many wait, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waiting {
    /// How many.
    pub objects: usize,
    /// Seconds since the oldest of them began to wait.
    pub oldest_seconds: f64,
}

/// What is known of the account of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Account {
    /// Calls per minute that the connection allows.
    pub quota: usize,
    /// Calls per minute that the operator makes at most now: fewer than the quota after a 429.
    pub pace: usize,
    /// Calls that count in the last minute, whichever connection of the account made them.
    pub calls: usize,
    /// Callers that wait for their turn, and for how long.
    pub queue: Waiting,
    /// Seconds until the last of them may call, if all keep their times.
    pub drain_seconds: f64,
    /// Seconds until the pause ends that Kore has asked for.
    pub paused_seconds: f64,
    /// Seconds since calls to the account have failed without one that worked; zero while they work.
    pub failing_seconds: f64,
    /// Whether Kore refuses the credentials.
    pub refused: bool,
}

/// A watch of the API server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watch {
    /// The kind, in the plural.
    pub kind: &'static str,
    /// The watched namespace; `*` for all.
    pub watched: String,
}

/// The gauges; none while no controllers run, but for the one that says so.
#[derive(Default)]
pub struct Gauges {
    controllers: Mutex<Option<Weak<dyn Observe>>>,
}

impl Gauges {
    pub fn ask(&self, controllers: Weak<dyn Observe>) {
        *self.controllers.lock().unwrap_or_else(PoisonError::into_inner) = Some(controllers);
    }

    fn observe(&self) -> Option<Current> {
        let controllers = self.controllers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Some(controllers?.upgrade()?.observe())
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Gauges")
    }
}

impl Collector for Gauges {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let current = self.observe();
        let mut scrape = Scrape { encoder };
        scrape.leader(current.is_some())?;
        let Current { living, terminating, leaving, accounts, watches } = current.unwrap_or_default();
        scrape.living(&living)?;
        scrape.terminating(&terminating)?;
        scrape.gauge(
            "koreconnection_terminating_age",
            "Time since the deletion of the KoreConnection was requested; only of those that are being deleted",
            Some(&Unit::Seconds),
            leaving.iter().map(|(connection, seconds)| ([("connection", connection.as_str())], *seconds)),
        )?;
        scrape.accounts(&accounts)?;
        scrape.gauge(
            "watch_works",
            "Whether the API server has listed a kind and the watch has not failed since, by kind and watched namespace (*: all)",
            None,
            watches.iter().map(|(Watch { kind, watched }, works)| {
                ([("kind", *kind), ("watched", watched.as_str())], f64::from(u8::from(*works)))
            }),
        )
    }
}

/// Writes gauges, one metric after the other.
struct Scrape<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Scrape<'_> {
    fn gauge<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        series: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn leader(&mut self, leads: bool) -> fmt::Result {
        let help = "Whether the controllers run in this instance: of several instances, one leads";
        let metric = self.encoder.encode_descriptor("leader", help, None, MetricType::Gauge)?;
        ConstGauge::new(u32::from(leads)).encode(metric)
    }

    fn living(&mut self, living: &BTreeMap<Living, usize>) -> fmt::Result {
        let series = living.iter().map(|(Living { namespace, connection, ready, reason }, objects)| {
            let labels = [
                ("namespace", namespace.as_str()),
                ("connection", connection.as_str()),
                ("ready", *ready),
                ("reason", *reason),
            ];
            (labels, count(*objects))
        });
        self.gauge(
            "voicecampaigns",
            "VoiceCampaigns that are not being deleted, by the status of their condition Ready and the reason of Obstructed or Ready",
            None,
            series,
        )
    }

    fn terminating(&mut self, terminating: &BTreeMap<Terminating, Deletions>) -> fmt::Result {
        let series = |value: fn(&Deletions) -> f64| {
            terminating.iter().map(move |(Terminating { namespace, connection, reason }, deletions)| {
                let labels = [
                    ("namespace", namespace.as_str()),
                    ("connection", connection.as_str()),
                    ("reason", *reason),
                ];
                (labels, value(deletions))
            })
        };
        self.gauge(
            "terminating",
            "VoiceCampaigns that are being deleted, by the reason of their condition Obstructed or Ready",
            None,
            series(|deletions| count(deletions.objects)),
        )?;
        self.gauge(
            "oldest_terminating_age",
            "Time since the deletion of the oldest of these VoiceCampaigns was requested",
            Some(&Unit::Seconds),
            series(|deletions| deletions.oldest_seconds),
        )?;
        self.gauge(
            "longest_held",
            "Longest time for which one of these VoiceCampaigns has waited for anything but its turn within the quota",
            Some(&Unit::Seconds),
            series(|deletions| deletions.held_seconds),
        )
    }

    fn accounts(&mut self, accounts: &BTreeMap<String, Account>) -> fmt::Result {
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: fn(&Account) -> f64| {
            let series = accounts
                .iter()
                .map(|(connection, account)| ([("connection", connection.as_str())], value(account)));
            self.gauge(name, help, unit, series)
        };
        let seconds = Some(&Unit::Seconds);
        gauge("account_quota", "Calls per minute that the connection allows", None, |account| {
            count(account.quota)
        })?;
        gauge(
            "account_pace",
            "Calls per minute that the operator makes at most now: fewer than the quota after Kore has answered 429",
            None,
            |account| count(account.pace),
        )?;
        gauge(
            "account_calls",
            "Calls of the last minute to the account of the connection, over whichever connection",
            None,
            |account| count(account.calls),
        )?;
        gauge("account_queue", "Calls that wait for their turn within the quota", None, |account| {
            count(account.queue.objects)
        })?;
        gauge("account_queue_oldest", "Time since the first of these calls was due", seconds, |account| {
            account.queue.oldest_seconds
        })?;
        gauge(
            "account_queue_drain",
            "Time until the last of these calls may be made, if all are made at their times",
            seconds,
            |account| account.drain_seconds,
        )?;
        gauge("account_pause", "Time until the pause ends that Kore has asked for", seconds, |account| {
            account.paused_seconds
        })?;
        gauge(
            "account_failing",
            "Time for which calls to the account have failed and none has worked; zero while they work",
            seconds,
            |account| account.failing_seconds,
        )?;
        gauge(
            "credentials_refused",
            "Whether Kore refuses the credentials of the connection",
            None,
            |account| f64::from(u8::from(account.refused)),
        )
    }
}

/// A count as the value of a gauge.
fn count(objects: usize) -> f64 {
    f64::from(u32::try_from(objects).unwrap_or(u32::MAX))
}
