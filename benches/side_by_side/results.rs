//! What was measured, as it is kept: times in seconds, memory in bytes.

use std::ops::AddAssign;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};
use testbed::{process, record};

use crate::contender::Contender;

/// All that one run has measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// The `make` target.
    pub measured_by: String,
    /// Of which version, when and on what.
    #[serde(default)]
    pub run: Run,
    /// The operator first.
    pub figures: Vec<Figures>,
    /// Single deletions by the operator beside another load.
    pub beside: Vec<Beside>,
    /// From the end of the leader to the end of a deletion: killed, and told to stop.
    pub takeovers: Option<[f64; 2]>,
    /// From start to ready, of several starts, by number of objects.
    pub ready: Vec<(usize, Vec<f64>)>,
    /// From start until the campaigns of so many new objects have been found in Kore.
    pub found: Option<(usize, f64)>,
}

/// What has run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    pub commit: String,
    pub date: String,
    /// The machine, and the versions of what the programs were built with.
    pub machine: String,
}

/// What was measured of one contender.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figures {
    pub who: Contender,
    /// Bytes of its program, where that is one file.
    pub program: Option<u64>,
    /// Bytes of the archive of its image, which is not compressed.
    pub image: Option<u64>,
    /// Of each round: from the API server's answer to the DELETE of an object to seeing it gone, one at a
    /// time.
    pub single: Vec<Vec<f64>>,
    /// The same, from the start to the end of `kubectl delete`, which waits.
    pub kubectl: Vec<f64>,
    /// The same as `single`, less what Kore takes for an answer, by that in milliseconds.
    pub delayed: Vec<(u64, Vec<f64>)>,
    /// Of each round: from sending the first of 1,000 DELETEs to seeing the last object gone.
    pub at_once: Vec<f64>,
    /// What these deletions have cost.
    pub cost: Cost,
    pub backlog: Option<Backlog>,
    pub outage: Option<Outage>,
    pub quota: Option<Quota>,
    pub troubles: Vec<(String, Trouble)>,
    /// Resident memory, by number of objects.
    pub resident: Vec<(usize, u64)>,
    /// Resident memory after ten lists more, with so many objects.
    pub listed_again: Option<(usize, u64)>,
    pub idle: Option<Idle>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    pub deletions: usize,
    /// The contender's time on a processor.
    pub cpu: f64,
    /// The API server's.
    pub api_server_cpu: f64,
    /// Requests to the API server; watches not counted.
    pub requests: usize,
    /// Of them, those that the API server refused.
    pub refused: usize,
    /// Those that have written to an object.
    pub writes: usize,
    pub events: usize,
    /// Calls to Kore.
    pub calls: usize,
}

/// Deletions that were asked for while nobody was there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Backlog {
    pub objects: usize,
    /// How many are still there, by seconds since the contender was started.
    pub left: Vec<(f64, usize)>,
    /// The most memory that it took.
    pub peak: u64,
}

/// Deletions that were asked for while Kore answers 503.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outage {
    pub objects: usize,
    pub lasts: f64,
    /// Calls to Kore while it lasts.
    pub calls: usize,
    /// From its end to the end of the first and of the last deletion.
    pub first: Option<f64>,
    pub last: Option<f64>,
    /// Still there when nobody waited any more.
    pub stuck: usize,
}

/// Deletions under the documented quota of 60 calls a minute.
#[derive(Debug, Serialize, Deserialize)]
pub struct Quota {
    pub objects: usize,
    /// The most calls in any 60 s.
    pub busiest_minute: usize,
    pub refused: usize,
    /// Until the last object was gone, or nobody waited any more.
    pub last: f64,
    /// Still there then.
    pub stuck: usize,
}

/// What has become of objects that were deleted in trouble.
#[derive(Debug, Serialize, Deserialize)]
pub struct Trouble {
    pub objects: usize,
    /// Gone, though the campaign is still in Kore.
    pub orphaned: usize,
    /// Still there when nobody waited any more.
    pub stuck: usize,
    pub calls: usize,
    /// Until the last one was gone that went.
    pub last: f64,
}

