//! When to try again.

use std::time::{Duration, Instant};

/// The pause after the first failure, and at most.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Failures in a row, and when the next attempt is.
#[derive(Debug, Default)]
pub(super) struct Retry {
    failures: u32,
    next: Option<Instant>,
}

impl Retry {
    /// Whether an attempt may be made now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    /// The time until the next attempt.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    #[cfg(any(test, feature = "push"))]
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Each pause is twice as long as the one before.
    pub(super) fn failed(&mut self, now: Instant) {
        self.next = Some(now + FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST));
        self.failures = self.failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_become_longer_up_to_half_a_minute() {
        let (mut retry, now) = (Retry::default(), Instant::now());
        assert!(retry.is_due(now) && retry.pause(now).is_zero());
        let pauses: Vec<u64> = (0..8)
            .map(|_| {
                retry.failed(now);
                retry.pause(now).as_secs()
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert!(!retry.is_due(now) && retry.is_due(now + LONGEST));
        retry.succeeded();
        assert!(retry.is_due(now));
    }
}
