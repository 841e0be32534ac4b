//! What waits for another attempt to push it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is pushed: profiles, or metrics.
pub(super) trait Item {
    fn bytes(&self) -> usize;
}

/// The maximum time for which an item is kept, and the maximum size of all.
const LONGEST: Duration = Duration::from_secs(300);
const MOST_BYTES: usize = 8 << 20;
/// The pause between two attempts: after the first failure, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Oldest first.
#[derive(Debug)]
pub(super) struct Backlog<T> {
    waiting: VecDeque<(Instant, T)>,
    /// Consecutive failures.
    failures: u32,
    next_attempt: Option<Instant>,
}

impl<T> Default for Backlog<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), failures: 0, next_attempt: None }
    }
}

impl<T: Item> Backlog<T> {
    /// Adds an item. Returns the items that are dropped: those that waited too long, and the oldest
    /// ones if there are too many.
    pub(super) fn add(&mut self, item: T, now: Instant) -> Vec<T> {
        self.waiting.push_back((now, item));
        let mut lost = Vec::new();
        let mut bytes: usize = self.waiting.iter().map(|(_, item)| item.bytes()).sum();
        while let Some((since, oldest)) = self.waiting.front()
            && (now.duration_since(*since) > LONGEST || bytes > MOST_BYTES)
        {
            bytes -= oldest.bytes();
            lost.extend(self.take_oldest());
        }
        lost
    }

    pub(super) fn oldest(&self) -> Option<&T> {
        self.waiting.front().map(|(_, item)| item)
    }

    pub(super) fn take_oldest(&mut self) -> Option<T> {
        self.waiting.pop_front().map(|(_, item)| item)
    }

    pub(super) fn len(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// The time of the next attempt for the oldest item. `None` if there is none.
    pub(super) fn next_attempt(&self, now: Instant) -> Option<Instant> {
        self.oldest().map(|_| self.next_attempt.unwrap_or(now))
    }

    /// Removes the oldest item, because it was accepted or never will be.
    pub(super) fn pop(&mut self) {
        self.waiting.pop_front();
        (self.failures, self.next_attempt) = (0, None);
    }

    /// Postpones the oldest item after a failed attempt, by `share` of the pause, or by as long as
    /// the server asked for.
    pub(super) fn postpone(&mut self, now: Instant, share: f64, asked: Option<Duration>) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.next_attempt = Some(now + pause.mul_f64(share).max(asked.unwrap_or_default()).min(LONGEST));
    }

    /// Drops all items and returns their number.
    pub(super) fn give_up(&mut self) -> u64 {
        let lost = self.len();
        self.waiting.clear();
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::windows::{Kind, Profile};
    use super::*;

    fn profile(n: u8, bytes: usize) -> Profile {
        Profile { kind: Kind::Cpu, from_unix_ns: 0, until_unix_ns: 0, body: vec![n; bytes] }
    }

    #[test]
    fn the_oldest_go_first_and_are_lost_first() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        assert_eq!(backlog.next_attempt(start), None);
        assert!((1..=8).all(|n| backlog.add(profile(n, 1 << 20), start).is_empty()));
        assert_eq!(backlog.add(profile(9, 1), start).len(), 1, "beyond 8 MiB");
        assert_eq!(backlog.oldest().unwrap().body[0], 2);
        let late = start + LONGEST + Duration::from_millis(1);
        assert_eq!(backlog.add(profile(10, 1), late).len(), 8, "too old");
        assert_eq!((backlog.oldest().unwrap().body[0], backlog.len()), (10, 1));
        assert_eq!((backlog.give_up(), backlog.len()), (1, 0));
        assert_eq!(backlog.add(profile(1, MOST_BYTES + 1), start).len(), 1, "too large by itself");
    }

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        backlog.add(profile(1, 1), start);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            backlog.postpone(start, 1.0, None);
            pauses.push(backlog.next_attempt(start).unwrap().duration_since(start).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        backlog.postpone(start, 1.0, Some(Duration::from_secs(70)));
        assert_eq!(backlog.next_attempt(start), Some(start + Duration::from_secs(70)));
        backlog.add(profile(2, 1), start);
        backlog.pop();
        assert_eq!(backlog.next_attempt(start), Some(start));
    }
}
