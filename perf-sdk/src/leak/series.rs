//! The history of one place.

use std::collections::VecDeque;

use super::census::{Cohort, Population};

/// The number of grades of old.
pub(super) const GRADES: usize = 3;

/// One window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    /// Old samples at the beginning of the window, by grade.
    pub(super) exposed: [u32; GRADES],
    /// Those of them that ended in the window.
    pub(super) died: [u32; GRADES],
    /// The bytes of old objects at the end of the window.
    pub(super) retained: [u64; GRADES],
    /// The number of old objects at the end of the window.
    pub(super) objects: [f32; GRADES],
    pub(super) born: u32,
    /// For the generation that became old (by the first grade) at the end of the window: the
    /// samples allocated, and those still live.
    pub(super) matured: (u32, u32),
}

/// Saturating: the table of samples has fewer places.
fn few(samples: u64) -> u32 {
    u32::try_from(samples).unwrap_or(u32::MAX)
}

#[derive(Clone, Debug)]
pub(super) struct Series {
    /// For each grade, the age in windows from which an object is old.
    ages: [u32; GRADES],
    /// The number of windows in the history.
    length: usize,
    steps: VecDeque<Step>,
    latest: Population,
    /// The number of windows since there was a live object.
    absent: usize,
}

impl Series {
    /// A history for a place where `born` samples were allocated before.
    pub(super) fn new(ages: [u32; GRADES], length: usize, born: u64) -> Self {
        let latest = Population { born, living: Vec::new() };
        Self { ages, length, steps: VecDeque::new(), latest, absent: 0 }
    }

    /// Adds the window `now`, which ends.
    pub(super) fn push(&mut self, now: u32, population: Population) {
        let mut step = Step { born: few(population.born.saturating_sub(self.latest.born)), ..Step::default() };
        for (grade, age) in self.ages.iter().enumerate() {
            let mut living = population.living.iter().peekable();
            for before in &self.latest.living {
                if now.saturating_sub(1).saturating_sub(before.window) < *age {
                    break;
                }
                while living.next_if(|cohort| cohort.window < before.window).is_some() {}
                let left = living.next_if(|cohort| cohort.window == before.window).map_or(0, |cohort| cohort.samples);
                step.exposed[grade] += few(before.samples);
                step.died[grade] += few(before.samples.saturating_sub(left));
            }
            for cohort in old(&population.living, now, *age) {
                step.retained[grade] += cohort.bytes;
                step.objects[grade] += cohort.objects as f32;
            }
        }
        let age = self.ages[0] as usize;
        if let Some(birth) = (self.steps.len() + 1).checked_sub(age + 1).and_then(|at| self.steps.get(at)) {
            let living = population.living.iter().find(|cohort| cohort.window + self.ages[0] == now);
            step.matured = (birth.born, living.map_or(0, |cohort| few(cohort.samples).min(birth.born)));
        }
        if self.steps.len() == self.length {
            self.steps.pop_front();
        }
        self.absent = if population.living.is_empty() { self.absent + 1 } else { 0 };
        self.steps.push_back(step);
        self.latest = population;
    }

    /// Whether there was no live object for as long as it takes to be old by every grade.
    pub(super) fn is_over(&self) -> bool {
        self.absent > self.ages[GRADES - 1] as usize
    }

    pub(super) fn steps(&self) -> impl DoubleEndedIterator<Item = &Step> + ExactSizeIterator {
        self.steps.iter()
    }

    pub(super) fn latest(&self) -> &Population {
        &self.latest
    }

    pub(super) fn ages(&self) -> [u32; GRADES] {
        self.ages
    }

    /// The generations that are old now.
    pub(super) fn old(&self, now: u32, grade: usize) -> impl Iterator<Item = &Cohort> {
        old(&self.latest.living, now, self.ages[grade])
    }
}

fn old(living: &[Cohort], now: u32, age: u32) -> impl Iterator<Item = &Cohort> {
    living.iter().take_while(move |cohort| now.saturating_sub(cohort.window) >= age)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population(born: u64, living: &[(u32, u64)]) -> Population {
        let cohort = |(window, samples): &(u32, u64)| Cohort {
            window: *window,
            samples: *samples,
            bytes: samples * 100,
            objects: *samples as f64,
        };
        Population { born, living: living.iter().map(cohort).collect() }
    }

    #[test]
    fn ends_of_old_objects_are_counted() {
        let mut series = Series::new([2, 3, 4], 10, 0);
        series.push(0, population(10, &[(0, 8)]));
        series.push(1, population(15, &[(0, 8), (1, 4)]));
        series.push(2, population(15, &[(0, 7), (1, 4)]));
        let step = |series: &Series| *series.steps().next_back().unwrap();
        assert_eq!(step(&series).exposed, [0, 0, 0], "nothing was old when the window began");
        assert_eq!((step(&series).retained, step(&series).matured), ([700, 0, 0], (10, 7)));
        series.push(3, population(15, &[(0, 5), (1, 4)]));
        assert_eq!((step(&series).exposed, step(&series).died), ([7, 0, 0], [2, 0, 0]));
        assert_eq!((step(&series).retained, step(&series).matured), ([900, 500, 0], (5, 4)));
        series.push(4, population(15, &[(1, 4)]));
        assert_eq!((step(&series).exposed, step(&series).died), ([9, 5, 0], [5, 5, 0]));
        assert_eq!(series.old(4, 0).count(), 1);
        assert!(!series.is_over());
    }
}
