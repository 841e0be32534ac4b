//! A cache of names of code addresses, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::base::footprint::{self, Part};
use crate::base::process_identity::{AtomicProcess, Process};
use crate::base::unpoisoned::Unpoisoned as _;

/// The maximum number of addresses.
const MAX_KNOWN: usize = 1 << 16;

/// The source line of an address, and the function that it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) function: String,
    pub(crate) file: String,
    /// 0 if unknown.
    pub(crate) line: u32,
}

/// The functions at an address, the innermost inlined call first. Empty if unknown.
pub(crate) type Lines = Arc<[Line]>;

/// Keyed by image and address within it, so that an entry is valid wherever the image is loaded.
static KNOWN: Mutex<Option<NameCache<Place>>> = Mutex::new(None);
/// The process in which it was locked last.
static KNOWN_BY: AtomicProcess = AtomicProcess::none();
/// Reading debug information may take others that long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Names of addresses outside of all known images, from another source.
static ELSEWHERE: Mutex<Option<NameCache<u64>>> = Mutex::new(None);

/// Build id and path of an image, and an address within it.
pub(super) type Place = (Vec<u8>, String, u64);

/// A cache of names in bounded memory.
#[derive(Debug)]
pub(super) struct NameCache<K> {
    lines: HashMap<K, Lines>,
    bytes: u64,
}

impl<K> Default for NameCache<K> {
    fn default() -> Self {
        Self { lines: HashMap::new(), bytes: 0 }
    }
}

impl<K: Hash + Eq> NameCache<K> {
    pub(super) fn get(&self, key: &K) -> Option<&Lines> {
        self.lines.get(key)
    }

    /// Adds an entry. `key_bytes` are the bytes that the key holds on the heap. If there is no
    /// room, all earlier entries are removed.
    pub(super) fn insert(&mut self, key: K, key_bytes: usize, lines: Lines) {
        let names: usize = lines.iter().map(|line| line.function.len() + line.file.len()).sum();
        // The entry, the counts and lengths, and the free slots of a hash table.
        let entry = 2 * (size_of::<K>() + size_of::<Lines>()) + 16;
        let bytes = (entry + key_bytes + names + lines.len() * size_of::<Line>()) as u64;
        if self.lines.len() == MAX_KNOWN || !footprint::take(Part::Names, bytes) {
            self.forget();
            if !footprint::take(Part::Names, bytes) {
                return;
            }
        }
        self.bytes += bytes;
        self.lines.insert(key, lines);
    }
}

impl<K> NameCache<K> {
    fn forget(&mut self) {
        self.lines = HashMap::new();
        footprint::give(Part::Names, std::mem::take(&mut self.bytes));
    }
}

impl<K> Drop for NameCache<K> {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Names of addresses outside of all images. `None` while another thread uses them.
pub(super) fn elsewhere() -> Option<MutexGuard<'static, Option<NameCache<u64>>>> {
    ELSEWHERE.try_lock().unpoisoned()
}

/// Adds the functions at an address outside of all images, unless they are known.
#[cfg(feature = "pprof")]
pub(super) fn learn(address: u64, lines: impl FnOnce() -> Vec<Line>) {
    let Some(mut elsewhere) = elsewhere() else { return };
    let known = elsewhere.get_or_insert_default();
    if known.get(&address).is_none() {
        known.insert(address, 0, lines().into());
    }
}

/// Locks the cache. `None` if that takes too long, or, in a forked child, if it is held by a thread
/// that does not exist.
pub(super) fn of_images() -> Option<MutexGuard<'static, Option<NameCache<Place>>>> {
    let (process, start) = (Process::current(), Instant::now());
    loop {
        // Who panicked did so while it read a file, not while it added to what is known.
        if let Some(known) = KNOWN.try_lock().unpoisoned() {
            KNOWN_BY.store(Some(process), Relaxed);
            return Some(known);
        }
        if KNOWN_BY.load(Relaxed) != Some(process) || start.elapsed() >= PATIENCE {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_stays_within_its_memory() {
        let mut known = NameCache::default();
        let line = |n: u64| Line { function: format!("{n:0100}"), ..Line::default() };
        let most = footprint::limit_bytes() / 8;
        let mut peak = 0;
        for n in 0..60_000_u64 {
            known.insert(n, 0, [line(n)].into());
            assert!(known.bytes <= most);
            peak = peak.max(known.bytes);
            assert_eq!(known.get(&n).map(|lines| lines.len()), Some(1));
        }
        assert!(known.lines.len() < 60_000 && peak > most / 4, "{} of {most}", known.lines.len());
    }
}
