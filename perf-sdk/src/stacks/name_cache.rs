//! A cache of names of code addresses, in bounded memory.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::image::Image;
use crate::base::footprint::{self, Part};
use crate::base::process_identity::{AtomicProcess, Process};
use crate::base::unpoisoned::Unpoisoned as _;

/// The maximum number of addresses.
const MAX_KNOWN: usize = 1 << 16;
/// The maximum number of images.
const MAX_IMAGES: usize = 1 << 10;
/// The entry of a hash table, with the slots that are free and the counts of an `Arc`.
const fn entry_bytes<T>() -> usize {
    2 * size_of::<T>() + 16
}

/// The source line of an address, and the function that it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) function: Arc<str>,
    pub(crate) file: Arc<str>,
    /// 0 if unknown.
    pub(crate) line: u32,
}

/// The functions at an address, the innermost inlined call first. Empty if unknown.
pub(crate) type Lines = Arc<[Line]>;

/// What is known of an address.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) lines: Lines,
    /// Whether there is no more to be read.
    pub(super) is_all: bool,
}

static KNOWN: Mutex<Option<NameCache>> = Mutex::new(None);
/// The process in which it was locked last.
static KNOWN_BY: AtomicProcess = AtomicProcess::none();
/// Reading debug information may take others that long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Names of addresses outside of all known images, from another source.
static ELSEWHERE: Mutex<Option<NameCache>> = Mutex::new(None);

/// Build id and path of an image, so that what is known of it is valid wherever it is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct File(Vec<u8>, String);

impl File {
    pub(super) fn of(image: &Image) -> Self {
        Self(image.build_id.clone(), image.path.clone())
    }
}

/// Names of addresses in bounded memory. Equal texts are held once.
#[derive(Debug, Default)]
pub(super) struct NameCache {
    /// By image, and address within it.
    known: HashMap<File, HashMap<u64, Known>>,
    texts: HashSet<Arc<str>>,
    addresses: usize,
    /// The bytes of addresses and texts.
    bytes: u64,
}

impl NameCache {
    pub(super) fn get(&self, file: &File, address: u64) -> Option<&Known> {
        self.known.get(file)?.get(&address)
    }

    /// Adds the lines of an address, in the place of those that were known, and returns them. If
    /// there is no room, the lines of all addresses are removed; if there is none then, these are
    /// not added.
    pub(super) fn insert(&mut self, file: &File, address: u64, lines: Vec<Line>, is_all: bool) -> Lines {
        let is_full = self.addresses == MAX_KNOWN || self.known.len() == MAX_IMAGES && !self.known.contains_key(file);
        if is_full || !self.reserve(file, &lines) {
            self.forget();
            if !self.reserve(file, &lines) {
                return lines.into();
            }
        }
        let lines: Lines = lines.into_iter().map(|line| self.shared(line)).collect();
        let known = Known { lines: Arc::clone(&lines), is_all };
        match self.known.entry(file.clone()).or_default().insert(address, known) {
            None => self.addresses += 1,
            Some(before) => self.give(bytes_of(&before.lines)),
        }
        lines
    }

    /// Reserves the bytes of the lines of an address. `false` if there are not as many.
    fn reserve(&mut self, file: &File, lines: &[Line]) -> bool {
        let image = match self.known.contains_key(file) {
            true => 0,
            false => file.0.len() + file.1.len() + entry_bytes::<(File, HashMap<u64, Known>)>(),
        };
        let texts: HashSet<&str> = lines.iter().flat_map(|line| [&*line.function, &*line.file]).collect();
        let new = texts.into_iter().filter(|text| !self.texts.contains(*text));
        let texts: usize = new.map(|text| text.len() + entry_bytes::<Arc<str>>()).sum();
        let bytes = bytes_of(lines) + (texts + image) as u64;
        let has_room = footprint::take(Part::Names, bytes);
        self.bytes += if has_room { bytes } else { 0 };
        has_room
    }

    fn shared(&mut self, line: Line) -> Line {
        let mut shared = |text: Arc<str>| match self.texts.get(&text) {
            Some(known) => Arc::clone(known),
            None => {
                self.texts.insert(Arc::clone(&text));
                text
            }
        };
        Line { function: shared(line.function), file: shared(line.file), line: line.line }
    }

