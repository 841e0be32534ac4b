//! k of the last n.

use std::collections::VecDeque;

/// The maximum number that is remembered.
const MOST: usize = 4_096;

/// What was so at the latest moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recent {
    /// The latest comes last. Each with its moment.
    all: VecDeque<(u64, bool)>,
}

impl Recent {
    /// Adds a moment, and forgets those of `length` and more before it, but for the first of them,
    /// which tells that the whole length is known.
    pub(crate) fn add(&mut self, moment: u64, is_so: bool, length: u64) {
        self.all.push_back((moment, is_so));
        let begin = moment.saturating_sub(length);
        while self.all.get(1).is_some_and(|(second, _)| *second <= begin) || self.all.len() > MOST {
            self.all.pop_front();
        }
    }

    /// Forgets all of it, as when a clock jumps.
    pub(crate) fn clear(&mut self) {
        self.all.clear();
    }

    /// Whether it was so at one of the moments.
    pub(crate) fn any(&self) -> bool {
        self.all.iter().any(|(_, is_so)| *is_so)
    }

    /// Whether it was so at the latest moment, and at this share of those of the last `length`, all
    /// of which is known.
    pub(crate) fn holds(&self, length: u64, share: f64) -> bool {
        let (Some((first, _)), Some((last, true))) = (self.all.front(), self.all.back()) else { return false };
        if last - first < length {
            return false;
        }
        let begin = last - length;
        let (mut so, mut all) = (0.0, 0.0);
        for (_, is_so) in self.all.iter().filter(|(moment, _)| *moment >= begin) {
            so += f64::from(u8::from(*is_so));
            all += 1.0;
        }
        so >= share * all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: &str, length: u64) -> Recent {
        let mut recent = Recent::default();
        said.bytes().zip(100..).for_each(|(byte, moment)| recent.add(moment, byte == b'x', length));
        recent
    }

    #[test]
    fn most_of_the_time_and_the_latest_moment_count() {
        for (said, holds) in [
            ("", false),
            ("xxxx", false),
            ("xxxxx", true),
            ("....xxxxx", true),
            ("x.xxx", true),
            ("xx..xx", false),
            ("xxxx.", false),
            ("..xxx", false),
        ] {
            assert_eq!(of(said, 4).holds(4, 0.8), holds, "{said}");
        }
        assert!(of("x", 0).holds(0, 0.8) && !of(".", 0).holds(0, 0.8));
    }

    #[test]
    fn it_is_bounded() {
        let mut recent = Recent::default();
        (0..10_000).for_each(|moment| recent.add(moment, true, 100));
        assert!(recent.all.len() <= 102, "{}", recent.all.len());
        (10_000..30_000).for_each(|moment| recent.add(moment, true, u64::MAX));
        assert_eq!(recent.all.len(), MOST);
        recent.clear();
        assert!(!recent.holds(0, 0.0));
    }
}
