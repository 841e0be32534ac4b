//! Verdicts on simulated places: the behaviours, and the verdict that each must get.
//!
//! A place is simulated object by object: how many samples are allocated in a window (Poisson), and
//! how long each lives. There are 100 places of each behaviour, all evaluated together, over 120
//! windows, with a horizon of 120 windows. A sample stands for 512 KiB.
//!
//! | behaviour | samples allocated in a window | lifetime |
//! |---|---|---|
//! | steady | 50 | exponential, with a mean of 2 windows |
//! | heavy-tailed | 50 | Pareto from 0.5 windows, exponent 1.1 |
//! | load ramp | 10 to 100 | as steady |
//! | cache that reached its capacity | 20 | all stay until window 60, then each new one displaces a random one |
//! | cache that is still filling | 20 | forever |
//! | 2 % leak, load flat, rising, falling | 50; 20 to 80; 80 to 20 | 2 % forever, the others as steady |
//! | very slow leak | 50 | 0.4 % (0.2 in a window) forever, the others as steady |
//! | sawtooth | 20 | all end together every 25 windows |
//! | mixed sawtooth | 50 | 20 % until all end together every 25 windows, the others as steady |
//! | warm-up | 50 | 20 % of those from the first 15 windows forever, the others as steady |
//! | sessions | 50 | 10 % exponential, with a mean of 40 windows, the others as steady |

use std::collections::HashMap;
use std::sync::Arc;

use super::census::{Bound, Census, Cohort, Place, Population};
use super::detector::Detector;
use super::settings::LeakSettings;
use crate::snapshot::{Leaks, Verdict};

const WINDOWS: u32 = 120;
const PLACES: usize = 100;
const SAMPLE: u64 = 512 << 10;

struct Random(u64);

impl Random {
    /// Uniform in (0, 1].
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::MIN_POSITIVE
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }

    /// The number of arrivals in one unit of time, at `rate`.
    fn poisson(&mut self, rate: f64) -> usize {
        let mut at = 0.0;
        std::iter::repeat_with(|| {
            at += self.exponential(1.0 / rate);
            at
        })
        .take_while(|at| *at <= 1.0)
        .count()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Behaviour {
    Steady,
    HeavyTailed,
    LoadRamp,
    FullCache,
    FillingCache,
    Leak,
    LeakWhileLoadRises,
    LeakWhileLoadFalls,
    VerySlowLeak,
    Sawtooth,
    MixedSawtooth,
    WarmUp,
    Sessions,
}

use Behaviour::*;

const ALL: [Behaviour; 13] = [
    Steady,
    HeavyTailed,
    LoadRamp,
    FullCache,
    FillingCache,
    Leak,
    LeakWhileLoadRises,
    LeakWhileLoadFalls,
    VerySlowLeak,
    Sawtooth,
    MixedSawtooth,
    WarmUp,
    Sessions,
];

impl Behaviour {
    fn is_leak(self) -> bool {
        matches!(self, Leak | LeakWhileLoadRises | LeakWhileLoadFalls | VerySlowLeak)
    }

    fn born_a_window(self, window: u32) -> f64 {
        let part = f64::from(window) / f64::from(WINDOWS);
        match self {
            LoadRamp => 10.0 + 90.0 * part,
            LeakWhileLoadRises => 20.0 + 60.0 * part,
            LeakWhileLoadFalls => 80.0 - 60.0 * part,
            FullCache | FillingCache | Sawtooth => 20.0,
            _ => 50.0,
        }
    }

    /// The lifetime, in windows, of an object allocated at the time `at`.
    fn life(self, at: f64, random: &mut Random) -> f64 {
        let all_end_together = (at / 25.0).floor() * 25.0 + 25.0 - at;
        let chance = random.unit();
        match self {
            HeavyTailed => 0.5 * random.unit().powf(-1.0 / 1.1),
            FullCache | FillingCache => f64::INFINITY,
            Leak | LeakWhileLoadRises | LeakWhileLoadFalls if chance < 0.02 => f64::INFINITY,
            VerySlowLeak if chance < 0.004 => f64::INFINITY,
            Sawtooth => all_end_together,
            MixedSawtooth if chance < 0.2 => all_end_together,
            WarmUp if chance < 0.2 && at < 15.0 => f64::INFINITY,
            Sessions if chance < 0.1 => random.exponential(40.0),
            _ => random.exponential(2.0),
        }
    }
}

/// The objects of one place: when they are allocated, and when they end.
struct Simulated {
    behaviour: Behaviour,
    place: Arc<Place>,
    random: Random,
    born: u64,
    living: Vec<(f64, f64)>,
}

impl Simulated {
    fn new(behaviour: Behaviour, seed: u64, bound: Option<u64>) -> Self {
        let scopes = vec![format!("{behaviour:?}"), seed.to_string()];
        let bound = bound.map(|bytes| Bound { depth: 2, module: String::new(), bytes });
        let place = Place { scopes, below_bytes: 128, bound, ..Place::default() };
        let random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ behaviour as u64);
        Self { behaviour, place: Arc::new(place), random, born: 0, living: Vec::new() }
    }

    fn window(&mut self, window: u32) -> Population {
        for _ in 0..self.random.poisson(self.behaviour.born_a_window(window)) {
            let at = f64::from(window) + self.random.unit();
            let life = self.behaviour.life(at, &mut self.random);
            self.born += 1;
            if self.behaviour == FullCache && window >= 60 {
                let displaced = (self.random.unit() * self.living.len() as f64) as usize;
                self.living.swap_remove(displaced.min(self.living.len() - 1));
            }
            self.living.push((at, at + life));
        }
        let end = f64::from(window + 1);
        self.living.retain(|(_, ends)| *ends > end);
        let mut cohorts: Vec<Cohort> = Vec::new();
        self.living.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (born, _) in &self.living {
            let window = *born as u32;
            match cohorts.last_mut().filter(|cohort| cohort.window == window) {
                Some(cohort) => cohort.samples += 1,
                None => cohorts.push(Cohort { window, samples: 1, ..Cohort::default() }),
            }
        }
        for cohort in &mut cohorts {
            cohort.bytes = cohort.samples * SAMPLE;
            cohort.objects = cohort.samples as f64 * SAMPLE as f64 / 100.0;
        }
        Population { born: self.born, living: cohorts }
    }
}

