//! Finds the stack of the process's first thread.

use std::time::{Duration, Instant};

use super::memory_map::Map;
use super::slot::Slot;

/// Readings of the memory map may take one part in this many of the time. Their cost grows with the
/// number of mappings.
const MAP_SHARE: u32 = 50;

#[derive(Default)]
pub(super) struct StackSearch {
    /// When the memory map was last read, and how long that took.
    map_read: Option<(Instant, Duration)>,
}

impl StackSearch {
    /// Finds the stack if one of the slots needs it.
    pub(super) fn run(&mut self, slots: impl Iterator<Item = &'static Slot>) {
        let unknown: Vec<&'static Slot> = slots.filter(|slot| slot.wants_stack()).collect();
        let is_too_early = self.map_read.is_some_and(|(at, took)| at.elapsed() < took * MAP_SHARE);
        if unknown.is_empty() || is_too_early {
            return;
        }
        let start = Instant::now();
        let map = Map::read();
        self.map_read = Some((start, start.elapsed()));
        if let Some(map) = map {
            unknown.into_iter().for_each(|slot| slot.find_main_stack(|address| map.holding(address)));
        }
    }
}
