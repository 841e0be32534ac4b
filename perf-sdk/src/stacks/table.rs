//! How often each stack was seen.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::ring::Sample;
use crate::scope::Site;

/// Frames of all stacks together: 4 MiB.
const MAX_FRAMES: usize = 1 << 19;
const MAX_STACKS: usize = 1 << 14;
/// Names of threads; further ones are one.
const MAX_NAMES: usize = 1 << 10;
const OTHER: &str = "(other threads)";

/// One stack of one thread in one scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// An index into the scopes.
    pub(crate) scope: u32,
    /// An index into the names of threads.
    pub(crate) thread: u32,
    pub(crate) labels: u32,
    /// Frames are missing at the outer end.
    pub(crate) is_cut: bool,
    /// Innermost first.
    pub(crate) frames: Box<[u64]>,
}

/// What was seen of one stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) samples: u64,
    pub(crate) cpu_ns: u64,
}

/// All stacks, of fixed size.
#[derive(Debug, Default)]
pub(super) struct Table {
    stacks: HashMap<Arc<Key>, Seen>,
    frames: usize,
    /// By address of the path, which each thread has for itself.
    paths: HashMap<u64, u32>,
    /// By the sites' addresses: equal paths of different threads are one scope.
    numbers: HashMap<Vec<usize>, u32>,
    scopes: Vec<Vec<&'static Site>>,
    threads: Vec<String>,
    /// Samples of which only where they were is kept, without the stack.
    pub(super) folded: u64,
}

/// A copy of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stacks {
    pub(crate) stacks: HashMap<Arc<Key>, Seen>,
    /// Outermost first; the first one is that of no scope.
    pub(crate) scopes: Vec<Vec<&'static Site>>,
    pub(crate) threads: Vec<String>,
}

impl Table {
    /// The number of a thread's name.
    pub(super) fn thread(&mut self, name: &str) -> u32 {
        let known = |threads: &[String], name: &str| threads.iter().position(|known| known == name);
        let name = match known(&self.threads, name) {
            None if self.threads.len() + 1 >= MAX_NAMES => OTHER,
            _ => name,
        };
        let number = known(&self.threads, name).unwrap_or_else(|| {
            self.threads.push(name.to_owned());
            self.threads.len() - 1
        });
        number as u32
    }

    /// `sites` of the path at the sample's scope are asked for once.
    pub(super) fn add(&mut self, sample: &Sample, thread: u32, sites: impl FnOnce(u64) -> Vec<&'static Site>) {
        let facts = &sample.facts;
        if self.scopes.is_empty() {
            self.scopes.push(Vec::new());
        }
        let scope = match (facts.scope, self.paths.get(&facts.scope)) {
            (0, _) => 0,
            (_, Some(number)) => *number,
            (path, None) => {
                let sites = sites(path);
                let addresses = sites.iter().map(|site| std::ptr::from_ref(*site).addr()).collect();
                let number = *self.numbers.entry(addresses).or_insert_with(|| {
                    self.scopes.push(sites);
                    self.scopes.len() as u32 - 1
                });
                self.paths.insert(path, number);
                number
            }
        };
        let (labels, is_cut) = (facts.labels, facts.is_cut || facts.is_leaf_only);
        let key = Key { scope, thread, labels, is_cut, frames: sample.frames.as_slice().into() };
        if let Some(seen) = self.stacks.get_mut(&key) {
            return seen.add(facts.weight_ns);
        }
        if self.stacks.len() < MAX_STACKS && self.frames + key.frames.len() <= MAX_FRAMES {
            self.frames += key.frames.len();
            self.stacks.entry(Arc::new(key)).or_default().add(facts.weight_ns);
            return;
        }
        // Where it was is kept, and how much: one stack a scope and thread.
        self.folded += 1;
        self.folded(&key).add(facts.weight_ns);
    }

    /// The entry of a stack without its frames.
    fn folded(&mut self, key: &Key) -> &mut Seen {
        let mut key = Key { frames: Box::default(), is_cut: true, ..key.clone() };
        if self.stacks.len() >= 2 * MAX_STACKS {
            // Not even the scope.
            (key.scope, key.thread) = (0, u32::MAX);
        }
        self.stacks.entry(Arc::new(key)).or_default()
    }

