//! Names of code addresses that are known already, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::base::footprint::{self, Part};
use crate::base::process::{AtomicProcess, Process};
use crate::base::unpoisoned::Unpoisoned as _;

/// Addresses that are remembered.
const MAX_KNOWN: usize = 1 << 16;

/// A function, and where in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) function: String,
    pub(crate) file: String,
    /// 0: not known.
    pub(crate) line: u32,
}

/// What an address is: the innermost of inlined calls first. Empty: nobody knows.
pub(crate) type Lines = Arc<[Line]>;

/// By image and address within, so that it holds for whatever is loaded there later.
static KNOWN: Mutex<Option<NameCache<Place>>> = Mutex::new(None);
/// The process in which it was locked last.
static KNOWN_BY: AtomicProcess = AtomicProcess::none();
/// Reading debug information may take others that long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Addresses outside of all images that are known, as somebody else says.
static ELSEWHERE: Mutex<Option<NameCache<u64>>> = Mutex::new(None);

/// Build id and path of an image, and an address within.
pub(super) type Place = (Vec<u8>, String, u64);

/// Names that are remembered, in bounded memory.
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

    /// `key_bytes` are those that the key holds elsewhere. Where there is no room for it, what was
    /// known before is forgotten.
    pub(super) fn insert(&mut self, key: K, key_bytes: usize, lines: Lines) {
        let names: usize = lines.iter().map(|line| line.function.len() + line.file.len()).sum();
        // The entry, the counts and the lengths beside, and what a table keeps free.
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

/// Addresses outside of all images; `None` while somebody else has them.
pub(super) fn elsewhere() -> Option<MutexGuard<'static, Option<NameCache<u64>>>> {
    ELSEWHERE.try_lock().unpoisoned()
}

/// Says what is at an address which is in no image, unless that is known.
#[cfg(feature = "pprof")]
pub(super) fn learn(address: u64, lines: impl FnOnce() -> Vec<Line>) {
    let Some(mut elsewhere) = elsewhere() else { return };
    let known = elsewhere.get_or_insert_default();
    if known.get(&address).is_none() {
        known.insert(address, 0, lines().into());
    }
}

/// What is known, when nobody else is reading. `None`: it takes too long, or whoever has it is not
/// there any more, in a forked child.
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
    fn names_are_forgotten_before_they_take_more_than_their_part() {
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
