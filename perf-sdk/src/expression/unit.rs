//! Numbers with units.

use std::fmt;
use std::time::Duration;

/// What is counted or measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// In seconds.
    Time,
    Bytes,
    /// A share: the whole is 1.
    Ratio,
    /// A number of things or events.
    Count,
    /// Events per second.
    Rate,
    /// Bytes per second.
    ByteRate,
}

impl Dimension {
    /// `a time`, `a size`, …
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Time => "a time",
            Self::Bytes => "a size",
            Self::Ratio => "a share",
            Self::Count => "a number",
            Self::Rate => "a rate",
            Self::ByteRate => "a rate of bytes",
        }
    }

    /// The units in which it is written, as a phrase for messages and documents.
    pub(crate) fn units(self) -> &'static str {
        match self {
            Self::Time => "a number with ns, us, ms, s, m, h or d, such as 100ms",
            Self::Bytes => "a number with B, KiB, MiB, GiB, kB, MB or GB, such as 100MiB",
            Self::Ratio => "a percentage, such as 90%",
            Self::Count => "a number without a unit, such as 500",
            Self::Rate => "a number with /s, /min or /h, such as 100/s",
            Self::ByteRate => "a size with /s, /min or /h, such as 10MiB/s",
        }
    }

    /// The dimension of a reading, by its name: readings are named with their unit.
    pub(crate) fn of_reading(name: &str) -> Self {
        let name = name.strip_suffix("_total").unwrap_or(name);
        match name.rsplit('_').next() {
            Some("seconds") => Self::Time,
            Some("bytes") => Self::Bytes,
            Some("ratio") => Self::Ratio,
            Some("hertz") => Self::Rate,
            _ => Self::Count,
        }
    }

    /// The growth of something in a unit of time. A time's growth in time is a share.
    pub(crate) fn per_time(self) -> Self {
        match self {
            Self::Time => Self::Ratio,
            Self::Bytes => Self::ByteRate,
            _ => Self::Rate,
        }
    }
}

/// A name of a unit.
#[derive(Debug, PartialEq)]
pub(crate) struct Unit {
    /// As it is printed.
    symbol: &'static str,
    dimension: Dimension,
    /// Numbers are multiplied by this, and divided by the next: so hundredths and milliseconds are
    /// rounded once.
    times: f64,
    by: f64,
}

const fn unit(symbol: &'static str, dimension: Dimension, times: f64, by: f64) -> Unit {
    Unit { symbol, dimension, times, by }
}

static UNITS: &[Unit] = &[
    unit("ns", Dimension::Time, 1.0, 1e9),
    unit("us", Dimension::Time, 1.0, 1e6),
    unit("ms", Dimension::Time, 1.0, 1e3),
    unit("s", Dimension::Time, 1.0, 1.0),
    unit("m", Dimension::Time, 60.0, 1.0),
    unit("h", Dimension::Time, 3_600.0, 1.0),
    unit("d", Dimension::Time, 86_400.0, 1.0),
    unit("B", Dimension::Bytes, 1.0, 1.0),
    unit("KiB", Dimension::Bytes, 1_024.0, 1.0),
    unit("MiB", Dimension::Bytes, 1_048_576.0, 1.0),
    unit("GiB", Dimension::Bytes, 1_073_741_824.0, 1.0),
    unit("kB", Dimension::Bytes, 1e3, 1.0),
    unit("MB", Dimension::Bytes, 1e6, 1.0),
    unit("GB", Dimension::Bytes, 1e9, 1.0),
    unit("%", Dimension::Ratio, 1.0, 100.0),
];

/// Other spellings. The micro sign and the Greek letter look the same.
const SPELLINGS: &[(&str, &str)] = &[("µs", "us"), ("μs", "us"), ("min", "m")];

/// Units of time below a `/`, and their seconds.
static PERIODS: &[(&str, f64)] = &[("s", 1.0), ("min", 60.0), ("h", 3_600.0)];

