//! Times of the calendar.

/// Year, month and day of a day number counted from 1 January 1970, by the Gregorian calendar. The
/// computation uses years that begin in March, so that a leap day is the last day of a year.
pub(crate) fn date(days: u64) -> (u64, u64, u64) {
    // Days since 1 March 0000. 400 years have 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // The lengths of months repeat as 31, 30, 31, 30, 31 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

/// A time in UTC as RFC 3339 has it: `2026-11-29T14:00:00.000000001Z`.
#[cfg(feature = "push")]
pub(crate) fn rfc3339(unix_ns: u64) -> String {
    let (seconds, ns) = (unix_ns / 1_000_000_000, unix_ns % 1_000_000_000);
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z")
}

/// A time in UTC, with milliseconds.
#[cfg(feature = "flight")]
pub(crate) fn time_of(unix_ns: u64) -> String {
    let (seconds, ms) = (unix_ns / 1_000_000_000, unix_ns / 1_000_000 % 1_000);
    let ((year, month, day), second) = (date(seconds / 86_400), seconds % 86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{ms:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (unix_ns, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_399_000_000_007, "2000-02-28T23:59:59.000000007Z"),
            (1_709_164_800_500_000_000, "2024-02-29T00:00:00.500000000Z"),
            (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
        ] {
            assert_eq!(rfc3339(unix_ns), text);
        }
    }
}
