//! Histograms of the program's own `metrics`: classic buckets, and buckets of native histograms.
//!
//! A value is added to its buckets when it is recorded, so no values accumulate and no upkeep is
//! needed. Recording takes no lock, except for the first value in a page, which a fork may delay.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, OnceLock};

use metrics::{CounterFn, GaugeFn, Histogram, HistogramFn, Key};
use metrics_exporter_prometheus::formatting::{sanitize_label_key, sanitize_metric_name};
use metrics_util::registry::{Registry, Storage};

use crate::base::fork::{Lock, Moment};
use crate::base::pattern::matches;
use crate::export::{UserHistogram, UserNative, UserSeries};
use crate::settings::BucketRule;

/// The default upper bounds. Their range is wide, because the unit is the user's: seconds as well
/// as bytes or rows.
const BOUNDS: &[f64] = &[
    1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    50.0, 100.0, 500.0, 1e3, 5e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
];

/// Native buckets in one octave: schema 5, as for the profiler's own histograms.
const PER_OCTAVE: i32 = 32;
/// Values from 2^-64 to 2^64 have native buckets. Smaller ones count as 0, and larger ones in the
/// last bucket.
const OCTAVES: i32 = 64;
/// The number of buckets that are allocated at once: 1 KiB, four octaves.
const PAGE: usize = 128;
const PAGES: usize = (2 * OCTAVES * PER_OCTAVE) as usize / PAGE;

/// By name, as in a scrape. They live as long as the process, as with any recorder.
static FAMILIES: Lock<BTreeMap<String, Family>> = Lock::new(BTreeMap::new());
static RULES: Lock<Vec<BucketRule>> = Lock::new(Vec::new());

#[derive(Debug, Default)]
struct Family {
    help: String,
    /// By labels, which are sorted.
    series: BTreeMap<Vec<(String, String)>, &'static Series>,
}

/// Sets the bounds of histograms that are made from now on. If several rules match, the last one
/// applies.
pub(super) fn set_rules(rules: &[BucketRule]) {
    *RULES.lock() = rules.to_vec();
}

/// Sets the help text of a histogram.
pub(super) fn describe(name: &str, help: &str) {
    FAMILIES.lock().entry(sanitize_metric_name(name)).or_default().help = help.to_owned();
}

/// All histograms, with what was recorded so far.
pub(super) fn histograms() -> Vec<UserHistogram> {
    let families: Vec<(String, String, Vec<_>)> = {
        let families = FAMILIES.lock();
        let series = |family: &Family| family.series.iter().map(|(labels, one)| (labels.clone(), *one)).collect();
        families.iter().map(|(name, family)| (name.clone(), family.help.clone(), series(family))).collect()
    };
    let of = |series: Vec<(Vec<(String, String)>, &'static Series)>| {
        series.into_iter().map(|(labels, series)| series.read(labels)).collect::<Vec<_>>()
    };
    let all = families.into_iter().map(|(name, help, series)| UserHistogram { name, help, series: of(series) });
    all.filter(|histogram| !histogram.series.is_empty()).collect()
}

/// Maps keys to series.
pub(super) struct Histograms(Registry<Key, Kept>);

impl Histograms {
    pub(super) fn new() -> Self {
        Self(Registry::new(Kept))
    }

    pub(super) fn histogram(&self, key: &Key) -> Histogram {
        self.0.get_or_create_histogram(key, |series| Histogram::from_arc(Arc::new(*series)))
    }
}

/// A storage for histograms only.
struct Kept;

/// Stands for counters and gauges, of which there are none.
#[derive(Clone, Debug)]
struct Nothing;

impl CounterFn for Nothing {
    fn increment(&self, _: u64) {}
    fn absolute(&self, _: u64) {}
}

impl GaugeFn for Nothing {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, _: f64) {}
}

impl Storage<Key> for Kept {
    type Counter = Nothing;
    type Gauge = Nothing;
    type Histogram = Recorded;

    fn counter(&self, _: &Key) -> Nothing {
        Nothing
    }

    fn gauge(&self, _: &Key) -> Nothing {
        Nothing
    }

    /// The series of a key. Keys with the same name and labels in a scrape share one series.
    fn histogram(&self, key: &Key) -> Recorded {
        let name = sanitize_metric_name(key.name());
        let mut labels: Vec<(String, String)> =
            key.labels().map(|label| (sanitize_label_key(label.key()), label.value().to_owned())).collect();
        // If a label occurs twice, the last value applies, as with other recorders.
        labels.reverse();
        labels.sort_by(|a, b| a.0.cmp(&b.0));
        labels.dedup_by(|next, first| next.0 == first.0);
        let rules = RULES.lock().clone();
        let fits = |rule: &&BucketRule| matches(&rule.pattern, &name) || matches(&rule.pattern, key.name());
        let bounds = rules.iter().rev().find(fits).map_or(BOUNDS, |rule| rule.bounds.as_slice());
        let mut families = FAMILIES.lock();
        let family = families.entry(name).or_default();
        // All series of a name have the same bounds: those of the first series.
        let bounds = family.series.values().next().map_or(bounds, |series| series.bounds.as_slice());
        Recorded(family.series.entry(labels).or_insert_with(|| &*Box::leak(Box::new(Series::new(bounds)))))
    }
}