/// Calls `each` with the verdicts after each window.
fn verdicts(mut places: Vec<Simulated>, caches_are_declared: bool, mut each: impl FnMut(u32, &Leaks)) {
    let mut detector = Detector::new(LeakSettings {
        window_ns: 30_000_000_000,
        horizon_ns: u64::from(WINDOWS) * 30_000_000_000,
        floor_bytes: 1 << 20,
        caches_are_declared,
        limit_bytes: None,
    });
    for window in 0..WINDOWS {
        let places: HashMap<Arc<Place>, Population> =
            places.iter_mut().map(|place| (place.place.clone(), place.window(window))).collect();
        let census = Census { window, places, sample_bytes: SAMPLE, ..Census::default() };
        each(window, &detector.observe(census));
    }
}

fn all() -> Vec<Simulated> {
    let seeds = 0..PLACES as u64;
    ALL.iter().flat_map(|behaviour| seeds.clone().map(|seed| Simulated::new(*behaviour, seed, None))).collect()
}

/// The number of places of each behaviour with each verdict, as a table.
#[derive(Default)]
struct Table(HashMap<(String, Verdict), usize>);

impl Table {
    fn of(leaks: &Leaks) -> Self {
        let mut table = Self::default();
        for finding in &leaks.findings {
            *table.0.entry((finding.scopes[0].clone(), finding.verdict)).or_default() += 1;
        }
        table
    }

    fn count(&self, behaviour: Behaviour, verdict: Verdict) -> usize {
        self.0.get(&(format!("{behaviour:?}"), verdict)).copied().unwrap_or(0)
    }

    fn show(&self) -> String {
        let row = |b: Behaviour| {
            format!(
                "{b:?}: {} suspect, {} confirmed\n",
                self.count(b, Verdict::Suspect),
                self.count(b, Verdict::Confirmed)
            )
        };
        ALL.map(row).concat()
    }
}

