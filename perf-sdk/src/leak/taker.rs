//! Takes the census: live objects by scope and age.
#![cfg_attr(not(any(feature = "heap", feature = "pool")), allow(dead_code, unused_mut))]

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::census::{Census, Cohort, Number, Place, Population, ProcessBytes};
use crate::clock;
use crate::collect;
use crate::monitor::{self, Process};
use crate::snapshot::LeakSubject;

/// Takes one census after the other.
#[derive(Debug)]
pub(super) struct Taker {
    windows: Windows,
    #[cfg(feature = "heap")]
    heap: heap::Taker,
}

/// The number of windows whose beginnings are kept: twice the longest horizon, which is 480. Older
/// objects count as of the first of them.
const KEPT: usize = 960;

/// The beginning of each window, in ticks.
#[derive(Debug)]
struct Windows {
    began: VecDeque<u64>,
    /// The number of the first window that is kept.
    first: u32,
}

impl Windows {
    fn new(now: u64) -> Self {
        Self { began: VecDeque::from([now]), first: 0 }
    }

    /// Begins the next window.
    fn begin(&mut self, now: u64) {
        if self.began.len() == KEPT {
            self.began.pop_front();
            self.first = self.first.saturating_add(1);
        }
        self.began.push_back(now);
    }

    /// The window that contains `ticks`.
    fn of(&self, ticks: u64) -> u32 {
        self.first.saturating_add(self.began.partition_point(|began| *began <= ticks).saturating_sub(1) as u32)
    }

    fn current(&self) -> u32 {
        self.first.saturating_add(self.began.len() as u32 - 1)
    }
}

/// Populations under construction. A place is told by its number here, since there may be tens of
/// thousands of objects: to hash the names of a place takes a microsecond.
#[derive(Debug, Default)]
struct Count(Vec<(Arc<Place>, Population)>);

impl Count {
    /// The number of a place that comes from now on.
    fn begin(&mut self, place: Arc<Place>, born: u64) -> usize {
        self.0.push((place, Population { born, ..Population::default() }));
        self.0.len() - 1
    }

    fn add(&mut self, at: usize, cohort: Cohort) {
        self.0[at].1.add(cohort);
    }

    fn finish(self) -> HashMap<Arc<Place>, Population> {
        let mut places: HashMap<Arc<Place>, Population> = HashMap::with_capacity(self.0.len());
        for (place, population) in self.0 {
            let known = places.entry(place).or_default();
            known.born += population.born;
            population.living.into_iter().for_each(|cohort| known.add(cohort));
        }
        places
    }
}

impl Taker {
    pub(super) fn new() -> Self {
        Self {
            windows: Windows::new(clock::wall().ticks()),
            #[cfg(feature = "heap")]
            heap: heap::Taker::default(),
        }
    }

    /// Takes the census at the end of a window.
    pub(super) fn take(&mut self) -> Census {
        let window = self.windows.current();
        let mut count = Count::default();
        #[cfg(feature = "heap")]
        crate::memory::look_for_peak();
        #[cfg(feature = "heap")]
        self.heap.take(&self.windows, &mut count);
        #[cfg(feature = "pool")]
        checkouts(&self.windows, &mut count);
        self.windows.begin(clock::wall().ticks());
        let process = monitor::process();
        Census {
            window,
            places: count.finish(),
            counts: counts(process),
            process: process
                .zip(collect::allocated_bytes())
                .map(|(process, allocated)| ProcessBytes { allocated, resident: process.resident_bytes }),
            #[cfg(feature = "heap")]
            sample_bytes: crate::memory::coarsest_bytes(),
            #[cfg(not(feature = "heap"))]
            sample_bytes: 0,
        }
    }
}

