//! The histograms of one function while threads are added up.

use crate::record::Parts;
use crate::snapshot::Function;

/// Histograms of one function. Kept apart from the function, because they are accessed for each of
/// its shards, and the rest is not.
#[derive(Default)]
pub(super) struct Measured {
    parts: Parts,
    has_cpu: bool,
    has_bytes: bool,
}

impl Measured {
    /// Adds `parts`. The flags say whether CPU times and bytes are measured there.
    pub(super) fn add(&mut self, parts: &Parts, has_cpu: bool, has_bytes: bool) {
        self.parts.merge(parts);
        self.has_cpu |= has_cpu;
        self.has_bytes |= has_bytes;
    }

    pub(super) fn prefetch_cells(&self) {
        self.parts.prefetch_cells();
    }

    pub(super) fn put_into(self, function: &mut Function) {
        let Parts { both, mut wall, mut cpu, bytes } = self.parts;
        wall.merge(&both);
        cpu.merge(&both);
        function.wall = wall;
        function.cpu = self.has_cpu.then_some(cpu);
        function.bytes = self.has_bytes.then_some(bytes);
    }
}
