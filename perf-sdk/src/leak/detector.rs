//! Derives verdicts from a series of evaluations.

use std::collections::HashMap;
use std::sync::Arc;

use super::census::{Bound, Census, Place, Population};
use super::evidence;
use super::rules::counts::Counts;
use super::rules::generations::{Judgement, Standing, is_tested, judge};
use super::rules::retention::Retention;
use super::series::Series;
use super::settings::LeakSettings;
use crate::base::sort;
use crate::snapshot::{AgeBand, LeakFinding, LeakSubject, Leaks, Verdict};

/// The number of samples that must outlive a window before a place is tracked.
const WORTH_A_SERIES: u64 = 5;

#[derive(Debug)]
pub(crate) struct Detector {
    rules: LeakSettings,
    places: HashMap<Arc<Place>, Series>,
    counts: Counts,
    retention: Retention,
    windows: u64,
}

impl Detector {
    pub(crate) fn new(rules: LeakSettings) -> Self {
        Self {
            places: HashMap::new(),
            counts: Counts::new(rules.horizon() as usize),
            retention: Retention::new(rules.horizon() as usize),
            windows: 0,
            rules,
        }
    }

    /// Evaluates one more window.
    pub(crate) fn observe(&mut self, mut census: Census) -> Leaks {
        let now = census.window;
        self.windows += 1;
        let within = within_bounds(&census);
        let (old, length) = (self.rules.old(), self.rules.horizon() as usize);
        for (place, population) in &census.places {
            // The history of a place takes some kilobytes. A place that keeps next to nothing for a
            // window has none.
            let kept =
                population.living.iter().filter(|cohort| cohort.window < now).map(|cohort| cohort.samples).sum::<u64>();
            let least = if place.watched == LeakSubject::Pool { 1 } else { WORTH_A_SERIES };
            if kept >= least && !self.places.contains_key(place) {
                self.places.insert(place.clone(), Series::new(old, length, population.born));
            }
        }
        self.places.retain(|place, series| {
            series.push(now, census.places.remove(place).unwrap_or_default());
            !series.is_over()
        });
        let tested = self.places.values().filter(|series| is_tested(series, now)).count();
        let mut findings: Vec<LeakFinding> = Vec::new();
        for (place, series) in &self.places {
            let standing = match &place.bound {
                Some(bound) if within.get(&scope_of(place, bound)).copied().unwrap_or(true) => Standing::Bounded,
                Some(_) => Standing::NoCache,
                // Objects that are taken from a pool must return.
                None if self.rules.caches_are_declared || place.watched == LeakSubject::Pool => Standing::NoCache,
                None => Standing::Unknown,
            };
            let mut judged = judge(series, now, self.rules.horizon(), tested, standing);
            if place.watched == LeakSubject::Pool {
                judged = judged.at_least_suspect(series, now, self.rules.horizon());
            }
            if judged.verdict != Verdict::None {
                let finding = self.finding(place, series, now, &judged, census.process.map(|bytes| bytes.resident));
                if finding.retained_bytes >= self.rules.floor_bytes || finding.below_bytes == 0 {
                    findings.push(finding);
                }
            }
        }
        findings.extend(self.counts.observe(census.counts, &self.rules));
        if let Some(bytes) = census.process {
            findings.extend(self.retention.observe(bytes, &self.rules));
        }
        sort::sort_by(&mut findings, |a, b| {
            b.verdict.cmp(&a.verdict).then(b.retained_bytes.cmp(&a.retained_bytes)).then(a.scopes.cmp(&b.scopes))
        });
        Leaks {
            window_ns: self.rules.window_ns,
            horizon_ns: u64::from(self.rules.horizon()) * self.rules.window_ns,
            windows: self.windows,
            tested: tested as u64,
            limit_bytes: self.rules.limit_bytes,
            findings,
        }
    }

    fn finding(
        &self,
        place: &Place,
        series: &Series,
        now: u32,
        judged: &Judgement,
        resident: Option<u64>,
    ) -> LeakFinding {
        let population = series.latest();
        let bytes_per_hour = judged.bytes_slope / self.rules.hours();
        let room = self.rules.limit_bytes.zip(resident).map(|(limit, resident)| limit.saturating_sub(resident));
        let mut finding = LeakFinding {
            watched: place.watched,
            verdict: judged.verdict,
            function: place.scopes.last().cloned().unwrap_or_default(),
            module: place.module.clone(),
            scopes: place.scopes.clone(),
            pool: place.pool.clone(),
            below_bytes: place.below_bytes,
            bytes: population.bytes(),
            objects: population.objects().round() as u64,
            retained_bytes: series.old(now, judged.grade).map(|cohort| cohort.bytes).sum(),
            bytes_per_hour,
            objects_per_hour: judged.objects_slope / self.rules.hours(),
            seconds_to_limit: room.filter(|_| bytes_per_hour > 0.0).map(|room| room as f64 / bytes_per_hour * 3_600.0),
            ages: ages(population, now, &self.rules),
            evidence: String::new(),
        };
        finding.evidence = evidence::of_place(&finding, place, judged, &self.rules);
        finding
    }
}

fn scope_of(place: &Place, bound: &Bound) -> (Vec<String>, String) {
    (place.scopes[..bound.depth.min(place.scopes.len())].to_vec(), bound.module.clone())
}

/// Whether everything below an annotated scope is within its bound, allowing for the sampling
/// error.
fn within_bounds(census: &Census) -> HashMap<(Vec<String>, String), bool> {
    let mut held: HashMap<(Vec<String>, String), (u64, u64)> = HashMap::new();
    for (place, population) in &census.places {
        if let Some(bound) = &place.bound {
            let (bytes, most) = held.entry(scope_of(place, bound)).or_insert((0, bound.bytes));
            *bytes += population.bytes();
            *most = (*most).min(bound.bytes);
        }
    }
    // If each sample stands for `rate` bytes, their sum has a variance of at most rate × bytes.
    let within = |bytes: u64, most: u64| {
        let error = 4.0 * (census.sample_bytes as f64 * most as f64).sqrt();
        bytes as f64 <= most as f64 + error
    };
    held.into_iter().map(|(scope, (bytes, most))| (scope, within(bytes, most))).collect()
}

/// The live objects by age, in bands of one window, two, four, and so on.
fn ages(population: &Population, now: u32, rules: &LeakSettings) -> Vec<AgeBand> {
    let mut bands: Vec<AgeBand> = Vec::new();
    let mut objects: Vec<f64> = Vec::new();
    for cohort in population.living.iter().rev() {
        let age = now.saturating_sub(cohort.window);
        let band = age.checked_ilog2().map_or(0, |log| log as usize + 1);
        while bands.len() <= band {
            let windows = if bands.is_empty() { 0 } else { 1_u64 << (bands.len() - 1) };
            bands.push(AgeBand { older_than_ns: windows * rules.window_ns, ..AgeBand::default() });
            objects.push(0.0);
        }
        bands[band].bytes += cohort.bytes;
        objects[band] += cohort.objects;
    }
    bands.iter_mut().zip(objects).for_each(|(band, objects)| band.objects = objects.round() as u64);
    bands
}
