//! Memory of the machine.

use std::path::Path;

use crate::monitor::absences::absent;
use crate::monitor::file::{Buffer, Source};
use crate::monitor::text::kibibytes;
use crate::reading::{Description, Sheet, Unit};

static TOTAL: Description = Description::gauge("node_memory_MemTotal_bytes", Unit::Bytes, "Memory of the host.");
static AVAILABLE: Description = Description::gauge(
    "node_memory_MemAvailable_bytes",
    Unit::Bytes,
    "Memory of the host that is available without swapping. Estimated by the kernel.",
);
static CACHED: Description =
    Description::gauge("node_memory_Cached_bytes", Unit::Bytes, "Memory of the host that caches files.");
static BUFFERS: Description =
    Description::gauge("node_memory_Buffers_bytes", Unit::Bytes, "Memory of the host that buffers blocks of disks.");

pub(super) static ALL: [&Description; 4] = [&TOTAL, &AVAILABLE, &CACHED, &BUFFERS];

/// In the order of `ALL`.
const FIELDS: [&str; 4] = ["MemTotal:", "MemAvailable:", "Cached:", "Buffers:"];

#[derive(Debug)]
pub(super) struct Memory(Source);

impl Memory {
    pub(super) fn of(root: &Path) -> Self {
        Self(Source::whole(root, "proc/meminfo"))
    }

    pub(super) fn read(&mut self, buffer: &mut Buffer, into: &mut Sheet) {
        match self.0.read(buffer) {
            Ok(text) => {
                for (description, field) in ALL.iter().zip(FIELDS) {
                    into.push_or_absent(description, kibibytes(text, field));
                }
            }
            Err(why) => absent(&ALL, why, into),
        }
    }
}
