//! Formats numbers for display.

/// Formats nanoseconds with three significant digits and a unit.
pub(crate) fn time(ns: f64) -> String {
    let size = ns.abs();
    match size {
        _ if size < 1e3 => format!("{ns:.0} ns"),
        _ if size < 1e6 => format!("{:.*} µs", decimals(size / 1e3), ns / 1e3),
        _ if size < 1e9 => format!("{:.*} ms", decimals(size / 1e6), ns / 1e6),
        _ if size < 6e11 => format!("{:.*} s", decimals(size / 1e9), ns / 1e9),
        _ if size < 3.6e13 => format!("{:.*} min", decimals(size / 6e10), ns / 6e10),
        _ if size < 1.728e14 => format!("{:.*} h", decimals(size / 3.6e12), ns / 3.6e12),
        _ => format!("{:.*} days", decimals(size / 8.64e13), ns / 8.64e13),
    }
}

/// Formats bytes with a binary unit.
pub(crate) fn bytes(n: f64) -> String {
    match n {
        _ if n < 1024.0 => format!("{n:.0} B"),
        _ if n < 1_048_576.0 => format!("{:.1} KiB", n / 1024.0),
        _ if n < 1_073_741_824.0 => format!("{:.1} MiB", n / 1_048_576.0),
        _ => format!("{:.2} GiB", n / 1_073_741_824.0),
    }
}

/// Formats a whole number with a thousands separator.
pub(crate) fn count(n: f64) -> String {
    let digits = format!("{n:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digit.is_ascii_digit() {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of things, such as `1 poll` and `2 polls`.
#[cfg_attr(not(feature = "serve"), allow(dead_code))]
pub(crate) fn counted(n: usize, one: &str) -> String {
    format!("{} {one}{}", count(n as f64), if n == 1 { "" } else { "s" })
}

fn decimals(n: f64) -> usize {
    match n {
        _ if n < 10.0 => 2,
        _ if n < 100.0 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_with_units_and_separators() {
        assert_eq!(time(999.0), "999 ns");
        assert_eq!(time(1_234.0), "1.23 µs");
        assert_eq!(time(56_780_000.0), "56.8 ms");
        assert_eq!(time(-2_000_000_000.0), "-2.00 s");
        assert_eq!(time(1_800e9), "30.0 min");
        assert_eq!(time(86_400e9), "24.0 h");
        assert_eq!(time(14.0 * 86_400e9), "14.0 days");
        assert_eq!(count(1_234_567.0), "1\u{202f}234\u{202f}567");
        assert_eq!(bytes(1_536.0), "1.5 KiB");
    }
}
