//! Times and ranges of time in arguments.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

/// Units of times, the longer name first.
const UNITS: [(&str, f64); 6] = [("min", 60.0), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];
/// The longest time.
const MOST_SECONDS: f64 = 366.0 * 86_400.0;

const DURATION: &str = "a number with ms, s, m, h or d, such as 30s";
const MOMENT: &str = "a time of day in your time zone such as 10:05, a time before now such as -15m, now, a date and a time \
                      such as 2026-11-30T10:05 or with Z, or seconds since 1970";

/// A length of time: `30s`, `5m`. A bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => Some(seconds),
        Err(_) => UNITS.iter().find_map(|(unit, seconds)| {
            let number = text.strip_suffix(unit)?;
            let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            number.parse::<f64>().ok().filter(|_| is_plain).map(|number| number * seconds)
        }),
    };
    let is_allowed = |seconds: &f64| *seconds > 0.0 && *seconds <= MOST_SECONDS;
    seconds.filter(is_allowed).map(Duration::from_secs_f64).ok_or_else(|| format!("allowed: {DURATION}"))
}

/// A moment in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) u64);

/// A range of moments, of which the second is not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: Moment,
    pub(crate) to: Moment,
}

pub(crate) fn now() -> Moment {
    Moment(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// A moment in an argument.
fn moment_at(text: &str, now: Moment, zone: &TimeZone) -> Result<Moment, String> {
    let of = |time: Timestamp| u64::try_from(time.as_second()).ok().map(Moment);
    let local = |time: DateTime| of(time.to_zoned(zone.clone()).ok()?.timestamp());
    let found = if text == "now" {
        // So that the second that goes on is part of a range that ends here.
        Some(Moment(now.0 + 1))
    } else if let Some(ago) = text.strip_prefix('-') {
        duration(ago)
            .ok()
            .filter(|_| ago.parse::<f64>().is_err())
            .map(|ago| Moment(now.0.saturating_sub(ago.as_secs())))
    } else if let Ok(seconds) = text.parse::<u64>() {
        (seconds > 1_000_000).then_some(Moment(seconds))
    } else if let Ok(time) = text.parse::<Timestamp>() {
        of(time)
    } else if let Ok(time) = text.parse::<Time>() {
        // The last such time: at 00:10, 23:50 was yesterday.
        let today = Timestamp::from_second(now.0 as i64).ok().map(|now| now.to_zoned(zone.clone()).date());
        today.and_then(|day| {
            let found = local(day.to_datetime(time))?;
            if found <= now { Some(found) } else { local(day.yesterday().ok()?.to_datetime(time)) }
        })
    } else if let Ok(time) = text.parse::<DateTime>() {
        local(time)
    } else {
        None
    };
    found.ok_or_else(|| format!("allowed: {MOMENT}"))
}

/// For clap: `10:00..10:05`, `-1h..-50m`, or one moment until now.
pub(crate) fn range(text: &str) -> Result<Range, String> {
    let (from, to) = text.split_once("..").unwrap_or((text, "now"));
    range_at(from, if to.is_empty() { "now" } else { to }, now(), &TimeZone::system())
}

fn range_at(from: &str, to: &str, now: Moment, zone: &TimeZone) -> Result<Range, String> {
    let mut range = Range { from: moment_at(from, now, zone)?, to: moment_at(to, now, zone)? };
    // A time of day that is still to come was taken for that of yesterday. The range ends now.
    let day =
        |moment: Moment| Timestamp::from_second(moment.0 as i64).ok().map(|time| time.to_zoned(zone.clone()).date());
    if range.to <= range.from && to.parse::<Time>().is_ok() && day(range.to) < day(now) {
        range.to = Moment(now.0 + 1);
    }
    if range.from < range.to { Ok(range) } else { Err("the range ends before it begins; allowed: FROM..TO".to_owned()) }
}

impl Moment {
    /// The time of day in the user's time zone; with the date, if it is long ago.
    pub(crate) fn shown(self) -> String {
        let Ok(time) = Timestamp::from_second(self.0 as i64) else { return self.0.to_string() };
        let is_long_ago = self.0.abs_diff(now().0) > 43_200;
        let form = if is_long_ago { "%Y-%m-%d %H:%M:%S" } else { "%H:%M:%S" };
        time.to_zoned(TimeZone::system()).strftime(form).to_string()
    }
}

impl Range {
    pub(crate) fn seconds(self) -> u64 {
        self.to.0.saturating_sub(self.from.0)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from.shown(), self.to.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_units() {
        for (text, ms) in
            [("5", 5_000), ("1.5s", 1_500), ("250ms", 250), ("2m", 120_000), ("2min", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "-1s", "0", "1w", "1 s", "NaN", "inf", "1e9s", "+1s", "400d"] {
            assert!(duration(text).unwrap_err().contains("30s"), "{text}");
        }
    }

    #[test]
    fn a_range_that_ends_later_today_ends_now() {
        // 2026-11-30T12:00:00Z
        let (now, zone) = (Moment(1_796_040_000), TimeZone::UTC);
        let of =
            |from: &str, to: &str| range_at(from, to, now, &zone).map(|range| (now.0 - range.from.0, range.seconds()));
        assert_eq!(of("11:59", "12:01"), Ok((60, 61)));
        assert_eq!(of("11:50", "11:55"), Ok((600, 300)));
        assert_eq!(of("23:50", "00:10"), Ok((43_800, 1_200)));
        assert!(of("11:55", "11:50").is_err() && of("-1m", "-2m").is_err());
    }

    #[test]
    fn moments_are_of_today_or_before_now() {
        // 2026-11-30T12:00:00Z
        let now = Moment(1_796_040_000);
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let at = |text: &str| moment_at(text, now, &zone).map(|found| now.0 as i64 - found.0 as i64);
        for (text, ago) in [
            ("now", -1),
            ("-15m", 900),
            ("12:00", 3_600),
            ("12:30:30", 1_770),
            ("13:30", 84_600),
            ("2026-11-30T11:00Z", 3_600),
            ("2026-11-30T11:00:00Z", 3_600),
            ("2026-11-30T12:00", 3_600),
            ("1796039990", 10),
        ] {
            assert_eq!(at(text), Ok(ago), "{text}");
        }
        for text in ["", "-", "-5", "yesterday", "25:00", "7", "-1.5w"] {
            assert!(at(text).unwrap_err().contains("10:05"), "{text}");
        }
    }

    #[test]
    fn a_range_has_two_ends() {
        assert_eq!(range("-1h..-50m").unwrap().seconds(), 600);
        assert_eq!(range("-1m").unwrap().seconds(), 61);
        assert!(range("-1m..-1h").unwrap_err().contains("FROM..TO"));
    }
}
