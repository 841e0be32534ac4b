//! k of the last n.

use std::collections::VecDeque;

/// The number of parts in which a time is remembered: one of several hours is not remembered
/// moment by moment.
const PARTS: u64 = 256;

/// What was so at the latest moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recent {
    /// The latest comes last.
    parts: VecDeque<Part>,
    /// The latest moment, and whether it was so.
    latest: Option<(u64, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    begin: u64,
    moments: u32,
    /// Those at which it was so.
    so: u32,
}

/// The length of a part.
fn width(length: u64) -> u64 {
    (length / PARTS).max(1)
}

impl Recent {
    /// Adds a moment, and forgets those of more than `length` before it, but for the last of them,
    /// which tells that the whole length is known.
    pub(crate) fn add(&mut self, moment: u64, is_so: bool, length: u64) {
        match self.parts.back_mut().filter(|part| moment < part.begin + width(length)) {
            Some(part) => (part.moments, part.so) = (part.moments + 1, part.so + u32::from(is_so)),
            None => self.parts.push_back(Part { begin: moment, moments: 1, so: u32::from(is_so) }),
        }
        self.latest = Some((moment, is_so));
        let begin = moment.saturating_sub(length);
        while self.parts.get(1).is_some_and(|part| part.begin <= begin) {
            self.parts.pop_front();
        }
    }

    /// Forgets all of it.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether it was so at one of the moments.
    pub(crate) fn any(&self) -> bool {
        self.parts.iter().any(|part| part.so > 0)
    }

    /// Whether it was so at the latest moment, and at this share of those of the last `length`, all
    /// of which is known.
    pub(crate) fn holds(&self, length: u64, share: f64) -> bool {
        let (Some(first), Some((last, true))) = (self.parts.front(), self.latest) else { return false };
        if last - first.begin < length {
            return false;
        }
        let begin = last - length;
        let within = self.parts.iter().filter(|part| part.begin + width(length) > begin);
        let (so, moments) =
            within.fold((0.0, 0.0), |(so, moments), part| (so + f64::from(part.so), moments + f64::from(part.moments)));
        so >= share * moments
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
    fn moments_may_be_rare() {
        let mut recent = Recent::default();
        for (moment, is_so, holds) in [
            (0, true, false),
            (7, true, false),
            (14, true, true),
            (21, false, false),
            (28, true, false),
            (60, true, true),
        ] {
            recent.add(moment, is_so, 10);
            assert_eq!(recent.holds(10, 0.8), holds, "{moment}");
        }
    }

    #[test]
    fn days_are_remembered_in_some_parts() {
        const DAYS: u64 = 3 * 86_400;
        let mut recent = Recent::default();
        for moment in 0..2 * DAYS {
            // A tenth of the time it is not so.
            recent.add(moment, moment % 10 != 9, DAYS);
            assert_eq!(recent.holds(DAYS, 0.8), moment >= DAYS && moment % 10 != 9, "{moment}");
        }
        assert!(recent.parts.len() <= PARTS as usize + 2, "{}", recent.parts.len());
        assert!(!recent.holds(DAYS, 0.95));
        recent.add(u64::MAX / 2, true, u64::MAX / 4);
        recent.clear();
        assert!(!recent.holds(0, 0.0) && !recent.any());
    }
}
