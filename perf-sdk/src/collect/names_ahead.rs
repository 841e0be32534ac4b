//! Looks up the names of several profiles together: debug information is read once for all.

use std::collections::HashMap;

#[cfg(feature = "heap")]
use super::heap_stacks::HeapStacksNow;
use super::wall_profile::WallWindow;
use crate::memory;
use crate::stacks;

/// An address is worth the time to read its lines if this part of all samples was there.
const WORTH: u64 = 20;

/// Looks up the names of the samples that are kept one by one, of that window of wall time, and of
/// the live heap. Profiles that are made of them then find most names.
pub(crate) fn look_up_names(wall: Option<&WallWindow>) {
    memory::uncounted(|| {
        let Some(recent) = stacks::recent(0) else { return };
        let mut seen: HashMap<u64, u64> = HashMap::new();
        let mut add = |frames: &[u64], samples: u64| {
            frames.iter().for_each(|address| *seen.entry(*address).or_default() += samples);
        };
        let samples = recent.samples(0, u64::MAX);
        samples.iter().for_each(|sample| add(&sample.key.frames, 1));
        let waiting = wall.and_then(WallWindow::picture);
        let waiting = waiting.iter().flat_map(|picture| &picture.stacks.stacks);
        let mut all = samples.len() as u64;
        for (key, seen) in waiting {
            add(&key.frames, seen.samples);
            all += seen.samples;
        }
        #[cfg(feature = "heap")]
        if let Some(heap) = HeapStacksNow::take() {
            heap.frames().for_each(|frames| add(frames, 0));
        }
        stacks::resolve(recent.images(), seen.iter().map(|(address, seen)| (*address, *seen >= (all / WORTH).max(1))));
    });
}
