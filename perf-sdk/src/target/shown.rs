//! Values as text.

use std::time::Duration;

use crate::base::units;
use crate::expression::Dimension;

/// With three significant digits or so, and a unit. A rate has that of its limit, which is text such
/// as `< 3/min`, or else the one in which it is a number of some size.
pub(crate) fn value(value: f64, dimension: Dimension, limit: &str) -> String {
    match dimension {
        Dimension::Time => units::time(value * 1e9),
        Dimension::Bytes => units::bytes(value),
        Dimension::Ratio => percent(value),
        Dimension::Count => number(value),
        Dimension::Rate if limit.contains("/min") => format!("{}/min", number(value * 60.0)),
        Dimension::Rate if limit.contains("/h") => format!("{}/h", number(value * 3_600.0)),
        Dimension::ByteRate if limit.contains("/min") => format!("{}/min", units::bytes(value * 60.0)),
        Dimension::ByteRate if limit.contains("/h") => format!("{}/h", units::bytes(value * 3_600.0)),
        Dimension::Rate => match value.abs() {
            size if size == 0.0 || size >= 1.0 => format!("{}/s", number(value)),
            size if size * 60.0 >= 1.0 => format!("{}/min", number(value * 60.0)),
            _ => format!("{}/h", number(value * 3_600.0)),
        },
        Dimension::ByteRate => format!("{}/s", units::bytes(value)),
    }
}

pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = if percent != 0.0 && percent.abs() < 1.0 { 3 } else { 1 };
    format!("{percent:.decimals$}%")
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1_000.0 { units::count(value) } else { format!("{value:.2}") }
}

/// In the largest unit of the language of which it has at least one, rounded: `5m`, `1.5h`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let units = [("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0)];
    match units.into_iter().find(|(_, length)| seconds >= *length) {
        Some((unit, length)) => format!("{}{unit}", (seconds / length * 10.0).round() / 10.0),
        None => units::time(seconds * 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_unit_of_their_dimension() {
        for (number, dimension, shown) in [
            (0.0871, Dimension::Time, "87.1 ms"),
            (104_857_600.0, Dimension::Bytes, "100.0 MiB"),
            (0.916, Dimension::Ratio, "91.6%"),
            (0.0012, Dimension::Ratio, "0.120%"),
            (0.0, Dimension::Ratio, "0.0%"),
            (12.0, Dimension::Count, "12"),
            (3.25, Dimension::Count, "3.25"),
            (0.0, Dimension::Rate, "0/s"),
            (150.0, Dimension::Rate, "150/s"),
            (0.5, Dimension::Rate, "30/min"),
            (0.001, Dimension::Rate, "3.60/h"),
            (1_048_576.0, Dimension::ByteRate, "1.0 MiB/s"),
        ] {
            assert_eq!(value(number, dimension, "< 7"), shown);
        }
        assert_eq!(value(3.755, Dimension::Rate, "< 3/min"), "225.30/min");
        assert_eq!(value(0.1, Dimension::Rate, "> 1/h"), "360/h");
        assert_eq!(value(1_048_576.0, Dimension::ByteRate, "< 9MiB/min"), "60.0 MiB/min");
        for (seconds, shown) in
            [(300.0, "5m"), (5_400.0, "1.5h"), (2_592_000.0, "30d"), (70.0, "1.2m"), (0.5, "500 ms")]
        {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), shown);
        }
    }
}
