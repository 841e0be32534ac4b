//! Figures of the process's control group, of both versions: its limits, and how often it met them.

mod cpu;
mod files;
mod memory;
mod pids;
mod place;

use std::path::Path;

pub(super) use files::{Group, Version};
pub(super) use place::Places;

use super::absences::{TIGHTER, absent};
use super::file::Buffer;
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

    fn runs_anywhere(&self) -> bool {
        true
    }

    fn read(&mut self, into: &mut Sheet) {
        if sandbox::is_tighter() {
            for all in [&cpu::ALL[..], &memory::ALL, &pids::ALL] {
                absent(all, TIGHTER, into);
            }
            return;
        }
        if self.places.have_changed(&mut self.buffer) {
            self.cpu = self.places.group("cpu").map(|group| cpu::Cpu::of(&group));
            self.memory = self.places.group("memory").map(|group| memory::Memory::of(&group));
            self.pids = self.places.group("pids").map(|group| pids::Pids::of(&group));
        }
        match &mut self.cpu {
            Ok(cpu) => cpu.read(&mut self.buffer, into),
            Err(why) => absent(&cpu::ALL, why, into),
        }
        match &mut self.memory {
            Ok(memory) => memory.read(&mut self.buffer, into),
            Err(why) => absent(&memory::ALL, why, into),
        }
        match &mut self.pids {
            Ok(pids) => pids.read(&mut self.buffer, into),
            Err(why) => absent(&pids::ALL, why, into),
        }
    }
}
