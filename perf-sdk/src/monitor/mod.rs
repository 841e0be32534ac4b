//! Monitors: they read the process, the host, the control group and their limits, which is Linux
//! only: elsewhere most of these readings are absent. They also read what the program asked for:
//! tokio runtimes and pools of worker threads.
//!
//! | file | job |
//! |---|---|
//! | `process`, `startup`, `system` | this process: from `/proc/self`, from system calls; when it was ready |
//! | `host` | processors, their frequency, memory, load, disks, network |
//! | `group` | the control group, of both versions: limits, and how often they were met |
//! | `pressure` | the time for which threads waited for a processor, memory or a disk |
//! | `runtimes` | tokio runtimes |
//! | `workers` | pools of worker threads, whose tasks report themselves |
//! | `limit` | the memory limit that is closest, for the reaction to memory pressure |
//! | `file`, `text`, `named`, `absences` | files that stay open, parsing, labels, reasons: none of them allocates once it has run |
//!
//! The names are those of Prometheus's clients (`process_…`), of cAdvisor (`container_…`) and of
//! node_exporter (`node_…`), where one of them has the same figure.

mod absences;
mod file;
mod group;
mod host;
mod limit;
mod named;
mod pressure;
mod process;
#[cfg(test)]
mod recorded;
#[cfg(feature = "tokio")]
mod runtimes;
mod startup;
mod system;
mod text;
mod workers;

use std::path::Path;
use std::time::Duration;

#[cfg(feature = "pool")]
pub(crate) use limit::MemoryReader;
#[cfg(feature = "stacks")]
pub(crate) use limit::memory_left_bytes;
pub(crate) use limit::memory_limit_bytes;
#[cfg(feature = "pool")]
pub(crate) use process::resident_bytes;
pub(crate) use process::{Process, read as process, uptime_seconds};
#[cfg(feature = "tokio")]
pub use runtimes::watch_runtime;
pub use startup::ready;
pub use workers::{QueuedTask, RunningTask, Workers, watch_workers};

use crate::reading::{Description, Producer};

/// All monitors, each with its interval: together 0.03 % of a core, see `docs/monitors.md`. They
/// have opened nothing before they are read for the first time.
pub(crate) fn producers() -> Vec<(Duration, Box<dyn Producer>)> {
    let mut producers = of(Path::new("/"));
    #[cfg(feature = "tokio")]
    producers.push((Duration::from_secs(1), Box::new(runtimes::RuntimesMonitor)));
    producers.push((Duration::from_secs(1), Box::new(workers::WorkersMonitor)));
    producers
}

/// Those of files.
fn of(root: &Path) -> Vec<(Duration, Box<dyn Producer>)> {
    vec![
        (Duration::from_secs(1), Box::new(process::ProcessMonitor::of(root))),
        (Duration::from_secs(2), Box::new(group::GroupMonitor::of(root))),
        (Duration::from_secs(2), Box::new(pressure::PressureMonitor::of(root))),
        (Duration::from_secs(2), Box::new(host::HostMonitor::of(root))),
        (Duration::from_secs(10), Box::new(host::FrequencyMonitor::of(root))),
    ]
}

/// Everything that a monitor may read on some machine.
pub(crate) fn descriptions() -> impl Iterator<Item = &'static Description> {
    let of_program = of_files().chain(workers::ALL);
    #[cfg(feature = "tokio")]
    let of_program = of_program.chain(runtimes::ALL);
    of_program
}

/// What comes from files and system calls.
fn of_files() -> impl Iterator<Item = &'static Description> {
    process::ALL.into_iter().chain(host::descriptions()).chain(group::descriptions()).chain(pressure::descriptions())
}
