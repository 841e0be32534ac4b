//! Figures of the process's control group, of both versions: its limits, and how often it met them.

mod cpu;
mod memory;
mod pids;
mod place;

use std::path::{Path, PathBuf};

pub(super) use place::{Places, Version};

use super::TIGHTER;
use super::file::{Buffer, Source};
use super::text::{number, single};
use crate::base::sandbox;
use crate::reading::{Description, Producer, Sheet};

#[derive(Debug)]
pub(super) struct GroupMonitor {
    places: Places,
    cpu: Result<cpu::Cpu, &'static str>,
    memory: Result<memory::Memory, &'static str>,
    pids: Result<pids::Pids, &'static str>,
    buffer: Buffer,
}

pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    let each: [&[&Description]; 3] = [&cpu::ALL, &memory::ALL, &pids::ALL];
    each.into_iter().flatten().copied()
}

impl GroupMonitor {
    pub(super) fn of(root: &Path) -> Self {
        const BEFORE: &str = "not read yet";
        let (cpu, memory, pids) = (Err(BEFORE), Err(BEFORE), Err(BEFORE));
        Self { places: Places::of(root), cpu, memory, pids, buffer: Buffer::default() }
    }
}

impl Producer for GroupMonitor {
    fn name(&self) -> &'static str {
        "control_group"
    }

    fn read(&mut self, into: &mut Sheet) {
        if sandbox::is_tighter() {
            for all in [&cpu::ALL[..], &memory::ALL, &pids::ALL] {
                super::absent(all, TIGHTER, into);
            }
            return;
        }
        if self.places.have_changed(&mut self.buffer) {
            self.cpu = self.places.group("cpu").map(cpu::Cpu::of);
            self.memory = self.places.group("memory").map(memory::Memory::of);
            self.pids = self.places.group("pids").map(pids::Pids::of);
        }
        match &mut self.cpu {
            Ok(cpu) => cpu.read(&mut self.buffer, into),
            Err(why) => super::absent(&cpu::ALL, why, into),
        }
        match &mut self.memory {
            Ok(memory) => memory.read(&mut self.buffer, into),
            Err(why) => super::absent(&memory::ALL, why, into),
        }
        match &mut self.pids {
            Ok(pids) => pids.read(&mut self.buffer, into),
            Err(why) => super::absent(&pids::ALL, why, into),
        }
    }
}

/// The reason where a limit could be set.
const UNLIMITED: &str = "no limit is set";

/// A file in the folder of the group.
fn file(folder: &Path, name: &str) -> Source {
    Source::whole(folder, name)
}

/// A file with one number.
fn read_number(source: &mut Source, buffer: &mut Buffer) -> Result<f64, &'static str> {
    let word = single(source.read(buffer)?).ok_or(super::text::NOT_UNDERSTOOD)?;
    if word == b"max" || word == b"-1" {
        return Err(UNLIMITED);
    }
    number(word).map(|number| number as f64).ok_or(super::text::NOT_UNDERSTOOD)
}

/// A group of one controller: its folder, and the version of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) version: Version,
    pub(super) folder: PathBuf,
}
