//! Conversion to and from `hdrhistogram`, the format that latency tools share.

use super::merged::{Histogram, middle};
use super::scale::Scale;

/// Three significant decimal digits: the cells of `hdrhistogram` then add an error of 0.05 %.
const DIGITS: u8 = 3;

/// The tools that read these are written in Java and use signed numbers.
const LARGEST: u64 = i64::MAX as u64;

impl Histogram {
    /// The same distribution, with each cell represented by its midpoint, in nanoseconds or bytes.
    /// The total error is 1.16 %. Values from 2⁶³ on count as 2⁶³ − 1.
    ///
    /// **Cost.** The result takes about 16 KiB for each power of two from 2048 up to the largest
    /// value. If memory runs out, values beyond the allocated range are counted at the largest
    /// value that fits.
    #[must_use]
    pub fn to_hdr(&self) -> hdrhistogram::Histogram<u64> {
        let largest = self.upper_bound().unwrap_or(1).clamp(2, LARGEST);
        let mut hdr = hdrhistogram::Histogram::new_with_max(largest, DIGITS)
            .or_else(|_| hdrhistogram::Histogram::new(DIGITS))
            .expect("three digits are valid, and a histogram of automatic size has no range to refuse");
        hdr.saturating_record_n(0, self.zero_count());
        for (cell, count) in self.iter() {
            hdr.saturating_record_n((middle(self.scale(), cell).round() as u64).min(largest), count);
        }
        hdr
    }

    /// A histogram from another source. Its sum is computed from the cells of `hdr`, and is as
    /// exact as those.
    #[must_use]
    pub fn from_hdr(scale: Scale, hdr: &hdrhistogram::Histogram<u64>) -> Self {
        let mut histogram = Self::new(scale);
        for cell in hdr.iter_recorded() {
            let value = hdr.lowest_equivalent(cell.value_iterated_to()).midpoint(cell.value_iterated_to());
            histogram.record(value, cell.count_at_value());
        }
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_survive_the_conversion() {
        let mut exact = Vec::new();
        let mut histogram = Histogram::new(Scale::Seconds);
        for i in 1..40_000_u64 {
            let v = 700 + i * i * i / 1_000_000;
            exact.push(v);
            histogram.record(v, 1);
        }
        histogram.record(0, 3);
        exact.extend([0, 0, 0]);
        exact.sort_unstable();
        let hdr = histogram.to_hdr();
        assert_eq!(hdr.len(), exact.len() as u64);
        let back = Histogram::from_hdr(Scale::Seconds, &hdr);
        assert_eq!((back.count(), back.zero_count()), (histogram.count(), 3));
        for q in [0.01, 0.5, 0.95, 0.99, 0.999, 1.0] {
            let want = exact[((exact.len() as f64 * q).ceil() as usize - 1).min(exact.len() - 1)] as f64;
            let got = hdr.value_at_quantile(q) as f64;
            assert!((got - want).abs() <= want * 0.0116, "{q}: {got} instead of {want}");
            let again = back.quantile(q).unwrap();
            assert!((again - want).abs() <= want * 0.023, "{q}: {again} instead of {want}");
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        let mut histogram = Histogram::new(Scale::Bytes);
        assert_eq!(histogram.to_hdr().len(), 0);
        histogram.record(u64::MAX, 1);
        histogram.record(1, 1);
        let hdr = histogram.to_hdr();
        assert_eq!((hdr.len(), hdr.min()), (2, 1));
        assert!(hdr.max() >= LARGEST / 1000 * 999);
    }
}
