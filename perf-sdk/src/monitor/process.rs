//! Figures of this process.

use std::path::Path;
use std::thread;

use super::absences::{TIGHTER, absent};
use super::file::{Buffer, Parts, Source};
use super::startup;
use super::system::{self, Usage};
use super::text::{NOT_UNDERSTOOD, count, field, kibibytes, lines, number, words};
use crate::base::sandbox;
use crate::base::small_file;
use crate::reading::{Description, Labels, Producer, Sheet, Unit};

static CPU: Description = Description::counter(
    "process_cpu_seconds_total",
    Unit::Seconds,
    "CPU time of the process, in user and system mode.",
);
static CPU_USER: Description =
    Description::counter("process_cpu_user_seconds_total", Unit::Seconds, "CPU time of the process in user mode.");
static CPU_SYSTEM: Description =
    Description::counter("process_cpu_system_seconds_total", Unit::Seconds, "CPU time of the process in system mode.");
static CPUS: Description = Description::gauge("process_cpus", Unit::Count, "Processors that the process may use.");
static RESIDENT: Description =
    Description::gauge("process_resident_memory_bytes", Unit::Bytes, "Physical memory of the process.");
static RESIDENT_PEAK: Description = Description::gauge(
    "process_resident_memory_peak_bytes",
    Unit::Bytes,
    "High-water mark of the process's physical memory.",
);
static RESIDENT_FILES: Description = Description::gauge(
    "process_resident_file_bytes",
    Unit::Bytes,
    "Physical memory of the process that has contents of files, such as its program, or that is shared.",
);
static VIRTUAL: Description =
    Description::gauge("process_virtual_memory_bytes", Unit::Bytes, "Address space of the process.");
static THREADS: Description = Description::gauge("process_threads", Unit::Count, "Threads of the process.");
static OPEN_FDS: Description =
    Description::gauge("process_open_fds", Unit::Count, "Open file descriptors of the process.");
static MAX_FDS: Description = Description::gauge("process_max_fds", Unit::Count, "Limit of process_open_fds.");
static START_TIME: Description =
    Description::gauge("process_start_time_seconds", Unit::Seconds, "Start of the process, since the Unix epoch.");
static STARTUP: Description = Description::gauge(
    "process_startup_seconds",
    Unit::Seconds,
    "Time from the start of the process to perf_sdk::ready().",
);
static SWITCHES: Description = Description::counter(
    "process_context_switches_total",
    Unit::Count,
    "Context switches of all threads of the process: voluntary, because a thread waited, or involuntary.",
);
static FAULTS: Description = Description::counter(
    "process_page_faults_total",
    Unit::Count,
    "Page faults of the process: major, which waited for a disk, and minor.",
);
static IO_BYTES: Description = Description::counter(
    "process_io_bytes_total",
    Unit::Bytes,
    "Bytes that the process read and wrote by system calls, of files, pipes and the like.",
);
static IO_OPERATIONS: Description = Description::counter(
    "process_io_operations_total",
    Unit::Count,
    "System calls by which the process read and wrote.",
);
static DISK_BYTES: Description = Description::counter(
    "process_disk_bytes_total",
    Unit::Bytes,
    "Bytes that the process had read from disks, and that it caused to be written to them.",
);

pub(super) static ALL: [&Description; 18] = [
    &CPU,
    &CPU_USER,
    &CPU_SYSTEM,
    &CPUS,
    &RESIDENT,
    &RESIDENT_PEAK,
    &RESIDENT_FILES,
    &VIRTUAL,
    &THREADS,
    &OPEN_FDS,
    &MAX_FDS,
    &START_TIME,
    &STARTUP,
    &SWITCHES,
    &FAULTS,
    &IO_BYTES,
    &IO_OPERATIONS,
    &DISK_BYTES,
];

/// Reads the figures of this process.
///
/// CPU time, context switches and page faults come from `getrusage`: `/proc/self/stat` has CPU time
/// in hundredths of a second only, and `/proc/self/status` has the context switches of the first
/// thread only.
#[derive(Debug)]
pub(super) struct ProcessMonitor {
    status: Source,
    io: Source,
    descriptors: Source,
    stat: Source,
    system_stat: Source,
    buffer: Buffer,
    size_is_count: Option<bool>,
    start: Option<Result<Start, &'static str>>,
    /// Those of its affinity and of the control group's quota, asked for once.
    cpus: Option<Result<f64, &'static str>>,
    read: Labels,
    write: Labels,
    switches: [Labels; 2],
    faults: [Labels; 2],
}

