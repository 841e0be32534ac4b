//! What is held now, by who took it and when.

use crate::leak::{Census, Counted, ProcessBytes};
use crate::monitor::{self, Process};
use crate::snapshot::{self, Watched};

/// Takes one census after the other.
#[derive(Debug, Default)]
pub(super) struct Taker {
    window: u32,
    #[cfg(feature = "heap")]
    heap: heap::Taker,
}

impl Taker {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// At the end of a window.
    pub(super) fn take(&mut self) -> Census {
        #[cfg(feature = "heap")]
        let places = self.heap.take(self.window);
        #[cfg(not(feature = "heap"))]
        let places = std::collections::HashMap::new();
        let process = monitor::process();
        let census = Census {
            window: self.window,
            places,
            counts: counts(process),
            process: process
                .zip(snapshot::allocated_bytes())
                .map(|(process, allocated)| ProcessBytes { allocated, resident: process.resident_bytes }),
            #[cfg(feature = "heap")]
            sample_bytes: crate::memory::sample_bytes().unwrap_or(0),
            #[cfg(not(feature = "heap"))]
            sample_bytes: 0,
        };
        self.window += 1;
        census
    }
}

fn counts(process: Option<Process>) -> Vec<Counted> {
    let of_process = |watched, count| Counted { watched, module: String::new(), function: String::new(), count };
    let mut counts: Vec<Counted> = snapshot::open_futures()
        .into_iter()
        .map(|((module, function), count)| Counted { watched: Watched::Tasks, module, function, count })
        .collect();
    if let Some(process) = process {
        counts.push(of_process(Watched::Threads, process.threads));
        counts.push(of_process(Watched::FileDescriptors, process.file_descriptors));
    }
    counts
}

#[cfg(feature = "heap")]
mod heap {
    //! The sampled live allocations.

    use std::collections::HashMap;
    use std::sync::Arc;

    use crate::clock;
    use crate::leak::{Bound, Cohort, Place, Population};
    use crate::memory;
    use crate::record::Node;
    use crate::scope::Path;
    use crate::snapshot::Watched;

    #[derive(Debug)]
    pub(super) struct Taker {
        /// When each window began, in ticks.
        began: Vec<u64>,
        /// By owner's number and class: neither ever changes its meaning.
        places: HashMap<(u32, u32), Arc<Place>>,
    }

    impl Default for Taker {
        fn default() -> Self {
            Self { began: vec![clock::wall().ticks()], places: HashMap::new() }
        }
    }

    impl Taker {
        pub(super) fn take(&mut self, window: u32) -> HashMap<Arc<Place>, Population> {
            let mut populations: HashMap<Arc<Place>, Population> = HashMap::new();
            for (owner, path, class, born) in memory::born() {
                let place = self.places.entry((owner, class)).or_insert_with(|| Arc::new(place(path, class)));
                populations.entry(place.clone()).or_default().born += u64::from(born);
            }
            let mut cohorts: HashMap<(&Arc<Place>, u32), Cohort> = HashMap::new();
            for alive in memory::living() {
                // Born after the other pass: of the next census.
                let Some(place) = self.places.get(&(alive.owner, alive.class)) else { continue };
                let born = self.began.partition_point(|began| *began <= alive.born).saturating_sub(1) as u32;
                let cohort = cohorts.entry((place, born)).or_insert(Cohort { window: born, ..Cohort::default() });
                cohort.samples += 1;
                cohort.bytes += alive.bytes;
                cohort.objects += alive.objects;
            }
            for ((place, _), cohort) in cohorts {
                if let Some(population) = populations.get_mut(place) {
                    population.living.push(cohort);
                }
            }
            populations.values_mut().for_each(|population| population.living.sort_unstable_by_key(|c| c.window));
            debug_assert_eq!(self.began.len(), window as usize + 1);
            self.began.push(clock::wall().ticks());
            populations
        }
    }

    fn place(path: *const Path, class: u32) -> Place {
        let mut nodes: Vec<&'static Node> = std::iter::successors(Node::of(path), |node| node.parent()).collect();
        nodes.reverse();
        let sites: Vec<_> = nodes.into_iter().filter_map(Node::site).collect();
        let bound = sites.iter().enumerate().rev().find(|(_, site)| site.options().bounded > 0);
        Place {
            watched: Watched::Memory,
            module: sites.last().map_or_else(String::new, |site| site.label().module.clone()),
            scopes: sites.iter().map(|site| site.label().name.clone()).collect(),
            below_bytes: 2 << class,
            bound: bound.map(|(at, site)| Bound { depth: at + 1, bytes: site.options().bounded }),
        }
    }
}
