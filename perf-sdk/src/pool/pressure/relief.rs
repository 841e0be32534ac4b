//! Returns memory to the system.

use std::time::{Duration, Instant};

use crate::accounts::Pressure;
use crate::memory;
use crate::pool::{arena, registry};

#[derive(Debug, Default)]
pub(crate) struct Relief {
    pub(crate) trimmed: u64,
    /// The duration of each step.
    pub(crate) pauses: Vec<Duration>,
}

impl Relief {
    fn step<R>(&mut self, step: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = step();
        self.pauses.push(start.elapsed());
        result
    }
}

/// Trims pools, and has jemalloc return pages to the system, arena by arena: those that were unused
/// for long, or all unused ones.
pub(crate) fn relieve(level: Pressure) -> Relief {
    let mut relief = Relief::default();
    for pool in registry::all() {
        relief.trimmed += relief.step(|| pool.trim()) as u64;
    }
    // If jemalloc is used for arenas only, its other arenas are empty.
    let arenas = if memory::is_jemalloc() { arena::indices() } else { arena::own_indices() };
    for index in arenas {
        relief.step(|| if level == Pressure::Critical { arena::purge(index) } else { arena::decay(index) });
    }
    relief
}