impl ProcessMonitor {
    pub(super) fn of(root: &Path) -> Self {
        let kind = |kind| Labels::of(&[("type", kind)]);
        Self {
            status: Source::whole(root, "proc/self/status"),
            io: Source::whole(root, "proc/self/io"),
            descriptors: Source::whole(root, "proc/self/fd"),
            stat: Source::whole(root, "proc/self/stat"),
            system_stat: Source::new(root.join("proc/stat"), Parts::One),
            buffer: Buffer::default(),
            size_is_count: None,
            start: None,
            cpus: None,
            read: Labels::of(&[("direction", "read")]),
            write: Labels::of(&[("direction", "write")]),
            switches: [kind("voluntary"), kind("involuntary")],
            faults: [kind("minor"), kind("major")],
        }
    }

    fn used(&self, usage: Result<Usage, &'static str>, into: &mut Sheet) {
        match usage {
            Ok(usage) => {
                into.push(&CPU, usage.user_seconds + usage.system_seconds);
                into.push(&CPU_USER, usage.user_seconds);
                into.push(&CPU_SYSTEM, usage.system_seconds);
                let [voluntary, involuntary] = &self.switches;
                into.push_of(&SWITCHES, voluntary, usage.voluntary_switches as f64);
                into.push_of(&SWITCHES, involuntary, usage.involuntary_switches as f64);
                let [minor, major] = &self.faults;
                into.push_of(&FAULTS, minor, usage.minor_faults as f64);
                into.push_of(&FAULTS, major, usage.major_faults as f64);
            }
            Err(why) => absent(&[&CPU, &CPU_USER, &CPU_SYSTEM, &SWITCHES, &FAULTS], why, into),
        }
    }

    fn status(&mut self, into: &mut Sheet) {
        match self.status.read(&mut self.buffer) {
            Ok(text) => {
                into.push_or_absent(&RESIDENT, kibibytes(text, "VmRSS:"));
                into.push_or_absent(&RESIDENT_PEAK, kibibytes(text, "VmHWM:"));
                // Before Linux 4.5 there was no part of it.
                let both = kibibytes(text, "RssFile:").and_then(|files| Ok(files + kibibytes(text, "RssShmem:")?));
                into.push_or_absent(&RESIDENT_FILES, both);
                into.push_or_absent(&VIRTUAL, kibibytes(text, "VmSize:"));
                into.push_or_absent(&THREADS, count(text, "Threads:"));
            }
            Err(why) => absent(&[&RESIDENT, &RESIDENT_PEAK, &RESIDENT_FILES, &VIRTUAL, &THREADS], why, into),
        }
    }

    fn io(&mut self, into: &mut Sheet) {
        match self.io.read(&mut self.buffer) {
            Ok(text) => {
                for (description, read, write) in [
                    (&IO_BYTES, "rchar:", "wchar:"),
                    (&IO_OPERATIONS, "syscr:", "syscw:"),
                    (&DISK_BYTES, "read_bytes:", "write_bytes:"),
                ] {
                    match (count(text, read), count(text, write)) {
                        (Ok(read), Ok(write)) => {
                            into.push_of(description, &self.read, read);
                            into.push_of(description, &self.write, write);
                        }
                        _ => into.absent(description.name, NOT_UNDERSTOOD),
                    }
                }
            }
            Err(why) => absent(&[&IO_BYTES, &IO_OPERATIONS, &DISK_BYTES], why, into),
        }
    }

    /// Open descriptors, with those of the profiler.
    fn open_descriptors(&mut self) -> Result<f64, &'static str> {
        let folder = self.descriptors.open()?;
        // Since Linux 6.2 the size of the folder is the number of its entries, so that nobody needs
        // to count them; before, it was 0.
        let size = || folder.metadata().map(|metadata| metadata.len());
        if self.size_is_count == Some(true) {
            return size().map(|size| size as f64).map_err(|_| "an error when it was read");
        }
        let count = system::entries(folder)?;
        if self.size_is_count.is_none()
            && let Ok(size) = size()
        {
            self.size_is_count = (size == 0 || size == count).then_some(size > 0);
        }
        Ok(count as f64)
    }

    /// The start of the process, read once: since the boot, and since the Unix epoch.
    fn start(&mut self) -> Result<Start, &'static str> {
        if let Some(start) = self.start {
            return start;
        }
        let since_boot = self.stat.read(&mut self.buffer).and_then(|text| start_ticks(text).ok_or(NOT_UNDERSTOOD));
        let start = since_boot.and_then(|ticks| {
            let boot = self.system_stat.read(&mut self.buffer).and_then(|text| count(text, "btime"))?;
            let since_boot = ticks as f64 / system::ticks_per_second();
            Ok(Start { since_boot, since_epoch: boot + since_boot })
        });
        self.stat.close();
        self.system_stat.close();
        // A failure may pass.
        self.start = start.is_ok().then_some(start);
        start
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Start {
    since_boot: f64,
    since_epoch: f64,
}

