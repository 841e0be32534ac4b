//! Profiles that wait for another attempt to push them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::windows::Profile;

/// The maximum time for which a profile is kept, and the maximum size of all.
const LONGEST: Duration = Duration::from_secs(300);
const MOST_BYTES: usize = 8 << 20;
/// The pause between two attempts: after the first failure, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<(Instant, Profile)>,
    /// Consecutive failures.
    failures: u32,
    next_attempt: Option<Instant>,
}

impl Backlog {
    /// Adds a profile. Returns the number of profiles that are dropped: those that waited too long,
    /// and the oldest ones if there are too many.
    pub(super) fn add(&mut self, profile: Profile, now: Instant) -> u64 {
        self.waiting.push_back((now, profile));
        let mut lost = 0;
        let mut bytes: usize = self.waiting.iter().map(|(_, profile)| profile.body.len()).sum();
        while let Some((since, oldest)) = self.waiting.front()
            && (now.duration_since(*since) > LONGEST || bytes > MOST_BYTES)
        {
            bytes -= oldest.body.len();
            self.waiting.pop_front();
            lost += 1;
        }
        lost
    }

    pub(super) fn oldest(&self) -> Option<&Profile> {
        self.waiting.front().map(|(_, profile)| profile)
    }

    pub(super) fn len(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// The time of the next attempt for the oldest profile. `None` if there is none.
    pub(super) fn next_attempt(&self, now: Instant) -> Option<Instant> {
        self.oldest().map(|_| self.next_attempt.unwrap_or(now))
    }

    /// Removes the oldest profile, because it was accepted or never will be.
    pub(super) fn pop(&mut self) {
        self.waiting.pop_front();
        (self.failures, self.next_attempt) = (0, None);
    }

    /// Postpones the oldest profile after a failed attempt, by `share` of the pause.
    pub(super) fn postpone(&mut self, now: Instant, share: f64) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.next_attempt = Some(now + pause.mul_f64(share));
    }

    /// Drops all profiles and returns their number.
    pub(super) fn give_up(&mut self) -> u64 {
        let lost = self.len();
        self.waiting.clear();
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::windows::Kind;
    use super::*;

    fn profile(n: u8, bytes: usize) -> Profile {
        Profile { kind: Kind::Cpu, from_unix_ns: 0, until_unix_ns: 0, body: vec![n; bytes] }
    }

    #[test]
    fn the_oldest_go_first_and_are_lost_first() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        assert_eq!(backlog.next_attempt(start), None);
        assert_eq!((1..=8).map(|n| backlog.add(profile(n, 1 << 20), start)).sum::<u64>(), 0);
        assert_eq!(backlog.add(profile(9, 1), start), 1, "beyond 8 MiB");
        assert_eq!(backlog.oldest().unwrap().body[0], 2);
        let late = start + LONGEST + Duration::from_millis(1);
        assert_eq!(backlog.add(profile(10, 1), late), 8, "too old");
        assert_eq!((backlog.oldest().unwrap().body[0], backlog.len()), (10, 1));
        assert_eq!((backlog.give_up(), backlog.len()), (1, 0));
        assert_eq!(backlog.add(profile(1, MOST_BYTES + 1), start), 1, "too large by itself");
    }

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        backlog.add(profile(1, 1), start);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            backlog.postpone(start, 1.0);
            pauses.push(backlog.next_attempt(start).unwrap().duration_since(start).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        backlog.add(profile(2, 1), start);
        backlog.pop();
        assert_eq!(backlog.next_attempt(start), Some(start));
    }
}
