//! The median of paired differences, its bootstrap interval, and whether it is beyond a tolerance.
//!
//! The bootstrap's distribution of a median needs no random numbers: of n values the median of a
//! resample is at most the k-th smallest one exactly if more than a half of n draws are among the k
//! smallest, which is a binomial probability. J. S. Maritz and R. G. Jarrett, "A note on estimating
//! the variance of the sample median", Journal of the American Statistical Association 73 (1978),
//! 194–196; B. Efron, "The jackknife, the bootstrap and other resampling plans" (1982), chapter 10.
//!
//! With few pairs that interval is too short, so that a change counts only if the sign test, which
//! holds for any distribution and number of pairs, finds it too: W. J. Conover, "Practical
//! nonparametric statistics" (1999), chapter 3.4.

use statrs::distribution::{Binomial, DiscreteCDF as _};

/// Differences of pairs, sorted. Their number is odd.
#[derive(Clone, Debug)]
pub(super) struct Paired {
    sorted: Vec<f64>,
}

impl Paired {
    /// `None` without differences, or where one is no number. Of an even number the last is left
    /// out.
    pub(super) fn of(differences: &[f64]) -> Option<Self> {
        let odd = differences.len().checked_sub(1)? / 2 * 2 + 1;
        let mut sorted = differences[..odd].to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.iter().all(|value| value.is_finite()).then_some(Self { sorted })
    }

