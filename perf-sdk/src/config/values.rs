//! How the values of settings are written. Each function gives `None` for what is not allowed.

use std::time::Duration;

use crate::record::Rule;
use crate::scope::Hot;

/// What may be between two samples of the live heap.
const HEAP_BYTES: std::ops::RangeInclusive<u64> = 1 << 12..=1 << 30;

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

pub(super) fn budget(text: &str) -> Option<Option<f64>> {
    or_off(text, |text| {
        let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
        (percent > 0.0 && percent <= 100.0).then_some(percent / 100.0)
    })
}

/// Of one core.
pub(super) fn budget_floor(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

pub(super) fn hot(text: &str) -> Option<Hot> {
    match text {
        "rest" => Some(Hot::Rest),
        "count" => Some(Hot::Count),
        _ => None,
    }
}

pub(super) fn memory_bytes(text: &str) -> Option<u64> {
    size(text).filter(|bytes| *bytes >= 1 << 20)
}

pub(super) fn heap_bytes(text: &str) -> Option<Option<u64>> {
    let fits = |bytes: &u64| cfg!(feature = "heap") && bytes.is_power_of_two() && HEAP_BYTES.contains(bytes);
    or_off(text, |text| size(text).filter(fits))
}

pub(super) fn size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u32); 3] = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let (number, shift) = UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))?;
    number.trim().parse::<u64>().ok()?.checked_mul(1 << shift)
}

pub(super) fn rules(text: &str) -> Option<Vec<Rule>> {
    text.split(',').map(|rule| rule.trim().parse().ok()).collect()
}

/// A name, in which `*` stands for any text, or an address.
pub(super) fn host_name(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:[]*".contains(&b));
    fits.then(|| text.to_ascii_lowercase())
}

/// A whole number with a unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000)];
    let (number, unit) = UNITS.iter().find_map(|(unit, ms)| Some((text.strip_suffix(unit)?, *ms)))?;
    number.trim().parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_millis)
}

/// Between two looks for leaks.
pub(super) fn window(text: &str) -> Option<Duration> {
    let allowed = Duration::from_millis(10)..=Duration::from_secs(3_600);
    duration(text).filter(|window| allowed.contains(window))
}

pub(super) fn memory_limit(text: &str) -> Option<u64> {
    size(text).filter(|bytes| *bytes > 0)
}

/// Two shares.
pub(super) fn pressure(text: &str) -> Option<Option<(f64, f64)>> {
    or_off(text, |text| {
        let (high, critical) = text.split_once(',')?;
        let share = |text: &str| Some(text.trim().strip_suffix('%')?.trim().parse::<f64>().ok()? / 100.0);
        let (high, critical) = (share(high)?, share(critical)?);
        (cfg!(feature = "pool") && 0.0 < high && high < critical && critical <= 1.0).then_some((high, critical))
    })
}

pub(super) fn declared(text: &str) -> Option<bool> {
    match text {
        "declared" => Some(true),
        "undeclared" => Some(false),
        _ => None,
    }
}

/// How stacks are sampled; the outer `None`: it is not allowed.
#[cfg(feature = "stacks")]
pub(super) fn stacks(text: &str) -> Option<Option<Option<crate::stacks::Engine>>> {
    use crate::stacks::Engine;
    or_off(text, |text| match text {
        "auto" => Some(None),
        name => Engine::named(name).map(Some),
    })
}

#[cfg(not(feature = "stacks"))]
pub(super) fn stacks(text: &str) -> Option<Option<()>> {
    match text {
        "auto" | "off" => Some(None),
        _ => None,
    }
}

pub(super) fn stacks_hz(text: &str) -> Option<u32> {
    text.parse().ok().filter(|hz| *hz <= 4_000)
}

/// A word for no, and otherwise what `parse` makes of it.
pub(super) fn or_off<T>(text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text == "off" { Some(None) } else { parse(text).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "stacks")]
    #[test]
    fn the_pprof_crate_is_asked_for_where_it_is() {
        assert_eq!(stacks("pprof").is_some(), cfg!(feature = "pprof"));
        assert!(stacks("perf").is_none() && stacks("auto") == Some(Some(None)) && stacks("off") == Some(None));
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("30 s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("5min"), Some(Duration::from_secs(300)));
        assert_eq!(duration("2h"), Some(Duration::from_secs(7_200)));
        for wrong in ["", "5", "s", "-1s", "1.5s", "99999999999999999h", "1d"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
