//! Figures of the machine on which the process runs.
//!
//! In a container, processors, memory, load and disks are those of the machine; the network is that
//! of the container's namespace.

mod cpu;
mod disk;
mod frequency;
mod load;
mod memory;
mod network;

use std::path::Path;

pub(super) use frequency::FrequencyMonitor;

use super::absences::{TIGHTER, absent};
use super::file::Buffer;
use crate::base::sandbox;
use crate::reading::{Description, Producer, Sheet};

#[derive(Debug)]
pub(super) struct HostMonitor {
    cpu: cpu::Cpu,
    memory: memory::Memory,
    load: load::Load,
    disk: disk::Disk,
    network: network::Network,
    buffer: Buffer,
}

pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    let each: [&[&Description]; 6] = [&cpu::ALL, &frequency::ALL, &memory::ALL, &load::ALL, &disk::ALL, &network::ALL];
    each.into_iter().flatten().copied()
}

impl HostMonitor {
    pub(super) fn of(root: &Path) -> Self {
        Self {
            cpu: cpu::Cpu::of(root),
            memory: memory::Memory::of(root),
            load: load::Load::of(root),
            disk: disk::Disk::of(root),
            network: network::Network::of(root),
            buffer: Buffer::default(),
        }
    }
}

impl Producer for HostMonitor {
    fn name(&self) -> &'static str {
        "host"
    }

    fn runs_anywhere(&self) -> bool {
        true
    }

    fn read(&mut self, into: &mut Sheet) {
        if sandbox::is_tighter() {
            for all in [&cpu::ALL[..], &memory::ALL, &load::ALL, &disk::ALL, &network::ALL] {
                absent(all, TIGHTER, into);
            }
            return;
        }
        self.cpu.read(&mut self.buffer, into);
        self.memory.read(&mut self.buffer, into);
        self.load.read(&mut self.buffer, into);
        self.disk.read(&mut self.buffer, into);
        self.network.read(&mut self.buffer, into);
    }
}