    fn n(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn median(&self) -> f64 {
        self.sorted[self.n() / 2]
    }

    /// The interval outside of which the bootstrap's median is with probability `alpha` on each
    /// side.
    pub(super) fn interval(&self, alpha: f64) -> [f64; 2] {
        let lower = (1..=self.n()).find(|k| self.at_most(*k) > alpha).unwrap_or(1);
        let upper = (1..=self.n()).find(|k| self.at_most(*k) >= 1.0 - alpha).unwrap_or(self.n());
        [self.sorted[lower - 1], self.sorted[upper - 1]]
    }

    /// The probability that the median of a resample is at most the `k`-th smallest value.
    fn at_most(&self, k: usize) -> f64 {
        let n = self.n();
        upper_tail(n, k as f64 / n as f64, n / 2 + 1)
    }

    /// The p-value of the hypothesis that the median is `limit` or less: the larger one of the
    /// bootstrap's and of the sign test's.
    pub(super) fn p_above(&self, limit: f64) -> f64 {
        self.p_with(self.sorted.iter().filter(|value| **value <= limit).count())
    }

    /// The p-value where so many differences are at most the limit.
    fn p_with(&self, below: usize) -> f64 {
        let n = self.n();
        self.at_most(below).max(upper_tail(n, 0.5, n - below))
    }

    /// With negated differences: what tests for less tests for more.
    pub(super) fn negated(&self) -> Self {
        Self { sorted: self.sorted.iter().rev().map(|value| -value).collect() }
    }

    /// The smallest median that would have been found beyond `limit` at this level, with the
    /// scatter that was seen. `None` if there are too few pairs for any.
    pub(super) fn smallest_visible(&self, limit: f64, alpha: f64) -> Option<f64> {
        // The most differences that may be at most the limit.
        let below = (0..self.n()).take_while(|below| self.p_with(*below) <= alpha).last()?;
        Some(limit + (self.median() - self.sorted[below]).max(0.0))
    }
}

/// The least odd number of pairs with which anything can be found at this level.
pub(super) fn least_pairs(alpha: f64) -> usize {
    let mut pairs = 1;
    while 0.5_f64.powi(pairs) > alpha {
        pairs += 2;
    }
    pairs as usize
}

/// The probability of `successes` or more of `n`.
fn upper_tail(n: usize, p: f64, successes: usize) -> f64 {
    match Binomial::new(p, n as u64) {
        Ok(binomial) if successes > 0 => binomial.sf(successes as u64 - 1),
        // None is always reached; a probability is never out of its range here.
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random: xorshift64*, by S. Vigna (2016).
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// Of a distribution with a long tail to both sides, as times of a busy machine have.
        fn noise(&mut self) -> f64 {
            let (uniform, sign) = (self.next(), if self.next() < 0.5 { -1.0 } else { 1.0 });
            sign * 0.01 * ((1.0 - uniform).powf(-0.7) - 1.0)
        }
    }

    fn series(random: &mut Random, pairs: usize, shift: f64) -> Paired {
        let values: Vec<f64> = (0..pairs).map(|_| random.noise() + shift).collect();
        Paired::of(&values).unwrap()
    }

    #[test]
    fn the_bootstrap_is_that_of_many_resamples() {
        let mut random = Random(7);
        let paired = series(&mut random, 21, 0.0);
        let mut medians: Vec<f64> = (0..40_000)
            .map(|_| {
                let mut drawn: Vec<f64> = (0..21).map(|_| paired.sorted[(random.next() * 21.0) as usize]).collect();
                drawn.sort_by(f64::total_cmp);
                drawn[10]
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        for alpha in [0.025, 0.1, 0.25] {
            let at = |part: f64| medians[(part * 40_000.0) as usize];
            // A resample's quantile is one of the values: it may be the next one by chance.
            let [lower, upper] = paired.interval(alpha);
            let near = |value: f64, bound: f64| {
                let place = |value: f64| paired.sorted.iter().position(|other| *other == value).unwrap();
                place(value).abs_diff(place(bound)) <= 1
            };
            assert!(near(at(alpha), lower) && near(at(1.0 - alpha), upper), "{alpha}: {lower} to {upper}");
        }
        for k in [5, 10, 14] {
            let seen = medians.iter().filter(|median| **median <= paired.sorted[k - 1]).count() as f64 / 40_000.0;
            assert!((seen - paired.at_most(k)).abs() < 0.01, "{k}: {seen}, computed {}", paired.at_most(k));
        }
    }

    #[test]
    fn the_sign_test_is_that_of_a_table() {
        // Conover's table A3 of the binomial distribution: of 20 draws 5 or less are 0.0207.
        assert!((upper_tail(20, 0.5, 15) - 0.0207).abs() < 5e-5);
        assert_eq!(upper_tail(20, 0.5, 0), 1.0);
        // All of seven beyond: one in 128, where a resample is always beyond.
        let all = Paired::of(&[0.2; 7]).unwrap();
        let near = |p: f64, expected: f64| assert!((p - expected).abs() < 1e-9, "{p}, expected {expected}");
        near(all.p_above(0.1), 1.0 / 128.0);
        assert_eq!(all.p_above(0.2), 1.0);
        near(all.negated().p_above(-0.3), 1.0 / 128.0);
    }

    #[test]
    fn series_without_a_change_are_rarely_found_and_large_ones_always() {
        let mut random = Random(11);
        let found = |random: &mut Random, shift: f64| {
            (0..2_000).filter(|_| series(random, 31, shift).p_above(0.05) <= 0.01).count()
        };
        assert_eq!(found(&mut random, 0.0), 0);
        // A change of exactly the tolerance is found once in a hundred times at most.
        let at_tolerance = found(&mut random, 0.05);
        assert!(at_tolerance <= 30, "{at_tolerance} of 2000");
        assert!(found(&mut random, 0.18) > 1_990);
    }

    #[test]
    fn the_smallest_visible_change_is_found_and_a_smaller_one_is_not() {
        let mut random = Random(13);
        let paired = series(&mut random, 31, 0.0);
        let visible = paired.smallest_visible(0.05, 0.01).unwrap();
        let shifted = |by: f64| {
            let values: Vec<f64> = paired.sorted.iter().map(|value| value - paired.median() + by).collect();
            Paired::of(&values).unwrap().p_above(0.05)
        };
        assert!(shifted(visible + 1e-9) <= 0.01);
        assert!(shifted(visible - 1e-9) > 0.01);
        // Five pairs can show nothing at one in a hundred.
        assert_eq!(series(&mut random, 5, 1.0).smallest_visible(0.05, 0.01), None);
    }

    #[test]
    fn differences_that_are_no_numbers_have_no_median() {
        assert!(Paired::of(&[]).is_none());
        assert!(Paired::of(&[1.0, f64::NAN, 2.0]).is_none());
        assert!(Paired::of(&[1.0, f64::INFINITY, 2.0]).is_none());
        assert_eq!(Paired::of(&[3.0, 1.0, 2.0, 9.0]).unwrap().median(), 2.0);
        assert_eq!((least_pairs(0.01), least_pairs(0.001)), (7, 11));
    }
}
