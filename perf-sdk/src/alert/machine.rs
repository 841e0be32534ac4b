//! The states of one alert: pure. Time is in seconds since any moment, and never goes back.

use std::time::Duration;

use super::state::{AlertChange, AlertPhase};
use crate::detect::Recent;

/// The share of the moments of `for` in which the condition must hold.
const MOST_OF_THE_TIME: f64 = 0.8;

/// What fires and is not known any more, such as a quantile of too few calls, or after a restart,
/// goes on for this time: "over" would be a guess.
const UNKNOWN_FOR: u64 = 900;

/// The times of a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// For how long it must be so.
    pub(super) hold: Duration,
    /// For how long it must not be so any more.
    pub(super) keep: Duration,
    /// After which time of firing it is worse.
    pub(super) worse: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    phase: AlertPhase,
    recent: Recent,
    /// Since when it is pending.
    pending_since: u64,
    /// Since when it fires.
    fired_at: u64,
    /// When it was so last.
    so_at: u64,
    is_worse: bool,
}

impl Machine {
    /// One that fired before the program was started anew.
    pub(super) fn restored(now: u64, fired_for: u64, is_worse: bool) -> Self {
        let fired_at = now.saturating_sub(fired_for);
        Self { phase: AlertPhase::CoolingDown, fired_at, so_at: now, is_worse, ..Self::default() }
    }

    pub(super) fn phase(&self) -> AlertPhase {
        self.phase
    }

    /// Since when it is pending or fires.
    pub(super) fn since(&self) -> u64 {
        if self.phase == AlertPhase::Pending { self.pending_since } else { self.fired_at }
    }

    pub(super) fn is_worse(&self) -> bool {
        self.is_worse
    }

    /// The next moment. A condition of which nothing is known (`None`) does not make it fire, and
    /// does not soon end it.
    pub(super) fn turn(&mut self, now: u64, is_so: Option<bool>, times: Times) -> Option<AlertChange> {
        let hold = times.hold.as_secs();
        if self.phase.is_active() {
            return self.go_on(now, is_so, times);
        }
        let is_so = is_so == Some(true);
        self.recent.add(now, is_so, hold);
        if !is_so && !self.recent.any() {
            self.phase = AlertPhase::Inactive;
            return None;
        }
        if self.recent.holds(hold, MOST_OF_THE_TIME) {
            self.phase = AlertPhase::Firing;
            (self.fired_at, self.so_at, self.is_worse) = (now, now, false);
            self.recent.clear();
            return Some(AlertChange::Fired);
        }
        if self.phase == AlertPhase::Inactive && is_so {
            (self.phase, self.pending_since) = (AlertPhase::Pending, now);
        }
        None
    }

    /// While it fires, or cools down.
    fn go_on(&mut self, now: u64, is_so: Option<bool>, times: Times) -> Option<AlertChange> {
        if is_so == Some(true) {
            (self.phase, self.so_at) = (AlertPhase::Firing, now);
            let is_worse = times.worse.is_some_and(|worse| now - self.fired_at >= worse.as_secs());
            let is_new = is_worse && !self.is_worse;
            self.is_worse |= is_worse;
            return is_new.then_some(AlertChange::Escalated);
        }
        self.phase = AlertPhase::CoolingDown;
        let keep = times.keep.as_secs();
        if now - self.so_at < if is_so.is_none() { keep.max(UNKNOWN_FOR) } else { keep } {
            return None;
        }
        self.phase = AlertPhase::Inactive;
        Some(AlertChange::Resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(hold: u64, keep: u64, worse: Option<u64>) -> Times {
        let [hold, keep] = [hold, keep].map(Duration::from_secs);
        Times { hold, keep, worse: worse.map(Duration::from_secs) }
    }

    /// `x`: it is so, `?`: nobody knows.
    fn is_so(letter: u8) -> Option<bool> {
        (letter != b'?').then_some(letter == b'x')
    }

    /// One letter a second. Returns the phases, and the changes.
    fn play(said: &str, times: Times) -> (String, Vec<(usize, AlertChange)>) {
        let mut machine = Machine::default();
        let (mut phases, mut changes) = (String::new(), Vec::new());
        for (at, letter) in said.bytes().enumerate() {
            changes.extend(machine.turn(1_000 + at as u64, is_so(letter), times).map(|change| (at, change)));
            phases.push(match machine.phase() {
                AlertPhase::Inactive => '.',
                AlertPhase::Pending => 'p',
                AlertPhase::Firing => 'F',
                AlertPhase::CoolingDown => 'c',
            });
        }
        (phases, changes)
    }

    #[test]
    fn it_is_pending_fires_cools_down_and_is_over() {
        use AlertChange::{Escalated, Fired, Resolved};
        for (said, phases, times, changes) in [
            ("..xx..", "..FFcc", times(0, 9, None), vec![(2, Fired)]),
            ("x....", "Fcc..", times(0, 3, None), vec![(0, Fired), (3, Resolved)]),
            ("xxxxx....", "ppppFcc..", times(4, 3, None), vec![(4, Fired), (7, Resolved)]),
            ("xx.xx....", "ppppFcc..", times(4, 3, None), vec![(4, Fired), (7, Resolved)]),
            ("xx......", "pppppp..", times(4, 3, None), vec![]),
            ("x.x.x.x.x", "FcFcFcFcF", times(0, 9, None), vec![(0, Fired)]),
            ("xxxxxx", "FFFFFF", times(0, 1, Some(3)), vec![(0, Fired), (3, Escalated)]),
            ("x?????.", "Fccccc.", times(0, 2, None), vec![(0, Fired), (6, Resolved)]),
            ("??xx??", "..pppp", times(4, 2, None), vec![]),
            ("x..x...", "FccFcc.", times(0, 3, None), vec![(0, Fired), (6, Resolved)]),
        ] {
            let (played, found) = play(said, times);
            assert_eq!((played.as_str(), found), (phases, changes), "{said}");
        }
    }

    #[test]
    fn one_that_fired_before_a_restart_goes_on_or_is_over() {
        let mut machine = Machine::restored(5_000, 600, false);
        assert_eq!((machine.phase(), machine.since()), (AlertPhase::CoolingDown, 4_400));
        assert_eq!(machine.turn(5_001, Some(true), times(30, 60, None)), None, "nobody is told again");
        assert_eq!(machine.phase(), AlertPhase::Firing);
        let mut machine = Machine::restored(5_000, 600, true);
        assert_eq!(machine.turn(5_070, None, times(30, 60, None)), None, "nobody knows yet");
        let mut machine = Machine::restored(5_000, 600, true);
        assert_eq!(machine.turn(5_059, Some(false), times(30, 60, None)), None);
        assert_eq!(machine.turn(5_060, Some(false), times(30, 60, None)), Some(AlertChange::Resolved));
    }
}
