//! The threads of the control group.

use super::files::{Group, Limit, read_number};
use crate::monitor::file::{Buffer, Source};
use crate::reading::{Description, Sheet, Unit};

static THREADS: Description =
    Description::gauge("container_threads", Unit::Count, "Threads of all processes of the control group.");
static MOST: Description =
    Description::gauge("container_threads_max", Unit::Count, "Limit of container_threads. Absent without one.");

pub(super) static ALL: [&Description; 2] = [&THREADS, &MOST];

/// The files are the same in both versions.
#[derive(Debug)]
pub(super) struct Pids {
    current: Source,
    max: Limit,
}

impl Pids {
    pub(super) fn of(group: &Group) -> Self {
        Self { current: group.file("pids.current"), max: Limit::of(group.file("pids.max")) }
    }

    pub(super) fn read(&mut self, buffer: &mut Buffer, into: &mut Sheet) {
        into.push_or_absent(&THREADS, read_number(&mut self.current, buffer));
        into.push_or_absent(&MOST, self.max.read(buffer, read_number));
    }
}
