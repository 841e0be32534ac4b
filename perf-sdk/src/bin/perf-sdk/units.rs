//! Numbers for people, as the pages of the endpoint have them.

/// Three significant digits of nanoseconds.
pub(crate) fn time(ns: f64) -> String {
    let size = ns.abs();
    let (by, unit) = match size {
        _ if size < 1e3 => return format!("{ns:.0} ns"),
        _ if size < 1e6 => (1e3, "µs"),
        _ if size < 1e9 => (1e6, "ms"),
        _ if size < 6e11 => (1e9, "s"),
        _ if size < 3.6e13 => (6e10, "min"),
        _ if size < 1.728e14 => (3.6e12, "h"),
        _ => (8.64e13, "days"),
    };
    format!("{} {unit}", digits(ns / by))
}

/// Bytes with a binary unit.
pub(crate) fn bytes(n: f64) -> String {
    let size = n.abs();
    let (by, unit) = match size {
        _ if size < 1024.0 => return format!("{n:.0} B"),
        _ if size < 1_048_576.0 => (1024.0, "KiB"),
        _ if size < 1_073_741_824.0 => (1_048_576.0, "MiB"),
        _ => (1_073_741_824.0, "GiB"),
    };
    format!("{} {unit}", digits(n / by))
}

/// Three significant digits, without an exponent.
pub(crate) fn digits(n: f64) -> String {
    let decimals = match n.abs() {
        0.0 => 0,
        size if size < 0.01 => 4,
        size if size < 0.1 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{n:.decimals$}")
}

/// A number of things: `12`, `1234`, `5.68 M`.
pub(crate) fn count(n: f64) -> String {
    let size = n.abs();
    match size {
        _ if size < 1e5 => format!("{n:.0}"),
        _ if size < 1e6 => format!("{} k", digits(n / 1e3)),
        _ if size < 1e9 => format!("{} M", digits(n / 1e6)),
        _ => format!("{} G", digits(n / 1e9)),
    }
}

/// A rate: small ones have digits behind the point.
pub(crate) fn rate(n: f64) -> String {
    if n.abs() < 100.0 { digits(n) } else { count(n) }
}

/// A share of 1 as a percentage.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", digits(share * 100.0))
}

/// A value in the unit of a reading: `seconds`, `bytes`, `ratio`, `hertz`, `count`; of a counter
/// per second.
pub(crate) fn reading(value: f64, unit: &str, is_counter: bool) -> String {
    let shown = match unit {
        "seconds" => time(value * 1e9),
        "bytes" => bytes(value),
        "ratio" => percent(value),
        "hertz" => format!("{} Hz", count(value)),
        _ => rate(value),
    };
    if is_counter { format!("{shown}/s") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        assert_eq!((time(999.0), time(1_234.0), time(-2e9)), ("999 ns".into(), "1.23 µs".into(), "-2.00 s".into()));
        assert_eq!((bytes(1_536.0), bytes(-5.0)), ("1.50 KiB".into(), "-5 B".into()));
        assert_eq!(
            (count(12_345.0), count(123_456.0), count(5_678_000.0)),
            ("12345".into(), "123 k".into(), "5.68 M".into())
        );
        assert_eq!((rate(0.5), rate(250.0), percent(0.123)), ("0.50".into(), "250".into(), "12.3 %".into()));
        assert_eq!(reading(0.5, "seconds", true), "500 ms/s");
        assert_eq!((digits(0.0), digits(0.012_34), digits(0.004)), ("0".into(), "0.012".into(), "0.0040".into()));
    }
}