/// Counts objects that are taken from pools.
#[cfg(feature = "pool")]
fn checkouts(windows: &Windows, count: &mut Count) {
    let mut known: HashMap<Arc<Place>, usize> = HashMap::new();
    for taken in crate::pool::taken() {
        let Some(at) = taken.at else { continue };
        let place = Place {
            watched: LeakSubject::Pool,
            module: taken.sites.last().map_or_else(String::new, |site| site.label().module.clone()),
            scopes: taken.sites.iter().map(|site| site.label().name.clone()).collect(),
            pool: taken.pool,
            ..Place::default()
        };
        let place = Arc::new(place);
        let number = *known.entry(place.clone()).or_insert_with(|| count.begin(place, 0));
        count.add(number, Cohort { window: windows.of(at), samples: 1, bytes: 0, objects: 1.0 });
    }
}

fn counts(process: Option<Process>) -> Vec<Number> {
    let of_process = |watched, count| Number { watched, module: String::new(), function: String::new(), count };
    let mut counts: Vec<Number> = collect::open_futures()
        .into_iter()
        .map(|((module, function), count)| Number { watched: LeakSubject::Tasks, module, function, count })
        .collect();
    if let Some(process) = process {
        counts.push(of_process(LeakSubject::Threads, process.threads));
        counts.push(of_process(LeakSubject::FileDescriptors, process.file_descriptors));
    }
    counts
}

#[cfg(feature = "heap")]
mod heap {
    //! The sampled live allocations.

    use std::collections::HashMap;
    use std::sync::Arc;

    use super::{Count, Windows};
    use crate::leak::census::{Bound, Cohort, Place};
    use crate::memory;
    use crate::record::Node;
    use crate::scope::CallPath;
    use crate::snapshot::LeakSubject;

    /// Places by owner number and class, whose meaning never changes.
    #[derive(Debug, Default)]
    pub(super) struct Taker(HashMap<(u32, u32), Known>);

    #[derive(Debug)]
    struct Known {
        place: Arc<Place>,
        /// Its number in the latest count.
        at: usize,
    }

    impl Taker {
        pub(super) fn take(&mut self, windows: &Windows, count: &mut Count) {
            for (owner, path, class, born) in memory::born() {
                let known = self
                    .0
                    .entry((owner, class))
                    .or_insert_with(|| Known { place: Arc::new(place(path, class)), at: 0 });
                known.at = count.begin(known.place.clone(), u64::from(born));
            }
            for alive in memory::living() {
                // Allocated after the other pass: it belongs to the next census.
                let Some(known) = self.0.get(&(alive.owner, alive.class)) else { continue };
                let window = windows.of(alive.born);
                count.add(known.at, Cohort { window, samples: 1, bytes: alive.bytes, objects: alive.objects });
            }
        }
    }

    fn place(path: Option<CallPath>, class: u32) -> Place {
        let mut nodes: Vec<&'static Node> = std::iter::successors(path.map(Node::at), |node| node.parent()).collect();
        nodes.reverse();
        let sites: Vec<_> = nodes.into_iter().filter_map(Node::site).collect();
        let bound = sites.iter().enumerate().rev().find(|(_, site)| site.options().bounded > 0);
        Place {
            watched: LeakSubject::Memory,
            module: sites.last().map_or_else(String::new, |site| site.label().module.clone()),
            scopes: sites.iter().map(|site| site.label().name.clone()).collect(),
            below_bytes: 2 << class,
            bound: bound.map(|(at, site)| Bound {
                depth: at + 1,
                module: site.label().module.clone(),
                bytes: site.options().bounded,
            }),
            ..Place::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_keep_their_numbers_in_bounded_memory() {
        let mut windows = Windows::new(0);
        for n in 1..100_000_u32 {
            windows.begin(u64::from(n) * 10);
            assert_eq!(windows.current(), n);
            assert_eq!((windows.of(u64::from(n) * 10 + 9), windows.of(u64::from(n) * 10 - 1)), (n, n - 1));
        }
        assert!(windows.began.len() <= KEPT && windows.began.capacity() <= 2 * KEPT);
        // Everything older is assigned to the first window that is kept, and counts as old.
        assert_eq!((windows.of(0), windows.of(u64::MAX)), (100_000 - KEPT as u32, 99_999));
    }
}
