//! The machine's load: threads that run or want to, or wait for a disk.

use std::path::Path;

use crate::monitor::absences::absent;
use crate::monitor::file::{Buffer, Source};
use crate::monitor::text::{NOT_UNDERSTOOD, decimal, lines, words};
use crate::reading::{Description, Sheet, Unit};

static LOAD1: Description = Description::gauge("node_load1", Unit::Count, "Load of the host, averaged over 1 minute.");
static LOAD5: Description = Description::gauge("node_load5", Unit::Count, "Load of the host, averaged over 5 minutes.");
static LOAD15: Description =
    Description::gauge("node_load15", Unit::Count, "Load of the host, averaged over 15 minutes.");

pub(super) static ALL: [&Description; 3] = [&LOAD1, &LOAD5, &LOAD15];

#[derive(Debug)]
pub(super) struct Load(Source);

impl Load {
    pub(super) fn of(root: &Path) -> Self {
        Self(Source::whole(root, "proc/loadavg"))
    }

    pub(super) fn read(&mut self, buffer: &mut Buffer, into: &mut Sheet) {
        match self.0.read(buffer) {
            Ok(text) => {
                let mut averages = words(lines(text).next().unwrap_or_default());
                for description in ALL {
                    into.push_or_absent(description, averages.next().and_then(decimal).ok_or(NOT_UNDERSTOOD));
                }
            }
            Err(why) => absent(&ALL, why, into),
        }
    }
}
