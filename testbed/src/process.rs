//! Child processes that die with this one, whatever it dies of.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    // Shared with its killers.
    child: Arc<Mutex<Child>>,
    log: PathBuf,
}

impl Process {
    /// Starts a command; its output goes to `{folder}/{name}.log`.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // A group of its own, so that Ctrl-C reaches only us and we end things in order.
        command.process_group(0);
        let child = spawn(command).with_context(|| format!("{name} can't be started"))?;
        Ok(Self { name: name.to_owned(), child: Arc::new(Mutex::new(child)), log })
    }

    /// Where its output is.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its output so far.
    pub fn output(&self) -> String {
        let mut text = Vec::new();
        let _ = File::open(&self.log).and_then(|mut file| file.read_to_end(&mut text));
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(lock(&self.child).try_wait()?)
    }

    /// Fails, with the end of its output, if it has ended.
    ///
    /// # Errors
    /// If it has ended.
    pub fn assert_running(&mut self) -> Result<()> {
        let Some(status) = self.ended()? else { return Ok(()) };
        let output = self.output();
        let tail: Vec<&str> = output.lines().rev().take(15).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        anyhow::bail!(
            "{} has ended ({status}); its log {}:\n{}",
            self.name,
            self.log.display(),
            tail.join("\n")
        )
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If there is no such process any more.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(self.pid(), signal)?)
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// If it does not end in time.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        let what = format!("{} ends after SIGTERM", self.name);
        wait::until(&what, limit, || self.ended())
    }

    /// Kills it (SIGKILL) and waits for the end.
    pub fn kill(&mut self) {
        kill_child(&self.child);
    }

    /// Something that kills it (SIGKILL) and waits for the end, from any thread. It kills this process only,
    /// and nobody once this has ended, whoever has its number then.
    pub fn killer(&self) -> impl Fn() + Clone + Send + Sync + use<> {
        let child = self.child.clone();
        move || kill_child(&child)
    }

    /// Resident memory, in bytes.
    ///
    /// # Errors
    /// If it has ended.
    pub fn resident_bytes(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The most resident memory so far, in bytes.
    ///
    /// # Errors
    /// If it has ended.
    pub fn most_resident_bytes(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// A size in the process's status, in bytes.
    fn status(&self, name: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("it has ended")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }

    /// Open file descriptors.
    ///
    /// # Errors
    /// If it has ended.
    pub fn open_files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.pid()))?.count())
    }

    /// Time on a processor so far, of all its threads.
    ///
    /// # Errors
    /// If it has ended.
    pub fn cpu_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        // Behind the name, which may contain anything: the state, ten numbers, and the time in user mode and
        // in the kernel, in hundredths of a second (USER_HZ) [proc_pid_stat(5)].
        let (_, numbers) = stat.rsplit_once(')').context("it has no name")?;
        let spent = numbers.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(Duration::from_millis(10 * spent.sum::<Result<u64, _>>()?))
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(lock(&self.child).id()).unwrap_or(i32::MAX))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kill_child(child: &Mutex<Child>) {
    let mut child = lock(child);
    // It may have ended already: then the number may be another's, and std sends nothing.
    let _ = child.kill();
    let _ = child.wait();
}

/// Runs a command to its end; it dies with this process, too. Its standard output is returned.
///
/// # Errors
/// If it can't be started, or ends with a failure.
pub fn run(mut command: Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = spawn(command).with_context(|| format!("`{name}` can't be started"))?;
    let output = child.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "`{name}` has failed ({})", output.status);
    Ok(output.stdout)
}

type Request = (Command, Sender<std::io::Result<Child>>);

/// Starts a command from a thread that lives as long as this process.
///
/// Linux sends the signal for a parent's death when the *thread* ends that started the child; a test's thread
/// ends long before its process.
fn spawn(command: Command) -> Result<Child> {
    static SPAWNER: OnceLock<Mutex<Sender<Request>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (requests, received) = channel::<Request>();
        std::thread::spawn(move || {
            for (mut command, answer) in received {
                // Nobody may be waiting any more.
                let _ = answer.send(die_with_parent(&mut command).spawn());
            }
        });
        Mutex::new(requests)
    });
    let (answer, answered) = channel();
    spawner.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer))?;
    Ok(answered.recv()??)
}

/// Its end comes with ours, whatever ours is.
fn die_with_parent(command: &mut Command) -> &mut Command {
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "runs between fork and exec; prctl and getppid are safe to call there")]
    unsafe {
        let parent = std::process::id();
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            // The parent may have died before that.
            if u32::try_from(nix::unistd::getppid().as_raw()) != Ok(parent) {
                return Err(std::io::Error::other("the parent is gone"));
            }
            Ok(())
        });
    }
    command
}

/// Makes this process end when the one that started it (make, cargo) ends.
pub fn end_with_starter() {
    #[cfg(target_os = "linux")]
    {
        // Without it, only a SIGKILL of make would leave something behind: a demonstration that runs to its
        // end.
        let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGTERM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After a crash the operator is started again; the killer of the first run must not reach the second.
    #[test]
    fn a_killer_kills_only_the_process_it_was_made_for() {
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let mut sleep = Command::new("sleep");
            sleep.arg("60");
            Process::start("sleep", sleep, folder.path()).unwrap()
        };
        let mut first = start();
        let kill = first.killer();
        std::thread::spawn(kill.clone()).join().unwrap();
        assert!(first.ended().unwrap().is_some(), "it is dead when the killer returns");
        let mut second = start();
        kill();
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(second.ended().unwrap(), None);
    }
}
