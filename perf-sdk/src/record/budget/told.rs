//! Tells those who read events which rates the budget changed.

use crate::event::{self, Event, RateChange, RateChanges};
use crate::scope::Site;

/// A rate is told again when it usually is this many times higher or lower than it was told last:
/// other changes alter no reading of a chart, and under load there is one nearly each second.
const WORTH_TELLING: u32 = 4;
/// What is usual follows the rates of about so many evaluations.
const USUALLY: f32 = 16.0;
/// It comes as close as this, as a logarithm, and stays short of a rate for long.
const SHORT: f32 = 0.25;
/// A rate that is further from what is usual does not stay.
const STAYS: f32 = 1.6;
/// The number of rates that one event names.
const MOST_TOLD: usize = 20;

/// What readers know of the rate of a site.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    one_in: u32,
    /// Usual rates lately, as a logarithm. One that goes to and fro is not told each time.
    usual: f32,
}

impl Known {
    pub(super) fn new(one_in: u32) -> Self {
        Self { one_in, usual: (one_in.max(1) as f32).log2() }
    }

    /// Takes the rate after an evaluation. Returns the rate that was told before if this one is to
    /// be told.
    fn changed(&mut self, now: u32) -> Option<u32> {
        let level = |one_in: u32| (one_in.max(1) as f32).log2();
        self.usual += (level(now) - self.usual) / USUALLY;
        let from_known = |usual: f32| (usual - level(self.one_in)).abs();
        let before = self.one_in;
        let is_much = from_known(level(now)) >= level(WORTH_TELLING);
        let is_usual = from_known(self.usual) >= level(WORTH_TELLING) - SHORT;
        let stays = (level(now) - self.usual).abs() <= STAYS;
        (is_much && is_usual && stays).then(|| {
            *self = Self::new(now);
            before
        })
    }
}

/// An event that is being put together. Nothing is, while nobody listens.
#[derive(Debug)]
pub(super) struct Telling(Option<RateChanges>);

impl Telling {
    pub(super) fn begin() -> Self {
        Self(event::is_listened().then(RateChanges::default))
    }

    /// The budget allows this rate. Who begins to listen knows the present one.
    pub(super) fn rate(&mut self, site: &'static Site, known: &mut Known, now: u32) {
        if self.0.is_none() {
            *known = Known::new(now);
        } else if let Some(before) = known.changed(now) {
            self.note(site, before, now, false);
        }
    }

    /// A site began to rest, or to be counted again.
    pub(super) fn rest(&mut self, site: &'static Site, rests: bool) {
        let rate = site.rate();
        let (before, now) = if rests { (rate, 0) } else { (0, rate) };
        self.note(site, before, now, rests);
    }

    fn note(&mut self, site: &'static Site, before: u32, now: u32, rests: bool) {
        let Some(told) = &mut self.0 else { return };
        if told.changes.len() == MOST_TOLD {
            told.further += 1;
            return;
        }
        let function = site.label().name.clone();
        told.changes.push(RateChange { function, before: Some(before), now: Some(now), rests });
    }

    pub(super) fn end(self) {
        if let Some(told) = self.0.filter(|told| !told.changes.is_empty()) {
            event::emit(|| Event::Rates(RateChanges { by: "budget".to_owned(), ..told }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(rates: impl IntoIterator<Item = u32>) -> Vec<(u32, u32)> {
        let mut known = Known::new(1);
        rates.into_iter().filter_map(|now| Some((known.changed(now)?, now))).collect()
    }

    #[test]
    fn rates_that_go_to_and_fro_are_told_a_few_times_at_most() {
        let often = |rates: &[u32]| told(rates.iter().copied().cycle().take(1_000));
        assert_eq!(often(&[1, 8, 8, 1, 2]), []);
        assert_eq!(often(&[1, 1_024]), []);
        assert_eq!([often(&[2, 16, 8, 1, 4]).len(), often(&[1, 16, 16]).len()], [1, 1]);
    }

    #[test]
    fn a_rate_that_stays_is_told_once() {
        assert_eq!(told(std::iter::repeat_n(4_096, 100)), [(1, 4_096)]);
        let there_and_back = std::iter::repeat_n(8, 100).chain(std::iter::repeat_n(1, 100));
        assert_eq!(told(there_and_back), [(1, 8), (8, 1)]);
        assert_eq!(told(std::iter::repeat_n(2, 1_000)), []);
        let creeping = [2, 4, 8, 16, 32].into_iter().flat_map(|one_in| std::iter::repeat_n(one_in, 50));
        assert_eq!(told(creeping), [(1, 4), (4, 16)]);
    }
}