impl Producer for ProcessMonitor {
    fn name(&self) -> &'static str {
        "process"
    }

    fn runs_anywhere(&self) -> bool {
        true
    }

    fn read(&mut self, into: &mut Sheet) {
        if sandbox::is_tighter() {
            absent(&ALL, TIGHTER, into);
            return;
        }
        self.used(system::usage(), into);
        let cpus =
            || thread::available_parallelism().map(|cpus| cpus.get() as f64).map_err(|_| "the system does not tell");
        into.push_or_absent(&CPUS, *self.cpus.get_or_insert_with(cpus));
        self.status(into);
        self.io(into);
        into.push_or_absent(&OPEN_FDS, self.open_descriptors());
        into.push_or_absent(&MAX_FDS, system::descriptor_limit());
        let start = self.start();
        into.push_or_absent(&START_TIME, start.map(|start| start.since_epoch));
        into.push_or_absent(&STARTUP, start.and_then(|start| startup::since(start.since_boot)));
    }
}

/// The start time in `/proc/self/stat`. The second field, the name, may contain anything.
fn start_ticks(text: &[u8]) -> Option<u64> {
    let line = lines(text).next()?;
    let after_name = &line[line.iter().rposition(|byte| *byte == b')')? + 1..];
    // It is field 22; the first one after the name is field 3.
    words(after_name).nth(22 - 3).and_then(number)
}

/// The time since the start of the process, to a hundredth of a second. `None` where there is no
/// `/proc`, and under a [sandbox] that was installed after the start.
pub(crate) fn uptime_seconds() -> Option<f64> {
    if sandbox::is_tighter() {
        return None;
    }
    let start = start_ticks(&small_file::read("/proc/self/stat").ok()?)? as f64 / system::ticks_per_second();
    Some((system::seconds_since_boot()? - start).max(0.0))
}

/// The current figures of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) resident_bytes: u64,
    pub(crate) threads: u64,
    pub(crate) file_descriptors: u64,
}

/// At this moment, for those who cannot wait for the next reading. `None` where there is no
/// `/proc`, and under a [sandbox] that was installed after the start. Takes some ten microseconds,
/// and one more for each hundred file descriptors.
pub(crate) fn read() -> Option<Process> {
    if sandbox::is_tighter() {
        return None;
    }
    let (resident_bytes, threads) = of_status(&small_file::read("/proc/self/status").ok()?)?;
    // Minus the one that reads them.
    let file_descriptors = (small_file::entries("/proc/self/fd", Iterator::count).ok()? as u64).saturating_sub(1);
    Some(Process { resident_bytes, threads, file_descriptors })
}

/// Resident memory at this moment, in bytes. `None` as for [`read`]. Takes some ten microseconds.
#[cfg(feature = "pool")]
pub(crate) fn resident_bytes() -> Option<u64> {
    if sandbox::is_tighter() {
        return None;
    }
    Some(of_status(&small_file::read("/proc/self/status").ok()?)?.0)
}

fn of_status(status: &[u8]) -> Option<(u64, u64)> {
    let count = |name| field(status, name).and_then(number);
    Some((count("VmRSS:")?.checked_mul(1024)?, count("Threads:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let status = b"Name:\tx\nVmHWM:\t  999 kB\nVmRSS:\t    1234 kB\nThreads:\t7\n";
        assert_eq!(of_status(status), Some((1234 * 1024, 7)));
        assert_eq!(of_status(b"Name:\tVmRSS: 5\n"), None);
    }

    #[test]
    fn a_name_may_look_like_the_end_of_itself() {
        let stat = |name| format!("7 ({name}) S 1 2 3 4 -1 5 6 7 8 9 10 11 12 13 20 0 4 0 2881021 99 100\n");
        for name in ["sh", ") R 1 (", "a b", ""] {
            assert_eq!(start_ticks(stat(name).as_bytes()), Some(2_881_021), "{name}");
        }
        for text in ["", "7 (sh) S 1 2\n", "7 sh S\n", "7 (sh)\n"] {
            assert_eq!(start_ticks(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    #[cfg_attr(miri, ignore = "it reads files")]
    fn this_process_has_something_of_each() {
        let now = read().expect("there is /proc");
        assert!(now.resident_bytes > 1 << 20 && now.threads > 1 && now.file_descriptors > 2, "{now:?}");
    }
}
