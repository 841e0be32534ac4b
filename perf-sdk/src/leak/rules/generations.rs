//! The rule for the objects of one place.

use crate::leak::census::Cohort;
use crate::leak::series::{GRADES, Series, Step};
use crate::leak::stats::{poisson_at_most, poisson_upper, theil_sen};
use crate::snapshot::Verdict;

/// The minimum number of old samples, and of generations that they belong to.
pub(in crate::leak) const LEAST_SAMPLES: u64 = 20;
pub(in crate::leak) const LEAST_GENERATIONS: usize = 10;
/// The probability of a wrong verdict, over all places.
const CHANCE: f64 = 0.05;
/// If more than this share of the allocated objects becomes old, the place keeps objects by design.
/// A cache that is still filling does the same.
const KEPT_SHARE: f64 = 0.25;
/// Something must have been old for this share of the horizon.
const SEEN_PART: f64 = 0.25;
/// If so few of the latest old generations survive that this is unlikely by chance, the place does
/// not leak any more. The first constant is the number of generations, the second is the
/// probability.
const RECENT: u32 = 10;
const OVER_CHANCE: f64 = 0.01;

/// The result for one place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::leak) struct Judgement {
    pub(in crate::leak) verdict: Verdict,
    /// The grade of old by which it was judged.
    pub(in crate::leak) grade: usize,
    pub(in crate::leak) survivors: u64,
    pub(in crate::leak) generations: usize,
    /// The sum over windows of the number of old samples.
    pub(in crate::leak) exposed: u64,
    pub(in crate::leak) died: u64,
    /// An upper bound for the share of old objects that end in a window.
    pub(in crate::leak) most_deaths: f64,
    /// The share of allocated objects that become old.
    pub(in crate::leak) kept_share: f64,
    /// The growth of old objects in a window.
    pub(in crate::leak) bytes_slope: f64,
    pub(in crate::leak) objects_slope: f64,
}

/// What the annotations say about a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::leak) enum Standing {
    /// Nothing: it may be a cache.
    Unknown,
    /// It must not keep anything: it exceeds its bound, or all caches are declared.
    NoCache,
    /// It is declared to be bounded, and is within its bound.
    Bounded,
}

impl Judgement {
    /// For objects that must return: a single one that outlives the horizon is enough for
    /// suspicion.
    pub(in crate::leak) fn at_least_suspect(self, series: &Series, now: u32, horizon: u32) -> Self {
        let outlives = |cohort: &Cohort| now.saturating_sub(cohort.window) >= horizon;
        if self.verdict == Verdict::None && series.latest().living.first().is_some_and(outlives) {
            Self { verdict: Verdict::Suspect, ..self }
        } else {
            self
        }
    }
}

/// Whether there are enough old samples for a verdict.
pub(in crate::leak) fn is_tested(series: &Series, now: u32) -> bool {
    series.old(now, 0).map(|cohort| cohort.samples).sum::<u64>() >= LEAST_SAMPLES
}

/// Judges a place. `tested` is the number of places that are judged together, and `horizon` is in
/// windows.
pub(in crate::leak) fn judge(series: &Series, now: u32, horizon: u32, tested: usize, standing: Standing) -> Judgement {
    let mut best = look(series, now, horizon, tested, 0);
    for grade in 1..GRADES {
        if best.verdict == Verdict::Confirmed {
            break;
        }
        let other = look(series, now, horizon, tested, grade);
        if other.verdict > best.verdict {
            best = other;
        }
    }
    best.verdict = match (best.verdict, standing) {
        (Verdict::Suspect | Verdict::Confirmed, Standing::Bounded) => Verdict::Bounded,
        (Verdict::Confirmed, Standing::Unknown) if best.kept_share > KEPT_SHARE => Verdict::Suspect,
        (verdict, _) => verdict,
    };
    best
}

/// Judges a place by one grade of old.
fn look(series: &Series, now: u32, horizon: u32, tested: usize, grade: usize) -> Judgement {
    let (survivors, generations) =
        series.old(now, grade).fold((0, 0), |(samples, count), cohort| (samples + cohort.samples, count + 1));
    let sum = |part: fn(&Step, usize) -> u32| series.steps().map(|step| u64::from(part(step, grade))).sum::<u64>();
    let (exposed, died) = (sum(|step, grade| step.exposed[grade]), sum(|step, grade| step.died[grade]));
    let (born, kept) = series.steps().fold((0_u64, 0_u64), |(born, kept), step| {
        (born + u64::from(step.matured.0), kept + u64::from(step.matured.1))
    });
    let mut found = Judgement {
        grade,
        survivors,
        generations,
        exposed,
        died,
        most_deaths: 1.0,
        kept_share: if born > 0 { kept as f64 / born as f64 } else { 1.0 },
        ..Judgement::default()
    };
    if survivors < LEAST_SAMPLES || generations < LEAST_GENERATIONS || is_over(series, now, grade) {
        return found;
    }
    let slope =
        |part: fn(&Step, usize) -> f64| theil_sen(&series.steps().map(|step| part(step, grade)).collect::<Vec<_>>());
    found.bytes_slope = slope(|step, grade| step.retained[grade] as f64);
    found.objects_slope = slope(|step, grade| step.objects[grade].into());
    // Objects of a pool have no size.
    let has_size = series.latest().bytes() > 0;
    if (if has_size { found.bytes_slope } else { found.objects_slope }) <= 0.0 {
        return found;
    }
    found.verdict = Verdict::Suspect;
    let seen = series.steps().filter(|step| step.exposed[grade] > 0).count() as f64;
    let chance = CHANCE / (tested.max(1) * GRADES) as f64;
    found.most_deaths = poisson_upper(died, chance) / (exposed as f64).max(1.0);
    if seen >= f64::from(horizon) * SEEN_PART && found.most_deaths * f64::from(horizon) < 1.0 {
        found.verdict = Verdict::Confirmed;
    }
    found
}

/// Whether the place does not leak any more: whether fewer of the latest generations survive than
/// expected at the overall rate.
fn is_over(series: &Series, now: u32, grade: usize) -> bool {
    let age = series.ages()[grade];
    let first = (now + 1).saturating_sub(series.steps().len() as u32);
    let old_until = now.saturating_sub(age);
    let recent_from = (old_until + 1).saturating_sub(RECENT);
    let born = |from: u32| {
        let steps = series.steps().zip(first..).skip_while(|(_, window)| *window < from);
        steps.take_while(|(_, window)| *window <= old_until).map(|(step, _)| u64::from(step.born)).sum::<u64>()
    };
    let survive = |from: u32| {
        series.old(now, grade).filter(|cohort| cohort.window >= from).map(|cohort| cohort.samples).sum::<u64>()
    };
    let share = survive(first) as f64 / born(first).max(1) as f64;
    poisson_at_most(survive(recent_from), share * born(recent_from) as f64) < OVER_CHANCE
}
