//! Pressure stall information: the time for which threads waited for a processor, for memory or for
//! a disk. That of the process's control group; where it has none, that of the host.

use std::path::{Path, PathBuf};

use super::absences::{TIGHTER, absent};
use super::file::{Buffer, Source};
use super::group::Places;
use super::text::{NOT_UNDERSTOOD, lines, number, words};
use crate::base::sandbox;
use crate::reading::{Description, Producer, Sheet, Unit};

const fn waiting(name: &'static str, help: &'static str) -> Description {
    Description::counter(name, Unit::Seconds, help)
}

static GROUP_CPU_WAITING: Description = waiting(
    "container_pressure_cpu_waiting_seconds_total",
    "Time in which a thread of the control group or more waited for a processor.",
);
static GROUP_CPU_STALLED: Description = waiting(
    "container_pressure_cpu_stalled_seconds_total",
    "Time in which all threads of the control group that were not idle waited for a processor.",
);
static GROUP_MEMORY_WAITING: Description = waiting(
    "container_pressure_memory_waiting_seconds_total",
    "Time in which a thread of the control group or more waited for memory.",
);
static GROUP_MEMORY_STALLED: Description = waiting(
    "container_pressure_memory_stalled_seconds_total",
    "Time in which all threads of the control group that were not idle waited for memory.",
);
static GROUP_IO_WAITING: Description = waiting(
    "container_pressure_io_waiting_seconds_total",
    "Time in which a thread of the control group or more waited for a disk.",
);
static GROUP_IO_STALLED: Description = waiting(
    "container_pressure_io_stalled_seconds_total",
    "Time in which all threads of the control group that were not idle waited for a disk.",
);
static HOST_CPU_WAITING: Description = waiting(
    "node_pressure_cpu_waiting_seconds_total",
    "Time in which a thread of the host or more waited for a processor.",
);
static HOST_MEMORY_WAITING: Description = waiting(
    "node_pressure_memory_waiting_seconds_total",
    "Time in which a thread of the host or more waited for memory.",
);
static HOST_MEMORY_STALLED: Description = waiting(
    "node_pressure_memory_stalled_seconds_total",
    "Time in which all threads of the host that were not idle waited for memory.",
);
static HOST_IO_WAITING: Description =
    waiting("node_pressure_io_waiting_seconds_total", "Time in which a thread of the host or more waited for a disk.");
static HOST_IO_STALLED: Description = waiting(
    "node_pressure_io_stalled_seconds_total",
    "Time in which all threads of the host that were not idle waited for a disk.",
);

static OF_GROUP: [&Description; 6] = [
    &GROUP_CPU_WAITING,
    &GROUP_CPU_STALLED,
    &GROUP_MEMORY_WAITING,
    &GROUP_MEMORY_STALLED,
    &GROUP_IO_WAITING,
    &GROUP_IO_STALLED,
];
/// All threads of a host never wait for a processor: one of them has it.
static OF_HOST: [&Description; 5] =
    [&HOST_CPU_WAITING, &HOST_MEMORY_WAITING, &HOST_MEMORY_STALLED, &HOST_IO_WAITING, &HOST_IO_STALLED];

pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    OF_GROUP.iter().chain(&OF_HOST).copied()
}

/// One resource: its file, and where its times of waiting and of stalling go.
#[derive(Debug)]
struct Resource {
    source: Source,
    some: &'static Description,
    full: Option<&'static Description>,
}

#[derive(Debug)]
pub(super) struct PressureMonitor {
    host: Box<Path>,
    places: Places,
    resources: Vec<Resource>,
    is_of_host: bool,
    buffer: Buffer,
}

impl PressureMonitor {
    pub(super) fn of(root: &Path) -> Self {
        let (host, places) = (root.join("proc/pressure").into(), Places::of(root));
        Self { host, places, resources: Vec::new(), is_of_host: true, buffer: Buffer::default() }
    }

    fn find(&mut self) {
        let group = self.group();
        self.is_of_host = group.is_none();
        let (folder, resources): (_, [(_, &Description, Option<&Description>); 3]) = match group {
            Some(folder) => (
                folder,
                [
                    ("cpu.pressure", &GROUP_CPU_WAITING, Some(&GROUP_CPU_STALLED)),
                    ("memory.pressure", &GROUP_MEMORY_WAITING, Some(&GROUP_MEMORY_STALLED)),
                    ("io.pressure", &GROUP_IO_WAITING, Some(&GROUP_IO_STALLED)),
                ],
            ),
            None => (
                self.host.to_path_buf(),
                [
                    ("cpu", &HOST_CPU_WAITING, None),
                    ("memory", &HOST_MEMORY_WAITING, Some(&HOST_MEMORY_STALLED)),
                    ("io", &HOST_IO_WAITING, Some(&HOST_IO_STALLED)),
                ],
            ),
        };
        let resource = |(name, some, full)| Resource { source: Source::whole(&folder, name), some, full };
        self.resources = resources.into_iter().map(resource).collect();
    }

    /// The folder of the group, if pressure is accounted there. The group at the root of the whole
    /// hierarchy has no type, and is the host.
    fn group(&self) -> Option<PathBuf> {
        let folder = self.places.unified().ok()?;
        (folder.join("cgroup.type").exists() && folder.join("cpu.pressure").exists()).then_some(folder)
    }
}

impl Producer for PressureMonitor {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn runs_anywhere(&self) -> bool {
        true
    }

    fn read(&mut self, into: &mut Sheet) {
        if sandbox::is_tighter() {
            descriptions().for_each(|description| into.absent(description.name, TIGHTER));
            return;
        }
        if self.places.have_changed(&mut self.buffer) {
            self.find();
        }
        let others: &[&Description] = if self.is_of_host { &OF_GROUP } else { &OF_HOST };
        let why =
            if self.is_of_host { "not accounted for the control group" } else { "that of the control group is read" };
        absent(others, why, into);
        for resource in &mut self.resources {
            match resource.source.read(&mut self.buffer) {
                Ok(text) => {
                    into.push_or_absent(resource.some, total(text, b"some"));
                    if let Some(full) = resource.full {
                        into.push_or_absent(full, total(text, b"full"));
                    }
                }
                Err(why) => {
                    into.absent(resource.some.name, why);
                    resource.full.into_iter().for_each(|full| into.absent(full.name, why));
                }
            }
        }
    }
}

/// Of a line such as `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`, in seconds.
fn total(text: &[u8], kind: &[u8]) -> Result<f64, &'static str> {
    let line = lines(text).map(words).find_map(|mut words| (words.next()? == kind).then_some(words));
    let microseconds = line.and_then(|mut words| words.find_map(|word| word.strip_prefix(b"total="))).and_then(number);
    microseconds.map(|microseconds| microseconds as f64 / 1e6).ok_or(NOT_UNDERSTOOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_by_its_name() {
        let text =
            b"some avg10=0.12 avg60=0.00 avg300=0.00 total=1234567\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=8\n";
        assert_eq!((total(text, b"some"), total(text, b"full")), (Ok(1.234_567), Ok(8e-6)));
        for text in ["", "some avg10=0.12\n", "some total=x\n", "some avg10=0.12 avg60=0.00 avg300=0.00 total=12345"] {
            assert_eq!(total(text.as_bytes(), b"some"), Err(NOT_UNDERSTOOD), "{text}");
        }
    }
}
