//! Numbers of a comparison for people.

use crate::gate::verdict::{Comparison, Tier, Verdict};
use crate::units::time;

/// A count as it is, a time in its unit.
fn value(comparison: &Comparison, value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(ns) if comparison.figure == "wall ns" => time(ns),
        Some(count) if count == count.trunc() || comparison.figure != "instructions" => count.to_string(),
        Some(count) => format!("{count:.1}"),
    }
}

pub(super) fn base(comparison: &Comparison) -> String {
    value(comparison, comparison.base)
}

pub(super) fn head(comparison: &Comparison) -> String {
    value(comparison, comparison.head)
}

/// The change, with its interval.
pub(super) fn change(comparison: &Comparison) -> String {
    let percent = |part: f64| format!("{:+.2} %", part * 100.0);
    match (comparison.change, comparison.interval) {
        (None, _) => "–".to_owned(),
        (Some(change), None) => percent(change),
        (Some(change), Some([lower, upper])) => {
            format!("{} ({} to {})", percent(change), percent(lower), percent(upper))
        }
    }
}

/// What a reader must see: all but what passes, and the whole operation's figures.
pub(super) fn shown(tier: &Tier) -> impl Iterator<Item = &Comparison> {
    tier.comparisons.iter().filter(|comparison| {
        comparison.verdict != Verdict::Pass || comparison.function.is_none() || !comparison.note.is_empty()
    })
}

/// The tier, and whether it decides.
pub(super) fn title(tier: &Tier) -> String {
    if tier.blocks { tier.name.to_owned() } else { format!("{}, advisory", tier.name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_and_times_have_units() {
        let of = |figure, count| base(&Comparison::new("x", figure, Some(count), None));
        assert_eq!(of("allocations", 1.015_625), "1.015625");
        assert_eq!(of("instructions", 12.34), "12.3");
        assert_eq!(of("wall ns", 1_234_567.0), "1.23 ms");
        assert_eq!(of("wall ns", 12.0), "12 ns");
        let mut comparison = Comparison::new("x", "wall ns", Some(100.0), Some(120.0));
        assert_eq!((change(&comparison), head(&comparison)), ("+20.00 %".to_owned(), "120 ns".to_owned()));
        comparison.interval = Some([0.1, 0.3]);
        assert_eq!(change(&comparison), "+20.00 % (+10.00 % to +30.00 %)");
        assert_eq!(change(&Comparison::new("x", "calls", Some(0.0), Some(1.0))), "–");
    }
}
