//! The process, under the names that the clients of all languages use [writing-clientlibs], after `process_`.

use std::fmt;

use procfs::process::{LimitValue, Process as Proc};
use procfs::{ProcResult, WithCurrentSystemInfo};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Reads `/proc/self` at each scrape. If that can't be read, these metrics are left out.
#[derive(Debug)]
pub struct Process;

/// What `/proc` says of this process.
struct Read {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    open_files: u64,
    most_files: u64,
    started_at: f64,
    threads: i64,
}

impl Read {
    fn of_this_process() -> ProcResult<Self> {
        let process = Proc::myself()?;
        let stat = process.stat()?;
        let ticks = procfs::ticks_per_second();
        let most_files = match process.limits()?.max_open_files.soft_limit {
            LimitValue::Value(files) => files,
            LimitValue::Unlimited => u64::MAX,
        };
        Ok(Self {
            cpu_seconds: seconds(stat.utime + stat.stime, ticks),
            resident_bytes: stat.rss_bytes().get(),
            virtual_bytes: stat.vsize,
            open_files: u64::try_from(process.fd_count()?).unwrap_or(u64::MAX),
            most_files,
            started_at: seconds(stat.starttime, ticks)
                + f64::from(u32::try_from(procfs::boot_time_secs()?).unwrap_or(0)),
            threads: stat.num_threads,
        })
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Ok(read) = Read::of_this_process() else { return Ok(()) };
        let cpu = ConstCounter::new(read.cpu_seconds);
        let help = "Processor time of the process, user and system";
        cpu.encode(encoder.encode_descriptor("cpu", help, Some(&Unit::Seconds), MetricType::Counter)?)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "bytes of memory and numbers of files are far below 2^53"
        )]
        let gauges = [
            (
                "resident_memory",
                "Resident memory of the process",
                Some(Unit::Bytes),
                read.resident_bytes as f64,
            ),
            ("virtual_memory", "Virtual memory of the process", Some(Unit::Bytes), read.virtual_bytes as f64),
            ("open_fds", "Open files of the process", None, read.open_files as f64),
            ("max_fds", "Most files that the process may have open", None, read.most_files as f64),
            ("threads", "Threads of the process", None, read.threads as f64),
            ("start_time", "When the process started, since 1970", Some(Unit::Seconds), read.started_at),
        ];
        for (name, help, unit, value) in gauges {
            let metric = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        Ok(())
    }
}

/// Seconds of a number of clock ticks.
fn seconds(ticks: u64, per_second: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a process of 2^53 ticks would be millions of years old")]
    let seconds = ticks as f64 / per_second as f64;
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read() {
        let Read { cpu_seconds, resident_bytes, virtual_bytes, open_files, most_files, started_at, threads } =
            Read::of_this_process().unwrap();
        assert!((0.0..1e6).contains(&cpu_seconds));
        assert!(resident_bytes > 1_000_000 && virtual_bytes > resident_bytes);
        assert!(open_files > 2 && most_files >= open_files && threads > 0);
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
        let age = jiff::Timestamp::now().as_second() as f64 - started_at;
        assert!((-60.0..86_400.0).contains(&age), "it started {age} s ago");
    }
}