    /// Code that is gone: stacks with addresses in it lose their frames, since others may be there later.
    pub(super) fn forget(&mut self, code: &Range<u64>) {
        let is_gone = |key: &Arc<Key>| key.frames.iter().any(|frame| code.contains(frame));
        let gone: Vec<Arc<Key>> = self.stacks.keys().filter(|key| is_gone(key)).cloned().collect();
        for key in gone {
            let seen = self.stacks.remove(&key).unwrap_or_default();
            self.frames -= key.frames.len();
            self.folded += seen.samples;
            let folded = self.folded(&key);
            folded.samples += seen.samples;
            folded.cpu_ns += seen.cpu_ns;
        }
    }

    /// What each scope was the innermost of.
    pub(super) fn by_scope(&self) -> Vec<(&'static Site, Seen)> {
        let mut sums = vec![Seen::default(); self.scopes.len()];
        for (key, seen) in &self.stacks {
            if let Some(sum) = sums.get_mut(key.scope as usize) {
                sum.samples += seen.samples;
                sum.cpu_ns += seen.cpu_ns;
            }
        }
        self.scopes.iter().zip(sums).filter_map(|(sites, sum)| Some((*sites.last()?, sum))).collect()
    }

    pub(super) fn copy(&self) -> Stacks {
        Stacks { stacks: self.stacks.clone(), scopes: self.scopes.clone(), threads: self.threads.clone() }
    }
}

impl Seen {
    fn add(&mut self, cpu_ns: u64) {
        self.samples += 1;
        self.cpu_ns += cpu_ns;
    }
}

impl Stacks {
    /// What came since `earlier`, a copy of the same table.
    pub(super) fn since(mut self, earlier: &Self) -> Self {
        self.stacks.retain(|key, seen| {
            if let Some(before) = earlier.stacks.get(key) {
                // Less than before: of another sampler, which was started meanwhile.
                seen.samples = seen.samples.saturating_sub(before.samples);
                seen.cpu_ns = seen.cpu_ns.saturating_sub(before.cpu_ns);
            }
            seen.samples > 0
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::ring::Facts;
    use super::*;

    fn sample(frames: &[u64]) -> Sample {
        Sample { facts: Facts { weight_ns: 10, ..Facts::default() }, frames: frames.to_vec() }
    }

    #[test]
    fn equal_stacks_are_one_and_a_window_holds_what_came_in_it() {
        let mut table = Table::default();
        let thread = table.thread("worker");
        table.add(&sample(&[1, 2]), thread, |_| Vec::new());
        table.add(&sample(&[9]), thread, |_| Vec::new());
        let before = table.copy();
        (0..3).for_each(|_| table.add(&sample(&[1, 2]), thread, |_| Vec::new()));
        table.add(&sample(&[3]), thread, |_| Vec::new());
        let mut window: Vec<_> =
            table.copy().since(&before).stacks.into_iter().map(|(key, seen)| (key.frames.to_vec(), seen)).collect();
        window.sort();
        let seen = |samples| Seen { samples, cpu_ns: samples * 10 };
        assert_eq!(window, [(vec![1, 2], seen(3)), (vec![3], seen(1))]);
    }

    #[test]
    fn what_has_no_room_is_counted_without_its_stack() {
        let mut table = Table::default();
        for n in 0..MAX_STACKS as u64 + 50 {
            table.add(&sample(&[n]), 0, |_| Vec::new());
        }
        let sum: u64 = table.copy().stacks.values().map(|seen| seen.cpu_ns).sum();
        assert_eq!((table.folded, sum), (50, (MAX_STACKS as u64 + 50) * 10));
        assert_eq!(table.stacks.len(), MAX_STACKS + 1);
    }

    #[test]
    fn stacks_in_code_that_is_gone_lose_their_frames() {
        let mut table = Table::default();
        (0..3).for_each(|_| table.add(&sample(&[10, 20]), 0, |_| Vec::new()));
        table.add(&sample(&[10, 30]), 0, |_| Vec::new());
        table.forget(&(15..25));
        let mut seen: Vec<_> =
            table.copy().stacks.into_iter().map(|(key, seen)| (key.frames.to_vec(), seen.samples)).collect();
        seen.sort();
        assert_eq!(seen, [(vec![], 3), (vec![10, 30], 1)]);
        assert_eq!((table.folded, table.frames), (3, 2));
    }

    #[test]
    fn names_of_threads_are_bounded() {
        let mut table = Table::default();
        let first = table.thread("first");
        let all: std::collections::HashSet<u32> = (0..5_000).map(|n| table.thread(&n.to_string())).collect();
        assert_eq!(all.len(), MAX_NAMES - 1);
        assert_eq!(table.thread("first"), first);
    }
}