    /// Removes the lines of all addresses.
    fn forget(&mut self) {
        self.known = HashMap::new();
        self.texts = HashSet::new();
        self.addresses = 0;
        self.give(self.bytes);
    }

    fn give(&mut self, bytes: u64) {
        self.bytes -= bytes;
        footprint::give(Part::Names, bytes);
    }
}

/// The bytes of an address with these lines, without their texts.
const fn bytes_of(lines: &[Line]) -> u64 {
    (entry_bytes::<(u64, Known)>() + size_of_val(lines)) as u64
}

impl Drop for NameCache {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Names of addresses outside of all images. `None` while another thread uses them.
pub(super) fn elsewhere() -> Option<MutexGuard<'static, Option<NameCache>>> {
    ELSEWHERE.try_lock().unpoisoned()
}

/// Adds the functions at an address outside of all images, unless they are known.
#[cfg(feature = "pprof")]
pub(super) fn learn(address: u64, lines: impl FnOnce() -> Vec<Line>) {
    let Some(mut elsewhere) = elsewhere() else { return };
    let known = elsewhere.get_or_insert_default();
    if known.get(&File::default(), address).is_none() {
        known.insert(&File::default(), address, lines(), true);
    }
}

/// Locks the cache. `None` if that takes too long, or, in a forked child, if it is held by a thread
/// that does not exist.
pub(super) fn of_images() -> Option<MutexGuard<'static, Option<NameCache>>> {
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

/// Serializes tests that need room for names, which the whole process shares: one of them fills it.
#[cfg(test)]
pub(super) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unpoisoned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, line: u32) -> Line {
        Line { function: text.into(), file: "src/lib.rs".into(), line }
    }

    #[test]
    fn the_cache_stays_within_its_memory() {
        let _alone = alone();
        let (mut known, file) = (NameCache::default(), File::default());
        let most = footprint::limit_bytes() / 8;
        let mut peak = 0;
        for n in 0..100_000_u64 {
            let text = format!("{n:0100}");
            let lines = known.insert(&file, n, vec![line(&text, 1), line("one", 2)], true);
            assert!(known.bytes <= most);
            peak = peak.max(known.bytes);
            assert_eq!(lines.len(), 2);
            assert!(known.get(&file, n).is_some_and(|known| Arc::ptr_eq(&known.lines, &lines)));
        }
        assert!(known.addresses < 100_000 && peak > most / 4, "{} of {most}", known.addresses);
    }

    #[test]
    fn images_that_come_later_have_room_too() {
        let _alone = alone();
        let mut known = NameCache::default();
        for n in 0..2 * MAX_IMAGES as u64 {
            let file = File(Vec::new(), format!("lib{n}.so"));
            known.insert(&file, n, vec![line("f", 1)], true);
            assert!(known.get(&file, n).is_some() && known.known.len() <= MAX_IMAGES);
        }
    }

    #[test]
    fn equal_texts_are_held_once() {
        let _alone = alone();
        let (mut known, file) = (NameCache::default(), File::default());
        let mut add = |address| {
            let before = known.bytes;
            let lines = known.insert(&file, address, (0..8).map(|n| line(&format!("{n:0200}"), n)).collect(), true);
            (lines, known.bytes - before)
        };
        let [(first, first_bytes), (second, second_bytes)] = [1, 2].map(&mut add);
        assert!(first.iter().zip(&*second).all(|(a, b)| Arc::ptr_eq(&a.function, &b.function)));
        assert!(second_bytes + 1_600 < first_bytes, "{second_bytes} {first_bytes}");
    }

    #[test]
    fn what_is_known_better_takes_the_place_of_what_was_known() {
        let _alone = alone();
        let (mut known, file) = (NameCache::default(), File::default());
        let mut bytes = [false, true, true].map(|is_all| {
            known.insert(&file, 1, vec![line("f", 1)], is_all);
            assert!(known.get(&file, 1).is_some_and(|known| known.is_all == is_all) && known.addresses == 1);
            known.bytes
        });
        bytes.sort_unstable();
        assert_eq!(bytes[0], bytes[2], "{bytes:?}");
    }
}
