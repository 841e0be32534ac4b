//! An approximate histogram of handler durations: an array to which a signal handler can add.

/// Buckets of a quarter octave, from 64 ns on.
pub(super) const BUCKETS: usize = 48;

/// The bucket of a duration.
pub(super) fn bucket(ns: u64) -> usize {
    let ns = ns.max(64);
    let octave = ns.ilog2();
    let quarter = (ns >> (octave - 2)) & 3;
    ((octave as usize - 6) * 4 + quarter as usize).min(BUCKETS - 1)
}

/// The upper bound of a bucket in nanoseconds.
pub(super) fn bound_ns(bucket: usize) -> u64 {
    let (octave, quarter) = (bucket as u32 / 4 + 6, bucket as u64 % 4);
    (1 << octave) + (quarter + 1) * (1 << (octave - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_below_the_bound_of_their_bucket() {
        for ns in (0..100_000).step_by(7) {
            let at = bucket(ns);
            assert!(ns < bound_ns(at) || at == BUCKETS - 1, "{ns}");
            assert!(at == 0 || ns >= bound_ns(at - 1), "{ns}");
        }
    }
}
