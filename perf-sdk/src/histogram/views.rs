//! The merged form as Prometheus reads it: classic and native buckets, both exact.

use super::merged::Histogram;

/// The buckets of a Prometheus native histogram, schema 5.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NativeBuckets {
    /// The number of values that are 0.
    pub zero_count: u64,
    /// Runs of consecutive buckets.
    pub spans: Vec<BucketSpan>,
    /// The first bucket's count, then the difference of each bucket to the one before, over all
    /// spans.
    pub deltas: Vec<i64>,
}

impl NativeBuckets {
    /// Schema 5: bounds are powers of 2^(2^-5).
    pub const SCHEMA: i32 = 5;
}

/// A run of consecutive buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketSpan {
    /// For the first span: the index of its first bucket. For the others: the number of empty
    /// buckets before it.
    pub offset: i32,
    /// The number of buckets.
    pub length: u32,
}

/// Runs that are at most this many buckets apart are written as one, because two empty buckets are
/// shorter than another span.
const BRIDGED: i32 = 2;

/// Groups buckets, given as (schema index, count) and ascending, into runs. Returns the runs and
/// the differences of the counts.
pub(crate) fn runs(buckets: impl IntoIterator<Item = (i32, i64)>) -> (Vec<BucketSpan>, Vec<i64>) {
    let (mut spans, mut deltas): (Vec<BucketSpan>, Vec<i64>) = (Vec::new(), Vec::new());
    let mut before = 0;
    let mut next: Option<i32> = None;
    for (index, count) in buckets {
        match (next, spans.last_mut()) {
            (Some(next), Some(span)) if index - next <= BRIDGED => {
                for _ in next..index {
                    deltas.push(-before);
                    before = 0;
                }
                span.length += (index - next) as u32 + 1;
            }
            _ => spans.push(BucketSpan { offset: index - next.unwrap_or(0), length: 1 }),
        }
        deltas.push(count - before);
        (before, next) = (count, Some(index + 1));
    }
    (spans, deltas)
}

impl Histogram {
    /// The classic buckets as (label, cumulative count), ascending, without `+Inf`, whose count is
    /// [`count`](Self::count).
    pub fn classic(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let scale = self.scale();
        let mut cells = self.iter().peekable();
        let mut passed = self.zero_count();
        scale.classic_bounds().iter().map(move |(bound, label)| {
            while let Some((_, count)) = cells.next_if(|(cell, _)| cell.last(scale) <= *bound) {
                passed = passed.saturating_add(count);
            }
            (*label, passed)
        })
    }

    /// The buckets of the native histogram.
    #[must_use]
    pub fn native(&self) -> NativeBuckets {
        let (spans, deltas) = runs(self.schema_buckets());
        NativeBuckets { zero_count: self.zero_count(), spans, deltas }
    }

    /// The buckets as (schema index, count). The two parts of a split bucket are added.
    pub(crate) fn schema_buckets(&self) -> Vec<(i32, i64)> {
        let mut buckets: Vec<(i32, i64)> = Vec::new();
        for (cell, count) in self.iter() {
            let index = cell.schema_index(self.scale());
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            match buckets.last_mut() {
                Some(last) if last.0 == index => last.1 = last.1.saturating_add(count),
                _ => buckets.push((index, count)),
            }
        }
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::*;

    fn of(scale: Scale, values: &[u64]) -> Histogram {
        let mut histogram = Histogram::new(scale);
        values.iter().for_each(|v| histogram.record(*v, 1));
        histogram
    }

    /// Reads spans and deltas as a Prometheus server does.
    fn expand(native: &NativeBuckets) -> Vec<(i32, i64)> {
        let mut deltas = native.deltas.iter();
        let (mut index, mut count, mut buckets) = (0, 0, Vec::new());
        for span in &native.spans {
            index += span.offset;
            for _ in 0..span.length {
                count += deltas.next().expect("a delta for each bucket");
                buckets.push((index, count));
                index += 1;
            }
        }
        assert_eq!(deltas.next(), None);
        buckets.retain(|bucket| bucket.1 != 0);
        buckets
    }

    #[test]
    fn classic_buckets_count_exactly() {
        for scale in [Scale::Seconds, Scale::Bytes] {
            let mut values = vec![0, 0, 1, u64::MAX];
            for (bound, _) in scale.classic_bounds() {
                values.extend([bound - 1, *bound, *bound, bound + 1, bound * 13 / 10]);
            }
            let histogram = of(scale, &values);
            for ((label, count), (bound, expected_label)) in histogram.classic().zip(scale.classic_bounds()) {
                let exact = values.iter().filter(|v| *v <= bound).count() as u64;
                assert_eq!((label, count), (*expected_label, exact));
            }
            assert_eq!(histogram.classic().count(), scale.classic_bounds().len());
        }
    }

    #[test]
    fn native_buckets_are_the_counts_by_schema_index() {
        let second = 1_000_000_000_f64;
        // Both sides of a decimal bound (0.25 s), which are one native bucket. Then neighbouring
        // buckets, gaps that are bridged, and larger gaps.
        let mut values = vec![249_999_999, 250_000_000, 250_000_001, 251_000_000, 0, 1, 2, 7];
        for index in [-3, 0, 1, 2, 4, 5, 8, 12, 13, 300] {
            values.push((second * 2_f64.powf((f64::from(index) - 0.5) / 32.0)) as u64);
        }
        let native = of(Scale::Seconds, &values).native();
        let mut expected = std::collections::BTreeMap::new();
        for v in values.iter().filter(|v| **v > 0) {
            *expected.entry(((*v as f64 / second).log2() * 32.0).ceil() as i32).or_insert(0) += 1;
        }
        assert_eq!(native.zero_count, 1);
        assert_eq!(expand(&native), expected.into_iter().collect::<Vec<_>>());
        assert!(native.spans[1..].iter().all(|span| span.offset > BRIDGED));
    }

    #[test]
    fn an_empty_histogram_has_no_buckets() {
        assert_eq!(Histogram::new(Scale::Seconds).native(), NativeBuckets::default());
        assert!(Histogram::new(Scale::Seconds).classic().all(|(_, count)| count == 0));
    }
}
