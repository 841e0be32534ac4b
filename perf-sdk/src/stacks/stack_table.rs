//! Counts how often each stack was seen.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::sample::Sample;
use super::stack_counts::{InSpan, Key, Labels, NO_THREAD, Seen, Stacks};
use crate::base::footprint::{self, Part};
use crate::scope::Site;

/// The maximum number of frames of all stacks together: 4 MiB.
const MAX_FRAMES: usize = 1 << 19;
const MAX_STACKS: usize = 1 << 14;
/// The maximum number of thread names. Further ones share one entry.
const MAX_NAMES: usize = 1 << 10;
/// The number of latest samples whose trace and span are kept.
const MAX_IN_SPANS: usize = 1 << 14;
const OTHER: &str = "(other threads)";
/// The memory of an entry that maps an address to a number, including free slots of the table.
const NUMBER_BYTES: u64 = 2 * size_of::<(u64, u32)>() as u64;

/// Resolves addresses in a sample.
#[derive(Clone, Copy)]
pub(super) struct Resolve {
    /// The sites of a path, outermost first.
    pub(super) sites: fn(u64) -> Vec<&'static Site>,
    /// The labels of a set.
    pub(super) labels: fn(u64) -> Labels,
}

/// All stacks, and everything to which they refer, in bounded memory. What does not fit is counted
/// without its details.
#[derive(Debug)]
pub(super) struct Table {
    stacks: HashMap<Arc<Key>, Seen>,
    frames: usize,
    /// All memory that is held.
    bytes: u64,
    /// Keyed by the address of the path. Each thread has its own paths.
    paths: HashMap<u64, u32>,
    /// Keyed by the addresses of the sites: equal paths of different threads are one scope.
    numbers: HashMap<Vec<usize>, u32>,
    scopes: Vec<Vec<&'static Site>>,
    threads: Vec<String>,
    /// Keyed by address.
    sets: HashMap<u64, u32>,
    labels: Vec<Labels>,
    in_spans: VecDeque<InSpan>,
    /// The serial number of the next sample within a span.
    serial: u64,
    /// The number of samples whose stack was dropped, so that only their scope and thread are kept.
    pub(super) folded: u64,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            stacks: HashMap::new(),
            frames: 0,
            bytes: 0,
            paths: HashMap::new(),
            numbers: HashMap::new(),
            scopes: vec![Vec::new()],
            threads: Vec::new(),
            sets: HashMap::new(),
            labels: vec![&[]],
            in_spans: VecDeque::new(),
            serial: 0,
            folded: 0,
        }
    }
}

impl Table {
    /// The number of a thread's name.
    pub(super) fn thread(&mut self, name: &str) -> u32 {
        let known = |threads: &[String], name: &str| threads.iter().position(|known| known == name);
        let name = match known(&self.threads, name) {
            None if self.threads.len() + 1 >= MAX_NAMES => OTHER,
            _ => name,
        };
        if let Some(number) = known(&self.threads, name) {
            return number as u32;
        }
        if !self.take((2 * size_of::<String>() + name.len()) as u64) {
            return NO_THREAD;
        }
        self.threads.push(name.to_owned());
        self.threads.len() as u32 - 1
    }

    /// `false` if the memory limit is reached.
    fn take(&mut self, bytes: u64) -> bool {
        let has_room = footprint::take(Part::Samples, bytes);
        self.bytes += if has_room { bytes } else { 0 };
        has_room
    }

    /// Adds a sample. Each address is resolved only once. Returns the stack as it is stored, to be
    /// [counted again](Self::again).
    pub(super) fn add(&mut self, sample: &Sample, thread: u32, seen: Seen, resolve: Resolve) -> Arc<Key> {
        let facts = &sample.facts;
        let (scope, labels) = (self.scope(facts.scope, resolve.sites), self.labels(facts.labels, resolve.labels));
        let key = match (scope, labels) {
            (Some(scope), Some(labels)) => {
                let is_cut = facts.is_cut || facts.is_leaf_only;
                self.count(Key { scope, thread, labels, is_cut, frames: sample.frames.as_slice().into() }, seen)
            }
            _ => {
                self.folded += seen.samples;
                self.fold(&Key::nowhere(), seen)
            }
        };
        self.note_span(&key, seen, (facts.span, facts.at));
        key
    }