#[test]
#[cfg_attr(miri, ignore = "1,300 places over 120 windows")]
fn leaks_are_confirmed_and_nothing_else_ever_is() {
    let mut last = Table::default();
    verdicts(all(), false, |window, leaks| {
        last = Table::of(leaks);
        for harmless in ALL.into_iter().filter(|behaviour| !behaviour.is_leak()) {
            assert_eq!(last.count(harmless, Verdict::Confirmed), 0, "{harmless:?} in window {window}\n{}", last.show());
        }
    });
    let table = last.show();
    println!("{table}");
    for leak in [Leak, LeakWhileLoadRises, LeakWhileLoadFalls] {
        assert!(last.count(leak, Verdict::Confirmed) >= PLACES * 95 / 100, "{leak:?}\n{table}");
    }
    assert_eq!(last.count(FillingCache, Verdict::Suspect), PLACES, "it cannot be told from a leak\n{table}");
    for harmless in [Steady, LoadRamp, Sawtooth, WarmUp] {
        assert_eq!(last.count(harmless, Verdict::Suspect), 0, "{table}");
    }
}

/// If every cache is annotated, a place that keeps everything it allocates leaks.
#[test]
#[cfg_attr(miri, ignore = "200 places over 120 windows")]
fn with_all_caches_declared_only_the_others_leak() {
    let capacity = u64::from(WINDOWS) * 20 * SAMPLE * 2;
    let places = (0..PLACES as u64).flat_map(|seed| {
        [Simulated::new(FillingCache, seed, Some(capacity)), Simulated::new(FillingCache, seed + 1_000, None)]
    });
    let mut last = Leaks::default();
    verdicts(places.collect(), true, |_, leaks| last = leaks.clone());
    let count = |verdict| last.findings.iter().filter(|finding| finding.verdict == verdict).count();
    assert_eq!((count(Verdict::Confirmed), count(Verdict::Bounded), count(Verdict::Suspect)), (PLACES, PLACES, 0));
}

#[test]
#[cfg_attr(miri, ignore = "a place over 120 windows")]
fn a_cache_beyond_its_bound_leaks() {
    let capacity = 60 * 20 * SAMPLE;
    let mut first = None;
    verdicts(vec![Simulated::new(FillingCache, 1, Some(capacity))], false, |window, leaks| {
        if leaks.findings.iter().any(|finding| finding.verdict == Verdict::Confirmed) {
            first.get_or_insert(window);
        }
    });
    // The cache exceeds its bound in window 60, and exceeds four standard errors some windows
    // later.
    assert!(first.is_some_and(|window| (61..75).contains(&window)), "{first:?}");
}

/// Memory of callees in other modules counts against the same bound.
#[test]
#[cfg_attr(miri, ignore = "two places over 120 windows")]
fn a_bound_is_for_all_that_is_beneath_it() {
    // Each of the two alone is within the bound.
    let capacity = u64::from(WINDOWS) * 20 * SAMPLE * 3 / 2;
    let beneath = |module: &str, seed| {
        let mut simulated = Simulated::new(FillingCache, seed, Some(capacity));
        let scopes = vec!["cache".to_owned(), "fill".to_owned(), module.to_owned()];
        let place = Place { scopes, module: module.to_owned(), ..Place::clone(&simulated.place) };
        simulated.place = Arc::new(place);
        simulated
    };
    let mut last = Leaks::default();
    verdicts(vec![beneath("keys", 1), beneath("values", 2)], false, |_, leaks| last = leaks.clone());
    assert!(last.findings.len() == 2 && last.findings.iter().all(|finding| finding.verdict == Verdict::Confirmed));
    verdicts(vec![beneath("keys", 1)], false, |_, leaks| last = leaks.clone());
    assert_eq!(last.findings[0].verdict, Verdict::Bounded);
}

#[test]
#[cfg_attr(miri, ignore = "a place over 120 windows")]
fn a_finding_says_how_much_how_fast_and_why() {
    let mut last = Leaks::default();
    verdicts(vec![Simulated::new(Leak, 7, None)], false, |_, leaks| last = leaks.clone());
    let finding = &last.findings[0];
    let expected = 0.02 * 50.0 * 120.0 * SAMPLE as f64;
    assert!((finding.bytes_per_hour / expected - 1.0).abs() < 0.3, "{finding:?}");
    assert_eq!(finding.bytes, finding.ages.iter().map(|band| band.bytes).sum::<u64>());
    assert_eq!(finding.ages[1].older_than_ns, 30_000_000_000);
    assert!(finding.evidence.contains("so at most 1 in") && finding.evidence.contains("2."), "{}", finding.evidence);
    println!("{}", finding.evidence);
}
