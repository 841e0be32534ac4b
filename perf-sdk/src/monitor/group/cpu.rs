//! The limit of CPU time, and how long the group was held back by it.

use super::files::{Found, Group, Limit, Limits, UNLIMITED, Version, read_number};
use crate::monitor::absences::absent;
use crate::monitor::file::{Buffer, Source};
use crate::monitor::text::{NOT_UNDERSTOOD, count, lines, number, words};
use crate::reading::{Description, Sheet, Unit};

static QUOTA: Description = Description::gauge(
    "container_spec_cpu_quota",
    Unit::Count,
    "CPU time that the control group may use in each period, in microseconds. Absent without a limit.",
);
static PERIOD: Description = Description::gauge(
    "container_spec_cpu_period",
    Unit::Count,
    "Period of container_spec_cpu_quota, in microseconds.",
);
static PERIODS: Description = Description::counter(
    "container_cpu_cfs_periods_total",
    Unit::Count,
    "Periods in which the control group was runnable, with a limit of its CPU time.",
);
static THROTTLED: Description = Description::counter(
    "container_cpu_cfs_throttled_periods_total",
    Unit::Count,
    "Periods in which the control group was throttled.",
);
static THROTTLED_TIME: Description = Description::counter(
    "container_cpu_cfs_throttled_seconds_total",
    Unit::Seconds,
    "Time for which the control group was throttled, summed over processors.",
);

pub(super) static ALL: [&Description; 5] = [&QUOTA, &PERIOD, &PERIODS, &THROTTLED, &THROTTLED_TIME];

#[derive(Debug)]
pub(super) struct Cpu {
    limit: Quota,
    stat: Source,
}

#[derive(Debug)]
enum Quota {
    One {
        quota: Limit,
        period: Limit,
    },
    /// The quota and its period.
    Two(Limits<(Found, Found)>),
}

impl Cpu {
    pub(super) fn of(group: &Group) -> Self {
        let limit = match group.version {
            Version::One => {
                let limit = |name| Limit::of(group.file(name));
                Quota::One { quota: limit("cpu.cfs_quota_us"), period: limit("cpu.cfs_period_us") }
            }
            Version::Two => Quota::Two(Limits::of(group.file("cpu.max"))),
        };
        Self { limit, stat: group.file("cpu.stat") }
    }

    pub(super) fn read(&mut self, buffer: &mut Buffer, into: &mut Sheet) {
        let (quota, period, throttled_time) = match &mut self.limit {
            Quota::One { quota, period } => {
                let (quota, period) = (quota.read(buffer, read_number), period.read(buffer, read_number));
                (quota, period, ("throttled_time", 1e9))
            }
            Quota::Two(max) => {
                let (quota, period) = max.read(buffer, |source, buffer| match source.read(buffer) {
                    Ok(text) => quota_and_period(text),
                    Err(why) => (Err(why), Err(why)),
                });
                (quota, period, ("throttled_usec", 1e6))
            }
        };
        into.push_or_absent(&QUOTA, quota);
        into.push_or_absent(&PERIOD, period);
        match self.stat.read(buffer) {
            Ok(text) => {
                into.push_or_absent(&PERIODS, count(text, "nr_periods"));
                into.push_or_absent(&THROTTLED, count(text, "nr_throttled"));
                let (name, per_second) = throttled_time;
                into.push_or_absent(&THROTTLED_TIME, count(text, name).map(|time| time / per_second));
            }
            Err(why) => absent(&[&PERIODS, &THROTTLED, &THROTTLED_TIME], why, into),
        }
    }
}

/// The contents of `cpu.max`: `max 100000`, or `50000 100000`.
fn quota_and_period(text: &[u8]) -> (Found, Found) {
    let mut words = words(lines(text).next().unwrap_or_default());
    let mut next = || match words.next() {
        Some(b"max") => Err(UNLIMITED),
        word => word.and_then(number).map(|number| number as f64).ok_or(NOT_UNDERSTOOD),
    };
    (next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_a_quota_or_none_and_a_period() {
        assert_eq!(quota_and_period(b"50000 100000\n"), (Ok(50_000.0), Ok(100_000.0)));
        assert_eq!(quota_and_period(b"max 100000\n"), (Err(UNLIMITED), Ok(100_000.0)));
        for text in ["", "50000 100000", "-1 x\n"] {
            assert_eq!(quota_and_period(text.as_bytes()), (Err(NOT_UNDERSTOOD), Err(NOT_UNDERSTOOD)), "{text}");
        }
    }
}
