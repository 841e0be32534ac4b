//! The share of calls that took longer than a limit.

use crate::histogram::Histogram;

/// `None` without calls. Within a cell of the histogram, calls are taken to be spread evenly.
pub(super) fn share_slower(times: &Histogram, limit_seconds: f64) -> Option<f64> {
    let limit_ns = limit_seconds * 1e9;
    let (mut slower, mut all) = (0.0, 0.0);
    for (first, last, count) in times.cells() {
        let (begin, end, count) = (first as f64, last as f64 + 1.0, count as f64);
        slower += count * ((end - limit_ns) / (end - begin)).clamp(0.0, 1.0);
        all += count;
    }
    (all > 0.0).then(|| slower / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_beyond_a_limit_are_counted() {
        let mut times = Histogram::default();
        assert_eq!(share_slower(&times, 1.0), None);
        (1..=1_000).for_each(|ms| times.record(ms * 1_000_000, 1));
        for (limit, share) in [(0.0, 1.0), (0.5, 0.5), (0.95, 0.05), (2.0, 0.0)] {
            let found = share_slower(&times, limit).unwrap();
            assert!((found - share).abs() < 0.012, "{limit}: {found}");
        }
    }
}