/// A minute in which nobody changes anything: the mean of several.
#[derive(Debug, Serialize, Deserialize)]
pub struct Idle {
    pub objects: usize,
    /// How many.
    #[serde(default)]
    pub minutes: u32,
    pub cpu: f64,
    /// Requests to the API server; watches not counted.
    pub requests: f64,
    pub calls: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Beside {
    /// The other load.
    pub what: String,
    pub alone: Vec<f64>,
    pub beside: Vec<f64>,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.deletions += other.deletions;
        self.cpu += other.cpu;
        self.api_server_cpu += other.api_server_cpu;
        self.requests += other.requests;
        self.refused += other.refused;
        self.writes += other.writes;
        self.events += other.events;
        self.calls += other.calls;
    }
}

impl Run {
    /// What runs now.
    pub fn now() -> Self {
        let said = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments);
            // A peer's compiler may be missing where that peer is not measured.
            let said = process::run(command).unwrap_or_default();
            String::from_utf8_lossy(&said).trim().to_owned()
        };
        let (commit, changed) = record::version().unwrap();
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap();
        let kilobytes = memory.split_whitespace().nth(1).and_then(|total| total.parse::<u64>().ok());
        let cores = std::thread::available_parallelism().unwrap();
        let versions = [
            said("uname", &["-sr"]),
            said("rustc", &["--version"]),
            said("go", &["version"]),
            said("python3", &["--version"]),
        ];
        Self {
            commit: if changed.is_empty() { commit } else { format!("{commit} with changes") },
            date: said("date", &["+%Y-%m-%d"]),
            machine: format!(
                "{cores} cores, {} GB, {}",
                kilobytes.unwrap_or_default() / 1_000_000,
                versions.join(", ")
            ),
        }
    }
}

impl Results {
    pub fn read(path: &Path) -> Self {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    pub fn write(&self, path: &Path) {
        std::fs::write(path, serde_json::to_string(self).unwrap() + "\n").unwrap();
    }

    /// What was measured of one of them; all were, so there is one.
    pub fn of(&self, who: Contender) -> &Figures {
        self.figures.iter().find(|figures| figures.who == who).unwrap()
    }

    pub fn of_mut(&mut self, who: Contender) -> &mut Figures {
        self.figures.iter_mut().find(|figures| figures.who == who).unwrap()
    }
}

impl Figures {
    pub fn new(who: Contender, program: &Path) -> Self {
        // Python is not its program.
        let bytes = (who != Contender::Kopf).then(|| std::fs::metadata(program).unwrap().len());
        Self {
            who,
            program: bytes,
            image: None,
            single: Vec::new(),
            kubectl: Vec::new(),
            delayed: Vec::new(),
            at_once: Vec::new(),
            cost: Cost::default(),
            backlog: None,
            outage: None,
            quota: None,
            troubles: Vec::new(),
            resident: Vec::new(),
            listed_again: None,
            idle: None,
        }
    }

    /// A percentile of the single deletions of all rounds, in milliseconds.
    pub fn single_milliseconds(&self, part: usize) -> f64 {
        percentile(&self.single.concat(), part) * 1e3
    }

    pub fn at_once_seconds(&self) -> f64 {
        percentile(&self.at_once, 50)
    }

    /// The API server's time on a processor.
    pub fn api_server_milliseconds_each(&self) -> f64 {
        self.cost.api_server_cpu * 1e3 / self.cost.deletions as f64
    }

    pub fn cpu_milliseconds_each(&self) -> f64 {
        self.cost.cpu * 1e3 / self.cost.deletions as f64
    }

    /// How many of something there were for each deletion.
    pub fn each(&self, count: usize) -> f64 {
        count as f64 / self.cost.deletions as f64
    }

    /// In megabytes, with so many objects, where that was measured.
    pub fn resident_megabytes(&self, objects: usize) -> Option<f64> {
        let (_, bytes) = self.resident.iter().find(|(count, _)| *count == objects)?;
        Some(*bytes as f64 / 1e6)
    }
}

/// A percentile of some that were measured: the nearest rank, and in the middle of an even number of them the
/// mean of two.
///
/// # Panics
/// If there are none.
pub fn percentile(values: &[f64], part: usize) -> f64 {
    assert!(!values.is_empty(), "there is no percentile of nothing");
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (sorted.len() * part).div_ceil(100).max(1);
    if part == 50 && sorted.len().is_multiple_of(2) {
        return f64::midpoint(sorted[rank - 1], sorted[rank]);
    }
    sorted[rank - 1]
}
