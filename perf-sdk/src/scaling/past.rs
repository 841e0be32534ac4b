//! What a rule's metric was, every ten minutes.

use std::collections::VecDeque;

use super::forecast::{Forecast, STEP_SECONDS, forecast};

/// Two weeks, and the day before.
const MOST: usize = 15 * 86_400 / STEP_SECONDS as usize;
/// Points that are asked for at once.
const AT_ONCE: usize = 12;

/// The means of ten minutes each, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Past {
    points: VecDeque<Option<f64>>,
    /// The number of the ten minutes after the latest, counted from 1970. 0 at first.
    next: u64,
    /// The time before the first point is known no better.
    is_complete: bool,
    latest: Option<Forecast>,
}

impl Past {
    /// Adds what came since, and some of what was before, as `mean` knows them: it is asked for the
    /// ten minutes that end at a second since 1970. Returns the forecast of half an hour ahead,
    /// which is made anew every ten minutes.
    pub(crate) fn look(&mut self, second: u64, mean: &mut impl FnMut(u64) -> Option<f64>) -> Option<Forecast> {
        let now = second / STEP_SECONDS;
        let at = |number: u64| (number + 1) * STEP_SECONDS;
        if self.next == 0 || now > self.next + MOST as u64 || now + 1 < self.next {
            *self = Self { next: now, ..Self::default() };
        }
        let mut is_new = false;
        let mut left = AT_ONCE;
        while self.next < now && left > 0 {
            self.points.push_back(mean(at(self.next)));
            self.next += 1;
            left -= 1;
            is_new = true;
        }
        for _ in 0..left {
            let first = self.next.saturating_sub(self.points.len() as u64);
            if self.is_complete || self.points.len() >= MOST || first == 0 {
                break;
            }
            // A gap of a day is the beginning.
            let point = mean(at(first - 1));
            self.points.push_front(point);
            self.is_complete = self.points.iter().take(144).all(Option::is_none) && self.points.len() >= 144;
            is_new = true;
        }
        while self.points.len() > MOST {
            self.points.pop_front();
        }
        if self.next < now {
            // What it knows is old.
            self.latest = None;
        } else if is_new {
            self.latest = forecast(self.points.make_contiguous());
        }
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_is_asked_for_once() {
        let (mut past, mut asked) = (Past::default(), Vec::new());
        let start = 2_000 * STEP_SECONDS;
        for second in (start..start + 3_600 * 24).step_by(15) {
            past.look(second, &mut |end| {
                asked.push(end);
                (end > 1_500 * STEP_SECONDS).then_some(1.0)
            });
        }
        let number = asked.len();
        asked.sort_unstable();
        asked.dedup();
        assert_eq!(asked.len(), number, "no ten minutes are asked for twice");
        // 500 known, those that came in a day, and a day of nothing.
        assert!((700..900).contains(&number), "{number}");
        assert!(past.points.len() <= MOST);
        // A clock that was set begins anew.
        past.look(start / 8, &mut |_| None);
        assert!(past.points.len() <= AT_ONCE, "{}", past.points.len());
    }
}
