//! The process as Linux sees it, under the names that Prometheus' own libraries use:
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Ticks a second in /proc (USER_HZ), which is part of Linux' interface on x86-64 and aarch64, whatever the kernel's
/// own rate is: proc(5).
const TICKS: f64 = 100.0;

/// Reads /proc on each scrape. What cannot be read is not shown.
#[derive(Debug)]
pub(super) struct ProcessCollector {
    /// Seconds since 1970; it never changes.
    start_time: Option<f64>,
}

impl ProcessCollector {
    pub(super) fn new() -> Self {
        let start_time = || {
            let booted = boot_time(&fs::read_to_string("/proc/stat").ok()?)?;
            let stat = Stat::parse(&fs::read_to_string("/proc/self/stat").ok()?)?;
            Some(booted + stat.started)
        };
        Self { start_time: start_time() }
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: Option<f64>| {
            let Some(value) = value else { return Ok(()) };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
        };
        let seconds = Some(&Unit::Seconds);
        let bytes = Some(&Unit::Bytes);
        let status = read("status").unwrap_or_default();

        let resident = kilobytes(&status, "VmRSS:");
        gauge("process_resident_memory", "Memory in RAM.", bytes, resident)?;
        let peak = kilobytes(&status, "VmHWM:");
        gauge("process_peak_resident_memory", "Most memory in RAM so far.", bytes, peak)?;
        let virtual_memory = kilobytes(&status, "VmSize:");
        gauge("process_virtual_memory", "Size of the address space.", bytes, virtual_memory)?;
        let help = "Start of the process since 1970.";
        gauge("process_start_time", help, seconds, self.start_time)?;
        gauge("process_open_fds", "Open files, sockets and pipes.", None, open_files())?;
        let most = read("limits").and_then(|limits| most_open_files(&limits));
        gauge("process_max_fds", "How many of them there may be.", None, most)?;

        if let Some(stat) = read("stat").and_then(|stat| Stat::parse(&stat)) {
            gauge("process_threads", "Number of threads.", None, Some(stat.threads))?;
            let cpu = ConstCounter::new(stat.cpu);
            let help = "Processor time of all threads, user and system.";
            let kind = cpu.metric_type();
            cpu.encode(encoder.encode_descriptor("process_cpu", help, seconds, kind)?)?;
        }
        Ok(())
    }
}

/// What is used of /proc/self/stat.
#[derive(PartialEq, Debug)]
struct Stat {
    /// Seconds of processor time.
    cpu: f64,
    threads: f64,
    /// Seconds from boot to the start of the process.
    started: f64,
}

impl Stat {
    fn parse(stat: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, which may hold blanks and parentheses itself.
        let (_, rest) = stat.rsplit_once(')')?;
        let field = |number: usize| -> Option<f64> {
            rest.split_whitespace().nth(number - 3)?.parse().ok()
        };
        let cpu = (field(14)? + field(15)?) / TICKS;
        Some(Self { cpu, threads: field(20)?, started: field(22)? / TICKS })
    }
}

/// Seconds from 1970 to the start of the machine, in /proc/stat.
fn boot_time(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// A line of /proc/self/status like `VmRSS:     1234 kB`, in bytes.
fn kilobytes(status: &str, name: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: f64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn open_files() -> Option<f64> {
    // the listing itself is one more open file
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

/// The soft limit in /proc/self/limits; `None` when there is none.
fn most_open_files(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses() {
        let stat = "4711 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 7 0 12345 99 88";
        assert_eq!(Stat::parse(stat), Some(Stat { cpu: 4.0, threads: 7.0, started: 123.45 }));
        for damaged in ["", "1 (a", "1 (a) S 1 2", "1 (a) S x x x x x x x x x x x x x x x x x x x"]
        {
            assert_eq!(Stat::parse(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn lines_of_proc() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(1_048_576.0));
        assert_eq!(kilobytes(status, "VmSize:"), None);
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(most_open_files(limits), Some(1024.0));
        assert_eq!(most_open_files("Max open files   unlimited   unlimited   files"), None);
        assert_eq!(boot_time("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000.0));
    }

    #[test]
    fn this_process() {
        let held: Vec<_> = (0..20).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        assert!(open_files().unwrap() >= held.len() as f64);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let start = ProcessCollector::new().start_time.unwrap();
        // Both are cut: the boot time to seconds, the start to ticks.
        assert!(start <= now.as_secs_f64() + 2.0, "{start}");
        assert!(start > now.as_secs_f64() - 24.0 * 3600.0, "{start}");
    }
}
