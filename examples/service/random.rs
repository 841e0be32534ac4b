//! Random numbers, the same in every run with the same seed.

/// A generator of random numbers: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// Streams with different numbers under one seed are independent.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self { state: seed };
        random.state = random.bits() ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
        random
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 (inclusive) to 1 (exclusive).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 (inclusive) to `end` (exclusive), which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((self.unit() * end as f64) as usize).min(end.saturating_sub(1))
    }

    /// The time in seconds to the next event of a Poisson process with `rate` events per second.
    pub(crate) fn gap(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }
}

/// Zipf's law: an item of rank r has a probability proportional to 1/r, like words in texts.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    /// The sums of the probabilities up to each rank.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// A distribution over `count` ranks.
    pub(crate) fn new(count: usize) -> Self {
        let mut sum = 0.0;
        let weight = |rank| {
            sum += 1.0 / rank as f64;
            sum
        };
        Self { cumulative: (1..=count).map(weight).collect() }
    }

    /// A random rank, counted from 0; 0 if there are none.
    pub(crate) fn pick(&self, random: &mut Random) -> usize {
        let point = random.unit() * self.cumulative.last().copied().unwrap_or(0.0);
        self.cumulative.partition_point(|sum| *sum <= point).min(self.cumulative.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_zipfs_law() {
        let (zipf, mut random) = (Zipf::new(1000), Random::new(1, 0));
        let (picks, mut counts) = (200_000, vec![0_u32; 1000]);
        for _ in 0..picks {
            counts[zipf.pick(&mut random)] += 1;
        }
        let harmonic: f64 = (1..=1000).map(|rank| 1.0 / f64::from(rank)).sum();
        for rank in [1, 2, 3, 10, 100] {
            let share = 1.0 / f64::from(rank) / harmonic;
            let (expected, found) = (share * f64::from(picks), f64::from(counts[rank as usize - 1]));
            let deviation = (expected * (1.0 - share)).sqrt();
            assert!((found - expected).abs() < 5.0 * deviation, "rank {rank}: {found}, expected {expected}");
        }
        assert_eq!(Zipf::new(0).pick(&mut random), 0);
        assert_eq!(Zipf::new(1).pick(&mut random), 0);
    }

    #[test]
    fn a_seed_repeats_and_streams_differ() {
        let numbers = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.bits(), random.bits(), random.bits()]
        };
        assert_eq!(numbers(1, 2), numbers(1, 2));
        assert_ne!(numbers(1, 2), numbers(1, 3));
        assert_ne!(numbers(1, 2), numbers(2, 2));
    }

    #[test]
    fn gaps_have_the_rate_as_their_mean() {
        let mut random = Random::new(1, 0);
        let mean = (0..100_000).map(|_| random.gap(25.0)).sum::<f64>() / 100_000.0;
        assert!((mean - 0.04).abs() < 0.001, "{mean}");
        assert!((0..1000).all(|_| random.below(3) < 3));
    }
}
