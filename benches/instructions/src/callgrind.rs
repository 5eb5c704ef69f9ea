//! Counts what a workload executes: this program, run again under valgrind.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::workloads::WORKLOADS;

/// Valgrind counts from the entry of this function to its return, and nothing else.
#[inline(never)]
pub fn measured<Output>(run: impl FnOnce() -> Output) -> Output {
    std::hint::black_box(run())
}

/// That function, however the compiler mangles names.
const MEASURED: &str = "--toggle-collect=instructions*::callgrind*::measured*";
/// The C library copies and compares memory with the instructions that every x86-64 processor has, not with
/// the best of this one: `rep movsb` counts once for each byte. Names of several versions of the library.
const PLAIN: &str = "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-SSSE3,\
    -SSE4_1,-SSE4_2,-Fast_Unaligned_Copy";
const MISSING: &str = "valgrind can't be run, so NOTHING WAS COUNTED: install it (apt-get install valgrind)";

/// The instructions of each workload, by its name; as many at a time as there are processors.
///
/// # Errors
/// If valgrind is missing, or a workload fails.
pub fn count_all() -> Result<BTreeMap<String, u64>> {
    let left = Mutex::new(WORKLOADS.iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let counts = std::iter::from_fn(next);
        counts.map(|workload| Ok((workload.name.to_owned(), count(workload.name)?))).collect()
    };
    let workers = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut all = BTreeMap::new();
        for worker in workers {
            let counts: Result<Vec<_>> = worker.join().map_err(|_| anyhow!("a thread has panicked"))?;
            all.extend(counts?);
        }
        Ok(all)
    })
}

fn count(name: &str) -> Result<u64> {
    let mut valgrind = valgrind();
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no", MEASURED])
        .arg(std::env::current_exe()?)
        .arg(name);
    let output = valgrind.output().context(MISSING)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the workload {name} failed under valgrind:\n{said}");
    let counted = collected(&said).with_context(|| format!("valgrind prints no count of {name}:\n{said}"))?;
    ensure!(counted > 0, "valgrind counted nothing of {name}: the program has no function `measured`");
    Ok(counted)
}

/// Name and version of valgrind.
///
/// # Errors
/// If valgrind is missing.
pub fn version() -> Result<String> {
    let output = valgrind().arg("--version").output().context(MISSING)?;
    ensure!(output.status.success(), "valgrind fails: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// With an environment that is the same everywhere.
fn valgrind() -> Command {
    let mut command = Command::new("valgrind");
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("GLIBC_TUNABLES", PLAIN);
    command
}

/// The total that callgrind prints at its end.
fn collected(said: &str) -> Option<u64> {
    let (_, total) = said.lines().find_map(|line| line.split_once("Collected :"))?;
    total.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read() {
        let said =
            "==7== Callgrind, a call-graph generating cache profiler\n==7== Collected : 1234567\n==7== \n";
        assert_eq!(collected(said), Some(1_234_567));
        assert_eq!(collected("==7== Collected : \n"), None);
        assert_eq!(collected("valgrind: failed to start tool"), None);
    }
}