    fn note_span(&mut self, key: &Arc<Key>, seen: Seen, (span, at): (Option<[u64; 3]>, u64)) {
        let Some(span) = span else { return };
        let is_full = self.in_spans.len() == self.in_spans.capacity();
        if self.in_spans.len() == MAX_IN_SPANS || (is_full && !self.has_room_for_spans()) {
            // If there is no memory for a single one, none can be removed.
            if self.in_spans.pop_front().is_none() {
                return;
            }
        }
        self.in_spans.push_back(InSpan { serial: self.serial, at, key: Arc::clone(key), span, seen });
        self.serial += 1;
    }

    /// Whether there is memory for more of them.
    fn has_room_for_spans(&mut self) -> bool {
        const SOME: usize = MAX_IN_SPANS / 16;
        if !self.take((SOME * size_of::<InSpan>()) as u64) {
            return false;
        }
        self.in_spans.reserve_exact(SOME);
        true
    }

    /// A thread's name by its number.
    pub(super) fn name(&self, thread: u32) -> &str {
        self.threads.get(thread as usize).map_or(OTHER, String::as_str)
    }

    /// Counts the same stack again: of wall time, whose windows do not need the time of a sample.
    pub(super) fn again(&mut self, key: &Arc<Key>, seen: Seen, span: Option<[u64; 3]>) {
        self.note_span(key, seen, (span, 0));
        // It may have been folded meanwhile.
        match self.stacks.get_mut(key) {
            Some(sum) => sum.add(seen),
            None => {
                self.count(Key::clone(key), seen);
            }
        }
    }

    fn count(&mut self, key: Key, seen: Seen) -> Arc<Key> {
        if let Some((key, _)) = self.stacks.get_key_value(&key) {
            let key = Arc::clone(key);
            if let Some(sum) = self.stacks.get_mut(&key) {
                sum.add(seen);
            }
            return key;
        }
        let has_room = self.stacks.len() < MAX_STACKS && self.frames + key.frames.len() <= MAX_FRAMES;
        if has_room && self.take(key.bytes()) {
            self.frames += key.frames.len();
            let key = Arc::new(key);
            self.stacks.insert(Arc::clone(&key), seen);
            return key;
        }
        // The scope and the sums are kept: one entry for each scope, thread and set of labels.
        self.folded += seen.samples;
        self.fold(&key, seen)
    }

    /// `None` if there is no room for it.
    fn scope(&mut self, path: u64, sites: fn(u64) -> Vec<&'static Site>) -> Option<u32> {
        if path == 0 {
            return Some(0);
        }
        if let Some(number) = self.paths.get(&path) {
            return Some(*number);
        }
        let sites = sites(path);
        let addresses: Vec<usize> = sites.iter().map(|site| std::ptr::from_ref(*site).addr()).collect();
        let number = match self.numbers.get(&addresses) {
            Some(number) => *number,
            None => {
                // Both tables contain it.
                let entries = 2 * size_of::<(Vec<usize>, u32)>() + 2 * size_of::<Vec<&Site>>();
                if !self.take((entries + 2 * size_of_val(addresses.as_slice())) as u64) {
                    return None;
                }
                self.scopes.push(sites);
                let number = self.scopes.len() as u32 - 1;
                self.numbers.insert(addresses, number);
                number
            }
        };
        // If there is no room for this entry, the path is resolved again each time.
        if self.take(NUMBER_BYTES) {
            self.paths.insert(path, number);
        }
        Some(number)
    }

    /// `None` if there is no room for them.
    fn labels(&mut self, set: u64, labels: fn(u64) -> Labels) -> Option<u32> {
        if set == 0 {
            return Some(0);
        }
        if let Some(number) = self.sets.get(&set) {
            return Some(*number);
        }
        let labels = labels(set);
        let known = self.labels.iter().position(|known| *known == labels);
        if !self.take(NUMBER_BYTES + if known.is_none() { 2 * size_of::<Labels>() as u64 } else { 0 }) {
            return None;
        }
        let number = known.unwrap_or_else(|| {
            self.labels.push(labels);
            self.labels.len() - 1
        });
        self.sets.insert(set, number as u32);
        Some(number as u32)
    }