impl Unit {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        let name = SPELLINGS.iter().find(|(other, _)| *other == name).map_or(name, |(_, symbol)| symbol);
        UNITS.iter().find(|unit| unit.symbol == name)
    }

    /// All symbols, for messages.
    pub(crate) fn all() -> String {
        let symbols: Vec<&str> = UNITS.iter().map(|unit| unit.symbol).collect();
        format!("a unit: {}, or /s, /min or /h after it", symbols.join(", "))
    }
}

/// A number with a unit, as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantity {
    number: f64,
    unit: Option<&'static Unit>,
    /// The unit of time, and its seconds.
    per: Option<&'static (&'static str, f64)>,
}

impl Quantity {
    /// `None` if the number is not finite in base units.
    pub(super) fn new(number: f64, unit: Option<&'static Unit>, per: Option<&str>) -> Option<Self> {
        let per = match per {
            Some(name) => Some(PERIODS.iter().find(|(known, _)| *known == name || (*known == "min" && name == "m"))?),
            None => None,
        };
        let quantity = Self { number, unit, per };
        quantity.value().is_finite().then_some(quantity)
    }

    /// In seconds, bytes, shares of 1, or things; or in these per second.
    pub(crate) fn value(self) -> f64 {
        let value = self.unit.map_or(self.number, |unit| self.number * unit.times / unit.by);
        self.per.map_or(value, |(_, seconds)| value / seconds)
    }

    /// `None` for a unit that has none, such as `ms/s`.
    pub(crate) fn dimension(self) -> Option<Dimension> {
        let dimension = self.unit.map_or(Dimension::Count, |unit| unit.dimension);
        match (self.per, dimension) {
            (None, _) => Some(dimension),
            (Some(_), Dimension::Count) => Some(Dimension::Rate),
            (Some(_), Dimension::Bytes) => Some(Dimension::ByteRate),
            (Some(_), _) => None,
        }
    }

    /// A time from a nanosecond to some hundred years.
    pub(crate) fn duration(self) -> Option<Duration> {
        let is_time = self.dimension() == Some(Dimension::Time) && (1e-9..1e10).contains(&self.value());
        is_time.then(|| Duration::try_from_secs_f64(self.value()).ok()).flatten()
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit.map_or("", |unit| unit.symbol))?;
        self.per.map_or(Ok(()), |(name, _)| write!(f, "/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_at_most_once() {
        for (number, unit, per, value, shown) in [
            (100.0, Some("ms"), None, 0.1, "100ms"),
            (7.0, Some("%"), None, 0.07, "7%"),
            (99.9, Some("%"), None, 0.999, "99.9%"),
            (250.0, Some("µs"), None, 250e-6, "250us"),
            (5.0, Some("min"), None, 300.0, "5m"),
            (100.0, Some("MiB"), None, 104_857_600.0, "100MiB"),
            (100.0, Some("MB"), None, 1e8, "100MB"),
            (1.0, None, Some("min"), 1.0 / 60.0, "1/min"),
            (10.0, Some("kB"), Some("h"), 1e4 / 3_600.0, "10kB/h"),
            (500.0, None, None, 500.0, "500"),
        ] {
            let unit = unit.map(|name| Unit::named(name).unwrap());
            let quantity = Quantity::new(number, unit, per).unwrap();
            assert!((quantity.value() / value - 1.0).abs() <= f64::EPSILON, "{shown}: {}", quantity.value());
            assert_eq!(quantity.to_string(), shown);
        }
        assert_eq!(Quantity::new(1e308, Unit::named("GiB"), None), None, "infinite");
        assert_eq!(Quantity::new(1.0, Unit::named("ms"), Some("s")).unwrap().dimension(), None);
    }

    #[test]
    fn readings_have_their_unit_in_their_name() {
        for (name, dimension) in [
            ("process_resident_memory_bytes", Dimension::Bytes),
            ("process_cpu_seconds_total", Dimension::Time),
            ("process_open_fds", Dimension::Count),
            ("node_load1", Dimension::Count),
            ("perf_health_ratio", Dimension::Ratio),
        ] {
            assert_eq!(Dimension::of_reading(name), dimension, "{name}");
        }
    }
}
