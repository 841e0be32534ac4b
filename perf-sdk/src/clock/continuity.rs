//! Detects jumps of the counter, by occasional comparison with the operating system's clock.
//!
//! Pure: readings are passed in.

/// A difference greater than this, and greater than this share of the time since the reference, is
/// a jump. The operating system's clock itself is slewed by up to 500 parts per million.
const TOLERANCE_NS: u64 = 1_000_000;
const TOLERANCE_SHARE: u64 = 1_000;

/// The last reading of both clocks, and the last jump that was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Continuity {
    ticks: u64,
    os_ns: u64,
    /// The ticks between which the counter jumped.
    jump: Option<(u64, u64)>,
}

impl Continuity {
    pub(super) const fn new(ticks: u64, os_ns: u64) -> Self {
        Self { ticks, os_ns, jump: None }
    }

    /// The ticks of the last reference.
    pub(super) const fn reference(&self) -> u64 {
        self.ticks
    }

    /// Takes a new reading of both clocks. `true` if the counter jumped since the last one.
    pub(super) fn advance(&mut self, ticks: u64, os_ns: u64, ns: impl Fn(u64) -> u64) -> bool {
        let os_elapsed = os_ns.saturating_sub(self.os_ns);
        let elapsed = ticks.wrapping_sub(self.ticks);
        let backwards = elapsed > u64::MAX / 2;
        let jumped = backwards || ns(elapsed).abs_diff(os_elapsed) > TOLERANCE_NS.max(os_elapsed / TOLERANCE_SHARE);
        if jumped {
            self.jump = Some((self.ticks, ticks));
        }
        (self.ticks, self.os_ns) = (ticks, os_ns);
        jumped
    }

    /// Whether the last jump may lie between these ticks. That includes a call wholly between the
    /// two readings that found a jump, because the position of the jump between them is unknown.
    pub(super) fn broken_between(&self, start: u64, end: u64) -> bool {
        self.jump.is_some_and(|(from, to)| {
            let (low, high) = (from.min(to), from.max(to));
            start <= high && end >= low
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn same(ticks: u64) -> u64 {
        ticks
    }

    #[test]
    fn an_even_counter_has_no_jump() {
        let mut continuity = Continuity::new(100, 7);
        for second in 1..100 {
            // The clocks differ by 400 parts per million, as with a slewed clock.
            assert!(!continuity.advance(100 + second * S + second * 400_000, 7 + second * S, same));
        }
        assert!(!continuity.broken_between(0, u64::MAX / 2));
    }

    #[test]
    fn a_jump_forwards_is_found_and_bounded() {
        let mut continuity = Continuity::new(0, 0);
        assert!(!continuity.advance(10 * S, 10 * S, same));
        assert!(continuity.advance(21 * S, 11 * S, same));
        assert!(continuity.broken_between(9 * S, 20 * S));
        assert!(!continuity.broken_between(2 * S, 9 * S));
        assert!(!continuity.advance(23 * S, 13 * S, same));
        assert!(!continuity.broken_between(22 * S, 23 * S));
        assert!(continuity.broken_between(20 * S, 23 * S));
    }

    #[test]
    fn a_jump_backwards_is_found() {
        let mut continuity = Continuity::new(50 * S, 0);
        assert!(continuity.advance(S, S, same));
        assert!(continuity.broken_between(2 * S, 3 * S));
    }
}