    /// Stores it without its frames.
    fn fold(&mut self, key: &Key, seen: Seen) -> Arc<Key> {
        let mut key = key.without_frames();
        if !self.stacks.contains_key(&key) {
            let has_room = self.stacks.len() < 2 * MAX_STACKS && self.take(key.bytes());
            if !has_room {
                key = Key::nowhere();
            }
        }
        let key = match self.stacks.get_key_value(&key) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(key),
        };
        self.stacks.entry(Arc::clone(&key)).or_default().add(seen);
        key
    }

    /// Handles unloaded code: stacks that contain its addresses lose their frames, because other
    /// code may be loaded there later.
    pub(super) fn forget(&mut self, code: &Range<u64>) {
        let is_gone = |key: &Arc<Key>| key.frames.iter().any(|frame| code.contains(frame));
        let gone: Vec<Arc<Key>> = self.stacks.keys().filter(|key| is_gone(key)).cloned().collect();
        if !gone.is_empty() {
            self.in_spans.retain(|sample| !is_gone(&sample.key));
        }
        for key in gone {
            let seen = self.stacks.remove(&key).unwrap_or_default();
            self.frames -= key.frames.len();
            self.bytes -= key.bytes();
            footprint::give(Part::Samples, key.bytes());
            self.folded += seen.samples;
            self.fold(&key, seen);
        }
    }

    /// The sums by innermost scope.
    pub(super) fn by_scope(&self) -> Vec<(&'static Site, Seen)> {
        let mut sums = vec![Seen::default(); self.scopes.len()];
        for (key, seen) in &self.stacks {
            if let Some(sum) = sums.get_mut(key.scope as usize) {
                sum.add(*seen);
            }
        }
        self.scopes.iter().zip(sums).filter_map(|(sites, sum)| Some((*sites.last()?, sum))).collect()
    }

    pub(super) fn copy(&self) -> Stacks {
        Stacks { stacks: self.stacks.clone(), ..self.tables() }
    }

    /// That to which stacks refer, and the samples within spans, without the stacks.
    pub(super) fn tables(&self) -> Stacks {
        Stacks {
            stacks: HashMap::new(),
            scopes: self.scopes.clone(),
            threads: self.threads.clone(),
            labels: self.labels.clone(),
            in_spans: self.in_spans.iter().cloned().collect(),
            serial: self.serial,
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        footprint::give(Part::Samples, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Facts;
    use super::*;
    use crate::scope::{Options, Source};

    const RESOLVE: Resolve = Resolve { sites: |_| Vec::new(), labels: |_| &[("tenant", "acme")] };

    fn add(table: &mut Table, frames: &[u64], thread: u32) -> Arc<Key> {
        add_of(table, frames, thread, Facts::default())
    }

    fn add_of(table: &mut Table, frames: &[u64], thread: u32, facts: Facts) -> Arc<Key> {
        table.add(&Sample { facts, frames: frames.to_vec() }, thread, Seen::once(10), RESOLVE)
    }

    #[test]
    fn equal_stacks_are_one_and_a_window_holds_what_came_in_it() {
        let mut table = Table::default();
        let thread = table.thread("worker");
        add(&mut table, &[1, 2], thread);
        add(&mut table, &[9], thread);
        let before = table.copy();
        (0..3).for_each(|_| drop(add(&mut table, &[1, 2], thread)));
        add(&mut table, &[3], thread);
        let mut window: Vec<_> =
            table.copy().since(&before).0.stacks.into_iter().map(|(key, seen)| (key.frames.to_vec(), seen)).collect();
        window.sort();
        let seen = |samples| Seen { samples, ns: samples * 10, off_ns: 0 };
        assert_eq!(window, [(vec![1, 2], seen(3)), (vec![3], seen(1))]);
    }

    #[test]
    fn samples_beyond_the_limit_are_counted_without_a_stack() {
        let mut table = Table::default();
        for n in 0..MAX_STACKS as u64 + 50 {
            add(&mut table, &[n], 0);
        }
        let sum: u64 = table.copy().stacks.values().map(|seen| seen.ns).sum();
        assert_eq!((table.folded, sum), (50, (MAX_STACKS as u64 + 50) * 10));
        assert_eq!(table.stacks.len(), MAX_STACKS + 1);
    }

    #[test]
    fn stacks_in_unloaded_code_lose_their_frames() {
        let mut table = Table::default();
        (0..3).for_each(|_| drop(add(&mut table, &[10, 20], 0)));
        add(&mut table, &[10, 30], 0);
        table.forget(&(15..25));
        let mut seen: Vec<_> =
            table.copy().stacks.into_iter().map(|(key, seen)| (key.frames.to_vec(), seen.samples)).collect();
        seen.sort();
        assert_eq!(seen, [(vec![], 3), (vec![10, 30], 1)]);
        assert_eq!((table.folded, table.frames), (3, 2));
    }

    #[test]
    fn a_window_is_correct_if_code_was_unloaded_in_it() {
        let mut table = Table::default();
        (0..100).for_each(|_| drop(add(&mut table, &[10, 20], 0)));
        (0..50).for_each(|_| drop(add(&mut table, &[11, 20], 0)));
        add(&mut table, &[10, 30], 0);
        let before = table.copy();
        (0..3).for_each(|_| drop(add(&mut table, &[10, 20], 0)));
        add(&mut table, &[10, 30], 0);
        table.forget(&(15..25));
        // The same code, loaded again at the same address.
        (0..7).for_each(|_| drop(add(&mut table, &[11, 20], 0)));
        let (window, moved) = table.copy().since(&before);
        let mut seen: Vec<_> =
            window.stacks.into_iter().map(|(key, seen)| (key.frames.to_vec(), seen.samples)).collect();
        seen.sort();
        assert_eq!(seen, [(vec![], 3), (vec![10, 30], 1), (vec![11, 20], 7)]);
        assert_eq!((table.folded, moved), (153, 150));
    }

    #[test]
    fn names_of_threads_are_bounded() {
        let mut table = Table::default();
        let first = table.thread("first");
        let all: std::collections::HashSet<u32> = (0..5_000).map(|n| table.thread(&n.to_string())).collect();
        assert_eq!(all.len(), MAX_NAMES - 1);
        assert_eq!(table.thread("first"), first);
    }

    #[test]
    fn data_of_stacks_counts_as_held_memory() {
        static SITE: Site = Site::new(
            Source { name: Some("call"), path: || "", ident: "call", module: "m", file: file!(), line: 1 },
            Options::DEFAULT,
        );
        let resolve = Resolve { sites: |path| vec![&SITE; path as usize % 1_000], ..RESOLVE };
        let mut table = Table::default();
        let held = |table: &Table| {
            let stacks: u64 = table.stacks.keys().map(|key| key.bytes()).sum();
            table.bytes - stacks
        };
        let add = |table: &mut Table, scope, labels, span| {
            let facts = Facts { scope, labels, span, ..Facts::default() };
            table.add(&Sample { facts, frames: Vec::new() }, 0, Seen::once(1), resolve)
        };
        for depth in 1..100 {
            let before = held(&table);
            add(&mut table, depth, 0, None);
            assert!(held(&table) - before >= 16 * depth, "{depth}");
            let before = held(&table);
            // Another thread's path of the same calls.
            add(&mut table, depth + 1_000, 0, None);
            assert_eq!(held(&table) - before, NUMBER_BYTES);
        }
        let before = held(&table);
        (1..100).for_each(|set| drop(add(&mut table, 0, set, None)));
        assert!(held(&table) - before >= 99 * NUMBER_BYTES);
        let before = held(&table);
        (0..2 * MAX_IN_SPANS).for_each(|_| drop(add(&mut table, 0, 0, Some([1, 1, 1]))));
        assert_eq!(table.in_spans.len(), MAX_IN_SPANS);
        assert!(held(&table) - before >= (table.in_spans.capacity() * size_of::<InSpan>()) as u64);
        let before = held(&table);
        table.thread("worker");
        table.thread("worker");
        assert!((30..100).contains(&(held(&table) - before)));
    }

    #[test]
    fn samples_within_spans_are_kept_individually() {
        let mut table = Table::default();
        let of = |span| Facts { span, labels: 8, ..Facts::default() };
        add_of(&mut table, &[1], 0, of(Some([1, 1, 1])));
        let before = table.copy();
        add_of(&mut table, &[1], 0, of(Some([1, 1, 2])));
        add_of(&mut table, &[1], 0, of(None));
        let (window, _) = table.copy().since(&before);
        assert_eq!(window.stacks.values().copied().collect::<Vec<_>>(), [Seen { samples: 2, ns: 20, off_ns: 0 }]);
        let spans: Vec<_> = window.in_spans.iter().map(|sample| (sample.span, sample.seen)).collect();
        assert_eq!(spans, [([1, 1, 2], Seen::once(10))]);
        let key = &window.in_spans[0].key;
        assert_eq!(window.labels[key.labels as usize], [("tenant", "acme")]);
        for _ in 0..MAX_IN_SPANS + 5 {
            add_of(&mut table, &[1], 0, of(Some([2, 2, 2])));
        }
        assert_eq!(table.copy().in_spans.len(), MAX_IN_SPANS);
    }

    #[test]
    fn a_stack_is_seen_again_even_after_it_was_folded() {
        let mut table = Table::default();
        let key = add(&mut table, &[10], 0);
        let off = Seen { samples: 1, ns: 5, off_ns: 5 };
        table.again(&key, off, None);
        table.forget(&(10..11));
        table.again(&key, off, None);
        let sum = table.copy().stacks.values().fold(Seen::default(), |mut sum, seen| {
            sum.add(*seen);
            sum
        });
        assert_eq!(sum, Seen { samples: 3, ns: 20, off_ns: 10 });
    }
}
