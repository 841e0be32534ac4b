//! High-water marks below which a counter must not fall from one scrape to the next.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use super::family::Distributed;
use crate::base::places::Places;
use crate::base::process_identity::Process;
use crate::histogram::Histogram;
use crate::snapshot::{Figures, FunctionPart};

/// The high-water marks.
#[derive(Debug, Default)]
pub(super) struct Floors {
    /// The process in which they were recorded: a forked child begins at 0.
    process: Option<Process>,
    overhead_ns: u64,
    /// The place in `functions`, by key.
    places: Places,
    functions: Vec<(Key, Floor)>,
    hashers: [RandomState; 2],
}

/// Stands for a function's module and name, which would take more memory: 128 bits that nobody can
/// predict.
type Key = [u64; 2];

/// The high-water marks of one function, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Floor {
    pub(super) self_wall_ns: u64,
    pub(super) self_cpu_ns: u64,
    pub(super) wall_ns: u64,
    pub(super) cpu_ns: u64,
}

/// Where the high-water marks of a snapshot's functions are.
#[derive(Debug)]
pub(super) struct Marked {
    process: Process,
    /// In the order of the snapshot's functions.
    functions: Vec<u32>,
}

impl Floor {
    /// Of what was read: the distributions of this part.
    fn of(function: &Figures<'_>, part: FunctionPart, distribution: Option<&Distributed<'_>>) -> Self {
        let clamped = |ns: i64| ns.max(0) as u64;
        let sum = |wanted| {
            let histogram = distribution.filter(|_| part == wanted).and_then(|distribution| distribution.histogram);
            histogram.map_or(0, Histogram::sum)
        };
        Self {
            self_wall_ns: clamped(function.self_wall_ns),
            self_cpu_ns: clamped(function.self_cpu_ns),
            wall_ns: sum(FunctionPart::Wall),
            cpu_ns: sum(FunctionPart::Cpu),
        }
    }

    fn raise(&mut self, now: &Self) {
        self.self_wall_ns = self.self_wall_ns.max(now.self_wall_ns);
        self.self_cpu_ns = self.self_cpu_ns.max(now.self_cpu_ns);
        self.wall_ns = self.wall_ns.max(now.wall_ns);
        self.cpu_ns = self.cpu_ns.max(now.cpu_ns);
    }
}

impl Floors {
    /// The places of functions with these modules and names.
    pub(super) fn places<'a>(
        &mut self,
        names: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
        process: Process,
    ) -> Marked {
        self.turn_to(process);
        let Self { places, functions, hashers, .. } = self;
        // It would grow to twice as much.
        functions.reserve_exact(names.len().saturating_sub(functions.len()));
        let place = |name: (&str, &str)| {
            let key = hashers.each_ref().map(|hasher| hasher.hash_one(name));
            places.find(key[0], |at| functions[at as usize].0 == key).unwrap_or_else(|| {
                let place = functions.len() as u32;
                functions.push((key, Floor::default()));
                places.insert(key[0], place, |at| functions[at as usize].0[0]);
                place
            })
        };
        Marked { process, functions: names.map(place).collect() }
    }

    /// Raises the high-water mark of what recording took.
    pub(super) fn raise_overhead(&mut self, overhead_ns: u64, process: Process) -> u64 {
        self.turn_to(process);
        self.overhead_ns = self.overhead_ns.max(overhead_ns);
        self.overhead_ns
    }

    /// Raises those of functions, which are the ones at `range` of the snapshot with these places.
    pub(super) fn raise(
        &mut self,
        places: &Marked,
        range: Range<usize>,
        functions: &[Figures<'_>],
        (part, distributions): (FunctionPart, &[Distributed<'_>]),
        into: &mut Vec<Floor>,
    ) {
        into.clear();
        let are_here = self.process == Some(places.process);
        let places = places.functions.get(range).unwrap_or_default();
        into.extend(functions.iter().zip(places).enumerate().map(|(at, (function, place))| {
            let now = Floor::of(function, part, distributions.get(at));
            match self.functions.get_mut(*place as usize).filter(|_| are_here) {
                Some((_, highest)) => {
                    highest.raise(&now);
                    *highest
                }
                None => now,
            }
        }));
    }

    fn turn_to(&mut self, process: Process) {
        if self.process != Some(process) {
            *self = Self { process: Some(process), ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(ns: u64) -> Figures<'static> {
        Figures { name: "f", module: "m", self_wall_ns: ns as i64, ..Figures::default() }
    }

    const NONE: (FunctionPart, &[Distributed<'_>]) = (FunctionPart::Figures, &[]);

    fn raised(floors: &mut Floors, ns: u64, process: Process) -> [u64; 2] {
        let (places, mut raised) = (floors.places([("m", "f")].into_iter(), process), Vec::new());
        floors.raise(&places, 0..1, &[function(ns)], NONE, &mut raised);
        [raised[0].self_wall_ns, floors.raise_overhead(ns, process)]
    }

    #[test]
    fn a_child_process_begins_at_zero() {
        let mut floors = Floors::default();
        assert_eq!(raised(&mut floors, 9, Process::other(1)), [9, 9]);
        assert_eq!(raised(&mut floors, 4, Process::other(1)), [9, 9]);
        assert_eq!(raised(&mut floors, 4, Process::other(2)), [4, 4]);
    }

    #[test]
    fn a_distribution_raises_its_own_sum() {
        let mut floors = Floors::default();
        let places = floors.places([("m", "f")].into_iter(), Process::other(1));
        let [mut wall, mut cpu] = [Histogram::default(), Histogram::default()];
        wall.record(7, 1);
        cpu.record(5, 1);
        let mut raised = Vec::new();
        let parts = [(FunctionPart::Wall, &wall), (FunctionPart::Cpu, &cpu), (FunctionPart::Bytes, &wall)];
        for (part, histogram) in parts {
            let distributions = [Distributed { histogram: Some(histogram), exemplars: &[] }];
            floors.raise(&places, 0..1, &[function(1)], (part, &distributions), &mut raised);
        }
        assert_eq!((raised[0].wall_ns, raised[0].cpu_ns), (7, 5));
    }

    #[test]
    fn places_of_another_process_are_not_used() {
        let mut floors = Floors::default();
        let parents = floors.places([("m", "f")].into_iter(), Process::other(1));
        raised(&mut floors, 9, Process::other(2));
        let mut raised = Vec::new();
        floors.raise(&parents, 0..1, &[function(5)], NONE, &mut raised);
        assert_eq!(raised[0].self_wall_ns, 5);
    }
}