#[derive(Clone, Copy, Debug)]
struct Recorded(&'static Series);

impl HistogramFn for Recorded {
    fn record(&self, value: f64) {
        self.0.record(value);
    }
}

/// One series of a histogram.
#[derive(Debug)]
struct Series {
    bounds: Vec<f64>,
    /// Not cumulative. The last one is the bucket of +∞.
    classic: Vec<AtomicU64>,
    /// The bits of an `f64`.
    sum: AtomicU64,
    zero: AtomicU64,
    /// The number of NaN values.
    nan: AtomicU64,
    positive: Side,
    negative: Side,
}

/// Native buckets of one sign.
#[derive(Debug)]
struct Side([OnceLock<Box<[AtomicU64; PAGE]>>; PAGES]);

impl Side {
    const fn new() -> Self {
        Self([const { OnceLock::new() }; PAGES])
    }

    /// Adds a value above 2^-64.
    fn add(&self, value: f64) {
        const LAST: i32 = OCTAVES * PER_OCTAVE;
        // The bucket with index i ends at 2^(i/32), inclusive.
        let index = ((value.log2() * f64::from(PER_OCTAVE)).ceil() as i32).clamp(1 - LAST, LAST);
        let at = (index + LAST - 1) as usize;
        let page = self.0[at / PAGE].get().unwrap_or_else(|| {
            // So that a forked child finds the page complete or not begun.
            let _moment = Moment::begin();
            self.0[at / PAGE].get_or_init(|| Box::new([const { AtomicU64::new(0) }; PAGE]))
        });
        page[at % PAGE].fetch_add(1, Release);
    }

    /// Indices and counts, without empty buckets.
    fn read(&self) -> Vec<(i32, u64)> {
        let pages = self.0.iter().zip(0..).filter_map(|(page, number)| Some((page.get()?, number * PAGE as i32)));
        let index = |at: i32| at + 1 - OCTAVES * PER_OCTAVE;
        let buckets = pages.flat_map(|(page, first)| page.iter().zip(first..));
        let counted = buckets.map(|(count, at)| (index(at), count.load(Acquire)));
        counted.filter(|(_, count)| *count > 0).collect()
    }
}

impl Series {
    fn new(bounds: &[f64]) -> Self {
        Self {
            bounds: bounds.to_vec(),
            classic: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            zero: AtomicU64::new(0),
            nan: AtomicU64::new(0),
            positive: Side::new(),
            negative: Side::new(),
        }
    }

    /// The native bucket is updated last, and readers read it first: so they find the other updates
    /// too.
    fn record(&self, value: f64) {
        let add = |sum: u64| Some((f64::from_bits(sum) + value).to_bits());
        let _ = self.sum.fetch_update(AcqRel, Relaxed, add);
        let at = if value.is_nan() { self.bounds.len() } else { self.bounds.partition_point(|bound| *bound < value) };
        self.classic[at].fetch_add(1, Release);
        if value.is_nan() {
            self.nan.fetch_add(1, Release);
        } else if value.abs() <= UserNative::ZERO_THRESHOLD {
            self.zero.fetch_add(1, Release);
        } else if value > 0.0 {
            self.positive.add(value);
        } else {
            self.negative.add(-value);
        }
    }

    /// Servers reject a histogram whose native buckets do not add up to its count. So the count is
    /// their sum, and classic buckets, which may be ahead, are limited to it.
    fn read(&self, labels: Vec<(String, String)>) -> UserSeries {
        let zero_count = self.zero.load(Acquire);
        let native = UserNative { zero_count, positive: self.positive.read(), negative: self.negative.read() };
        let sum_of = |side: &[(i32, u64)]| side.iter().map(|(_, count)| count).sum::<u64>();
        let count = zero_count + self.nan.load(Acquire) + sum_of(&native.positive) + sum_of(&native.negative);
        let mut passed = 0;
        let buckets = self.bounds.iter().zip(&self.classic).map(|(bound, here)| {
            passed += here.load(Acquire);
            (*bound, count.min(passed))
        });
        let buckets = buckets.collect();
        UserSeries { labels, buckets, sum: f64::from_bits(self.sum.load(Acquire)), count, native }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_first_bucket_whose_bound_is_not_below_it() {
        let series = Series::new(&[-1.0, 0.0, 1.0, 2.5]);
        for value in [-2.0, -1.0, 0.0, -0.0, 1e-30, 1.0, 1.000_001, 2.0, 2.5, 3.0, 1e30, f64::INFINITY] {
            series.record(value);
        }
        let read = series.read(Vec::new());
        assert_eq!(read.buckets, [(-1.0, 2), (0.0, 4), (1.0, 6), (2.5, 9)]);
        assert_eq!((read.count, read.sum), (12, f64::INFINITY));
        assert_eq!(read.native.zero_count, 3, "1e-30 is less than 2^-64");
        assert_eq!(read.native.negative, [(0, 1), (32, 1)]);
        let three = (3_f64.log2() * 32.0).ceil() as i32;
        let positive = [(0, 1), (1, 1), (32, 1), (43, 1), (three, 1), (2_048, 2)];
        assert_eq!(read.native.positive, positive);
        series.record(f64::NAN);
        let read = series.read(Vec::new());
        assert!(read.count == 13 && read.sum.is_nan());
        assert_eq!(read.buckets.last(), Some(&(2.5, 9)));
    }

    #[test]
    fn native_buckets_contain_the_values_within_their_bounds() {
        for exponent in -63..64 {
            for part in [1.0, 1.01, 1.5, 1.99] {
                let value = part * 2_f64.powi(exponent);
                let side = Side::new();
                side.add(value);
                let [(index, 1)] = side.read()[..] else { panic!("{value}") };
                let end = (f64::from(index) / 32.0).exp2();
                assert!(value <= end * (1.0 + 1e-12) && value > end * (1.0 - 0.0217), "{value} {index} {end}");
            }
        }
    }
}
