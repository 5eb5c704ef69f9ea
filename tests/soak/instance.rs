//! One of the two instances. Whatever ends it, it comes back, as a Pod does.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use testbed::faults::{Nemesis, Proxy, Upstream};
use testbed::operator::Options;
use testbed::{ControlPlane, Operator};

use crate::clock::Clock;

const SIGKILL: i32 = 9;

/// An instance of the operator behind a proxy of its own.
pub struct Instance {
    pub proxy: Proxy,
    pub nemesis: Nemesis,
    pub clock: Clock,
    running: Arc<Mutex<Option<Running>>>,
    starts: Arc<AtomicUsize>,
    deaths: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
}

struct Running {
    operator: Operator,
    since: Instant,
}

/// What an instance takes.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Resident memory, in bytes.
    pub resident: u64,
    /// Open files.
    pub files: usize,
}

/// The size of one run.
pub struct Measured {
    pub name: String,
    pub started_at: Instant,
    pub size: Size,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MB, {} files", self.resident as f64 / 1e6, self.files)
    }
}

impl Instance {
    /// Starts an instance, and a thread that starts it again.
    pub fn start(plane: &Arc<ControlPlane>, program: PathBuf, number: usize) -> Result<Self> {
        let nemesis = Nemesis::new();
        let upstream = Upstream::Kubernetes { url: plane.api_url(), ca_pem: plane.ca_pem()? };
        let proxy = Proxy::start(upstream, nemesis.clone())?;
        let mut options = Options::new(program);
        options.name = format!("operator-{number}");
        options.server = Some(proxy.url());
        options.nemesis = Some(nemesis.clone());
        let lease = [("LEADER_ELECT", "true"), ("LEASE_NAME", "voicecampaign-operator")];
        options.variables = lease.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        options.variables.push(("POD_NAME".to_owned(), options.name.clone()));
        let clock = Clock::of(plane.folder(), &options.name)?;
        options.variables.extend(clock.variables()?);
        let instance = Self {
            proxy,
            nemesis,
            clock,
            running: Arc::default(),
            starts: Arc::default(),
            deaths: Arc::default(),
            ended: Arc::default(),
        };
        let (running, starts) = (instance.running.clone(), instance.starts.clone());
        let (deaths, ended) = (instance.deaths.clone(), instance.ended.clone());
        let plane = plane.clone();
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let ended = held(&running).as_mut().map(|running| running.operator.ended());
                let runs = matches!(ended, Some(Ok(None)));
                if let Some(ended) = ended.filter(|ended| !runs && !is_killed(ended)) {
                    held(&deaths).push(format!("an instance ended by itself: {ended:?}"));
                    *held(&running) = None;
                }
                if !runs {
                    match Operator::launch(&plane, &options) {
                        Ok(operator) => {
                            starts.fetch_add(1, Ordering::Relaxed);
                            *held(&running) = Some(Running { operator, since: Instant::now() });
                        }
                        Err(error) => held(&deaths).extend(Operator::own_end(&error)),
                    }
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            *held(&running) = None;
        });
        Ok(instance)
    }

    /// How often it was started.
    pub fn starts(&self) -> usize {
        self.starts.load(Ordering::Relaxed)
    }

    /// Kills it; returns whether it ran.
    pub fn kill(&self) -> bool {
        held(&self.running).as_mut().is_some_and(|running| {
            let runs = running.operator.is_running();
            running.operator.kill();
            runs
        })
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        held(&self.running).as_mut().is_some_and(|running| running.operator.is_running())
    }

    /// Stops it; returns whether it ran.
    pub fn freeze(&self) -> bool {
        self.with(Operator::pause)
    }

    /// Lets it go on; returns whether it runs.
    pub fn thaw(&self) -> bool {
        self.with(Operator::resume)
    }

    /// How runs have ended that nobody killed: never, unless something is wrong.
    pub fn deaths(&self) -> Vec<String> {
        std::mem::take(&mut held(&self.deaths))
    }

    pub fn measured(&self) -> Result<Measured> {
        let running = held(&self.running);
        let Running { operator, since } = running.as_ref().context("it does not run")?;
        let process = operator.process();
        let size = Size { resident: process.resident_bytes()?, files: process.open_files()? };
        let name = operator.log().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Measured { name, started_at: *since, size })
    }

    fn with(&self, act: impl FnOnce(&Operator) -> Result<()>) -> bool {
        held(&self.running).as_ref().is_some_and(|running| act(&running.operator).is_ok())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        *held(&self.running) = None;
    }
}

/// Whether it was killed: only this program kills.
fn is_killed(ended: &Result<Option<ExitStatus>>) -> bool {
    ended.as_ref().is_ok_and(|status| status.is_some_and(|status| status.signal() == Some(SIGKILL)))
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
