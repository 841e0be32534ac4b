//! Whether the machine can afford an action.

use std::time::Duration;

use crate::expression::Aggregate;
use crate::target::{Figures, Window};

/// In which time, of which so much must be known.
const LATELY: Duration = Duration::from_secs(10);
const LEAST: Duration = Duration::from_secs(4);
/// For this share of it nothing of the program went on.
const MOST: f64 = 0.8;

/// Time in which all threads waited, and for what.
const STALLS: [(&str, &str); 3] = [
    ("container_pressure_cpu_stalled_seconds_total", "a processor"),
    ("container_pressure_memory_stalled_seconds_total", "memory"),
    ("node_pressure_memory_stalled_seconds_total", "memory"),
];

/// Why nothing should be begun now. `None` if nothing is against it, or nothing is known.
pub(crate) fn too_busy(figures: &dyn Figures, at_unix_ns: u64) -> Option<String> {
    let window = Window { at_unix_ns, length: LATELY };
    STALLS.iter().find_map(|(name, what)| {
        let grown = figures.reading(name, &[], Aggregate::Growth, window).ok()?;
        if grown.covered < LEAST {
            return None;
        }
        let share = grown.value / grown.covered.as_secs_f64();
        let percent = 100.0 * share.min(1.0);
        (share > MOST).then(|| format!("all threads waited for {what} for {percent:.0} % of the last {LATELY:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::CallFigure;
    use crate::target::{Figure, Missing};

    /// The stalled seconds of memory, and the time that is known.
    struct Stalled(f64, u64);

    impl Figures for Stalled {
        fn calls(&self, _: &str, _: CallFigure, _: Window) -> Result<Figure, Missing> {
            Err(Missing::Unknown)
        }

        fn reading(&self, name: &str, _: &[(String, String)], _: Aggregate, _: Window) -> Result<Figure, Missing> {
            let covered = Duration::from_secs(self.1);
            let figure = Figure { value: self.0, events: 10, covered };
            if name.starts_with("container_pressure_memory") { Ok(figure) } else { Err(Missing::Unknown) }
        }
    }

    #[test]
    fn a_machine_on_which_nothing_goes_on_is_busy() {
        let said = |seconds, covered| too_busy(&Stalled(seconds, covered), 1);
        assert_eq!(said(9.0, 10).as_deref(), Some("all threads waited for memory for 90 % of the last 10s"));
        assert_eq!((said(7.9, 10), said(3.0, 3)), (None, None));
    }
}
